"""What a model sees in a picture."""

from dataclasses import dataclass
from typing import TypeAlias

__all__ = ["Box", "Detection"]

#: Left, top, right and bottom edge in pixels of the picture, from its top left corner.
Box: TypeAlias = tuple[float, float, float, float]

#: As the engine gives it.
DetectionTuple: TypeAlias = tuple[str, int, float, Box, int, tuple[str, float] | None]


@dataclass(frozen=True, slots=True, repr=False)
class Detection:
    """One object that a model detected."""

    #: The class's name.
    label: str
    #: The class's number.
    class_id: int
    #: 0 to 1.
    score: float
    #: In pixels, cut off at the picture's edge.
    box: Box
    #: The number of the network's default box that it comes from.
    default_box: int
    #: Name and score of the best other class at this default box, if there is one.
    runner_up: tuple[str, float] | None = None

    @classmethod
    def of(cls, values: DetectionTuple) -> "Detection":
        """Makes one of the engine's values."""
        return cls(*values)

    def __str__(self) -> str:
        """
        >>> print(Detection("dog", 18, 0.9312, (130.2, 221, 310, 543), 1436))
        dog 0.93 at 130,221 – 310,543
        """
        left, top, right, bottom = self.box
        return f"{self.label} {self.score:.2f} at {left:.0f},{top:.0f} – {right:.0f},{bottom:.0f}"

    def __repr__(self) -> str:
        return f"<Detection {self}>"
