"""Exports a network of pytorch-ssd: python export_pytorch_ssd.py CHECKOUT NAME [--weights FILE] [--classes N] [-o FILE.onnx]

In: a checkout of https://github.com/qfgaohao/pytorch-ssd and the name of a network of its (vgg16-ssd, mb1-ssd, mb1-ssd-lite, mb2-ssd-lite, sq-ssd-lite), or of
https://github.com/amdegroot/ssd.pytorch and `ssd300`; a state dict as training leaves it. Without one the weights are random, seeded with 0. Out: NAME.onnx by PyTorch's own exporter; of the
first with softmax and boxes in the graph, as its own script exports it. Needs torch and onnx.
"""

import argparse
import importlib
import sys
from pathlib import Path

import random_weights
import torch
from torch import nn

NETWORKS = {
    "vgg16-ssd": ("vgg_ssd", "create_vgg_ssd"),
    "mb1-ssd": ("mobilenetv1_ssd", "create_mobilenetv1_ssd"),
    "mb1-ssd-lite": ("mobilenetv1_ssd_lite", "create_mobilenetv1_ssd_lite"),
    "mb2-ssd-lite": ("mobilenet_v2_ssd_lite", "create_mobilenetv2_ssd_lite"),
    "sq-ssd-lite": ("squeezenet_ssd_lite", "create_squeezenet_ssd_lite"),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("name", choices=[*NETWORKS, "ssd300"])
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--classes", type=int, default=21)
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.checkout))
    torch.manual_seed(0)
    if arguments.name == "ssd300":
        # In its training phase it returns what it computes, and its default boxes; what follows in the other phase cannot be traced.
        net = importlib.import_module("ssd").build_ssd("train", 300, arguments.classes)
        outputs = ["box_offsets", "class_logits"]
    else:
        module, create = NETWORKS[arguments.name]
        module = importlib.import_module(f"vision.ssd.{module}")
        net = getattr(module, create)(arguments.classes, is_test=True)
        net.priors = net.priors.cpu()
        outputs = ["scores", "boxes"]
    picture = torch.rand(1, 3, 300, 300) * 2 - 1
    if arguments.weights:
        net.load_state_dict(torch.load(arguments.weights, map_location="cpu"))
    else:
        make_random(net, picture)
    net.eval()
    output = arguments.output or Path(f"{arguments.name}.onnx")
    torch.onnx.export(
        FirstTwo(net), picture, str(output), opset_version=17, dynamo=False, input_names=["image"], output_names=outputs
    )
    print(output, output.stat().st_size, "bytes")


class FirstTwo(nn.Module):
    """The first two of what a network returns."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)[:2]


def make_random(net, picture):
    """Weights that keep the size of what passes, and the statistics that go with them."""
    random_weights.of_kept_size(net)
    # What a norm scales up to 20 the heads' weights scale down again.
    for heads in ("classification_headers", "regression_headers", "loc", "conf"):
        for module in getattr(net, heads, nn.ModuleList()).modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=0.3 / (module.weight[0].numel() ** 0.5))
    pictures = torch.cat([picture, -picture, picture.flip(2), picture.flip(3)])
    random_weights.take_statistics(net, lambda: net(pictures))


if __name__ == "__main__":
    main()
