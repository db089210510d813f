"""The peers on PyTorch: zennit's relevance, LayerCAM, gradient times input.

In: a picture [1, 3, 300, 300] and default boxes of one head, for class person. Out: maps [N, 300, 300]. Every one has the network up to its own head alone, weights without gradients where none is asked
for, and the memory layout (channels first or last) and the kind of batch that a trial finds faster on this machine.

* zennit: rules as preset `lrp-alpha1beta0`: ZPlus, WSquare in the pixels, no bias in a denominator, a residual sum by
  magnitudes (zennit has the rule for proportions, `Norm`; this one is the same hook on |x|). N targets are a batch of N
  copies of the picture, zennit's only way.
* LayerCAM: package grad-cam, on the map that the head's layers read, which is its finest sensible layer. Gradients end there.
* gradient times input: one forward pass and N backward passes, or a batch of N copies; the faster.
"""

import time
from dataclasses import dataclass

import torch
from torch import nn
from pytorch_grad_cam import LayerCAM
from zennit.attribution import Gradient
from zennit.composites import NameMapComposite
from zennit.core import BasicHook, stabilize
from zennit.rules import Pass, WSquare, ZPlus

import subject
from converted import Addition, Converted, Convolution, without_copies

NO_BIAS = {"stabilizer": 1e-9, "zero_params": "bias"}


@dataclass(frozen=True)
class Head:
    """The tensor of a head's class logits, its boxes from `start` to before `end`, and the map that its layers read."""

    tensor: str
    start: int
    end: int
    feature: str

    def indices(self, boxes):
        """Places of default boxes in this head."""
        return [box - self.start for box in boxes]


HEADS = [
    Head("head0/class/boxes", 0, 1083, "expanded_conv_13/expand/relu6"),
    Head("head1/class/boxes", 1083, 1683, "Conv_1/relu6"),
]


class Magnitudes(BasicHook):
    """Relevance of a sum's parts in proportion to their magnitudes."""

    def __init__(self):
        super().__init__(
            input_modifiers=[lambda x: x.abs()],
            gradient_mapper=lambda gradient, outputs: [gradient / stabilize(outputs[0], 1e-9)],
            reducer=lambda inputs, gradients: inputs[0] * gradients[0],
        )


class Zennit:
    """Relevance by zennit. Its hooks stay on the model, as for a user who explains many pictures."""

    def __init__(self, head, layout):
        self.head, self.layout = head, layout
        model = Converted(head.tensor).eval().requires_grad_(False).to(memory_format=layout)
        modules = dict(model.named_modules())
        first, *convolutions = [name for name, module in modules.items() if isinstance(module, Convolution)]
        sums = [f"{name}.sum" for name, module in modules.items() if isinstance(module, Addition)]
        # What moves values only goes back by autograd itself.
        activations = [name for name, module in modules.items() if isinstance(module, nn.ReLU6)]
        rules = [([first], WSquare(**NO_BIAS)), (convolutions, ZPlus(**NO_BIAS)), (sums, Magnitudes()), (activations, Pass())]
        self.attributor = Gradient(model=model, composite=NameMapComposite(rules))
        self.attributor.__enter__()

    def explain(self, picture, boxes):
        x = picture.repeat(len(boxes), 1, 1, 1).contiguous(memory_format=self.layout)
        seed = torch.zeros(len(boxes), self.head.end - self.head.start, len(subject.MANIFEST["labels"]))
        seed[range(len(boxes)), self.head.indices(boxes), subject.PERSON] = 1
        return self.attributor(x, seed)[1].sum(dim=1).numpy()


class LayerCam:
    """LayerCAM by pytorch-grad-cam."""

    def __init__(self, head, layout):
        self.head, self.layout = head, layout
        model = without_copies(Converted(head.tensor)).requires_grad_(False).to(memory_format=layout)
        layer = model.get_submodule(head.feature.replace("/", "-"))
        # Gradients are kept from this layer on: the bias before it is the first thing that asks for one.
        model.get_submodule(head.feature.removesuffix("/relu6").replace("/", "-")).bias.requires_grad_(True)
        self.cam = LayerCAM(model=model, target_layers=[layer])

    def explain(self, picture, boxes):
        x = picture.repeat(len(boxes), 1, 1, 1).contiguous(memory_format=self.layout)
        targets = [lambda output, place=place: output[place, subject.PERSON] for place in self.head.indices(boxes)]
        return self.cam(input_tensor=x, targets=targets)


class GradientByInput:
    """Gradient times input: with `copies` a batch, else one forward pass for all boxes."""

    def __init__(self, head, layout, copies=False):
        self.head, self.layout, self.copies = head, layout, copies
        self.model = without_copies(Converted(head.tensor)).requires_grad_(False).to(memory_format=layout)

    def explain(self, picture, boxes):
        x = picture.repeat(len(boxes) if self.copies else 1, 1, 1, 1).contiguous(memory_format=self.layout)
        x.requires_grad_(True)
        output = self.model(x)
        logits = output[range(len(boxes)) if self.copies else 0, self.head.indices(boxes), subject.PERSON]
        if self.copies:
            gradient = torch.autograd.grad(logits.sum(), x)[0]
        else:
            gradient = torch.cat([torch.autograd.grad(logit, x, retain_graph=True)[0] for logit in logits])
        return (gradient * x.detach()).sum(dim=1).numpy()


LAYOUTS = {"channels first": torch.contiguous_format, "channels last": torch.channels_last}


def fastest(kind, boxes):
    """The fastest variant of a peer for these boxes: (function that explains once, what it is)."""
    head = next(head for head in HEADS if boxes[0] < head.end)
    picture = torch.tensor(subject.picture())
    variants = {words: kind(head, layout) for words, layout in LAYOUTS.items()}
    if kind is GradientByInput and len(boxes) > 1:
        variants |= {f"{words}, a batch of copies": kind(head, layout, True) for words, layout in LAYOUTS.items()}
    trials = {}
    for words, peer in variants.items():
        trials[words] = min(seconds(lambda: peer.explain(picture, boxes)) for _ in range(2))
    chosen = min(trials, key=trials.get)
    return (lambda: variants[chosen].explain(picture, boxes)), chosen


def seconds(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started
