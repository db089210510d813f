"""Exports a torchvision network as it comes from the library: python export_torchvision.py NAME [--weights FILE] [-o FILE]

In: the name of a network (ssd300_vgg16, ssdlite320_mobilenet_v3_large, vgg16, resnet18), and a state dict as training leaves it. Without one the
weights are random, seeded with 0, and batch normalisation is given the statistics of random pictures, so that the network is a real one in everything but what it
knows. Out: NAME.onnx by PyTorch's own exporter, pre- and post-processing included. Needs torch, torchvision and onnx.
"""

import argparse
from pathlib import Path

import random_weights
import torch
import torchvision


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--weights", type=Path, help="a state dict (torch.save(model.state_dict(), FILE))")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    name = arguments.name
    torch.manual_seed(0)
    detects = name.startswith("ssd")
    if detects:
        model = getattr(torchvision.models.detection, name)(weights=None, weights_backbone=None)
    else:
        model = getattr(torchvision.models, name)(weights=None)
    side = 320 if "320" in name else 300 if detects else 224
    if arguments.weights:
        model.load_state_dict(torch.load(arguments.weights, map_location="cpu"))
    else:
        random_weights.of_kept_size(model)
        network = model.backbone if detects else model
        random_weights.take_statistics(model, lambda: network(torch.rand(4, 3, side, side) * 2 - 1))
    model.eval()
    picture = torch.rand(1, 3, side, side)
    inputs = ([picture[0]],) if detects else (picture,)
    output = arguments.output or Path(f"{name}.onnx")
    torch.onnx.export(model, inputs, str(output), opset_version=17, dynamo=False, input_names=["image"])
    print(output, output.stat().st_size, "bytes")


if __name__ == "__main__":
    main()
