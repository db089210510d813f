"""Propagates relevance from the outputs of head convolutions back to the pixels.

In: a network, the tensors of its forward pass, a composite, and a seed (relevance on outputs of head convolutions).
Out: relevance of the picture [3, H, W]. Every layer's products z_ij are formed as numbers, a block of output positions
at a time, and divided up as the rule says.
"""

import numpy as np

import operators
from flow import PASSING, explained, is_linear
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
        # A fully connected layer has channels alone.
        relevance[tensor][(channel, row, column)[: relevance[tensor].ndim]] += value
    for node in reversed(network.nodes):
        outputs = [relevance.pop(name, None) for name in node.outputs]
        if all(output is None for output in outputs):
            continue
        if node.op == "Split":
            arriving = [np.zeros_like(tensors[name][0]) if r is None else r for name, r in zip(node.outputs, outputs)]
        else:
            (arriving,) = outputs
        parts = _through(network, tensors, types, composite, node, arriving)
        if trace:
            trace(node, arriving, parts)
        for tensor, part in zip(explained(network, node), parts):
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
    if is_linear(network, node):
        rule = composite.rules[types[node.name]]
        return [linear(rule, network, node, tensors[explained(network, node)[0]], tensors[node.outputs[0]], arriving)]
    if node.op in PASSING:
        return [arriving]
    if node.op in ("Add", "Sum"):
        return addition(composite.add, [tensors[name][0] for name in node.inputs], arriving)
    if node.op in operators.MOVING or node.op == "Resize":
        return moving(network, node, tensors, arriving)
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


def linear(rule, network, node, x, z, arriving):
    """Any linear layer: what it makes of a picture with a single 1, less what it makes of nothing, are the weights of that 1."""

    def run(picture):
        operands = [picture if name not in network.constants else network.constants[name] for name in node.inputs]
        return network.evaluate(node, operands).reshape(-1)

    bias = run(np.zeros(x.shape, x.dtype))
    weight = np.empty((bias.size, x.size), dtype=x.dtype)
    for place in range(x.size):
        # Not like x, which may be a view in another order: what reshape gives would be a copy.
        picture = np.zeros(x.shape, x.dtype)
        picture.reshape(-1)[place] = 1
        weight[:, place] = run(picture) - bias
    # What remains of the bias after the difference is no weight.
    weight[np.abs(weight) < 1e-6 * np.abs(weight).max()] = 0
    layer = Products(
        z=(weight * x.reshape(1, -1))[None, :, :, None],
        w=weight[None, :, :, None],
        bias=bias.reshape(1, -1, 1, 1),
        inside=(weight != 0)[None, :, :, None],
        deviation=z.std(),
    )
    return (rule.shares(layer)[0, :, :, 0] * arriving.reshape(-1, 1)).sum(axis=0).reshape(x.shape[1:])


def moving(network, node, tensors, arriving):
    """Numbers that say where they come from are sent through the operator; relevance goes back to there."""
    names = explained(network, node)
    addresses, start = {}, 1
    for name in names:
        size = tensors[name].size
        addresses[name] = np.arange(start, start + size).reshape(tensors[name].shape)
        start += size
    # Address 0 is what comes from none of them: constants and padding.
    operands = [addresses.get(name, network.constants.get(name)) for name in node.inputs]
    if node.op == "Concat":
        operands = [addresses.get(name, np.zeros_like(network.constants.get(name), dtype=int)) for name in node.inputs]
    if node.op == "Pad":
        operands[2:] = [0]
    sent = operators.nearest(node, operands) if node.op == "Resize" else operators.moved(node, operands)
    pairs = zip(sent, arriving) if node.op == "Split" else [(sent, arriving)]
    gathered = np.zeros(start, dtype=tensors[names[0]].dtype)
    for places, part in pairs:
        np.add.at(gathered, places.reshape(-1), part.reshape(-1))
    return [gathered[addresses[name][0]] for name in names]


def addition(rule, parts, arriving):
    """Relevance of all summands: in proportion to their values (`prop`) or to their sizes (`abs`)."""
    if rule == "abs":
        parts = [np.abs(part) for part in parts]
        return [part / (sum(parts) + STABILISER) * arriving for part in parts]
    return [part / stabilised(sum(parts)) * arriving for part in parts]


def max_pooling(x, window, arriving):
    """Winner takes all; inputs that tie for the maximum of a window share equally."""
    channels, height, width = x.shape
    sources = window.sources(height, width)
    columns = unfold(x, sources, -np.inf)
    winners = (columns == columns.max(axis=1, keepdims=True)) & (sources >= 0)
    shares = winners / winners.sum(axis=1, keepdims=True)
    return fold(shares.astype(x.dtype) * arriving.reshape(channels, 1, -1), sources, x.shape)
