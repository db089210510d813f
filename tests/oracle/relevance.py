"""Propagates relevance from the outputs of head convolutions back to the pixels.

In: a network, the tensors of its forward pass, a composite, and a seed (relevance on outputs of head convolutions).
Out: relevance of the picture [3, H, W]. Every layer's products z_ij are formed as numbers, a block of output positions
at a time, and divided up as the rule says.
"""

from itertools import product

import numpy as np

import operators
from flow import ACTIVATIONS, NUMBER_BY_NUMBER, SCALING, explained, is_attention, is_linear
from forms import Relevance, nonzero
from rules import STABILISER, WITHOUT_INPUT, Products, Rescale, sign, stabilised
from spread import spread, spread_tensors
from unfold import Window, fold, unfold

# Products formed at once: as many as a processor's cache holds, which is several times as fast as more. It has no influence on
# the result beyond the order of additions.
BLOCK = 1 << 16


def propagate(network, tensors, types, composite, seed, trace=None, rivals=None):
    """Relevance of the picture, [3, H, W].

    `types` is a layer type by node name. `seed` is a list of (tensor, channel, row, column, value).
    `trace`, if given, is called with (node, relevance of the output, list of relevances of the inputs).
    `rivals`, if given, holds by name inputs of max poolings as another arithmetic has them: the winners are told by these.
    """
    received, ends = {}, spread_tensors(network, tensors, types, composite)
    laid = 0
    for tensor, channel, row, column, value in seed:
        start = received.setdefault(tensor, Relevance(np.zeros_like(tensors[tensor][0]))).plain
        # A fully connected layer has channels alone.
        start[(channel, row, column)[: start.ndim]] += value
    for node in reversed(network.nodes):
        arriving = [received.pop(name, None) for name in node.outputs]
        if all(output is None for output in arriving):
            continue
        arriving = [Relevance(np.zeros_like(tensors[name][0])) if r is None else r for name, r in zip(node.outputs, arriving)]
        if node.outputs[0] in ends:
            # Nothing goes through this operator or any behind it.
            laid = laid + sum(spread(network, tensors, name, r.total(tensors[name])) for name, r in zip(node.outputs, arriving))
            continue
        parts = _through(network, tensors, types, composite, node, arriving, rivals or {})
        names = explained(network, node)
        if trace:
            totals = [part.total(tensors[name]) for name, part in zip(names, parts)]
            trace(node, arriving[0].total(tensors[node.outputs[0]]), totals)
        for tensor, part in zip(names, parts):
            # A tensor with several consumers gathers what each of them hands back.
            received[tensor] = received[tensor] + part if tensor in received else part
    picture = tensors[network.input]
    relevance = received.pop(network.input, Relevance()).total(picture) + np.zeros_like(picture[0])
    return (np.moveaxis(relevance, -1, 0) if network.channels_last else relevance) + laid


def _through(network, tensors, types, composite, node, arriving, rivals):
    if node.op in operators.MOVING or node.op == "Resize" and not is_linear(network, node):
        return moving(network, node, tensors, arriving)
    (arriving,) = arriving
    x, y = tensors[explained(network, node)[0]], tensors[node.outputs[0]]
    if is_attention(network, node):
        return [attention(network, node, tensors, y, arriving)]
    if is_linear(network, node):
        rule = composite.rule(node, types)
        if isinstance(rule, Rescale):
            return [Relevance(distance=layer(rule, network, node, x, y, arriving.factor(y)))]
        if isinstance(rule, WITHOUT_INPUT):
            return [Relevance(layer(rule, network, node, x, y, arriving.total(y)))]
        x = nonzero(x)
        return [Relevance(value=layer(rule, network, node, x, y, arriving.total(y)) / x[0])]
    if node.op in ACTIVATIONS:
        rule = rule_before(network, types, composite, node)
        if not isinstance(rule, Rescale):
            return [Relevance(arriving.total(y))]
        constants = [network.constants[name] if name else None for name in node.inputs[1:]]
        slope = rule.slope(lambda z: network.evaluate(node, [z, *constants]), x)
        return [Relevance(distance=arriving.factor(y) * slope[0])]
    if node.op in SCALING:
        factor = scale(network, node, tensors)
        return [Relevance(arriving.plain, arriving.value * factor, arriving.distance * factor)]
    if node.op in ("Add", "Sum"):
        return addition(composite.add, [tensors[name] for name in node.inputs], y, arriving)
    if node.op == "MaxPool" and composite.pool == "uniform" and not behind_high(network, types, node):
        return [Relevance(uniform_pooling(Window.of(node), x.shape[1:], arriving.total(y)))]
    if node.op == "MaxPool":
        winners = pooling_winners(Window.of(node), rivals.get(node.inputs[0], x)[0])
        return [arriving.each(lambda part: max_pooling(winners, x.shape[1:], part))]
    raise ValueError(f"{node.name}: relevance cannot pass the operator {node.op}")


def rule_before(network, types, composite, node):
    """The rule of the last linear layer, in the file's order, of all that an activation's input depends on."""
    layers = layers_before(network, types, node)
    return composite.rule(layers[-1], types) if layers else None


def behind_high(network, types, node):
    """Whether a layer of the high level, or of a head, is among those that a node's input depends on."""
    return any(types[layer.name] not in ("low", "pixels") for layer in layers_before(network, types, node))


def layers_before(network, types, node):
    """The linear layers that a node's input depends on, in the file's order."""
    ancestors, waiting = set(), [node.inputs[0]]
    while waiting:
        producer = network.producer(waiting.pop())
        if producer is not None and producer.name not in ancestors:
            ancestors.add(producer.name)
            waiting += producer.inputs
    return [other for other in network.nodes if other.name in ancestors and other.name in types]


def scale(network, node, tensors):
    """What the operator multiplies its explained input with, a constant of the picture."""
    if node.op in ("Identity", "Dropout", "Cast"):
        return 1.0
    (name,) = explained(network, node)
    x = tensors[name]
    if node.op == "HardSwish":
        return np.clip(x / 6 + x.dtype.type(0.5), 0, 1)[0]
    if node.op == "Mish":
        return operators.mish_gate(x)[0]
    if node.op == "LpNormalization":
        return (1 / operators.norm(node, x))[0]
    if node.op == "LRN":
        return (1 / operators.response(node, x))[0]
    other = next(other for other in node.inputs if other != name)
    if other in network.constants:
        # A scalar, or without the batch.
        factor = np.broadcast_to(network.constants[other], tensors[name].shape)[0]
    else:
        factor = tensors[other][0]
    return 1 / factor if node.op == "Div" else factor


def layer(rule, network, node, x, z, arriving):
    """What a linear layer hands to its input [1, ...], from what arrives at its output."""
    if node.op != "Conv":
        return linear(rule, network, node, x, z, arriving)
    weight, bias = network.weights(node)
    window = Window.of(node, weight.shape[2:])
    # Population standard deviation of every element of the layer's pre-activations.
    return convolution(rule, x[0], weight, bias, window, node.attributes.get("group", 1), z.std(), arriving)


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
    bias = bias.reshape(groups, -1, 1, 1)
    # Some positions of all outputs, or one position of some outputs.
    some_positions = max(1, BLOCK // w.size)
    some_outputs = max(1, BLOCK // (w.size // w.shape[1]))
    for start, first in product(range(0, positions.size, some_positions), range(0, w.shape[1], some_outputs)):
        block, outputs = slice(start, start + some_positions), slice(first, first + some_outputs)
        layer = Products(
            z=columns[:, None, :, block] * w[:, outputs, :, None],
            w=w[:, outputs, :, None],
            bias=bias[:, outputs],
            inside=inside[None, None, :, block],
            deviation=deviation,
        )
        handed[:, :, block] += (rule.shares(layer) * arriving[:, outputs, None, block]).sum(axis=1)
    return fold(handed.reshape(channels, sources.shape[0], -1), sources, x.shape)


def linear(rule, network, node, x, z, arriving):
    """Any linear layer, as a matrix."""
    if node.op in NUMBER_BY_NUMBER and z.shape == x.shape:
        return number_by_number(rule, network, node, x, z, arriving)
    weight, bias = matrix(network, node, x)
    handed = np.zeros(x.size, dtype=x.dtype)
    some_outputs = max(1, BLOCK // x.size)
    for first in range(0, bias.size, some_outputs):
        outputs = slice(first, first + some_outputs)
        layer = Products(
            z=(weight[outputs] * x.reshape(1, -1))[None, :, :, None],
            w=weight[None, outputs, :, None],
            bias=bias[outputs].reshape(1, -1, 1, 1),
            inside=(weight[outputs] != 0)[None, :, :, None],
            deviation=z.std(),
        )
        handed += (rule.shares(layer)[0, :, :, 0] * arriving.reshape(-1, 1)[outputs]).sum(axis=0)
    return handed.reshape(x.shape[1:])


def number_by_number(rule, network, node, x, z, arriving):
    """A linear layer each of whose outputs has one input: its matrix has a diagonal alone."""
    bias = made_of(network, node, np.zeros(x.shape, x.dtype))
    weight = made_of(network, node, np.ones(x.shape, x.dtype)) - bias
    one_each = (1, -1, 1, 1)
    layer = Products(
        z=(weight * x.reshape(-1)).reshape(one_each),
        w=weight.reshape(one_each),
        bias=bias.reshape(one_each),
        inside=(weight != 0).reshape(one_each),
        deviation=z.std(),
    )
    return (rule.shares(layer).reshape(-1) * arriving.reshape(-1)).reshape(x.shape[1:])


def made_of(network, node, picture):
    """All numbers that a layer makes of a picture."""
    operands = [picture if name not in network.constants else network.constants[name] for name in node.inputs]
    return network.evaluate(node, operands).reshape(-1)


def matrix(network, node, x):
    """The weights [outputs, inputs] and the bias of a linear layer for an input x."""

    def run(picture):
        return made_of(network, node, picture)

    bias = run(np.zeros(x.shape, x.dtype))
    if node.op == "Gemm" and not node.attributes.get("transA", 0):
        # The file has the matrix itself.
        weight = network.constants[node.inputs[1]]
        return node.attributes.get("alpha", 1.0) * (weight if node.attributes.get("transB", 0) else weight.T), bias
    # What the layer makes of a picture with a single 1, less what it makes of nothing, are the weights of that 1.
    weight = np.empty((bias.size, x.size), dtype=x.dtype)
    for place in range(x.size):
        # Not like x, which may be a view in another order: what reshape gives would be a copy.
        picture = np.zeros(x.shape, x.dtype)
        picture.reshape(-1)[place] = 1
        weight[:, place] = run(picture) - bias
    # What remains of the bias after the difference is no weight.
    weight[np.abs(weight) < 1e-6 * np.abs(weight).max()] = 0
    return weight, bias


def moving(network, node, tensors, arriving):
    """Numbers that say where they come from are sent through the operator; relevance goes back to there."""
    names = explained(network, node)
    # One for each place among the inputs: a tensor may be joined to itself.
    addresses, start = [], 1
    for name in names:
        size = tensors[name].size
        addresses.append(np.arange(start, start + size).reshape(tensors[name].shape))
        start += size
    # Address 0 is what comes from none of them: constants and padding.
    left = iter(addresses)
    operands = [next(left) if name in names else network.constants.get(name) for name in node.inputs]
    if node.op == "Concat":
        operands = [np.zeros_like(operand, dtype=int) if name not in names else operand for name, operand in zip(node.inputs, operands)]
    if node.op == "Pad":
        operands[2:] = [0]
    sent = operators.nearest(node, operands) if node.op == "Resize" else operators.moved(node, operands)
    sent = sent if node.op == "Split" else [sent]

    def gathered(form):
        sums = np.zeros(start, dtype=tensors[names[0]].dtype)
        for places, relevance in zip(sent, arriving):
            part = getattr(relevance, form)
            if not np.isscalar(part):
                np.add.at(sums, places.reshape(-1), part.reshape(-1))
        return sums

    sums = {form: gathered(form) for form in ("plain", "value", "distance")}
    return [Relevance(**{form: values[places[0]] for form, values in sums.items()}) for places in addresses]


def addition(rule, parts, y, arriving):
    """Relevance of all summands: in proportion to their values (`prop`) or to their sizes (`abs`), or to each as much
    (`half`); a distance's parts are the summands' distances."""
    if rule == "half":
        rest = Relevance(arriving.plain, arriving.value).total(y)
        return [Relevance(rest / len(parts), distance=arriving.distance) for _ in parts]
    if rule == "abs":
        sizes = sum(np.abs(part[0]) for part in parts) + STABILISER
        rest = Relevance(arriving.plain, arriving.value).total(y)
        return [Relevance(value=sign(part[0]) / sizes * rest, distance=arriving.distance) for part in parts]
    value = arriving.value + arriving.plain / stabilised(y[0])
    return [Relevance(value=value, distance=arriving.distance) for _ in parts]


def attention(network, node, tensors, y, arriving):
    """y = V·A or A·V with a constant A: number i of V has v_i·a_ij / y_j of R_j; of a distance's factors the same weighted sums."""
    (name,) = explained(network, node)
    weights = tensors[next(other for other in node.inputs if other != name)][0]
    turned = np.swapaxes(weights, -1, -2)
    back = (lambda part: part @ turned) if node.inputs[0] == name else (lambda part: turned @ part)
    value = arriving.value + arriving.plain / stabilised(y[0])
    value, distance = (part if np.isscalar(part) else back(part) for part in (value, arriving.distance))
    return Relevance(value=value, distance=distance)


def pooling_winners(window, x):
    """Which inputs of each window are its maximum, [C, taps, windows], and where in a map they lie, [taps, windows]."""
    sources = window.sources(*x.shape[1:])
    columns = unfold(x, sources, -np.inf)
    return (columns == columns.max(axis=1, keepdims=True)) & (sources >= 0), sources


def max_pooling(winners, shape, arriving):
    """Winner takes all; inputs that tie for the maximum of a window share equally."""
    won, sources = winners
    shares = won / won.sum(axis=1, keepdims=True)
    return fold(shares.astype(arriving.dtype) * arriving.reshape(shape[0], 1, -1), sources, shape)


def uniform_pooling(window, shape, arriving):
    """Every input of a window that is no padding has the same share, whatever its value."""
    sources = window.sources(*shape[1:])
    shares = (sources >= 0) / (sources >= 0).sum(axis=0)
    return fold(shares.astype(arriving.dtype) * arriving.reshape(shape[0], 1, -1), sources, shape)
