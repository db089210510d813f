"""Writes golden vectors of SSD300-VGG16 at a thirty-second of its width: python golden_ssd300.py

In: models/build_ssd300_vgg16.py, models/ssd300_vgg16_{voc,tensorflow}.toml and golden/ssdlite/person.png. Out: golden/ssd300/ssd300_vgg16.onnx, CASE.npy
[300, 300] and cases.json, as golden_ssdlite.py writes them. The second manifest differs in its default boxes alone: of it edges are asked, by seed.
"""

import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from cases import Passes, write
from pictures import network_input

TESTS = Path(__file__).resolve().parent.parent
MODELS = TESTS.parent / "models"
GOLDEN = TESTS / "golden" / "ssd300"
MODEL = GOLDEN / "ssd300_vgg16.onnx"

# Low layers share equally whatever they read; a case's name calls it flat.
FLAT = "classification=simple,localization=simple,high=rescale:0.75,low=flat,pixels=flat,add=half,pool=uniform"
# Manifest, default box, target, contrast, composite, and the seed where it is not the score; the first five with a map.
CASES = [
    ("voc", 7000, "class:horse", "mean", "crp"),
    ("voc", 2900, "offset:w+", "none", "crp"),
    ("voc", 2900, "offset:w+", "none", "crp-epsilon"),
    ("voc", 7000, "class:horse", "mean", "crp-features"),
    ("voc", 7000, "class:horse", "mean", FLAT),
    ("voc", 8731, "class:sheep", "softmax", "crp"),
    ("voc", 2900, "edge:left+", "none", "crp"),
    ("tensorflow", 2900, "edge:left+", "none", "crp"),
    ("tensorflow", 8731, "edge:bottom", "none", "crp"),
    ("voc", 8731, "class:sheep", "sglrp", "lrp-alpha1beta0", "one"),
    ("voc", 8731, "class:sheep", "clrp1", "lrp-alpha1beta0", "one"),
]
MAPS = 5


def main():
    sys.path.insert(0, str(MODELS))
    import build_ssd300_vgg16

    GOLDEN.mkdir(exist_ok=True)
    onnx.save(build_ssd300_vgg16.build(width=1 / 32, seed=0), MODEL)
    picture = np.asarray(Image.open(GOLDEN.parent / "ssdlite" / "person.png"))
    passes = Passes(MODEL, network_input(picture, [123, 117, 104], 1))
    entries = []
    for manifest, *asked in CASES:
        case, kind = asked[:4], "".join(asked[4:]) or "score"
        settings = tomllib.loads((MODELS / f"ssd300_vgg16_{manifest}.toml").read_text())
        name = "-".join((manifest, *map(str, case))).replace(FLAT, "flat")
        entries.append(passes.entry(name, settings, case, {"manifest": manifest, "picture": "person.png"}, kind))
    for entry in entries[:MAPS]:
        passes.write_map(GOLDEN, entry)
    write(GOLDEN, entries)


if __name__ == "__main__":
    main()
