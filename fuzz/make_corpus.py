"""Writes the seeds of corpus/model that no exporter at hand writes: forms that ONNX allows and that are read in a way of their own.

    ~/.cache/ssdcrp/oracle/bin/python fuzz/make_corpus.py     (the oracle's Python: make oracle)
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parent / "corpus" / "model"
RANDOM = np.random.default_rng(0)


def weight(name, *dims):
    return numpy_helper.from_array(RANDOM.normal(size=dims).astype(np.float32), name)


def floats(name, *dims):
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)


def net(nodes, constants, inputs=None, sparse=(), functions=(), opset=13):
    """A picture of 6x8, a last convolution of 4 classes."""
    nodes = [*nodes, helper.make_node("Conv", ["last", "w9"], ["y"], name="head", kernel_shape=[1, 1])]
    graph = helper.make_graph(
        nodes, "net", inputs or [floats("x", 1, 3, 6, 8)], [floats("y", 1, 4, 6, 8)],
        [*constants, weight("w9", 4, 3, 1, 1)], sparse_initializer=list(sparse))
    sets = [helper.make_opsetid("", opset), *([helper.make_opsetid("own", 1)] if functions else [])]
    return helper.make_model(graph, opset_imports=sets, functions=list(functions), ir_version=8)


def unsorted():
    return net([helper.make_node("Relu", ["a"], ["last"]), helper.make_node("Conv", ["x", "w"], ["a"], pads=[1] * 4)],
               [weight("w", 3, 3, 3, 3)])


def sparse():
    values = numpy_helper.from_array(np.array([1, -2, 3], np.float32), "w")
    places = numpy_helper.from_array(np.array([0, 5, 8], np.int64), "w_places")
    return net([helper.make_node("Conv", ["x", "w"], ["last"], kernel_shape=[1, 1])], [],
               sparse=[helper.make_sparse_tensor(values, places, [3, 3, 1, 1])])


def functions():
    inner = helper.make_function("own", "Leaky", ["a"], ["b"], [helper.make_node("LeakyRelu", ["a"], ["b"], alpha=0.1)],
                                 [helper.make_opsetid("", 13)])
    outer = helper.make_function("own", "Twice", ["a"], ["c"], [
        helper.make_node("Leaky", ["a"], ["b"], domain="own"), helper.make_node("Leaky", ["b"], ["c"], domain="own")],
        [helper.make_opsetid("", 13), helper.make_opsetid("own", 1)])
    return net([helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[1, 1]),
                helper.make_node("Twice", ["a"], ["last"], domain="own")], [weight("w", 3, 3, 1, 1)],
               functions=[inner, outer])


def branches(condition):
    def branch(operator):
        return helper.make_graph([helper.make_node(operator, ["a"], ["b"])], operator, [], [floats("b", 1, 3, 6, 8)])
    given = [helper.make_tensor_value_info("c", TensorProto.BOOL, [])] if condition is None else []
    constants = [] if condition is None else [numpy_helper.from_array(np.array(condition), "c")]
    return net([helper.make_node("Conv", ["x", "w"], ["a"], kernel_shape=[1, 1]),
                helper.make_node("If", ["c"], ["last"], then_branch=branch("Relu"), else_branch=branch("Sigmoid"))],
               [weight("w", 3, 3, 1, 1), *constants], inputs=[floats("x", 1, 3, 6, 8), *given])


def whole_numbers():
    return net([helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2]),
                helper.make_node("Cast", ["t"], ["last"], to=TensorProto.FLOAT)], [],
               inputs=[helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 6, 8, 3])])


def made_of_constants():
    return net([helper.make_node("Expand", ["one", "size"], ["much"]), helper.make_node("Mul", ["x", "much"], ["last"])],
               [weight("one", 1), numpy_helper.from_array(np.array([1, 3, 6, 8]), "size")])


def training():
    return net([helper.make_node("BatchNormalization", ["x", "s", "s", "s", "s"], ["last", "m", "v"], training_mode=1)],
               [weight("s", 3)], opset=15)


SEEDS = {
    "unsorted": unsorted(), "sparse": sparse(), "functions": functions(), "branch": branches(True),
    "branch_unknown": branches(None), "whole_numbers": whole_numbers(), "made_of_constants": made_of_constants(),
    "training": training(),
}

if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, model in SEEDS.items():
        onnx.save(model, FOLDER / f"{name}.onnx")
