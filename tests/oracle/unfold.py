"""Unfolds feature maps into the inputs of every output position, and folds relevance back.

In: a map [C, H, W] and the geometry of a convolution or pooling window. Out: columns in which the inputs of each output
position stand as plain numbers, so that a rule can be written down as the paper prints it.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Window:
    """Geometry of a sliding window; pads are ONNX's (top, left, bottom, right). With `same` (`SAME_UPPER` or `SAME_LOWER`)
    they follow from the input's size instead: as many as give ceil(size / stride) outputs."""

    kernel: tuple
    strides: tuple
    dilations: tuple
    pads: tuple
    ceil: bool = False
    same: str = ""

    @staticmethod
    def of(node, kernel=()):
        """Reads the geometry from a Conv or pooling node's attributes; `kernel` is needed where it follows from the weights."""
        attributes = node.attributes
        auto_pad = attributes.get("auto_pad", b"NOTSET").decode()
        return Window(
            tuple(kernel or attributes["kernel_shape"]),
            tuple(attributes.get("strides", (1, 1))),
            tuple(attributes.get("dilations", (1, 1))),
            tuple(attributes.get("pads", (0, 0, 0, 0))),
            bool(attributes.get("ceil_mode", 0)),
            auto_pad if auto_pad.startswith("SAME") else "",
        )

    def around(self, height, width):
        """The pads for an input of this size."""
        if not self.same:
            return self.pads
        begin, end = [], []
        for axis, extent in enumerate((height, width)):
            last = (-(-extent // self.strides[axis]) - 1) * self.strides[axis]
            total = max(0, last + self.dilations[axis] * (self.kernel[axis] - 1) + 1 - extent)
            # Of an odd number the larger half is at the end, or, for SAME_LOWER, at the beginning.
            begin.append(total // 2 if self.same == "SAME_UPPER" else total - total // 2)
            end.append(total - begin[-1])
        return (*begin, *end)

    def output_size(self, height, width):
        """Rows and columns of the output for an input of this size."""
        sizes, pads = [], self.around(height, width)
        for axis, extent in enumerate((height, width)):
            begin, end = pads[axis], pads[axis + 2]
            span = self.dilations[axis] * (self.kernel[axis] - 1) + 1
            room = extent + begin + end - span
            size = room // self.strides[axis] + 1
            # Rounded up, as long as the last window begins before the padding at the end.
            if self.ceil and room % self.strides[axis] and size * self.strides[axis] < extent + begin:
                size += 1
            sizes.append(size)
        return tuple(sizes)

    def sources(self, height, width):
        """Integers [taps, positions]: which pixel y*width + x a tap reads at an output position; -1 is padding."""
        rows, columns = self.output_size(height, width)
        top, left, *_ = self.around(height, width)
        sources = np.empty((self.kernel[0], self.kernel[1], rows, columns), dtype=np.int64)
        for tap_y in range(self.kernel[0]):
            for tap_x in range(self.kernel[1]):
                y = np.arange(rows) * self.strides[0] - top + tap_y * self.dilations[0]
                x = np.arange(columns) * self.strides[1] - left + tap_x * self.dilations[1]
                inside = ((y >= 0) & (y < height))[:, None] & ((x >= 0) & (x < width))[None, :]
                sources[tap_y, tap_x] = np.where(inside, y[:, None] * width + x[None, :], -1)
        return sources.reshape(self.kernel[0] * self.kernel[1], rows * columns)


def unfold(feature_map, sources, padding=0.0):
    """[C, H, W] -> [C, taps, positions]; a tap that falls on padding reads `padding`."""
    channels = feature_map.shape[0]
    flat = feature_map.reshape(channels, -1)
    # The extra last element is what index -1 reads.
    with_padding = np.concatenate([flat, np.full((channels, 1), padding, dtype=flat.dtype)], axis=1)
    return with_padding[:, sources]


def fold(columns, sources, shape):
    """Adds [C, taps, positions] back onto a map of `shape` [C, H, W]; what falls on padding is dropped."""
    channels, height, width = shape
    flat = np.zeros((channels, height * width + 1), dtype=columns.dtype)
    for tap in range(sources.shape[0]):
        # Within one tap every pixel occurs at most once, so a plain indexed addition loses nothing; index -1 may repeat
        # and is thrown away.
        flat[:, sources[tap]] += columns[:, tap]
    return flat[:, :-1].reshape(shape)
