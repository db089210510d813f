"""Builds the paper's network with seeded random weights: python build_ssd300_vgg16.py FILE.onnx [--width SHARE] [--seed N]

Out: an ONNX file with the layers, names and outputs of SSD300-VGG16 for the 20 classes of Pascal VOC (Liu et al. 2016; Caffe's deploy.prototxt), input `image`
[1, 3, 300, 300], outputs `class_logits` [1, 8732, 21] and `box_offsets` [1, 8732, 4]. No registry carries trained weights; this is the architecture to
try everything else on. With --width the layers have that share of their channels. Needs numpy and onnx.
"""

import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CLASSES = 21
# Boxes per cell of conv4_3, fc7, conv6_2, conv7_2, conv8_2, conv9_2.
SHAPES = (4, 6, 6, 6, 4, 4)


class Builder:
    """Adds layers one after the other; each method returns the name of the tensor that it makes."""

    def __init__(self, width, seed):
        self.width, self.random = width, np.random.default_rng(seed)
        self.nodes, self.constants, self.channels = [], [], {"image": 3}

    def constant(self, name, values, kind=np.float32):
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def conv(self, name, x, outputs, kernel=3, pad=1, stride=1, dilation=1, gain=2.0):
        inputs = self.channels[x]
        deviation = np.sqrt(gain / (inputs * kernel * kernel))
        weight = self.random.normal(0, deviation, (outputs, inputs, kernel, kernel))
        bias = self.random.normal(0, 0.1, outputs)
        operands = [self.constant(f"{name}.weight", weight), self.constant(f"{name}.bias", bias)]
        self.channels[name] = outputs
        return self.node("Conv", [x, *operands], name, kernel_shape=[kernel] * 2, pads=[pad] * 4, strides=[stride] * 2,
                         dilations=[dilation] * 2)  # fmt: skip

    def relu(self, x):
        self.channels[f"{x}.relu"] = self.channels[x]
        return self.node("Relu", [x], f"{x}.relu")

    def layer(self, name, x, outputs, **attributes):
        return self.relu(self.conv(name, x, max(2, round(outputs * self.width)), **attributes))

    def pool(self, name, x, kernel=2, stride=2, pad=0):
        self.channels[name] = self.channels[x]
        # Rounded up, as Caffe does: 75 rows become 38.
        return self.node("MaxPool", [x], name, kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=[pad] * 4, ceil_mode=1)

    def l2_norm(self, name, x):
        """Each cell's channels divided by their norm, times a learned scale that starts with 20."""
        norm = self.node("ReduceL2", [x], f"{name}.norm", axes=[1], keepdims=1)
        norm = self.node("Clip", [norm, self.constant(f"{name}.least", 1e-10)], f"{name}.kept")
        quotient = self.node("Div", [x, norm], f"{name}.quotient")
        scale = self.constant(f"{name}.scale", np.full((1, self.channels[x], 1, 1), 20.0))
        self.channels[name] = self.channels[x]
        return self.node("Mul", [quotient, scale], name)

    def head(self, name, x, shapes, columns, gain):
        y = self.conv(name, x, shapes * columns, gain=gain)
        y = self.node("Transpose", [y], f"{name}.transposed", perm=[0, 2, 3, 1])
        return self.node("Reshape", [y, self.constant(f"{name}.sizes", [1, -1, columns], np.int64)], f"{name}.flat")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    onnx.save(build(arguments.width, arguments.seed), arguments.file)


def build(width, seed):
    b = Builder(width, seed)
    x = "image"
    for stage, (outputs, layers) in enumerate(((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)), 1):
        for layer in range(1, layers + 1):
            x = b.layer(f"conv{stage}_{layer}", x, outputs)
        if stage == 4:
            taps = [b.l2_norm("conv4_3_norm", x)]
        x = b.pool(f"pool{stage}", x) if stage < 5 else b.pool("pool5", x, kernel=3, stride=1, pad=1)
    x = b.layer("fc6", x, 1024, pad=6, dilation=6)
    taps.append(b.layer("fc7", x, 1024, kernel=1, pad=0))
    for name, (narrow, wide, stride, pad) in {
        "conv6": (256, 512, 2, 1), "conv7": (128, 256, 2, 1), "conv8": (128, 256, 1, 0), "conv9": (128, 256, 1, 0),
    }.items():  # fmt: skip
        x = b.layer(f"{name}_1", taps[-1], narrow, kernel=1, pad=0)
        taps.append(b.layer(f"{name}_2", x, wide, stride=stride, pad=pad))
    for output, columns, gain in (("class_logits", CLASSES, 1.0), ("box_offsets", 4, 0.1)):
        flat = []
        for tap, shapes in zip(taps, SHAPES):
            # What the norm scales up to 20 the weights scale down again.
            scale = 1 / b.channels[tap] if tap == "conv4_3_norm" else 1.0
            flat.append(b.head(f"{tap.removesuffix('.relu')}_{output}", tap, shapes, columns, gain * scale))
        b.node("Concat", flat, output, axis=1)
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 8732, columns])
        for name, columns in (("class_logits", CLASSES), ("box_offsets", 4))
    ]
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 300, 300])
    graph = helper.make_graph(b.nodes, "ssd300_vgg16", [image], outputs, b.constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


if __name__ == "__main__":
    main()
