"""The part of a file that relevance passes: from the picture to the raw outputs, under the oracle's names.

In: an ONNX file and its manifest. Out: a model whose outputs are `class_logits` [1, D, K], `box_offsets` [1, D, 4] or distances, and `objectness` [1, D, 1], as far as
there are such.
"""

import numpy as np
import onnx

from joined import take_apart
from yolo import as_detector


def inner(file, manifest):
    """That part, with nothing changed in it but what heads of one convolution are taken apart into."""
    model, output = take_apart(onnx.load(file), manifest["output"], len(manifest["labels"]))
    graph = model.graph
    taken = picture_input(model)
    picture = manifest["input"].get("tensor", taken.name)
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
    size = input_size(model, manifest)
    info = onnx.helper.make_tensor_value_info(picture, 1, [1, 3, size[1], size[0]])
    constants = [tensor for tensor in graph.initializer if tensor.name in wanted]
    kept += joined(raw, {name for node in kept if node.op_type == "Conv" for name in node.output}, constants, manifest)
    outputs = [name for name, tensors in raw.items() if tensors] or heads
    infos = [onnx.helper.make_tensor_value_info(name, 1, None) for name in outputs]
    part = onnx.helper.make_graph(kept, "inner", [info], infos, constants)
    model = onnx.helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    return as_detector(model, heads, len(manifest["labels"])) if heads else model


def picture_input(model):
    """The graph's input that is no weight with a value of its own."""
    weights = {tensor.name for tensor in model.graph.initializer}
    return next(value for value in model.graph.input if value.name not in weights)


def input_size(model, manifest):
    """Width and height of the network's input."""
    if "size" in manifest["input"]:
        return tuple(manifest["input"]["size"])
    dims = [dim.dim_value for dim in picture_input(model).type.tensor_type.shape.dim]
    # The picture's three colours come first or last.
    return (dims[-2], dims[-3]) if dims[-1] == 3 else (dims[-1], dims[-2])


def names(value):
    """A list of one or more."""
    return [value] if isinstance(value, str) else value


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
