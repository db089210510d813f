"""The detector as a PyTorch module, made from its ONNX file.

In: the file and the name of the tensor to compute. Out: a module that runs the nodes which that tensor needs, one submodule a
node, so that zennit and pytorch-grad-cam can hook each. Biases stay in the convolutions (the file has no batch norm left).
`check` refuses a module whose forward pass differs from ONNX Runtime's.
"""

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn
from zennit.layer import Sum

import subject

LIMIT = 1e-4


class Converted(nn.Module):
    """Runs the nodes in the file's order. Submodules are named as the nodes, with '-' for '/'."""

    def __init__(self, target):
        super().__init__()
        graph = onnx.load(subject.MODEL).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        self.target, self.input = target, graph.input[0].name
        self.steps, needed, made = [], {target}, {}
        for node in reversed(graph.node):
            if needed.isdisjoint(node.output):
                continue
            inputs = [name for name in node.input if name not in constants]
            needed.update(inputs)
            name = node.output[0].replace("/", "-")
            self.steps.insert(0, (name, inputs, node.output[0]))
            made[name] = module(node, constants)
        # In the file's order: the first convolution is the one that reads the picture.
        for name in reversed(made):
            self.add_module(name, made[name])
        # A tensor is let go after its last reader.
        self.last = {name: i for i, (_, inputs, _) in enumerate(self.steps) for name in inputs}

    def forward(self, x):
        tensors = {self.input: x}
        for i, (name, inputs, output) in enumerate(self.steps):
            tensors[output] = self.get_submodule(name)(*[tensors[name] for name in inputs])
            for read in inputs:
                if self.last[read] == i:
                    tensors.pop(read, None)
        return tensors[self.target]


class Convolution(nn.Conv2d):
    """A convolution whose pads may differ by side; it pads by itself, after zennit has changed its input."""

    def __init__(self, attributes, weight, bias):
        groups = attributes.get("group", 1)
        top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
        even = top == bottom and left == right
        super().__init__(
            weight.shape[1] * groups,
            weight.shape[0],
            tuple(weight.shape[2:]),
            stride=tuple(attributes.get("strides", [1, 1])),
            dilation=tuple(attributes.get("dilations", [1, 1])),
            groups=groups,
            padding=(top, left) if even else 0,
        )
        self.weight.data, self.bias.data = torch.tensor(weight), torch.tensor(bias)
        self.pads = None if even else (left, right, top, bottom)

    def forward(self, x):
        return super().forward(x if self.pads is None else nn.functional.pad(x, self.pads))


class Addition(nn.Module):
    """A residual addition, by the module that zennit's rules for sums hook."""

    def __init__(self):
        super().__init__()
        self.sum = Sum()

    def forward(self, x, y):
        return self.sum(torch.stack([x, y], dim=-1))


class PlainAddition(nn.Module):
    """A residual addition without the stacked copy that zennit's module wants."""

    def forward(self, x, y):
        return x + y


class Permuted(nn.Module):
    def __init__(self, order):
        super().__init__()
        self.order = order

    def forward(self, x):
        return x.permute(self.order)


class Reshaped(nn.Module):
    """A reshape to [N, boxes, channels]."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(x.shape[0], *self.shape[1:])


class Joined(nn.Module):
    def __init__(self, axis):
        super().__init__()
        self.axis = axis

    def forward(self, *parts):
        return torch.cat(parts, dim=self.axis)


def module(node, constants):
    """The submodule for one node. An operator or a constant that is not among these is an error."""
    attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    given = [constants.get(name) for name in node.input]
    if node.op_type == "Conv" and len(given) == 3:
        return Convolution(attributes, given[1], given[2])
    if node.op_type == "Clip" and (float(given[1]), float(given[2])) == (0.0, 6.0):
        return nn.ReLU6()
    if node.op_type == "Add" and given == [None, None]:
        return Addition()
    if node.op_type == "Transpose":
        return Permuted(tuple(attributes["perm"]))
    if node.op_type == "Reshape":
        return Reshaped([int(n) for n in given[1]])
    if node.op_type == "Concat":
        return Joined(attributes["axis"])
    raise SystemExit(f"{node.name}: {node.op_type} with these constants is not converted")


def without_copies(converted):
    """The same module with additions that copy nothing, for methods that do not hook them."""
    for name, child in list(converted.named_children()):
        if isinstance(child, Addition):
            converted.add_module(name, PlainAddition())
    return converted.eval()


def check():
    """Compares all class logits with ONNX Runtime's and returns the largest difference; stops if it exceeds the limit."""
    x = subject.picture()
    expected = subject.session(subject.MODEL, 1).run(["class_logits"], {"image": x})[0]
    with torch.inference_mode():
        found = Converted("class_logits").eval()(torch.tensor(x)).numpy()
        plain = without_copies(Converted("class_logits"))(torch.tensor(x)).numpy()
    difference = max(float(np.abs(found - expected).max()), float(np.abs(plain - expected).max()))
    if not difference <= LIMIT:
        raise SystemExit(f"the converted model's logits differ from ONNX Runtime's by {difference:.1e}: nothing is timed")
    return difference
