"""Pictures at the network's input size.

In: a photo. Out: 8-bit RGB [H, W, 3], and from it the network's input [1, 3, H, W]. The golden pictures are stored
after resizing, so that no decoder of JPEG and no resize has a say in the relevance values.
"""

import numpy as np
from PIL import Image


def resized(path, width, height):
    """A photo warped to width x height as TensorFlow 1 does it, rounded to 8 bits.

    Bilinear, source = target * in / out without half-pixel centres, taps clamped to the picture.
    """
    photo = np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)
    for axis, size in ((0, height), (1, width)):
        source = np.arange(size) * (photo.shape[axis] / size)
        below = np.floor(source).astype(int)
        above = np.minimum(below + 1, photo.shape[axis] - 1)
        weight = (source - below).reshape([-1 if a == axis else 1 for a in range(3)])
        photo = np.take(photo, below, axis) * (1 - weight) + np.take(photo, above, axis) * weight
    return np.rint(photo).astype(np.uint8)


def network_input(picture, mean, std):
    """[H, W, 3] of 0..255 -> [1, 3, H, W], (x - mean) / std per channel."""
    scaled = (picture.astype(np.float64) - np.array(mean)) / np.array(std)
    return scaled.transpose(2, 0, 1)[None]


def heatmap(picture, relevance):
    """A relevance map [H, W] over its greyed picture, red for positive, for a look at it (not for data)."""
    strength = np.clip(relevance / np.percentile(np.abs(relevance), 99.5), -1, 1)[..., None]
    grey = np.repeat(picture.mean(axis=2, keepdims=True), 3, axis=2) * 0.5 + 100
    colour = np.where(strength > 0, [220.0, 0.0, 0.0], [0.0, 0.0, 220.0])
    return Image.fromarray((grey * (1 - np.abs(strength)) + colour * np.abs(strength)).astype(np.uint8))
