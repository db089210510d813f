"""An ONNX file as a list of nodes, and its forward pass in float64.

In: an ONNX file of the kinds of operators that an SSD is made of. Out: `Network`, whose `forward` keeps every tensor.
What the rules are defined on is joined on loading: batch normalisation with its convolution, a matrix product with the
Add of its bias, a Pad with zeros with its convolution. Nothing else is rewritten.
"""

from dataclasses import dataclass, field

import numpy as np
import onnx
from onnx import numpy_helper

import operators
from unfold import Window, unfold


@dataclass
class Node:
    """One operator; `attributes` holds plain Python values."""

    name: str
    op: str
    inputs: list
    outputs: list
    attributes: dict = field(default_factory=dict)


class Network:
    """Nodes in topological order, constants by name, and the names of input and outputs."""

    def __init__(self, path, dtype=np.float64):
        """Loads `path`; all arithmetic is done in `dtype` (float64, or float32 to see what rounding does)."""
        graph = onnx.load(str(path)).graph
        self.dtype = dtype
        self.constants = {tensor.name: self._number(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
        self.nodes = []
        for index, proto in enumerate(graph.node):
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
            node = Node(
                proto.name or f"{proto.op_type}_{index}",
                proto.op_type,
                list(proto.input),
                list(proto.output),
                attributes,
            )
            if node.op == "Constant":
                self.constants[node.outputs[0]] = self._number(numpy_helper.to_array(attributes["value"]))
            else:
                self.nodes.append(node)
        inputs = [value for value in graph.input if value.name not in self.constants]
        if len(inputs) != 1:
            raise ValueError(f"{path}: one input is expected, found {[value.name for value in inputs]}")
        self.input = inputs[0].name
        sizes = [size.dim_value for size in inputs[0].type.tensor_type.shape.dim]
        self.channels_last = sizes[3] == 3 != sizes[1]
        self.outputs = [value.name for value in graph.output]
        self._keep_batch()
        self._fold_pads()
        self._fold_batch_normalisation()
        self._fold_bias()

    def _number(self, array):
        return array.astype(self.dtype) if array.dtype.kind == "f" else array

    def producer(self, tensor):
        """The node that makes `tensor`, or None for the input and for constants."""
        return next((node for node in self.nodes if tensor in node.outputs), None)

    def consumers(self, tensor):
        """The nodes that read `tensor`."""
        return [node for node in self.nodes if tensor in node.inputs]

    def weights(self, conv):
        """Kernel [O, I/groups, kh, kw] and bias [O] (zeros where the node has none) of a Conv."""
        weight = self.constants[conv.inputs[1]]
        has_bias = len(conv.inputs) > 2 and conv.inputs[2]
        return weight, self.constants[conv.inputs[2]] if has_bias else np.zeros(weight.shape[0], dtype=self.dtype)

    def _fold_batch_normalisation(self):
        for norm in [node for node in self.nodes if node.op == "BatchNormalization"]:
            conv = self.producer(norm.inputs[0])
            if conv is None or conv.op != "Conv" or len(self.consumers(norm.inputs[0])) != 1:
                continue
            weight, bias = self.weights(conv)
            gain, shift, mean, variance = (self.constants[name] for name in norm.inputs[1:5])
            factor = gain / np.sqrt(variance + self.dtype(norm.attributes.get("epsilon", 1e-5)))
            folded = [f"{conv.name}/folded_weight", f"{conv.name}/folded_bias"]
            self.constants[folded[0]] = weight * factor[:, None, None, None]
            self.constants[folded[1]] = (bias - mean) * factor + shift
            conv.inputs = [conv.inputs[0], *folded]
            conv.outputs = [norm.outputs[0]]
            self.nodes.remove(norm)

    def _fold_bias(self):
        for product in [node for node in self.nodes if node.op == "MatMul"]:
            readers = self.consumers(product.outputs[0])
            if len(readers) != 1 or readers[0].op != "Add":
                continue
            bias = next(name for name in readers[0].inputs if name != product.outputs[0])
            if bias in self.constants:
                product.inputs.append(bias)
                product.outputs = readers[0].outputs
                self.nodes.remove(readers[0])

    def _keep_batch(self):
        """YOLO12 cuts maps into areas that take the place of the batch, FastestDet halves of channels: there every tensor gets an axis of 1 before the others."""
        inside = set()
        for node in list(self.nodes):
            reads = [name in inside for name in node.inputs]
            if node.op == "Reshape" and node.inputs[1] in self.constants:
                sizes = [int(size) for size in self.constants[node.inputs[1]]]
                if not sizes or sizes[0] <= 1 and not (reads[0] and sizes[0] != 1):
                    continue
                node.inputs[1] = f"{node.name}/areas"
                self.constants[node.inputs[1]] = np.array([1, *sizes])
            elif not any(reads):
                continue
            elif node.op == "Transpose":
                node.attributes["perm"] = [0, *(axis + 1 for axis in node.attributes["perm"])]
            elif node.op == "Gather" and node.attributes.get("axis", 0) == 0 and self.constants[node.inputs[1]].ndim == 0:
                # One half alone: behind it the batch is in its place again.
                (picked,), node.attributes["axis"] = node.outputs, 1
                node.outputs = [f"{picked}/areas"]
                self.constants[f"{picked}/batch"] = np.array([1])
                squeeze = Node(f"{node.name}/batch", "Squeeze", [node.outputs[0], f"{picked}/batch"], [picked], {})
                self.nodes.insert(self.nodes.index(node) + 1, squeeze)
                continue
            elif node.op in ("Split", "Softmax"):
                axis = node.attributes.get("axis", -1 if node.op == "Softmax" else 0)
                node.attributes["axis"] = axis + 1 if axis >= 0 else axis
            elif node.op not in ("MatMul", "Mul"):
                raise ValueError(f"{node.name}: {node.op} of areas")
            inside.update(node.outputs)

    def _fold_pads(self):
        for pad in [node for node in self.nodes if node.op == "Pad"]:
            value = self.constants[pad.inputs[2]] if len(pad.inputs) > 2 else 0
            readers = self.consumers(pad.outputs[0])
            if value != 0 or not readers or any(reader.op != "Conv" for reader in readers):
                continue
            _, _, top, left, _, _, bottom, right = (int(size) for size in self.constants[pad.inputs[1]])
            for reader in readers:
                own = reader.attributes.get("pads", [0] * 4)
                reader.attributes["pads"] = [a + b for a, b in zip(own, (top, left, bottom, right))]
                reader.inputs[0] = pad.inputs[0]
            self.nodes.remove(pad)

    def forward(self, picture):
        """Every tensor by name, for one picture [1, 3, H, W]."""
        tensors = {self.input: self.taken(picture).astype(self.dtype)}
        for node in self.nodes:
            # What is left out is None.
            values = tensors | self.constants | {"": None}
            made = self.evaluate(node, [values[name] for name in node.inputs])
            tensors.update(zip(node.outputs, made if node.op == "Split" else [made]))
        return tensors

    def taken(self, picture):
        """A picture [1, 3, H, W] as the network takes it, which may be [1, H, W, 3]."""
        return np.moveaxis(picture, 1, -1) if self.channels_last else picture

    def evaluate(self, node, arguments):
        """One node's output from its inputs' values; moving operators take arrays of any type."""
        if node.op == "Conv":
            return self._conv(node, arguments[0])
        if node.op == "MaxPool":
            window = Window.of(node)
            channels, height, width = arguments[0].shape[1:]
            columns = unfold(arguments[0][0], window.sources(height, width), -np.inf)
            return columns.max(axis=1).reshape(1, channels, *window.output_size(height, width))
        if node.op == "Relu":
            return np.maximum(arguments[0], 0)
        if node.op == "Clip":
            low, high = (*arguments[1:], None, None)[:2]
            return np.clip(arguments[0], low, high)
        if node.op in ("Identity", "Dropout"):
            return arguments[0]
        if node.op in operators.MOVING:
            return operators.moved(node, arguments)
        if node.op in operators.COMPUTING:
            return operators.COMPUTING[node.op](node, *arguments)
        raise ValueError(f"{node.name}: the oracle does not know the operator {node.op}")

    def _conv(self, node, feature_map):
        weight, bias = self.weights(node)
        groups = node.attributes.get("group", 1)
        window = Window.of(node, weight.shape[2:])
        height, width = feature_map.shape[2:]
        columns = unfold(feature_map[0], window.sources(height, width))
        columns = columns.reshape(groups, -1, columns.shape[-1])
        products = weight.reshape(groups, weight.shape[0] // groups, -1) @ columns
        z = products.reshape(weight.shape[0], -1) + bias[:, None]
        return z.reshape(1, weight.shape[0], *window.output_size(height, width))
