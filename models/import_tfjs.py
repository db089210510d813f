"""Writes an SSD of TensorFlow.js as an ONNX file with its manifest: python import_tfjs.py MODEL.json [--names FILE] [-o NET.onnx]

In: a graph model that TensorFlow's Object Detection API made, model.json with its shards beside it. Out: NET.onnx (NCHW, fp32, opset 13) with class logits
and offsets, and NET.toml beside it. What prepares the picture, decodes boxes and suppresses is left out; mean and standard deviation, default boxes, variances
and the order of the offsets are read from it. Batch normalisation is folded into the convolutions, in float64. An operator that the network needs and the
importer does not know is refused by name. Needs Python 3.11, numpy and onnx.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from manifest_text import WrongNames, beginning, class_labels, names_in
from ssd_layers import Convolution, ImportFailed, Layer, Predictions, Relu, Relu6, Residual, Upsampled, write_onnx
from tfjs_graph import CONVOLUTIONS, TensorFlowGraph
from tfjs_surroundings import TOLERANCE, decoding, find_ends, find_start, generator, preparation

ACTIVATIONS = {"Relu": (Relu, "relu"), "Relu6": (Relu6, "relu6")}
# What ends a node's name without saying which layer it is.
ENDINGS = ("/Relu6", "/Relu", "/FusedBatchNormV3", "/FusedBatchNorm", "/BiasAdd", "/Conv2D", "/depthwise", "/separable_conv2d", "/add")


@dataclass
class Stacked:
    """The same map several times along new axes, on the way to being upsampled."""

    source: Layer
    factors: dict


class Names:
    """What layers are called: the API's scopes, without what all of them begin with and without operators."""

    def __init__(self, graph: TensorFlowGraph, order: list[str]):
        scopes = [name.split("/") for name in order if graph.nodes[name]["op"] in CONVOLUTIONS]
        # Of the first parts of the names those that only say which part of the API made the layer.
        self.prefixes = {scope[0] for scope in scopes} if len({scope[0] for scope in scopes}) == 1 else set()
        self.given = {}

    def short(self, name: str) -> str:
        parts = name.split("/")
        short = "/".join(parts[1:] if parts[0] in self.prefixes else parts)
        for ending in ENDINGS:
            whole, short = short, short.removesuffix(ending)
            if short != whole:
                break
        # Two nodes of one layer keep their own names.
        if self.given.setdefault(short, name) != name:
            return name
        return short

    def convolution(self, node: str, weights: str) -> str:
        return self.short(node)

    def residual(self, node: str, branch: Layer) -> str:
        return f"{self.short(node)}/add"


def build_layers(graph: TensorFlowGraph, start: str, size: int, ends: dict, names=None) -> tuple[list[Layer], dict[str, list[Predictions]]]:
    """Read the network from `start`, a picture of this size, to `ends`; fold what is linear per channel; return its layers and its outputs."""
    order = graph.network(start, list(ends))
    names = names or Names(graph, order)
    readers = {}
    for name in order:
        for source in graph.data_inputs(name):
            readers[source] = readers.get(source, 0) + 1

    tensors = {start: Layer("image", 3, size)}
    layers, outputs = [], {}

    def fold_into(source: str, kind=Convolution) -> Convolution | Residual:
        target = tensors[source]
        if not isinstance(target, kind) or readers[source] != 1:
            raise ImportFailed(f"what reads {source} cannot be folded into a convolution")
        return target

    def activated(source: Layer, kind: str) -> Layer:
        made, ending = ACTIVATIONS[kind]
        layers.append(made(f"{source.name}/{ending}", source.channels, source.size, source))
        return layers[-1]

    for name in order:
        op = graph.nodes[name]["op"]
        inputs = graph.data_inputs(name)
        constants = graph.constant_inputs(name)
        source = tensors[inputs[0]] if inputs else None
        if op in CONVOLUTIONS and constants:
            fused = graph.attribute(name, "fused_ops", [])
            result = convolution(graph, name, source, names.convolution(name, constants[0][0]), constants[0][1])
            layers.append(result)
            if fused[:1] == ["BiasAdd"]:
                result.shift(per_channel(constants[1][1], result))
                fused = fused[1:]
            if fused and (len(fused) > 1 or fused[0] not in ACTIVATIONS):
                raise ImportFailed(f"node {name}: cannot import what is fused with it, {', '.join(fused)}")
            if fused:
                result = activated(result, fused[0])
        elif op == "Mul" and len(constants) == 1:
            result = fold_into(inputs[0])
            result.scale(per_channel(constants[0][1], result))
        elif op in ("Add", "AddV2", "BiasAdd") and len(constants) == 1:
            result = fold_into(inputs[0], (Convolution, Residual))
            result.shift(per_channel(constants[0][1], result))
        elif op in ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"):
            result = fold_into(inputs[0])
            gamma, beta, mean, variance = (per_channel(value, result) for _, value in constants)
            factor = gamma / np.sqrt(variance + graph.attribute(name, "epsilon", 1e-4))
            result.scale(factor)
            result.shift(beta - mean * factor)
        elif op in ("AddN", "Add", "AddV2") and len(inputs) == 2:
            result = residual(name, inputs, tensors, readers, names)
            layers.append(result)
        elif op in ACTIVATIONS:
            result = activated(source, op)
        elif op == "Identity":
            result = source
        elif op == "Pack" and len(set(inputs)) == 1 and not constants and isinstance(source, (Layer, Stacked)):
            held = source if isinstance(source, Stacked) else Stacked(source, {})
            result = Stacked(held.source, held.factors | {graph.attribute(name, "axis", 0): len(inputs)})
        elif op == "ResizeNearestNeighbor" and isinstance(source, Layer):
            result = resized(graph, name, source)
            layers.append(result)
        elif op == "Reshape" and isinstance(source, Stacked):
            result = upsampled(graph, name, source, names)
            layers.append(result)
        elif op == "Reshape" and isinstance(source, Convolution):
            result = predictions(graph, name, source)
        elif op == "ConcatV2" and name in ends:
            result = outputs[ends[name]] = [tensors[i] for i in inputs]
        else:
            raise ImportFailed(f"node {name}: cannot import operator {op} with these inputs")
        tensors[name] = result
    return layers, outputs


def convolution(graph, node: str, source: Layer, name: str, weights) -> Convolution:
    stride, other = graph.attribute(node, "strides")[1:3]
    padding = graph.attribute(node, "padding")
    dilations = graph.attribute(node, "dilations", [1, 1, 1, 1])
    if stride != other or padding not in ("SAME", "VALID") or dilations != [1, 1, 1, 1]:
        raise ImportFailed(f"node {node}: only square strides, SAME or VALID padding and no dilation")
    if graph.attribute(node, "data_format", "NHWC") != "NHWC":
        raise ImportFailed(f"node {node}: only channels last are read")
    if "Depthwise" not in graph.nodes[node]["op"]:
        groups = 1
        weights = weights.transpose(3, 2, 0, 1)  # from [kh, kw, in, out]
    else:
        groups = source.channels
        if weights.shape[2:] != (groups, 1):  # [kh, kw, in, multiplier]
            raise ImportFailed(f"node {node}: only depthwise convolutions with multiplier 1")
        weights = weights.transpose(2, 3, 0, 1)
    channels, _, *kernel = weights.shape
    if padding == "VALID" and kernel[0] != kernel[1]:
        raise ImportFailed(f"node {node}: without padding only square kernels are read")
    size = -(-source.size // stride) if padding == "SAME" else (source.size - kernel[0]) // stride + 1
    return Convolution(name, channels, size, source, weights.astype(np.float64), np.zeros(channels), stride, groups)


def per_channel(values: np.ndarray, layer: Layer) -> np.ndarray:
    if values.size != layer.channels:
        raise ImportFailed(f"{layer.name} has {layer.channels} channels, a constant {values.size}")
    return values.reshape(-1).astype(np.float64)


def residual(node: str, inputs: list[str], tensors: dict, readers: dict, names) -> Residual:
    """A sum; its branch, which a bias can be moved into, is a convolution that nothing else reads."""
    inputs = sorted(inputs, key=lambda i: not (isinstance(tensors[i], Convolution) and readers[i] == 1))
    branch, shortcut = (tensors[i] for i in inputs)
    if (branch.channels, branch.size) != (shortcut.channels, shortcut.size):
        raise ImportFailed(f"node {node}: cannot add maps of other sizes")
    return Residual(names.residual(node, branch), branch.channels, branch.size, branch, shortcut)


def resized(graph, node: str, source: Layer) -> Upsampled:
    wanted = dict(enumerate(graph.constant_inputs(node)[0][1].tolist()))
    factor = wanted[0] // source.size
    if wanted != {0: factor * source.size, 1: factor * source.size} or graph.attribute(node, "align_corners", False):
        raise ImportFailed(f"node {node}: only whole multiples of a map's size are read")
    return Upsampled(node, source.channels, wanted[0], source, factor)


def upsampled(graph, node: str, held: Stacked, names) -> Upsampled:
    """The API's nearest neighbours: columns stacked behind columns, then rows behind rows, then reshaped."""
    factor, source = held.factors.get(3, 0), held.source
    shape = [value.tolist() for _, value in graph.constant_inputs(node)]
    size = source.size * factor
    if held.factors != {3: factor, 2: factor} or not shape or shape[0][1:] != [size, size, source.channels]:
        raise ImportFailed(f"node {node}: cannot import what is stacked in this way")
    return Upsampled(names.short(node), source.channels, size, source, factor)


def predictions(graph, node: str, source: Convolution) -> Predictions:
    """Read the target shape: [batch, boxes, values] for classes, [batch, boxes, 1, 4] for boxes."""
    target = graph.inputs(node)[1]
    if target in graph.constants:
        shape = graph.constants[target].tolist()[1:]
    else:
        shape = [int(value) for _, value in graph.constant_inputs(target)]
    numbers = source.channels * source.size**2
    boxes, values = shape[0], shape[-1]
    boxes = numbers // values if boxes == -1 else boxes
    if boxes * values != numbers:
        raise ImportFailed(f"node {node}: {boxes} x {values} does not hold {source.name}")
    return Predictions(source, boxes, values)


# --- the command ---------------------------------------------------------------------------------


def manifest(name: str, names: list[str] | None, classes: int, picture, output, boxes: list[str]) -> str:
    resize, factor, summand = picture
    labels = class_labels(names, classes, background=0)
    kind, order, variances = output
    if min(factor) <= 0:
        raise ImportFailed(f"the picture is multiplied by {factor.tolist()}: only factors above 0 are read")
    mean, std = (", ".join(f"{value:.7g}" for value in values) for values in (-summand / factor, 1 / factor))
    return "\n".join([
        *beginning("Written by models/import_tfjs.py.", "ssd", name, labels),
        "[input]",
        'colour = "rgb"',
        f"mean = [{mean}]",
        f"std = [{std}]",
        f'resize = "{resize}"',
        "",
        "[output]",
        'classes = "class_logits"',
        'offsets = "box_offsets"',
        f"offset_order = {json.dumps(order)}",
        f'activation = "{kind}"',
        "background = 0",
        f"variances = [{', '.join(f'{value:.4g}' for value in variances)}]",
        "",
        "[default_boxes]",
        *boxes,
        "",
        "[detection]",
        "score_threshold = 0.5",
        "iou_threshold = 0.6",
        "max_detections = 100",
        "",
    ])  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="model.json; its shards lie beside it")
    parser.add_argument("--names", type=Path, help="the classes, one a line, with the background or without")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    output = arguments.output or Path(f"{arguments.model.resolve().parent.name}.onnx")
    try:
        paths = {path for group in json.loads(arguments.model.read_text())["weightsManifest"] for path in group["paths"]}
        files = {path: (arguments.model.parent / path).read_bytes() for path in paths}
        graph = TensorFlowGraph(files | {"model.json": arguments.model.read_bytes()})
        ends, kind = find_ends(graph)
        start = find_start(graph, ends)
        size, resize, factor, summand = preparation(graph, start)
        layers, outputs = build_layers(graph, start, size, ends)
        heads = outputs["box_offsets"]
        grids, boxes = [head.source.size for head in heads], sum(head.boxes for head in heads)
        classes = outputs["class_logits"][0].values
        stored, order, variances = decoding(graph, start, size, ends, boxes, classes)
        tolerance = max(TOLERANCE[rounded] for rounded in graph.rounded | {None})
        lines = generator(stored, grids, [head.boxes // head.source.size**2 for head in heads], size, tolerance)
        names = names_in(arguments.names)
        text = manifest(output.stem, names, classes, (resize, factor, summand), (kind, order, variances), lines)
        model = write_onnx(layers, outputs, size, output.stem, producer_name=Path(__file__).name)
        output.write_bytes(model.SerializeToString(deterministic=True))
        output.with_suffix(".toml").write_text(text, encoding="utf-8")
    except (ImportFailed, WrongNames, OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        sys.exit(f"{arguments.model}: {error}")
    print(f"{output} and {output.with_suffix('.toml').name}: {len(heads)} heads, {boxes} default boxes, {classes} classes")


if __name__ == "__main__":
    main()
