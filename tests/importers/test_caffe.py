"""Caffe's importer on small networks: pooling as Caffe counts it, default boxes in its order, and what is refused, by name."""

import math
import tomllib
import unittest

import numpy as np
from small import caffemodel, convolved, normal, run

import import_caffe
from caffe_files import Refused, parse, read_weights

# An SSD of one head on a map of 12x12 cells with three boxes each, and a place for a layer before the head.
NET = """
name: "small"  # a comment
input: "data"
input_shape { dim: 1 dim: 3 dim: 12 dim: 12 }
layer { name: "conv" type: "Convolution" bottom: "data" top: "conv" convolution_param { num_output: 4 kernel_size: 1 } }
%s
layer { name: "loc" type: "Convolution" bottom: "%s" top: "loc" convolution_param { num_output: 12 kernel_size: 1 } }
layer { name: "conf" type: "Convolution" bottom: "%s" top: "conf" convolution_param { num_output: 6 kernel_size: 1 } }
layer { name: "loc_perm" type: "Permute" bottom: "loc" top: "loc_perm" permute_param { order: 0 order: 2 order: 3 order: 1 } }
layer { name: "conf_perm" type: "Permute" bottom: "conf" top: "conf_perm" permute_param { order: [0, 2, 3, 1] } }
layer { name: "loc_flat" type: "Flatten" bottom: "loc_perm" top: "loc_flat" flatten_param { axis: 1 } }
layer { name: "conf_flat" type: "Flatten" bottom: "conf_perm" top: "conf_flat" flatten_param { axis: 1 } }
layer {
  name: "prior" type: "PriorBox" bottom: "%s" bottom: "data" top: "prior"
  prior_box_param { min_size: 3 aspect_ratio: 2 clip: false variance: 0.1 variance: 0.1 variance: 0.2 variance: 0.2 }
}
layer { name: "rows" type: "Reshape" bottom: "conf_flat" top: "rows" reshape_param { shape { dim: 0 dim: -1 dim: 2 } } }
layer { name: "scores" type: "Softmax" bottom: "rows" top: "scores" softmax_param { axis: 2 } }
layer { name: "scores_flat" type: "Flatten" bottom: "scores" top: "scores_flat" }
layer {
  name: "out" type: "DetectionOutput" bottom: "loc_flat" bottom: "scores_flat" bottom: "prior" top: "out" include { phase: TEST }
  detection_output_param { num_classes: 2 share_location: true background_label_id: 0 nms_param { nms_threshold: 0.4 top_k: 50 } code_type: CENTER_SIZE keep_top_k: 20 }
}
layer { name: "loss" type: "MultiBoxLoss" bottom: "loc_flat" top: "loss" include { phase: TRAIN } }
"""
WEIGHTS = {"conv": [normal(4, 3, 1, 1), normal(4)], "loc": [normal(12, 4, 1, 1), normal(12)], "conf": [normal(6, 4, 1, 1), normal(6)]}
PICTURE = normal(1, 3, 12, 12)


def imported(between="", head="conv", weights=None, change=("", "")):
    text = (NET % (between, head, head, head)).replace(*change)
    return import_caffe.Import(parse(text), read_weights(caffemodel(WEIGHTS | (weights or {}))), None)


def layer(kind, parameters, name="x", bottom="conv"):
    return f'layer {{ name: "{name}" type: "{kind}" bottom: "{bottom}" top: "{name}" {parameters} }}'


def inner(between, weights=None, head="x"):
    """What a layer between the first convolution and the head makes of the first one's output; both."""
    net = imported(between, head, weights)
    net.outputs = {name: net.network.shapes[name] for name in ("conv", head)}
    return run(net.model("small"), PICTURE)


def pooled(values, kernel, stride, pad, mean):
    """Caffe's pooling, window by window: rounded up, none that begins beyond the padding, a mean over padding but not beyond it."""
    _, channels, *size = values.shape
    counts = [math.ceil((side + 2 * pad - kernel) / stride) + 1 for side in size]
    counts = [count - (pad > 0 and (count - 1) * stride >= side + pad) for count, side in zip(counts, size)]
    found = np.zeros([1, channels, *counts])
    for y in range(counts[0]):
        for x in range(counts[1]):
            starts = [y * stride - pad, x * stride - pad]
            ends = [min(start + kernel, side + pad) for start, side in zip(starts, size)]
            area = math.prod(end - start for start, end in zip(starts, ends))
            rows, columns = (slice(max(0, start), min(end, side)) for start, end, side in zip(starts, ends, size))
            window = values[0, :, rows, columns]
            found[0, :, y, x] = window.sum(axis=(1, 2)) / area if mean else window.max(axis=(1, 2))
    return found


class Layers(unittest.TestCase):
    def test_pooling_counts_windows_as_caffe_does(self):
        for kernel, stride, pad in ((2, 2, 0), (3, 2, 0), (3, 2, 1), (3, 1, 1), (5, 3, 2), (3, 3, 1), (5, 4, 0)):
            for kind in ("MAX", "AVE"):
                with self.subTest(kernel=kernel, stride=stride, pad=pad, kind=kind):
                    parameters = f"pooling_param {{ pool: {kind} kernel_size: {kernel} stride: {stride} pad: {pad} }}"
                    before, after = inner(layer("Pooling", parameters))
                    np.testing.assert_allclose(after, pooled(before, kernel, stride, pad, kind == "AVE"), atol=1e-6)

    def test_a_window_beyond_the_map_is_refused(self):
        with self.assertRaisesRegex(Refused, r"layer 'x' \(Pooling\): some of its windows lie outside"):
            imported(layer("Pooling", "pooling_param { kernel_size: 2 stride: 12 }"), "x")

    def test_groups(self):
        weight = normal(4, 2, 3, 3)
        parameters = "convolution_param { num_output: 4 group: 2 kernel_size: 3 bias_term: false }"
        before, after = inner(layer("Convolution", parameters), {"x": [weight]})
        np.testing.assert_allclose(after, convolved(before, weight, 2), atol=1e-5)

    def test_a_batch_normalisation_takes_the_scale_behind_it(self):
        mean, variance, count, factor, bias = normal(4), normal(4) ** 2, np.array([2.0]), normal(4), normal(4)
        between = layer("BatchNorm", "batch_norm_param { eps: 0.01 }") + 'layer { name: "s" type: "Scale" bottom: "x" top: "x" scale_param { bias_term: true } }'
        net = imported(between, "x", {"x": [mean, variance, count], "s": [factor, bias]})
        self.assertEqual([node.op_type for node in net.model("small").graph.node][:2], ["Conv", "BatchNormalization"])
        net.outputs = {name: net.network.shapes[name] for name in ("conv", "x")}
        before, after = run(net.model("small"), PICTURE)
        mean, variance, factor, bias = (values.reshape(1, 4, 1, 1) for values in (mean / 2, variance / 2, factor, bias))
        np.testing.assert_allclose(after, (before - mean) / np.sqrt(variance + 0.01) * factor + bias, atol=1e-5)

    def test_a_batch_normalisation_that_others_read_keeps_its_own_scale(self):
        scales = layer("BatchNorm", "") + layer("Scale", "", "s", "x") + 'layer { name: "e" type: "Eltwise" bottom: "x" bottom: "s" top: "e" }'
        statistics, factor = [np.zeros(4), np.ones(4), np.ones(1)], normal(4)
        before, after = inner(scales, {"x": statistics, "s": [factor]}, "e")
        np.testing.assert_allclose(after, before * (1 + factor.reshape(1, 4, 1, 1)), atol=1e-4)

    def test_sums_with_factors_and_norms(self):
        double = 'layer { name: "x" type: "Eltwise" bottom: "conv" bottom: "conv" top: "x" eltwise_param { coeff: 3 coeff: -1 } }'
        before, after = inner(double)
        np.testing.assert_allclose(after, 2 * before, atol=1e-6)
        factor = normal(4)
        before, after = inner(layer("Normalize", "norm_param { across_spatial: false channel_shared: false }"), {"x": [factor]})
        expected = before / np.sqrt((before**2).sum(axis=1, keepdims=True)) * factor.reshape(1, 4, 1, 1)
        np.testing.assert_allclose(after, expected, atol=1e-6)


class Detection(unittest.TestCase):
    def test_outputs_are_logits_and_offsets_cell_by_cell(self):
        net = imported()
        classes, offsets = run(net.model("small"), PICTURE)
        net.outputs = {name: net.network.shapes[name] for name in ("conf", "loc")}
        conf, loc = run(net.model("small"), PICTURE)
        np.testing.assert_array_equal(classes, conf.transpose(0, 2, 3, 1).reshape(1, 432, 2))
        np.testing.assert_array_equal(offsets, loc.transpose(0, 2, 3, 1).reshape(1, 432, 4))

    def test_the_manifest_says_what_prior_box_and_detection_output_say(self):
        manifest = tomllib.loads(imported().manifest("small", ["cat"], None, None))
        self.assertEqual(manifest["labels"], ["background", "cat"])
        output, boxes = manifest["output"], manifest["default_boxes"]
        self.assertEqual((output["activation"], output["background"], output["variances"]), ("softmax", 0, [0.1, 0.2]))
        self.assertEqual(boxes, {"generator": "prior-box", "sizes": [[3]], "aspect_ratios": [[2]], "steps": [1], "offset": 0.5, "clip": False})
        self.assertEqual((manifest["detection"]["iou_threshold"], manifest["detection"]["max_detections"]), (0.4, 20))

    def test_default_boxes_stand_in_caffe_s_order(self):
        prior = import_caffe.Prior("p", [1, 1], [4.0], [9.0], [2.0, 3.0], True, [8.0, 8.0], 0.5, [])
        shapes = [(4, 4), (6, 6), *(pair for r in (2, 3) for pair in ((4 * r**0.5, 4 / r**0.5), (4 / r**0.5, 4 * r**0.5)))]
        np.testing.assert_allclose(prior.shapes(), shapes)
        prior.flip = False
        np.testing.assert_allclose(prior.shapes(), [shapes[0], shapes[1], shapes[2], shapes[4]])

    def test_boxes_that_prior_box_s_words_do_not_do_for_are_written_one_by_one(self):
        change = ("min_size: 3 aspect_ratio: 2", "min_size: 3 min_size: 5 aspect_ratio: 2 flip: false")
        weights = {"loc": [normal(16, 4, 1, 1), normal(16)], "conf": [normal(8, 4, 1, 1), normal(8)]}
        text = (NET % ("", "conv", "conv", "conv")).replace(*change).replace("num_output: 12", "num_output: 16").replace("num_output: 6", "num_output: 8")
        net = import_caffe.Import(parse(text), read_weights(caffemodel(WEIGHTS | weights)), None)
        boxes = tomllib.loads(net.manifest("small", None, None, None))["default_boxes"]
        self.assertEqual(boxes["generator"], "anchors")
        root = math.sqrt(2)
        np.testing.assert_allclose(boxes["sizes"], [[[3, 3], [3 * root, 3 / root], [5, 5], [5 * root, 5 / root]]], rtol=1e-6)


class Pictures(unittest.TestCase):
    INPUT = 'input: "data"\ninput_shape { dim: 1 dim: 3 dim: 12 dim: 12 }'

    def test_a_data_layer_says_size_mean_and_scale(self):
        data = """layer { name: "data" type: "AnnotatedData" top: "data" include { phase: TEST } data_param { batch_size: 8 }
            transform_param { scale: 0.5 mean_value: 104 mean_value: 117 mean_value: 123 resize_param { height: 12 width: 12 resize_mode: WARP } } }"""
        manifest = tomllib.loads(imported(change=(self.INPUT, data)).manifest("small", None, None, None))
        self.assertEqual((manifest["input"]["mean"], manifest["input"]["std"]), ([104, 117, 123], [2, 2, 2]))

    def test_an_input_layer_does_as_well(self):
        data = 'layer { name: "data" type: "Input" top: "data" input_param { shape: { dim: 1 dim: 3 dim: 12 dim: 12 } } }'
        self.assertEqual(imported(change=(self.INPUT, data)).image.shape, [1, 3, 12, 12])

    def test_a_grey_picture_is_made_of_a_coloured_one(self):
        weight = normal(4, 1, 1, 1)
        net = imported(weights={"conv": [weight, np.zeros(4)]}, change=("dim: 3 dim: 12", "dim: 1 dim: 12"))
        net.outputs = {"conv": net.network.shapes["conv"]}
        grey = (PICTURE * np.reshape(import_caffe.GREY, (1, 3, 1, 1))).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(run(net.model("small"), PICTURE)[0], convolved(grey, weight), atol=1e-6)


class RefusedByName(unittest.TestCase):
    def check(self, message, *arguments, **named):
        with self.assertRaisesRegex(Refused, message):
            imported(*arguments, **named)

    def test_layers_and_parameters(self):
        self.check("layer 'x' \\(LRN\\): layers of the type LRN are not known", layer("LRN", ""), "x")
        self.check("the parameter convolution_param.sharpen is not known", change=("num_output: 4", "num_output: 4 sharpen: 2"))
        self.check("the parameter blur_param is not known", change=("convolution_param { num_output: 4", "blur_param { a: 1 } convolution_param { num_output: 4"))
        self.check("layer 'prior' \\(PriorBox\\): clip = true is not known", change=("clip: false", "clip: true"))
        self.check("code_type = CORNER is not known", change=("code_type: CENTER_SIZE", ""))
        self.check("pool = STOCHASTIC is not known", layer("Pooling", "pooling_param { pool: STOCHASTIC kernel_size: 2 }"), "x")
        self.check("the field surprise is not known", change=('name: "small"', 'name: "small" surprise: 1'))

    def test_weights_that_are_missing_or_of_another_layer(self):
        self.check("layer 'x' \\(PReLU\\): the caffemodel has no slopes for it", layer("PReLU", ""), "x")
        self.check("layer 'x' \\(PReLU\\): its slopes are \\[3\\], expected \\[4\\]", layer("PReLU", ""), "x", {"x": [normal(3)]})
        with self.assertRaisesRegex(Refused, "cut off"):
            read_weights(caffemodel(WEIGHTS)[:-3])

    def test_text_that_is_none(self):
        for text, message in (("layer {", "line 1: expected a field or }"), ("a:", "found the end"), ("name: $", "no text of protobuf")):
            with self.assertRaisesRegex(Refused, message):
                parse(text)


if __name__ == "__main__":
    unittest.main()
