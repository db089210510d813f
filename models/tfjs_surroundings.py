"""What surrounds an SSD in a graph of TensorFlow's Object Detection API: where the network begins and ends, how pictures are prepared, how boxes are decoded.

In: a `TensorFlowGraph`. Out: names of nodes, and what a manifest says of the detector. An SSD's ends are the two nodes that join what all heads say, of which one
goes on to a sigmoid or a softmax. What decodes boxes is not read but run, on offsets of 0 and of 1.
"""

import json

import numpy as np

from ssd_layers import ImportFailed, default_boxes, multiscale_boxes
from tfjs_graph import CONVOLUTIONS, TensorFlowGraph, Values

# Default boxes that agree with the graph's to this share of the picture's side are the same; where constants are rounded, the graph's default boxes are too.
TOLERANCE = {None: 1e-4, "uint16": 1e-4, "float16": 1e-3, "uint8": 1e-2}

# What moves scores on their way to their activation.
MOVES = ("Identity", "Reshape", "Squeeze", "ExpandDims", "Slice", "StridedSlice")


def find_ends(graph: TensorFlowGraph) -> tuple[dict, str]:
    """The nodes that join all heads' classes and offsets, and the activation of the classes."""
    joined = []
    for name, node in graph.nodes.items():
        if node["op"] != "ConcatV2" or len(graph.data_inputs(name)) < 2:
            continue
        sources = [graph.nodes[i] for i in graph.data_inputs(name)]
        if all(source["op"] == "Reshape" for source in sources):
            joined.append(name)
    scored = [(name, kind) for name in joined if (kind := activation(graph, name))]
    others = [name for name in joined if name not in dict(scored)]
    if len(scored) != 1 or len(others) != 1:
        raise ImportFailed(f"expected one tensor that joins the heads' classes and one that joins their offsets, found {len(scored)} and {len(others)}")
    ((classes, kind),) = scored
    return {classes: "class_logits", others[0]: "box_offsets"}, kind


def activation(graph: TensorFlowGraph, name: str) -> str | None:
    """What turns these logits into scores, if anything does: sigmoid or softmax."""
    waiting = list(graph.readers.get(name, []))
    while waiting:
        reader = waiting.pop()
        op = graph.nodes[reader]["op"]
        if op in ("Sigmoid", "Softmax"):
            return op.lower()
        if op in MOVES:
            waiting += graph.readers.get(reader, [])
    return None


def find_start(graph: TensorFlowGraph, ends: dict) -> str:
    """What the first convolution reads."""
    found = set()
    inner = set()
    for end in ends:
        for name in graph.before(end):
            if name in graph.constants or graph.nodes[name]["op"] == "Const":
                continue
            inputs = graph.data_inputs(name)
            if any(i in inner for i in inputs):
                inner.add(name)
            elif graph.nodes[name]["op"] in CONVOLUTIONS:
                inner.add(name)
                found.add(inputs[0])
    if len(found) != 1:
        raise ImportFailed(f"expected one tensor that the first convolutions read, found {', '.join(sorted(found)) or 'none'}")
    return found.pop()


def preparation(graph: TensorFlowGraph, start: str) -> tuple[int, str, np.ndarray, np.ndarray]:
    """The picture's size, how it is resized, and factor and summand of each channel before the network."""
    size = resize = None
    factor, summand = np.ones(3), np.zeros(3)
    for name in [*graph.before(start), start]:
        if name in graph.constants:
            continue
        op = graph.nodes[name]["op"]
        constants = [(i, v.astype(np.float64)) for i, v in graph.constant_inputs(name) if v.dtype == np.float32 and v.size in (1, 3)]
        if op == "Pad":
            raise ImportFailed(f"node {name}: padding before the first convolution is not read")
        if op == "ResizeBilinear":
            rows, columns = graph.constant_inputs(name)[-1][1].tolist()
            if rows != columns or graph.attribute(name, "align_corners", False):
                raise ImportFailed(f"node {name}: only a resize to squares that keeps no corners is read")
            size, resize = rows, "bilinear" if graph.attribute(name, "half_pixel_centers", False) else "bilinear-legacy"
        elif constants and len(graph.inputs(name)) == 2:
            (which, value), is_second = constants[0], graph.inputs(name)[1] == constants[0][0]
            if op == "Mul":
                factor, summand = factor * value, summand * value
            elif op in ("Add", "AddV2"):
                summand = summand + value
            elif op == "Sub" and is_second:
                summand = summand - value
            elif op == "RealDiv" and is_second:
                factor, summand = factor / value, summand / value
            elif op in ("Sub", "RealDiv"):
                raise ImportFailed(f"node {name}: cannot read how the picture is prepared, {op} of the constant {which}")
    if size is None:
        raise ImportFailed("the graph resizes no picture to a fixed size: its size is not known")
    return size, resize, factor.reshape(-1) * np.ones(3), summand.reshape(-1) * np.ones(3)


def decoding(graph: TensorFlowGraph, start: str, size: int, ends: dict, boxes: int, classes: int):
    """Default boxes [D, 4] y0, x0, y1, x1, the order of the offsets and the variances: the part of the graph that decodes, tried on offsets of 0 and of 1."""
    places = {output: name for name, output in ends.items()}
    behind = graph.behind(places["box_offsets"])
    exponentials = [name for name in behind if graph.nodes[name]["op"] == "Exp"]
    wanted = {reader for name in exponentials for reader in graph.behind(name)}

    def decoded(offsets):
        rank = len(np.shape(concatenated))
        known = {
            start: np.zeros([1, size, size, 3]),
            places["class_logits"]: np.zeros([1, boxes, classes]),
            places["box_offsets"]: offsets.reshape([1, boxes] + [1] * (rank - 3) + [4]),
        }
        values = Values(graph, known)
        for name in behind:
            if name in wanted:
                try:
                    found = values.of(name)
                except (ImportFailed, IndexError, ValueError, TypeError):
                    continue
                if np.shape(found)[-2:] == (boxes, 4):
                    return found.reshape(boxes, 4)
        raise ImportFailed("the graph does not decode boxes in a way that can be read")

    # With or without an axis of one between boxes and offsets: what the heads' own reshaping says.
    first = graph.inputs(graph.data_inputs(places["box_offsets"])[0])[1]
    rank = len(graph.constants[first]) if first in graph.constants else 1 + len(graph.constant_inputs(first))
    concatenated = np.zeros([1] * rank)
    stored = decoded(np.zeros([boxes, 4]))
    centre, side = (stored[:, :2] + stored[:, 2:]) / 2, stored[:, 2:] - stored[:, :2]
    order, variances = [], []
    for column in range(4):
        moved = decoded(np.eye(4)[[column] * boxes])
        shift = ((moved[:, :2] + moved[:, 2:]) / 2 - centre) / side
        growth = np.log((moved[:, 2:] - moved[:, :2]) / side)
        effects = {"cy": shift[:, 0], "cx": shift[:, 1], "h": growth[:, 0], "w": growth[:, 1]}
        name = max(effects, key=lambda key: np.abs(effects[key]).mean())
        least = np.median(effects[name])
        if np.abs(effects[name] - least).max() > 1e-3 or any(np.abs(effects[key]).max() > 1e-3 for key in effects if key != name):
            raise ImportFailed(f"offset {column} does not move or stretch all default boxes alike")
        order.append(name)
        variances.append(float(least))
    by_name = dict(zip(order, variances))
    if sorted(by_name) != ["cx", "cy", "h", "w"] or abs(by_name["cx"] - by_name["cy"]) > 1e-4 or abs(by_name["w"] - by_name["h"]) > 1e-4:
        raise ImportFailed(f"the offsets' factors are {by_name}: one for both centres and one for both sides are read")
    return stored, order, [by_name["cx"], by_name["w"]]


def generator(stored: np.ndarray, grids: list[int], per_cell: list[int], size: int, tolerance: float) -> list[str]:
    """Lines of the manifest whose default boxes are those of the graph."""
    ratios = [1.0, 2.0, 0.5, 3.0, 0.3333]
    spread = {"min_scale": 0.2, "max_scale": 0.95, "aspect_ratios": ratios, "interpolated_scale_aspect_ratio": 1.0, "reduce_boxes_in_lowest_layer": True}
    pyramid = {"min_level": round(np.log2(size / grids[0])), "anchor_scale": 4.0, "aspect_ratios": [1.0, 2.0, 0.5], "scales_per_octave": 2}
    tried = {"tensorflow": (spread, default_boxes(spread, grids)), "multiscale-anchors": (pyramid, multiscale_boxes(pyramid, grids, size))}
    for name, (parameters, boxes) in tried.items():
        if boxes.shape == stored.shape and np.abs(boxes - stored).max() <= tolerance:
            return [f'generator = "{name}"', *(f"{key} = {json.dumps(value)}" for key, value in parameters.items())]
    # Sizes one by one, if all cells of a head have the same ones in their middle.
    sizes, boxes, place = [], [], 0
    for grid, count in zip(grids, per_cell):
        shapes = (stored[place : place + count, 2:] - stored[place : place + count, :2]).astype(np.float64)
        sizes.append([[round(float(w) * size, 4), round(float(h) * size, 4)] for h, w in shapes])
        for y in range(grid):
            for x in range(grid):
                cy, cx = (y + 0.5) / grid, (x + 0.5) / grid
                boxes += [(cy - h / 2, cx - w / 2, cy + h / 2, cx + w / 2) for h, w in shapes]
        place += grid * grid * count
    if np.array(boxes).shape != stored.shape or np.abs(np.array(boxes) - stored).max() > tolerance:
        raise ImportFailed("the graph's default boxes are those of no generator that the manifest has")
    return ['generator = "anchors"', f"sizes = {json.dumps(sizes)}"]
