"""Exports a network of YOLOv5 or YOLOv7: python export_yolov5.py CHECKOUT CONFIGURATION [--weights FILE.pt] [--size N] [-o FILE.onnx]

In: a checkout of https://github.com/ultralytics/yolov5 or https://github.com/WongKinYiu/yolov7, a configuration in it (models/yolov5n.yaml, cfg/deploy/yolov7-tiny.yaml), a state dict of it.
Without one the weights are random, seeded; batch normalisation is then given the size of noise, and the heads' convolutions are spread, so that boxes and scores differ from place to
place. Out: a graph that ends in [1, D, 5 + K], decoded, of pictures of N x N pixels, with the settings that the checkout's own export.py makes it with. Needs torch, onnx and what the checkout imports.
"""

import argparse
import importlib
import sys
from pathlib import Path

import random_weights
import torch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("configuration")
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--size", type=int, default=640)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.checkout))
    torch.manual_seed(0)
    model = importlib.import_module("models.yolo").Model(str(arguments.checkout / arguments.configuration))
    if arguments.weights:
        model.load_state_dict(torch.load(arguments.weights, map_location="cpu"))
    else:
        random_weights.take_noise_statistics(model, arguments.size)
        for head in model.model[-1].m:
            random_weights.spread(head.weight, 1)
    model.requires_grad_(False).eval().fuse()
    head = model.model[-1]
    # YOLOv5's export.py sets `export`, YOLOv7's with --grid and without --end2end `concat`.
    head.inplace, head.dynamic = False, False
    setattr(head, "concat" if hasattr(head, "concat") else "export", True)
    picture = torch.zeros(1, 3, arguments.size, arguments.size)
    # The grids are made in a first pass and are constants from then on.
    model(picture)
    output = arguments.output or Path(arguments.configuration).with_suffix(".onnx").name
    torch.onnx.export(
        model, picture, str(output), opset_version=17, dynamo=False, input_names=["images"], output_names=["output"]
    )


if __name__ == "__main__":
    main()
