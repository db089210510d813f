"""Reads a graph model of TensorFlow.js: nodes, constants, and what parts of the graph compute.

In: model.json and its shards. Out: a `TensorFlowGraph`, and `Values`, which computes nodes with numpy as far as it knows their operators, as it does those that
decode boxes.
"""

import base64
import json

import numpy as np

from ssd_layers import ImportFailed

CONVOLUTIONS = ("Conv2D", "DepthwiseConv2dNative", "_FusedConv2D", "FusedDepthwiseConv2dNative")

# How constants may be stored, and what they are.
STORED = {"float32": "<f4", "int32": "<i4", "bool": "?", "float16": "<f2", "uint8": "u1", "uint16": "<u2"}


class TensorFlowGraph:
    """The nodes and constants of a TensorFlow.js graph model."""

    def __init__(self, files: dict[str, bytes]):
        model = json.loads(files["model.json"])
        if "modelTopology" not in model or "node" not in model["modelTopology"]:
            raise ImportFailed("model.json has no graph: only graph models are read, not models of layers")
        self.nodes = {node["name"]: node for node in model["modelTopology"]["node"]}
        # How constants are rounded, where they are not kept as they were.
        self.constants, self.rounded = {}, set()
        for group in model["weightsManifest"]:
            data = b"".join(files[path] for path in group["paths"])
            offset = 0
            for entry in group["weights"]:
                offset = self.read_constant(entry, data, offset)
            if offset != len(data):
                raise ImportFailed(f"the shards hold {len(data)} bytes, the manifest names {offset}")
        self.readers = {}
        for name in self.nodes:
            for source in self.inputs(name):
                self.readers.setdefault(source, []).append(name)

    def read_constant(self, entry: dict, data: bytes, offset: int) -> int:
        quantised = entry.get("quantization", {})
        dtype = quantised.get("dtype", entry["dtype"])
        if dtype not in STORED:
            raise ImportFailed(f"constant {entry['name']} is {dtype}: {', '.join(STORED)} are read")
        dtype = np.dtype(STORED[dtype])
        count = int(np.prod(entry["shape"], dtype=np.int64))
        end = offset + count * dtype.itemsize
        if end > len(data):
            raise ImportFailed(f"the shards end within {entry['name']}: they are cut off")
        values = np.frombuffer(data, dtype, count, offset)
        if quantised:
            self.rounded.add(quantised["dtype"])
            values = values.astype(STORED[entry["dtype"]])
            if "scale" in quantised:
                values = (values * quantised["scale"] + quantised["min"]).astype(STORED[entry["dtype"]])
        self.constants[entry["name"]] = values.reshape(entry["shape"])
        return end

    def inputs(self, name: str) -> list[str]:
        """The nodes that a node reads, without those that it only waits for."""
        return [i.partition(":")[0] for i in self.nodes[name].get("input", []) if not i.startswith("^")]

    def data_inputs(self, name: str) -> list[str]:
        """The inputs of a node that carry the picture's data, not parameters."""
        inputs = [i for i in self.inputs(name) if i not in self.constants]
        return inputs[:1] if self.nodes[name]["op"] in ("Reshape", "ResizeNearestNeighbor") else inputs

    def constant_inputs(self, name: str) -> list[tuple[str, np.ndarray]]:
        return [(i, self.constants[i]) for i in self.inputs(name) if i in self.constants]

    def attribute(self, name: str, key: str, default=None):
        """A node's attribute: a number, a switch, a text, or a list of integers or texts."""
        value = self.nodes[name].get("attr", {}).get(key)
        if value is None:
            return default
        if "s" in value:
            return text(value["s"])
        if "list" in value:
            held = value["list"]
            return [text(s) for s in held["s"]] if held.get("s") else [int(i) for i in held.get("i", [])]
        if "i" in value:
            return int(value["i"])
        return value["f"] if "f" in value else value.get("b")

    def network(self, start: str, ends: list[str]) -> list[str]:
        """The nodes from the network's input to its outputs, each after those that it reads."""
        order, done = [], {start}
        waiting = list(reversed(ends))
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

    def behind(self, start: str) -> list[str]:
        """All nodes that a node has a say in, nearest first."""
        found, waiting = [], [start]
        for name in waiting:
            for reader in self.readers.get(name, []):
                if reader not in found:
                    found.append(reader)
                    waiting.append(reader)
        return found

    def before(self, end: str) -> list[str]:
        """All nodes that have a say in a node, those that are read before those that read them but for loops."""
        order, seen, waiting = [], set(), [(end, False)]
        while waiting:
            name, is_done = waiting.pop()
            if is_done:
                order.append(name)
            elif name not in seen:
                seen.add(name)
                waiting.append((name, True))
                waiting += [(i, False) for i in self.inputs(name)]
        return order[:-1]


def text(value) -> str:
    """TensorFlow.js keeps texts as lists of bytes or in base64."""
    return (base64.b64decode(value) if isinstance(value, str) else bytes(value)).decode()


class Values:
    """Computes nodes with numpy, from constants and from what some nodes are said to be."""

    def __init__(self, graph: TensorFlowGraph, known: dict[str, np.ndarray]):
        self.graph, self.known = graph, {name: [value] for name, value in known.items()}

    def of(self, reference: str) -> np.ndarray:
        name, _, index = reference.partition(":")
        if name in self.graph.constants:
            return self.graph.constants[name]
        if name not in self.known:
            node = self.graph.nodes[name]
            if node["op"] not in OPERATORS:
                raise ImportFailed(f"node {name}: cannot compute {node['op']}")
            operands = [self.of(i) for i in node.get("input", []) if not i.startswith("^")]
            made = OPERATORS[node["op"]](lambda key, default=None: self.graph.attribute(name, key, default), *operands)
            self.known[name] = made if isinstance(made, list) else [made]
        return self.known[name][int(index or 0)]


def strided_slice(attribute, x, begin, end, stride):
    parts = []
    for axis in range(len(begin)):
        bit = 1 << axis
        if attribute("ellipsis_mask", 0) & bit or attribute("new_axis_mask", 0) & bit:
            raise ImportFailed("StridedSlice with new axes or an ellipsis is not read")
        if attribute("shrink_axis_mask", 0) & bit:
            parts.append(int(begin[axis]))
            continue
        first = None if attribute("begin_mask", 0) & bit else int(begin[axis])
        parts.append(slice(first, None if attribute("end_mask", 0) & bit else int(end[axis]), int(stride[axis])))
    return x[tuple(parts)]


def unpack(attribute, x):
    axis = attribute("axis", 0)
    return [x.take(index, axis) for index in range(x.shape[axis])]


def sliced(_, x, begin, size):
    return x[tuple(slice(b, None if s < 0 else b + s) for b, s in zip(begin.tolist(), size.tolist()))]


OPERATORS = {
    "Identity": lambda _, x: x,
    "Reshape": lambda _, x, shape: x.reshape(shape),
    "Transpose": lambda _, x, order: x.transpose(order),
    "Squeeze": lambda attribute, x: x.squeeze(tuple(attribute("squeeze_dims", []) or ()) or None),
    "ExpandDims": lambda _, x, axis: np.expand_dims(x, int(axis.reshape(-1)[0])),
    "Pack": lambda attribute, *x: np.stack(x, attribute("axis", 0)),
    "Unpack": unpack,
    "Split": lambda attribute, axis, x: np.split(x, attribute("num_split"), int(axis)),
    "ConcatV2": lambda _, *x: np.concatenate(x[:-1], int(x[-1])),
    "Tile": lambda _, x, times: np.tile(x, times),
    "Fill": lambda _, shape, value: np.full(shape, value),
    "Shape": lambda _, x: np.array(x.shape, np.int32),
    "StridedSlice": strided_slice,
    "Slice": sliced,
    "Cast": lambda _, x: x,
    "Mul": lambda _, a, b: a * b,
    "RealDiv": lambda _, a, b: a / b,
    "Add": lambda _, a, b: a + b,
    "AddV2": lambda _, a, b: a + b,
    "Sub": lambda _, a, b: a - b,
    "Exp": lambda _, x: np.exp(x),
    "Minimum": lambda _, a, b: np.minimum(a, b),
    "Maximum": lambda _, a, b: np.maximum(a, b),
}
