"""From a photo to the network's input and back, as a manifest's `[input]` says, in float64.

In: an 8-bit picture [H, W, 3] and the manifest. Out: the input [1, 3, h, w], and boxes of the input's pixels as boxes of the picture's. Written from models/README.md;
shares nothing with the engine.
"""

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Fit:
    """Where a picture lies in the input: `picture` and `size` are (width, height) of the picture and of its part of the input, `before` the columns and rows before it."""

    picture: tuple
    size: tuple
    before: tuple

    def to_picture(self, boxes):
        """Boxes [N, 4] of x0, y0, x1, y1 in the input's pixels as those of the picture, cut at its edge."""
        return np.clip(self.beyond_picture(boxes), 0, np.array(self.picture * 2, np.float64))

    def beyond_picture(self, boxes):
        """The same, not cut."""
        scale, before = (np.array(pair * 2, np.float64) for pair in (self.size, self.before))
        sides = np.array(self.picture * 2, np.float64)
        return (np.asarray(boxes, np.float64).reshape(-1, 4) - before) / scale * sides


def network_input(photo, size, section):
    """The input of (width, height) `size` that `[input]` makes of a photo, and how the photo lies in it."""
    resize = section["resize"]
    picture = (photo.shape[1], photo.shape[0])
    if isinstance(resize, str):
        fit, sampling = Fit(picture, size, (0, 0)), resize
    else:
        fit, sampling = _letterboxed(picture, size, resize), resize.get("sampling", "bilinear")
    values = photo.astype(np.float64)
    for axis, (source, target) in enumerate(zip(picture[::-1], fit.size[::-1])):
        values = _resampled(values, axis, source, target, sampling)
    if section["colour"] == "bgr":
        values = values[:, :, ::-1]
    whole = np.empty((size[1], size[0], 3))
    # Bars are given in the order of `colour`.
    whole[:] = [114, 114, 114] if isinstance(resize, str) else resize.get("bars", [114, 114, 114])
    left, top = fit.before
    whole[top : top + fit.size[1], left : left + fit.size[0]] = values
    # Rounded as the engine rounds it, so that both networks start from the same numbers.
    mean, std = (np.array(section[key], np.float32) for key in ("mean", "std"))
    return ((whole.astype(np.float32) - mean) * (np.float32(1) / std)).transpose(2, 0, 1)[None], fit


def _letterboxed(picture, size, letterbox):
    ratio = min(across / side for across, side in zip(size, picture))
    if not letterbox.get("enlarge", True):
        ratio = min(ratio, 1.0)
    # Python rounds halves to the even number.
    whole = math.floor if letterbox.get("rounding", "nearest") == "down" else round
    inside = tuple(min(max(whole(side * ratio), 1), most) for side, most in zip(picture, size))
    centred = letterbox["letterbox"] == "centre"
    return Fit(picture, inside, tuple((most - side) // 2 * centred for side, most in zip(inside, size)))


def _resampled(values, axis, source, target, sampling):
    places = np.arange(target)
    if sampling == "bilinear":
        places = (places + 0.5) * (source / target) - 0.5
    elif sampling == "bilinear-legacy":
        places = places * (source / target)
    elif sampling == "bilinear-corners":
        places = places * ((source - 1) / max(target - 1, 1))
    else:
        raise ValueError(f"'{sampling}' is no way to sample")
    places = np.clip(places, 0, source - 1)
    below = np.floor(places).astype(int)
    above = np.minimum(below + 1, source - 1)
    share = (places - below).reshape([-1 if a == axis else 1 for a in range(values.ndim)])
    return np.take(values, below, axis) * (1 - share) + np.take(values, above, axis) * share
