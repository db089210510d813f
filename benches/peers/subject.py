"""What every peer explains: the built-in detector, one picture, and the same default boxes for class person.

Out: paths, the picture as the network takes it [1, 3, 300, 300], the rows' default boxes, and sessions of ONNX Runtime with
the options that src/runtime.rs sets. Decoding and pictures are the oracle's.
"""

import sys
import tomllib
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tests" / "oracle"))

from pictures import network_input  # noqa: E402  (lies in the oracle's folder)

MODEL = ROOT / "models" / "ssdlite_mobilenet_v2_coco.onnx"
MANIFEST = tomllib.loads(MODEL.with_suffix(".toml").read_text())
PICTURE = ROOT / "tests" / "golden" / "ssdlite" / "person.png"
PERSON = 1

# Box 271 and those after it belong to the finest head (19x19 cells of 3 boxes), 1457 to the second (10x10 of 6).
FINEST, SECOND = [271], [1457]
EIGHT = list(range(271, 279))


def picture():
    """The picture as the network takes it, float32 [1, 3, 300, 300]."""
    pixels = np.asarray(Image.open(PICTURE).convert("RGB"))
    given = MANIFEST["input"]
    return network_input(pixels, given["mean"], given["std"]).astype(np.float32)


def session(model, threads):
    """A session as src/runtime.rs makes it: all optimisations, no plan of memory, no thread that waits by spinning."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def batched_model():
    """The detector's bytes, for any number of pictures: the batch of input, outputs and reshapes is left open."""
    model = onnx.load(MODEL)
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = "N"
    del model.graph.value_info[:]
    shapes = {node.input[1] for node in model.graph.node if node.op_type == "Reshape"}
    for constant in model.graph.initializer:
        if constant.name in shapes:
            # 0 copies the input's batch.
            shape = onnx.numpy_helper.to_array(constant).copy()
            shape[0] = 0
            constant.CopyFrom(onnx.numpy_helper.from_array(shape, constant.name))
    return model.SerializeToString()
