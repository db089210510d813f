"""Writes a YOLO of darknet as an ONNX file with its manifest: python import_darknet.py NET.cfg [--weights FILE] [--names FILE] [-o NET.onnx]

In: a network as darknet describes it (Redmon's *.cfg; Debian's package `darknet` has yolov3-tiny.cfg and others), weights as darknet keeps them, and the names of
the classes, one a line (coco.names). Without weights they are random, seeded with 0 (--seed), and keep the size of what passes. Out: NET.onnx and NET.toml beside
it; convolution, batch normalisation and leaky ReLU are nodes of their own. Sections known: convolutional, maxpool, upsample, route, shortcut, yolo. --width gives
the layers that share of their channels, --size another input size. Needs numpy and onnx.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# What darknet adds to the standard deviation of batch normalisation; ONNX adds its epsilon to the variance.
EPSILON = 1e-6


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cfg", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--names", type=Path)
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--size", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    net, layers = sections(arguments.cfg.read_text())
    source = FromFile(arguments.weights) if arguments.weights else Random(arguments.seed)
    builder = Builder(net, source, arguments.width, arguments.size)
    for kind, options in layers:
        builder.layer(kind, options)
    if arguments.weights:
        source.end()
    names = arguments.names.read_text().splitlines() if arguments.names else None
    output = arguments.output or Path(f"{arguments.cfg.stem}.onnx")
    onnx.save(builder.model(arguments.cfg.stem), output)
    output.with_suffix(".toml").write_text(builder.manifest(arguments.cfg.stem, names))
    print(f"{output} and {output.with_suffix('.toml').name}: {len(builder.heads)} heads, {builder.classes} classes")


def sections(text):
    """The options of [net], and (kind, options) of every layer."""
    found = []
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif line:
            key, _, value = line.partition("=")
            found[-1][1][key.strip()] = value.strip()
    return found[0][1], found[1:]


class Random:
    """Weights that keep the size of what passes a leaky ReLU."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def convolution(self, shape, normalised):
        inputs = np.prod(shape[1:])
        weight = self.random.normal(0, np.sqrt((2 if normalised else 0.2) / inputs), shape)
        bias = self.random.normal(0, 0.1, shape[0])
        if not normalised:
            return weight, bias, None
        scale, variance = self.random.uniform(0.8, 1.2, (2, shape[0]))
        return weight, bias, (scale, self.random.normal(0, 0.1, shape[0]), variance)


class FromFile:
    """Weights in darknet's order: a layer's biases, then scales, means and variances if it is normalised, then its kernels."""

    def __init__(self, path):
        raw = path.read_bytes()
        major, minor = np.frombuffer(raw, "<i4", 2)
        # From version 0.2 on the number of pictures that it was trained on has 64 bits.
        start = 20 if major * 10 + minor >= 2 else 16
        whole = (len(raw) - start) // 4
        self.path, self.values, self.place = path, np.frombuffer(raw, "<f4", whole, start), 0

    def take(self, *shape):
        count = int(np.prod(shape))
        if self.place + count > len(self.values):
            raise SystemExit(f"{self.path} ends in the middle of a layer: it belongs to another cfg, or is cut off")
        self.place += count
        return self.values[self.place - count : self.place].reshape(shape)

    def convolution(self, shape, normalised):
        bias = self.take(shape[0])
        norm = tuple(self.take(shape[0]) for _ in range(3)) if normalised else None
        return self.take(*shape), bias, norm

    def end(self):
        if self.place != len(self.values):
            raise SystemExit(f"{self.path} has {len(self.values) - self.place} numbers too many: it belongs to another cfg")


class Builder:
    """Adds layers one after the other. A layer is (tensor, channels, rows, columns)."""

    def __init__(self, net, source, width, size):
        self.net, self.source, self.share = net, source, width
        self.height, self.width = (size or int(net[side]) for side in ("height", "width"))
        self.nodes, self.constants, self.layers, self.heads, self.anchors = [], [], [], [], []
        self.last, self.classes = ("image", int(net.get("channels", 3)), self.height, self.width), 0

    def layer(self, kind, options):
        make = getattr(self, f"make_{kind}", None)
        if make is None:
            raise SystemExit(f"layer {len(self.layers)} is [{kind}], which is not known")
        self.last = make(f"{len(self.layers):03}_{kind}", options)
        self.layers.append(self.last)

    def make_convolutional(self, name, options):
        x, channels, rows, columns = self.last
        outputs, size, stride = (int(options[key]) for key in ("filters", "size", "stride"))
        # What is linear is a head, whose channels have their meaning.
        if options.get("activation") != "linear":
            outputs = max(2, round(outputs * self.share))
        pad = size // 2 if int(options.get("pad", 0)) else int(options.get("padding", 0))
        normalised = int(options.get("batch_normalize", 0)) == 1
        weight, bias, norm = self.source.convolution((outputs, channels, size, size), normalised)
        y = name if norm is None else f"{name}.convolution"
        operands = [x, self.constant(f"{name}.weight", weight)]
        if norm is None:
            operands.append(self.constant(f"{name}.bias", bias))
        self.node("Conv", operands, y, kernel_shape=[size] * 2, pads=[pad] * 4, strides=[stride] * 2)
        if norm is not None:
            scale, mean, variance = norm
            kept = {"scale": scale, "bias": bias, "mean": mean, "variance": variance}
            operands = [self.constant(f"{name}.{key}", values) for key, values in kept.items()]
            y = self.node("BatchNormalization", [y, *operands], name, epsilon=EPSILON)
        activation = options.get("activation", "logistic")
        if activation == "leaky":
            y = self.node("LeakyRelu", [y], f"{name}.leaky", alpha=0.1)
        elif activation == "relu":
            y = self.node("Relu", [y], f"{name}.relu")
        elif activation != "linear":
            raise SystemExit(f"{name} has the activation {activation}: leaky, relu and linear are known")
        rows, columns = ((side + 2 * pad - size) // stride + 1 for side in (rows, columns))
        return y, outputs, rows, columns

    def make_maxpool(self, name, options):
        x, channels, rows, columns = self.last
        size, stride = int(options.get("size", options["stride"])), int(options["stride"])
        # darknet pads by size − 1 in all, less of it before, and treats what it pads with as nothing.
        pads = int(options.get("padding", size - 1))
        before, after = pads // 2, pads - pads // 2
        y = self.node(
            "MaxPool", [x], name, kernel_shape=[size] * 2, strides=[stride] * 2, pads=[before] * 2 + [after] * 2
        )
        return y, channels, *((side + pads - size) // stride + 1 for side in (rows, columns))

    def make_upsample(self, name, options):
        x, channels, rows, columns = self.last
        stride = int(options["stride"])
        scales = self.constant(f"{name}.scales", [1, 1, stride, stride])
        y = self.node(
            "Resize", [x, "", scales], name, coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        return y, channels, rows * stride, columns * stride

    def make_route(self, name, options):
        taken = [self.layers[int(index)] for index in options["layers"].split(",")]
        if len(taken) == 1:
            return taken[0]
        y = self.node("Concat", [layer[0] for layer in taken], name, axis=1)
        return y, sum(layer[1] for layer in taken), *taken[0][2:]

    def make_shortcut(self, name, options):
        x, *shape = self.last
        return self.node("Add", [x, self.layers[int(options["from"])][0]], name), *shape

    def make_yolo(self, name, options):
        numbers = [float(number) for number in options["anchors"].split(",")]
        pairs = list(zip(numbers[::2], numbers[1::2]))
        self.classes = int(options["classes"])
        self.heads.append(self.last)
        self.anchors.append([pairs[int(index)] for index in options["mask"].split(",")])
        return self.last

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def model(self, name):
        def info(tensor, *shape):
            return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [1, *shape])

        image = info("image", int(self.net.get("channels", 3)), self.height, self.width)
        outputs = [info(*head) for head in self.heads]
        graph = helper.make_graph(self.nodes, name, [image], outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model

    def manifest(self, name, names):
        labels = names or [f"class {index}" for index in range(self.classes)]
        quoted = [json.dumps(label.strip()) for label in labels]
        rows = [", ".join(quoted[start : start + 8]) for start in range(0, len(quoted), 8)]
        sizes = [f"[{', '.join(f'[{w:g}, {h:g}]' for w, h in anchors)}]" for anchors in self.anchors]
        heads = ", ".join(json.dumps(head) for head, *_ in self.heads)
        return "\n".join([
            "# Written by models/import_darknet.py. darknet puts grey bars beside pictures that are no squares; here they are warped.",
            "",
            'kind = "yolo"',
            f'name = "{name}"',
            "",
            "labels = [",
            *(f"    {row}," for row in rows),
            "]",
            "",
            "[input]",
            'colour = "rgb"',
            "mean = [0, 0, 0]",
            "std = [255, 255, 255]",
            'resize = "bilinear"',
            "",
            "[output]",
            f"heads = [{heads}]",
            'activation = "sigmoid"',
            "",
            "[default_boxes]",
            'generator = "anchors"',
            f"sizes = [{', '.join(sizes)}]",
            "",
            "[detection]",
            "score_threshold = 0.5",
            "iou_threshold = 0.45",
            "",
        ])  # fmt: skip


if __name__ == "__main__":
    main()
