"""Writes golden vectors of two small detectors without anchors: python golden_anchor_free.py

In: golden/yolo/person.png. Out: golden/anchor_free/{distances,offsets}.{onnx,toml}, CASE.npy [64, 96] and cases.json, as golden_ssdlite.py writes them.
`distances` is built like YOLOv8: SiLU, C2f, SPPF, a distribution over bins for each distance, decoded in the graph. `offsets` is built like YOLOX: the picture
folded, objectness, nothing decoded. Both have random weights.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper

from cases import write_nets
from small_nets import Builder

TESTS = Path(__file__).resolve().parent.parent
GOLDEN = TESTS / "golden" / "anchor_free"
NAMES = ["person", "horse", "sheep", "dog"]
BINS = 8
CRP = "classification=simple,localization=simple,high=epsilon:0.1std,low=abs,pixels=w2,add=abs"
FLAT = "classification=simple,localization=simple,high=rescale:0.75,low=flat,pixels=flat,add=half,pool=uniform"

# Net, box, target, contrast, composite; the first head has 8x12 cells, the second 4x6. The first of each net with a map.
CASES = [
    ("distances", 30, "class:sheep", "mean", "crp", "score"),
    ("distances", 30, "edge:right+", "none", "crp", "score"),
    ("distances", 101, "edge:top", "none", CRP, "score"),
    ("distances", 101, "offset:w+", "none", "crp", "score"),
    ("distances", 55, "class:dog", "class:person", FLAT, "score"),
    ("offsets", 40, "class:horse", "mean", "crp", "score"),
    ("offsets", 40, "objectness", "none", "crp", "score"),
    ("offsets", 100, "edge:left-", "none", CRP, "score"),
    ("offsets", 100, "offset:h", "none", "crp", "score"),
    *(("distances", box, f"edge:{side}", "none", "crp", seed) for box in (7, 110) for side in ("left+", "right", "top-", "bottom")
      for seed in ("score", "unit", "one")),
    *(("distances", 55, f"offset:{name}", "none", "crp", seed) for name in ("cx", "cy-", "w", "h-") for seed in ("score", "unit")),
    *(("offsets", 7, target, "none", "crp", "score") for target in ("edge:right", "edge:bottom+", "offset:cx", "class:dog")),
    ("distances", 110, "class:dog", "softmax", "crp", "score"),
    ("offsets", 110, "class:person", "softmax", "crp", "score"),
]  # fmt: skip
MAPS = 9


class Net(Builder):
    """A network of convolutions with SiLU."""

    def silu(self, x):
        return self.add("Mul", [x, self.add("Sigmoid", [x], f"{x}.sigmoid")], f"{x}.silu")

    def block(self, name, x, channels, stride=1, kernel=3):
        pads = (kernel // 2,) * 4
        return self.silu(self.conv(name, x, channels, kernel=kernel, pads=pads, strides=(stride, stride)))

    def last(self, name, x, channels, deviation):
        """A head's last convolution, with weights spread so that boxes and scores differ from place to place."""
        self.constant(f"{name}.weight", self.normal((channels[1], channels[0], 1, 1), deviation))
        self.constant(f"{name}.bias", self.normal(channels[1], 0.5))
        return self.add("Conv", [x, f"{name}.weight", f"{name}.bias"], name, kernel_shape=(1, 1))

    def features(self, x, channels):
        """Two maps, of stride 8 and 16, with C2f, SPPF and a way back up; `x` is of stride 2."""
        x = self.block("low", x, (channels, 8), stride=2)
        whole = self.block("c2f.first", x, (8, 8), kernel=1)
        self.split([whole, self.ints("c2f.sizes", [4, 4])], ["c2f.a", "c2f.b"], axis=1)
        inner = self.block("c2f.inner2", self.block("c2f.inner1", "c2f.b", (4, 4)), (4, 4))
        both = self.add("Add", ["c2f.b", inner], "c2f.sum")
        x = self.add("Concat", ["c2f.a", "c2f.b", both], "c2f.joined", axis=1)
        fine = self.block("fine", self.block("c2f.last", x, (12, 8), kernel=1), (8, 10), stride=2)
        x = self.block("sppf.first", self.block("coarse", fine, (10, 12), stride=2), (12, 6), kernel=1)
        pools = [x]
        for index in range(3):
            pools.append(self.max_pool(f"sppf.pool{index}", pools[-1], 5, (1, 1), (2, 2, 2, 2)))
        x = self.block("sppf.last", self.add("Concat", pools, "sppf.joined", axis=1), (24, 12), kernel=1)
        up = self.resize("up", x, scales=(2.0, 2.0), mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
        fine = self.block("fine2", self.add("Concat", [up, fine], "up.joined", axis=1), (22, 10))
        down = self.block("down", fine, (10, 8), stride=2)
        return fine, self.block("coarse2", self.add("Concat", [down, x], "down.joined", axis=1), (20, 12))

    def whole(self, output, sizes):
        """The model with its one output."""
        image = helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, *self.size])
        infos = [helper.make_tensor_value_info(output, TensorProto.FLOAT, sizes)]
        graph = helper.make_graph(self.nodes, self.name, [image], infos, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        onnx.checker.check_model(model)
        return model


def distances():
    """Like YOLOv8's export, decode and all."""
    b = Net("distances", 64, 96, seed=41)
    heads, rows, maps = {"classes": [], "distances": []}, [], b.features(b.block("pixels", "images", (3, 6), stride=2), 6)
    for index, (x, channels) in enumerate(zip(maps, (10, 12))):
        box = b.last(f"head{index}/box", b.block(f"head{index}/box1", x, (channels, 8)), (8, 4 * BINS), 0.8)
        classes = b.last(f"head{index}/class", b.block(f"head{index}/class1", x, (channels, 8)), (8, len(NAMES)), 0.8)
        heads["classes"].append(classes)
        heads["distances"].append(box)
        both = b.add("Concat", [box, classes], f"head{index}", axis=1)
        rows.append(b.add("Reshape", [both, b.ints(f"head{index}.sizes", [1, 4 * BINS + len(NAMES), -1])], f"head{index}.rows"))
    b.add("Concat", rows, "all", axis=2)
    b.split(["all", b.ints("all.sizes", [4 * BINS, len(NAMES)])], ["all.boxes", "all.classes"], axis=1)
    decoded = decode(b, "all.boxes")
    scores = b.add("Sigmoid", ["all.classes"], "scores")
    b.add("Concat", [decoded, scores], "output0", axis=1)
    return b.whole("output0", [1, 4 + len(NAMES), 120]), heads


def decode(b, boxes):
    """Centre and size in pixels, [1, 4, cells]."""
    cells = 8 * 12 + 4 * 6
    x = b.add("Reshape", [boxes, b.ints("dfl.sizes", [1, 4, BINS, cells])], "dfl.bins")
    x = b.add("Softmax", [b.add("Transpose", [x], "dfl.turned", perm=(0, 2, 1, 3))], "dfl.softmax", axis=1)
    b.constant("dfl.weight", np.arange(BINS, dtype=np.float32).reshape(1, BINS, 1, 1))
    x = b.add("Conv", [x, "dfl.weight"], "dfl.means", kernel_shape=(1, 1))
    x = b.add("Reshape", [x, b.ints("dfl.flat", [1, 4, cells])], "distances")
    near, far = b.slice("near", x, 1, 0, 2), b.slice("far", x, 1, 2, 4)
    places = [np.stack(np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5)).reshape(2, -1) for h, w in ((8, 12), (4, 6))]
    places = b.constant("places", np.concatenate(places, axis=1)[None].astype(np.float32))
    first, last = b.add("Sub", [places, near], "first"), b.add("Add", [places, far], "last")
    centre = b.add("Div", [b.add("Add", [first, last], "twice"), b.constant("two", np.array(2, np.float32))], "centre")
    box = b.add("Concat", [centre, b.add("Sub", [last, first], "size")], "box", axis=1)
    strides = np.repeat(np.array([8, 16], np.float32), [96, 24]).reshape(1, 1, -1)
    return b.add("Mul", [box, b.constant("strides", strides)], "pixels_of_boxes")


def offsets():
    """Like YOLOX's export: nothing but sigmoids behind the heads."""
    b = Net("offsets", 64, 96, seed=42)
    parts = []
    for row, column in ((0, 0), (1, 0), (0, 1), (1, 1)):
        rows = b.slice(f"rows{row}{column}", "images", 2, row, 2**31, 2)
        parts.append(b.slice(f"fold{row}{column}", rows, 3, column, 2**31, 2))
    x = b.block("pixels", b.add("Concat", parts, "folded", axis=1), (12, 6))
    heads, rows, maps = {"classes": [], "offsets": [], "objectness": []}, [], b.features(x, 6)
    for index, (x, channels) in enumerate(zip(maps, (10, 12))):
        x = b.block(f"head{index}/stem", x, (channels, 8), kernel=1)
        of_class, of_box = b.block(f"head{index}/class1", x, (8, 8)), b.block(f"head{index}/box1", x, (8, 8))
        box = b.last(f"head{index}/box", of_box, (8, 4), 0.4)
        objectness = b.last(f"head{index}/objectness", of_box, (8, 1), 1.0)
        classes = b.last(f"head{index}/class", of_class, (8, len(NAMES)), 1.0)
        for kind, tensor in zip(("offsets", "objectness", "classes"), (box, objectness, classes)):
            heads[kind].append(tensor)
        scores = [b.add("Sigmoid", [tensor], f"{tensor}.score") for tensor in (objectness, classes)]
        both = b.add("Concat", [box, *scores], f"head{index}", axis=1)
        rows.append(b.add("Reshape", [both, b.ints(f"head{index}.sizes", [1, 5 + len(NAMES), -1])], f"head{index}.rows"))
    joined = b.add("Concat", rows, "all", axis=2)
    b.add("Transpose", [joined], "output", perm=(0, 2, 1))
    return b.whole("output", [1, 120, 5 + len(NAMES)]), heads


def manifest(name, heads):
    """The net's manifest, as text."""
    lines = ['kind = "anchor-free"', f'name = "{name}"', f"labels = {NAMES}".replace("'", '"'), "", "[input]", 'colour = "rgb"']
    lines += ["mean = [0, 0, 0]", f"std = {[255 if name == 'distances' else 128] * 3}", 'resize = "bilinear"', "", "[output]"]
    lines += [f"{kind} = {tensors}".replace("'", '"') for kind, tensors in heads.items()]
    lines += ['activation = "sigmoid"', *([f"bins = {BINS}"] if name == "distances" else []), "", "[default_boxes]", 'generator = "cells"']
    lines += [*(["offset = 0.0"] if name == "offsets" else []), "", "[detection]", 'suppression = "one-class"', "score_threshold = 0.25"]
    return "\n".join(lines) + "\n"


def main():
    nets = {}
    for make in (distances, offsets):
        (model, heads), name = make(), make.__name__
        nets[name] = model, manifest(name, heads)
    write_nets(GOLDEN, nets, CASES, MAPS)


if __name__ == "__main__":
    main()
