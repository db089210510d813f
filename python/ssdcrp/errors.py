"""What can go wrong.

Every exception of this package is an :class:`Error`, and its text is one line that says what was tried, what
was found and often what to do. The subclasses are for callers who can do something about it, and are Python's
usual exceptions too.

>>> try:
...     ssdcrp.Model("own.onnx")
... except FileNotFoundError as error:
...     print(error)
cannot open model own.onnx: No such file or directory (os error 2)
"""

__all__ = [
    "Error",
    "FileError",
    "MissingFileError",
    "ModelError",
    "PictureError",
    "QuestionError",
    "RuntimeUnavailableError",
]


class Error(Exception):
    """Something went wrong in ssdcrp; what exactly, its subclasses and its text say."""


class FileError(Error, OSError):
    """A file cannot be read or written."""


class MissingFileError(FileError, FileNotFoundError):
    """A file is not there."""


class ModelError(Error, ValueError):
    """An ONNX file or its manifest is damaged, or is not understood, or they do not fit together."""


class PictureError(Error, ValueError):
    """A picture cannot be used: another type, shape or format than is expected."""


class QuestionError(Error, ValueError):
    """What is asked for does not exist or does not fit the model: a target, contrast, composite, box or number."""


class RuntimeUnavailableError(Error, ImportError):
    """ONNX Runtime's library is not there, cannot be loaded or is too old."""
