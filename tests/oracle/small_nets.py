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
FEATURE_RULES = (
    "simple", "epsilon:0.01", "epsilon:0.25std", "alphabeta:2,1", "zplus", "abs", "gamma:0.25", "w2", "flat",
)  # fmt: skip
PIXEL_RULES = (*FEATURE_RULES, "zb:-1,1")


def rules(classification="simple", localization="simple", high="epsilon:0.25std", low="abs", pixels="w2", add="abs"):
    """A composite in the grammar; what is not named is like `crp`, with a scale of epsilon that suits a small net."""
    return (
        f"classification={classification},localization={localization},high={high},low={low},pixels={pixels},add={add}"
    )


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

    def __init__(self, name, height, width, seed):
        self.name, self.size = name, (height, width)
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

    def finish(self, composites, unit=()):
        outputs = []
        for output, columns in (("class_logits", CLASSES), ("box_offsets", 4)):
            self.add("Concat", [tensor for name, tensor in self.heads if name == output], output, axis=1)
            outputs.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, [1, None, columns]))
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, *self.size])
        graph = helper.make_graph(self.nodes, self.name, [image], outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
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
    return b.finish([*PRESETS, rules(high="gamma:0.25", low="gamma:0.25", pixels="zb:-1,1")])


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
    return b.finish([*PRESETS, rules(low="w2"), rules(low="gamma:0.25", pixels="epsilon:0.1")])


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
    return b.finish([*PRESETS, rules(high="gamma:0.25", low="flat")], unit=["crp"])


ALL = (
    stride_pads, dilation, groups, signed_features, pixel_rules, head_rules, residual, consumers, max_pool_2x2,
    max_pool_3x3, clipped, border, batch_norm_identity, lite_heads,
)  # fmt: skip
