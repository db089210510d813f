"""Where tests find photos and the command, and the folder that each works in."""

import base64
import contextlib
import io
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import PIL.Image
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
#: Another one.
YOLO = ROOT / "tests/golden/yolo/yolo.onnx"


def photo(name: str) -> str:
    """A photo's path."""
    return str(PHOTOS / name)


@contextlib.contextmanager
def working_in(folder: Path) -> Iterator[None]:
    """Another working folder for a while."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


@contextlib.contextmanager
def folder_of_photos() -> Iterator[Path]:
    """A new working folder with the photos in it, as the documentation's examples have it; it is the home folder too, with the photos in the
    cache that a home folder has."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, mock.patch.dict(os.environ, HOME=name):
        for file in PHOTOS.glob("*.jpg"):
            Path(name, file.name).symlink_to(file)
        cache = Path(name, ".cache/ssdcrp")
        cache.mkdir(parents=True)
        cache.joinpath("photos").symlink_to(PHOTOS)
        with working_in(Path(name)):
            yield Path(name)


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


def shown_picture(page: str) -> PIL.Image.Image:
    """The one picture that is shown in HTML."""
    [encoded] = re.findall(r'src="data:image/png;base64,([^"]*)"', page)
    return PIL.Image.open(io.BytesIO(base64.b64decode(encoded)))
