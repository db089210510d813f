"""Writes golden vectors of SSD300-VGG16 at a thirty-second of its width: python golden_ssd300.py

In: models/build_ssd300_vgg16.py, models/ssd300_vgg16_{voc,tensorflow}.toml and golden/ssdlite/person.png. Out: golden/ssd300/ssd300_vgg16.onnx, CASE.npy
[300, 300] and cases.json, as golden_ssdlite.py writes them. The second manifest differs in its default boxes alone: of it edges are asked, by seed.
"""

import json
import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from composite import Composite, layer_types
from network import Network
from pictures import network_input
from relevance import propagate
from targets import Outputs

TESTS = Path(__file__).resolve().parent.parent
MODELS = TESTS.parent / "models"
GOLDEN = TESTS / "golden" / "ssd300"
MODEL = GOLDEN / "ssd300_vgg16.onnx"

# Manifest, default box, target, contrast, composite; the first three with a map.
CASES = [
    ("voc", 7000, "class:horse", "mean", "crp"),
    ("voc", 2900, "offset:w+", "none", "crp"),
    ("voc", 2900, "offset:w+", "none", "crp-epsilon"),
    ("voc", 8731, "class:sheep", "softmax", "crp"),
    ("voc", 2900, "edge:left+", "none", "crp"),
    ("tensorflow", 2900, "edge:left+", "none", "crp"),
    ("tensorflow", 8731, "edge:bottom", "none", "crp"),
]
MAPS = 3


def main():
    sys.path.insert(0, str(MODELS))
    import build_ssd300_vgg16

    GOLDEN.mkdir(exist_ok=True)
    onnx.save(build_ssd300_vgg16.build(width=1 / 32, seed=0), MODEL)
    picture = np.asarray(Image.open(GOLDEN.parent / "ssdlite" / "person.png"))
    blocks = []
    passes = {dtype: forward(picture, dtype) for dtype in (np.float64, np.float32)}
    for index, (manifest, box, target, contrast, composite) in enumerate(CASES):
        settings = tomllib.loads((MODELS / f"ssd300_vgg16_{manifest}.toml").read_text())
        network, tensors, types = passes[np.float64]
        outputs = Outputs(network, tensors, settings)
        name = f"{manifest}-{box}-{target}-{contrast}-{composite}".replace(":", "_")
        entry = {
            "name": name,
            "manifest": manifest,
            "picture": "person.png",
            "default_box": box,
            "target": target,
            "contrast": contrast,
            "composite": composite,
            "seed": "score",
            "seeds": outputs.seed(box, target, contrast, "score"),
        }
        if index < MAPS:
            rules = Composite.parse(composite).of_target(target)
            exact, rounded = (propagate(*passed, rules, entry["seeds"]).sum(axis=0) for passed in passes.values())
            deviation = np.abs(rounded - exact).max() / np.abs(exact).max()
            entry |= {"expected": f"{name}.npy", "float32_deviation": float(f"{deviation:.1e}")}
            np.save(GOLDEN / entry["expected"], exact.astype(np.float32))
            print(f"{name}: float32 {deviation:.1e}")
        lines = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items()]
        blocks.append("  {\n" + ",\n".join(lines) + "\n  }")
    (GOLDEN / "cases.json").write_text('{ "cases": [\n' + ",\n".join(blocks) + "\n] }\n")


def forward(picture, dtype):
    network = Network(MODEL, dtype)
    tensors = network.forward(network_input(picture, [123, 117, 104], 1))
    print({name: float(np.abs(tensors[name]).max()) for name in ("class_logits", "box_offsets")})
    return network, tensors, layer_types(network, tensors)


if __name__ == "__main__":
    main()
