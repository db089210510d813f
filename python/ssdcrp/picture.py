"""Pictures as people have them: numpy arrays, PIL images, files; each becomes a picture of the engine, or an
error that says how to make it one."""

import os
from typing import Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageOps

from . import _engine, arguments
from .errors import PictureError

__all__ = ["ImageLike", "SupportsArray", "is_one_picture", "picture_of"]


class SupportsArray(Protocol):
    """What numpy can make an array of, such as a tensor of PyTorch on the CPU."""

    def __array__(self, *args: Any, **kwargs: Any) -> npt.NDArray[Any]: ...


#: A path of a JPEG or PNG, the bytes of such a file, a PIL image, or an array ``uint8 [H, W, 3]`` in the order
#: red, green, blue.
ImageLike: TypeAlias = str | os.PathLike[str] | bytes | bytearray | memoryview | PIL.Image.Image | npt.NDArray[np.uint8] | SupportsArray

#: Modes of PIL images whose colours have more than 8 bits: converting them to RGB would cut them off.
_DEEP = ("I", "F")


def picture_of(image: ImageLike) -> _engine.Picture:
    """The engine's picture of an image. Files are read as the command ``ssdcrp`` reads them, upright; PIL images are
    turned upright too, where their EXIF data says how the camera was held.

    >>> picture_of(np.zeros((48, 64, 3), np.uint8)).size
    (64, 48)
    >>> picture_of(np.zeros((48, 64, 3)))
    Traceback (most recent call last):
    ...
    ssdcrp.errors.PictureError: the picture is float64, uint8 from 0 to 255 is expected: of 0 to 1 it becomes that with \
(255 * picture).round().astype('uint8')
    """
    if isinstance(image, (str, os.PathLike)):
        return _engine.Picture.read(arguments.path("a picture", image, PictureError))
    if isinstance(image, (bytes, bytearray, memoryview)):
        return _engine.Picture.decode(bytes(image))
    if isinstance(image, PIL.Image.Image):
        return _engine.Picture(_of_pil(image))
    if hasattr(image, "__array__"):
        return _engine.Picture(_checked(_of_others(image)))
    raise PictureError(
        f"a picture is a path, the bytes of a JPEG or PNG, a PIL image or an array uint8 [H, W, 3], not {type(image).__name__}"
    )


def is_one_picture(images: object) -> bool:
    """Whether one picture was given where several are expected. Python goes through some of these as through a list too, the bytes of a
    file or the rows of an array.

    >>> is_one_picture("dog.jpg"), is_one_picture(["dog.jpg"])
    (True, False)
    >>> is_one_picture(np.zeros((48, 64, 3), np.uint8)), is_one_picture(np.zeros((5, 48, 64, 3), np.uint8))
    (True, False)
    """
    is_file = isinstance(images, (str, os.PathLike, bytes, bytearray, memoryview))
    return is_file or isinstance(images, PIL.Image.Image) or getattr(images, "ndim", None) in (2, 3)


def _of_others(image: SupportsArray) -> npt.NDArray[Any]:
    try:
        return np.asarray(image)
    except Exception as error:  # What other libraries raise: PyTorch a RuntimeError or a TypeError.
        how = " (of a PyTorch tensor, tensor.detach().cpu() does)" if hasattr(image, "detach") else ""
        raise PictureError(
            f"numpy cannot make an array of the {type(image).__name__}: {_said(error)}; give a picture that it can read{how}"
        ) from error


def _said(error: Exception) -> str:
    return _engine.in_one_line(str(error)) or type(error).__name__


def _of_pil(image: PIL.Image.Image) -> npt.NDArray[np.uint8]:
    if image.mode.startswith(_DEEP):
        raise PictureError(
            f"the PIL image has the mode {image.mode!r}, 8 bits a colour are expected: scale it to 0 to 255 and convert it to 'RGB'"
        )
    try:
        upright = PIL.ImageOps.exif_transpose(image)
        return np.asarray(upright.convert("RGB"))
    except Exception as error:  # PIL reads a file's pixels only now, and each of its formats has errors of its own.
        raise PictureError(f"PIL cannot read the image: {_said(error)}") from error


def _checked(array: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    kind = array.dtype
    shape = "of " + "x".join(map(str, array.shape)) if array.shape else "without dimensions"
    if kind != np.uint8:
        how = {
            "f": ": of 0 to 1 it becomes that with (255 * picture).round().astype('uint8')",
            "u": ": of 16 bits it becomes that with (picture // 257).astype('uint8')",
        }.get(kind.kind, "")
        raise PictureError(f"the picture is {kind}, uint8 from 0 to 255 is expected{how}")
    match array.shape:
        case (_, _, 3):
            return array
        case (_, _):
            how = "a grey picture becomes one with numpy.stack([picture] * 3, axis=-1)"
        case (_, _, 4):
            how = "leave transparency out with picture[..., :3]"
        case (3, _, _):
            how = "move the colours to the end with picture.transpose(1, 2, 0)"
        case (_, _, _, _):
            how = "give pictures one at a time"
        case _:
            how = "height, width and three colours"
    raise PictureError(f"the picture is an array {shape}, [H, W, 3] is expected: {how}")
