"""Writes golden vectors of a small YOLOv5: python golden_yolov5.py

In: golden/yolo/person.png. Out: golden/yolov5/yolov5.{onnx,toml}, CASE.npy [64, 96] and cases.json, as golden_ssdlite.py writes them. The network has SiLU, C2f,
SPPF, three anchors a cell, and the decode in the graph as YOLOv5's exporter writes it: centre (2σ(t) − ½ + cell)·stride, size (2σ(t))²·anchor. Weights are random.
"""

from pathlib import Path

import numpy as np
import onnx
from PIL import Image

from cases import Passes, write
from golden_anchor_free import Net
from part import inner
from pictures import network_input

TESTS = Path(__file__).resolve().parent.parent
GOLDEN = TESTS / "golden" / "yolov5"
NAMES = ["person", "horse", "sheep", "dog"]
ANCHORS = [[(10, 13), (16, 30), (33, 23)], [(30, 20), (62, 45), (59, 60)]]
STRIDES = (8, 16)
EACH = 5 + len(NAMES)
CRP = "classification=simple,localization=simple,high=epsilon:0.1std,low=abs,pixels=w2,add=abs"

# Default box, target, contrast, composite, seed; a cell has three boxes, the first head 8x12 cells. The first five with a map.
CASES = [
    (100, "class:sheep", "mean", "crp", "score"),
    (100, "objectness", "mean", "crp", "score"),
    (310, "offset:w+", "none", "crp", "score"),
    (310, "edge:left+", "none", "crp", "score"),
    (101, "class:dog", "class:person", CRP, "score"),
    (310, "objectness", "none", CRP, "score"),
    (101, "class:horse", "softmax", "crp", "score"),
    (310, "offset:cx-", "mean", "crp", "score"),
    *((box, f"edge:{side}", "none", "crp", seed) for box in (102, 350) for side in ("left", "right+", "top-", "bottom")
      for seed in ("score", "unit", "one")),
    *((7, f"offset:{name}", "none", "crp", "score") for name in ("cx", "cy-", "w", "h-")),
]  # fmt: skip
MAPS = 5


def network():
    """The model, and its heads' names."""
    b = Net("yolov5", 64, 96, seed=51)
    heads, rows = [], []
    for index, (x, channels) in enumerate(zip(b.features(b.block("pixels", "images", (3, 6), stride=2), 6), (10, 12))):
        head = b.last(f"head{index}", x, (channels, 3 * EACH), 1.0)
        heads.append(head)
        rows.append(decoded(b, head, (8, 12) if index == 0 else (4, 6), STRIDES[index], ANCHORS[index]))
    b.add("Concat", rows, "output0", axis=1)
    return b.whole("output0", [1, 360, EACH]), heads


def decoded(b, head, grid, stride, anchors):
    """What the exporter puts behind a head, [1, rows, numbers]."""
    (height, width), number = grid, lambda name, value: b.constant(f"{head}.{name}", np.array(value, np.float32))
    x = b.add("Reshape", [head, b.ints(f"{head}.sizes", [1, 3, EACH, height, width])], f"{head}.anchors")
    x = b.add("Sigmoid", [b.add("Transpose", [x], f"{head}.turned", perm=(0, 1, 3, 4, 2))], f"{head}.sigmoid")
    parts = [f"{head}.xy", f"{head}.wh", f"{head}.scores"]
    b.split([x, b.ints(f"{head}.parts", [2, 2, EACH - 4])], parts, axis=4)
    places = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=2)[None, None].repeat(3, axis=1) - 0.5
    two = number("two", 2)
    xy = b.add("Add", [b.add("Mul", [parts[0], two], f"{head}.xy2"), number("places", places)], f"{head}.cells")
    xy = b.add("Mul", [xy, number("stride", stride)], f"{head}.centres")
    sides = np.array(anchors)[None, :, None, None].repeat(height, axis=2).repeat(width, axis=3)
    wh = b.add("Pow", [b.add("Mul", [parts[1], two], f"{head}.wh2"), two], f"{head}.squares")
    wh = b.add("Mul", [wh, number("sides", sides)], f"{head}.extents")
    x = b.add("Concat", [xy, wh, parts[2]], f"{head}.decoded", axis=4)
    return b.add("Reshape", [x, b.ints(f"{head}.flat", [1, 3 * height * width, EACH])], f"{head}.rows")


def manifest(heads):
    """The net's manifest, as text."""
    lines = ['kind = "yolo"', 'name = "yolov5"', f"labels = {NAMES}", "", "[input]", 'colour = "rgb"', "mean = [0, 0, 0]"]
    lines += ["std = [255, 255, 255]", 'resize = "bilinear"', "", "[output]", f"heads = {heads}", 'activation = "sigmoid"']
    lines += ["scale_x_y = [2, 2]", 'size_decode = "squared-sigmoid"', "", "[default_boxes]", 'generator = "anchors"']
    lines += [f"sizes = {[[list(side) for side in head] for head in ANCHORS]}", "", "[detection]", 'suppression = "one-class"']
    return "\n".join([*lines, "score_threshold = 0.25"]).replace("'", '"') + "\n"


def main():
    import tomllib

    GOLDEN.mkdir(exist_ok=True)
    model, heads = network()
    onnx.save(model, GOLDEN / "yolov5.onnx")
    (GOLDEN / "yolov5.toml").write_text(manifest(heads))
    settings = tomllib.loads(manifest(heads))
    picture = Image.open(GOLDEN.parent / "yolo" / "person.png")
    values = network_input(np.asarray(picture), settings["input"]["mean"], settings["input"]["std"])
    part = GOLDEN / "inner.onnx"
    onnx.save(inner(GOLDEN / "yolov5.onnx", settings), part)
    passes = Passes(part, values)
    part.unlink()
    entries = []
    for *case, seed in CASES:
        box, target, contrast, _ = case
        name = f"{box}-{target}-{contrast}-{seed}"
        entries.append(passes.entry(name, settings, case, {"picture": "../yolo/person.png"}, seed))
    for entry in entries[:MAPS]:
        passes.write_map(GOLDEN, entry)
    write(GOLDEN, entries)


if __name__ == "__main__":
    main()
