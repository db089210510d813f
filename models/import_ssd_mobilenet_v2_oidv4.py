#!/usr/bin/env python3
"""Import MediaPipe Objectron's ssd_mobilenet_v2 (Open Images v4) from TensorFlow Lite to ONNX.

In:  the tarball of the npm package named below, its sha256 checked. Three of its files are read:
     the packed assets, which hold the label map and the network (NHWC, weights in fp16); the
     assets' loader, which says where; the program, which holds MediaPipe's description of what
     goes before and after the network.
Out: in the output folder `ssd_mobilenet_v2_oidv4.onnx` (NCHW, fp32, opset 13), the same bytes on
     every run, and a copy of the manifest beside it:

     image          [1, 3, 300, 300]  RGB, x / 127.5 - 1 for x in 0..255
     class_logits   [1, 1917, 24]     before the sigmoid; class 0 is the background
     box_offsets    [1, 1917, 4]      ty, tx, th, tw relative to the default box
     head{k}/class  [1, A*24, H, W]   and head{k}/box [1, A*4, H, W]: head k's convolution outputs

What changes on the way: fp16 weights become fp32, which is exact; a convolution's fused ReLU6
becomes a node of its own; TensorFlow's SAME padding becomes explicit pads, which are asymmetric
for stride 2. Nothing else has to be cut off: sigmoid, decoding and suppression are not in the
network, MediaPipe does them in its program.

Names are those of import_ssdlite_mobilenet_v2_coco.py, layers and the writing of ONNX ssd_layers.py's.

Needs Python 3.11, numpy, onnx and tflite (setup/model-b.sh has the versions and runs it).
"""

import argparse
import hashlib
import io
import json
import os
import re
import struct
import sys
import tarfile
import tomllib
from pathlib import Path

import numpy as np
import onnx
import tflite
from onnx import helper
from tflite import ActivationFunctionType as Activation
from tflite import BuiltinOperator as Operator

from import_ssdlite_mobilenet_v2_coco import scope
from ssd_layers import (
    Convolution, ImportFailed, Layer, Predictions, Relu6, Residual, write_onnx,
)

NAME = "ssd_mobilenet_v2_oidv4"
PACKAGE = "@mediapipe/objectron@0.4.1675468480"
PACKAGE_SHA256 = "fc3e37b326b05e8f596099c90b3e0931b05a56cd3160b9ac450b621794bac94c"
PROGRAM = "package/objectron_solution_wasm_bin.wasm"
ASSETS = "package/objectron_solution_packed_assets.data"
ASSETS_LOADER = "package/objectron_solution_packed_assets_loader.js"
NETWORK = "object_detection_ssd_mobilenetv2_oidv4_fp16.tflite"
LABEL_MAP = "object_detection_oidv4_labelmap.txt"

OUTPUTS = {  # TensorFlow Lite's name: ours
    "raw_outputs/class_predictions": "class_logits",
    "raw_outputs/box_encodings": "box_offsets",
}
# What TensorFlow Lite's optimiser left at the end of a layer's name.
OPERATIONS = ("/Relu6", "/BatchNorm/FusedBatchNormV3", "/BiasAdd")
UNTRAINED = "???"  # the label map's line for the background

MANIFEST_TOLERANCE = 1e-6  # the package keeps its numbers as 32-bit floats


# --- the package ---------------------------------------------------------------------------------


def read_package(path: Path) -> tuple[bytes, list[str], bytes]:
    """The network, the label map's lines, and the program."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImportFailed(f"cannot read the tarball: {error}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != PACKAGE_SHA256:
        raise ImportFailed(
            f"the tarball's sha256 is {found}, expected {PACKAGE_SHA256}: "
            f"it is not that of {PACKAGE}; `npm pack {PACKAGE}` fetches it"
        )
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        loader, assets, program = (
            archive.extractfile(name).read() for name in (ASSETS_LOADER, ASSETS, PROGRAM)
        )
    places = json.loads(re.search(rb'"files": (\[[^]]*\])', loader)[1])
    places = {Path(place["filename"]).name: slice(place["start"], place["end"]) for place in places}
    return assets[places[NETWORK]], assets[places[LABEL_MAP]].decode().splitlines(), program


# --- the TensorFlow Lite graph -------------------------------------------------------------------


class TensorFlowLiteGraph:
    """The operators and constants of a TensorFlow Lite file; a tensor is known by its number."""

    def __init__(self, data: bytes):
        self.model = tflite.Model.GetRootAs(data, 0)
        self.graph = self.model.Subgraphs(0)
        self.operators = []
        self.weights = {}  # what DEQUANTIZE puts out, by tensor
        for index in range(self.graph.OperatorsLength()):
            operator = self.graph.Operators(index)
            if self.kind(operator) == Operator.DEQUANTIZE:
                self.weights[operator.Outputs(0)] = self.half_precision(operator.Inputs(0))
            else:
                self.operators.append(operator)

    def kind(self, operator) -> int:
        """A number in tflite.BuiltinOperator; only those above 126 stand in the newer field."""
        code = self.model.OperatorCodes(operator.OpcodeIndex())
        return max(code.DeprecatedBuiltinCode(), code.BuiltinCode())

    def name(self, tensor: int) -> str:
        """Of the names of all operations that were merged into one, that of the last."""
        return self.graph.Tensors(tensor).Name().decode().split(";")[0]

    def shape(self, tensor: int) -> list[int]:
        return self.graph.Tensors(tensor).ShapeAsNumpy().tolist()

    def half_precision(self, tensor: int) -> np.ndarray:
        """A constant in fp16 as float64, which holds every value of fp16."""
        description = self.graph.Tensors(tensor)
        data = self.model.Buffers(description.Buffer()).DataAsNumpy()
        if description.Type() != tflite.TensorType.FLOAT16 or not isinstance(data, np.ndarray):
            raise ImportFailed(f"{self.name(tensor)}: only constants in fp16 are read")
        return data.view("<f2").reshape(self.shape(tensor)).astype(np.float64)

    def options(self, operator, kind):
        """An operator's parameters, read as those of `kind`."""
        table, options = operator.BuiltinOptions(), kind()
        options.Init(table.Bytes, table.Pos)
        return options


# --- layers --------------------------------------------------------------------------------------


def layer_name(tensor_name: str) -> str:
    for operation in OPERATIONS:
        tensor_name = tensor_name.removesuffix(operation)
    return scope(tensor_name)


def build_layers(graph: TensorFlowLiteGraph) -> tuple[list[Layer], dict[str, list[Predictions]]]:
    """The network's layers and its outputs, each as the heads that it joins."""
    (image,) = graph.graph.InputsAsNumpy().tolist()
    _, height, width, channels = graph.shape(image)
    if height != width:
        raise ImportFailed(f"the network's input is {width}x{height}: only squares are read")
    tensors = {image: Layer("image", channels, height)}
    layers, outputs = [], {}
    for operator in graph.operators:
        kind, output = graph.kind(operator), operator.Outputs(0)
        inputs, name = operator.InputsAsNumpy().tolist(), graph.name(output)
        source = tensors[inputs[0]]
        if kind in (Operator.CONV_2D, Operator.DEPTHWISE_CONV_2D):
            result, activation = convolution(graph, operator, source)
            layers.append(result)
            if activation == Activation.RELU6:
                result = Relu6(f"{result.name}/relu6", result.channels, result.size, result)
                layers.append(result)
        elif kind == Operator.ADD:
            shortcut = tensors[inputs[1]]
            activation = graph.options(operator, tflite.AddOptions).FusedActivationFunction()
            if not isinstance(source, Convolution) or activation != Activation.NONE:
                raise ImportFailed(f"{name} is not the sum of a convolution and its shortcut")
            result = Residual(scope(name), source.channels, source.size, source, shortcut)
            layers.append(result)
        elif kind == Operator.RESHAPE and isinstance(source, Convolution):
            shape = graph.shape(output)  # classes [1, boxes, classes], offsets [1, boxes, 1, 4]
            result = Predictions(source, boxes=shape[1], values=shape[-1])
        elif kind == Operator.RESHAPE and isinstance(source, list):
            result = source  # all heads' offsets lose the dimension of size 1
        elif kind == Operator.CONCATENATION:
            if graph.options(operator, tflite.ConcatenationOptions).Axis() != 1:
                raise ImportFailed(f"{name} does not join default boxes")
            result = [tensors[i] for i in inputs]
        else:
            raise ImportFailed(f"{name}: cannot import operator {kind} with these inputs")
        tensors[output] = result
        if name in OUTPUTS:
            outputs[OUTPUTS[name]] = result
    return layers, {output: outputs[output] for output in OUTPUTS.values()}


def convolution(graph: TensorFlowLiteGraph, operator, source: Layer) -> tuple[Convolution, int]:
    """A convolution and the activation that is fused with it."""
    _, weights, bias = operator.InputsAsNumpy().tolist()
    name = layer_name(graph.name(operator.Outputs(0)))
    depthwise = graph.kind(operator) == Operator.DEPTHWISE_CONV_2D
    kind = tflite.DepthwiseConv2DOptions if depthwise else tflite.Conv2DOptions
    options = graph.options(operator, kind)
    stride = options.StrideH()
    dilations = options.DilationHFactor(), options.DilationWFactor()
    same = options.Padding() == tflite.Padding.SAME
    if options.StrideW() != stride or not same or dilations != (1, 1):
        raise ImportFailed(f"{name}: only square strides, SAME padding and no dilation")
    if depthwise and options.DepthMultiplier() != 1:
        raise ImportFailed(f"{name}: only depthwise convolutions with multiplier 1")
    activation = options.FusedActivationFunction()
    if activation not in (Activation.NONE, Activation.RELU6):
        raise ImportFailed(f"{name}: only ReLU6 is read as a fused activation, not {activation}")
    # From [out, kh, kw, in], or depthwise from [1, kh, kw, out].
    axes = (3, 0, 1, 2) if depthwise else (0, 3, 1, 2)
    values = graph.weights[weights].transpose(axes)
    channels = values.shape[0]
    layer = Convolution(
        name, channels, -(-source.size // stride), source, values, graph.weights[bias],
        stride, groups=channels if depthwise else 1,
    )
    return layer, activation


# --- ONNX ----------------------------------------------------------------------------------------


def describe(model: onnx.ModelProto):
    """Say of the written model where it is from."""
    model.graph.doc_string = (
        "image: RGB, x / 127.5 - 1 for x in 0..255. class_logits: before the sigmoid, class 0 is "
        "the background. box_offsets: ty, tx, th, tw relative to the default box."
    )
    model.producer_name = Path(__file__).name
    model.doc_string = (
        "MediaPipe Objectron's detector of objects, ssd_mobilenet_v2 on Open Images v4, imported "
        f"from the TensorFlow Lite file in the npm package {PACKAGE}. Licence: Apache-2.0."
    )
    helper.set_model_props(model, {
        "source": f"npm package {PACKAGE}, {ASSETS}, {NETWORK}",
        "source_sha256": PACKAGE_SHA256,
        "licence": "Apache-2.0",
        "changes": "NHWC to NCHW, weights from fp16 to fp32",
    })


# --- the manifest --------------------------------------------------------------------------------


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def protobuf_fields(message: bytes) -> dict[int, list]:
    """A protobuf message read without its schema: field number to values in their order.

    Numbers are as they are on the wire (enumerations and switches as int), all else is bytes.
    """
    fields, at = {}, 0
    while at < len(message):
        tag, at = read_varint(message, at)
        match tag & 7:
            case 0:
                value, at = read_varint(message, at)
            case 2:
                length, at = read_varint(message, at)
                value, at = message[at : at + length], at + length
            case 5:
                (value,), at = struct.unpack_from("<f", message, at), at + 4
            case wire:
                raise ImportFailed(f"wire type {wire} in MediaPipe's graph is not read here")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def calculator_options(program: bytes) -> dict[str, dict[int, list]]:
    """The options of every calculator (node) of the graph that runs the network, by its name.

    The graph is a CalculatorGraphConfig among the program's constants: field 1, repeated, is a
    node; a node's field 2 names its calculator, field 7 holds one extension, which is its options.
    """
    first = b"\x12\x17ImageToTensorCalculator"
    before_length = 3  # the first node's tag and the two bytes of its length
    at = program.rfind(first, 0, program.find(NETWORK.encode())) - before_length
    options = {}
    while program[at] == 0x0A:
        length, at = read_varint(program, at + 1)
        node = protobuf_fields(program[at : at + length])
        at += length
        for extension in node.get(7, []):
            ((message,),) = protobuf_fields(extension).values()
            options[node[2][0].decode()] = protobuf_fields(message)
    return options


def manifest_facts(program: bytes, labels: list[str]) -> dict[str, dict]:
    """What the package says of the manifest's fields, by table. Field numbers are MediaPipe's."""
    options = calculator_options(program)
    to_tensor = options["ImageToTensorCalculator"]
    anchors = options["SsdAnchorsCalculator"]
    to_detections = options["TensorsToDetectionsCalculator"]
    suppression = options["NonMaxSuppressionCalculator"]

    if to_tensor[3] != [0]:  # keep_aspect_ratio
        raise ImportFailed("MediaPipe letterboxes the picture: the manifest cannot say that")
    values = protobuf_fields(to_tensor[4][0])  # output_tensor_float_range
    low, high = values[1][0], values[2][0]
    std = 255 / (high - low)
    x_scale, y_scale, w_scale, h_scale = (to_detections[field][0] for field in (4, 5, 6, 7))
    if x_scale != y_scale or w_scale != h_scale or to_detections[13] != [1]:
        raise ImportFailed("MediaPipe decodes boxes in a way that the manifest cannot say")
    reverse_output_order = to_detections.get(14) == [1]
    order = ["cx", "cy", "w", "h"] if reverse_output_order else ["cy", "cx", "h", "w"]
    return {
        "": {"labels": ["background" if label == UNTRAINED else label for label in labels]},
        "input": {"mean": [-low * std] * 3, "std": [std] * 3},
        "output": {
            "offset_order": order,
            "activation": "sigmoid" if to_detections.get(15) == [1] else "none",  # sigmoid_score
            "background": to_detections[8][0],  # ignore_classes
            "variances": [1 / x_scale, 1 / w_scale],
        },
        "default_boxes": {
            "min_scale": anchors[3][0],
            "max_scale": anchors[4][0],
            "aspect_ratios": anchors[11],
            "reduce_boxes_in_lowest_layer": anchors[12] == [1],
            "interpolated_scale_aspect_ratio": anchors.get(13, [1.0])[0],
        },
        "detection": {
            "score_threshold": to_detections[19][0],
            "iou_threshold": suppression[3][0],
            "max_detections": suppression[2][0],
        },
    }


def check_manifest(path: Path, facts: dict[str, dict], outputs: dict[str, list[Predictions]]):
    """Hold the manifest against what the package says and against the network."""
    try:
        manifest = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ImportFailed(f"cannot read the manifest {path}: {error}") from error
    lines, classes = len(facts[""]["labels"]), outputs["class_logits"][0].values
    if lines != classes:
        raise ImportFailed(f"the label map has {lines} lines for {classes} classes")
    for table, expected in facts.items():
        fields = manifest.get(table, {}) if table else manifest
        for field, value in expected.items():
            if not agrees(fields.get(field), value):
                where = f"[{table}] {field}" if table else field
                raise ImportFailed(
                    f"{path}: {where} is {fields.get(field)}, the package says {value}: correct it"
                )


def agrees(found, expected) -> bool:
    if isinstance(expected, list):
        return isinstance(found, list) and len(found) == len(expected) and all(
            agrees(a, b) for a, b in zip(found, expected)
        )
    if isinstance(expected, float):
        return isinstance(found, float) and abs(found - expected) <= MANIFEST_TOLERANCE
    return type(found) is type(expected) and found == expected


# --- the command ---------------------------------------------------------------------------------


def default_output() -> Path:
    """Where the setup scripts keep what is fetched."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("SSDCRP_CACHE") or Path(cache) / "ssdcrp") / "models"


def replace_file(path: Path, data: bytes):
    """Whoever looks sees the old file or the whole new one."""
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    part.replace(path)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=f"Turn the TensorFlow Lite network in npm's {PACKAGE} into {NAME}.onnx."
    )
    parser.add_argument("tarball", type=Path, help=f"what `npm pack {PACKAGE}` fetches")
    parser.add_argument("-o", "--output", type=Path, metavar="DIR", default=default_output(),
                        help="the folder for model and manifest (default: %(default)s)")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail unless the folder holds what would be written")
    arguments = parser.parse_args()
    manifest = Path(__file__).resolve().with_name(f"{NAME}.toml")
    try:
        network, labels, program = read_package(arguments.tarball)
        layers, outputs = build_layers(TensorFlowLiteGraph(network))
        check_manifest(manifest, manifest_facts(program, labels), outputs)
        model = write_onnx(layers, outputs, layers[0].source.size, NAME)
        describe(model)
        data = model.SerializeToString(deterministic=True)
        files = {
            arguments.output / f"{NAME}.onnx": data,
            arguments.output / manifest.name: manifest.read_bytes(),
        }
        for path, content in files.items():
            if not arguments.check:
                path.parent.mkdir(parents=True, exist_ok=True)
                replace_file(path, content)
            elif not path.is_file() or path.read_bytes() != content:
                raise ImportFailed(f"{path} is missing or differs: import it again")
    except (ImportFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    convolutions = [layer for layer in layers if isinstance(layer, Convolution)]
    parameters = sum(layer.weights.size + layer.bias.size for layer in convolutions)
    work = sum(layer.multiply_accumulates() for layer in convolutions)
    print(f"{'unchanged' if arguments.check else 'wrote'}: {', '.join(map(str, files))}")
    print(f"sha256 {hashlib.sha256(data).hexdigest()}, {len(data)} bytes")
    print(f"{parameters} parameters, {work / 1e6:.1f} M multiply-accumulates")
    return 0


if __name__ == "__main__":
    sys.exit(main())
