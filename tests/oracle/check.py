"""Checks of the oracle itself: python check.py [../golden]

The oracle is compared with what shares no code with it: ONNX Runtime for the forward pass, scalar
loops that restate the rules for a layer, finite differences for whole networks, sums for conservation. Last, the stored
values of the small nets are computed anew. Stops at the first check that fails; prints what was measured.
"""

import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from PIL import Image

from composite import Composite, layer_types
from flow import explained
from golden_ssdlite import MODEL
from network import Network
from pictures import network_input
from relevance import convolution, max_pooling, pooling_winners, propagate, uniform_pooling
from rules import Unit, parse_rule
from small_nets import ALL, Builder, FEATURE_RULES, rules, signed_features
from spread import centres, spread, spread_tensors, weights
from unfold import Window


def main(golden):
    check_forward(golden)
    check_rules_by_loops()
    check_ties(golden)
    check_gradient_times_input()
    check_rescale()
    check_conservation()
    check_uniform_pooling()
    check_spread(golden)
    check_spread_and_flat_conserve(golden)
    check_golden(golden)


def require(condition, message):
    print(("ok    " if condition else "FAILS ") + message)
    if not condition:
        raise SystemExit(1)


def check_forward(golden):
    """The forward pass against ONNX Runtime, which computes in float32."""
    nets = [golden / "small" / f"{make.__name__}.onnx" for make in ALL]
    pictures = [np.load(path.with_suffix(".input.npy")) for path in nets]
    photo = np.asarray(Image.open(golden / "ssdlite" / "person.png"))
    for message, limit, pairs in (
        (f"forward pass of {len(nets)} small nets", 2e-6, zip(nets, pictures)),
        ("forward pass of the default model", 2e-5, [(MODEL.with_suffix(".onnx"), network_input(photo, 127.5, 127.5))]),
    ):
        worst = max(forward_error(path, picture.astype(np.float32)) for path, picture in pairs)
        require(worst < limit, f"{message} against ONNX Runtime: {worst:.1e} of the largest output")


def forward_error(path, picture):
    """Largest difference of an output to ONNX Runtime's, relative to the largest output."""
    session = onnxruntime.InferenceSession(str(path))
    network = Network(path)
    tensors = network.forward(picture)
    values = session.run(network.outputs, {network.input: network.taken(picture)})
    pairs = [(tensors[output], value) for output, value in zip(network.outputs, values)]
    return max(np.abs(found - value).max() / np.abs(value).max() for found, value in pairs)


def check_rules_by_loops():
    """Every rule on one layer against loops over single products, with strides, dilation, groups and uneven pads."""
    random = np.random.default_rng(0)
    x = random.normal(size=(4, 6, 7))
    # A channel of zeros: products that vanish, denominators that may.
    x[1] = 0
    weight, bias = random.normal(size=(6, 2, 3, 2)), random.normal(size=6)
    window = Window(kernel=(3, 2), strides=(2, 1), dilations=(1, 2), pads=(1, 0, 2, 1))
    z = np.zeros((6, *window.output_size(6, 7)))
    inputs = {}
    for o, row, column in np.ndindex(z.shape):
        taps = []
        for i, ky, kx in np.ndindex(2, 3, 2):
            y, xx = row * 2 - 1 + ky, column + kx * 2
            if 0 <= y < 6 and 0 <= xx < 7:
                taps.append(((o // 3 * 2 + i, y, xx), weight[o, i, ky, kx]))
        inputs[o, row, column] = taps
        z[o, row, column] = sum(x[source] * w for source, w in taps) + bias[o]
    arriving = random.normal(size=z.shape)
    worst = 0.0
    with_shares = [text for text in FEATURE_RULES if not text.startswith("rescale")]
    for text in (*with_shares, "zb:-4,4", "unit"):
        expected = np.zeros_like(x)
        for j, taps in inputs.items():
            for (source, _), share in zip(taps, scalar_shares(text, [(x[s], w) for s, w in taps], bias[j[0]], z.std())):
                expected[source] += share * arriving[j]
        rule = Unit() if text == "unit" else parse_rule(text)
        found = convolution(rule, x, weight, bias, window, 2, z.std(), arriving)
        worst = max(worst, np.abs(found - expected).max() / np.abs(expected).max())
    require(worst < 1e-12, f"every rule with shares against loops over single products: {worst:.1e} of max|R|")


def scalar_shares(text, taps, bias, deviation):
    """A rule's shares for one output, from its inputs (x_i, w_ij), restated number by number."""
    name, _, argument = text.partition(":")

    def away(value, by=1e-9):
        return value + by if value >= 0 else value - by

    products = [x * w for x, w in taps]
    z = sum(products) + bias
    if name in ("simple", "epsilon"):
        epsilon = 1e-9
        if argument:
            epsilon = float(argument[:-3]) * deviation if argument.endswith("std") else float(argument)
        return [p / away(z, epsilon) for p in products]
    if name == "abs":
        return [abs(p) / (sum(abs(q) for q in products) + 1e-9) for p in products]
    if name == "unit":
        return [p / (sum(abs(q) for q in products) + 1e-9) for p in products]
    if name == "w2":
        return [w * w / (sum(v * v for _, v in taps) + 1e-9) for _, w in taps]
    if name == "flat":
        return [1 / len(taps) for _ in taps]
    if name == "gamma":
        parts = [p + (float(argument) * p if (p > 0) == (z >= 0) else 0) for p in products]
        return [part / away(sum(parts)) for part in parts]
    if name == "zb":
        low, high = (float(number) for number in argument.split(","))
        parts = [x * w - (low if w > 0 else high) * w for x, w in taps]
        return [part / away(sum(parts)) for part in parts]
    alpha, beta = (1.0, 0.0) if name == "zplus" else (float(number) for number in argument.split(","))
    positive = sum(p for p in products if p > 0) + 1e-9
    negative = sum(p for p in products if p < 0) - 1e-9
    return [alpha * p / positive if p > 0 else -beta * p / negative for p in products]


def check_ties(golden):
    """Max pooling shares among ties by hand, and the golden nets really have ties and clipped values."""
    x = np.array([[[6.0, 6.0, 1.0], [0.0, 6.0, 2.0], [3.0, 3.0, 2.0]]])
    window = Window(kernel=(2, 2), strides=(1, 1), dilations=(1, 1), pads=(0, 0, 0, 0))
    found = max_pooling(pooling_winners(window, x), x.shape, np.array([[[3.0, 4.0], [5.0, 6.0]]]))
    expected = [[[1.0, 3.0, 0.0], [0.0, 1.0 + 2.0 + 5.0 + 6.0, 0.0], [0.0, 0.0, 0.0]]]
    require(np.allclose(found, expected, atol=1e-15), "max pooling shares equally among ties")
    for name in ("max_pool_2x2", "max_pool_3x3"):
        network = Network(golden / "small" / f"{name}.onnx")
        tensors = network.forward(np.load(golden / "small" / f"{name}.input.npy"))
        before = tensors["pixels.relu6"]
        six, zero = (before == 6).mean(), (before == 0).mean()
        require(six > 0.05 and zero > 0.05, f"{name}: {six:.0%} of the pooled values are 6 and {zero:.0%} are 0")


def check_gradient_times_input():
    """On a ReLU net without biases `simple` everywhere equals gradient x input, the gradient by central differences."""
    simple = Composite.parse("lrp-simple")
    b = Builder("plain", 9, 8, seed=20)
    x = b.relu(b.conv("pixels", "image", (3, 6), strides=(2, 1), pads=(0, 1, 1, 1), bias=0))
    x = b.max_pool("pool", x, 2, (1, 1))
    y = b.conv("residual", x, (6, 6), bias=0)
    x = b.add("Add", [x, y], "sum")
    x = b.relu(b.conv("grouped", x, (6, 8), group=2, dilations=(2, 1), pads=(2, 1, 2, 1), bias=0))
    x = b.relu(b.conv("depthwise", x, (8, 8), group=8, bias=0))
    b.head(x, 8, boxes=2, bias=0)
    net = b.finish([])
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(net.model, Path(folder) / "net.onnx")
        network = Network(Path(folder) / "net.onnx")
    tensors = network.forward(net.picture)
    types = layer_types(network, tensors)
    picture, step = net.picture.astype(np.float64), 1e-7
    worst = 0.0
    for tensor, channel, row, column in (
        ("depthwise.relu.class_logits", 1, 2, 3),
        ("depthwise.relu.class_logits", 6, 0, 0),
        ("depthwise.relu.box_offsets", 2, 2, 5),
    ):
        score = float(tensors[tensor][0, channel, row, column])
        relevance = propagate(network, tensors, types, simple, [(tensor, channel, row, column, score)])
        expected = (gradient(network, picture, (tensor, channel, row, column), step) * picture)[0]
        worst = max(worst, np.abs(relevance - expected).max() / np.abs(expected).max())
    require(worst < 1e-6, f"simple everywhere against gradient x input: {worst:.1e} of max|R|")


def gradient(network, picture, place, step):
    """Central differences of one output by every pixel."""
    tensor, channel, row, column = place
    found = np.zeros_like(picture)
    for index in np.ndindex(picture.shape):
        above, below = picture.copy(), picture.copy()
        above[index] += step
        below[index] -= step
        difference = network.forward(above)[tensor] - network.forward(below)[tensor]
        found[index] = difference[0, channel, row, column] / (2 * step)
    return found


def check_rescale():
    """Without activations `rescale` everywhere is gradient x distance from the mean; slopes against their formula, number by number."""
    net = signed_features()
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(net.model, Path(folder) / "net.onnx")
        network = Network(Path(folder) / "net.onnx")
    picture = net.picture.astype(np.float64)
    tensors, place = network.forward(picture), ("high.class_logits", 3, 2, 2)
    score = float(tensors[place[0]][(0, *place[1:])])
    everywhere = Composite.parse(rules(high="rescale:0.75", low="rescale:2", pixels="rescale:0.1"))
    found = propagate(network, tensors, layer_types(network, tensors), everywhere, [(*place, score)])
    expected = (gradient(network, picture, place, 1e-4) * (picture - picture.mean(axis=(2, 3), keepdims=True)))[0]
    worst = np.abs(found - expected).max() / np.abs(expected).max()
    require(worst < 1e-6, f"rescale everywhere against gradient x distance: {worst:.1e} of max|R|")

    z = np.random.default_rng(1).normal(2, 3, (1, 2, 4, 5))
    found = parse_rule("rescale:0.75").slope(lambda z: np.clip(z, 0, 6), z)
    worst = 0.0
    for index in np.ndindex(z.shape):
        centre = sum(z[0, index[1]].reshape(-1)) / 20
        low, high = sorted((float(z[index]), centre))
        low, high = low - 0.75 * z.std(), high + 0.75 * z.std()
        slope = (min(max(high, 0), 6) - min(max(low, 0), 6)) / (high - low)
        worst = max(worst, abs(found[index] - slope))
    require(worst < 1e-12, f"slopes of rescale against their formula: {worst:.1e}")


def check_conservation():
    """Layer by layer, the rules that give the bias nothing hand back what arrived."""
    net = signed_features()
    with tempfile.TemporaryDirectory() as folder:
        onnx.save(net.model, Path(folder) / "net.onnx")
        network = Network(Path(folder) / "net.onnx")
    tensors = network.forward(net.picture)
    types = layer_types(network, tensors)
    seed = [("high.class_logits", 3, 2, 2, 1.5), ("high.box_offsets", 1, 1, 4, -0.7)]
    worst = 0.0

    def trace(node, arriving, parts):
        nonlocal worst
        if node.op == "Conv" and types[node.name] not in ("classification", "localization"):
            worst = max(worst, abs(sum(part.sum() for part in parts) - arriving.sum()) / np.abs(arriving).sum())

    for rule in ("zplus", "abs", "gamma:0.25", "w2", "flat", "alphabeta:2,1"):
        propagate(network, tensors, types, Composite.parse(rules(high=rule, low=rule, pixels="zb:-1,1")), seed, trace)
    require(worst < 1e-6, f"what arrives at a layer leaves it, rules without bias: {worst:.1e} of the sum of |R|")


def check_uniform_pooling():
    """Uniform pooling against loops over windows, with pads, strides and dilation; padding is no input."""
    random, shape = np.random.default_rng(2), (2, 7, 6)
    window = Window(kernel=(3, 2), strides=(2, 1), dilations=(1, 2), pads=(1, 1, 2, 0))
    arriving = random.normal(size=(2, *window.output_size(*shape[1:])))
    expected = np.zeros(shape)
    for channel, row, column in np.ndindex(arriving.shape):
        taps = [(row * 2 - 1 + y, column - 1 + x * 2) for y, x in np.ndindex(3, 2)]
        taps = [(y, x) for y, x in taps if 0 <= y < 7 and 0 <= x < 6]
        for y, x in taps:
            expected[channel, y, x] += arriving[channel, row, column] / len(taps)
    found = uniform_pooling(window, shape, arriving)
    worst = max(np.abs(found - expected).max(), abs(found.sum() - arriving.sum()))
    require(worst < 1e-12, f"uniform pooling against loops over windows, and its sum: {worst:.1e}")


# Boundary tensors of the small nets, and by hand for rows and columns the first centre and the distance of centres.
CENTRES = {
    "low_layers": {"low_expand.relu": ((0, 2), (1.5, 2))},
    "low_pools": {"pool2": ((3, 2), (2, 2))},
    "low_branches": {"boundary": ((1 / 3, 1), (1 / 3, 1))},
    "low_depthwise": {"low_depthwise.relu6": ((0.25, 2), (0.25, 2))},
    "low_taps": {"low1.relu": ((1, 2), (0, 2)), "low3.relu": ((-19 / 12, 13 / 6), (7 / 12, 13 / 6))},
}


def small(golden, name):
    """A stored small net, its tensors and the types of its layers."""
    network = Network(golden / "small" / f"{name}.onnx")
    tensors = network.forward(np.load(golden / "small" / f"{name}.input.npy"))
    return network, tensors, layer_types(network, tensors)


def check_spread(golden):
    """Centres against what was worked out by hand, and the relevance of pixels against loops over cells and pixels."""
    worst = 0.0
    random = np.random.default_rng(3)
    for name, boundaries in CENTRES.items():
        network, tensors, _ = small(golden, name)
        for tensor, by_hand in boundaries.items():
            found = [tuple(map(float, place)) for place in centres(network, tensors, tensor)]
            require(np.allclose(found, by_hand, rtol=1e-15, atol=1e-15), f"{name}: centres of {tensor} are {by_hand}")
            relevance = random.normal(size=tensors[tensor].shape[1:])
            pixels = tensors[network.input].shape[1:]
            expected = np.zeros(pixels)
            for channel, row, column in np.ndindex(relevance.shape):
                down, across = (
                    scalar_splines(count, first + distance * cell, distance)
                    for count, (first, distance), cell in zip(pixels[1:], by_hand, (row, column))
                )
                for colour, y, x in np.ndindex(pixels):
                    expected[colour, y, x] += relevance[channel, row, column] * down[y] * across[x] / pixels[0]
            found = spread(network, tensors, tensor, relevance)
            worst = max(worst, np.abs(found - expected).max() / np.abs(expected).max())
            worst = max(worst, abs(found.sum() - relevance.sum()) / np.abs(relevance).sum())
    require(worst < 1e-12, f"spread against loops over cells and pixels, and its sum: {worst:.1e} of max|R|")
    below, above = weights(-5, 1, 1, 10)[0], weights(20, 1, 1, 10)[0]
    outside = below[0] == 1 == above[9] and below.sum() == 1 == above.sum()
    require(outside, "a cell whose centre is far outside gives all to the nearest pixel")


def scalar_splines(pixels, centre, distance):
    """A cell's share of every pixel along an axis, number by number."""
    values = []
    for pixel in range(pixels):
        t = abs(pixel - centre) / distance
        # The same polynomial as sums of truncated cubes.
        values.append(sum(c * max(0.0, k - t) ** 3 for c, k in ((1, 2), (-4, 1))) / 6)
    return [value / sum(values) for value in values]


def check_spread_and_flat_conserve(golden):
    """ΣR of the pixels under flat, half and uniform, and under spread, is what the high layers hand to the maps at the boundary."""
    worst = 0.0
    for name in CENTRES:
        network, tensors, types = small(golden, name)
        heads = [tensor for tensor, kind in types.items() if kind == "classification"]
        seed = [(head, channel, 1, 2, value) for head in heads for channel, value in ((1, 0.8), (6, -0.3))]
        for high in ("rescale:0.75", "epsilon:0.1std", "abs"):
            composites = [
                Composite.parse(rules(high=high, low=low, pixels=low, add="half", pool="uniform")) for low in ("spread", "flat")
            ]
            ends = spread_tensors(network, tensors, types, composites[0])
            handed = []

            def trace(node, _, parts):
                handed.extend(part for tensor, part in zip(explained(network, node), parts) if tensor in ends)

            spread_map = propagate(network, tensors, types, composites[0], seed, trace)
            arrived, size = sum(part.sum() for part in handed), sum(np.abs(part).sum() for part in handed)
            maps = [spread_map]
            # A pad with a constant keeps what it is given.
            if not any(node.op == "Pad" for node in network.nodes):
                maps.append(propagate(network, tensors, types, composites[1], seed))
            worst = max(worst, *(abs(found.sum() - arrived) / size for found in maps))
    require(worst < 1e-12, f"what arrives at the boundary reaches the pixels under flat and spread: {worst:.1e} of the sum of |R|")


def check_golden(golden):
    """The stored values of the small nets are what the oracle computes from the stored files."""
    worst = 0.0
    for net in json.loads((golden / "small" / "cases.json").read_text())["nets"]:
        path = golden / "small" / f"{net['name']}.onnx"
        network, expected = Network(path), np.load(path.with_suffix(".expected.npy"))
        tensors = network.forward(np.load(path.with_suffix(".input.npy")))
        types = layer_types(network, tensors)
        for case, maps in zip(net["cases"], expected, strict=True):
            for n, stored in enumerate(maps):
                seed = [(tensor, *rest) for tensor, target, *rest in case["seeds"] if target == n]
                found = propagate(network, tensors, types, Composite.parse(case["composite"], case["seed"]), seed)
                worst = max(worst, np.abs(found - stored).max() / np.abs(found).max())
    require(worst < 1e-6, f"stored values of the small nets: {worst:.1e} of max|R|")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent / "golden"))
