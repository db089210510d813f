"""What a file's own runtime finds in a picture: what our detections are held against.

In: a row's file and sources, its manifest, the network's input. Out: `Found`. `REFERENCES` has a function for each way that exporters end their graphs; `raw` takes the tensors
that the manifest names out of ONNX Runtime and decodes them as the oracle does.
"""

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from default_boxes import decoded, decoded_bounded, decoded_distances, decoded_in_cell, default_box, expectation
from flow import is_linear
from joined import parts
from network import Network
from part import inner, picture_input


@dataclass(frozen=True)
class Found:
    """Boxes [D, 4], x0, y0, x1, y1 in the input's pixels, and scores [D, K] of all default boxes; or detections, `classes` [D] with scores [D, 1]."""

    boxes: np.ndarray
    scores: np.ndarray
    classes: np.ndarray | None = None


def raw(row, manifest, values):
    """ONNX Runtime from the picture to the raw outputs; what they mean, as the oracle has it."""
    model = inner(row.file, manifest)
    outputs = run(model, values)
    logits = outputs["class_logits"].reshape(-1, len(manifest["labels"])).astype(np.float64)
    scores = softmax(logits) if manifest["output"]["activation"] == "softmax" else sigmoid(logits)
    if "objectness" in outputs:
        of_objectness, of_class = manifest["output"].get("score_powers", [1.0, 1.0])
        scores = sigmoid(outputs["objectness"].astype(np.float64)[0]) ** of_objectness * scores**of_class
    if manifest["kind"] == "classifier":
        return Found(np.array([[0.0, 0.0, values.shape[3], values.shape[2]]]), scores)
    return Found(_decoded(model, manifest, values, outputs["box_offsets"][0].astype(np.float64)), scores)


def in_rows(network, tensor):
    """What the last convolutions before a tensor write, in the order of its rows; between them lies only what moves numbers."""
    node = network.producer(tensor)
    if is_linear(network, node):
        return [tensor]
    return [head for name in (node.inputs if node.op == "Concat" else node.inputs[:1]) for head in in_rows(network, name)]


def _decoded(model, manifest, values, offsets):
    """Every default box's edges in the input's pixels."""
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(model, Path(folder) / "inner.onnx")
        network = Network(Path(folder) / "inner.onnx")
    # Some joins are rewritten by the oracle; what the last convolutions write is there under its own name.
    heads = in_rows(network, "box_offsets")
    maps = run(model, values, heads)
    size, output, edges = values.shape[2:], manifest["output"], []
    scales = output.get("scale_x_y", [1.0] * len(heads))
    variances = (1.0, 1.0) if manifest["kind"] == "anchor-free" else output.get("variances", [0.1, 0.2])
    for head, tensor in enumerate(heads):
        channels, rows, columns = maps[tensor].shape[1:]
        for row, column, shape in np.ndindex(rows, columns, channels // offsets.shape[1]):
            box = default_box(manifest["default_boxes"], head, len(heads), (rows, columns), (row, column), shape, size)
            numbers = offsets[len(edges)]
            named = dict(zip(output.get("offset_order", ["cx", "cy", "w", "h"]), numbers))
            if "distances" in parts(output):
                sides = numbers.reshape(4, -1)
                edges.append(decoded_distances(box, [side[0] if len(side) == 1 else expectation(side) for side in sides]))
            elif manifest["kind"] == "yolo":
                edges.append(decoded_in_cell(box, (1 / columns, 1 / rows), scales[head], output.get("size_decode", "exponential"), named))
            elif output.get("coding") == "bounded":
                edges.append(decoded_bounded(box, named))
            else:
                edges.append(decoded(box, named, variances))
    return np.array(edges) * np.array(size[::-1] * 2)


def ultralytics(row, manifest, values):
    """[1, 4 + K + …, D]: centre and size in pixels, scores, then a mask's or a pose's numbers; masks' prototypes besides."""
    whole, *_ = run(onnx.load(row.file), values).values()
    numbers = whole[0].T.astype(np.float64)
    return Found(corners(numbers[:, :4]), numbers[:, 4 : 4 + len(manifest["labels"])])


def ultralytics_best(row, _, values):
    """[1, 300, 6 + …]: the best detections, corners in pixels, score, class."""
    whole, *_ = run(onnx.load(row.file), values).values()
    numbers = whole[0].astype(np.float64)
    return Found(numbers[:, :4], numbers[:, 4:5], numbers[:, 5].astype(int))


def yolov5(row, manifest, values):
    """[1, D, 5 + K], of each level anchor by anchor: centre and size in pixels, objectness and classes behind their sigmoids; so YOLOv7's too."""
    whole, *_ = run(onnx.load(row.file), values).values()
    levels, start = [], 0
    for level, anchors in enumerate(manifest["default_boxes"]["sizes"]):
        cells = (values.shape[2] >> 3 + level) * (values.shape[3] >> 3 + level)
        part = whole[0, start : start + len(anchors) * cells].reshape(len(anchors), cells, -1)
        # Ours go cell by cell.
        levels.append(part.swapaxes(0, 1).reshape(len(anchors) * cells, -1))
        start += len(anchors) * cells
    numbers = np.concatenate(levels).astype(np.float64)
    return Found(corners(numbers[:, :4]), numbers[:, 4:5] * numbers[:, 5 : 5 + len(manifest["labels"])])


def nanodet(row, manifest, values, begin):
    """Scores [.., D, K] and bins [.., D, 32] of each level, or [1, D, K + 32] of all: distances in cells of 8, 16, … pixels from `begin` of the cell."""
    outputs = [whole.reshape(-1, whole.shape[-1]).astype(np.float64) for whole in run(onnx.load(row.file), values).values()]
    count, (height, width) = len(manifest["labels"]), values.shape[2:]
    # Levels have fewer cells the coarser they are; where there is one output, it has both.
    outputs.sort(key=lambda rows: -len(rows))
    of_kind = [[rows for rows in outputs if rows.shape[1] == wide] for wide in (count, 32, count + 32)]
    numbers = np.concatenate([np.concatenate(levels) for levels in of_kind if levels], axis=1)
    cells, stride = [], 8
    while len(cells) < len(numbers):
        cells += [(x, y, stride) for y in range(-(-height // stride)) for x in range(-(-width // stride))]
        stride *= 2
    x, y, stride = np.array(cells, np.float64).T[:, :, None]
    left, top, right, bottom = (softmax(numbers[:, count:].reshape(-1, 4, 8)) @ np.arange(8)).T[:, :, None] * stride
    x, y = (x + begin) * stride, (y + begin) * stride
    return Found(np.concatenate([x - left, y - top, x + right, y + bottom], axis=1), numbers[:, :count])


def fastestdet(row, _, values):
    """[1, 5 + K, rows, columns]: objectness, centre from the cell's corner and size in shares of the input before tanh and sigmoid, classes behind their softmax."""
    (whole,) = run(onnx.load(row.file), values).values()
    rows, columns = whole.shape[2:]
    numbers = whole[0].astype(np.float64).transpose(1, 2, 0)
    y, x = np.mgrid[:rows, :columns]
    centre = [(x + np.tanh(numbers[..., 1])) / columns, (y + np.tanh(numbers[..., 2])) / rows]
    places = np.stack([*centre, sigmoid(numbers[..., 3]), sigmoid(numbers[..., 4])], axis=-1).reshape(-1, 4)
    scores = numbers[..., :1] ** 0.6 * numbers[..., 5:] ** 0.4
    return Found(_in_pixels(corners(places), values), scores.reshape(len(places), -1))


def yolox(row, _, values):
    """[1, D, 5 + K]: centre and exponents of the size in cells, objectness and classes through their sigmoids; heads of 8, 16 and 32 pixels a cell."""
    (whole,) = run(onnx.load(row.file), values).values()
    numbers, height, width = whole[0].astype(np.float64), *values.shape[2:]
    cells = [(x, y, stride) for stride in (8, 16, 32) for y in range(height // stride) for x in range(width // stride)]
    x, y, stride = np.array(cells).T[:, :, None]
    places = np.concatenate([(numbers[:, :1] + x) * stride, (numbers[:, 1:2] + y) * stride, np.exp(numbers[:, 2:4]) * stride], axis=1)
    return Found(corners(places), numbers[:, 4:5] * numbers[:, 5:])


def scores_and_corners(row, _, values):
    """Scores [1, D, K] and corners [1, D, 4] in shares of the input."""
    scores, boxes = run(onnx.load(row.file), values).values()
    return Found(_in_pixels(boxes[0], values), scores[0].astype(np.float64))


def opencv_darknet(row, manifest, values):
    """OpenCV 4, which reads darknet's own files; it gives head by head what a box has: centre and size in shares of the input, objectness, scores."""
    import cv2

    net = cv2.dnn.readNetFromDarknet(str(row.source_file(".cfg")), str(row.source_file(".weights")))
    net.setInput(np.ascontiguousarray(values))
    made = [layer.astype(np.float64) for layer in net.forward(net.getUnconnectedOutLayersNames())]
    # In the manifest's order, which the number of boxes tells.
    of_heads = [tensor.shape[2] * tensor.shape[3] for tensor in run(onnx.load(row.file), values).values()]
    counts = [len(sizes) * cells for sizes, cells in zip(manifest["default_boxes"]["sizes"], of_heads)]
    numbers = np.concatenate([next(layer for layer in made if len(layer) == count) for count in counts])
    return Found(corners(numbers[:, :4] * np.array([values.shape[3], values.shape[2]] * 2)), numbers[:, 5:])


def opencv_caffe(row, _, values):
    """OpenCV 4, which reads Caffe's own files: detections after suppression, class, score, corners in shares of the input."""
    import cv2

    net = cv2.dnn.readNetFromCaffe(str(row.source_file(".prototxt.txt")), str(row.source_file(".caffemodel")))
    net.setInput(np.ascontiguousarray(values))
    numbers = net.forward()[0, 0].astype(np.float64)
    return Found(_in_pixels(numbers[:, 3:], values), numbers[:, 2:3], numbers[:, 1].astype(int))


REFERENCES = {
    "raw": ("ONNX Runtime, decoded by the oracle", raw),
    "ultralytics": ("the graph's own decode", ultralytics),
    "ultralytics-best": ("the graph's own best", ultralytics_best),
    "yolov5": ("the graph's own decode", yolov5),
    "nanodet": ("ONNX Runtime, NanoDet's decode", partial(nanodet, begin=0.5)),
    "nanodet-plus": ("ONNX Runtime, NanoDet-Plus's decode", partial(nanodet, begin=0.0)),
    "picodet": ("ONNX Runtime, PicoDet's decode", partial(nanodet, begin=0.5)),
    "fastestdet": ("ONNX Runtime, FastestDet's decode", fastestdet),
    "yolox": ("ONNX Runtime, YOLOX's decode", yolox),
    "scores-and-corners": ("the graph's own decode", scores_and_corners),
    "opencv-darknet": ("OpenCV 4", opencv_darknet),
    "opencv-caffe": ("OpenCV 4", opencv_caffe),
}


def run(model, values, names=None):
    """Outputs of a model by name, or other tensors of it."""
    if names:
        model.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    names = names or [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, {picture_input(model).name: values.astype(np.float32)})))


def sigmoid(z):
    """Of logits, without overflow."""
    return np.exp(-np.logaddexp(0, -z))


def softmax(z):
    """Of logits, over the last axis."""
    shares = np.exp(z - z.max(axis=-1, keepdims=True))
    return shares / shares.sum(axis=-1, keepdims=True)


def corners(places):
    """Centre and size [D, 4] as x0, y0, x1, y1."""
    centre, half = places[:, :2], places[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], axis=1)


def _in_pixels(boxes, values):
    return boxes.astype(np.float64) * np.array([values.shape[3], values.shape[2]] * 2)
