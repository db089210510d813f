"""Turns layers of Caffe into nodes of ONNX, one layer after the other.

In: a layer as `Layer` (parameters as a `Message`, what it reads as `Tensor`s, its blobs). Out: nodes and constants in a `Network`, and what it puts out.
Parameters are asked for by name; `import_caffe` refuses what nobody asked for. Numbers of pixels, strides and pads are of rows first, then of columns.
"""

import math
from dataclasses import dataclass, field

import numpy as np
from onnx import helper, numpy_helper

from caffe_files import Message, Refused

# What says how weights are made or computed, not what is computed.
IRRELEVANT = ("weight_filler", "bias_filler", "filler", "scale_filler", "engine", "force_nd_im2col")


@dataclass
class Tensor:
    """What a layer puts out: a tensor of the graph and its shape, or default boxes, which the graph does not have."""

    name: str
    shape: list = None
    priors: list = field(default_factory=list)


@dataclass
class Layer:
    name: str
    kind: str
    message: Message
    inputs: list
    blobs: list
    # Whether nothing else reads its first input.
    alone: bool = False

    def parameters(self, group):
        found = self.message.part(group)
        found.ignore(*IRRELEVANT)
        return found

    def blob(self, index, what, shape):
        if index >= len(self.blobs):
            raise Refused(f"the caffemodel has no {what} for it: it is of another network, or the layer has another name there")
        if self.blobs[index].size != math.prod(shape):
            raise Refused(f"its {what} are {list(self.blobs[index].shape)}, expected {list(shape)}")
        return self.blobs[index].reshape(shape)


class Network:
    """The nodes so far. A node is named after the tensor that it puts out."""

    def __init__(self):
        self.nodes, self.constants, self.shapes = [], {}, {}
        # The batch normalisations by their output: what a Scale behind one may be put into.
        self.norms = {}

    def constant(self, name, values, kind=np.float32):
        self.constants[name] = numpy_helper.from_array(np.ascontiguousarray(np.asarray(values, kind)), name)
        return name

    def node(self, op, inputs, name, shape, **attributes):
        operands = [operand.name if isinstance(operand, Tensor) else operand for operand in inputs]
        self.nodes.append(helper.make_node(op, operands, [name], name=name, **attributes))
        self.shapes[name] = list(shape)
        return Tensor(name, list(shape))

    def add(self, layer):
        """The output of a layer."""
        make = KINDS.get(layer.kind)
        if make is None:
            raise Refused(f"layers of the type {layer.kind} are not known; known are {', '.join(sorted(KINDS))}")
        if any(source.priors for source in layer.inputs) and layer.kind != "Concat":
            raise Refused("it reads default boxes, which only Concat and DetectionOutput do here")
        if not layer.inputs or (len(layer.inputs) > 1 and layer.kind not in ("Concat", "Eltwise")):
            raise Refused(f"it reads {len(layer.inputs)} tensors")
        return make(self, layer)


def sides(parameters, both, single, default):
    """A number for rows and one for columns, written as one number for both, as two, or under names of their own."""
    values = parameters.integers(both)
    named = [parameters.integer(f"{single}_{side}", default) for side in "hw"]
    if any(f"{single}_{side}" in parameters.fields for side in "hw"):
        values = [] if values else named
    elif not values:
        values = [default]
    if None in values or not 1 <= len(values) <= 2:
        raise Refused(f"expected one number or two for {both}, or {single}_h and {single}_w")
    return [values[0], values[-1]]


def feature_map(layer):
    shape = layer.inputs[0].shape
    if len(shape) != 4:
        raise Refused(f"it reads {shape}, which is no feature map")
    return shape


def axis_of(parameters, name, default, rank):
    axis = parameters.integer(name, default)
    axis = axis + rank if axis < 0 else axis
    if not 0 <= axis < rank:
        raise Refused(f"{name} is {axis}, but it reads {rank} axes")
    return axis


def expect(parameters, **known):
    """Parameters that are known with one value alone."""
    for name, value in known.items():
        found = parameters.one(name)
        if found is not None and str(found) != str(value):
            raise Refused(f"{name} = {found} is not known: only {name} = {value} is")


def convolution(network, layer, depthwise=False):
    given = layer.parameters("convolution_param")
    _, channels, *size = feature_map(layer)
    expect(given, axis=1)
    outputs, group = given.integer("num_output"), given.integer("group", 1)
    if outputs is None:
        raise Refused("num_output is missing")
    if depthwise and group == 1:
        group = channels
    if channels % group or outputs % group:
        raise Refused(f"{group} groups do not divide {channels} channels into {outputs}")
    kernel, stride = sides(given, "kernel_size", "kernel", None), sides(given, "stride", "stride", 1)
    pad, dilation = sides(given, "pad", "pad", 0), sides(given, "dilation", "dilation", 1)
    weight = layer.blob(0, "weights", (outputs, channels // group, *kernel))
    operands = [layer.inputs[0], network.constant(f"{layer.name}/weights", weight)]
    if given.flag("bias_term", True):
        operands.append(network.constant(f"{layer.name}/bias", layer.blob(1, "biases", (outputs,))))
    size = [(s + 2 * p - (d * (k - 1) + 1)) // t + 1 for s, p, d, k, t in zip(size, pad, dilation, kernel, stride)]
    return network.node(
        "Conv", operands, layer.name, [1, outputs, *size], kernel_shape=kernel, strides=stride, pads=pad * 2, dilations=dilation, group=group
    )


def batch_norm(network, layer):
    given = layer.parameters("batch_norm_param")
    expect(given, use_global_stats="true")
    given.ignore("moving_average_fraction")
    channels = layer.inputs[0].shape[1]
    # The stored sums are divided by how many they are of.
    count = layer.blob(2, "factors", (1,))[0]
    mean, variance = (layer.blob(index, what, (channels,)) / count if count else np.zeros(channels) for index, what in enumerate(("means", "variances")))
    network.norms[layer.name] = (layer.name, mean, variance, given.number("eps", 1e-5), layer.inputs[0])
    return norm_node(network, layer.name, *network.norms[layer.name][1:], np.ones(channels), np.zeros(channels), layer.inputs[0].shape)


def norm_node(network, name, mean, variance, epsilon, source, scale, bias, shape):
    kept = {"scale": scale, "bias": bias, "mean": mean, "variance": variance}
    operands = [network.constant(f"{name}/{key}", values) for key, values in kept.items()]
    return network.node("BatchNormalization", [source, *operands], name, shape, epsilon=epsilon)


def scale(network, layer):
    given = layer.parameters("scale_param")
    expect(given, num_axes=1)
    source = layer.inputs[0]
    if axis_of(given, "axis", 1, len(source.shape)) != 1:
        raise Refused("only a factor for each channel is known")
    channels = source.shape[1]
    factor = layer.blob(0, "factors", (channels,))
    bias = layer.blob(1, "biases", (channels,)) if given.flag("bias_term", False) else None
    norm = network.norms.get(source.name)
    if norm and layer.alone:
        name, *held = norm
        network.nodes.pop(next(index for index, node in enumerate(network.nodes) if node.name == name))
        return norm_node(network, name, *held, factor, np.zeros(channels) if bias is None else bias, source.shape)
    every = [channels] + [1] * (len(source.shape) - 2)
    scaled = layer.name if bias is None else f"{layer.name}/scaled"
    y = network.node("Mul", [source, network.constant(f"{layer.name}/factors", factor.reshape(every))], scaled, source.shape)
    if bias is None:
        return y
    return network.node("Add", [y, network.constant(f"{layer.name}/bias", bias.reshape(every))], layer.name, source.shape)


def relu(network, layer):
    slope = layer.parameters("relu_param").number("negative_slope", 0.0)
    source = layer.inputs[0]
    if slope:
        return network.node("LeakyRelu", [source], layer.name, source.shape, alpha=slope)
    return network.node("Relu", [source], layer.name, source.shape)


def relu6(network, layer):
    source, bounds = layer.inputs[0], {"least": 0, "most": 6}
    operands = [network.constant(f"{layer.name}/{key}", value) for key, value in bounds.items()]
    return network.node("Clip", [source, *operands], layer.name, source.shape)


def prelu(network, layer):
    source = layer.inputs[0]
    count = 1 if layer.parameters("prelu_param").flag("channel_shared", False) else source.shape[1]
    slope = layer.blob(0, "slopes", (count,)).reshape([count] + [1] * (len(source.shape) - 2))
    return network.node("PRelu", [source, network.constant(f"{layer.name}/slopes", slope)], layer.name, source.shape)


def sigmoid(network, layer):
    layer.parameters("sigmoid_param")
    return network.node("Sigmoid", [layer.inputs[0]], layer.name, layer.inputs[0].shape)


def softmax(network, layer):
    source = layer.inputs[0]
    axis = axis_of(layer.parameters("softmax_param"), "axis", 1, len(source.shape))
    return network.node("Softmax", [source], layer.name, source.shape, axis=axis)


def pooling(network, layer):
    """Max or mean over windows, as many as Caffe has: rounded up, those that would begin in the padding left out."""
    given = layer.parameters("pooling_param")
    _, channels, *size = feature_map(layer)
    kind = given.one("pool", "MAX")
    kind = {"0": "MAX", "1": "AVE"}.get(kind, kind)
    if kind not in ("MAX", "AVE"):
        raise Refused(f"pool = {kind} is not known: MAX and AVE are")
    up = given.one("round_mode", "CEIL") in ("CEIL", "0") and given.flag("ceil_mode", True)
    op = "MaxPool" if kind == "MAX" else "AveragePool"
    source, extra = layer.inputs[0], {}
    if given.flag("global_pooling", False):
        expect(given, pad=0, stride=1)
        if kind == "AVE":
            return network.node("GlobalAveragePool", [source], layer.name, [1, channels, 1, 1])
        return network.node(op, [source], layer.name, [1, channels, 1, 1], kernel_shape=size, strides=[1, 1])
    kernel, stride, pad = sides(given, "kernel_size", "kernel", None), sides(given, "stride", "stride", 1), sides(given, "pad", "pad", 0)
    counts = [windows(*side, any(pad), up) for side in zip(size, kernel, stride, pad)]
    # As far as the last window goes: what lies there is no part of a maximum.
    after = [max(0, (n - 1) * t + k - s - p) for n, t, k, s, p in zip(counts, stride, kernel, size, pad)]
    if any(p >= k for p, k in zip(pad + after, kernel * 2)):
        raise Refused("some of its windows lie outside of what it reads")
    if kind == "AVE" and any(pad):
        # Caffe counts the zeros of the padding, but not what a window has beyond them.
        if any(end > p for end, p in zip(after, pad)):
            pads = network.constant(f"{layer.name}/pads", [0, 0, *pad, 0, 0, *pad], np.int64)
            source = network.node("Pad", [source, pads], f"{layer.name}/padded", [1, channels, *(s + 2 * p for s, p in zip(size, pad))])
            after, pad = [max(0, end - p) for end, p in zip(after, pad)], [0, 0]
        else:
            extra = {"count_include_pad": 1}
    return network.node(op, [source], layer.name, [1, channels, *counts], kernel_shape=kernel, strides=stride, pads=pad + after, **extra)


def windows(size, kernel, stride, pad, padded, up):
    """How many windows Caffe has along an axis."""
    over = size + 2 * pad - kernel
    if over < 0:
        raise Refused(f"its window of {kernel} is larger than what it reads, {size} with pads of {pad}")
    count = (-(-over // stride) if up else over // stride) + 1
    return count - 1 if padded and (count - 1) * stride >= size + pad else count


def concat(network, layer):
    given = layer.parameters("concat_param")
    if all(source.priors for source in layer.inputs):
        expect(given, axis=2)
        return Tensor(layer.name, None, [prior for source in layer.inputs for prior in source.priors])
    if any(source.priors for source in layer.inputs):
        raise Refused("it joins default boxes and something else")
    shape = list(layer.inputs[0].shape)
    axis = axis_of(given, "concat_dim" if "concat_dim" in given.fields else "axis", 1, len(shape))
    if any(len(source.shape) != len(shape) or source.shape[:axis] + source.shape[axis + 1 :] != shape[:axis] + shape[axis + 1 :] for source in layer.inputs):
        raise Refused(f"what it joins has other sizes: {', '.join(str(source.shape) for source in layer.inputs)}")
    shape[axis] = sum(source.shape[axis] for source in layer.inputs)
    if len(layer.inputs) == 1:
        return Tensor(layer.inputs[0].name, shape)
    return network.node("Concat", layer.inputs, layer.name, shape, axis=axis)


def eltwise(network, layer):
    given = layer.parameters("eltwise_param")
    given.ignore("stable_prod_grad")
    kind = given.one("operation", "SUM")
    kind = {"0": "PROD", "1": "SUM", "2": "MAX"}.get(kind, kind)
    operators = {"PROD": "Mul", "SUM": "Add", "MAX": "Max"}
    if kind not in operators:
        raise Refused(f"operation = {kind} is not known: {', '.join(operators)} are")
    factors, sources = given.numbers("coeff"), list(layer.inputs)
    if factors and (kind != "SUM" or len(factors) != len(sources)):
        raise Refused(f"it has {len(factors)} coeff for {len(sources)} inputs of the operation {kind}")
    shape = sources[0].shape
    if len(sources) < 2 or any(source.shape != shape for source in sources):
        raise Refused(f"expected two or more inputs of one size, found {', '.join(str(source.shape) for source in sources)}")
    for index, factor in enumerate(factors):
        if factor != 1:
            operand = network.constant(f"{layer.name}/coeff{index}", factor)
            sources[index] = network.node("Mul", [sources[index], operand], f"{layer.name}/scaled{index}", shape)
    y = sources[0]
    for index, source in enumerate(sources[1:], 2):
        y = network.node(operators[kind], [y, source], layer.name if index == len(sources) else f"{layer.name}/part{index}", shape)
    return y


def inner_product(network, layer):
    given = layer.parameters("inner_product_param")
    expect(given, axis=1, transpose="false")
    source, outputs = layer.inputs[0], given.integer("num_output")
    if outputs is None:
        raise Refused("num_output is missing")
    inputs = math.prod(source.shape[1:])
    operands = [source, network.constant(f"{layer.name}/weights", layer.blob(0, "weights", (outputs, inputs)))]
    if len(source.shape) != 2:
        operands[0] = network.node("Flatten", [source], f"{layer.name}/flat", [1, inputs], axis=1)
    if given.flag("bias_term", True):
        operands.append(network.constant(f"{layer.name}/bias", layer.blob(1, "biases", (outputs,))))
    return network.node("Gemm", operands, layer.name, [1, outputs], transB=1)


def normalize(network, layer):
    """SSD's L2 norm: a cell's channels, or the whole map, divided by their norm, times a learned factor."""
    given = layer.parameters("norm_param")
    source = layer.inputs[0]
    _, channels, *_ = feature_map(layer)
    axes = [1, 2, 3] if given.flag("across_spatial", True) else [1]
    count = 1 if given.flag("channel_shared", True) else channels
    factor = layer.blob(0, "factors", (count,)).reshape(1, count, 1, 1)
    small = [1, 1, 1, 1] if len(axes) == 3 else [1, 1, *source.shape[2:]]
    constants = {"two": 2.0, "eps": given.number("eps", 1e-10), "factors": factor}
    two, epsilon, factor = (network.constant(f"{layer.name}/{key}", value) for key, value in constants.items())
    axes = network.constant(f"{layer.name}/axes", axes, np.int64)
    squares = network.node("Pow", [source, two], f"{layer.name}/squares", source.shape)
    total = network.node("ReduceSum", [squares, axes], f"{layer.name}/sum", small, keepdims=1)
    total = network.node("Add", [total, epsilon], f"{layer.name}/kept", small)
    norm = network.node("Sqrt", [total], f"{layer.name}/norm", small)
    quotient = network.node("Div", [source, norm], f"{layer.name}/quotient", source.shape)
    return network.node("Mul", [quotient, factor], layer.name, source.shape)


def permute(network, layer):
    shape = layer.inputs[0].shape
    order = layer.parameters("permute_param").integers("order")
    # Axes that it does not name come after, in their order.
    order += [axis for axis in range(len(shape)) if axis not in order]
    if sorted(order) != list(range(len(shape))) or order[0] != 0:
        raise Refused(f"order is {order}: expected each of {len(shape)} axes once, the batch first")
    return network.node("Transpose", [layer.inputs[0]], layer.name, [shape[axis] for axis in order], perm=order)


def flatten(network, layer):
    given, shape = layer.parameters("flatten_param"), layer.inputs[0].shape
    first, last = axis_of(given, "axis", 1, len(shape)), axis_of(given, "end_axis", -1, len(shape))
    return reshaped(network, layer, [*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]])


def reshape(network, layer):
    given, shape = layer.parameters("reshape_param"), layer.inputs[0].shape
    expect(given, axis=0, num_axes=-1)
    dims = given.part("shape").integers("dim")
    if any(dim == 0 and index >= len(shape) for index, dim in enumerate(dims)) or dims.count(-1) > 1:
        raise Refused(f"its shape {dims} does not fit {shape}")
    dims = [dim or shape[index] for index, dim in enumerate(dims)]
    if -1 in dims:
        rest = math.prod(dim for dim in dims if dim != -1)
        dims[dims.index(-1)] = math.prod(shape) // max(1, rest)
    return reshaped(network, layer, dims)


def reshaped(network, layer, shape):
    if math.prod(shape) != math.prod(layer.inputs[0].shape):
        raise Refused(f"{layer.inputs[0].shape} cannot be reshaped to {shape}")
    if not shape or shape[0] != 1:
        raise Refused(f"{shape} does not begin with the batch")
    return network.node("Reshape", [layer.inputs[0], network.constant(f"{layer.name}/shape", shape, np.int64)], layer.name, shape)


def dropout(network, layer):
    layer.message.ignore("dropout_param")
    return layer.inputs[0]


KINDS = {
    "Convolution": convolution,
    "DepthwiseConvolution": lambda network, layer: convolution(network, layer, True),
    "ConvolutionDepthwise": lambda network, layer: convolution(network, layer, True),
    "BatchNorm": batch_norm,
    "Scale": scale,
    "ReLU": relu,
    "ReLU6": relu6,
    "PReLU": prelu,
    "Sigmoid": sigmoid,
    "Softmax": softmax,
    "Pooling": pooling,
    "Concat": concat,
    "Eltwise": eltwise,
    "InnerProduct": inner_product,
    "Normalize": normalize,
    "Permute": permute,
    "Flatten": flatten,
    "Reshape": reshape,
    "Dropout": dropout,
}
