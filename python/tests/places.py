"""Where tests find photos and the command, and the folder that each works in."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ssdcrp import library

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("SSDCRP_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "ssdcrp")).expanduser()
PHOTOS = CACHE / "photos"
#: The command, built of the same source.
COMMAND = Path(os.environ.get("SSDCRP_COMMAND") or ROOT / "target/debug/ssdcrp").resolve()
#: A classifier of 1,000 classes without a manifest; all of its weights are one number.
CLASSIFIER = CACHE / "classifiers/light_squeezenet.onnx"
#: A small network with a manifest.
SMALL = ROOT / "tests/golden/anchor_free/distances.onnx"


def photo(name: str) -> str:
    """A photo's path."""
    return str(PHOTOS / name)


@contextlib.contextmanager
def folder_of_photos() -> Iterator[Path]:
    """A new working folder with the photos in it, as the documentation's examples have it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as name:
        for file in PHOTOS.glob("*.jpg"):
            Path(name, file.name).symlink_to(file)
        os.chdir(name)
        try:
            yield Path(name)
        finally:
            os.chdir(before)


def onnx_runtime() -> str:
    """The library that the package uses, for the command."""
    folder = library.folder()
    assert folder is not None
    return str(next(folder.glob("libonnxruntime.so.*")))


def run_command(*arguments: str) -> str:
    """What the command prints."""
    environment = os.environ | {"ORT_DYLIB_PATH": onnx_runtime()}
    done = subprocess.run([COMMAND, *arguments], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout
