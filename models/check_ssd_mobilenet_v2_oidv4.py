#!/usr/bin/env python3
"""Hold ssd_mobilenet_v2_oidv4.onnx against the TensorFlow Lite network that it was imported from.

In:  the npm package's tarball, the folder with the ONNX file and its manifest, and pictures. Both
     networks get the same tensor: the picture warped with half-pixel centres, scaled to -1..1. So
     does a third, the importer's layers evaluated in float64: it tells rounding, which both have
     in float32, from a fault.
Out: per picture the largest differences of a logit and of an offset, and what the ONNX file finds:
     label, score, default box and x0, y0, x1, y1 in 0..1. Exit status 1 if ONNX file and original
     differ by more than the limit. With --draw DIR the detections are drawn onto copies of the
     pictures.

Needs what the importer needs, and ai-edge-litert, onnxruntime and pillow.
"""

import argparse
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnxruntime
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageDraw

from import_ssd_mobilenet_v2_oidv4 import (
    NAME, OUTPUTS, TensorFlowLiteGraph, build_layers, default_output, read_package,
)
from ssd_layers import (
    Convolution, ImportFailed, Layer, Predictions, Relu6, default_boxes,
)

SIZE = 300
GRIDS = [19, 10, 5, 3, 2, 1]
LIMIT = 5e-4


def network_input(picture: np.ndarray) -> np.ndarray:
    """[1, 3, SIZE, SIZE] of a [height, width, 3] picture: bilinear, half-pixel centres."""
    values = picture.astype(np.float32)
    for axis in (0, 1):
        length = values.shape[axis]
        at = np.clip((np.arange(SIZE) + 0.5) * length / SIZE - 0.5, 0, length - 1)
        low = np.floor(at).astype(int)
        high = np.minimum(low + 1, length - 1)
        weight = (at - low).astype(np.float32).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
        values = values.take(low, axis) * (1 - weight) + values.take(high, axis) * weight
    return (values / 127.5 - 1).transpose(2, 0, 1)[None]


class Original:
    """The TensorFlow Lite network, run by TensorFlow Lite."""

    def __init__(self, network: bytes):
        self.interpreter = Interpreter(model_content=network, num_threads=1)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]["index"]
        self.outputs = {
            OUTPUTS[details["name"]]: details["index"]
            for details in self.interpreter.get_output_details()
        }

    def run(self, tensor: np.ndarray) -> dict[str, np.ndarray]:
        self.interpreter.set_tensor(self.input, np.ascontiguousarray(tensor.transpose(0, 2, 3, 1)))
        self.interpreter.invoke()
        return {name: self.interpreter.get_tensor(i) for name, i in self.outputs.items()}


class InFloat64:
    """The layers and the outputs that the importer reads, evaluated slowly."""

    def __init__(self, layers: list[Layer], outputs: dict[str, list[Predictions]]):
        self.layers, self.outputs = layers, outputs

    def run(self, tensor: np.ndarray) -> dict[str, np.ndarray]:
        values = {"image": tensor[0].astype(np.float64)}  # [channels, height, width]
        for layer in self.layers:
            if isinstance(layer, Convolution):
                values[layer.name] = self.convolve(layer, values[layer.source.name])
            elif isinstance(layer, Relu6):
                values[layer.name] = values[layer.source.name].clip(0, 6)
            else:
                values[layer.name] = values[layer.branch.name] + values[layer.shortcut.name]
        return {
            name: np.concatenate([
                values[head.source.name].transpose(1, 2, 0).reshape(1, head.boxes, head.values)
                for head in heads
            ], axis=1)
            for name, heads in self.outputs.items()
        }

    @staticmethod
    def convolve(layer: Convolution, source: np.ndarray) -> np.ndarray:
        top, left, bottom, right = layer.pads()
        source = np.pad(source, [(0, 0), (top, bottom), (left, right)])
        result = np.zeros((layer.channels, layer.size, layer.size)) + layer.bias[:, None, None]
        reach = layer.stride * (layer.size - 1) + 1
        for y, x in np.ndindex(layer.weights.shape[2:]):
            under = source[:, y : y + reach : layer.stride, x : x + reach : layer.stride]
            weights = layer.weights[:, :, y, x]
            if layer.groups == 1:
                result += np.tensordot(weights, under, axes=1)
            else:
                result += weights[:, :, None] * under
        return result


def decode(boxes: np.ndarray, offsets: np.ndarray, variances: list[float]) -> np.ndarray:
    """[D, 4] x0, y0, x1, y1 of default boxes y0, x0, y1, x1 moved by cy, cx, h, w."""
    centre, size = (boxes[:, :2] + boxes[:, 2:]) / 2, boxes[:, 2:] - boxes[:, :2]
    centre = centre + offsets[:, :2] * variances[0] * size
    size = size * np.exp(offsets[:, 2:] * variances[1])
    corners = np.concatenate([centre - size / 2, centre + size / 2], axis=1)
    return corners.clip(0, 1)[:, [1, 0, 3, 2]]


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    shared = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


def detections(found: dict[str, np.ndarray], manifest: dict) -> list[tuple]:
    """(class, score, default box, rectangle), the best first, suppressed class by class."""
    settings = manifest["detection"]
    boxes = default_boxes(manifest["default_boxes"], GRIDS)
    boxes = decode(boxes, found["box_offsets"][0], manifest["output"]["variances"])
    scores = 1 / (1 + np.exp(-found["class_logits"][0].astype(np.float64)))
    scores[:, manifest["output"]["background"]] = 0
    kept = []
    candidates = np.argwhere(scores > settings["score_threshold"])
    for box, label in sorted(candidates, key=lambda place: -scores[tuple(place)]):
        if all(label != other[0] or overlap(boxes[box], other[3]) <= settings["iou_threshold"]
               for other in kept):
            kept.append((label, scores[box, label], box, boxes[box]))
    return kept[: settings["max_detections"]]


def largest_difference(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


def draw(path: Path, picture: Image.Image, found: list[tuple], labels: list[str]):
    pen = ImageDraw.Draw(picture)
    scale = np.array(picture.size * 2)
    for label, score, _, box in found:
        corners = (box * scale).tolist()
        pen.rectangle(corners, outline="yellow", width=3)
        pen.text(corners[:2], f"{labels[label]} {score:.2f}", fill="yellow", stroke_width=2,
                 stroke_fill="black", font_size=18)
    picture.save(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tarball", type=Path, help="the npm package's .tgz")
    parser.add_argument("pictures", type=Path, nargs="+")
    parser.add_argument("--models", type=Path, metavar="DIR", default=default_output(),
                        help="where the importer wrote (default: %(default)s)")
    parser.add_argument("--draw", type=Path, metavar="DIR", help="a folder for annotated pictures")
    arguments = parser.parse_args()
    try:
        network, _, _ = read_package(arguments.tarball)
        original = Original(network)
        in_float64 = InFloat64(*build_layers(TensorFlowLiteGraph(network)))
        manifest = tomllib.loads((arguments.models / f"{NAME}.toml").read_text())
    except (ImportFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    imported = onnxruntime.InferenceSession(
        arguments.models / f"{NAME}.onnx", providers=["CPUExecutionProvider"]
    )
    within = True
    for path in arguments.pictures:
        picture = Image.open(path).convert("RGB")
        tensor = network_input(np.asarray(picture))
        expected, exact = original.run(tensor), in_float64.run(tensor)
        found = dict(zip(expected, imported.run(list(expected), {"image": tensor})))
        for name in expected:
            difference = largest_difference(found[name], expected[name])
            within = within and difference <= LIMIT
            print(f"{path}: {name}: largest difference {difference:.1e}, limit {LIMIT}; "
                  f"from float64: ONNX {largest_difference(found[name], exact[name]):.1e}, "
                  f"original {largest_difference(expected[name], exact[name]):.1e}")
        results = detections(found, manifest)
        for label, score, box, rectangle in results:
            corners = ", ".join(f"{value:.2f}" for value in rectangle)
            print(f"{path}: {manifest['labels'][label]} {score:.3f} ({box}) at {corners}")
        if arguments.draw:
            arguments.draw.mkdir(parents=True, exist_ok=True)
            draw(arguments.draw / f"{path.stem}.png", picture, results, manifest["labels"])
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
