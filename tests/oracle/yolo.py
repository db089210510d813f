"""A YOLO as a network of the kind that the rest of the oracle reads.

In: a model whose heads are one convolution each, with t_x, t_y, t_w, t_h, objectness and class scores for every anchor in turn. Out: the model with three
convolutions in place of each, and with the outputs `class_logits` [1, D, K], `box_offsets` [1, D, 4] and `objectness` [1, D, 1].
"""

import numpy as np
import onnx
from onnx import helper, numpy_helper

OUTPUTS = {"class_logits": ("classes", slice(5, None)), "box_offsets": ("offsets", slice(0, 4)),
           "objectness": ("objectness", slice(4, 5))}  # fmt: skip


def as_detector(model, heads, class_count):
    """A copy of `model`; `heads` are the convolutions' outputs in the order of the default boxes."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    del graph.output[:]
    for output, (what, columns) in OUTPUTS.items():
        rows = []
        for head in heads:
            conv = next(node for node in graph.node if head in node.output)
            if conv.op_type != "Conv":
                raise ValueError(f"{head} is no convolution's")
            part = onnx.NodeProto.FromString(conv.SerializeToString())
            part.name = f"{head}:{what}"
            part.output[:] = [part.name]
            for index in range(1, len(conv.input)):
                whole = constants[conv.input[index]]
                # One row of channels an anchor.
                kept = whole.reshape(-1, 5 + class_count, *whole.shape[1:])[:, columns]
                part.input[index] = f"{part.name}.{index}"
                values = np.ascontiguousarray(kept.reshape(-1, *whole.shape[1:]))
                graph.initializer.append(numpy_helper.from_array(values, part.input[index]))
            width = len(range(5 + class_count)[columns])
            sizes = numpy_helper.from_array(np.array([1, -1, width], np.int64), f"{part.name}.sizes")
            graph.initializer.append(sizes)
            last = helper.make_node("Transpose", [part.name], [f"{part.name}.last"], perm=[0, 2, 3, 1])
            flat = helper.make_node("Reshape", [f"{part.name}.last", sizes.name], [f"{part.name}.flat"])
            graph.node.extend([part, last, flat])
            rows.append(f"{part.name}.flat")
        graph.node.append(helper.make_node("Concat", rows, [output], axis=1))
        graph.output.append(helper.make_tensor_value_info(output, onnx.TensorProto.FLOAT, None))
    return model
