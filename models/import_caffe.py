"""Writes an SSD of Caffe as an ONNX file with its manifest: python import_caffe.py NET.prototxt NET.caffemodel [--names FILE] [-o NET.onnx]

In: the network as text, as it is deployed, and its weights. Out: NET.onnx, whose outputs are class logits [1, D, K] and offsets [1, D, 4], and NET.toml beside
it with the default boxes and codes of PriorBox and DetectionOutput; softmax, default boxes and suppression are not in the graph. What the importer does not
know, layer or parameter, is refused by name; nothing is dropped in silence. A network of grey pictures gets a layer that makes them of coloured ones. Needs
numpy and onnx.
"""

import argparse
import math
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from caffe_files import Refused, parse, read_weights
from caffe_layers import Layer, Network, Tensor, expect
from manifest_text import WrongNames, beginning, class_labels, names_in

OPSET, IR_VERSION = 13, 8

# What a layer or a network has besides what it computes.
IRRELEVANT = ("param", "phase", "propagate_down", "loss_weight", "include", "exclude", "name", "type", "top", "bottom", "force_backward", "debug_info", "state")
# What blue, green and red have of a grey picture (ITU-R BT.601).
GREY = (0.114, 0.587, 0.299)
READS_PICTURES = ("Data", "AnnotatedData", "ImageData")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("prototxt", type=Path)
    parser.add_argument("caffemodel", type=Path)
    parser.add_argument("--names", type=Path, help="the classes, one a line, with the background or without")
    parser.add_argument("--mean", type=float, nargs=3, metavar=("B", "G", "R"), help="what is taken off the picture's channels")
    parser.add_argument("--scale", type=float, help="what they are multiplied by then")
    parser.add_argument("--size", type=int, nargs=2, metavar=("WIDTH", "HEIGHT"), help="where the prototxt does not say it")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    output = arguments.output or arguments.prototxt.with_suffix(".onnx")
    try:
        imported = Import(parse(arguments.prototxt.read_text()), read_weights(arguments.caffemodel.read_bytes()), arguments.size)
        names = names_in(arguments.names)
        manifest = imported.manifest(output.stem, names, arguments.mean, arguments.scale)
        onnx.save(imported.model(output.stem), output)
        output.with_suffix(".toml").write_text(manifest, encoding="utf-8")
    except (Refused, WrongNames, OSError, UnicodeDecodeError, onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        sys.exit(f"{arguments.prototxt}: {error}")
    print(f"{output} and {output.with_suffix('.toml').name}: {len(imported.priors)} heads, {imported.boxes} default boxes, {imported.classes} classes")


@dataclass
class Prior:
    """The default boxes of a head: Caffe's PriorBox."""

    name: str
    grid: list
    sizes: list
    larger: list
    ratios: list
    flip: bool
    steps: list
    offset: float
    variances: list

    def shapes(self):
        """[width, height] of a cell's boxes in pixels, in Caffe's order."""
        found = []
        for index, size in enumerate(self.sizes):
            found.append([size, size])
            if self.larger:
                found.append([math.sqrt(size * self.larger[index])] * 2)
            for ratio in self.with_flips():
                found.append([size * math.sqrt(ratio), size / math.sqrt(ratio)])
        return found

    def with_flips(self):
        return [r for ratio in self.ratios for r in ((ratio, 1 / ratio) if self.flip else (ratio,))]


class Import:
    """The network layer by layer, and what DetectionOutput says of it."""

    def __init__(self, net, weights, size):
        self.network, self.weights, self.size, self.names = Network(), weights, size, set()
        # What a name stands for at the moment: layers may write over what they read.
        self.tensors, self.readers, self.image, self.detection, self.transform = {}, Counter(), None, None, None
        if "layers" in net.fields:
            raise Refused("it is written in Caffe's older grammar (layers { … }): bring it up to date with Caffe's upgrade_net_proto_text")
        layers = [layer for layer in net.all("layer") if in_test(layer)]
        for layer in layers:
            self.readers.update(layer.all("bottom"))
        self.whole_inputs(net)
        for message in layers:
            self.layer(message)
        net.ignore(*IRRELEVANT)
        for name in net.unknown():
            if not name.startswith("layer"):
                raise Refused(f"the field {name} is not known")
        for name in weights.keys() - {layer.one("name") for layer in net.all("layer")}:
            print(f"note: the caffemodel has weights of '{name}', which is no layer of the prototxt", file=sys.stderr)
        if self.detection is None:
            raise Refused("it has no DetectionOutput: only detectors of SSD's kind are read")

    def whole_inputs(self, net):
        """Inputs that are said before the layers."""
        names, dims = net.all("input"), net.integers("input_dim")
        shapes = [shape.integers("dim") for shape in net.all("input_shape")] or [dims[start : start + 4] for start in range(0, len(dims), 4)]
        if len(shapes) != len(names):
            raise Refused(f"it has {len(names)} inputs and the shapes of {len(shapes)}")
        for name, shape in zip(names, shapes):
            self.input(name, shape)

    def input(self, name, shape):
        if self.image:
            raise Refused(f"'{name}' is a second input: networks with one picture are read")
        if len(shape) != 4 or min(shape[1:]) < 1 or shape[1] not in (1, 3):
            raise Refused(f"the input '{name}' is {shape}, expected [1, 3, rows, columns], or one channel for a grey picture")
        self.image = self.tensors[name] = Tensor("image", [1, 3, *shape[2:]])
        if shape[1] == 1:
            weight = self.network.constant("grey/weights", np.reshape(GREY, (1, 3, 1, 1)))
            self.tensors[name] = self.network.node("Conv", [self.image, weight], "grey", [1, 1, *shape[2:]], kernel_shape=[1, 1])

    def layer(self, message):
        name, kind = message.one("name", ""), message.one("type", "")
        try:
            if not name or name in self.names:
                raise Refused("expected a name, and of each layer another one")
            self.names.add(name)
            message.ignore(*IRRELEVANT)
            tops = message.all("top")
            if kind == "Input":
                shape = message.part("input_param").part("shape").integers("dim")
                for top in tops:
                    self.input(top, shape)
            elif kind in READS_PICTURES:
                self.data(message, tops)
            else:
                self.ordinary(message, name, kind, tops)
            for field in message.unknown():
                raise Refused(f"the parameter {field} is not known")
        except Refused as error:
            raise Refused(f"layer '{name}' ({kind}): {error}") from error

    def data(self, message, tops):
        """A layer that reads pictures from a data base: what it does to them stands in the manifest."""
        given = message.part("transform_param")
        given.ignore("mirror", "force_color", "distort_param", "expand_param", "emit_constraint")
        message.ignore("data_param", "annotated_data_param", "image_data_param")
        expect(given, force_gray="false")
        side, resized = given.integer("crop_size"), given.part("resize_param")
        resized.ignore("prob", "interp_mode")
        expect(resized, resize_mode="WARP")
        sized = [resized.integer("height", side), resized.integer("width", side)]
        if self.size:
            sized = [self.size[1], self.size[0]]
        if None in sized:
            raise Refused("it does not say the picture's size: --size does")
        self.transform = given.numbers("mean_value"), given.number("scale", 1.0)
        self.input(tops[0], [1, 3, *sized])

    def ordinary(self, message, name, kind, tops):
        bottoms = message.all("bottom")
        missing = [bottom for bottom in bottoms if bottom not in self.tensors]
        if missing:
            raise Refused(f"it reads '{missing[0]}', which no layer before it puts out")
        inputs = [self.tensors[bottom] for bottom in bottoms]
        if kind == "DetectionOutput":
            self.detection = self.detected(message, inputs)
            return
        if len(tops) != 1:
            raise Refused(f"it puts out {len(tops)} tensors, expected one")
        if kind == "PriorBox":
            found = Tensor(name, None, [self.prior(message, name, inputs)])
        else:
            # What writes over what it reads is the last to read it.
            last = bool(bottoms) and (tops[0] == bottoms[0] or self.readers[bottoms[0]] == 1)
            alone = last and not any(inputs[0].name in node.input for node in self.network.nodes)
            found = self.network.add(Layer(name, kind, message, inputs, self.weights.get(name, []), alone))
        self.tensors[tops[0]] = found

    def prior(self, message, name, inputs):
        given = message.part("prior_box_param")
        if len(inputs) != 2 or (inputs[1].shape or [])[2:] != self.image.shape[2:] or len(inputs[0].shape or []) != 4:
            raise Refused("expected a feature map and the picture")
        if given.flag("clip", True):
            raise Refused("clip = true is not known: it cuts default boxes at the picture's edges, which no manifest says")
        rows_columns, picture = inputs[0].shape[2:], self.image.shape[2:]
        sized = [given.number("img_size")] * 2 if "img_size" in given.fields else [given.number(f"img_{side}") for side in "hw"]
        if any(side not in (None, whole) for side, whole in zip(sized, picture)):
            raise Refused(f"img_size is {sized}, but the picture is {picture}")
        steps = [given.number("step")] * 2 if "step" in given.fields else [given.number(f"step_{side}") for side in "hw"]
        steps = [step or whole / cells for step, whole, cells in zip(steps, picture, rows_columns)]
        ratios, known = [], [1.0]
        flip = given.flag("flip", True)
        for ratio in given.numbers("aspect_ratio"):
            # Those that there are already Caffe leaves out.
            if all(abs(ratio - other) >= 1e-6 for other in known):
                ratios.append(ratio)
                known += [ratio, 1 / ratio] if flip else [ratio]
        if not flip and all(abs(a * b - 1) < 1e-6 for a, b in zip(ratios[::2], ratios[1::2])) and len(ratios) % 2 == 0:
            ratios, flip = ratios[::2], True
        variances = given.numbers("variance") or [0.1]
        variances = variances * 4 if len(variances) == 1 else variances
        smaller, larger = given.numbers("min_size"), given.numbers("max_size")
        if not smaller or len(larger) not in (0, len(smaller)) or len(variances) != 4:
            raise Refused("expected one or more min_size, as many max_size or none, and one or four variances")
        if min(smaller + larger + ratios + steps) <= 0:
            raise Refused("sizes, ratios and steps have to be above 0")
        return Prior(name, rows_columns, smaller, larger, ratios, flip, steps, given.number("offset", 0.5), variances)

    def detected(self, message, inputs):
        """What DetectionOutput says; sets the tensors of the raw outputs."""
        given = message.part("detection_output_param")
        given.ignore("save_output_param", "visualize", "visualize_threshold", "confidence_threshold", "objectness_score")
        expect(given, share_location="true")
        suppression = given.part("nms_param")
        suppression.ignore("top_k")
        expect(suppression, eta=1.0)
        if len(inputs) != 3 or not inputs[2].priors:
            raise Refused("expected offsets, scores and default boxes")
        code = given.one("code_type", "CORNER")
        if code not in ("CENTER_SIZE", "2"):
            raise Refused(f"code_type = {code} is not known: only CENTER_SIZE is")
        self.classes, self.priors = given.integer("num_classes", 0), inputs[2].priors
        self.boxes = sum(math.prod(prior.grid) * len(prior.shapes()) for prior in self.priors)
        variances = {tuple(prior.variances) for prior in self.priors}
        if given.flag("variance_encoded_in_target", False):
            variances = {(1.0, 1.0, 1.0, 1.0)}
        first = min(variances)
        if len(variances) > 1 or first[0] != first[1] or first[2] != first[3]:
            raise Refused(f"the variances {sorted(variances)} are not known: one for both centres and one for both sides are, the same for all heads")
        self.variances = [first[0], first[2]]
        scores, self.activation = self.before_activation(inputs[1].name)
        self.outputs = {}
        for name, tensor, columns in (("class_logits", scores, self.classes), ("box_offsets", inputs[0].name, 4)):
            shape = self.network.constant(f"{name}/shape", [1, self.boxes, columns], "int64")
            self.network.node("Reshape", [tensor, shape], name, [1, self.boxes, columns])
            self.outputs[name] = [1, self.boxes, columns]
        return {
            "background": given.integer("background_label_id", 0),
            "iou_threshold": suppression.number("nms_threshold", 0.3),
            "max_detections": given.integer("keep_top_k", -1),
        }

    def before_activation(self, name):
        """The tensor of the logits behind whose activation, but for reshaping, these scores lie, and the activation."""
        makers = {node.output[0]: node for node in self.network.nodes}
        while name in makers:
            node = makers[name]
            if node.op_type in ("Softmax", "Sigmoid"):
                axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
                if node.op_type == "Softmax" and self.network.shapes[name][axis:] != [self.classes]:
                    raise Refused(f"'{name}' is no softmax over {self.classes} classes")
                return node.input[0], node.op_type.lower()
            if node.op_type != "Reshape":
                break
            name = node.input[0]
        raise Refused(f"its scores '{name}' come from neither Softmax nor Sigmoid")

    def model(self, name):
        needed, kept = set(self.outputs), []
        for node in reversed(self.network.nodes):
            if needed & set(node.output):
                kept.insert(0, node)
                needed.update(node.input)
        constants = [tensor for tensor in self.network.constants.values() if tensor.name in needed]
        infos = [helper.make_tensor_value_info(tensor, TensorProto.FLOAT, shape) for tensor, shape in self.outputs.items()]
        image = helper.make_tensor_value_info("image", TensorProto.FLOAT, self.image.shape)
        graph = helper.make_graph(kept, name, [image], infos, constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION, producer_name=Path(__file__).name)
        onnx.checker.check_model(model, full_check=True)
        return model

    def manifest(self, name, names, mean, scale):
        background = self.detection["background"]
        labels = class_labels(names, self.classes, background if 0 <= background < self.classes else None)
        guess = "" if mean and scale else "    # a guess"
        if self.transform:
            means, factor = self.transform
            mean, scale, guess = mean or (means * 3 if len(means) == 1 else means) or [0, 0, 0], scale or factor, ""
        mean = [f"{value:g}" for value in (mean or [104, 117, 123])]
        std = f"{1 / (scale or 1):g}"
        kept = [f"max_detections = {self.detection['max_detections']}"] if self.detection["max_detections"] > 0 else []
        return "\n".join([
            *beginning("Written by models/import_caffe.py.", "ssd", name, labels),
            "[input]",
            f'colour = "bgr"{guess}',
            f"mean = [{', '.join(mean)}]{guess}",
            f"std = [{std}, {std}, {std}]{guess}",
            'resize = "bilinear"',
            "",
            "[output]",
            'classes = "class_logits"',
            'offsets = "box_offsets"',
            'offset_order = ["cx", "cy", "w", "h"]',
            f'activation = "{self.activation}"',
            "background = " + (str(background) if background >= 0 else '"none"'),
            f"variances = [{', '.join(f'{value:g}' for value in self.variances)}]",
            "",
            "[default_boxes]",
            *default_boxes(self.priors, self.image.shape[2:]),
            "",
            "[detection]",
            "score_threshold = 0.5",
            f"iou_threshold = {self.detection['iou_threshold']:g}",
            *kept,
            "",
        ])  # fmt: skip


def in_test(layer):
    """Whether a layer belongs to the network as it is used, not as it is trained."""
    rules = {key: layer.all(key) for key in ("include", "exclude")}
    for rule in rules["include"] + rules["exclude"]:
        rule.all("phase")
        for name in rule.unknown():
            raise Refused(f"layer '{layer.one('name')}': the rule {name} is not known")
    matches = {key: any(rule.one("phase") in ("TEST", "1", None) for rule in found) for key, found in rules.items()}
    return matches["include"] if rules["include"] else not matches["exclude"]


def default_boxes(priors, picture):
    """Lines of the manifest: PriorBox's own words, or sizes one by one where these do not do."""

    def listed(rows):
        return ", ".join(f"[{', '.join(f'{value:.9g}' for value in row)}]" for row in rows)

    plain = all(len(prior.sizes) == 1 and (prior.flip or not prior.ratios) for prior in priors)
    if plain and all(prior.steps[0] == prior.steps[1] and prior.offset == priors[0].offset for prior in priors):
        return [
            'generator = "prior-box"',
            f"sizes = [{listed(prior.sizes + prior.larger for prior in priors)}]",
            f"aspect_ratios = [{listed(prior.ratios for prior in priors)}]",
            f"steps = {listed([[prior.steps[0] for prior in priors]])}",
            f"offset = {priors[0].offset:g}",
            "clip = false",
        ]
    for prior in priors:
        if prior.offset != 0.5 or any(step * cells != side for step, cells, side in zip(prior.steps, prior.grid, picture)):
            raise Refused(f"layer '{prior.name}': of such default boxes only those in the middle of cells are known, not those of steps {prior.steps}")
    every = ", ".join(f"[{listed(prior.shapes())}]" for prior in priors)
    return ['generator = "anchors"', f"sizes = [{every}]"]


if __name__ == "__main__":
    main()
