"""Writes the golden vectors of the small nets: python golden_small.py [../golden]

Out: golden/small/NAME.onnx, NAME.input.npy [1, 3, H, W], NAME.expected.npy [cases, N, 3, H, W] and
golden/small/cases.json. The relevance is computed in float64 and stored as float32.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx

from composite import Composite, head_convolutions, layer_types
from network import Network
from relevance import propagate
from small_nets import ALL

TARGETS = 2
# A seed is taken only if the same arithmetic in float32 comes this near to float64, relative to max|R|: a golden value
# must not hang on a denominator that cancels.
CONDITION = 5e-6


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    nets = [write(make(), folder) for make in ALL]
    (folder / "cases.json").write_text(pretty({"nets": nets}) + "\n")


def write(net, folder):
    """Writes one net's files and returns its entry for cases.json."""
    onnx.save(net.model, folder / f"{net.name}.onnx")
    np.save(folder / f"{net.name}.input.npy", net.picture)
    exact, rounded = Explained(folder, net, np.float64), Explained(folder, net, np.float32)
    random = np.random.default_rng(sum(net.name.encode()))
    cases, expected = [], []
    asked = [(text, "score") for text in net.composites] + [(text, "unit") for text in net.unit]
    for index, (text, kind) in enumerate(asked):
        composite = Composite.parse(text, kind)
        seeds, maps, deviations = [], [], []
        while len(maps) < TARGETS:
            seed = draw_seed(random, exact, len(maps))
            relevance = exact.relevance(composite, seed)
            largest = np.abs(relevance).max()
            deviation = np.abs(rounded.relevance(composite, seed) - relevance).max() / largest if largest else np.inf
            if deviation < CONDITION:
                seeds += [[tensor, len(maps), *rest] for tensor, *rest in seed]
                maps.append(relevance)
                deviations.append(deviation)
        maps = np.stack(maps)
        expected.append(maps)
        cases.append({
            "index": index,
            "composite": text,
            "seed": kind,
            "seeds": seeds,
            "sum": [float(f"{value:.9g}") for value in maps.sum(axis=(1, 2, 3))],
            "sum_abs": [float(f"{value:.9g}") for value in np.abs(maps).sum(axis=(1, 2, 3))],
            "float32_deviation": float(f"{max(deviations):.1e}"),
        })  # fmt: skip
        print(f"{net.name:20} {cases[-1]['float32_deviation']:.1e}  {text}  {kind}")
    np.save(folder / f"{net.name}.expected.npy", np.stack(expected).astype(np.float32))
    return {
        "name": net.name,
        "types": exact.types,
        "cases": cases,
    }


class Explained:
    """A small net after its forward pass in the given precision."""

    def __init__(self, folder, net, dtype):
        self.network = Network(folder / f"{net.name}.onnx", dtype)
        self.tensors = self.network.forward(net.picture)
        self.types = layer_types(self.network, self.tensors)

    def relevance(self, composite, seed):
        return propagate(self.network, self.tensors, self.types, composite, seed)


def draw_seed(random, explained, number):
    """A few numbers on cells of the heads: the first target on the scores alone, the second on scores and offsets."""
    seed = []
    for output in (["class_logits"], ["class_logits", "box_offsets"])[number]:
        convs = head_convolutions(explained.network, output)
        tensor = convs[random.integers(len(convs))].outputs[0]
        channels, rows, columns = explained.tensors[tensor].shape[1:]
        row, column = int(random.integers(rows)), int(random.integers(columns))
        for channel in sorted(random.choice(channels, size=2, replace=False)):
            score = explained.tensors[tensor][0, channel, row, column]
            # The number itself, as crp seeds it, or against it, as a contrast does.
            value = float(f"{score * random.choice([1.0, -0.25]):.6g}")
            seed.append([tensor, int(channel), row, column, value])
    return seed


def pretty(cases):
    """JSON with one line a case, short enough to read and to compare."""
    lines = ["{", '  "nets": [']
    for net in cases["nets"]:
        lines += ["    {", f'      "name": {json.dumps(net["name"])},', f'      "types": {json.dumps(net["types"])},']
        lines.append('      "cases": [')
        lines += [f"        {json.dumps(case)}," for case in net["cases"]]
        lines[-1] = lines[-1].rstrip(",")
        lines += ["      ]", "    },"]
    lines[-1] = "    }"
    return "\n".join([*lines, "  ]", "}"])


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "golden") / "small")
