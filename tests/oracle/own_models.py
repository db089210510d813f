"""Files as exporters write them, tried from end to end: python own_models.py COMMAND [--no-oracle] FILE.onnx...

In: the `ssdcrp` command, and ONNX files with their manifests. Out: a table in Markdown, a row a file: whether it loads, detects, explains a class and an offset (of distances an edge; objectness where it has it), and
whether the network that `compile` writes gives the same map in Python's onnxruntime; the largest difference of the maps from the oracle's, of max|R|; in how many windows of max pooling float32 has other winners than float64, and the largest
difference if the oracle keeps to its own; milliseconds of the forward pass in ONNX Runtime and of a first explanation, forward pass included (two threads, medians of 5 and of 3 a target). The oracle reads the part of the file between picture and raw
outputs, after ONNX Runtime has computed what is constant in it; at the full width of VGG it takes minutes a file, and --no-oracle leaves it out. Needs requirements.txt and ONNX Runtime's library for the command.
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
from joined import parts, take_apart
from network import Network
from relevance import pooling_winners, propagate
from targets import Outputs
from unfold import Window
from yolo import as_detector

PICTURE = Path(__file__).resolve().parent.parent / "golden" / "ssdlite" / "person.png"


# Where the explanation of a class and the compiled network's differ by less, of max|R|, they are the same.
SAME = 1e-4
NOISE = 8


def main(command, arguments):
    print("| file | loads | detects | explains class | explains offset | compiled | oracle error | windows won otherwise | error with them | ms forward | ms explanation |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for file in arguments:
        if file != "--no-oracle":
            with tempfile.TemporaryDirectory() as folder:
                print(row(command, Path(file), Path(folder), "--no-oracle" not in arguments), flush=True)


def row(command, file, folder, with_oracle):
    manifest = tomllib.loads(file.with_suffix(".toml").read_text())
    model = inner(file, manifest)
    width, height = (model.graph.input[0].type.tensor_type.shape.dim[axis].dim_value for axis in (3, 2))
    picture = folder / "picture.png"
    # At the network's own size, so that no resize has a say, and with noise, so that no flat areas tie in max pooling but for rounding.
    photo = np.asarray(Image.open(PICTURE).resize((width, height))).astype(int)
    photo = np.clip(photo + np.random.default_rng(0).integers(-NOISE, NOISE + 1, photo.shape), 0, 255)
    Image.fromarray(photo.astype(np.uint8)).save(picture)

    def run(*arguments):
        full = [command, "--model", file, "--threads", "2", *arguments]
        return subprocess.run([str(part) for part in full], capture_output=True, text=True)

    loads = run("inspect").returncode == 0
    # Random weights may be sure of nothing: a detection is whatever is likeliest.
    found = run("detect", picture, "--score-threshold", "0.001", "--json", "--logits")
    detections = json.loads(found.stdout)["detections"] if found.returncode == 0 else []
    if not detections:
        return f"| {file.name} | {yes(loads)} | no: {found.stderr.strip()[:80]} | | | | | | | | |"
    best, kind = detections[0], manifest["kind"]
    maps, times = {}, []
    questions = [(f"class:{best['class']}", "mean" if len(manifest["labels"]) > 1 else "none")]
    has_objectness = kind == "yolo" or "objectness" in parts(manifest["output"])
    place = "edge:right+" if "distances" in parts(manifest["output"]) else "offset:w+"
    questions += [(place, "none")] * (kind != "classifier") + [("objectness", "none")] * has_objectness
    for target, contrast in questions:
        npy = folder / "map.npy"
        arguments = ["--box", best["default_box"], "--target", target, "--contrast", contrast, "--composite", "crp"]
        for _ in range(3):
            made = run("explain", picture, *arguments, "--npy", npy, "--json")
            if made.returncode == 0:
                times.append(json.loads(made.stdout)["explanations"][0]["ms"])
        if made.returncode == 0:
            maps[target.partition(":")[0]] = (target, contrast, np.load(npy))
    # Rounded as the engine rounds it, so that both start from the same numbers.
    mean, std = (np.array(manifest["input"][key], np.float32) for key in ("mean", "std"))
    colours = np.asarray(Image.open(picture), np.float32)
    # Mean and deviation are in the order of the network's channels.
    if manifest["input"]["colour"] == "bgr":
        colours = colours[:, :, ::-1]
    values = ((colours - mean) * (1 / std)).transpose(2, 0, 1)[None]
    forward = forward_pass(model, values, folder)
    explains = [yes(name in maps) for name in ("class", place.partition(":")[0])]
    if kind == "classifier":
        explains[1] = "–"
    elif place.startswith("edge"):
        explains[1] += " (edge)"
    if "objectness" in maps:
        explains[1] += ", and objectness"
    compiled, feed = compiled_network(run, values, folder)
    same = compiled and "class" in maps and same_when_compiled(compiled, feed, manifest, best, maps["class"][2])
    error = against_oracle(manifest, values, best, maps, compiled, feed, folder) if compiled and with_oracle else "– | – | –"
    return (
        f"| {file.name} | {yes(loads)} | {best['label']} {best['score']:.2f} | {explains[0]} | {explains[1]} | {yes(same)} "
        f"| {error} | {forward:.0f} | {np.median(times):.0f} |"
    )


def yes(works):
    return "yes" if works else "no"


def names(value):
    return [value] if isinstance(value, str) else value


def inner(file, manifest):
    """The part of the graph between the picture and the raw outputs, these under the oracle's names."""
    model, output = take_apart(onnx.load(file), manifest["output"], len(manifest["labels"]))
    graph = model.graph
    picture = manifest["input"].get("tensor", graph.input[0].name)
    readers = [node for node in graph.node if picture in node.input]
    # Channels last: the transposed picture is what the network reads.
    if readers[0].op_type == "Transpose" and list(readers[0].attribute[0].ints) == [0, 3, 1, 2]:
        picture = readers[0].output[0]
    raw = {"class_logits": names(output.get("classes", [])), "box_offsets": names(output.get("distances", output.get("offsets", [])))}
    raw |= {"objectness": names(output["objectness"])} if "objectness" in output else {}
    heads = output.get("heads", [])
    wanted, kept = {*heads, *(name for tensors in raw.values() for name in tensors)}, []
    for node in reversed(graph.node):
        if any(name in wanted for name in node.output) and picture not in node.output:
            kept.insert(0, node)
            wanted.update(node.input)
    size = manifest["input"].get("size")
    if not size:
        dims = [dim.dim_value for dim in graph.input[0].type.tensor_type.shape.dim]
        size = [dims[2], dims[1]] if dims[3] == 3 else [dims[3], dims[2]]
    info = onnx.helper.make_tensor_value_info(picture, 1, [1, 3, size[1], size[0]])
    constants = [tensor for tensor in graph.initializer if tensor.name in wanted]
    kept += joined(raw, {name for node in kept if node.op_type == "Conv" for name in node.output}, constants, manifest)
    outputs = [name for name, tensors in raw.items() if tensors] or heads
    infos = [onnx.helper.make_tensor_value_info(name, 1, None) for name in outputs]
    part = onnx.helper.make_graph(kept, "inner", [info], infos, constants)
    model = onnx.helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    return as_detector(model, heads, len(manifest["labels"])) if heads else model


def joined(raw, convolutions, constants, manifest):
    """Nodes that give raw outputs the oracle's names, and put together those that are named head by head."""
    made = []
    for name, tensors in raw.items():
        columns = {"box_offsets": 4 * manifest["output"].get("bins", 1), "objectness": 1}.get(name, len(manifest["labels"]))
        if not tensors or tensors == [name]:
            continue
        # The map of a single head is no row of numbers yet.
        if len(tensors) == 1 and (tensors[0] not in convolutions or manifest["kind"] == "classifier"):
            made.append(onnx.helper.make_node("Identity", tensors, [name]))
            continue
        rows = []
        for tensor in tensors:
            source = tensor
            if tensor in convolutions:
                source = f"{tensor}.last"
                made.append(onnx.helper.make_node("Transpose", [tensor], [source], perm=[0, 2, 3, 1]))
            constants.append(onnx.numpy_helper.from_array(np.array([1, -1, columns], np.int64), f"{tensor}.sizes"))
            rows.append(f"{tensor}.rows")
            made.append(onnx.helper.make_node("Reshape", [source, f"{tensor}.sizes"], [rows[-1]]))
        made.append(onnx.helper.make_node("Concat", rows, [name], axis=1))
    return made


def forward_pass(model, values, folder):
    """The milliseconds of a forward pass in ONNX Runtime; leaves in folder/constant.onnx the network without what can be computed beforehand."""
    onnx.save(model, folder / "inner.onnx")
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(folder / "constant.onnx")
    onnxruntime.InferenceSession(str(folder / "inner.onnx"), options)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(folder / "inner.onnx"), options)
    feed = {session.get_inputs()[0].name: values.astype(np.float32)}
    times = []
    for _ in range(6):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(1e3 * (time.perf_counter() - start))
    return np.median(times[1:])


def compiled_network(run, values, folder):
    """The network that `compile` writes, and its inputs without relevance; None where it writes none."""
    written = run("compile", "-o", folder / "explain.onnx", "--composite", "crp")
    if written.returncode:
        return None, {}
    compiled = onnx.load(folder / "explain.onnx")
    picture, *seeds = compiled.graph.input
    feed = {picture.name: values.astype(np.float32)}
    for seed in seeds:
        shape = [dim.dim_value for dim in seed.type.tensor_type.shape.dim]
        feed[seed.name] = np.zeros([1, *shape[1:]], np.float32)
    return compiled, feed


def tensors_of(compiled, feed, names):
    """Tensors that lie within the compiled network, as Python's onnxruntime computes them."""
    watched = onnx.ModelProto()
    watched.CopyFrom(compiled)
    watched.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in names)
    return dict(zip(names, onnxruntime.InferenceSession(watched.SerializeToString()).run(names, feed)))


def same_when_compiled(compiled, feed, manifest, best, expected):
    """Whether the network that `compile` writes gives the class's map in Python's onnxruntime.

    The contrast `mean` puts z_k on the class's channel and -z/(K - 1) on those of the others; where in the head that is `detect` says.
    """
    seeds = [name for name in feed if name.startswith("seed:")]
    logits, (row, column, shape) = best["logits"], best["cell"]
    background = manifest["output"].get("background", 0) if manifest["kind"] == "ssd" else None
    trained = np.array([float(label != "" or k == background) for k, label in enumerate(manifest["labels"])])
    weights = -trained / max(trained.sum() - 1, 1)
    weights[best["class"]] = 1
    # The class scores come first of each head's inputs.
    each = {"ssd": 2, "yolo": 3, "classifier": 1, "anchor-free": 3 if "objectness" in parts(manifest["output"]) else 2}[manifest["kind"]]
    seed = seeds[best["head"] * each]
    channels = slice(shape * len(logits), (shape + 1) * len(logits))
    # The scores that this network itself computes: another one's are not the same to the last bit, and one of them may be all but 0.
    head = seed.removeprefix("seed:")
    put = np.zeros_like(feed[seed])
    put[0, channels, row, column] = weights * tensors_of(compiled, feed, [head])[head][0, channels, row, column]
    relevance = tensors_of(compiled, feed | {seed: put}, ["relevance"])["relevance"][0].sum(axis=0)
    return np.abs(relevance - expected).max() <= SAME * np.abs(expected).max()


def against_oracle(manifest, values, best, maps, compiled, feed, folder):
    """Cells of the table: the largest of the maps' errors, of max|R|, where the oracle takes a pooling's winners from the engine's float32; how many windows have another
    winner in float64; the largest error with these winners.
    """
    network = Network(folder / "constant.onnx")
    tensors = network.forward(values)
    types = layer_types(network, tensors)
    pools = [node for node in network.nodes if node.op == "MaxPool"]
    rivals = tensors_of(compiled, feed, [node.inputs[0] for node in pools])
    windows = otherwise = 0
    for node in pools:
        exact, rounded = (pooling_winners(Window.of(node), of[node.inputs[0]][0])[0] for of in (tensors, rivals))
        windows += exact[:, 0].size
        otherwise += (exact != rounded).any(axis=1).sum()
    composite, errors = Composite.parse("crp"), np.zeros(2)
    for target, contrast, found in maps.values():
        kind, _, name = target.partition(":")
        asked = f"class:{manifest['labels'][int(name)]}" if kind == "class" else target
        if manifest["kind"] != "classifier":
            seed = Outputs(network, tensors, manifest).seed(best["default_box"], asked, contrast, "score")
        else:
            logits = tensors["class_logits"][0]
            weights = [1.0 if k == int(name) else -1 / (len(logits) - 1) for k in range(len(logits))]
            seed = [("class_logits", k, 0, 0, weight * logits[k]) for k, weight in enumerate(weights)]
        rules = composite.of_target(target)
        for index, winners in enumerate((rivals, None)[: 1 + bool(otherwise)]):
            expected = propagate(network, tensors, types, rules, seed, rivals=winners).sum(axis=0)
            errors[index] = max(errors[index], np.abs(found - expected).max() / np.abs(expected).max())
    if not otherwise:
        return f"{errors[0]:.1e} | {'0' if windows else '–'} | "
    return f"{errors[0]:.1e} | {otherwise} of {windows:,} | {errors[1]:.1e}"


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
