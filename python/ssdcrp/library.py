"""ONNX Runtime's library: that of the Python package ``onnxruntime``, found without importing it.

The environment variable ``ORT_DYLIB_PATH`` goes before it, and the engine itself looks there.
"""

from importlib.util import find_spec
from pathlib import Path

__all__ = ["folder"]


def folder() -> Path | None:
    """The folder of the package's library; ``None`` where there is no such package, or no library in it.

    >>> folder().name
    'capi'
    """
    package = find_spec("onnxruntime")
    for place in (package and package.submodule_search_locations) or ():
        capi = Path(place, "capi")
        if any(capi.glob("libonnxruntime.so*")):
            return capi
    return None
