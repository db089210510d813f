"""Exports a checkpoint of SSD-Tensorflow by way of tf2onnx: python export_ssd_tensorflow.py [--checkpoint PREFIX] [-o FILE.onnx]

In: a checkpoint of the network `ssd_300_vgg` (https://github.com/balancap/SSD-Tensorflow, the CRP paper's implementation), found by the names of its variables. Without one they
are random, seeded with 0 (--seed), and --save keeps them as a checkpoint. Out: the network as tf2onnx writes it, channels last, input `image` [1, 300, 300, 3], and as outputs the
raw scores [1, rows, columns, boxes, 21] and offsets [1, rows, columns, boxes, 4] of its six heads. With --whole the graph has around the network what the Object Detection API's exporter
puts there: pictures of 8 bits [1, rows, columns, 3] are resized and centred one by one in a loop, and from the heads on come scores, boxes and, in another loop, non-maximum
suppression. With --width the layers have that share of their channels. Needs tensorflow (or tensorflow-cpu) and tf2onnx.
"""

import argparse

import tensorflow as tf
import tf2onnx

tf1 = tf.compat.v1

CLASSES = 21
# Blocks that heads read, with their boxes per cell.
HEADS = {"block4": 4, "block7": 6, "block8": 6, "block9": 6, "block10": 4, "block11": 4}


class Builder:
    """Layers under the names of slim: a layer's variables are SCOPE/weights and SCOPE/biases."""

    def __init__(self, width, seed):
        self.share, self.seed = width, seed

    def variable(self, name, shape, deviation=0.0, mean=0.0):
        self.seed += 1
        start = tf1.random_normal_initializer(mean, deviation, seed=self.seed)
        return tf1.get_variable(name, shape, initializer=start)

    def conv(self, x, outputs, size, scope, stride=1, rate=1, padding="SAME", gain=2.0, activate=True):
        if activate:
            outputs = max(2, round(outputs * self.share))
        with tf1.variable_scope(scope):
            inputs = int(x.shape[-1])
            deviation = (gain / (inputs * size * size)) ** 0.5
            weights = self.variable("weights", [size, size, inputs, outputs], deviation)
            biases = self.variable("biases", [outputs], 0.1)
            x = tf.nn.conv2d(x, weights, stride, padding, dilations=rate)
            x = tf.nn.bias_add(x, biases)
            return tf.nn.relu(x) if activate else x

    def repeat(self, x, times, outputs, scope):
        with tf1.variable_scope(scope):
            for layer in range(1, times + 1):
                x = self.conv(x, outputs, 3, f"{scope}_{layer}")
        return x

    def head(self, x, boxes, normalise):
        gain = 1.0
        if normalise:
            with tf1.variable_scope("L2Normalization"):
                x = tf.nn.l2_normalize(x, -1, epsilon=1e-12)
                x = x * self.variable("gamma", [x.shape[-1]], mean=20.0)
                # What the norm scales up to 20 the weights scale down again.
                gain /= int(x.shape[-1])
        outputs = []
        for scope, columns in (("conv_loc", 4), ("conv_cls", CLASSES)):
            y = self.conv(x, boxes * columns, 3, scope, gain=gain, activate=False)
            outputs.append(tf.reshape(y, [*y.shape[:3], boxes, columns]))
        return outputs

    def network(self, x):
        """Raw offsets and class scores of each head."""
        taps = {}
        with tf1.variable_scope("ssd_300_vgg"):
            for block, (times, outputs) in enumerate(((2, 64), (2, 128), (3, 256), (3, 512), (3, 512)), 1):
                x = taps[f"block{block}"] = self.repeat(x, times, outputs, f"conv{block}")
                x = tf.nn.max_pool2d(x, 3 if block == 5 else 2, 1 if block == 5 else 2, "SAME")
            x = taps["block6"] = self.conv(x, 1024, 3, "conv6", rate=6)
            x = taps["block7"] = self.conv(x, 1024, 1, "conv7")
            for block, narrow, wide, stride in ((8, 256, 512, 2), (9, 128, 256, 2), (10, 128, 256, 1), (11, 128, 256, 1)):
                with tf1.variable_scope(f"block{block}"):
                    x = self.conv(x, narrow, 1, "conv1x1")
                    if stride == 2:
                        x = tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]])
                    x = taps[f"block{block}"] = self.conv(x, wide, 3, "conv3x3", stride=stride, padding="VALID")
            heads = []
            for block, boxes in HEADS.items():
                with tf1.variable_scope(f"{block}_box"):
                    heads.append(self.head(taps[block], boxes, block == "block4"))
        return heads


def preprocessed(pictures):
    """Each picture of a batch by itself, at the network's size and without the mean colour."""

    def one(picture):
        picture = tf1.image.resize_bilinear(picture[None], [300, 300])[0]
        return picture - [123.0, 117.0, 104.0]

    return tf.map_fn(one, tf.cast(pictures, tf.float32))


def detected(heads, boxes):
    """Scores, corners and the choice of non-maximum suppression, as the API's exporter has them; `boxes` are default boxes [D, 4] as cy, cx, h, w."""
    offsets, scores = (tf.concat([tf.reshape(h[i], [1, -1, h[i].shape[-1]]) for h in heads], 1) for i in (0, 1))
    scores = tf.nn.softmax(scores)
    centre = offsets[..., 1::-1] * 0.1 * boxes[:, 2:] + boxes[:, :2]
    size = tf.exp(offsets[..., 3:1:-1] * 0.2) * boxes[:, 2:]
    corners = tf.concat([centre - size / 2, centre + size / 2], 2)

    def one(picture):
        best = tf.reduce_max(picture[0][:, 1:], 1)
        kept = tf.image.non_max_suppression(picture[1], best, 100, 0.45, 0.0)
        return tf.gather(picture[1], kept)

    return scores, corners, tf.map_fn(one, (scores, corners), fn_output_signature=tf.float32)


def default_boxes(heads):
    """A square in the middle of each cell will do: what comes of them is cut off."""
    boxes = []
    for offsets, _ in heads:
        _, rows, columns, each, _ = offsets.shape
        for row in range(rows):
            for column in range(columns):
                boxes += [[(row + 0.5) / rows, (column + 0.5) / columns, 1 / rows, 1 / columns]] * each
    return tf.constant(boxes, tf.float32)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--checkpoint")
    parser.add_argument("--save")
    parser.add_argument("--whole", action="store_true")
    parser.add_argument("--width", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", default="ssd_300_vgg.onnx")
    arguments = parser.parse_args()
    with tf.Graph().as_default() as graph, tf1.Session() as session:
        if arguments.whole:
            image = tf1.placeholder(tf.uint8, [1, None, None, 3], "image_tensor")
            pictures = tf.ensure_shape(preprocessed(image), [1, 300, 300, 3])
        else:
            image = pictures = tf1.placeholder(tf.float32, [1, 300, 300, 3], "image")
        heads = Builder(arguments.width, arguments.seed).network(pictures)
        saver = tf1.train.Saver()
        if arguments.checkpoint:
            saver.restore(session, arguments.checkpoint)
        else:
            session.run(tf1.global_variables_initializer())
        if arguments.save:
            saver.save(session, arguments.save)
        if arguments.whole:
            outputs = zip(("scores", "boxes", "detection_boxes"), detected(heads, default_boxes(heads)))
            names = [tf.identity(output, name).op.name for name, output in outputs]
        else:
            names = [tf.identity(output, f"{block}_{what}").op.name
                     for what, kind in (("scores", 1), ("offsets", 0)) for block, output in zip(HEADS, (h[kind] for h in heads))]  # fmt: skip
        frozen = tf1.graph_util.convert_variables_to_constants(session, graph.as_graph_def(), names)
    tf2onnx.convert.from_graph_def(
        frozen,
        input_names=[image.name],
        output_names=[f"{name}:0" for name in names],
        opset=17,
        output_path=arguments.output,
    )
    print(arguments.output)


if __name__ == "__main__":
    main()
