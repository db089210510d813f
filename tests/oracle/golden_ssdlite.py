"""Writes the golden vectors of the default model: python golden_ssdlite.py [--photos DIR] [--look DIR]

In: models/ssdlite_mobilenet_v2_coco.{onnx,toml}, and the pictures golden/ssdlite/*.png, which are made of darknet's
photos anew if --photos names their folder. Out: golden/ssdlite/CASE.npy [300, 300], the relevance summed over the
colours, and golden/ssdlite/cases.json. With --look every map is also drawn over its picture.
"""

import argparse
import tomllib
from pathlib import Path

import numpy as np
from PIL import Image

from cases import write
from composite import Composite, layer_types
from network import Network
from pictures import heatmap, network_input, resized
from relevance import propagate
from targets import SIDES, Outputs

TESTS = Path(__file__).resolve().parent.parent
MODEL = TESTS.parent / "models" / "ssdlite_mobilenet_v2_coco"
GOLDEN = TESTS / "golden" / "ssdlite"

# Low layers share equally whatever they read; a case's name calls it flat.
FLAT = "classification=simple,localization=simple,high=rescale:0.75,low=flat,pixels=flat,add=half,pool=uniform"
# Picture, default box, target, contrast, composite, and the seed where it is not the preset's. At person's 1436 a white
# horse is called sheep; horses' 608 calls a grey horse cow, its 1406 is one box over two horses, and 1749 belongs to
# the third head (5 x 5 cells), 271 to the first (19 x 19).
MAPS = [
    ("person", 1436, "class:sheep", "class:horse", "crp"),
    ("person", 1436, "class:sheep", "mean", "crp"),
    ("person", 1436, "class:horse", "mean", "crp"),
    ("person", 1436, "class:sheep", "none", "lrp-alpha1beta0"),
    ("person", 1436, "class:horse", "none", "lrp-alpha1beta0"),
    ("horses", 608, "class:cow", "mean", "crp"),
    ("horses", 1406, "offset:w+", "none", "crp"),
    ("horses", 1749, "class:horse", "mean", "crp"),
    ("person", 1436, "class:sheep", "softmax", "crp", "unit"),
    ("horses", 1406, "edge:left+", "none", "crp"),
    ("person", 1436, "class:sheep", "class:horse", "crp-epsilon"),
    ("horses", 1406, "offset:w+", "none", "crp-epsilon"),
    ("person", 1436, "class:sheep", "class:horse", "crp-features"),
    ("person", 1436, "class:sheep", "mean", "crp-features"),
    ("person", 271, "class:horse", "mean", "crp-features"),
    ("person", 1436, "class:sheep", "class:horse", FLAT),
    ("horses", 1406, "offset:w+", "none", "crp-features"),
    ("person", 1436, "class:sheep", "clrp1", "lrp-alpha1beta0"),
    ("person", 1436, "class:sheep", "clrp2", "lrp-alpha1beta0"),
    ("horses", 608, "class:cow", "sglrp", "lrp-alpha1beta0"),
    ("person", 1436, "class:horse", "none", "lrp-epsilon-plus-flat"),
]
# Here the seed alone is recorded: what differs from the maps above ends where the relevance enters the heads.
SEEDS = [
    ("person", 1436, "class:horse", "runner-up", "crp"),
    ("horses", 608, "class:cow", "runner-up", "crp"),
    ("horses", 608, "class:cow", "none", "crp"),
    ("horses", 608, "class:cow", "mean", "lrp-alpha1beta0"),
    ("horses", 608, "class:cow", "mean", "crp-epsilon"),
    ("horses", 608, "class:cow", "class:horse", "lrp-alpha2beta1"),
    *(("horses", 1406, f"offset:{q}{way}", "none", "crp") for q in ("cx", "cy", "h") for way in ("+", "-", "")),
    *(("horses", 1406, f"offset:w{way}", "none", "crp") for way in ("-", "")),
    *(("horses", 1406, f"offset:cy{way}", "none", "lrp-epsilon") for way in ("+", "-", "")),
    ("horses", 1916, "class:horse", "none", "crp"),
    ("horses", 0, "offset:h-", "none", "crp"),
    ("person", 1436, "class:horse", "softmax", "crp"),
    ("horses", 608, "class:cow", "softmax", "lrp-alpha1beta0"),
    ("horses", 608, "class:cow", "mean", "crp", "unit"),
    *(("horses", 608, f"offset:{q}", "mean", "crp") for q in ("cx+", "h")),
    ("horses", 1916, "offset:w", "mean", "lrp-epsilon"),
    *(("horses", 1406, f"offset:w{way}", "none", "crp", "unit") for way in ("+", "-", "")),
    ("horses", 1406, "offset:cy+", "mean", "crp", "unit"),
    *(("horses", 1406, f"edge:{side}{way}", "none", "crp") for side in ("right", "top", "bottom") for way in "+-"),
    *(("horses", 608, f"edge:{side}", "none", "crp") for side in SIDES),
    *(("horses", box, "edge:right", "none", "crp") for box in (1082, 1749, 1850, 1889, 1916)),
    *(("horses", 1406, "edge:left", "none", "lrp-epsilon", seed) for seed in (None, "unit")),
    ("horses", 1406, "edge:bottom-", "none", "crp", "one"),
    ("person", 1436, "class:horse", "sglrp", "lrp-epsilon"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, help="folder with darknet's person.jpg and horses.jpg")
    parser.add_argument("--look", type=Path, help="folder for drawings of the maps")
    arguments = parser.parse_args()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    manifest = tomllib.loads(MODEL.with_suffix(".toml").read_text())
    cases, maps = [], {}
    for name in ("person", "horses"):
        path = GOLDEN / f"{name}.png"
        if arguments.photos:
            Image.fromarray(resized(arguments.photos / f"{name}.jpg", 300, 300)).save(path, optimize=True)
        picture = np.asarray(Image.open(path))
        exact, rounded = (Explained(manifest, picture, dtype) for dtype in (np.float64, np.float32))
        for case in [case for case in (*MAPS, *SEEDS) if case[0] == name]:
            entry = describe(exact, case)
            if case in MAPS:
                relevance = exact.relevance(entry)
                deviation = np.abs(rounded.relevance(entry) - relevance).max() / np.abs(relevance).max()
                entry |= {
                    "expected": f"{entry['name']}.npy",
                    "sum": float(f"{relevance.sum():.9g}"),
                    "sum_abs": float(f"{np.abs(relevance).sum():.9g}"),
                    "float32_deviation": float(f"{deviation:.1e}"),
                }
                np.save(GOLDEN / entry["expected"], relevance.astype(np.float32))
                maps[entry["name"]] = relevance
                print(
                    f"{entry['name']:45} sum {entry['sum']:12.5g} abs {entry['sum_abs']:12.5g} float32 {deviation:.1e}"
                )
                if arguments.look:
                    heatmap(picture, relevance).save(arguments.look / f"{entry['name']}.png")
            cases.append(entry)
    write(GOLDEN, cases)
    separation(maps)


class Explained:
    """The default model after its forward pass on one picture, in the given precision."""

    def __init__(self, manifest, picture, dtype):
        self.network = Network(MODEL.with_suffix(".onnx"), dtype)
        self.tensors = self.network.forward(network_input(picture, manifest["input"]["mean"], manifest["input"]["std"]))
        self.types = layer_types(self.network, self.tensors)
        self.outputs = Outputs(self.network, self.tensors, manifest)

    def relevance(self, entry):
        """The map [H, W] of a case, summed over the colours."""
        composite = Composite.parse(entry["composite"], entry["seed"]).of_target(entry["target"], entry["contrast"])
        return propagate(self.network, self.tensors, self.types, composite, entry["seeds"]).sum(axis=0)


def describe(explained, case):
    """A case in full: what is asked, the output's value, the runner-up, and the relevance that follows."""
    picture, box, target, contrast, composite, *other_seed = case
    seed = next(iter(filter(None, other_seed)), "one" if composite.startswith("lrp-") else "score")
    outputs = explained.outputs
    kind, _, asked = target.partition(":")
    called = "flat" if composite == FLAT else composite
    entry = {
        "name": "-".join((picture, str(box), target, contrast, called, *filter(None, other_seed))).replace(":", "_"),
        "picture": f"{picture}.png",
        "default_box": box,
        "target": target,
        "contrast": contrast,
        "composite": composite,
        "seed": seed,
    }
    if kind == "class":
        k = outputs.labels.index(asked)
        best = outputs.runner_up(box, k)
        entry["value"] = float(outputs.logits[box, k])
        entry["runner_up"] = {"label": outputs.labels[best], "value": float(outputs.logits[box, best])}
    elif kind == "offset":
        entry["value"] = float(outputs.offsets[box, outputs.offset_order.index(asked.rstrip("+-"))])
    return entry | {"seeds": outputs.seed(box, target, contrast, seed)}


def separation(maps):
    """The paper's observation: plain LRP draws one map for two classes, the contrast tells them apart."""
    for composite, contrast, expected in (("lrp-alpha1beta0", "none", "> 0.97"), ("crp", "mean", "< 0.5")):
        sheep, horse = (
            maps[f"person-1436-class_{label}-{contrast}-{composite}"].ravel() for label in ("sheep", "horse")
        )
        cosine = sheep @ horse / np.sqrt((sheep @ sheep) * (horse @ horse))
        print(f"cosine of sheep and horse under {composite}, {contrast}: {cosine:.4f}, expected {expected}")
        if not (cosine > 0.97 if composite == "lrp-alpha1beta0" else cosine < 0.5):
            raise SystemExit("the maps of the two classes are not as the method expects them")


if __name__ == "__main__":
    main()
