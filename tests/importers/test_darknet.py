"""Darknet's importer on small networks: groups, parts, gates and activations; and what is refused, by name."""

import tomllib
import unittest

import numpy as np
from small import convolved, normal, run

import import_darknet

HEAD = """
[convolutional]
filters=14
size=1
activation=linear
[yolo]
mask=0,1
anchors=4,5, 8,9
classes=2
num=2
"""
NET = "[net]\nwidth=8\nheight=8\n[convolutional]\nfilters=4\nsize=1\nactivation=linear\n"
PICTURE = normal(1, 3, 8, 8)


def imported(layers, head=HEAD):
    net, found = import_darknet.sections(NET + layers + head)
    builder = import_darknet.Builder(net, import_darknet.Random(0), 1.0, None)
    for kind, options in found:
        builder.layer(kind, options)
    return builder


def inner(layers):
    """What layers make of the first convolution's output: that, the layers' output, and the constants."""
    builder = imported(layers)
    last = builder.layers[-3]
    builder.heads = [builder.layers[0], last]
    constants = {tensor.name: import_darknet.numpy_helper.to_array(tensor) for tensor in builder.constants}
    before, after = run(builder.model("small"), PICTURE)
    return before, after, constants


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


class Layers(unittest.TestCase):
    def test_groups(self):
        before, after, constants = inner("[convolutional]\nfilters=6\nsize=3\ngroups=2\nactivation=linear\n")
        weight, bias = (constants[f"001_convolutional.{key}"] for key in ("weight", "bias"))
        self.assertEqual(weight.shape, (6, 2, 3, 3))
        np.testing.assert_allclose(after, convolved(before, weight, 2) + bias.reshape(1, 6, 1, 1), atol=1e-5)

    def test_a_part_of_a_route(self):
        before, after, _ = inner("[route]\nlayers=-1\ngroups=2\ngroup_id=1\n[dropout]\nprobability=.2\n")
        np.testing.assert_array_equal(after, before[:, 2:])

    def test_squeeze_and_excite(self):
        layers = "[avgpool]\n[convolutional]\nfilters=4\nsize=1\nactivation=logistic\n[scale_channels]\nfrom=-3\n"
        before, after, constants = inner(layers)
        weight, bias = (constants[f"002_convolutional.{key}"] for key in ("weight", "bias"))
        squeezed = convolved(before.mean(axis=(2, 3), keepdims=True), weight) + bias.reshape(1, 4, 1, 1)
        np.testing.assert_allclose(after, before * sigmoid(squeezed), atol=1e-6)

    def test_activations(self):
        expected = {
            "mish": lambda x: x * np.tanh(np.log1p(np.exp(x))),
            "swish": lambda x: x * sigmoid(x),
            "relu6": lambda x: np.clip(x, 0, 6),
            "leaky": lambda x: np.where(x > 0, x, 0.1 * x),
            "logistic": sigmoid,
        }
        for name, function in expected.items():
            with self.subTest(name):
                before, after, _ = inner(f"[shortcut]\nfrom=-1\nactivation={name}\n")
                np.testing.assert_allclose(after, function(2 * before), atol=1e-6)

    def test_scale_x_y_stands_in_the_manifest_where_it_is_not_1(self):
        self.assertNotIn("scale_x_y", imported("").manifest("small", None))
        manifest = tomllib.loads(imported("", HEAD + "scale_x_y=1.05\n").manifest("small", None))
        self.assertEqual(manifest["output"]["scale_x_y"], [1.05])

    def test_new_coords_are_squares_of_a_sigmoid_that_the_convolution_takes(self):
        head = HEAD.replace("linear", "logistic") + "scale_x_y=2.0\nnew_coords=1\n"
        builder = imported("", head)
        output = tomllib.loads(builder.manifest("small", None))["output"]
        self.assertEqual(output["size_decode"], "squared-sigmoid")
        self.assertEqual((output["scale_x_y"], output["heads"]), ([2.0], ["001_convolutional"]))
        self.assertNotIn("size_decode", imported("").manifest("small", None))
        # The head is the convolution's own output, before the sigmoid.
        constants = {tensor.name: import_darknet.numpy_helper.to_array(tensor) for tensor in builder.constants}
        builder.heads.insert(0, builder.layers[0])
        before, raw = run(builder.model("small"), PICTURE)
        weight, bias = (constants[f"001_convolutional.{key}"] for key in ("weight", "bias"))
        np.testing.assert_allclose(raw, convolved(before, weight) + bias.reshape(1, 14, 1, 1), atol=1e-5)

    def test_a_key_that_is_said_twice_counts_the_first_time(self):
        before, after, _ = inner("[route]\nlayers=-1\ngroups=2\ngroup_id=1\ngroup_id=0\n")
        np.testing.assert_array_equal(after, before[:, 2:])


class RefusedByName(unittest.TestCase):
    def test_words(self):
        for layers, message in (
            ("[sam]\nfrom=-1\n", r"layer 1 is \[sam\], which is not known"),
            ("[dropout]\nsharpen=1\n", r"layer 1: the key 'sharpen' of \[dropout\] is not known"),
            ("[maxpool]\nsize=2\nantialiasing=1\n", "layer 1: antialiasing = 1 is not known: only antialiasing = 0 is"),
            ("[convolutional]\nfilters=4\nactivation=selu\n", "001_convolutional has the activation selu, which is not known"),
            ("[convolutional]\nfilters=4\nbatch_normalize=2\n", "batch_normalize = 2 is not known: only 0 and 1 are"),
            ("[convolutional]\nfilters=4\ngroups=3\n", "3 groups do not divide 4 channels"),
            ("[route]\nlayers=-7\n", "layers names '-7', which is no layer before it"),
            ("[shortcut]\n", "001_shortcut: from names '', which is no layer before it"),
            ("[maxpool]\nstride=2\n[shortcut]\nfrom=-2\n", r"what it adds is \[4, 8, 8\], not \[4, 4, 4\]"),
            ("[dropout]\nnonsense\n", "line 9 is 'nonsense'"),
        ):
            with self.subTest(layers), self.assertRaisesRegex(SystemExit, message):
                imported(layers)
        with self.assertRaisesRegex(SystemExit, "new_coords = 1 is known behind a convolution with activation=logistic alone"):
            imported("", HEAD + "new_coords=1\n")
        squared = HEAD.replace("linear", "logistic") + "new_coords=1\n"
        with self.assertRaisesRegex(SystemExit, "some heads have new_coords = 1, others have not"):
            imported(squared, HEAD)
        with self.assertRaisesRegex(SystemExit, "14 channels are not 2 anchors of 3 classes"):
            imported("", HEAD.replace("classes=2", "classes=3"))


if __name__ == "__main__":
    unittest.main()
