"""Default boxes, and what the offsets make of them (Liu et al. 2016, section 2.2).

In: the manifest's `[default_boxes]` and a place in a head; offsets. Out: boxes in shares of the picture. The generators
are the two of the TensorFlow Object Detection API, its plain SSDs' for a square input, that of Caffe's PriorBox layer, YOLO's anchors,
and the cells of detectors without anchors.
"""

import numpy as np


def default_box(generator, head, heads, grid, cell, index, size):
    """Box `index` of `cell` (row, column) in head `head` of `heads`, as cx, cy, w, h; `grid` is (rows, columns).

    `size` is that of the network's input, (height, width).
    """
    if generator["generator"] == "anchors":
        width, height = generator["sizes"][head][index]
        return (cell[1] + 0.5) / grid[1], (cell[0] + 0.5) / grid[0], width / size[1], height / size[0]
    if generator["generator"] == "cells":
        steps = [generator["steps"][head]] * 2 if "steps" in generator else [pixels / count for pixels, count in zip(size, grid)]
        height, width = (step / pixels for step, pixels in zip(steps, size))
        offset = generator.get("offset", 0.5)
        return (cell[1] + offset) * width, (cell[0] + offset) * height, width, height
    if generator["generator"] == "prior-box":
        return _prior_box(generator, head, grid, cell, index, size)
    if generator["generator"] == "multiscale-anchors":
        return _multiscale_anchor(generator, head, cell, index, size)
    if generator["generator"] != "tensorflow":
        raise ValueError(f"the oracle does not know the generator {generator['generator']}")
    # What may be left out is as the manifest's description has it.
    low, high = generator.get("min_scale", 0.2), generator.get("max_scale", 0.95)
    # One scale more than there are heads: 1 stands behind the last.
    scales = [*np.linspace(low, high, heads), 1.0]
    if head == 0 and generator.get("reduce_boxes_in_lowest_layer", True):
        shapes = [(0.1, 1.0), (low, 2.0), (low, 0.5)]
    else:
        shapes = [(scales[head], ratio) for ratio in generator["aspect_ratios"]]
        shapes.append((np.sqrt(scales[head] * scales[head + 1]), generator.get("interpolated_scale_aspect_ratio", 1.0)))
    scale, ratio = shapes[index]
    (row, column), (rows, columns) = cell, grid
    return (column + 0.5) / columns, (row + 0.5) / rows, scale * np.sqrt(ratio), scale / np.sqrt(ratio)


def _multiscale_anchor(generator, head, cell, index, size):
    """Lin et al. 2017, section 4: per aspect ratio so many sizes an octave; boxes stand on corners where the stride does not divide the input."""
    stride, octave = 2 ** (generator["min_level"] + head), generator["scales_per_octave"]
    side = generator["anchor_scale"] * stride * 2 ** (index % octave / octave)
    ratio = generator["aspect_ratios"][index // octave]
    y, x = ((place + 0.5 * (pixels % stride == 0)) * stride / pixels for place, pixels in zip(cell, size))
    return x, y, side * np.sqrt(ratio) / size[1], side / np.sqrt(ratio) / size[0]


def _prior_box(generator, head, grid, cell, index, size):
    sizes = generator["sizes"][head]
    small, *large = sizes if isinstance(sizes, list) else [sizes]
    shapes = [(small, small), *((np.sqrt(small * side),) * 2 for side in large)]
    for ratio in generator["aspect_ratios"][head]:
        shapes += [(small * np.sqrt(ratio), small / np.sqrt(ratio)), (small / np.sqrt(ratio), small * np.sqrt(ratio))]
    # Down and across.
    steps = [generator["steps"][head]] * 2 if "steps" in generator else [pixels / count for pixels, count in zip(size, grid)]
    offset = generator.get("offset", 0.5)
    y, x = ((place + offset) * step / pixels for place, step, pixels in zip(cell, steps, size))
    width, height = shapes[index]
    box = x, y, width / size[1], height / size[0]
    return tuple(min(value, 1.0) for value in box) if generator.get("clip", False) else box


def decoded_in_cell(place, cell, scale, size_decode, offsets):
    """The same for a YOLO: `cell` is the size of the cell that the box is the centre of, width and height, and the centre ranges over `scale` of it.

    `size_decode` is the manifest's: sizes are exp(t) times the box's, or (2σ(t))² times.
    """
    (cx, cy, w, h), (cell_width, cell_height) = place, cell
    left, top = cx - cell_width / 2, cy - cell_height / 2
    # As darknet has it: scale·σ − (scale − 1)/2 of the cell.
    across, down = (scale / (1 + np.exp(-offsets[q])) - (scale - 1) / 2 for q in ("cx", "cy"))
    x, y = left + cell_width * across, top + cell_height * down
    times = {"exponential": np.exp, "squared-sigmoid": lambda t: (2 / (1 + np.exp(-t))) ** 2}[size_decode]
    width, height = w * times(offsets["w"]), h * times(offsets["h"])
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def decoded_distances(place, distances):
    """The same for distances of the left, top, right and bottom edge from the cell's centre, in cells; `place` is the cell."""
    (cx, cy, w, h), (left, top, right, bottom) = place, distances
    return cx - left * w, cy - top * h, cx + right * w, cy + bottom * h


def expectation(logits):
    """The mean of 0, 1, 2, … under the distribution that a softmax makes of logits, which may be complex."""
    weights = np.exp(logits - logits.real.max())
    return (np.arange(len(logits)) * weights).sum() / weights.sum()


def decoded_bounded(place, offsets):
    """The same for FastestDet: `place` is the cell, from whose corner the centre goes at most a cell far; sizes are shares of the input."""
    cx, cy, w, h = place
    x, y = cx + np.tanh(offsets["cx"]) * w, cy + np.tanh(offsets["cy"]) * h
    width, height = (1 / (1 + np.exp(-offsets[q])) for q in ("w", "h"))
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def decoded(place, offsets, variances):
    """The edges x_min, y_min, x_max, y_max that offsets (by the names cx, cy, w, h) give to a default box."""
    (cx, cy, w, h), (of_centre, of_size) = place, variances
    x, y = cx + offsets["cx"] * of_centre * w, cy + offsets["cy"] * of_centre * h
    width, height = w * np.exp(of_size * offsets["w"]), h * np.exp(of_size * offsets["h"])
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2
