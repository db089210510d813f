"""From a target in the user's words to a seed: relevance on the outputs of the head convolutions.

In: a default box, `class:NAME`, `offset:q±`, `edge:SIDE±` or `objectness`, a contrast, a kind of seed. Out: a list of (tensor,
channel, row, column, value). Apart from `default_boxes.py` this is the only file of the oracle that knows of default
boxes and classes.
"""

import numpy as np

from composite import head_convolutions
from default_boxes import decoded, decoded_bounded, decoded_distances, decoded_in_cell, default_box, expectation
from joined import parts

SIDES = ("left", "top", "right", "bottom")


class Outputs:
    """A detector's scores and offsets or distances, and where each number comes from in the heads; `manifest` is the model's."""

    def __init__(self, network, tensors, manifest):
        output = manifest["output"]
        self.is_yolo = manifest["kind"] == "yolo"
        is_free = manifest["kind"] == "anchor-free"
        # Of distances each may be the mean of a distribution over so many bins.
        self.has_distances = "distances" in parts(output)
        self.bins, self.is_bounded = output.get("bins", 1), output.get("coding") == "bounded"
        has_none = self.is_yolo or is_free or output["background"] == "none"
        self.labels, self.background = manifest["labels"], None if has_none else output["background"]
        self.offset_order = output.get("offset_order", ["cx", "cy", "w", "h"])
        self.variances = (1.0, 1.0) if is_free else output.get("variances", [0.1, 0.2])
        self.scales, self.size_decode = output.get("scale_x_y"), output.get("size_decode", "exponential")
        self.activation, self.generator = output["activation"], manifest["default_boxes"]
        self.logits, self.offsets = tensors["class_logits"][0], tensors["box_offsets"][0]
        self.logit_origin = _origins(network, tensors, "class_logits")
        self.offset_origin = _origins(network, tensors, "box_offsets")
        if "objectness" in network.outputs:
            self.objectness_origin = _origins(network, tensors, "objectness")
            self.objectness = tensors["objectness"][0, :, 0]
        self.size = tensors[network.input].shape[2:]
        self.grids = {
            conv.outputs[0]: tensors[conv.outputs[0]].shape[2:] for conv in head_convolutions(network, "box_offsets")
        }

    def trained(self):
        """Class ids with a label, background included."""
        return [k for k, label in enumerate(self.labels) if label or k == self.background]

    def runner_up(self, box, k):
        """The best class but k and the background."""
        return max((c for c in self.trained() if c not in (k, self.background)), key=lambda c: self.logits[box, c])

    def probabilities(self, box):
        """The scores p of all classes, by the model's own kind of output."""
        z = self.logits[box]
        if self.activation == "sigmoid":
            return 1 / (1 + np.exp(-z))
        return np.exp(z - z.max()) / np.exp(z - z.max()).sum()

    def seed(self, box, target, contrast, kind):
        """The seed of a target under a contrast.

        `kind` is what is put in: `score` (the output's own value), `one`, or `unit`, which goes with the rule `Unit` in
        the head's last convolution.
        """
        what, _, name = target.partition(":")
        if what == "objectness":
            value = self.objectness if kind == "score" else np.ones(len(self.objectness))
            weights = self._boxes(box, contrast).items()
            return [(*self.objectness_origin(which, 0), float(weight * value[which])) for which, weight in weights]
        if what == "offset":
            return self._offset_seed(box, name, contrast, kind)
        if what == "edge":
            if contrast != "none":
                raise ValueError(f"an edge has no contrast, found '{contrast}'")
            return self._edge_seed(box, name, kind)
        k = self.labels.index(name)
        if contrast == "sglrp":
            # Iwana et al. 2019: the gradient of the class's softmax by each logit, background included.
            trained = self.trained()
            z = self.logits[box, trained]
            y = dict(zip(trained, np.exp(z - z.max()) / np.exp(z - z.max()).sum()))
            weights = {k: y[k] * (1 - y[k])} | {c: -y[c] * y[k] for c in trained if c != k}
            return [(*self.logit_origin(box, c), float(weight)) for c, weight in weights.items()]
        weights = {k: 1.0} | {other: -weight for other, weight in self._others(box, k, contrast).items()}
        value = (lambda c: self.logits[box, c]) if kind == "score" else (lambda c: 1.0)
        return [(*self.logit_origin(box, c), float(weight * value(c))) for c, weight in weights.items()]

    def _others(self, box, k, contrast):
        # CLRP2 (Gu et al. 2018) contrasts in the rule of the last layer.
        if contrast in ("none", "clrp2"):
            return {}
        # CLRP1 starts with the same number, evenly spread over the others: it goes with the seed `one`.
        if contrast in ("mean", "clrp1"):
            others = [c for c in self.trained() if c != k]
            return {c: 1.0 / len(others) for c in others}
        if contrast == "softmax":
            p = self.probabilities(box)
            others = [c for c in self.trained() if c not in (k, self.background)]
            return {c: p[c] / sum(p[other] for other in others) for c in others}
        if contrast == "runner-up":
            return {self.runner_up(box, k): 1.0}
        kind, _, name = contrast.partition(":")
        if kind == "class":
            return {self.labels.index(name): 1.0}
        raise ValueError(f"'{contrast}' is no contrast")

    def _offset_seed(self, box, name, contrast, kind):
        if self.has_distances:
            return self._distance_seed(box, name, kind)
        q = self.offset_order.index(name.rstrip("+-"))
        direction = {"+": 1.0, "-": -1.0}.get(name[-1], _sign(self.offsets[box, q]))
        def start(which):
            # A plain preset has R = 1 on the output; x_i*w_iq/o_q then carries the sign of o_q, which is taken out
            # again so that positive relevance pushes the named way under every composite.
            offset = self.offsets[which, q]
            return {"score": offset, "one": _sign(offset), "unit": 1.0}[kind]

        return [
            (*self.offset_origin(which, q), float(direction * weight * start(which)))
            for which, weight in self._boxes(box, contrast).items()
        ]

    def _boxes(self, box, contrast):
        """The weights of a cell's boxes under the contrast of what is asked of one of them."""
        others = [other for other in self.cell(box) if other != box]
        if contrast not in ("none", "mean"):
            raise ValueError(f"'{contrast}' is no contrast of a box")
        return {box: 1.0} | ({other: -1.0 / len(others) for other in others} if contrast == "mean" else {})

    def _distance_seed(self, box, name, kind):
        """The seed of an edge, or of centre or size, on distances or on the logits of their bins."""
        place, raw = self.default_box(box), self.offsets[box]

        def measured(raw):
            sides = raw.reshape(4, self.bins)
            x0, y0, x1, y1 = edges = decoded_distances(place, [side[0] if self.bins == 1 else expectation(side) for side in sides])
            measures = dict(zip(SIDES, edges)) | {"cx": (x0 + x1) / 2, "cy": (y0 + y1) / 2, "w": x1 - x0, "h": y1 - y0}
            return measures[name.rstrip("+-")]

        # The complex step, as for edges of offsets.
        step, slopes = 1e-30, {}
        for column in range(len(raw)):
            changed = raw.astype(complex)
            changed[column] += 1j * step
            slopes[column] = np.imag(measured(changed)) / step
        # From where all distances are 0.
        start = {"left": place[0], "right": place[0], "top": place[1], "bottom": place[1], "cx": place[0], "cy": place[1]}
        direction = {"+": 1.0, "-": -1.0}.get(name[-1], _sign(measured(raw) - start.get(name.rstrip("+-"), 0.0)))
        parts = {column: slope if kind == "unit" else slope * raw[column] for column, slope in slopes.items() if slope}
        whole = 1.0 if kind == "score" else sum(abs(part) for part in parts.values())
        return [(*self.offset_origin(box, column), float(direction * part / whole)) for column, part in parts.items()]

    def _edge_seed(self, box, name, kind):
        if self.has_distances:
            return self._distance_seed(box, name, kind)
        side = SIDES.index(name.rstrip("+-"))
        place, order = self.default_box(box), self.offset_order
        offsets = {order[q]: self.offsets[box, q] for q in range(4)}

        tensor = self.offset_origin(box, 0)[0]
        rows, columns = self.grids[tensor]
        scale = self.scales[list(self.grids).index(tensor)] if self.scales else 1.0

        def edge(values):
            if self.is_yolo:
                return decoded_in_cell(place, (1 / columns, 1 / rows), scale, self.size_decode, values)[side]
            if self.is_bounded:
                return decoded_bounded(place, values)[side]
            return decoded(place, values, self.variances)[side]

        # The complex step: exact to the last digit, and it knows nothing of the formula that it differentiates.
        step = 1e-30
        slopes = {q: np.imag(edge(offsets | {q: value + 1j * step})) / step for q, value in offsets.items()}
        moved = edge(offsets) - edge(dict.fromkeys(offsets, 0.0))
        direction = {"+": 1.0, "-": -1.0}.get(name[-1], _sign(moved))
        parts = {q: slope if kind == "unit" else slope * offsets[q] for q, slope in slopes.items() if slope}
        whole = 1.0 if kind == "score" else sum(abs(part) for part in parts.values())
        return [
            (*self.offset_origin(box, order.index(q)), float(direction * part / whole)) for q, part in parts.items()
        ]

    def cell(self, box):
        """The default boxes of the same cell of the same head."""

        def place(which):
            tensor, _, row, column = self.offset_origin(which, 0)
            return tensor, row, column

        return [other for other in range(len(self.offsets)) if place(other) == place(box)]

    def default_box(self, box):
        """Centre and size cx, cy, w, h of a default box, in shares of the picture."""
        tensor, _, row, column = self.offset_origin(box, 0)
        head = list(self.grids).index(tensor)
        index, cell = self.cell(box).index(box), (row, column)
        return default_box(self.generator, head, len(self.grids), self.grids[tensor], cell, index, self.size)


def _sign(value):
    return 1.0 if value >= 0 else -1.0


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
