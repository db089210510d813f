"""Writes golden vectors of two small detectors on ShuffleNet's blocks: python golden_joined.py

In: golden/yolo/person.png. Out: golden/joined/{joined,bounded}.{onnx,toml}, CASE.npy [64, 96] and cases.json, as golden_ssdlite.py writes them. `joined` is built like
NanoDet-Plus: class scores and bins of distances are one convolution's channels. `bounded` is built like FastestDet: a single head, whose classes have a softmax and whose
boxes have tanh and sigmoid; channels are shuffled by way of the batch. Both have random weights.
"""

from pathlib import Path

from cases import write_nets
from golden_anchor_free import BINS, CRP, FLAT, NAMES, Net

TESTS = Path(__file__).resolve().parent.parent
GOLDEN = TESTS / "golden" / "joined"

# Net, box, target, contrast, composite, seed; the first head has 8x12 cells, the second of `joined` 4x6. The first of each net with a map.
CASES = [
    ("joined", 30, "class:sheep", "mean", "crp", "score"),
    ("joined", 30, "edge:right+", "none", "crp", "score"),
    ("joined", 101, "edge:top", "none", CRP, "score"),
    ("joined", 55, "class:dog", "class:person", FLAT, "score"),
    ("bounded", 40, "class:horse", "mean", "crp", "score"),
    ("bounded", 40, "objectness", "none", "crp", "score"),
    ("bounded", 77, "edge:left-", "none", CRP, "score"),
    ("bounded", 77, "offset:h", "none", "crp", "score"),
    *(("joined", 110, f"edge:{side}", "none", "crp", seed) for side in ("left+", "bottom") for seed in ("score", "unit", "one")),
    ("joined", 7, "offset:cx", "none", "crp", "score"),
    *(("bounded", box, f"edge:{side}", "none", "crp", seed) for box in (7, 90) for side in ("left+", "right", "top-", "bottom")
      for seed in ("score", "unit", "one")),
    ("bounded", 7, "class:dog", "softmax", "crp", "score"),
]  # fmt: skip
MAPS = 8


class Shuffled(Net):
    """A network of depthwise blocks whose channels are shuffled."""

    def leaky(self, x):
        return self.add("LeakyRelu", [x], f"{x}.leaky", alpha=0.1)

    def depthwise(self, name, x, channels, stride=1, kernel=3):
        """A depthwise convolution and a pointwise one."""
        pads = (kernel // 2,) * 4
        x = self.conv(f"{name}.depthwise", x, (channels[0],) * 2, kernel=kernel, pads=pads, strides=(stride, stride), group=channels[0])
        return self.leaky(self.conv(f"{name}.pointwise", x, channels, kernel=1, pads=(0,) * 4))

    def halves(self, name, x, channels, size, by_batch):
        """Every other channel, and the ones between: the halves of a map whose channels are shuffled."""
        each, (height, width) = channels // 2, size
        names = [f"{name}.half{index}" for index in (0, 1)]
        if by_batch:
            x = self.add("Reshape", [x, self.ints(f"{name}.pairs", [each, 2, height * width])], f"{name}.paired")
            x = self.add("Transpose", [x], f"{name}.parted", perm=(1, 0, 2))
            x = self.add("Reshape", [x, self.ints(f"{name}.sizes", [2, -1, each, height, width])], f"{name}.halved")
            for index, half in enumerate(names):
                self.add("Gather", [x, self.ints(f"{half}.place", index)], half, axis=0)
            return names
        x = self.add("Reshape", [x, self.ints(f"{name}.groups", [1, each, 2, height, width])], f"{name}.grouped")
        x = self.add("Transpose", [x], f"{name}.parted", perm=(0, 2, 1, 3, 4))
        x = self.add("Reshape", [x, self.ints(f"{name}.sizes", [1, -1, height, width])], f"{name}.shuffled")
        self.split([x, self.ints(f"{name}.parts", [each, each])], names, axis=1)
        return names

    def stage(self, name, x, channels, size, by_batch):
        """Half as many rows and columns, and a block of ShuffleNet."""
        x = self.depthwise(f"{name}.down", x, channels, stride=2)
        kept, through = self.halves(name, x, channels[1], size, by_batch)
        each = channels[1] // 2
        through = self.leaky(self.conv(f"{name}.in", through, (each, each), kernel=1, pads=(0,) * 4))
        return self.add("Concat", [kept, self.depthwise(f"{name}.block", through, (each, each))], name, axis=1)

    def stages(self, by_batch):
        """Maps of stride 8 and 16."""
        x = self.leaky(self.conv("pixels", "images", (3, 8), strides=(2, 2)))
        x = self.stage("low", x, (8, 8), (16, 24), by_batch)
        fine = self.stage("fine", x, (8, 12), (8, 12), by_batch)
        return fine, self.stage("coarse", fine, (12, 16), (4, 6), by_batch)

    def up(self, x):
        attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return self.resize("up", x, scales=(2.0, 2.0), **attributes)


def joined():
    """Like NanoDet-Plus's export: sigmoids of the classes, and cells one behind the other."""
    b = Shuffled("joined", 64, 96, seed=51)
    fine, coarse = b.stages(by_batch=False)
    fine = b.depthwise("fine2", b.add("Concat", [b.up(coarse), fine], "up.joined", axis=1), (28, 10), kernel=5)
    heads, rows, numbers = [], [], len(NAMES) + 4 * BINS
    for index, (x, channels) in enumerate(((fine, 10), (coarse, 16))):
        head = b.last(f"head{index}", b.depthwise(f"head{index}/shared", x, (channels, 10), kernel=5), (10, numbers), 0.2)
        heads.append(head)
        classes, sides = f"{head}.classes", f"{head}.sides"
        b.split([head, b.ints(f"{head}.parts", [len(NAMES), 4 * BINS])], [classes, sides], axis=1)
        both = b.add("Concat", [b.add("Sigmoid", [classes], f"{classes}.scores"), sides], f"{head}.both", axis=1)
        rows.append(b.add("Reshape", [both, b.ints(f"{head}.sizes", [1, numbers, -1])], f"{head}.rows"))
    b.add("Transpose", [b.add("Concat", rows, "all", axis=2)], "output", perm=(0, 2, 1))
    lines = [f"heads = {heads}", "channels = ['classes', 'distances']", f"bins = {BINS}", "activation = 'sigmoid'"]
    return b.whole("output", [1, 120, numbers]), lines


def bounded():
    """Like FastestDet's export: one map of objectness, raw boxes and a distribution over the classes."""
    b = Shuffled("bounded", 64, 96, seed=52)
    fine, coarse = b.stages(by_batch=True)
    x = b.depthwise("fine2", b.add("Concat", [b.up(coarse), fine], "up.joined", axis=1), (28, 10), kernel=5)
    made = {}
    for part, channels in (("objectness", 1), ("offsets", 4), ("classes", len(NAMES))):
        made[part] = b.last(f"head/{part}", b.depthwise(f"head/{part}1", x, (10, 8), kernel=5), (8, channels), 0.25)
    last = b.add("Transpose", [made["classes"]], "head/classes.last", perm=(0, 3, 2, 1))
    scores = b.add("Transpose", [b.add("Softmax", [last], "head/scores", axis=3)], "head/scores.map", perm=(0, 3, 2, 1))
    b.add("Concat", [b.add("Sigmoid", [made["objectness"]], "head/object"), made["offsets"], scores], "output", axis=1)
    lines = [f"{part} = ['{tensor}']" for part, tensor in made.items()]
    lines += ["coding = 'bounded'", "score_powers = [0.6, 0.4]", "activation = 'softmax'"]
    return b.whole("output", [1, 5 + len(NAMES), 8, 12]), lines


def manifest(name, output):
    """The net's manifest, as text."""
    lines = ["kind = 'anchor-free'", f"name = '{name}'", f"labels = {NAMES}", "", "[input]", "colour = 'rgb'"]
    lines += ["mean = [120, 115, 105]", "std = [60, 60, 60]", "resize = 'bilinear'", "", "[output]", *output]
    lines += ["", "[default_boxes]", "generator = 'cells'", "offset = 0.0", "", "[detection]", "score_threshold = 0.4"]
    return "\n".join(lines).replace("'", '"') + "\n"


def main():
    nets = {}
    for make in (joined, bounded):
        (model, output), name = make(), make.__name__
        nets[name] = model, manifest(name, output)
    write_nets(GOLDEN, nets, CASES, MAPS)


if __name__ == "__main__":
    main()
