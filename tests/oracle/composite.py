"""Composites: which rule each type of layer has, and the types of a network's layers.

In: a preset's name or `classification=R,localization=R,high=R,low=R,pixels=R,add=A`, which may name `localization-high` and `pool`
too; a network. Out: a rule for every convolution. The four layer types are those of Tsunakawa et al. 2019.
"""

from dataclasses import dataclass, replace

import numpy as np

import operators
from flow import NUMBER_BY_NUMBER, is_linear, reached
from rules import AlphaBeta, Spread, Unit, parse_rule

LAYER_TYPES = ("classification", "localization", "high", "low", "pixels")

PRESETS = {
    "lrp-simple": "classification=simple,localization=simple,high=simple,low=simple,pixels=simple,add=prop",
    "lrp-epsilon": "classification=epsilon:1e-6,localization=epsilon:1e-6,high=epsilon:1e-6,low=epsilon:1e-6,"
    "pixels=epsilon:1e-6,add=prop",
    "lrp-alpha1beta0": "classification=zplus,localization=zplus,high=zplus,low=zplus,pixels=w2,add=abs",
    "lrp-alpha2beta1": "classification=alphabeta:2,1,localization=alphabeta:2,1,high=alphabeta:2,1,low=alphabeta:2,1,"
    "pixels=w2,add=abs",
    "lrp-epsilon-plus-flat": "classification=zplus,localization=zplus,high=zplus,low=zplus,pixels=flat,add=prop,dense=epsilon:1e-6",
    "crp": "classification=simple,localization=simple,high=rescale:0.75,localization-high=rescale:1.2,low=abs,pixels=w2,add=abs",
    "crp-features": "classification=simple,localization=simple,high=rescale:0.75,localization-high=rescale:1.2,low=spread,"
    "pixels=spread,add=abs",
    "crp-epsilon": "classification=simple,localization=simple,high=epsilon:0.1std,low=abs,pixels=w2,add=abs",
}


@dataclass(frozen=True)
class Composite:
    """`rules` by layer type, the rule of the high-level layers for offsets, and the names of the rules for residual additions
    (`prop`, `abs` or `half`) and for max pooling (`winner` or `uniform`); `dense` is the rule of fully connected layers, where
    it is not that of their type."""

    rules: dict
    localization_high: object
    add: str
    pool: str = "winner"
    dense: object = None

    @staticmethod
    def parse(text, seed="score"):
        """A composite from a preset's name or from the grammar, in which every part but `localization-high`, `pool` and `dense`
        must be named.

        With the seed `unit` the heads' last convolutions have the rule `Unit`, whatever the text says.
        """
        parts = {}
        for piece in PRESETS.get(text, text).split(","):
            key, equals, value = piece.partition("=")
            if equals:
                parts[key] = value
            else:
                # A comma inside a rule's arguments: the piece belongs to the part before it.
                parts[list(parts)[-1]] += f",{piece}"
        offsets = parts.pop("localization-high", parts.get("high"))
        pool, dense = parts.pop("pool", "winner"), parts.pop("dense", None)
        if sorted(parts) != sorted((*LAYER_TYPES, "add")):
            raise ValueError(f"'{text}' must name {', '.join(LAYER_TYPES)} and add, each once")
        if parts["add"] not in ("prop", "abs", "half"):
            raise ValueError(f"add={parts['add']}: prop, abs or half is expected")
        if pool not in ("winner", "uniform"):
            raise ValueError(f"pool={pool}: winner or uniform is expected")
        rules = {kind: parse_rule(parts[kind]) for kind in LAYER_TYPES}
        above = [rules[kind] for kind in ("classification", "localization", "high")] + [parse_rule(offsets)]
        if Spread() in above or rules["low"] == Spread() != rules["pixels"]:
            raise ValueError(f"'{text}': spread is a rule of low and pixels together or of pixels alone")
        if seed == "unit":
            rules |= {"classification": Unit(), "localization": Unit()}
        return Composite(rules, parse_rule(offsets), parts["add"], pool, dense and parse_rule(dense))

    def rule(self, node, types):
        """The rule of a layer."""
        return self.dense if self.dense and node.op in ("Gemm", "MatMul") else self.rules[types[node.name]]

    def of_target(self, target, contrast="none"):
        """The composite for a target such as `class:sheep`, `offset:w+` or `edge:left`, and its contrast."""
        if contrast == "clrp2":
            # What the weights hand on, less what they would hand on with the other sign.
            return replace(self, rules=self.rules | {"classification": AlphaBeta(1, 1)})
        if target.startswith("class:") or target == "objectness":
            return self
        return replace(self, rules=self.rules | {"high": self.localization_high})


def head_convolutions(network, output):
    """The last convolutions before an output, found by walking back over operators that only move numbers."""
    found, waiting = [], [output]
    while waiting:
        tensor = waiting.pop(0)
        node = network.producer(tensor)
        if node is None:
            raise ValueError(f"'{tensor}' is reached from the output {output} without a convolution")
        if is_linear(network, node):
            found.append(node)
        elif node.op == "Concat":
            waiting.extend(node.inputs)
        elif node.op in ("Reshape", "Transpose", "Identity", "Squeeze"):
            waiting.append(node.inputs[0])
        else:
            raise ValueError(f"{node.name}: {node.op} stands between the output {output} and its convolutions")
    return found


def layer_types(network, tensors, classes="class_logits", offsets="box_offsets", objectness="objectness"):
    """The type of every convolution, by node name.

    The boundary between high and low is the resolution of the finest tapped feature map. A head's convolution may sit
    behind a depthwise one, which keeps that resolution, so the head's own input tells it.
    """
    types = {node.name: "classification" for node in head_convolutions(network, classes)}
    if objectness in network.outputs:
        types |= {node.name: "classification" for node in head_convolutions(network, objectness)}
    if offsets in network.outputs:
        types |= {node.name: "localization" for node in head_convolutions(network, offsets)}

    def cells(tensor):
        # A fully connected layer has one.
        return int(np.prod(tensors[tensor].shape[2:]))

    boundary = max(cells(node.inputs[0]) for node in network.nodes if node.name in types)
    if len(types) == 1:
        # A classifier: from stride 16 on.
        boundary = max(boundary, int(np.prod([-(-size // 16) for size in tensors[network.input].shape[2:]])))
    passed = reached(network, [node.outputs[0] for node in network.nodes if node.name in types])
    for node in network.nodes:
        if is_linear(network, node) and node.name in passed and node.name not in types:
            if reads_the_picture(network, node):
                types[node.name] = "pixels"
            else:
                types[node.name] = "high" if cells(node.outputs[0]) <= boundary else "low"
    return types


def reads_the_picture(network, node):
    """Whether nothing stands between the network's input and this node but what moves numbers, or normalises each by itself."""
    waiting = [node.inputs[0]]
    while waiting:
        tensor = waiting.pop()
        producer = network.producer(tensor)
        if tensor == network.input or tensor in network.constants:
            continue
        if producer is None:
            return False
        computed = [name for name in producer.inputs if name and name not in network.constants]
        normalises = producer.op in (*NUMBER_BY_NUMBER, "Mul", "Div") and len(computed) == 1
        if not normalises and producer.op not in ("Identity", *operators.MOVING):
            return False
        waiting += computed if normalises or producer.op == "Concat" else producer.inputs[:1]
    return True
