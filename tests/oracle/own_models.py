"""Files as exporters write them, tried from end to end: python own_models.py COMMAND FILE.onnx...

In: the `ssdcrp` command, and ONNX files with their manifests. Out: a table in Markdown, a row a file: whether it loads, detects, explains a class and an offset; the largest difference of
both maps from the oracle's, of max|R|; milliseconds of the forward pass and of explaining (two threads, medians of 5 and 3). The oracle reads the part of the file between picture and raw
outputs, after ONNX Runtime has computed what is constant in it. Needs requirements.txt and ONNX Runtime's library for the command.
"""

import json
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

from composite import Composite, layer_types
from network import Network
from pictures import network_input
from relevance import propagate
from targets import Outputs

PICTURE = Path(__file__).resolve().parent.parent / "golden" / "ssdlite" / "person.png"


def main(command, files):
    print("| file | loads | detects | explains class | explains offset | oracle error | ms forward | ms explanation |")
    print("|---|---|---|---|---|---|---|---|")
    for file in files:
        with tempfile.TemporaryDirectory() as folder:
            print(row(command, Path(file), Path(folder)), flush=True)


def row(command, file, folder):
    manifest = tomllib.loads(file.with_suffix(".toml").read_text())
    model = inner(file, manifest)
    width, height = (model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value for axis in (3, 2))
    picture = folder / "picture.png"
    # At the network's own size, so that no resize has a say.
    Image.open(PICTURE).resize((width, height)).save(picture)

    def run(*arguments):
        full = [command, "--model", file, "--threads", "2", *arguments]
        return subprocess.run([str(part) for part in full], capture_output=True, text=True)

    loads = run("inspect").returncode == 0
    # Random weights may be sure of nothing: a detection is whatever is likeliest.
    found = run("detect", picture, "--score-threshold", "0.001", "--json")
    detections = json.loads(found.stdout)["detections"] if found.returncode == 0 else []
    if not detections:
        return f"| {file.name} | {yes(loads)} | no: {found.stderr.strip()[:80]} | | | | | |"
    best = detections[0]
    maps, times = {}, []
    questions = [(f"class:{best['class']}", "mean"), ("offset:w+", "none")]
    for target, contrast in questions[: 2 if manifest["kind"] == "ssd" else 1]:
        npy = folder / "map.npy"
        arguments = ["--box", best["default_box"], "--target", target, "--contrast", contrast, "--composite", "crp"]
        for _ in range(3):
            made = run("explain", picture, *arguments, "--npy", npy, "--json")
            if made.returncode == 0:
                times.append(json.loads(made.stdout)["explanations"][0]["ms"])
        if made.returncode == 0:
            maps[target.partition(":")[0]] = (target, contrast, np.load(npy))
    error, forward = against_oracle(model, manifest, picture, best, maps, folder)
    explains = [yes(kind in maps) for kind in ("class", "offset")]
    if manifest["kind"] != "ssd":
        explains[1] = "–"
    return (
        f"| {file.name} | {yes(loads)} | {best['label']} {best['score']:.2f} | {explains[0]} | {explains[1]} "
        f"| {error:.1e} | {forward:.0f} | {np.median(times):.0f} |"
    )


def yes(works):
    return "yes" if works else "no"


def inner(file, manifest):
    """The part of the graph between the picture and the raw outputs, these under the oracle's names."""
    model = onnx.load(file)
    graph, output = model.graph, manifest["output"]
    picture = manifest["input"].get("tensor", graph.input[0].name)
    wanted, kept = {output["classes"], output.get("offsets", output["classes"])}, []
    for node in reversed(graph.node):
        if any(name in wanted for name in node.output) and picture not in node.output:
            kept.insert(0, node)
            wanted.update(node.input)
    size = manifest["input"].get("size")
    if not size:
        dims = graph.input[0].type.tensor_type.shape.dim
        size = [dims[3].dim_value, dims[2].dim_value]
    info = onnx.helper.make_tensor_value_info(picture, 1, [1, 3, size[1], size[0]])
    names = {output["classes"]: "class_logits"}
    if manifest["kind"] == "ssd":
        names[output["offsets"]] = "box_offsets"
    for node in kept:
        for index, name in enumerate(node.output):
            node.output[index] = names.get(name, name)
    outputs = [onnx.helper.make_tensor_value_info(name, 1, None) for name in names.values()]
    constants = [tensor for tensor in graph.initializer if tensor.name in wanted]
    part = onnx.helper.make_graph(kept, "inner", [info], outputs, constants)
    return onnx.helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)


def against_oracle(model, manifest, picture, best, maps, folder):
    """The larger of the maps' errors, and the milliseconds of a forward pass in ONNX Runtime."""
    onnx.save(model, folder / "inner.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "constant.onnx")
    onnxruntime.InferenceSession(str(folder / "inner.onnx"), options)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(folder / "inner.onnx"), options)
    values = network_input(np.asarray(Image.open(picture)), manifest["input"]["mean"], manifest["input"]["std"])
    feed = {session.get_inputs()[0].name: values.astype(np.float32)}
    times = []
    for _ in range(6):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(1e3 * (time.perf_counter() - start))
    network = Network(folder / "constant.onnx")
    tensors = network.forward(values)
    types = layer_types(network, tensors)
    composite, worst = Composite.parse("crp"), 0.0
    for target, contrast, found in maps.values():
        kind, _, name = target.partition(":")
        asked = f"class:{manifest['labels'][int(name)]}" if kind == "class" else target
        if manifest["kind"] == "ssd":
            seed = Outputs(network, tensors, manifest).seed(best["default_box"], asked, contrast, "score")
        else:
            logits = tensors["class_logits"][0]
            weights = [1.0 if k == int(name) else -1 / (len(logits) - 1) for k in range(len(logits))]
            seed = [("class_logits", k, 0, 0, weight * logits[k]) for k, weight in enumerate(weights)]
        expected = propagate(network, tensors, types, composite, seed).sum(axis=0)
        worst = max(worst, np.abs(found - expected).max() / np.abs(expected).max())
    return worst, np.median(times[1:])


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
