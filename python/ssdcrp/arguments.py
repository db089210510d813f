"""What callers give besides pictures: each checked and as the engine takes it, or an error in one line that says what is
expected."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterable
from typing import SupportsIndex

from . import _engine
from .errors import Error, QuestionError

__all__ = ["count", "path", "point", "shown", "size", "text", "text_or_none", "texts", "thresholds"]

#: Characters of a value in an error.
_LONGEST = 80
#: What Python takes for numbers too: ``"12"`` for the point (1, 2), ``"0.5"`` for a share.
_TEXTS = (str, bytes, bytearray)


def shown(value: object) -> str:
    """A value in an error, in one line.

    >>> shown("dog"), shown([1, 2])
    ("'dog'", '[1, 2]')
    >>> shown(10**5000)  # Python writes no number of so many digits.
    'int'
    """
    try:
        found = " ".join(map(str.strip, repr(value).splitlines()))
    except Exception:  # Somebody's own class may raise whatever it likes.
        return type(value).__name__
    return found if len(found) <= _LONGEST else f"{found[: _LONGEST - 1]}…"


def text(name: str, value: str, example: str) -> str:
    """
    >>> text("target", 5, "class:dog")
    Traceback (most recent call last):
    ...
    ssdcrp.errors.QuestionError: target is a text, such as 'class:dog', not int
    """
    if not isinstance(value, str):
        raise QuestionError(f"{name} is a text, such as {example!r}, not {type(value).__name__}")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise QuestionError(f"{name} is no text that can be read: {shown(value)}") from None
    return value


def text_or_none(name: str, value: str | None, example: str) -> str | None:
    """The same of what may be left out."""
    return None if value is None else text(name, value, example)


def texts(name: str, values: Iterable[str], example: str) -> list[str]:
    """
    >>> texts("composites", (name for name in ["crp"]), "crp")
    ['crp']
    """
    expected = f"{name} is a list of names, such as [{example!r}], not {shown(values)}"
    if isinstance(values, str):
        raise QuestionError(expected)
    try:
        found = iter(values)
    except TypeError:
        raise QuestionError(expected) from None
    return [text(f"each of {name}", value, example) for value in found]


def path(name: str, value: str | os.PathLike[str], error: type[Error] = QuestionError) -> str:
    """
    >>> path("path", 5)
    Traceback (most recent call last):
    ...
    ssdcrp.errors.QuestionError: path is the path of a file, not int
    """
    found: object = value
    if isinstance(value, os.PathLike):
        found = os.fspath(value)
    if not isinstance(found, str):
        raise error(f"{name} is the path of a file, not {type(value).__name__}")
    try:
        os.fsencode(found)
    except UnicodeEncodeError:
        raise error(f"{name} is no name that a file can have: {shown(value)}") from None
    return found


def count(name: str, number: SupportsIndex, least: int = 0, most: int = (1 << 63) - 1) -> int:
    """A number that fits into the engine's."""
    try:
        found = operator.index(number)
    except TypeError:
        raise QuestionError(f"{name} is a whole number, not {type(number).__name__}") from None
    if not least <= found <= most:
        raise QuestionError(f"{name} is a number from {least} to {most}, not {shown(found)}")
    return found


def size(value: tuple[int, int]) -> tuple[int, int]:
    """Width and height of a network's input."""
    try:
        width, height = value
    except (TypeError, ValueError):
        raise QuestionError(f"size is width and height, such as (300, 300), not {shown(value)}") from None
    return count("width", width, least=1, most=8192), count("height", height, least=1, most=8192)


def _number(value: float) -> float:
    if isinstance(value, _TEXTS):
        raise TypeError("a text is no number")
    return float(value)


def point(at: tuple[float, float]) -> tuple[float, float]:
    """A point in pixels; whether it lies in the picture, the engine says.

    >>> point("12")
    Traceback (most recent call last):
    ...
    ssdcrp.errors.QuestionError: at is a point in pixels, such as (320, 200), not '12'
    """
    try:
        x, y = () if isinstance(at, _TEXTS) else map(_number, at)
    except (TypeError, ValueError, OverflowError):
        raise QuestionError(f"at is a point in pixels, such as (320, 200), not {shown(at)}") from None
    return x, y


def thresholds(score: float | None, iou: float | None) -> _engine.Thresholds:
    """What becomes a detection; of what is left out, the model's own holds."""

    def share(name: str, value: float | None) -> float | None:
        if value is None:
            return None
        try:
            number = _number(value)
        except (TypeError, ValueError, OverflowError):
            number = -1.0
        if not 0.0 <= number <= 1.0:
            raise QuestionError(f"{name} is a number from 0 to 1, not {shown(value)}")
        return number

    return share("score_threshold", score), share("iou_threshold", iou)
