"""The compiled part: what the other modules call."""

from collections.abc import Callable
from os import PathLike
from pathlib import Path
from typing import TypeAlias, TypedDict

import numpy as np
import numpy.typing as npt

from .detection import DetectionTuple

__version__: str
PRESETS: list[str]
TARGETS: list[str]
CONTRASTS: list[str]
BASELINES: list[str]

#: The least score, and the largest overlap of two detections of one class.
Thresholds: TypeAlias = tuple[float | None, float | None]

class QuestionValues(TypedDict):
    target: str | None
    contrast: str | None
    composite: str | None
    at: tuple[float, float] | None
    default_box: int | None
    all: bool
    check: bool

class EvaluationValues(TypedDict):
    composites: list[str]
    baselines: list[str]
    detections: int
    deletion: str
    seed: int

class Picture:
    def __new__(cls, array: npt.NDArray[np.uint8]) -> Picture: ...
    @staticmethod
    def read(path: str | PathLike[str]) -> Picture: ...
    @staticmethod
    def decode(bytes: bytes) -> Picture: ...
    @property
    def size(self) -> tuple[int, int]: ...
    def array(self) -> npt.NDArray[np.uint8]: ...

class Answer:
    @property
    def detection(self) -> DetectionTuple: ...
    @property
    def question(self) -> tuple[str, str, str, str]: ...
    @property
    def check(self) -> tuple[bool, float, float, float, str] | None: ...
    @property
    def shares(self) -> tuple[float, float, float]: ...
    def relevance(self) -> npt.NDArray[np.float32]: ...
    def overlay(self) -> npt.NDArray[np.uint8]: ...
    def png(self, longest: int) -> bytes: ...

class Engine:
    def __new__(cls, path: str | None, threads: int, provider: str) -> Engine: ...
    @property
    def file(self) -> Path | None: ...
    @property
    def name(self) -> str: ...
    @property
    def count_detectable(self) -> int: ...
    @property
    def input_size(self) -> tuple[int, int]: ...
    @property
    def labels(self) -> list[str]: ...
    def detect(self, picture: Picture, thresholds: Thresholds) -> list[DetectionTuple]: ...
    def explain(
        self, picture: Picture, question: QuestionValues, thresholds: Thresholds
    ) -> tuple[list[DetectionTuple], list[Answer]]: ...
    def inspect(
        self, composite: str | None
    ) -> tuple[
        str,
        str,
        list[tuple[int, int, int, str, str | None, str | None]],
        list[tuple[str, str, str, tuple[int, int, int], int]],
    ]: ...
    def compile(
        self, path: str, composite: str | None
    ) -> tuple[list[tuple[str, list[int | None]]], list[int | None]]: ...
    def evaluate(
        self,
        pictures: list[tuple[str, Picture | str]],
        evaluation: EvaluationValues,
        thresholds: Thresholds,
        progress: Callable[[int, int], object],
    ) -> str: ...

def library_is_in(folder: str | PathLike[str] | None) -> None: ...
def in_one_line(text: str) -> str: ...
def propose_manifest(path: str, size: tuple[int, int] | None) -> str: ...
