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
    """The batch norms bring what four noise pictures of several scales give them to the size 1, and take no mean away: with the mean gone differences would grow by about a fifth with each layer (Yang et
    al., *A Mean Field Theory of Batch Normalization*, ICLR 2019), and in a deep network those of rounding would decide the answer."""
    model.eval()
    scales = [torch.rand(1, 3, size // cell, size // cell) for cell in (4, 8, 16, 32)]
    noise = torch.cat([nn.functional.interpolate(picture, (size, size), mode="bilinear") for picture in scales])

    def normalise(norm, inputs, _):
        (values,) = inputs
        norm.running_mean.zero_()
        norm.running_var = (values**2).mean(dim=(0, 2, 3))
        return norm.forward(values)

    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    hooks = [norm.register_forward_hook(normalise) for norm in norms]
    with torch.no_grad():
        model(noise)
    for hook in hooks:
        hook.remove()


def spread(weight, width):
    """A convolution's weight of random numbers with which its outputs are `width` times as wide as its inputs."""
    with torch.no_grad():
        weight.copy_(torch.randn(weight.shape) * width / weight.shape[1] ** 0.5)
