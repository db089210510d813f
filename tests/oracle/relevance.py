"""Propagates relevance from the outputs of head convolutions back to the pixels.

In: a network, the tensors of its forward pass, a composite, and a seed (relevance on outputs of head convolutions).
Out: relevance of the picture [3, H, W]. Every layer's products z_ij are formed as numbers, a block of output positions
at a time, and divided up as the rule says.
"""

import numpy as np

from rules import STABILISER, Products, stabilised
from unfold import Window, fold, unfold

# Products held at once; bounds memory and has no influence on the result beyond the order of additions.
BLOCK = 1 << 19


def propagate(network, tensors, types, composite, seed, trace=None):
    """Relevance of the picture, [3, H, W].

    `types` is a layer type by node name. `seed` is a list of (tensor, channel, row, column, value).
    `trace`, if given, is called with (node, relevance of the output, list of relevances of the inputs).
    """
    relevance = {}
    for tensor, channel, row, column, value in seed:
        relevance.setdefault(tensor, np.zeros_like(tensors[tensor][0]))
        relevance[tensor][channel, row, column] += value
    for node in reversed(network.nodes):
        arriving = relevance.pop(node.outputs[0], None)
        if arriving is None:
            continue
        parts = _through(network, tensors, types, composite, node, arriving)
        if trace:
            trace(node, arriving, parts)
        for tensor, part in zip(node.inputs, parts):
            # A tensor with several consumers gathers what each of them hands back.
            relevance[tensor] = relevance[tensor] + part if tensor in relevance else part
    return relevance.pop(network.input, np.zeros_like(tensors[network.input][0]))


def _through(network, tensors, types, composite, node, arriving):
    if node.op == "Conv":
        weight, bias = network.weights(node)
        return [
            convolution(
                composite.rules[types[node.name]],
                tensors[node.inputs[0]][0],
                weight,
                bias,
                Window.of(node, weight.shape[2:]),
                node.attributes.get("group", 1),
                # Population standard deviation of every element of the layer's pre-activations.
                tensors[node.outputs[0]].std(),
                arriving,
            )
        ]
    if node.op in ("Relu", "Clip", "Identity", "Dropout"):
        return [arriving]
    if node.op == "Add":
        if any(name in network.constants for name in node.inputs):
            raise ValueError(f"{node.name}: adds a constant; only a residual addition is known")
        return addition(composite.add, tensors[node.inputs[0]][0], tensors[node.inputs[1]][0], arriving)
    if node.op == "MaxPool":
        window = Window.of(node, node.attributes["kernel_shape"])
        return [max_pooling(tensors[node.inputs[0]][0], window, arriving)]
    raise ValueError(f"{node.name}: relevance cannot pass the operator {node.op}")


def convolution(rule, x, weight, bias, window, groups, deviation, arriving):
    """Relevance [C, H, W] of a convolution's input from that of its output."""
    channels, height, width = x.shape
    sources = window.sources(height, width)
    arriving = arriving.reshape(groups, weight.shape[0] // groups, -1)
    # An output position without relevance hands nothing back.
    positions = np.flatnonzero((arriving != 0).any(axis=(0, 1)))
    sources, arriving = sources[:, positions], arriving[:, :, positions]

    w = weight.reshape(groups, weight.shape[0] // groups, -1)
    columns = unfold(x, sources).reshape(groups, w.shape[2], -1)
    inside = np.broadcast_to(sources >= 0, (channels // groups, *sources.shape)).reshape(w.shape[2], -1)
    handed = np.zeros_like(columns)
    step = max(1, BLOCK // w.size)
    for start in range(0, positions.size, step):
        block = slice(start, start + step)
        layer = Products(
            z=columns[:, None, :, block] * w[:, :, :, None],
            w=w[:, :, :, None],
            bias=bias.reshape(groups, -1, 1, 1),
            inside=inside[None, None, :, block],
            deviation=deviation,
        )
        handed[:, :, block] = (rule.shares(layer) * arriving[:, :, None, block]).sum(axis=1)
    return fold(handed.reshape(channels, sources.shape[0], -1), sources, x.shape)


def addition(rule, a, b, arriving):
    """Relevance of both summands: in proportion to their values (`prop`) or to their sizes (`abs`)."""
    if rule == "abs":
        a, b = np.abs(a), np.abs(b)
        return [part / (a + b + STABILISER) * arriving for part in (a, b)]
    return [part / stabilised(a + b) * arriving for part in (a, b)]


def max_pooling(x, window, arriving):
    """Winner takes all; inputs that tie for the maximum of a window share equally."""
    channels, height, width = x.shape
    sources = window.sources(height, width)
    columns = unfold(x, sources, -np.inf)
    winners = (columns == columns.max(axis=1, keepdims=True)) & (sources >= 0)
    shares = winners / winners.sum(axis=1, keepdims=True)
    return fold(shares.astype(x.dtype) * arriving.reshape(channels, 1, -1), sources, x.shape)
