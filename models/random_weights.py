"""Random weights for networks that are exported without trained ones: what passes keeps its size, and outputs differ from place to place.

In: a network of PyTorch, and PyTorch's seed. Out: the same network, with other weights, and statistics of batch normalisation that go with them.
"""

import torch
from torch import nn


def of_kept_size(model):
    """Weights that keep the size of what passes."""
    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.normal_(module.bias, std=0.1)


def take_statistics(model, run):
    """The statistics of the batch norms become those of what `run()` passes through the network, whose other modules are in evaluation mode."""
    model.eval()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for module in norms:
        module.momentum = 1.0
        module.train()
    if norms:
        with torch.no_grad():
            run()


def take_noise_statistics(model, size):
    """The statistics of the batch norms become those of four noise pictures of several scales, in training."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None
            module.reset_running_stats()
    scales = [torch.rand(1, 3, size // cell, size // cell) for cell in (4, 8, 16, 32)]
    noise = torch.cat([nn.functional.interpolate(picture, (size, size), mode="bilinear") for picture in scales])
    with torch.no_grad():
        for _ in range(3):
            model(noise)


def spread(weight, width):
    """A convolution's weight of random numbers with which its outputs are `width` times as wide as its inputs."""
    with torch.no_grad():
        weight.copy_(torch.randn(weight.shape) * width / weight.shape[1] ** 0.5)
