"""Exports a network of NanoDet with random weights: python export_nanodet.py CHECKOUT CONFIGURATION [-o FILE.onnx]

In: a checkout of https://github.com/RangiLyu/nanodet, a configuration in it (config/nanodet-plus-m_416.yml). The weights are seeded; batch normalisation is given the statistics of noise, and the
heads' last convolutions are spread, so that boxes and scores differ from place to place. For trained ones there is the checkout's own tools/export_onnx.py. Out: the graph that it
writes, before its simplifier: [1, cells, K + bins], of pictures as large as the configuration says. Needs torch, onnx, pytorch-lightning, pycocotools, imagesize, termcolor, matplotlib
and OpenCV.
"""

import argparse
import sys
from pathlib import Path

import random_weights
import torch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkout", type=Path)
    parser.add_argument("configuration")
    parser.add_argument("-o", "--output", type=Path)
    arguments = parser.parse_args()
    sys.path.insert(0, str(arguments.checkout))
    from nanodet.model.arch import build_model
    from nanodet.util import cfg, load_config

    load_config(cfg, str(arguments.checkout / arguments.configuration))
    cfg.defrost()
    # Else it fetches weights of the backbone.
    cfg.model.arch.backbone.pretrain = False
    torch.manual_seed(0)
    model = build_model(cfg.model)
    width, height = cfg.data.val.input_size
    make_random(model, (height, width))
    model.requires_grad_(False).eval()
    output = arguments.output or Path(arguments.configuration).with_suffix(".onnx").name
    picture = torch.zeros(1, 3, height, width)
    torch.onnx.export(model, picture, str(output), opset_version=17, dynamo=False, input_names=["data"], output_names=["output"])


def make_random(model, size):
    """Weights that keep the size of what passes, statistics of noise, and last convolutions that are wide."""
    random_weights.of_kept_size(model)
    noise = torch.randn(4, 3, *size)
    random_weights.take_statistics(model, lambda: model(noise))
    for last in model.head.gfl_cls:
        random_weights.spread(last.weight, 2)


if __name__ == "__main__":
    main()
