"""Explanations of a file, from end to end: class, place and objectness, the compiled network, the oracle.

In: the `ssdcrp` command, an ONNX file with its manifest. Out: a record of what can be explained; whether the network that `compile` writes gives the same map in Python's
onnxruntime; the largest difference of the maps from the oracle's, of max|R|; in how many windows of max pooling float32 has other winners than float64, and the largest difference if
the oracle keeps to its own. The oracle reads the part of the file between picture and raw outputs, after ONNX Runtime has computed what is constant in it; at the full width of VGG it
takes minutes a file.
"""

import json
import subprocess
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

from composite import Composite, layer_types
from joined import parts
from network import Network
from part import inner, input_size
from photos import network_input
from relevance import pooling_winners, propagate
from targets import Outputs
from unfold import Window

PICTURE = Path(__file__).resolve().parent.parent / "golden" / "ssdlite" / "person.png"

COMPOSITE = "crp"
# Where the explanation of a class and the compiled network's differ by less, of max|R|, they are the same.
SAME = 1e-4
# What a map's error may be, of max|R|.
ERROR = 1e-4
NOISE = 8


class Trial:
    """One file with the command; `folder` is for what comes and goes."""

    def __init__(self, command, row, folder):
        self.command, self.file, self.folder = command, row.file, folder
        self.contrast = row.entry.get("contrast", "mean")
        self.manifest = row.manifest()
        size = input_size(onnx.load(row.file), self.manifest)
        self.picture = folder / "picture.png"
        # At the network's own size, so that no resize has a say, and with noise, so that no flat areas tie in max pooling but for rounding.
        photo = np.asarray(Image.open(PICTURE).resize(size)).astype(int)
        photo = np.clip(photo + np.random.default_rng(0).integers(-NOISE, NOISE + 1, photo.shape), 0, 255).astype(np.uint8)
        Image.fromarray(photo).save(self.picture)
        self.values, _ = network_input(photo, size, self.manifest["input"])
        # Random weights may be sure of nothing: a detection is whatever is likeliest.
        self.best = self.run("detect", self.picture, "--score-threshold", "0.0001", "--json", "--logits")["detections"][0]

    def run(self, *arguments):
        """What the command prints, as JSON where it is asked for."""
        full = [self.command, "--model", self.file, "--threads", "2", *arguments]
        made = subprocess.run([str(part) for part in full], capture_output=True, text=True)
        if made.returncode:
            raise RuntimeError(made.stderr.strip())
        return json.loads(made.stdout) if "--json" in arguments else made.stdout

    def questions(self):
        """A class, a place and objectness, as far as there are such; each with its contrast."""
        asked = [(f"class:#{self.best['class']}", self.contrast if len(self.manifest["labels"]) > 1 else "none")]
        if self.manifest["kind"] != "classifier":
            asked.append(("edge:right+" if "distances" in parts(self.manifest["output"]) else "offset:w+", "none"))
        if self.manifest["kind"] == "yolo" or "objectness" in parts(self.manifest["output"]):
            asked.append(("objectness", "none"))
        return asked

    def explain(self, target, contrast):
        """The map [H, W] and milliseconds."""
        npy = self.folder / "map.npy"
        asked = ["--box", self.best["default_box"], "--target", target, "--contrast", contrast, "--composite", COMPOSITE]
        made = self.run("explain", self.picture, *asked, "--npy", npy, "--json")
        return np.load(npy), made["explanations"][0]["ms"]

    def times(self):
        """Milliseconds, medians: the forward pass in ONNX Runtime, and a first explanation with its forward pass, of all questions."""
        explanations = [self.explain(*question)[1] for question in self.questions() for _ in range(3)]
        return {"forward_ms": forward_pass(inner(self.file, self.manifest), self.values), "explanation_ms": float(np.median(explanations))}

    def record(self, with_oracle):
        """What the table says of explanations."""
        maps = {target: (target, contrast, self.explain(target, contrast)[0]) for target, contrast in self.questions()}
        compiled, feed = self.compiled()
        of_class = next(iter(maps.values()))
        difference = compiled_difference(compiled, feed, self.manifest, self.best, of_class)
        record = {"explains": [target.split(":#")[0] for target in maps], "compiled": difference}
        if with_oracle:
            record |= against_oracle(self, maps, compiled, feed)
        return record

    def compiled(self):
        """The network that `compile` writes, and its inputs without relevance."""
        self.run("compile", "-o", self.folder / "explain.onnx", "--composite", COMPOSITE)
        compiled = onnx.load(self.folder / "explain.onnx")
        picture, *seeds = compiled.graph.input
        feed = {picture.name: self.values.astype(np.float32)}
        for seed in seeds:
            shape = [dim.dim_value for dim in seed.type.tensor_type.shape.dim]
            feed[seed.name] = np.zeros([1, *shape[1:]], np.float32)
        return compiled, feed


def forward_pass(model, values):
    """The milliseconds of a forward pass in ONNX Runtime on two threads, the median of five."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(model.SerializeToString(), options)
    feed = {session.get_inputs()[0].name: values.astype(np.float32)}
    times = []
    for _ in range(6):
        start = time.perf_counter()
        session.run(None, feed)
        times.append(1e3 * (time.perf_counter() - start))
    return float(np.median(times[1:]))


def tensors_of(compiled, feed, names):
    """Tensors that lie within the compiled network, as Python's onnxruntime computes them."""
    watched = onnx.ModelProto()
    watched.CopyFrom(compiled)
    watched.graph.output.extend(onnx.helper.make_tensor_value_info(name, 1, None) for name in names)
    return dict(zip(names, onnxruntime.InferenceSession(watched.SerializeToString()).run(names, feed)))


def compiled_difference(compiled, feed, manifest, best, of_class):
    """How far the class's map of the network that `compile` writes is from that of `explain`, of max|R|, in Python's onnxruntime.

    A class alone has z_k on its channel, and under the contrast `mean` the others have -z/(K - 1); where in the head that is `detect` says.
    """
    _, contrast, expected = of_class
    seeds = [name for name in feed if name.startswith("seed:")]
    logits, (row, column, shape) = best["logits"], best["cell"]
    background = manifest["output"].get("background", 0) if manifest["kind"] == "ssd" else None
    trained = np.array([float(label != "" or k == background) for k, label in enumerate(manifest["labels"])])
    weights = -trained / max(trained.sum() - 1, 1) * (contrast == "mean")
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
    return float(np.abs(relevance - expected).max() / np.abs(expected).max())


def against_oracle(trial, maps, compiled, feed):
    """The largest of the maps' errors, of max|R|, where the oracle takes a pooling's winners from the engine's float32; how many windows there are, and how many have another
    winner in float64; the largest error with these winners. Where the error is above `ERROR`, how far the oracle itself is from it in float32, too.
    """
    file = without_constants(trial)
    exact = Oracle(trial, file, np.float64)
    pools = [node for node in exact.network.nodes if node.op == "MaxPool"]
    rivals = tensors_of(compiled, feed, [node.inputs[0] for node in pools])
    windows = otherwise = 0
    for node in pools:
        won, rounded = (pooling_winners(Window.of(node), of[node.inputs[0]][0])[0] for of in (exact.tensors, rivals))
        windows += won[:, 0].size
        otherwise += int((won != rounded).any(axis=1).sum())
    questions = [(target, contrast) for target, contrast, _ in maps.values()]
    found = [each for _, _, each in maps.values()]
    expected = [exact.map(*question, rivals) for question in questions]
    record = {"error": largest_difference(found, expected), "windows": windows, "otherwise": otherwise}
    if otherwise:
        record["own_winners_error"] = largest_difference(found, [exact.map(*question, None) for question in questions])
    if record["error"] > ERROR:
        rounded = Oracle(trial, file, np.float32)
        record["rounding"] = largest_difference([rounded.map(*question, rivals) for question in questions], expected)
    return record


def largest_difference(found, expected):
    """Of the maps of all questions, of max|R| of each."""
    return max(float(np.abs(ours - theirs).max() / np.abs(theirs).max()) for ours, theirs in zip(found, expected))


class Oracle:
    """The file's inner part in arithmetic of one type, and the picture that went through it."""

    def __init__(self, trial, file, dtype):
        self.network = Network(file, dtype)
        self.tensors = self.network.forward(trial.values)
        self.types = layer_types(self.network, self.tensors)
        self.composite, self.manifest, self.box = Composite.parse(COMPOSITE), trial.manifest, trial.best["default_box"]

    def map(self, target, contrast, winners):
        """Relevance of the picture [H, W]; `winners` are the tensors whose largest numbers win in max pooling, the oracle's own if none."""
        kind, _, name = target.partition(":#")
        asked = f"class:{self.manifest['labels'][int(name)]}" if kind == "class" else target
        rules = self.composite.of_target(asked)
        seed = self._seed(asked, contrast, name)
        return propagate(self.network, self.tensors, self.types, rules, seed, rivals=winners).sum(axis=0)

    def _seed(self, asked, contrast, name):
        if self.manifest["kind"] != "classifier":
            return Outputs(self.network, self.tensors, self.manifest).seed(self.box, asked, contrast, "score")
        logits = self.tensors["class_logits"].reshape(-1)
        others = -1 / (len(logits) - 1) * (contrast == "mean")
        weights = [1.0 if k == int(name) else others for k in range(len(logits))]
        return [("class_logits", k, 0, 0, weight * logits[k]) for k, weight in enumerate(weights)]


def without_constants(trial):
    """A file of the inner part in which ONNX Runtime has computed what can be computed beforehand."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(trial.folder / "constant.onnx")
    onnxruntime.InferenceSession(inner(trial.file, trial.manifest).SerializeToString(), options)
    return trial.folder / "constant.onnx"
