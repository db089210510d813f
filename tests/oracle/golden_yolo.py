"""Writes golden vectors of a small YOLO: python golden_yolo.py

In: models/import_darknet.py and golden/ssdlite/person.png. Out: golden/yolo/yolo.{onnx,toml}, person.png [64, 96], CASE.npy [64, 96] and cases.json, as
golden_ssdlite.py writes them. The network has every kind of layer that yolov3-tiny has, and a shortcut, with random weights; the finer head's
centres reach beyond their cells.
"""

import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from cases import Passes, write
from pictures import network_input
from yolo import as_detector

TESTS = Path(__file__).resolve().parent.parent
GOLDEN = TESTS / "golden" / "yolo"
NAMES = ["person", "horse", "sheep", "dog"]
CRP = "classification=simple,localization=simple,high=epsilon:0.1std,low=abs,pixels=w2,add=abs"
FLAT = "classification=simple,localization=simple,high=rescale:0.75,low=flat,pixels=flat,add=half,pool=uniform"

# Layers of darknet's grammar: kind, and options.
LEAKY = {"batch_normalize": 1, "stride": 1, "pad": 1, "activation": "leaky"}
HEAD = ("convolutional", {"filters": 2 * (5 + len(NAMES)), "size": 1, "stride": 1, "pad": 1, "activation": "linear"})
ANCHORS = {"anchors": "9,14, 18,11, 40,30, 30,60", "classes": len(NAMES)}
LAYERS = [
    ("convolutional", LEAKY | {"filters": 6, "size": 3}),
    ("maxpool", {"size": 2, "stride": 2}),
    ("convolutional", LEAKY | {"filters": 8, "size": 3}),
    ("maxpool", {"size": 2, "stride": 2}),
    ("convolutional", LEAKY | {"filters": 8, "size": 3}),
    ("shortcut", {"from": -2}),
    ("maxpool", {"size": 2, "stride": 2}),
    ("convolutional", LEAKY | {"filters": 12, "size": 3}),
    ("maxpool", {"size": 2, "stride": 1}),
    ("convolutional", LEAKY | {"filters": 12, "size": 3}),
    HEAD,
    ("yolo", ANCHORS | {"mask": "2,3"}),
    ("route", {"layers": "-3"}),
    ("convolutional", LEAKY | {"filters": 6, "size": 1}),
    ("upsample", {"stride": 2}),
    ("route", {"layers": "-1, 5"}),
    ("convolutional", LEAKY | {"filters": 10, "size": 3}),
    HEAD,
    ("yolo", ANCHORS | {"mask": "0,1", "scale_x_y": 1.2}),
]

# Default box, target, contrast, composite; a cell has two boxes, the first head 8x12 cells. The first six with a map.
CASES = [
    (90, "class:sheep", "mean", CRP),
    (700, "class:dog", "class:person", CRP),
    (91, "objectness", "none", CRP),
    (640, "offset:w+", "none", CRP),
    (90, "class:dog", "mean", "crp-features"),
    (700, "class:sheep", "mean", FLAT),
    (640, "objectness", "mean", CRP),
    (640, "class:horse", "softmax", CRP),
    (640, "offset:cx-", "mean", CRP),
    (90, "offset:cy", "none", CRP),
    *((box, f"edge:{side}", "none", CRP) for box in (91, 640) for side in ("left+", "right", "top-", "bottom")),
]
MAPS = 6


def main():
    sys.path.insert(0, str(TESTS.parent / "models"))
    import import_darknet

    GOLDEN.mkdir(exist_ok=True)
    builder = import_darknet.Builder({"width": 96, "height": 64}, import_darknet.Random(0), 1.0, None)
    for kind, options in LAYERS:
        builder.layer(kind, options)
    model, manifest = builder.model("yolo"), builder.manifest("yolo", NAMES)
    onnx.save(model, GOLDEN / "yolo.onnx")
    (GOLDEN / "yolo.toml").write_text(manifest)
    picture = Image.open(GOLDEN.parent / "ssdlite" / "person.png").resize((96, 64))
    picture.save(GOLDEN / "person.png")
    settings = tomllib.loads(manifest)
    values = network_input(np.asarray(picture), settings["input"]["mean"], settings["input"]["std"])
    split = GOLDEN / "split.onnx"
    onnx.save(as_detector(model, settings["output"]["heads"], len(NAMES)), split)
    passes = Passes(split, values)
    split.unlink()
    entries = []
    for case in CASES:
        box, target, contrast, _ = case
        entries.append(passes.entry(f"{box}-{target}-{contrast}", settings, case, {"picture": "../yolo/person.png"}))
    for entry in entries[:MAPS]:
        passes.write_map(GOLDEN, entry)
    write(GOLDEN, entries)


if __name__ == "__main__":
    main()
