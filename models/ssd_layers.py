"""Layers of an SSD that come from TensorFlow, and the ONNX file made of them.

In: layers in the order of the network, batch normalisation folded, and for each output the heads that it joins. Out: an ONNX model (NCHW, fp32, opset 13), its
outputs [1, boxes, values], each head's convolution named after its layer; the same bytes whenever the layers are the same. Needs numpy and onnx.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# The oldest IR version that opset 13 goes with, so that old readers open the file as well.
IR_VERSION, OPSET = 7, 13


class ImportFailed(Exception):
    """A message that says what is wrong and what to do."""


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
        """TensorFlow's SAME: what is odd goes to the bottom and to the right. Of VALID, whose map is as much smaller, nothing is left to pad."""
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
class Relu(Layer):
    source: Layer


@dataclass
class Residual(Layer):
    branch: Layer
    shortcut: Layer

    def shift(self, offset: np.ndarray):
        self.branch.shift(offset)


@dataclass
class Upsampled(Layer):
    """Each cell as factor x factor cells."""

    source: Layer
    factor: int


@dataclass
class Predictions:
    """A head's output as [1, boxes, values]."""

    source: Convolution
    boxes: int
    values: int


class OnnxWriter:
    """Appends nodes and constants; a node is named after the tensor that it puts out."""

    def __init__(self):
        self.nodes, self.initializers = [], []

    def node(self, op: str, inputs: list[str], output: str, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))

    def constant(self, name: str, values: np.ndarray) -> str:
        self.initializers.append(numpy_helper.from_array(np.array(values, order="C"), name))
        return name


def write_onnx(layers: list[Layer], outputs: dict[str, list[Predictions]], size: int, name: str, **described) -> onnx.ModelProto:
    """The model of pictures of this size; `described` goes into its fields: graph_doc_string, doc_string, producer_name."""
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
            )  # fmt: skip
        elif isinstance(layer, Relu6):
            writer.node("Clip", [layer.source.name, *clip], layer.name)
        elif isinstance(layer, Relu):
            writer.node("Relu", [layer.source.name], layer.name)
        elif isinstance(layer, Residual):
            writer.node("Add", [layer.branch.name, layer.shortcut.name], layer.name)
        elif isinstance(layer, Upsampled):
            scales = writer.constant(f"{layer.name}/scales", np.array([1, 1, layer.factor, layer.factor], np.float32))
            writer.node(
                "Resize", [layer.source.name, "", scales], layer.name,
                coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )  # fmt: skip

    output_infos = []
    for output, heads in outputs.items():
        for head in heads:
            tensor = head.source.name
            shape = np.array([1, head.boxes, head.values], np.int64)
            writer.node("Transpose", [tensor], f"{tensor}/nhwc", perm=[0, 2, 3, 1])
            inputs = [f"{tensor}/nhwc", writer.constant(f"{tensor}/shape", shape)]
            writer.node("Reshape", inputs, f"{tensor}/boxes")
        writer.node("Concat", [f"{head.source.name}/boxes" for head in heads], output, axis=1)
        shape = [1, sum(head.boxes for head in heads), heads[0].values]
        output_infos.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, shape))

    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, size, size])
    doc_string = described.pop("graph_doc_string", "")
    graph = helper.make_graph(writer.nodes, name, [image], output_infos, writer.initializers, doc_string=doc_string)
    model = helper.make_model(graph, ir_version=IR_VERSION, opset_imports=[helper.make_opsetid("", OPSET)], **described)
    return with_shapes(model)


def with_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Check the model and store the shape of every intermediate tensor in it, in node order."""
    inferred = onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    infos = {info.name: info for info in inferred.graph.value_info}
    outputs = {info.name for info in model.graph.output}
    names = [node.output[0] for node in model.graph.node]
    names = [name for name in names if name not in outputs]
    missing = [name for name in names if name not in infos]
    if missing:
        raise ImportFailed(f"onnx could not infer the shape of {', '.join(missing)}")
    model.graph.value_info.extend(infos[name] for name in names)
    onnx.checker.check_model(model, full_check=True)
    return model


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


def multiscale_boxes(parameters: dict, grids: list[int], size: int) -> np.ndarray:
    """The same after its multiscale_anchor_generator, for pictures of this size."""
    boxes, octave = [], parameters["scales_per_octave"]
    for level, grid in enumerate(grids, parameters["min_level"]):
        stride = 2**level / size
        # Where the stride does not divide the picture, the API's boxes stand on the corners of cells.
        first = 0.5 if size % 2**level == 0 else 0.0
        sides = [parameters["anchor_scale"] * stride * 2 ** (k / octave) for k in range(octave)]
        shapes = [(side / ratio**0.5, side * ratio**0.5) for ratio in parameters["aspect_ratios"] for side in sides]
        for y in range(grid):
            for x in range(grid):
                cy, cx = (y + first) * stride, (x + first) * stride
                boxes += [(cy - h / 2, cx - w / 2, cy + h / 2, cx + w / 2) for h, w in shapes]
    return np.array(boxes)
