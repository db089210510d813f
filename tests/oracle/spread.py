"""The rule `spread`: relevance of a feature map laid over the picture by cubic B-splines.

In: a network, the tensors of its forward pass, the types of its layers and a composite; then the relevance of a map. Out: which
maps are spread, where the centres of a map's cells lie in the picture, and the relevance of the pixels [C, H, W].
"""

from fractions import Fraction

import numpy as np

from flow import ACTIVATIONS, SCALING, explained, is_linear
from rules import Spread
from unfold import Window


def spread_tensors(network, tensors, types, composite):
    """Names of the tensors behind which every linear layer has the rule spread, and at least one stands. What has one cell is spread
    only where a layer writes it: else it may be what a map was flattened to."""
    # By tensor: whether a layer of this rule, and whether one of another, stands behind it.
    behind = {network.input: (False, False)}
    for node in network.nodes:
        ways = [behind[name] for name in explained(network, node) if name in behind]
        own, other = any(way[0] for way in ways), any(way[1] for way in ways)
        if is_linear(network, node) and node.name in types:
            if isinstance(composite.rules[types[node.name]], Spread):
                if other:
                    raise ValueError(f"{node.name}: a layer of another rule lies behind this one, which has the rule spread")
                own = True
            else:
                other = True
        behind |= {name: (own, other) for name in node.outputs}
    written = {name for node in network.nodes if is_linear(network, node) for name in node.outputs}

    def ends(name):
        rows, columns = cells(network, tensors, name)
        return rows * columns > 1 or name in written

    return {name for name, (own, other) in behind.items() if own and not other and ends(name)}


def cells(network, tensors, tensor):
    """Rows and columns of a tensor; what is no map is one cell."""
    shape = tensors[tensor].shape
    if tensor == network.input and network.channels_last:
        return shape[1:3]
    return shape[2:] if len(shape) == 4 else (1, 1)


def centres(network, tensors, tensor):
    """For rows and columns, (pixel coordinate of the first cell's centre, distance of neighbouring centres) of a map."""
    if tensor == network.input:
        return [(Fraction(0), Fraction(1))] * 2
    node = network.producer(tensor)
    before = [centres(network, tensors, name) for name in explained(network, node)]
    pixels, own = cells(network, tensors, network.input), cells(network, tensors, tensor)
    return [
        _along(network, node, tensors, axis, [place[axis] for place in before]) or _evenly(pixels[axis], own[axis])
        for axis in (0, 1)
    ]


def _evenly(pixels, count):
    distance = Fraction(int(pixels), int(count))
    return (distance - 1) / 2, distance


def _along(network, node, tensors, axis, before):
    """Where the operator puts the cells along an axis, None where that cannot be said."""
    first, distance = before[0]
    if node.op in ("Conv", "MaxPool", "AveragePool"):
        kernel = network.weights(node)[0].shape[2:] if node.op == "Conv" else ()
        window = Window.of(node, kernel)
        begin = window.around(*cells(network, tensors, explained(network, node)[0]))[axis]
        extent = window.dilations[axis] * (window.kernel[axis] - 1) + 1
        return first + distance * (Fraction(extent - 1, 2) - begin), distance * window.strides[axis]
    if node.op == "Pad":
        sizes = network.constants[node.inputs[1]]
        return (first - distance * int(sizes[2 + axis]), distance) if len(sizes) == 8 else None
    joins_channels = node.op == "Concat" and node.attributes["axis"] in (1, -3)
    if node.op in ("Add", "Sum", "Sub") or joins_channels:
        if any(other != distance for _, other in before):
            return None
        return sum(place for place, _ in before) / len(before), distance
    if node.op in (*ACTIVATIONS, *SCALING, "BatchNormalization"):
        return first, distance
    return None


def weights(first, distance, count, pixels):
    """The share of each pixel [count, pixels] in each cell along one axis."""
    shares = np.zeros((count, pixels))
    for cell in range(count):
        centre = float(first + distance * cell)
        spline = cubic((np.arange(pixels) - centre) / float(distance))
        if spline.sum() > 0:
            shares[cell] = spline / spline.sum()
        else:
            # The centre lies far outside.
            shares[cell, 0 if centre < 0 else pixels - 1] = 1
    return shares


def cubic(t):
    """The cubic B-spline."""
    t = np.abs(t)
    return np.where(t < 1, 2 / 3 - t**2 + t**3 / 2, np.where(t < 2, (2 - t) ** 3 / 6, 0))


def spread(network, tensors, tensor, relevance):
    """Relevance of the pixels [C, H, W] from that of a tensor, without its batch."""
    rows, columns = cells(network, tensors, tensor)
    summed = relevance.sum(axis=0) if relevance.ndim == 3 else relevance.sum().reshape(1, 1)
    shape = tensors[network.input].shape
    (height, width), channels = cells(network, tensors, network.input), shape[3] if network.channels_last else shape[1]
    (top, tall), (left, wide) = centres(network, tensors, tensor)
    down, across = weights(top, tall, rows, height), weights(left, wide, columns, width)
    # What a pixel gets from every cell, by both axes.
    laid = down.T.astype(summed.dtype) @ summed @ across.astype(summed.dtype)
    return np.broadcast_to(laid / channels, (channels, height, width))
