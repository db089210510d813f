"""Explains what object detectors see, by Contrastive Relevance Propagation (CRP).

>>> import ssdcrp
>>> model = ssdcrp.Model()  # the built-in one; Model("own.onnx") is an own one
>>> why = model.explain("person.jpg", target="class:dog", contrast="mean")
>>> print(why.detection)
dog 0.72 at 72,265 – 200,347
>>> why.relevance.shape
(300, 300)
>>> why.image().save("why.png")

In a notebook, ``model.explain(…)`` as the last line of a cell shows the picture.
"""

from . import library
from ._engine import BASELINES, CONTRASTS, PRESETS, TARGETS, __version__, library_is_in
from .detection import Box, Detection
from .errors import (
    Error,
    FileError,
    MissingFileError,
    ModelError,
    PictureError,
    QuestionError,
    RuntimeUnavailableError,
)
from .evaluation import Evaluation
from .explanation import Check, Explanation
from .inspection import CompiledNetwork, Head, Inspection, Layer
from .model import Model, propose_manifest
from .picture import ImageLike

__all__ = [
    "BASELINES",
    "CONTRASTS",
    "PRESETS",
    "TARGETS",
    "Box",
    "Check",
    "CompiledNetwork",
    "Detection",
    "Error",
    "Evaluation",
    "Explanation",
    "FileError",
    "Head",
    "ImageLike",
    "Inspection",
    "Layer",
    "MissingFileError",
    "Model",
    "ModelError",
    "PictureError",
    "QuestionError",
    "RuntimeUnavailableError",
    "__version__",
    "propose_manifest",
]

# Before anything is computed: the library is loaded with the first network.
library_is_in(library.folder())
