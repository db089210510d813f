"""Forward passes of the operators that are neither convolution nor pooling, written down as ONNX defines them.

In: a node and its inputs' values, batch first. Out: the output's values. Operators that only move numbers take arrays of
any type, so that numbers which say where they come from can be sent through them.
"""

import numpy as np

from unfold import Window, unfold


def moved(node, arguments):
    """The output of an operator that changes no number."""
    x, attributes = arguments[0], node.attributes
    if node.op == "Transpose":
        return x.transpose(attributes["perm"])
    if node.op == "Reshape":
        sizes = [x.shape[axis] if size == 0 else int(size) for axis, size in enumerate(arguments[1])]
        return x.reshape(sizes)
    if node.op == "Flatten":
        axis = attributes.get("axis", 1)
        return x.reshape(int(np.prod(x.shape[:axis])), -1)
    if node.op == "Squeeze":
        return x.squeeze(tuple(int(axis) for axis in arguments[1]))
    if node.op == "Unsqueeze":
        return np.expand_dims(x, tuple(int(axis) for axis in arguments[1]))
    if node.op == "Concat":
        return np.concatenate(arguments, axis=attributes["axis"])
    if node.op == "Split":
        return np.split(x, np.cumsum(arguments[1])[:-1], axis=attributes.get("axis", 0))
    if node.op == "Slice":
        starts, ends, *more = (list(map(int, values)) for values in arguments[1:])
        # Without axes the first ones, without steps each number.
        axes, steps = [*more, *[range(len(starts)), [1] * len(starts)][len(more) :]]
        place = [slice(None)] * x.ndim
        for start, end, axis, step in zip(starts, ends, axes, steps):
            place[axis] = slice(start, end, step)
        return x[tuple(place)]
    if node.op == "Pad":
        sizes = [int(size) for size in arguments[1]]
        value = arguments[2] if len(arguments) > 2 else 0
        return np.pad(x, list(zip(sizes[: x.ndim], sizes[x.ndim :])), constant_values=value)
    if node.op == "Gather":
        return np.take(x, arguments[1].astype(int), axis=attributes.get("axis", 0))
    if node.op == "SpaceToDepth":
        # ONNX Runtime makes it, and a Gather, of the four slices with which YOLOX folds a picture.
        size, (_, channels, height, width) = attributes["blocksize"], x.shape
        blocks = x.reshape(1, channels, height // size, size, width // size, size).transpose(0, 3, 5, 1, 2, 4)
        return blocks.reshape(1, -1, height // size, width // size)
    raise ValueError(f"{node.name}: {node.op} moves nothing")


def nearest(node, arguments):
    """Resize to the nearest pixel, which changes no number either."""
    rows, columns = (_taps(node, arguments, axis) for axis in (2, 3))
    pick = [np.array([max(row, key=lambda tap: tap[1])[0] for row in taps]) for taps in (rows, columns)]
    return arguments[0][:, :, pick[0]][:, :, :, pick[1]]


def _taps(node, arguments, axis):
    """For every output position along an axis a list of (input position, weight)."""
    x = arguments[0]
    scales = arguments[2] if len(arguments) > 2 else None
    sizes = arguments[3] if len(arguments) > 3 else None
    length = x.shape[axis]
    if sizes is not None:
        count = int(sizes[axis])
        scale = count / length
    else:
        scale = float(scales[axis])
        count = int(np.floor(length * scale))
    mode = node.attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    rounding = node.attributes.get("nearest_mode", b"round_prefer_floor").decode()
    taps = []
    for position in range(count):
        if mode == "align_corners":
            source = position * (length - 1) / (count - 1) if count > 1 else 0.0
        elif mode == "asymmetric":
            source = position / scale
        elif mode == "pytorch_half_pixel" and count == 1:
            source = 0.0
        elif mode in ("half_pixel", "pytorch_half_pixel"):
            source = (position + 0.5) / scale - 0.5
        elif mode == "half_pixel_symmetric":
            # The output's centre lies on the input's, also where the size was rounded down.
            source = (position + 0.5) / scale - 0.5 + length / 2 - count / scale / 2
        else:
            raise ValueError(f"{node.name}: {mode} is not known")
        if node.attributes.get("mode", b"nearest") == b"nearest":
            ties_down, ties_up = np.ceil(source - 0.5), np.floor(source + 0.5)
            rounded = {"round_prefer_floor": ties_down, "round_prefer_ceil": ties_up}
            rounded |= {"floor": np.floor(source), "ceil": np.ceil(source)}
            taps.append([(int(np.clip(rounded[rounding], 0, length - 1)), 1.0)])
            continue
        below = int(np.floor(source))
        weight = source - below
        row = [(below, 1 - weight), (below + 1, weight)]
        taps.append([(min(max(place, 0), length - 1), share) for place, share in row])
    return taps


def _resize(node, *arguments):
    if node.attributes.get("mode", b"nearest") == b"nearest":
        return nearest(node, arguments)
    x = arguments[0]
    rows, columns = (_taps(node, arguments, axis) for axis in (2, 3))
    wide = np.stack([sum(x[..., place] * share for place, share in taps) for taps in columns], axis=-1)
    return np.stack([sum(wide[:, :, place] * share for place, share in taps) for taps in rows], axis=2)


def _conv_transpose(node, x, weight, bias=None):
    attributes = node.attributes
    groups, (strides, dilations) = attributes.get("group", 1), (attributes["strides"], attributes["dilations"])
    top, left, bottom, right = attributes["pads"]
    extra = attributes.get("output_padding", (0, 0))
    inputs, per_group, kernel_height, kernel_width = weight.shape
    height, width = (
        (x.shape[2 + axis] - 1) * strides[axis] + dilations[axis] * (weight.shape[2 + axis] - 1) + 1 + extra[axis]
        for axis in (0, 1)
    )
    y = np.zeros((per_group * groups, height, width), dtype=x.dtype)
    for channel, row, column in np.ndindex(x.shape[1:]):
        first = channel // (inputs // groups) * per_group
        for out, tap_y, tap_x in np.ndindex(per_group, kernel_height, kernel_width):
            place = row * strides[0] + tap_y * dilations[0], column * strides[1] + tap_x * dilations[1]
            y[(first + out, *place)] += x[0, channel, row, column] * weight[channel, out, tap_y, tap_x]
    y = y[:, top : height - bottom, left : width - right]
    return (y if bias is None else y + bias[:, None, None])[None]


def _average_pool(node, x):
    window = Window.of(node)
    channels, height, width = x.shape[1:]
    sources = window.sources(height, width)
    sums = unfold(x[0], sources).sum(axis=1)
    counted_pads = node.attributes.get("count_include_pad", 0)
    counts = sources.shape[0] if counted_pads else (sources >= 0).sum(axis=0)
    return (sums / counts).reshape(1, channels, *window.output_size(height, width))


def _reduce_mean(node, x):
    return x.mean(axis=tuple(node.attributes["axes"]), keepdims=bool(node.attributes.get("keepdims", 1)))


def _gemm(node, a, b, c=0.0):
    attributes = node.attributes
    b = b.T if attributes.get("transB", 0) else b
    # An attribute is a number of its own precision; the weights' type is kept.
    return a.dtype.type(attributes.get("alpha", 1.0)) * (a @ b) + a.dtype.type(attributes.get("beta", 1.0)) * c


def _batch_norm(node, x, gain, shift, mean, variance):
    factor = gain / np.sqrt(variance + x.dtype.type(node.attributes.get("epsilon", 1e-5)))
    return x * factor[:, None, None] + (shift - mean * factor)[:, None, None]


def _sigmoid(x):
    return 1 / (1 + np.exp(-x))


def _hard_sigmoid(node, x):
    alpha, beta = (x.dtype.type(node.attributes.get(name, default)) for name, default in (("alpha", 0.2), ("beta", 0.5)))
    return np.clip(alpha * x + beta, 0, 1)


def norm(node, x):
    """What an LpNormalization divides by."""
    axis = node.attributes.get("axis", -1)
    if node.attributes.get("p", 2) == 1:
        return np.abs(x).sum(axis=axis, keepdims=True)
    return np.sqrt((x * x).sum(axis=axis, keepdims=True))


def response(node, x):
    """What an LRN divides by: its sums are over `size` channels around each."""
    size, alpha = node.attributes["size"], node.attributes.get("alpha", 1e-4)
    bias, beta = node.attributes.get("bias", 1.0), node.attributes.get("beta", 0.75)
    sums = [(x[:, max(0, c - (size - 1) // 2) : c + size // 2 + 1] ** 2).sum(axis=1) for c in range(x.shape[1])]
    return ((bias + alpha / size * np.stack(sums, axis=1)) ** beta).astype(x.dtype)


def mish_gate(x):
    """tanh(softplus(x))"""
    return np.tanh(np.log1p(np.exp(x)))


def _softmax(node, x):
    axis = node.attributes.get("axis", -1)
    weights = np.exp(x - x.max(axis=axis, keepdims=True))
    return weights / weights.sum(axis=axis, keepdims=True)


def _elu(node, x):
    alpha = x.dtype.type(node.attributes.get("alpha", 1.0))
    return np.where(x < 0, alpha * np.expm1(np.minimum(x, 0)), x)


COMPUTING = {
    "Add": lambda node, a, b: a + b,
    "Sub": lambda node, a, b: a - b,
    "Sum": lambda node, *parts: sum(parts[1:], parts[0]),
    "Mul": lambda node, a, b: a * b,
    "Div": lambda node, a, b: a / b,
    "Expand": lambda node, x, sizes: np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(int(size) for size in sizes))),
    "Pow": lambda node, a, b: a**b,
    "Sqrt": lambda node, x: np.sqrt(x),
    "Reciprocal": lambda node, x: 1 / x,
    "Max": lambda node, *parts: np.maximum.reduce(np.broadcast_arrays(*parts)),
    "Cast": lambda node, x: x,
    "ReduceL2": lambda node, x: np.sqrt((x * x).sum(axis=tuple(node.attributes["axes"]), keepdims=True)),
    "ReduceSumSquare": lambda node, x: (x * x).sum(axis=tuple(node.attributes["axes"]), keepdims=True),
    "ReduceSum": lambda node, x, axes: x.sum(axis=tuple(int(axis) for axis in axes), keepdims=True),
    "LeakyRelu": lambda node, x: np.where(x < 0, x.dtype.type(node.attributes.get("alpha", 0.01)) * x, x),
    "PRelu": lambda node, x, slope: np.where(x < 0, slope * x, x),
    "Sigmoid": lambda node, x: _sigmoid(x),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": lambda node, x: x * np.clip(x / 6 + x.dtype.type(0.5), 0, 1),
    "LpNormalization": lambda node, x: x / norm(node, x),
    "LRN": lambda node, x: x / response(node, x),
    "Elu": _elu,
    "Softplus": lambda node, x: np.log1p(np.exp(x)),
    "Tanh": lambda node, x: np.tanh(x),
    "Mish": lambda node, x: x * mish_gate(x),
    "ConvTranspose": _conv_transpose,
    "AveragePool": _average_pool,
    "GlobalAveragePool": lambda node, x: x.mean(axis=(2, 3), keepdims=True),
    "ReduceMean": _reduce_mean,
    "Gemm": _gemm,
    "MatMul": lambda node, a, b, bias=0.0: a @ b + bias,
    "BatchNormalization": _batch_norm,
    "Softmax": _softmax,
    "Resize": _resize,
}
MOVING = ("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Concat", "Split", "Slice", "Pad", "SpaceToDepth", "Gather")
