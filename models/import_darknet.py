"""Writes a YOLO of darknet as an ONNX file with its manifest: python import_darknet.py NET.cfg [--weights FILE] [--names FILE] [-o NET.onnx]

In: a network as darknet describes it (Redmon's *.cfg; Debian's package `darknet` has yolov3-tiny.cfg and others), weights as darknet keeps them, and the names of
the classes, one a line (coco.names). Without weights they are random, seeded with 0 (--seed), and keep the size of what passes. Out: NET.onnx and NET.toml beside
it; convolution, batch normalisation and activation are nodes of their own. Sections and keys that are not in WORDS are refused by name: nothing is dropped in
silence. --width gives the layers that share of their channels, --size another input size. Needs numpy and onnx.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from manifest_text import WrongNames, beginning, class_labels, names_in

# What darknet adds to the standard deviation of batch normalisation; ONNX adds its epsilon to the variance.
EPSILON = 1e-6

# Other names that darknet has for a section.
ALIASES = {"network": "net", "conv": "convolutional", "max": "maxpool", "avg": "avgpool"}

# The keys of each section that say what the network computes.
WORDS = {
    "net": "width height channels",
    "convolutional": "filters size stride stride_x stride_y pad padding groups batch_normalize activation",
    "maxpool": "size stride stride_x stride_y padding",
    "avgpool": "",
    "upsample": "stride",
    "route": "layers groups group_id",
    "shortcut": "from activation",
    "scale_channels": "from activation",
    "dropout": "",
    "yolo": "mask anchors classes num scale_x_y new_coords",
}

# Those that only training, or the drawing of what was found, asks for.
TRAINING = {
    "": "learning_rate stopbackward onlyforward dont_update burnin_update train_only_bn clip",
    "net": """batch subdivisions time_steps momentum decay adam B1 B2 eps learning_rate_min burn_in power policy step steps scale scales seq_scales gamma
        max_batches max_epochs angle aspect saturation exposure hue flip blur gaussian_noise mixup cutmix mosaic mosaic_bound max_crop min_crop
        letter_box resize_step track augment_speed sequential_subdivisions try_fix_nan weights_reject_freq equidistant_point
        badlabels_rejection_percentage num_sigmas_reject_badlabels ema_alpha use_cuda_graph loss_scale dynamic_minibatch optimized_memory
        workspace_size_limit_MB label_smooth_eps max_chart_loss adversarial_lr attention sgdr_cycle sgdr_mult""",
    "dropout": "probability dropblock dropblock_size_rel dropblock_size_abs",
    "yolo": """jitter resize random max ignore_thresh truth_thresh iou_thresh iou_thresh_kind iou_loss iou_normalizer obj_normalizer cls_normalizer
        delta_normalizer max_delta label_smooth_eps objectness_smooth focal_loss counters_per_class nms_kind beta_nms show_details""",
}

# Those that are known with this value alone, which is darknet's own: another one is another network.
ONLY = {
    "": {"dontload": "0", "dontloadscales": "0"},
    "convolutional": {"dilation": "1", "antialiasing": "0", "flipped": "0", "binary": "0", "xnor": "0", "bin_output": "0"},
    "maxpool": {"maxpool_depth": "0", "antialiasing": "0"},
    "upsample": {"scale": "1"},
    "shortcut": {"weights_type": "none", "weights_normalization": "none"},
    "scale_channels": {"scale_wh": "0"},
}


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
    net, layers = sections(arguments.cfg.read_text(errors="replace"))
    source = FromFile(arguments.weights) if arguments.weights else Random(arguments.seed)
    builder = Builder(net, source, arguments.width, arguments.size)
    for kind, options in layers:
        builder.layer(kind, options)
    if not builder.heads:
        raise SystemExit(f"{arguments.cfg} has no [yolo]: only YOLOs from the third version on are read")
    if arguments.weights:
        source.end()
    output = arguments.output or Path(f"{arguments.cfg.stem}.onnx")
    try:
        manifest = builder.manifest(arguments.cfg.stem, names_in(arguments.names))
    except (WrongNames, OSError, UnicodeDecodeError) as error:
        raise SystemExit(f"{arguments.names}: {error}") from None
    onnx.save(builder.model(arguments.cfg.stem), output)
    output.with_suffix(".toml").write_text(manifest, encoding="utf-8")
    print(f"{output} and {output.with_suffix('.toml').name}: {len(builder.heads)} heads, {builder.classes} classes")


def sections(text):
    """The options of [net], and (kind, options) of every layer."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].split(";")[0].strip()
        if line.startswith("["):
            kind = line.strip("[]")
            found.append((ALIASES.get(kind, kind), {}))
        elif line:
            key, equals, value = line.partition("=")
            if not equals or not found:
                raise SystemExit(f"line {number} is '{line}': expected [section] or key = value")
            # Of a key that is said twice darknet takes the first.
            found[-1][1].setdefault(key.strip(), value.strip())
    if not found or found[0][0] != "net":
        raise SystemExit("the cfg does not begin with [net]: it is no network of darknet")
    check("[net]", *found[0])
    return found[0][1], found[1:]


def check(place, kind, options):
    """Fails for a section or a key that is not known, or known with another value alone."""
    if kind not in WORDS:
        raise SystemExit(f"{place} is [{kind}], which is not known: {', '.join(WORDS)} are")
    for key, value in options.items():
        only = {**ONLY[""], **ONLY.get(kind, {})}.get(key)
        if only is not None and str(value) != only:
            raise SystemExit(f"{place}: {key} = {value} is not known: only {key} = {only} is")
        known = f"{WORDS[kind]} {TRAINING['']} {TRAINING.get(kind, '')}".split()
        if only is None and key not in known:
            raise SystemExit(f"{place}: the key '{key}' of [{kind}] is not known")


def whole(place, options, key, default=None, least=1):
    """A whole number among the options."""
    value = options.get(key, default)
    try:
        found = int(value)
    except (TypeError, ValueError):
        found = None
    if found is None or found < least:
        raise SystemExit(f"{place}: {key} is '{value}', expected a whole number from {least} on")
    return found


def numbers(place, options, key):
    """The numbers in a list with commas."""
    value = options.get(key, "")
    try:
        return [float(number) for number in value.split(",")]
    except ValueError:
        raise SystemExit(f"{place}: {key} is '{value}', expected numbers with commas between them") from None


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
        if len(raw) < 20:
            raise SystemExit(f"{path} has {len(raw)} bytes: these are no weights of darknet")
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
        self.height, self.width = (size or whole("[net]", net, side) for side in ("height", "width"))
        self.nodes, self.constants, self.layers, self.heads, self.anchors, self.scales = [], [], [], [], [], []
        self.last, self.classes, self.is_squared = ("image", whole("[net]", net, "channels", 3), self.height, self.width), 0, None

    def layer(self, kind, options):
        name = f"{len(self.layers):03}_{kind}"
        check(f"layer {len(self.layers)}", kind, options)
        self.last = getattr(self, f"make_{kind}")(name, options)
        self.layers.append(self.last)

    def make_convolutional(self, name, options):
        x, channels, rows, columns = self.last
        outputs, size, groups = (whole(name, options, key, 1) for key in ("filters", "size", "groups"))
        normalised = whole(name, options, "batch_normalize", 0, 0)
        if normalised > 1:
            raise SystemExit(f"{name}: batch_normalize = {normalised} is not known: only 0 and 1 are")
        # What is linear and not normalised is a head, whose channels have their meaning.
        if options.get("activation") != "linear" or normalised:
            outputs = self.narrowed(outputs)
        if groups > 1:
            groups = self.narrowed(groups)
        if channels % groups or outputs % groups:
            raise SystemExit(f"{name}: {groups} groups do not divide {channels} channels into {outputs}")
        pad = size // 2 if whole(name, options, "pad", 0, 0) else whole(name, options, "padding", 0, 0)
        weight, bias, norm = self.source.convolution((outputs, channels // groups, size, size), normalised)
        y = name if norm is None else f"{name}.convolution"
        operands = [x, self.constant(f"{name}.weight", weight)]
        if norm is None:
            operands.append(self.constant(f"{name}.bias", bias))
        grouped = {"group": groups} if groups > 1 else {}
        strides = self.strides(name, options)
        self.node("Conv", operands, y, kernel_shape=[size] * 2, pads=[pad] * 4, strides=strides, **grouped)
        if norm is not None:
            scale, mean, variance = norm
            kept = {"scale": scale, "bias": bias, "mean": mean, "variance": variance}
            operands = [self.constant(f"{name}.{key}", values) for key, values in kept.items()]
            y = self.node("BatchNormalization", [y, *operands], name, epsilon=EPSILON)
        y = self.activation(y, name, options.get("activation", "logistic"))
        return y, outputs, *self.smaller(name, (rows, columns), size, strides, 2 * pad)

    def narrowed(self, channels):
        """--width's share of them, an even number, since routes halve them."""
        return channels if self.share == 1 else 2 * max(1, round(channels * self.share / 2))

    def strides(self, name, options):
        """Of rows and of columns."""
        return [whole(name, options, key, options.get("stride", 1)) for key in ("stride_y", "stride_x")]

    def activation(self, x, name, kind):
        """The tensor behind the activation of this name."""
        if kind == "linear":
            return x
        y = f"{name}.{kind}"
        if kind == "leaky":
            return self.node("LeakyRelu", [x], y, alpha=0.1)
        if kind == "relu6":
            return self.node("Clip", [x, self.constant(f"{y}.min", 0), self.constant(f"{y}.max", 6)], y)
        if kind in ("swish", "mish"):
            # Operator set 13 has neither: products of x with its gate.
            gate = [self.node("Softplus", [x], f"{y}.softplus")] if kind == "mish" else [x]
            gate = self.node("Tanh" if kind == "mish" else "Sigmoid", gate, f"{y}.gate")
            return self.node("Mul", [x, gate], y)
        operators = {"relu": "Relu", "logistic": "Sigmoid", "tanh": "Tanh", "elu": "Elu"}
        if kind not in operators:
            known = ", ".join(["linear", "leaky", "relu6", "swish", "mish", *operators])
            raise SystemExit(f"{name} has the activation {kind}, which is not known: {known} are")
        return self.node(operators[kind], [x], y)

    def make_maxpool(self, name, options):
        x, channels, rows, columns = self.last
        strides = self.strides(name, options)
        size = whole(name, options, "size", options.get("stride", 1))
        # darknet pads by size − 1 in all, less of it before, and treats what it pads with as nothing.
        pads = whole(name, options, "padding", size - 1, 0)
        before, after = pads // 2, pads - pads // 2
        y = self.node("MaxPool", [x], name, kernel_shape=[size] * 2, strides=strides, pads=[before] * 2 + [after] * 2)
        return y, channels, *self.smaller(name, (rows, columns), size, strides, pads)

    def smaller(self, name, sides, size, strides, pads):
        """Rows and columns of a map of windows."""
        if size > min(sides) + pads:
            raise SystemExit(f"{name}: its window of {size} is larger than {sides[0]} x {sides[1]} with pads of {pads}")
        return [(side + pads - size) // stride + 1 for side, stride in zip(sides, strides)]

    def make_avgpool(self, name, options):
        x, channels, *_ = self.last
        return self.node("GlobalAveragePool", [x], name), channels, 1, 1

    def make_dropout(self, name, options):
        return self.last

    def make_upsample(self, name, options):
        x, channels, rows, columns = self.last
        stride = whole(name, options, "stride", 2)
        scales = self.constant(f"{name}.scales", [1, 1, stride, stride])
        y = self.node(
            "Resize", [x, "", scales], name, coordinate_transformation_mode="asymmetric", nearest_mode="floor"
        )
        return y, channels, rows * stride, columns * stride

    def named(self, name, options, key):
        """The layers that an option names, by number or by how far they are back."""
        found = []
        for index in str(options.get(key, "")).split(","):
            try:
                found.append(self.layers[int(index)])
            except (ValueError, IndexError):
                raise SystemExit(f"{name}: {key} names '{index.strip()}', which is no layer before it") from None
        return found

    def make_route(self, name, options):
        taken = self.named(name, options, "layers")
        groups, part = whole(name, options, "groups", 1), whole(name, options, "group_id", 0, 0)
        if any(layer[2:] != taken[0][2:] for layer in taken):
            raise SystemExit(f"{name}: the layers that it joins are of other sizes")
        if not 0 <= part < groups or any(layer[1] % groups for layer in taken):
            raise SystemExit(f"{name}: there is no part {part} of {groups} of its channels")
        if groups > 1:
            taken = [self.part(f"{name}.part{index}", layer, groups, part) for index, layer in enumerate(taken)]
        if len(taken) == 1:
            return taken[0]
        y = self.node("Concat", [layer[0] for layer in taken], name, axis=1)
        return y, sum(layer[1] for layer in taken), *taken[0][2:]

    def part(self, name, layer, groups, part):
        """One of the groups that a layer's channels are divided into."""
        x, channels, *size = layer
        share = channels // groups
        bounds = {"starts": part * share, "ends": (part + 1) * share, "axes": 1}
        operands = [self.constant(f"{name}.{key}", [value], np.int64) for key, value in bounds.items()]
        return self.node("Slice", [x, *operands], name), share, *size

    def make_shortcut(self, name, options):
        y, *shape = self.last
        taken = self.named(name, options, "from")
        for index, (x, *other) in enumerate(taken):
            if other != shape:
                raise SystemExit(f"{name}: what it adds is {other}, not {shape} (channels, rows, columns)")
            y = self.node("Add", [y, x], name if index == len(taken) - 1 else f"{name}.sum{index}")
        return self.activation(y, name, options.get("activation", "linear")), *shape

    def make_scale_channels(self, name, options):
        gate, channels, *size = self.last
        (x, *shape), *others = self.named(name, options, "from")
        if others or size != [1, 1] or channels != shape[0]:
            raise SystemExit(f"{name}: expected one factor for each channel of one layer")
        y = self.node("Mul", [x, gate], name)
        return self.activation(y, name, options.get("activation", "linear")), *shape

    def make_yolo(self, name, options):
        sides = numbers(name, options, "anchors")
        pairs = list(zip(sides[::2], sides[1::2]))
        mask = numbers(name, options, "mask") if "mask" in options else range(whole(name, options, "num", 1))
        if any(index not in range(len(pairs)) for index in mask):
            raise SystemExit(f"{name}: mask names anchors {', '.join(f'{index:g}' for index in mask)} of {len(pairs)}")
        classes = whole(name, options, "classes", 20)
        if self.heads and classes != self.classes:
            raise SystemExit(f"{name} has {classes} classes, the heads before it have {self.classes}")
        if self.last[1] != len(mask) * (5 + classes):
            raise SystemExit(f"{name}: {self.last[1]} channels are not {len(mask)} anchors of {classes} classes")
        self.classes = classes
        is_squared = whole(name, options, "new_coords", 0, 0) == 1
        if self.is_squared not in (None, is_squared):
            raise SystemExit(f"{name}: some heads have new_coords = 1, others have not")
        self.is_squared = is_squared
        self.heads.append(self.before_logistic(name) if is_squared else self.last)
        self.anchors.append([pairs[int(index)] for index in mask])
        self.scales.extend(numbers(name, options | {"scale_x_y": str(options.get("scale_x_y", 1))}, "scale_x_y")[:1])
        return self.last

    def before_logistic(self, name):
        """The layer before, without its activation: under new_coords it is the convolution that takes the sigmoid of all that the head says."""
        node = self.nodes[-1]
        if node.op_type != "Sigmoid" or node.output[0] != self.last[0]:
            raise SystemExit(f"{name}: new_coords = 1 is known behind a convolution with activation=logistic alone")
        return node.input[0], *self.last[1:]

    def constant(self, name, values, kind=np.float32):
        self.constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def model(self, name):
        def info(tensor, *shape):
            return helper.make_tensor_value_info(tensor, TensorProto.FLOAT, [1, *shape])

        image = info("image", whole("[net]", self.net, "channels", 3), self.height, self.width)
        outputs = [info(*head) for head in self.heads]
        graph = helper.make_graph(self.nodes, name, [image], outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        onnx.checker.check_model(model, full_check=True)
        return model

    def manifest(self, name, names):
        said = "Written by models/import_darknet.py. darknet puts grey bars beside pictures that are no squares; here they are warped."
        sizes = [f"[{', '.join(f'[{w:g}, {h:g}]' for w, h in anchors)}]" for anchors in self.anchors]
        heads = ", ".join(json.dumps(head) for head, *_ in self.heads)
        # Of each head, where there is one whose centres reach beyond their cell.
        scales = [f"scale_x_y = [{', '.join(f'{scale:g}' for scale in self.scales)}]"] if set(self.scales) != {1.0} else []
        return "\n".join([
            *beginning(said, "yolo", name, class_labels(names, self.classes)),
            "[input]",
            'colour = "rgb"',
            "mean = [0, 0, 0]",
            "std = [255, 255, 255]",
            'resize = "bilinear"',
            "",
            "[output]",
            f"heads = [{heads}]",
            'activation = "sigmoid"',
            *scales,
            *(['size_decode = "squared-sigmoid"'] if self.is_squared else []),
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
