"""TensorFlow.js's importer on a small graph: what it finds in it, and what is refused, by name."""

import json
import struct
import unittest

import numpy as np
from small import convolved, normal, run

import import_tfjs
import tfjs_surroundings
from ssd_layers import ImportFailed, multiscale_boxes
from tfjs_graph import TensorFlowGraph

SIZE, BOXES = 8, (4 * 4 + 2 * 2) * 1


def attributes(**named):
    made = {}
    for key, value in named.items():
        if isinstance(value, str):
            made[key] = {"s": list(value.encode())}
        elif isinstance(value, list):
            made[key] = {"list": {"i": [str(number) for number in value]}}
        else:
            made[key] = {"i": str(value)} if isinstance(value, int) and not isinstance(value, bool) else {"b": value}
    return made


class Small:
    """A graph of two heads on maps of 4x4 and 2x2 cells with one square a cell."""

    def __init__(self):
        self.nodes, self.constants = [], {}
        self.node("picture", "Placeholder")
        self.node("resize", "ResizeBilinear", "picture", self.constant("size", np.array([SIZE, SIZE], np.int32)), align_corners=False)
        self.node("mul", "Mul", "resize", self.constant("factor", np.float32(2 / 255)))
        self.node("sub", "Sub", "mul", self.constant("one", np.float32(1)))
        self.convolution("root/fine", "sub", normal(2, 2, 3, 4), 2)
        self.node("root/fine/Relu6", "Relu6", "root/fine")
        self.convolution("root/coarse", "root/fine/Relu6", normal(1, 1, 4, 4), 2)
        # Nearest neighbours, as the Object Detection API writes them.
        self.node("root/up/stack", "Pack", "root/coarse", "root/coarse", axis=3)
        self.node("root/up/stack_1", "Pack", "root/up/stack", "root/up/stack", axis=2)
        self.node("root/up/Reshape", "Reshape", "root/up/stack_1", self.constant("up_shape", np.array([1, 4, 4, 4], np.int32)))
        self.node("root/add", "AddV2", "root/up/Reshape", "root/fine/Relu6")
        for output, values in (("classes", 3), ("boxes", 4)):
            for level, source in enumerate(("root/add", "root/coarse")):
                name = f"root/{output}{level}"
                self.convolution(name, source, normal(1, 1, 4, values), 1)
                self.node(f"{name}/Reshape", "Reshape", name, self.constant(f"{name}/shape", np.array([1, -1, values], np.int32)))
            parts = [f"root/{output}{level}/Reshape" for level in range(2)]
            self.node(output, "ConcatV2", *parts, self.constant("axis", np.int32(1)))
        self.node("scores", "Sigmoid", "classes")
        self.default_boxes = multiscale_boxes({"min_level": 1, "anchor_scale": 4.0, "aspect_ratios": [1.0], "scales_per_octave": 1}, [4, 2], SIZE)
        self.decoder()

    def decoder(self):
        """cy, cx, h, w with variances 0.1 and 0.2."""
        corners = self.default_boxes.astype(np.float32)
        side, centre = corners[:, 2:] - corners[:, :2], (corners[:, 2:] + corners[:, :2]) / 2
        self.node("flat", "Reshape", "boxes", self.constant("flat_shape", np.array([-1, 4], np.int32)))
        self.node("turned", "Transpose", "flat", self.constant("order", np.array([1, 0], np.int32)))
        self.node("parts", "Unpack", "turned", axis=0)
        edges = {}
        for axis, name in enumerate("yx"):
            part = f"parts:{axis}" if axis else "parts"
            self.node(f"{name}/move", "Mul", part, self.constant(f"{name}/step", side[:, axis] * np.float32(0.1)))
            self.node(f"{name}/centre", "AddV2", f"{name}/move", self.constant(f"{name}/at", centre[:, axis].copy()))
            self.node(f"{name}/share", "Mul", f"parts:{axis + 2}", self.constant(f"{name}/fifth", np.float32(0.2)))
            self.node(f"{name}/growth", "Exp", f"{name}/share")
            self.node(f"{name}/half", "Mul", f"{name}/growth", self.constant(f"{name}/side", side[:, axis] / 2))
            edges[axis] = self.node(f"{name}/low", "Sub", f"{name}/centre", f"{name}/half")
            edges[axis + 2] = self.node(f"{name}/high", "AddV2", f"{name}/centre", f"{name}/half")
        self.node("stacked", "Pack", *(edges[index] for index in range(4)), axis=0)
        self.node("decoded", "Transpose", "stacked", "order")

    def constant(self, name, values):
        if name not in self.constants:
            self.constants[name] = np.asarray(values)
            self.nodes.append({"name": name, "op": "Const"})
        return name

    def node(self, name, op, *inputs, **named):
        self.nodes.append({"name": name, "op": op, "input": list(inputs), "attr": attributes(**named)})
        return name

    def convolution(self, name, source, weights, stride):
        self.node(name, "Conv2D", source, self.constant(f"{name}/weights", weights.astype(np.float32)), strides=[1, stride, stride, 1], padding="SAME")

    def graph(self):
        kinds = {"float32": "f", "int32": "i"}
        entries = [{"name": name, "shape": list(values.shape), "dtype": str(values.dtype)} for name, values in self.constants.items()]
        data = b"".join(struct.pack(f"<{values.size}{kinds[str(values.dtype)]}", *values.reshape(-1).tolist()) for values in self.constants.values())
        model = {"modelTopology": {"node": self.nodes}, "weightsManifest": [{"paths": ["shard"], "weights": entries}]}
        return TensorFlowGraph({"model.json": json.dumps(model).encode(), "shard": data})

    def layers(self):
        graph = self.graph()
        ends, kind = tfjs_surroundings.find_ends(graph)
        start = tfjs_surroundings.find_start(graph, ends)
        return graph, ends, kind, start, *import_tfjs.build_layers(graph, start, SIZE, ends)


class Found(unittest.TestCase):
    def test_the_network_within_the_graph(self):
        graph, ends, kind, start, _, outputs = Small().layers()
        self.assertEqual((ends, kind, start), ({"classes": "class_logits", "boxes": "box_offsets"}, "sigmoid", "sub"))
        self.assertEqual([head.boxes for head in outputs["class_logits"]], [16, 4])
        size, resize, factor, summand = tfjs_surroundings.preparation(graph, start)
        self.assertEqual((size, resize), (SIZE, "bilinear-legacy"))
        np.testing.assert_allclose([*(-summand / factor), *(1 / factor)], [127.5] * 6, rtol=1e-6)

    def test_the_decoder_s_default_boxes_order_and_variances(self):
        small = Small()
        graph, ends, _, start, *_ = small.layers()
        stored, order, variances = tfjs_surroundings.decoding(graph, start, SIZE, ends, BOXES, 3)
        np.testing.assert_allclose(stored, small.default_boxes, atol=1e-6)
        self.assertEqual(order, ["cy", "cx", "h", "w"])
        np.testing.assert_allclose(variances, [0.1, 0.2], rtol=1e-5)
        lines = tfjs_surroundings.generator(stored, [4, 2], [1, 1], SIZE, 1e-4)
        self.assertEqual(lines, ['generator = "anchors"', "sizes = [[[8.0, 8.0]], [[16.0, 16.0]]]"])

    def test_the_network_computes_the_same(self):
        small = Small()
        *_, layers, outputs = small.layers()
        picture = normal(1, 3, SIZE, SIZE)
        classes, _ = run(import_tfjs.write_onnx(layers, outputs, SIZE, "small"), picture)
        weights = {name: small.constants[f"root/{name}/weights"].transpose(3, 2, 0, 1) for name in ("fine", "coarse", "classes0", "classes1")}
        fine = np.clip(convolved(picture, weights["fine"])[:, :, ::2, ::2], 0, 6)
        coarse = convolved(fine, weights["coarse"])[:, :, ::2, ::2]
        joined = fine + coarse.repeat(2, axis=2).repeat(2, axis=3)
        maps = [convolved(joined, weights["classes0"]), convolved(coarse, weights["classes1"])]
        expected = np.concatenate([found.transpose(0, 2, 3, 1).reshape(1, -1, 3) for found in maps], axis=1)
        np.testing.assert_allclose(classes, expected, atol=1e-4)


class RefusedByName(unittest.TestCase):
    def test_an_operator_within_the_network(self):
        small = Small()
        node = next(node for node in small.nodes if node["op"] == "Relu6")
        node["op"] = "Elu"
        with self.assertRaisesRegex(ImportFailed, "node root/fine/Relu6: cannot import operator Elu"):
            small.layers()

    def test_a_graph_without_scores(self):
        small = Small()
        small.nodes = [node for node in small.nodes if node["op"] != "Sigmoid"]
        with self.assertRaisesRegex(ImportFailed, "found 0 and 2"):
            small.layers()


if __name__ == "__main__":
    unittest.main()
