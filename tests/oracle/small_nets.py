"""Small networks of SSD kind with seeded random weights, each for something that relevance can get wrong.

Out: ONNX models with an input `image` [1, 3, H, W] and the outputs `class_logits` [1, D, 4] and `box_offsets`
[1, D, 4], built like real heads (Conv, Transpose, Reshape, Concat), and for each the composites under which it is to
be explained.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from composite import PRESETS

CLASSES = 4
# The presets under which every layer passes relevance to the one behind it; what one more has that these have not, `dense` has.
LAYERWISE = [name for name in PRESETS if name not in ("crp-features", "lrp-epsilon-plus-flat")]
FEATURE_RULES = (
    "simple", "epsilon:0.01", "epsilon:0.25std", "alphabeta:2,1", "zplus", "abs", "gamma:0.25", "w2", "flat", "rescale:0.75",
)  # fmt: skip
PIXEL_RULES = (*FEATURE_RULES, "zb:-1,1")


def rules(classification="simple", localization="simple", high="epsilon:0.25std", low="abs", pixels="w2", add="abs", pool=""):
    """A composite in the grammar; what is not named is like `crp`, with a scale of epsilon that suits a small net."""
    text = f"classification={classification},localization={localization},high={high},low={low},pixels={pixels},add={add}"
    return f"{text},pool={pool}" if pool else text


def features():
    """The composites that end at the boundary or go on from there without the features' values."""
    highs = ("rescale:0.75", "epsilon:0.1std", "abs")
    flat_or_spread = [rules(high=high, low=low, pixels=low, add="half", pool="uniform") for low in ("flat", "spread") for high in highs]
    return [*flat_or_spread, *(rules(high=high, low="abs", pixels="spread") for high in highs[:2])]


@dataclass
class SmallNet:
    """A model, the picture to explain [1, 3, H, W], and the composites; those in `unit` with the seed `unit`."""

    name: str
    model: onnx.ModelProto
    picture: np.ndarray
    composites: list
    unit: list


class Builder:
    """Adds operators one after the other; every method returns the name of the tensor that it makes."""

    def __init__(self, name, height, width, seed, opset=13):
        self.name, self.size, self.opset = name, (height, width), opset
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants, self.heads = [], [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def add(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name, x, channels, kernel=3, pads=(1, 1, 1, 1), strides=(1, 1), dilations=(1, 1), group=1, bias=0.3):
        """A convolution; `channels` is (in, out), `bias` the standard deviation of its biases, 0 for none."""
        kernel = (kernel, kernel) if isinstance(kernel, int) else kernel
        shape = (channels[1], channels[0] // group, *kernel)
        weight = self.random.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape).astype(np.float32)
        inputs = [x, self.constant(f"{name}.weight", weight)]
        if bias:
            values = self.random.normal(0, bias, channels[1]).astype(np.float32)
            inputs.append(self.constant(f"{name}.bias", values))
        return self.add(
            "Conv", inputs, name, kernel_shape=kernel, pads=pads, strides=strides, dilations=dilations, group=group
        )

    def normal(self, shape, deviation=None):
        """Random weights; without a deviation one that keeps the size of what passes."""
        inputs = max(shape) if isinstance(shape, tuple) else shape
        return self.random.normal(0, deviation or np.sqrt(2 / inputs), shape).astype(np.float32)

    def ints(self, name, values):
        return self.constant(name, np.array(values, np.int64))

    def split(self, inputs, outputs, axis):
        self.nodes.append(helper.make_node("Split", inputs, outputs, name=f"{inputs[0]}.split", axis=axis))

    def slice(self, name, x, axis, start, end, step=1):
        bounds = {"start": start, "end": end, "axis": axis, "step": step}
        return self.add("Slice", [x, *(self.ints(f"{name}.{key}", [value]) for key, value in bounds.items())], name)

    def resize(self, name, x, channels=None, scales=None, sizes=None, **attributes):
        """By `scales`, or to `sizes` of so many channels; both are (rows, columns)."""
        if sizes:
            operands = ["", "", self.ints(f"{name}.sizes", [1, channels, *sizes])]
        else:
            operands = ["", self.constant(f"{name}.scales", np.array([1, 1, *scales], np.float32))]
        return self.add("Resize", [x, *operands], name, **attributes)

    def conv_transpose(self, name, x, channels, kernel, pads, strides=(1, 1), dilations=(1, 1), extra=(0, 0), group=1,
                       bias=0.3):  # fmt: skip
        """A transposed convolution; `channels` is (in, out), `extra` the output padding."""
        shape = (channels[0], channels[1] // group, kernel, kernel)
        inputs = [x, self.constant(f"{name}.weight", self.normal(shape, np.sqrt(2 / (shape[0] * kernel))))]
        if bias:
            inputs.append(self.constant(f"{name}.bias", self.normal(channels[1], bias)))
        return self.add("ConvTranspose", inputs, name, kernel_shape=(kernel, kernel), pads=pads, strides=strides,
                        dilations=dilations, output_padding=extra, group=group)  # fmt: skip

    def relu(self, x):
        return self.add("Relu", [x], f"{x}.relu")

    def relu6(self, x):
        for name, value in (("zero", 0.0), ("six", 6.0)):
            if not any(constant.name == name for constant in self.constants):
                self.constant(name, np.array(value, np.float32))
        return self.add("Clip", [x, "zero", "six"], f"{x}.relu6")

    def max_pool(self, name, x, kernel, strides, pads=(0, 0, 0, 0)):
        return self.add("MaxPool", [x], name, kernel_shape=(kernel, kernel), strides=strides, pads=pads)

    def batch_norm(self, name, x, channels):
        values = {
            "gain": self.random.normal(1, 0.3, channels),
            "shift": self.random.normal(0, 0.3, channels),
            "mean": self.random.normal(0, 0.3, channels),
            "variance": self.random.uniform(0.5, 2, channels),
        }
        inputs = [self.constant(f"{name}.{key}", value.astype(np.float32)) for key, value in values.items()]
        return self.add("BatchNormalization", [x, *inputs], name, epsilon=1e-3)

    def head(self, tap, channels, boxes, lite=False, bias=0.3):
        """A classification and a localization layer; with `lite` a depthwise convolution stands before each."""
        for output, columns in (("class_logits", CLASSES), ("box_offsets", 4)):
            name = f"{tap}.{output}"
            x = tap
            if lite:
                x = self.relu6(self.conv(f"{name}.depthwise", tap, (channels, channels), group=channels))
            shape = {"kernel": 1, "pads": (0,) * 4} if lite else {"kernel": 3, "pads": (1,) * 4}
            x = self.conv(name, x, (channels, boxes * columns), bias=bias, **shape)
            x = self.add("Transpose", [x], f"{name}.transposed", perm=(0, 2, 3, 1))
            shape = self.constant(f"{name}.shape", np.array([1, -1, columns], np.int64))
            self.heads.append((output, self.add("Reshape", [x, shape], f"{name}.reshaped")))

    def finish(self, composites, unit=(), channels_last=False):
        """The net with its picture; with `channels_last` the picture is read as [N, H, W, 3], N free."""
        outputs = []
        for output, columns in (("class_logits", CLASSES), ("box_offsets", 4)):
            self.add("Concat", [tensor for name, tensor in self.heads if name == output], output, axis=1)
            outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, None, columns]))
        sizes = ["N", *self.size, 3] if channels_last else [1, 3, *self.size]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, sizes)
        graph = helper.make_graph(self.nodes, self.name, [image], outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        onnx.checker.check_model(model)
        picture = self.random.uniform(-1, 1, (1, 3, *self.size)).astype(np.float32)
        return SmallNet(self.name, model, picture, composites, list(unit))


def stride_pads():
    """Strides and pads that differ by side and axis, on a picture that is not square; every preset."""
    b = Builder("stride_pads", 13, 17, seed=1)
    x = b.relu(b.conv("pixels", "image", (3, 6), strides=(2, 2), pads=(0, 0, 1, 1)))
    x = b.relu(b.conv("low", x, (6, 6), strides=(2, 1), pads=(1, 0, 0, 2)))
    x = b.relu(b.conv("high1", x, (6, 8), strides=(2, 2), pads=(0, 1, 1, 0)))
    x = b.relu(b.conv("high2", x, (8, 6)))
    b.head(x, 6, boxes=3)
    return b.finish([*LAYERWISE, rules(high="gamma:0.25", low="gamma:0.25", pixels="zb:-1,1")])


def dilation():
    """Dilated kernels, square and not, whose taps often fall on padding."""
    b = Builder("dilation", 14, 12, seed=2)
    x = b.relu(b.conv("pixels", "image", (3, 5), dilations=(2, 3), pads=(2, 3, 2, 3)))
    x = b.relu(b.conv("low", x, (5, 6), kernel=(1, 3), dilations=(1, 2), pads=(0, 2, 0, 2)))
    x = b.relu(b.conv("high1", x, (6, 6), kernel=(3, 2), strides=(2, 2), dilations=(2, 1), pads=(2, 0, 2, 1)))
    x = b.relu(b.conv("high2", x, (6, 6), dilations=(3, 3), pads=(3, 3, 3, 3)))
    b.head(x, 6, boxes=2)
    return b.finish(["crp", "lrp-alpha1beta0", rules(high="flat", low="w2", pixels="flat"), rules(pixels="zb:-1,1")])


def groups():
    """Grouped convolutions, and depthwise ones with a multiplier, also on the pixels."""
    b = Builder("groups", 12, 12, seed=3)
    x = b.relu(b.conv("pixels", "image", (3, 6), group=3, strides=(2, 2), pads=(0, 0, 1, 1)))
    x = b.relu(b.conv("low_grouped", x, (6, 8), group=2))
    x = b.relu6(b.conv("high_depthwise", x, (8, 16), group=8, strides=(2, 2)))
    x = b.relu(b.conv("high_pointwise", x, (16, 6), kernel=1, pads=(0, 0, 0, 0)))
    b.head(x, 6, boxes=2)
    feature = ("epsilon:0.25std", "zplus", "alphabeta:2,1", "abs", "gamma:0.25", "w2", "flat")
    return b.finish([rules(high=rule, low=rule, pixels=rule) for rule in feature])


def signed_features():
    """No activation at all, so that every feature layer reads signed values; every rule in the feature layers."""
    b = Builder("signed_features", 10, 12, seed=4)
    x = b.conv("pixels", "image", (3, 6))
    x = b.conv("low", x, (6, 6), pads=(1, 1, 0, 0))
    x = b.conv("high", x, (6, 8), strides=(2, 2))
    b.head(x, 8, boxes=2)
    high = [rules(high=rule) for rule in FEATURE_RULES]
    return b.finish(high + [rules(low=rule) for rule in FEATURE_RULES])


def pixel_rules():
    """Every rule in the layer that reads the picture."""
    b = Builder("pixel_rules", 11, 9, seed=5)
    x = b.relu(b.conv("pixels", "image", (3, 8), strides=(2, 2)))
    x = b.relu(b.conv("high", x, (8, 8)))
    b.head(x, 8, boxes=2)
    return b.finish([rules(pixels=rule) for rule in PIXEL_RULES])


def head_rules():
    """Classification and localization layers with rules of their own; unit seeds, whose rule is another one."""
    b = Builder("head_rules", 10, 10, seed=6)
    x = b.relu(b.conv("pixels", "image", (3, 6), strides=(2, 2)))
    x = b.conv("high", x, (6, 6))
    b.head(x, 6, boxes=2)
    pairs = [("zplus", "abs"), ("abs", "zplus"), ("w2", "flat"), ("flat", "w2"), ("gamma:0.5", "alphabeta:2,1"),
             ("alphabeta:3,2", "epsilon:0.1std"), ("epsilon:0.5", "gamma:0.1")]  # fmt: skip
    composites = [rules(classification=first, localization=second) for first, second in pairs]
    return b.finish(composites, unit=["crp", rules(classification="zplus", localization="flat", pixels="abs")])


def residual():
    """Inverted residuals: linear bottlenecks, signed sums, one residual upon another; both rules for Add."""
    b = Builder("residual", 12, 10, seed=7)
    x = b.conv("pixels", "image", (3, 5), strides=(2, 2))
    for block in ("low1", "low2"):
        y = b.relu6(b.conv(f"{block}_expand", x, (5, 10), kernel=1, pads=(0,) * 4))
        y = b.relu6(b.conv(f"{block}_depthwise", y, (10, 10), group=10))
        y = b.conv(f"{block}_project", y, (10, 5), kernel=1, pads=(0,) * 4)
        x = b.add("Add", [x, y] if block == "low1" else [y, x], f"{block}_add")
    x = b.relu6(b.conv("high_expand", x, (5, 8), strides=(2, 2)))
    y = b.conv("high_project", x, (8, 8))
    x = b.add("Add", [y, x], "high_add")
    b.head(x, 8, boxes=2)
    composites = ["lrp-epsilon", "lrp-alpha1beta0", "lrp-alpha2beta1", "crp"]
    return b.finish(composites + [rules(high="abs", add=add) for add in ("prop", "abs")])


def consumers():
    """A tensor that three operators read, a picture that two read, and an Add of a tensor to itself."""
    b = Builder("consumers", 12, 12, seed=8)
    first = b.relu(b.conv("pixels1", "image", (3, 4), strides=(2, 2)))
    second = b.conv("pixels2", "image", (3, 4), kernel=1, pads=(0,) * 4, strides=(2, 2))
    x = b.relu(b.conv("high1", b.add("Add", [first, second], "sum"), (4, 6)))
    y = b.conv("high2", x, (6, 6))
    y = b.add("Add", [y, x], "shared")
    y = b.add("Add", [y, y], "doubled")
    z = b.relu(b.conv("high3", x, (6, 6), strides=(2, 2)))
    for tap in (x, y, z):
        b.head(tap, 6, boxes=2)
    return b.finish(["crp", "lrp-epsilon", "lrp-alpha1beta0", rules(high="gamma:0.25", add="prop")])


def max_pool_2x2():
    """Maximum over 2x2, with ties among zeros and among clipped values."""
    b = Builder("max_pool_2x2", 12, 14, seed=9)
    x = b.relu6(b.conv("pixels", "image", (3, 6), bias=10))
    x = b.max_pool("pool", x, 2, (2, 2))
    x = b.relu(b.conv("high", x, (6, 6)))
    b.head(x, 6, boxes=2)
    return b.finish(["crp", "lrp-alpha1beta0", rules(high="w2"), rules(high="flat", pixels="flat")])


def max_pool_3x3():
    """Overlapping maxima over 3x3 with pads, of stride 2 and of stride 1, with ties; signed values beside pads."""
    b = Builder("max_pool_3x3", 13, 11, seed=10)
    x = b.relu6(b.conv("pixels", "image", (3, 6), bias=10))
    x = b.max_pool("pool1", x, 3, (2, 2), pads=(1, 1, 1, 1))
    x = b.conv("high1", x, (6, 6))
    x = b.max_pool("pool2", x, 3, (1, 1), pads=(1, 1, 1, 1))
    x = b.relu(b.conv("high2", x, (6, 6)))
    b.head(x, 6, boxes=2)
    return b.finish(["crp", "lrp-alpha1beta0", rules(high="w2"), rules(high="flat", pixels="flat")])


def clipped():
    """Values beyond 6, whose relevance passes the clip while the next layer sees 6."""
    b = Builder("clipped", 10, 10, seed=11)
    x = b.relu6(b.conv("pixels", "image", (3, 6), bias=5))
    x = b.relu6(b.conv("low", x, (6, 8), bias=3))
    x = b.relu6(b.conv("high", x, (8, 8), strides=(2, 2), bias=3))
    b.head(x, 8, boxes=2, lite=True)
    return b.finish([*LAYERWISE, rules(low="w2"), rules(low="gamma:0.25", pixels="epsilon:0.1")])


def border():
    """Kernels as large as the map, so that padding is most of what they see; rules that do not read the inputs."""
    b = Builder("border", 6, 7, seed=12)
    x = b.relu(b.conv("pixels", "image", (3, 6), kernel=5, pads=(2, 2, 2, 2)))
    x = b.relu(b.conv("high1", x, (6, 6), kernel=5, pads=(4, 3, 2, 3), strides=(2, 2)))
    x = b.relu(b.conv("high2", x, (6, 6), kernel=3, pads=(2, 2, 2, 2)))
    b.head(x, 6, boxes=2)
    spreads = [rules(high=rule, pixels=rule) for rule in ("w2", "flat", "zplus", "abs")]
    return b.finish([*spreads, rules(high="flat", pixels="zb:-1,1"), rules(pixels="zb:-1.5,2")])


def batch_norm_identity():
    """Batch normalisation after convolutions with and without bias, also depthwise and on the pixels; Identity."""
    b = Builder("batch_norm_identity", 12, 12, seed=13)
    x = b.add("Identity", ["image"], "picture")
    x = b.relu(b.batch_norm("pixels_norm", b.conv("pixels", x, (3, 6), strides=(2, 2), bias=0), 6))
    x = b.add("Identity", [x], "passed")
    x = b.relu6(b.batch_norm("high_norm1", b.conv("high_depthwise", x, (6, 6), group=6), 6))
    x = b.batch_norm("high_norm2", b.conv("high_pointwise", x, (6, 8), kernel=1, pads=(0,) * 4, bias=0), 8)
    b.head(x, 8, boxes=2)
    return b.finish(["crp", "lrp-alpha1beta0", "lrp-epsilon", rules(high="w2", pixels="flat")])


def lite_heads():
    """Three resolutions with SSDLite's heads, and features above the finest tap: layer types and the boundary."""
    b = Builder("lite_heads", 20, 16, seed=14)
    x = b.relu6(b.conv("pixels", "image", (3, 6), strides=(2, 2), pads=(0, 0, 1, 1)))
    x = b.relu6(b.conv("low", x, (6, 6)))
    x = b.relu6(b.conv("high1", x, (6, 8), strides=(2, 2), pads=(0, 0, 1, 1)))
    tap1 = b.relu6(b.conv("high2", x, (8, 8)))
    tap2 = b.relu6(b.conv("high3", tap1, (8, 8), strides=(2, 2), pads=(1, 1, 0, 0)))
    tap3 = b.relu6(b.conv("high4", tap2, (8, 8), strides=(2, 2)))
    for tap, boxes in ((tap1, 2), (tap2, 3), (tap3, 3)):
        b.head(tap, 8, boxes, lite=True)
    return b.finish([*LAYERWISE, rules(high="gamma:0.25", low="flat")], unit=["crp"])


def dense():
    """Fully connected layers: Gemm with its factors, a matrix product with and without a bias, and by pixel."""
    b = Builder("dense", 8, 6, seed=15)
    x = b.relu(b.conv("pixels", "image", (3, 5)))
    weight = b.constant("pixelwise.weight", b.normal((5, 6)))
    y = b.add("Transpose", [x], "channels_last", perm=(0, 2, 3, 1))
    y = b.add("MatMul", [y, weight], "pixelwise")
    y = b.add("Add", [b.constant("pixelwise.bias", b.normal(6, 0.3)), y], "pixelwise.sum")
    y = b.add("Transpose", [b.relu(y)], "channels_first", perm=(0, 3, 1, 2))
    x = b.relu(b.conv("high", y, (6, 4), strides=(2, 2)))
    x = b.add("Flatten", [x], "flat")
    operands = [b.constant("gemm.weight", b.normal((10, 48))), b.constant("gemm.bias", b.normal(10, 0.3))]
    x = b.add("Gemm", [x, *operands], "gemm", transB=1, alpha=1.5, beta=0.5)
    x = b.relu(x)
    x = b.add("MatMul", [x, b.constant("product.weight", b.normal((10, 6)))], "product")
    x = b.add("Reshape", [x, b.ints("map", [1, 6, 1, 1])], "mapped")
    b.head(x, 6, boxes=2)
    return b.finish([*LAYERWISE, *(rules(high=rule) for rule in FEATURE_RULES), "lrp-epsilon-plus-flat"])


def averages():
    """Averages over windows, with pads that count, and over whole maps."""
    b = Builder("averages", 11, 12, seed=16)
    x = b.relu(b.conv("pixels", "image", (3, 5)))
    x = b.add("AveragePool", [x], "low_pool", kernel_shape=(3, 2), strides=(2, 1), pads=(1, 0, 1, 1), count_include_pad=1)
    x = b.conv("high", x, (5, 6), strides=(2, 2))
    x = b.add("AveragePool", [x], "high_pool", kernel_shape=(2, 2), strides=(1, 1))
    b.head(x, 6, boxes=2)
    y = b.add("GlobalAveragePool", [x], "global")
    z = b.add("ReduceMean", [x], "mean", axes=(-1, 2), keepdims=0)
    z = b.add("Unsqueeze", [z, b.ints("behind", [2, 3])], "mean.map")
    y = b.add("Concat", [y, z], "means", axis=1)
    b.head(y, 12, boxes=1)
    return b.finish([*LAYERWISE, *(rules(high=rule, low=rule) for rule in FEATURE_RULES)])


def averages_at_the_border():
    """Averages over the inputs that are there alone, and windows that reach over the end."""
    b = Builder("averages_at_the_border", 9, 10, seed=17)
    x = b.conv("pixels", "image", (3, 5))
    x = b.add("AveragePool", [x], "high_pool1", kernel_shape=(3, 3), strides=(2, 2), pads=(1, 1, 1, 1))
    x = b.add("AveragePool", [x], "high_pool2", kernel_shape=(2, 2), strides=(2, 2), ceil_mode=1)
    b.head(x, 5, boxes=2)
    # No epsilon: what it is compared with is the sum before the division by the number of inputs.
    ratios = [rule for rule in FEATURE_RULES if not rule.startswith("epsilon")]
    return b.finish([rules(high=rule, low=rule) for rule in ratios])


def transposed():
    """Transposed convolutions: stride, dilation, groups, uneven pads, a rest at the end; signed inputs."""
    b = Builder("transposed", 8, 10, seed=18)
    x = b.conv("pixels", "image", (3, 6), strides=(2, 2))
    x = b.conv_transpose("high1", x, (6, 4), kernel=3, strides=(2, 2), pads=(1, 0, 0, 1), extra=(1, 0))
    x = b.conv("high2", b.relu(x), (4, 6), strides=(2, 2))
    x = b.conv_transpose("high3", x, (6, 4), kernel=2, dilations=(2, 1), pads=(1, 0, 1, 1), group=2, bias=0)
    x = b.add("Relu", [x], "last")
    b.head(x, 4, boxes=2)
    return b.finish([*LAYERWISE, *(rules(high=rule, low=rule) for rule in FEATURE_RULES)])


def resizing():
    """Resizing that interpolates, larger and smaller, by every convention, and to the nearest pixel."""
    b = Builder("resizing", 9, 7, seed=19)
    x = b.conv("pixels", "image", (3, 4))
    x = b.resize("low_up", x, scales=(1.5, 2.0), mode="linear", coordinate_transformation_mode="half_pixel")
    x = b.conv("low", b.relu(x), (4, 5), strides=(2, 2))
    x = b.resize("low_corners", x, channels=5, sizes=(8, 6), mode="linear", coordinate_transformation_mode="align_corners")
    x = b.conv("high1", x, (5, 6), strides=(2, 2))
    x = b.resize("high_down", x, channels=6, sizes=(3, 2), mode="linear", coordinate_transformation_mode="pytorch_half_pixel")
    y = b.resize("nearest1", x, scales=(2.0, 2.0), coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    z = b.resize("nearest2", x, channels=6, sizes=(6, 4), coordinate_transformation_mode="half_pixel")
    y = b.add("Concat", [y, z], "both", axis=1)
    y = b.resize("high_plain", y, channels=12, sizes=(4, 4), mode="linear", coordinate_transformation_mode="asymmetric")
    b.head(b.relu(b.conv("high2", y, (12, 6))), 6, boxes=2)
    return b.finish([*LAYERWISE, *(rules(high=rule, low=rule) for rule in FEATURE_RULES)])


def gates():
    """Gated products: squeeze-and-excite, SiLU, the hard swish of old and new exporters; PRelu and LeakyRelu."""
    b = Builder("gates", 10, 10, seed=20, opset=14)
    x = b.add("HardSwish", [b.conv("pixels", "image", (3, 6), strides=(2, 2))], "hard_swish")
    x = b.conv("high1", x, (6, 6))
    x = b.add("Mul", [b.add("Sigmoid", [x], "sigmoid"), x], "silu")
    gate = b.add("GlobalAveragePool", [x], "squeeze")
    gate = b.relu(b.conv("squeeze1", gate, (6, 2), kernel=1, pads=(0,) * 4))
    gate = b.conv("squeeze2", gate, (2, 6), kernel=1, pads=(0,) * 4)
    x = b.add("Mul", [x, b.add("HardSigmoid", [gate], "excite", alpha=1 / 6, beta=0.5)], "excited")
    x = b.conv("high2", x, (6, 6))
    shifted = b.add("Add", [x, b.constant("three", np.array(3, np.float32))], "shifted")
    b.constant("zero", np.array(0, np.float32))
    b.constant("six", np.array(6, np.float32))
    clipped = b.add("Clip", [shifted, "zero", "six"], "clipped")
    x = b.add("Div", [b.add("Mul", [x, clipped], "times"), "six"], "old_hard_swish")
    slope = b.constant("slope", b.random.uniform(0.1, 0.4, (6, 1, 1)).astype(np.float32))
    x = b.add("PRelu", [b.conv("high3", x, (6, 6)), slope], "prelu")
    x = b.add("LeakyRelu", [b.conv("high4", x, (6, 6))], "leaky", alpha=0.1)
    b.head(x, 6, boxes=2)
    everywhere = rules(high="rescale:0.75", low="rescale:0.75", pixels="rescale:0.75")
    return b.finish([*LAYERWISE, rules(high="gamma:0.25"), rules(high="abs", pixels="zb:-1,1"), everywhere])


def attention():
    """Attention as YOLO11 has it: softmax(QᵀK) weights V from the right, then, in the second block, from the left, and V also goes on by itself."""
    b = Builder("attention", 16, 20, seed=31)
    x = b.relu(b.conv("pixels", "image", (3, 8), strides=(2, 2), pads=(0, 0, 1, 1)))
    x = b.relu(b.conv("low", x, (8, 8)))
    x = b.relu(b.conv("high1", x, (8, 8), strides=(2, 2), pads=(0, 0, 1, 1)))
    cells, heads, depth, width = 4 * 5, 2, 3, 4
    for name, is_right in (("right", True), ("left", False)):
        qkv = b.conv(f"{name}.qkv", x, (8, heads * (2 * depth + width)), kernel=1, pads=(0,) * 4)
        qkv = b.add("Reshape", [qkv, b.ints(f"{name}.heads", [1, heads, 2 * depth + width, cells])], f"{name}.parts")
        q, k, v = (f"{name}.{part}" for part in "qkv")
        b.split([qkv, b.ints(f"{name}.sizes", [depth, depth, width])], [q, k, v], axis=2)
        scaled = b.add("Mul", [q, b.constant(f"{name}.scale", np.array(depth**-0.5, np.float32))], f"{name}.scaled")
        turned = {"perm": (0, 1, 3, 2)}
        weights = b.add("MatMul", [b.add("Transpose", [scaled], f"{name}.rows", **turned), k], f"{name}.weights")
        softmax = b.add("Softmax", [weights], f"{name}.softmax", axis=-1)
        if is_right:
            softmax = b.add("Transpose", [softmax], f"{name}.columns", **turned)
            y = b.add("MatMul", [v, softmax], f"{name}.attended")
        else:
            y = b.add("MatMul", [softmax, b.add("Transpose", [v], f"{name}.values", **turned)], f"{name}.attended")
            y = b.add("Transpose", [y], f"{name}.back", **turned)
        sizes = b.ints(f"{name}.map", [1, 8, 4, 5])
        y, v = (b.add("Reshape", [part, sizes], f"{part}.map") for part in (y, v))
        own = b.conv(f"{name}.own", v, (8, 8), group=8)
        y = b.conv(f"{name}.projected", b.add("Add", [y, own], f"{name}.both"), (8, 8), kernel=1, pads=(0,) * 4)
        x = b.add("Add", [x, y], f"{name}.sum")
    b.head(x, 8, boxes=2)
    return b.finish([*LAYERWISE, rules(high="w2"), rules(high="gamma:0.25", add="half"), *features()[:3]])


def areas():
    """Attention within areas as YOLO12 has it: two halves of the map take the place of the batch."""
    b = Builder("areas", 16, 20, seed=32)
    x = b.relu(b.conv("pixels", "image", (3, 8), strides=(2, 2), pads=(0, 0, 1, 1)))
    x = b.relu(b.conv("low", x, (8, 8)))
    x = b.relu(b.conv("high1", x, (8, 8), strides=(2, 2), pads=(0, 0, 1, 1)))
    cells, areas, heads, width = 4 * 5, 2, 2, 4
    qkv = b.conv("qkv", x, (8, 24), kernel=1, pads=(0,) * 4)
    qkv = b.add("Reshape", [qkv, b.ints("qkv.flat", [1, 24, cells])], "qkv.rows")
    qkv = b.add("Transpose", [qkv], "qkv.cells", perm=(0, 2, 1))
    qkv = b.add("Reshape", [qkv, b.ints("areas.sizes", [areas, cells // areas, 24])], "qkv.areas")
    qkv = b.add("Reshape", [qkv, b.ints("heads.sizes", [areas, cells // areas, heads, 3 * width])], "qkv.heads")
    qkv = b.add("Transpose", [qkv], "qkv.turned", perm=(0, 2, 3, 1))
    b.split([qkv, b.ints("parts", [width] * 3)], ["q", "k", "v"], axis=2)
    scaled = b.add("Mul", ["q", b.constant("scale", np.array(width**-0.5, np.float32))], "scaled")
    rows = b.add("Transpose", [scaled], "rows", perm=(0, 1, 3, 2))
    softmax = b.add("Softmax", [b.add("MatMul", [rows, "k"], "weights")], "softmax", axis=-1)
    softmax = b.add("Transpose", [softmax], "columns", perm=(0, 1, 3, 2))
    maps = []
    for part in (b.add("MatMul", ["v", softmax], "attended"), "v"):
        y = b.add("Transpose", [part], f"{part}.cells", perm=(0, 3, 1, 2))
        y = b.add("Reshape", [y, b.ints(f"{part}.whole", [1, cells, 8])], f"{part}.joined")
        y = b.add("Reshape", [y, b.ints(f"{part}.sizes", [1, 4, 5, 8])], f"{part}.last")
        maps.append(b.add("Transpose", [y], f"{part}.map", perm=(0, 3, 1, 2)))
    own = b.conv("own", maps[1], (8, 8), group=8)
    y = b.conv("projected", b.add("Add", [maps[0], own], "both"), (8, 8), kernel=1, pads=(0,) * 4)
    b.head(b.add("Add", [x, y], "sum"), 8, boxes=2)
    return b.finish(["crp", "lrp-epsilon", "lrp-alpha2beta1", rules(high="w2"), features()[0]])


def norms():
    """L2 normalisation in one operator, as a norm and a quotient, and as a root of a sum of squares; scales."""
    b = Builder("norms", 9, 8, seed=21)
    x = b.relu(b.conv("pixels", "image", (3, 6), strides=(2, 2)))
    scale = b.constant("scale", b.random.uniform(5, 20, (1, 6, 1, 1)).astype(np.float32))
    x = b.add("Mul", [scale, b.add("LpNormalization", [x], "normed1", axis=1, p=2)], "scaled")
    x = b.conv("high1", x, (6, 6))
    norm = b.add("ReduceL2", [x], "norm", axes=(1,))
    norm = b.add("Clip", [norm, b.constant("least", np.array(1e-6, np.float32))], "norm.clipped")
    x = b.add("Div", [x, norm], "normed2")
    x = b.relu(b.conv("high2", x, (6, 6)))
    squares = b.add("Pow", [x, b.constant("two", np.array(2, np.float32))], "squares")
    root = b.add("Sqrt", [b.add("ReduceSum", [squares, b.ints("channels", [1])], "sum")], "root")
    root = b.add("Add", [root, b.constant("tiny", np.array(1e-10, np.float32))], "root.kept")
    x = b.add("Div", [x, root], "normed3")
    b.head(x, 6, boxes=2)
    return b.finish([*LAYERWISE, rules(high="gamma:0.25"), rules(high="zplus", low="flat")])


def moves():
    """What moves numbers and changes none, on the way and with a sum of three; pads that are no convolution's."""
    b = Builder("moves", 10, 9, seed=22)
    x = b.conv("pixels", "image", (3, 8))
    sizes = b.ints("sizes", [2, 5, 1])
    first, second, third = (f"part{index}" for index in range(3))
    b.split([x, sizes], [first, second, third], axis=1)
    y = b.add("Concat", [third, b.relu(first), second, first], "mixed", axis=-3)
    y = b.slice("every_other", y, axis=2, start=1, end=2**62, step=2)
    y = b.slice("end", y, axis=-1, start=-8, end=-1)
    value = b.constant("value", np.array(0.5, np.float32))
    y = b.add("Pad", [y, b.ints("around", [0, 1, 0, 2, 0, 0, 1, 0]), value], "padded")
    y = b.conv("high1", y, (11, 6))
    z = b.add("Transpose", [y], "turned", perm=(0, 2, 3, 1))
    z = b.add("Reshape", [z, b.ints("rows", [1, -1, 3, 6])], "rowwise")
    z = b.add("Transpose", [z], "back", perm=(0, 3, 1, 2))
    z = b.add("Reshape", [z, b.ints("again", [0, 0, 6, 9])], "as_before")
    z = b.add("Unsqueeze", [z, b.ints("second", [1])], "unsqueezed")
    z = b.add("Squeeze", [z, "second"], "squeezed")
    x = b.add("Sum", [z, b.relu(y), b.conv("high2", y, (6, 6))], "sum")
    zeros = b.add("Pad", [b.relu(x), b.ints("zeros", [0, 0, 1, 0, 0, 0, 0, 2])], "zeros_around")
    x = b.relu(b.conv("high3", zeros, (6, 6), pads=(0, 1, 1, 0)))
    b.head(x, 6, boxes=2)
    return b.finish([*LAYERWISE, rules(high="abs", add="prop"), rules(high="flat", low="gamma:0.25"), rules(high="zplus")])


def picks():
    """Gather with constant places: colours turned round, ShuffleNet's shuffles of channels by a list and by way of the batch, rows picked twice and left out, a table of places."""
    b = Builder("picks", 12, 10, seed=43)

    def pick(name, x, places, axis):
        return b.add("Gather", [x, b.ints(f"{name}.places", places)], name, axis=axis)

    x = b.relu(b.conv("pixels", pick("turned", "image", [2, 1, 0], 1), (3, 8)))
    x = pick("shuffled", x, [0, 4, 1, 5, 2, 6, 3, 7], 1)
    # FastestDet's: the channels' halves take the batch's place, and each is picked by itself.
    y = b.add("Reshape", [x, b.ints("pairs", [4, 2, 120])], "paired")
    y = b.add("Transpose", [y], "parted", perm=(1, 0, 2))
    y = b.add("Reshape", [y, b.ints("halves", [2, -1, 4, 12, 10])], "halved")
    first, second = (pick(f"half{index}", y, index, 0) for index in (0, 1))
    y = b.add("Concat", [first, b.relu(b.conv("low", second, (4, 4)))], "joined", axis=1)
    y = pick("rows", y, [1, 1, 3, -2, 3, 8, 3, 0], 2)
    y = b.conv("high1", y, (8, 6), strides=(2, 2))
    table = pick("table", y, [[4, 0], [1, 3]], -1)
    z = b.add("Reshape", [table, b.ints("flat", [0, 6, 4, 4])], "flattened")
    even = pick("even", z, [0, 2], 3)
    x = b.relu(b.conv("high2", b.add("Concat", [z, even], "wider", axis=3), (6, 6)))
    b.head(x, 6, boxes=2)
    everywhere = rules(high="rescale:0.75", low="rescale:0.75", pixels="rescale:0.75")
    return b.finish([*LAYERWISE, rules(high="gamma:0.25"), everywhere, *features()[:3]])


def batch_norm_alone():
    """Batch normalisation, factors and summands that stand behind no convolution; a maximum that rounds up."""
    b = Builder("batch_norm_alone", 11, 12, seed=23)
    x = b.relu(b.conv("pixels", "image", (3, 6)))
    x = b.add("MaxPool", [x], "pool", kernel_shape=(2, 2), strides=(2, 2), ceil_mode=1)
    x = b.batch_norm("high_norm", x, 6)
    x = b.conv("high1", b.relu(x), (6, 6))
    y = b.add("Mul", [b.relu(x), b.constant("factor", b.normal((6, 1, 1)))], "scaled")
    y = b.add("Add", [y, b.constant("summand", b.normal((1, 6, 1, 1), 0.5))], "high_shifted")
    x = b.add("Add", [y, x], "sum")
    b.head(x, 6, boxes=2)
    return b.finish([*LAYERWISE, *(rules(high=rule) for rule in FEATURE_RULES)])


def normalised_picture():
    """A factor and a batch normalisation on the picture itself: with the convolution behind it the latter is a layer that reads the pixels."""
    b = Builder("normalised_picture", 11, 12, seed=41)
    x = b.add("Mul", ["image", b.constant("factor", b.normal((3, 1, 1)))], "scaled")
    x = b.batch_norm("pixels_norm", x, 3)
    x = b.relu(b.conv("pixels", x, (3, 6), strides=(2, 2)))
    x = b.relu(b.conv("high1", x, (6, 6)))
    b.head(x, 6, boxes=2)
    # Not with a small epsilon, under which a number that the normalisation makes all but 0 divides by itself.
    return b.finish(["crp", "crp-epsilon", "lrp-alpha1beta0", *(rules(pixels=rule) for rule in ("flat", "epsilon:0.25std", "rescale:0.75", "gamma:0.25"))])


def activations():
    """Every other activation; what passes numbers on as they are; a difference that stands behind no convolution."""
    b = Builder("activations", 9, 10, seed=24, opset=18)
    x = b.add("Elu", [b.conv("pixels", "image", (3, 6), strides=(2, 2))], "elu", alpha=0.75)
    x = b.add("Cast", [x], "cast", to=TensorProto.FLOAT)
    x = b.add("Mish", [b.conv("high1", x, (6, 6))], "mish")
    x = b.add("Dropout", [x], "dropout")
    x = b.add("Sub", [x, b.constant("lowered.by", b.normal((6, 1, 1), 0.5))], "high_lowered")
    x = b.add("Softplus", [b.conv("high2", x, (6, 6))], "softplus")
    y = b.add("Tanh", [b.conv("high3", x, (6, 6))], "tanh")
    z = b.add("Sigmoid", [b.conv("high4", x, (6, 6))], "sigmoid")
    x = b.add("Sum", [y, z, b.add("HardSigmoid", [b.conv("high5", x, (6, 6))], "hard_sigmoid")], "sum")
    b.head(x, 6, boxes=2)
    everywhere = rules(high="rescale:0.75", low="rescale:0.75", pixels="rescale:0.75")
    return b.finish([*LAYERWISE, rules(high="gamma:0.25"), rules(high="zplus", add="prop"), everywhere])


def resizing_conventions():
    """Resizing to sizes that are rounded, in the conventions that `resizing` has not, and to the nearest pixel by every rounding."""
    b = Builder("resizing_conventions", 7, 9, seed=29, opset=19)
    x = b.conv("pixels", "image", (3, 4))
    x = b.resize("low_symmetric", x, scales=(1.5, 1.3), mode="linear", coordinate_transformation_mode="half_pixel_symmetric")
    x = b.conv("high1", b.relu(x), (4, 4), strides=(2, 2))
    parts = [
        b.resize("ceil", x, channels=4, sizes=(8, 9), nearest_mode="ceil", coordinate_transformation_mode="asymmetric"),
        b.resize("up", x, channels=4, sizes=(8, 9), nearest_mode="round_prefer_ceil", coordinate_transformation_mode="align_corners"),
        b.resize("floor", x, channels=4, sizes=(8, 9), nearest_mode="floor", coordinate_transformation_mode="half_pixel"),
        b.resize("symmetric", x, scales=(1.7, 1.625), coordinate_transformation_mode="half_pixel_symmetric"),
        b.resize("pytorch", x, channels=4, sizes=(8, 9), nearest_mode="round_prefer_ceil", coordinate_transformation_mode="pytorch_half_pixel"),
    ]  # fmt: skip
    x = b.add("Concat", parts, "all", axis=1)
    x = b.resize("high_plain", x, scales=(0.7, 0.6), mode="linear", coordinate_transformation_mode="asymmetric")
    b.head(b.relu(b.conv("high2", x, (20, 6))), 6, boxes=2)
    return b.finish([*LAYERWISE, *(rules(high=rule, low=rule) for rule in FEATURE_RULES)])


def inverse_norms():
    """L2 normalisation as a product with one over the norm, with a repeated norm, and L1 normalisation."""
    b = Builder("inverse_norms", 8, 9, seed=26)
    x = b.relu(b.conv("pixels", "image", (3, 6), strides=(2, 2)))
    squares = b.add("ReduceSumSquare", [x], "squares", axes=(1,))
    bounded = b.add("Max", [squares, b.constant("least", np.array(1e-9, np.float32))], "bounded")
    x = b.add("Mul", [x, b.add("Reciprocal", [b.add("Sqrt", [bounded], "root")], "inverse")], "normed1")
    x = b.conv("high1", x, (6, 6))
    norm = b.add("Clip", [b.add("ReduceL2", [x], "norm", axes=(1,)), "least"], "norm.clipped")
    norm = b.add("Expand", [norm, b.ints("sizes", [1, 6, 4, 5])], "norm.everywhere")
    x = b.relu(b.conv("high2", b.add("Div", [x, norm], "normed2"), (6, 6)))
    one = b.constant("one", np.array(1, np.float32))
    norm = b.add("Add", [b.add("ReduceL2", [x], "third", axes=(1,)), b.constant("tiny", np.array(1e-6, np.float32))], "kept")
    x = b.add("Mul", [b.add("Div", [one, norm], "one_over"), x], "normed3")
    x = b.add("LpNormalization", [b.conv("high3", x, (6, 6))], "normed4", axis=1, p=1)
    b.head(x, 6, boxes=2)
    everywhere = rules(high="rescale:0.75", low="rescale:0.75", pixels="rescale:0.75")
    return b.finish([*LAYERWISE, rules(high="gamma:0.25"), rules(high="zplus", low="flat"), everywhere])


def responses():
    """Local response normalisation over some channels and over all, behind grouped convolutions as AlexNet has them."""
    b = Builder("responses", 9, 8, seed=41)
    x = b.relu(b.conv("pixels", "image", (3, 6), strides=(2, 2)))
    x = b.add("LRN", [x], "normed1", size=3, alpha=2.0, beta=0.75, bias=1.0)
    x = b.relu(b.conv("high1", x, (6, 8), group=2))
    x = b.add("LRN", [x], "normed2", size=5, alpha=0.5, beta=0.5, bias=2.0)
    x = b.add("LRN", [b.conv("high2", x, (8, 6), group=2)], "normed3", size=9, alpha=1.0)
    b.head(x, 6, boxes=2)
    everywhere = rules(high="rescale:0.75", low="rescale:0.75", pixels="rescale:0.75")
    return b.finish([*LAYERWISE, rules(high="gamma:0.25"), rules(high="zplus", low="flat"), everywhere])


def channels_last():
    """Pictures with their channels last and a free batch, as TensorFlow has them; what lies between transposes is by column."""
    b = Builder("channels_last", 11, 9, seed=27)
    x = b.add("Transpose", ["image"], "first", perm=(0, 3, 1, 2))
    x = b.conv("pixels", x, (3, 6), strides=(2, 2), pads=(0, 0, 1, 1))
    x = b.add("Transpose", [b.relu(x)], "last1", perm=(0, 2, 3, 1))
    parts = ["left", "right"]
    b.split([x, b.ints("sizes", [2, 4])], parts, axis=3)
    x = b.add("Concat", [parts[1], b.slice("rows", x, axis=3, start=1, end=3), parts[0]], "joined", axis=3)
    x = b.add("Transpose", [x], "first1", perm=(0, 3, 1, 2))
    x = b.relu6(b.batch_norm("high_norm", b.conv("high", x, (8, 6)), 6))
    x = b.add("Transpose", [x], "last2", perm=(0, 2, 3, 1))
    x = b.add("Transpose", [x], "first2", perm=(0, 3, 1, 2))
    b.head(x, 6, boxes=2)
    return b.finish([*LAYERWISE, rules(high="flat", pixels="zb:-1,1"), rules(high="gamma:0.25")], channels_last=True)


def same_pads():
    """Pads that are to be worked out: as many outputs as inputs over stride, with the odd one at the end or the beginning, and none."""
    b = Builder("same_pads", 13, 11, seed=28)
    weight = b.constant("pixels.weight", b.normal((5, 3, 3, 2), 0.4))
    x = b.add("Conv", ["image", weight], "pixels", auto_pad="SAME_UPPER", strides=(2, 2))
    x = b.add("MaxPool", [b.relu(x)], "pool1", auto_pad="SAME_LOWER", kernel_shape=(3, 2), strides=(2, 1))
    weight = b.constant("high1.weight", b.normal((6, 5, 3, 2), 0.3))
    x = b.add("Conv", [x, weight], "high1", auto_pad="SAME_LOWER", strides=(1, 2))
    x = b.add("AveragePool", [x], "high_pool", auto_pad="SAME_UPPER", kernel_shape=(2, 2), count_include_pad=1)
    x = b.add("MaxPool", [x], "pool2", auto_pad="SAME_UPPER", kernel_shape=(2, 2), strides=(1, 1))
    weight = b.constant("high2.weight", b.normal((6, 6, 2, 2), 0.3))
    x = b.relu(b.add("Conv", [x, weight], "high2", auto_pad="VALID"))
    b.head(x, 6, boxes=2)
    return b.finish([*LAYERWISE, *(rules(high=rule) for rule in FEATURE_RULES)])


def feature_pyramid():
    """A feature pyramid as tf2onnx writes TensorFlow's: upsampled by joining a map to itself; a head of which the levels share all but batch normalisation."""
    b = Builder("feature_pyramid", 24, 24, seed=30)
    x = b.relu6(b.conv("pixels", "image", (3, 6), strides=(2, 2), pads=(0, 0, 1, 1)))
    fine = b.relu6(b.conv("low", x, (6, 6), strides=(2, 2), pads=(0, 0, 1, 1)))
    coarse = b.relu6(b.conv("high", fine, (6, 8), strides=(2, 2), pads=(0, 0, 1, 1)))
    top = b.conv("projection_coarse", coarse, (8, 6), kernel=1, pads=(0,) * 4)
    y = b.add("Unsqueeze", [top, b.ints("first", [1])], "wider.part")
    y = b.add("Concat", [y, y], "wider.parts", axis=1)
    y = b.add("Transpose", [y], "wider.last", perm=(0, 3, 4, 1, 2))
    y = b.add("Reshape", [y, b.ints("wider.sizes", [1, 3, 6, 6])], "wider")
    y = b.add("Unsqueeze", [y, b.ints("second", [2])], "taller.part")
    y = b.add("Concat", [y, y], "taller.parts", axis=2)
    y = b.add("Reshape", [y, b.ints("taller.sizes", [1, 6, 6, 6])], "taller")
    y = b.add("Transpose", [y], "upsampled", perm=(0, 3, 1, 2))
    y = b.add("Add", [y, b.conv("projection_fine", fine, (6, 6), kernel=1, pads=(0,) * 4)], "sum")
    levels = [b.relu6(b.batch_norm("smoothing_norm", b.conv("smoothing", y, (6, 6)), 6)), top]
    levels.append(b.relu6(b.conv("coarsest", top, (6, 6), strides=(2, 2))))
    shapes = {"depthwise": (6, 1, 3, 3), "pointwise": (6, 6, 1, 1), "class_logits": (12, 6, 3, 3), "box_offsets": (12, 6, 3, 3)}
    shared = {name: b.constant(f"{name}.weight", b.normal(shape, np.sqrt(2 / np.prod(shape[1:])))) for name, shape in shapes.items()}
    bias = b.constant("class_logits.bias", b.normal(12, 0.3))
    for level, x in enumerate(levels):
        x = b.add("Conv", [x, shared["depthwise"]], f"depthwise{level}", pads=(1,) * 4, group=6)
        x = b.add("Conv", [x, shared["pointwise"]], f"pointwise{level}")
        x = b.relu6(b.batch_norm(f"norm{level}", x, 6))
        for output, more in (("class_logits", [bias]), ("box_offsets", [])):
            y = b.add("Conv", [x, shared[output], *more], f"{output}{level}", pads=(1,) * 4)
            y = b.add("Transpose", [y], f"{output}{level}.transposed", perm=(0, 2, 3, 1))
            y = b.add("Reshape", [y, b.ints(f"{output}{level}.sizes", [1, -1, 4])], f"{output}{level}.rows")
            b.heads.append((output, y))
    return b.finish([*LAYERWISE, rules(high="gamma:0.25"), rules(high="zplus", add="prop"), rules(high="flat", low="w2")], unit=["crp"])


def low_layers():
    """Every kind of convolution in the low part, odd pads that are to be worked out, and sums in the low and the high part."""
    b = Builder("low_layers", 17, 14, seed=30)
    weight = b.constant("pixels.weight", b.normal((6, 3, 3, 3), 0.3))
    x = b.relu6(b.add("Conv", ["image", weight], "pixels", auto_pad="SAME_UPPER", strides=(2, 2)))
    y = b.relu6(b.conv("low_depthwise", x, (6, 6), group=6, pads=(1, 1, 1, 1)))
    y = b.relu(b.conv("low_grouped", y, (6, 8), group=2, kernel=(3, 2), dilations=(2, 1), pads=(2, 0, 2, 1)))
    y = b.conv("low_pointwise", y, (8, 6), kernel=1, pads=(0,) * 4)
    x = b.relu(b.conv("low_expand", b.add("Add", [x, y], "low_sum"), (6, 8), kernel=1, pads=(0,) * 4))
    weight = b.constant("high1.weight", b.normal((6, 8, 3, 3), 0.2))
    x = b.add("Conv", [x, weight], "high1", auto_pad="SAME_LOWER", strides=(2, 2))
    x = b.add("Sum", [x, b.conv("high2", x, (6, 6)), b.relu(b.conv("high3", x, (6, 6)))], "high_sum")
    b.head(b.relu6(b.conv("high4", x, (6, 6))), 6, boxes=2)
    return b.finish(["crp-features", *features()])


def low_pools():
    """Maxima with pads and strides, averages over the inputs that are there, and batch normalisation in the low part."""
    b = Builder("low_pools", 19, 16, seed=31)
    x = b.relu(b.conv("pixels", "image", (3, 5)))
    x = b.max_pool("pool1", x, 3, (2, 2), pads=(1, 1, 1, 1))
    x = b.conv("low1", x, (5, 6), pads=(0, 1, 2, 1))
    x = b.add("AveragePool", [x], "low_average", kernel_shape=(3, 2), strides=(1, 1), pads=(1, 0, 1, 1))
    x = b.batch_norm("low_norm", b.relu(x), 6)
    x = b.add("MaxPool", [x], "pool2", auto_pad="SAME_UPPER", kernel_shape=(2, 2), strides=(1, 1))
    x = b.relu(b.conv("high1", x, (6, 6), strides=(2, 2)))
    b.head(b.relu6(b.conv("high2", x, (6, 6))), 6, boxes=2)
    return b.finish(["crp-features", *features()])


def low_branches():
    """Branches of different widths in the low part, split, sliced and joined; the boundary is what joins them."""
    b = Builder("low_branches", 14, 13, seed=32)
    x = b.relu(b.conv("pixels", "image", (3, 7), pads=(0, 0, 2, 2)))
    b.split([x, b.ints("sizes", [2, 5])], ["narrow", "wide"], axis=1)
    y = b.relu(b.conv("low1", "narrow", (2, 3)))
    z = b.conv("low2", "wide", (5, 4), kernel=1, pads=(0,) * 4)
    y = b.add("Concat", [y, b.slice("every_other", x, axis=1, start=0, end=7, step=2), z], "joined", axis=1)
    y = b.relu(b.conv("low3", y, (11, 5), dilations=(2, 2), pads=(2, 2, 2, 2)))
    y = b.add("Concat", [y, x, b.conv("low4", z, (4, 2))], "boundary", axis=1)
    y = b.relu(b.conv("high1", y, (14, 6), strides=(2, 2)))
    b.head(b.relu6(b.conv("high2", y, (6, 6))), 6, boxes=2)
    return b.finish(["crp-features", *features()])


def low_depthwise():
    """A depthwise layer between the boundary and what joins two branches whose cells lie a little apart."""
    b = Builder("low_depthwise", 18, 17, seed=33)
    x = b.relu6(b.conv("pixels", "image", (3, 4)))
    y = b.relu(b.conv("low1", x, (4, 3), strides=(2, 2), pads=(1, 1, 1, 1)))
    z = b.conv("low2", x, (4, 5), kernel=2, strides=(2, 2), pads=(0, 0, 0, 1))
    x = b.add("Concat", [y, z], "joined", axis=-3)
    x = b.relu6(b.conv("low_depthwise", x, (8, 8), group=8))
    x = b.relu(b.conv("high1", x, (8, 6), strides=(2, 2), pads=(1, 1, 0, 1)))
    b.head(b.relu6(b.conv("high2", x, (6, 6))), 6, boxes=2)
    return b.finish(["crp-features", *features()])


def low_taps():
    """Two high layers that read two low maps, one behind the other, a sum of maps with different strides, and a pad."""
    b = Builder("low_taps", 13, 13, seed=34)
    x = b.relu(b.conv("pixels", "image", (3, 5), pads=(0, 1, 1, 0)))
    y = b.relu(b.conv("low1", x, (5, 6), strides=(2, 2)))
    high1 = b.relu(b.conv("high1", y, (6, 6), strides=(2, 2)))
    z = b.conv("low2", x, (5, 6), kernel=7, pads=(0, 0, 0, 0))
    y = b.add("Add", [y, z], "low_sum")
    value = b.constant("value", np.array(0.5, np.float32))
    y = b.add("Pad", [y, b.ints("around", [0, 0, 1, 0, 0, 0, 0, 2]), value], "padded")
    y = b.relu(b.conv("low3", y, (6, 5)))
    high2 = b.conv("high2", y, (5, 6), kernel=(3, 4), strides=(2, 2), pads=(0, 0, 1, 0))
    b.head(high1, 6, boxes=2)
    b.head(b.relu(b.conv("high3", b.add("Add", [high1, high2], "high_sum"), (6, 6))), 6, boxes=2)
    return b.finish(["crp-features", *features()])


ALL = (
    stride_pads, dilation, groups, signed_features, pixel_rules, head_rules, residual, consumers, max_pool_2x2,
    max_pool_3x3, clipped, border, batch_norm_identity, lite_heads, dense, averages, averages_at_the_border, transposed,
    resizing, gates, norms, moves, batch_norm_alone, normalised_picture, activations, resizing_conventions, inverse_norms, responses, channels_last,
    same_pads, feature_pyramid, low_layers, low_pools, low_branches, low_depthwise, low_taps, attention, areas,
    picks,
)  # fmt: skip
