"""The oracle against zennit: python against_zennit.py [../golden]

In: four of the stored small nets, each a chain of convolutions. Each is rebuilt in PyTorch (float64) and explained by
zennit with zennit's own rules; the oracle explains the same file. Prints the largest difference of each rule as a share
of max|R| and stops if one exceeds 1e-9. Needs requirements-zennit.txt.

Zennit and the method agree on the bias as soon as zennit is told `zero_params="bias"` for every rule but simple and
epsilon: then no denominator has one, while gamma still asks for the sign of z with it. The stabiliser is 1e-9 in both.
Zennit has no `abs` and no rule that goes with unit seeds; an epsilon in standard deviations it takes as a function.
"""

import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn
from zennit.attribution import Gradient
from zennit.composites import NameMapComposite
from zennit.rules import AlphaBeta, Epsilon, Flat, Gamma, Pass, WSquare, ZBox, ZPlus

from composite import Composite, layer_types
from network import Network
from relevance import propagate
from small_nets import rules

NETS = ("stride_pads", "dilation", "groups", "signed_features")
NO_BIAS = {"stabilizer": 1e-9, "zero_params": "bias"}


def by_deviation(z):
    """The denominator of epsilon:0.25std."""
    epsilon = 0.25 * z.std(correction=0)
    return torch.where(z >= 0, z + epsilon, z - epsilon)


RULES = {
    "simple": lambda: Epsilon(1e-9),
    "epsilon:0.01": lambda: Epsilon(0.01),
    "epsilon:0.25std": lambda: Epsilon(by_deviation),
    "alphabeta:2,1": lambda: AlphaBeta(2, 1, **NO_BIAS),
    "zplus": lambda: ZPlus(**NO_BIAS),
    "gamma:0.25": lambda: Gamma(0.25, **NO_BIAS),
    "w2": lambda: WSquare(**NO_BIAS),
    "flat": lambda: Flat(**NO_BIAS),
    "zb:-1,1": lambda: ZBox(-1.0, 1.0, **NO_BIAS),
}
LIMIT = 1e-9


def main(folder):
    for text in RULES:
        differences = [difference(folder / f"{name}.onnx", text) for name in NETS]
        print(f"{text:16}", "  ".join(f"{name} {value:.1e}" for name, value in zip(NETS, differences)))
        if max(differences) > LIMIT:
            raise SystemExit(f"{text}: more than {LIMIT:.0e} of max|R|")


def difference(path, text):
    """Largest difference as a share of max|R|, the rule in every layer (z^B in the pixels, below epsilon)."""
    network = Network(path)
    picture = np.load(path.with_suffix(".input.npy"))
    tensors = network.forward(picture)
    types = layer_types(network, tensors)
    inner = "epsilon:0.01" if text.startswith("zb") else text
    composite = Composite.parse(rules(*[inner] * 4, pixels=text))
    head = next(node for node in network.nodes if types.get(node.name) == "classification")
    seed = np.random.default_rng(0).normal(size=tensors[head.outputs[0]][0].shape)
    places = [(head.outputs[0], *index, float(value)) for index, value in np.ndenumerate(seed)]
    found = propagate(network, tensors, types, composite, places)

    model, convolutions = chain(network, head)
    name_map = [([name], RULES[text if types[node] == "pixels" else inner]()) for name, node in convolutions.items()]
    name_map.append(([name for name, _ in model.named_modules() if name and name not in convolutions], Pass()))
    x = torch.tensor(picture, dtype=torch.float64)
    with Gradient(model=model, composite=NameMapComposite(name_map)) as attributor:
        output, expected = attributor(x, torch.tensor(seed)[None])
    expected = expected[0].numpy()
    assert np.allclose(output.detach().numpy(), tensors[head.outputs[0]], atol=1e-9), "the forward passes differ"
    return np.abs(found - expected).max() / np.abs(expected).max()


def chain(network, head):
    """A PyTorch model of the nodes from the picture to `head`, and the convolutions' node names by module name."""
    nodes = [head]
    while nodes[0].inputs[0] != network.input:
        nodes.insert(0, network.producer(nodes[0].inputs[0]))
    modules, convolutions = [], {}
    for node in nodes:
        if node.op == "Relu":
            modules.append(nn.ReLU())
        elif node.op == "Clip":
            modules.append(nn.ReLU6())
        elif node.op == "Conv":
            convolutions[str(len(modules))] = node.name
            modules.append(PaddedConvolution(node, *network.weights(node)))
        else:
            raise ValueError(f"{node.name}: {node.op} is not part of a chain of convolutions")
    return nn.Sequential(*modules).double(), convolutions


class PaddedConvolution(nn.Conv2d):
    """A convolution whose pads may differ by side. It pads by itself, after zennit has changed its input."""

    def __init__(self, node, weight, bias):
        groups = node.attributes["group"]
        super().__init__(
            weight.shape[1] * groups,
            weight.shape[0],
            weight.shape[2:],
            stride=tuple(node.attributes["strides"]),
            dilation=tuple(node.attributes["dilations"]),
            groups=groups,
        )
        self.weight.data, self.bias.data = torch.tensor(weight), torch.tensor(bias)
        top, left, bottom, right = node.attributes["pads"]
        self.pads = (left, right, top, bottom)

    def forward(self, x):
        return super().forward(nn.functional.pad(x, self.pads))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "golden") / "small")
