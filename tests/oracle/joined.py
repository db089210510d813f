"""Heads of one convolution each without anchors, NanoDet's and PicoDet's, as convolutions of their own.

In: a model and its manifest's `[output]` with `heads` and `channels`. Out: the model with a convolution `HEAD:PART` besides for each part of a head's channels, and
what `[output]` says of these as if each were named by itself.
"""

import numpy as np
import onnx
from onnx import numpy_helper


def parts(output):
    """The names of what the heads give: `classes`, `distances` and so on, whether they are tensors of their own or channels of one."""
    return {*output, *output.get("channels", [])}


def take_apart(model, output, class_count):
    """The model and `[output]` anew; as they are where no channels are named."""
    if "channels" not in output:
        return model, output
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants |= {node.output[0]: numpy_helper.to_array(node.attribute[0].t) for node in graph.node if node.op_type == "Constant"}
    widths = {"classes": class_count, "offsets": 4, "distances": 4 * output.get("bins", 1), "objectness": 1}
    named = {key: value for key, value in output.items() if key not in ("heads", "channels")} | {part: [] for part in output["channels"]}
    for head in output["heads"]:
        place = next(index for index, node in enumerate(graph.node) if head in node.output)
        first = 0
        for part in output["channels"]:
            node = onnx.NodeProto.FromString(graph.node[place].SerializeToString())
            node.name = f"{head}:{part}"
            node.output[:] = [node.name]
            for index in range(1, len(node.input)):
                kept = np.ascontiguousarray(constants[node.input[index]][first : first + widths[part]])
                node.input[index] = f"{node.name}.{index}"
                graph.initializer.append(numpy_helper.from_array(kept, node.input[index]))
            graph.node.append(node)
            named[part].append(node.name)
            first += widths[part]
        whole = constants[graph.node[place].input[1]].shape[0]
        if first != whole:
            raise ValueError(f"{head} has {whole} channels, its parts {first}")
    return model, named
