"""What can go wrong.

What this package refuses or fails at is an :class:`Error`, whose text is one line that says what was tried, what
was found and often what to do. The subclasses are for callers who can do something about it, and are Python's
usual exceptions too. Python's own come through as they are: a call without an argument that is needed is a
:class:`TypeError`, Ctrl-C a :class:`KeyboardInterrupt`; and so does what a caller's own code raises, as ``progress`` may.

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
    """A file cannot be read or written; ``errno`` is the system's number of the reason, where it gave one."""


class MissingFileError(FileError, FileNotFoundError):
    """A file is not there."""


class ModelError(Error, ValueError):
    """An ONNX file or its manifest is damaged, or is not understood, or they do not fit together."""


class PictureError(Error, ValueError):
    """A picture cannot be used: another type, shape or format than is expected."""


class QuestionError(Error, ValueError):
    """What is asked for does not exist or does not fit the model: a target, contrast, composite, box, number or path."""


class RuntimeUnavailableError(Error, ImportError):
    """ONNX Runtime's library is not there, cannot be loaded or is too old."""
