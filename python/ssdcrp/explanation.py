"""Why a model sees something: the relevance of each pixel, drawn and in numbers."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import PIL.Image

from . import _engine, page
from .detection import Detection

__all__ = ["Check", "Explanation"]

#: The longer side of the picture that a notebook shows, in pixels: all of them would make large notebooks.
_SHOWN = 1024


@dataclass(frozen=True, slots=True)
class Check:
    """What an explanation is worth: the model looked again, with the reddest 4 % of the picture blurred, and nine times
    with as much blurred elsewhere."""

    #: Whether what was asked about falls, and further than in each of the nine.
    passed: bool
    #: How far it falls: a class in logits, an offset in the network's units, an edge in pixels.
    effect: float
    #: How far it falls in the nine on average.
    effect_of_chance: float
    #: What it was before, in the same unit.
    before: float
    #: All of it for people: "checked: without the red, dog 0.89 → 0.04, cat first".
    words: str

    def __str__(self) -> str:
        return self.words


class Explanation:
    """The answer to one question about a picture; :meth:`ssdcrp.Model.explain` makes it. A notebook shows it as a picture.

    >>> why = ssdcrp.Model().explain("person.jpg", target="class:dog")
    >>> why.question
    'dog rather than the other classes'
    >>> why.relevance.shape, why.relevance.dtype
    ((300, 300), dtype('float32'))
    >>> why.image().save("why.png")
    """

    def __init__(self, answer: _engine.Answer, detections: list[Detection]) -> None:
        self._answer = answer
        #: All that the model sees in the picture, best first.
        self.detections = detections
        #: What is explained: of a question about a class, its box as that class.
        self.detection = Detection.of(answer.detection)
        self.question, self.target, self.contrast, self.composite = answer.question
        #: Σ|R|: of no use by itself, for relevance has no scale of its own.
        self.sum_abs: float
        #: The share of Σ|R| that is positive, 0 to 1.
        self.positive_share: float
        #: The share of Σ|R| that lies in the box, 0 to 1.
        self.in_box_share: float
        self.sum_abs, self.positive_share, self.in_box_share = answer.shares
        check = answer.check
        #: What the explanation is worth; ``None`` where that was not asked.
        self.check = None if check is None else Check(*check)

    @cached_property
    def relevance(self) -> npt.NDArray[np.float32]:
        """How much each pixel speaks for what is explained (above 0) or against it: ``float32 [H, W]``, the picture as
        large as the network sees it, without the bars of a letterboxed one. The same as the command's ``--npy``."""
        return self._answer.relevance()

    @cached_property
    def overlay(self) -> npt.NDArray[np.uint8]:
        """The picture with the relevance over it, red for and blue against, the box and the question: ``uint8 [H, W, 3]``."""
        return self._answer.overlay()

    def image(self) -> PIL.Image.Image:
        """The :attr:`overlay` as a PIL image, to show or to save."""
        return PIL.Image.fromarray(self.overlay)

    def __repr__(self) -> str:
        worth = "" if self.check is None else f"; {self.check}"
        return f"<Explanation {self.question}: {self.detection}{worth}>"

    @cached_property
    def _png(self) -> bytes:
        return self._answer.png(_SHOWN)

    # The picture is in here alone: a notebook would store that of a further representation beside it.
    def _repr_html_(self) -> str:
        notes = [f"{self.question} ({self.target}, contrast {self.contrast}, composite {self.composite})"]
        if self.check is not None:
            notes.append(self.check.words)
        return page.figure(self._png, notes) + page.table(
            ["", "label", "score", "box", "runner-up"],
            [self._row(detection) for detection in self.detections],
        )

    def _row(self, detection: Detection) -> list[str]:
        label, score = detection.runner_up or ("", None)
        is_explained = detection.default_box == self.detection.default_box and detection.class_id == self.detection.class_id
        return [
            "explained" if is_explained else "",
            detection.label,
            f"{detection.score:.2f}",
            ", ".join(f"{edge:.0f}" for edge in detection.box),
            label if score is None else f"{label} {score:.2f}",
        ]
