"""How good explanations are."""

import json
from dataclasses import dataclass
from typing import Any

from . import arguments, page
from .errors import QuestionError

__all__ = ["Evaluation"]

#: What is deleted for, in the order of the engine's columns; a classifier has the first two.
_COLUMNS = ("vs mean of others", "vs runner-up", "largest offset")


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What methods are worth at the detections of some pictures; :meth:`ssdcrp.Model.evaluate` makes it. A notebook shows
    it as a table. ``docs/evaluation.md`` in ssdcrp's source defines the measures."""

    #: For each method, means over all detections: each ``{"mean": …, "low": …, "high": …}`` with a bootstrap interval of 95 %.
    summaries: list[dict[str, Any]]
    #: For each detection and method what was measured. Both are as in the JSON of ``ssdcrp evaluate --json``.
    rows: list[dict[str, Any]]

    @classmethod
    def of(cls, text: str) -> "Evaluation":
        """Reads the engine's JSON."""
        values = json.loads(text)
        return cls(values["summaries"], values["rows"])

    def deletion(self, method: str) -> dict[str, float]:
        """A method's mean deletion scores, by what is deleted for: higher is better, and a random map has about 0."""
        for summary in self.summaries:
            if summary["method"] == method:
                return {name: mean["mean"] for name, mean in zip(_COLUMNS, summary["deletion"])}
        measured = ", ".join(repr(summary["method"]) for summary in self.summaries)
        raise QuestionError(f"there is no method {arguments.shown(method)} here, but {measured}")

    def _repr_html_(self) -> str:
        measured = len(self.summaries[0]["deletion"]) if self.summaries else 0
        heading = ["method", *_COLUMNS[:measured], "energy in box", "passes its check", "ms"]
        rows = [
            [
                summary["method"],
                *map(_interval, summary["deletion"]),
                f"{summary['energy']['mean']:.2f}",
                f"{summary['checked'][0]['mean']:.0%}",
                f"{summary['millis']:.1f}",
            ]
            for summary in self.summaries
        ]
        return page.table(heading, rows)


def _interval(mean: dict[str, float]) -> str:
    """
    >>> _interval({"mean": 1.234, "low": 1, "high": 2})
    '1.23 [1.00, 2.00]'
    """
    return f"{mean['mean']:.2f} [{mean['low']:.2f}, {mean['high']:.2f}]"
