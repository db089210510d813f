"""From a target in the user's words to a seed: relevance on the outputs of the head convolutions.

In: a default box, `class:NAME` or `offset:q±`, a contrast, a preset. Out: a list of (tensor, channel, row, column,
value). This is the only file of the oracle that knows of default boxes and classes.
"""

import numpy as np

from composite import head_convolutions


class Outputs:
    """An SSD's class scores and offsets, and where each number comes from in the heads.

    `labels` by class id, "" for an id that the model never trained; `offset_order` names the four offsets.
    """

    def __init__(self, network, tensors, labels, background, offset_order):
        self.labels, self.background, self.offset_order = labels, background, offset_order
        self.logits, self.offsets = tensors["class_logits"][0], tensors["box_offsets"][0]
        self.logit_origin = _origins(network, tensors, "class_logits")
        self.offset_origin = _origins(network, tensors, "box_offsets")

    def trained(self):
        """Class ids with a label, background included."""
        return [k for k, label in enumerate(self.labels) if label or k == self.background]

    def runner_up(self, box, k):
        """The best class but k and the background."""
        return max((c for c in self.trained() if c not in (k, self.background)), key=lambda c: self.logits[box, c])

    def seed(self, box, target, contrast, preset):
        """The seed of a target under a contrast; `preset` tells whether scores (crp) or ones (lrp-*) are put in."""
        kind, _, name = target.partition(":")
        if kind == "offset":
            if contrast != "none":
                raise ValueError("offsets have the contrast none here")
            return self._offset_seed(box, name, preset)
        k = self.labels.index(name)
        weights = {k: 1.0} | {other: -weight for other, weight in self._others(box, k, contrast).items()}
        value = (lambda c: 1.0) if preset.startswith("lrp-") else (lambda c: self.logits[box, c])
        return [(*self.logit_origin(box, c), float(weight * value(c))) for c, weight in weights.items()]

    def _others(self, box, k, contrast):
        if contrast == "none":
            return {}
        if contrast == "mean":
            others = [c for c in self.trained() if c != k]
            return {c: 1.0 / len(others) for c in others}
        if contrast == "runner-up":
            return {self.runner_up(box, k): 1.0}
        kind, _, name = contrast.partition(":")
        if kind == "class":
            return {self.labels.index(name): 1.0}
        raise ValueError(f"'{contrast}' is no contrast")

    def _offset_seed(self, box, name, preset):
        q = self.offset_order.index(name.rstrip("+-"))
        offset = self.offsets[box, q]
        predicted = 1.0 if offset >= 0 else -1.0
        direction = {"+": 1.0, "-": -1.0}.get(name[-1], predicted)
        # A plain preset has R = 1 on the output; x_i*w_iq/o_q then carries the sign of o_q, which is taken out again so
        # that positive relevance pushes the named way under every composite.
        value = direction * (predicted if preset.startswith("lrp-") else offset)
        return [(*self.offset_origin(box, q), float(value))]


def _origins(network, tensors, output):
    """A function (box, column) -> (tensor, channel, row, column) of the head that made this number.

    Instead of reasoning about the order of default boxes, numbers that say where they come from are sent through the
    reshapes and concatenations after the heads.
    """
    addresses, heads, start = {}, [], 0
    for conv in head_convolutions(network, output):
        shape = tensors[conv.outputs[0]].shape
        addresses[conv.outputs[0]] = np.arange(start, start + np.prod(shape)).reshape(shape)
        heads.append((start, conv.outputs[0], shape[1:]))
        start += int(np.prod(shape))
    for node in network.nodes:
        if node.inputs[0] in addresses:
            arguments = [addresses[name] if name in addresses else network.constants[name] for name in node.inputs]
            addresses[node.outputs[0]] = network.evaluate(node, arguments)
    table = addresses[output][0]

    def origin(box, column):
        address = int(table[box, column])
        begin, tensor, shape = max(head for head in heads if head[0] <= address)
        return (tensor, *(int(index) for index in np.unravel_index(address - begin, shape)))

    return origin
