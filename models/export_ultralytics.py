"""Exports an Ultralytics detector with its own exporter: python export_ultralytics.py NAME [--weights FILE.pt] [--size N] [--best] [-o FILE.onnx]

In: the name of an architecture (yolov8n, yolo11n, …), and a checkpoint as training leaves it. Without one the weights are random, seeded; batch normalisation is then given the size of noise,
and the last convolutions of the heads are spread, so that boxes and scores differ from place to place as those of a trained network do. Out: NAME.onnx, pictures of N x N pixels;
with --best the graph of YOLOv10 or YOLO26 ends in its 300 best detections instead of all boxes.
Needs ultralytics, onnx and onnxslim.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import random_weights
import torch
from ultralytics import YOLO


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("--best", action="store_true")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    yolo = YOLO(arguments.weights or f"{arguments.name}.yaml")
    if not arguments.weights:
        # Scores that all round to 1 would leave it to chance which the best are.
        make_random(yolo.model, arguments.size, 0.2 if arguments.best else 2)
    with tempfile.TemporaryDirectory() as folder:
        # The exporter writes beside the checkpoint it thinks it has.
        yolo.model.pt_path = str(Path(folder) / f"{arguments.name}.pt")
        # The exporter's word for it.
        best = {"nms": False} if arguments.best else {}
        written = yolo.export(format="onnx", imgsz=arguments.size, **best)
        shutil.copyfile(written, arguments.output or f"{arguments.name}.onnx")
        Path(written).unlink()


def make_random(model, size, classes):
    """Statistics of noise, and heads whose last convolutions are wide; `classes` is how wide those of the classes are."""
    random_weights.take_noise_statistics(model, size)
    for name, weight in model.model[-1].named_parameters():
        head, _, rest = name.partition(".")
        if head.endswith(("cv2", "cv3")) and rest.count(".") == 2 and rest.endswith(".2.weight"):
            random_weights.spread(weight, classes if head.endswith("cv3") else 1)
    model.eval()


if __name__ == "__main__":
    main()
