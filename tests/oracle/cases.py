"""Golden cases as files: what is asked of a network, where relevance starts, and for some cases the map that follows.

In: a network's forward pass in float64 and float32, its manifest, and cases. Out: CASE.npy [H, W] and cases.json in the network's folder.
"""

import json
import tomllib

import numpy as np
import onnx
from PIL import Image

from composite import Composite, layer_types
from network import Network
from part import inner
from pictures import network_input
from relevance import propagate
from targets import Outputs


class Passes:
    """One network on one picture, in float64 and in float32."""

    def __init__(self, path, values):
        networks = [Network(path, dtype) for dtype in (np.float64, np.float32)]
        tensors = [network.forward(values) for network in networks]
        types = [layer_types(*passed) for passed in zip(networks, tensors)]
        self.passes = list(zip(networks, tensors, types))
        print({name: float(np.abs(tensors[0][name]).max()) for name in networks[0].outputs})

    def entry(self, name, manifest, case, more, kind="score"):
        """What cases.json says of a case (default box, target, contrast, composite), `more` behind the name."""
        box, target, contrast, composite = case
        network, tensors, _ = self.passes[0]
        asked = {"default_box": box, "target": target, "contrast": contrast, "composite": composite, "seed": kind}
        seeds = Outputs(network, tensors, manifest).seed(box, target, contrast, kind)
        return {"name": name.replace(":", "_")} | more | asked | {"seeds": seeds}

    def write_map(self, folder, entry):
        """Writes the map of a case, and adds to its entry where it is and how far float32 strays."""
        rules = Composite.parse(entry["composite"]).of_target(entry["target"])
        exact, rounded = (propagate(*passed, rules, entry["seeds"]).sum(axis=0) for passed in self.passes)
        deviation = np.abs(rounded - exact).max() / np.abs(exact).max()
        entry |= {"expected": f"{entry['name']}.npy", "float32_deviation": float(f"{deviation:.1e}")}
        np.save(folder / entry["expected"], exact.astype(np.float32))
        print(f"{entry['name']}: float32 {deviation:.1e}")


def write(folder, entries):
    """cases.json, a case to a few lines, its seed on one."""
    blocks = []
    for entry in entries:
        lines = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in entry.items()]
        blocks.append("  {\n" + ",\n".join(lines) + "\n  }")
    (folder / "cases.json").write_text('{ "cases": [\n' + ",\n".join(blocks) + "\n] }\n")


def write_nets(folder, nets, cases, maps):
    """Writes networks made here, on the picture golden/yolo/person.png, with their cases.

    `nets` are an ONNX model and its manifest's text by name, `cases` net, box, target, contrast, composite and seed; the first `maps` cases get a map.
    """
    folder.mkdir(exist_ok=True)
    picture, passes, settings = np.asarray(Image.open(folder.parent / "yolo" / "person.png")), {}, {}
    for name, (model, manifest) in nets.items():
        onnx.save(model, folder / f"{name}.onnx")
        (folder / f"{name}.toml").write_text(manifest)
        settings[name] = tomllib.loads(manifest)
        values = network_input(picture, settings[name]["input"]["mean"], settings[name]["input"]["std"])
        part = folder / "inner.onnx"
        onnx.save(inner(folder / f"{name}.onnx", settings[name]), part)
        passes[name] = Passes(part, values)
        part.unlink()
    entries = []
    for net, *case, seed in cases:
        box, target, contrast, _ = case
        more = {"picture": "../yolo/person.png", "manifest": net}
        entries.append(passes[net].entry(f"{net}-{box}-{target}-{contrast}-{seed}", settings[net], case, more, seed))
    for entry in entries[:maps]:
        passes[entry["manifest"]].write_map(folder, entry)
    write(folder, entries)
