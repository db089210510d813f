"""D-RISE (Petsiuk et al. 2021) through ONNX Runtime: 1,000 masked pictures, each mask weighted by how well its detections match.

In: one default box for class person. Out: a function that makes a map [300, 300]. A mask is a grid of 16x16 random cells, each
kept with probability 0.5, enlarged bilinearly and shifted at random; what is masked is grey, the network's zero. The score of a
mask is the best of all 1,917 boxes by IoU x cosine of the class probabilities (the detector has no objectness). Making the masks
is counted. The batch of 1, 8 or 16 pictures that a trial finds fastest is taken.
"""

import numpy as np
from PIL import Image

import subject
from default_boxes import default_box

MASKS, CELLS, KEPT = 1000, 16, 0.5
BATCHES = (1, 8, 16)


def default_boxes():
    """All default boxes as cx, cy, w, h, float32 [1917, 4]."""
    grids = [(19, 3), (10, 6), (5, 6), (3, 6), (2, 6), (1, 6)]
    return np.array(
        [
            default_box(subject.MANIFEST["default_boxes"], head, 6, (side, side), (row, column), index, (300, 300))
            for head, (side, shapes) in enumerate(grids)
            for row in range(side)
            for column in range(side)
            for index in range(shapes)
        ],
        dtype=np.float32,
    )


def decoded(offsets, places):
    """Corners [N, boxes, 4] from offsets cy, cx, h, w [N, boxes, 4]."""
    centre = places[:, :2] + 0.1 * offsets[..., 1::-1] * places[:, 2:]
    half = 0.5 * places[:, 2:] * np.exp(0.2 * offsets[..., :1:-1])
    return np.concatenate([centre - half, centre + half], axis=-1)


def overlap(boxes, box):
    """Intersection over union of boxes [N, boxes, 4] with one [4]."""
    shared = np.clip(np.minimum(boxes[..., 2:], box[2:]) - np.maximum(boxes[..., :2], box[:2]), 0, None).prod(axis=-1)
    areas = (boxes[..., 2:] - boxes[..., :2]).prod(axis=-1)
    return shared / (areas + (box[2:] - box[:2]).prod() - shared)


def probabilities(logits):
    """Of all classes but the background, each scaled to length 1 over them for the cosine."""
    p = 1 / (1 + np.exp(-logits[..., 1:]))
    return p / np.linalg.norm(p, axis=-1, keepdims=True)


def masks(random, count):
    """Float32 [count, 1, 300, 300] of 0 to 1."""
    cell = -(-300 // CELLS)
    side = (CELLS + 1) * cell
    made = np.empty((count, 1, 300, 300), dtype=np.float32)
    for mask in made:
        grid = (random.random((CELLS, CELLS)) < KEPT).astype(np.float32)
        large = np.asarray(Image.fromarray(grid).resize((side, side), Image.Resampling.BILINEAR))
        top, left = random.integers(0, cell, 2)
        mask[0] = large[top : top + 300, left : left + 300]
    return made


def explainer(box, threads, batch):
    """A function that explains `box` with `count` masks, in batches."""
    session = subject.session(subject.batched_model(), threads)
    picture, places = subject.picture(), default_boxes()
    logits, offsets = session.run(["class_logits", "box_offsets"], {"image": picture})
    own, place = probabilities(logits[0, box]), decoded(offsets, places)[0, box]
    random = np.random.default_rng(0)

    def explain(count=MASKS):
        saliency = np.zeros((300, 300), dtype=np.float32)
        for start in range(0, count, batch):
            some = masks(random, min(batch, count - start))
            logits, offsets = session.run(["class_logits", "box_offsets"], {"image": picture * some})
            scores = (overlap(decoded(offsets, places), place) * (probabilities(logits) @ own)).max(axis=1)
            saliency += np.tensordot(scores, some[:, 0], axes=1)
        return saliency

    return explain


def fastest(box, threads, seconds):
    """The function of the fastest batch, and that batch. Trials use 32 masks each."""
    variants = {batch: explainer(box, threads, batch) for batch in BATCHES}
    trials = {batch: min(seconds(lambda: explain(32)) for _ in range(2)) for batch, explain in variants.items()}
    chosen = min(trials, key=trials.get)
    return variants[chosen], f"batches of {chosen}"
