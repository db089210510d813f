"""Our detections in a photo against those of the file's own runtime.

In: a row, the command, a photo. Out: how many detections of ours there are, how far their scores and boxes (in pixels of the photo) are from the reference's, and which of the
reference's we have not.
"""

import json
import subprocess
from dataclasses import dataclass, field

import numpy as np
import onnx
from PIL import Image

from part import input_size
from photos import network_input
from references import REFERENCES

# What a score may differ by; nearer to the threshold than this, a detection may be on either side of it.
SCORE = 1e-3
# Boxes whose overlap is as near as this to the one that suppresses may go either way.
OVERLAP = 1e-3
# A box of no more pixels may have no width at all in float32, in shares of the picture.
WIDTH = 1e-3


@dataclass
class Agreement:
    """Over all photos so far."""

    detections: int = 0
    score: float = 0.0
    box: float = 0.0
    # What only one of the two has, in words.
    alone: list = field(default_factory=list)
    # The best detection of ours: score, label.
    best: tuple = (0.0, "")

    def add(self, row, command, photo, folder):
        """Compares one photo."""
        manifest = row.manifest()
        # Stored without loss, so that no decoder of JPEG has a say.
        picture = np.asarray(Image.open(photo).convert("RGB"))
        Image.fromarray(picture).save(folder / "photo.png")
        threshold = row.entry.get("threshold", 0.05)
        arguments = [command, "--model", row.file, "--threads", "2", "detect", folder / "photo.png", "--json", "--score-threshold", threshold]
        made = subprocess.run([str(part) for part in arguments], capture_output=True, text=True)
        if made.returncode:
            raise RuntimeError(made.stderr.strip())
        ours = json.loads(made.stdout)["detections"]
        values, fit = network_input(picture, input_size(onnx.load(row.file), manifest), manifest["input"])
        found = REFERENCES[row.reference][1](row, manifest, values)
        boxes = fit.to_picture(found.boxes)
        for detection in ours:
            self.detections += 1
            self.best = max(self.best, (detection["score"], detection["label"]))
            box = np.array(detection["box"])
            if found.classes is None:
                score, theirs = found.scores[detection["default_box"], detection["class"]], boxes[detection["default_box"]]
            elif detection["score"] < found.scores.min(initial=1.0) + SCORE:
                # Theirs end before it; of those, some may lie beyond the picture and are none of ours.
                continue
            else:
                same = np.flatnonzero(found.classes == detection["class"])
                if not len(same):
                    self.alone.append(f"ours: {detection['label']} {detection['score']:.3f}")
                    continue
                # Several may have all but one box: a hundredth of a score counts as a pixel.
                apart = np.abs(boxes[same] - box).max(axis=1) + 100 * np.abs(found.scores[same, 0] - detection["score"])
                nearest = same[apart.argmin()]
                score, theirs = found.scores[nearest, 0], boxes[nearest]
            self.score = max(self.score, abs(float(score) - detection["score"]))
            self.box = max(self.box, float(np.abs(theirs - box).max()))
        self.alone += missed(ours, found, boxes, fit.beyond_picture(found.boxes), manifest, threshold)


def missed(ours, found, boxes, whole, manifest, threshold):
    """Detections of the reference that are clearly above the threshold, in the picture, and not among ours; `whole` are the boxes before they are cut at the picture's edge."""
    detection, labels = manifest.get("detection", {}), manifest["labels"]
    most = detection.get("max_detections", 200)
    if len(ours) >= most:
        # The rest is left out: those that are better than the last of ours must be there.
        threshold = max(threshold, min(one["score"] for one in ours))
    have = [(one["class"], np.array(one["box"])) for one in ours]
    shared, rest = [], []
    for k, score, place in candidates(found, manifest, threshold + SCORE):
        box = boxes[place]
        if min(box[2:] - box[:2]) <= WIDTH and manifest["kind"] != "classifier":
            continue
        both = any(k == other and np.abs(box - rival).max() <= 0.5 for other, rival in have)
        (shared if both else rest).append((k, score, place))
    suppresses = found.classes is None and detection.get("suppression") != "none"
    most_overlap = detection.get("iou_threshold", 0.45) - OVERLAP
    one_class = found.classes is None and detection.get("suppression") == "one-class"
    for k, score, place in rest:
        box = whole[place]
        if one_class and (found.scores[place] > score - SCORE).sum() > 1:
            continue
        # What suppresses is one that both have, better or, within what scores may differ by, as good.
        if not suppresses or not any(k == other and better > score - SCORE and overlap(box, whole[rival]) > most_overlap for other, better, rival in shared):
            yield f"theirs: {labels[k]} {score:.3f}"


def candidates(found, manifest, threshold):
    """Class, score and default box of what is above the threshold, best first."""
    if found.classes is not None:
        chosen = [(int(k), float(score)) for k, score in zip(found.classes, found.scores[:, 0])]
        places = range(len(chosen))
    else:
        background = manifest["output"].get("background", 0) if manifest["kind"] == "ssd" else None
        allowed = [k for k, label in enumerate(manifest["labels"]) if label and k != background]
        scores = np.full_like(found.scores, -1.0)
        scores[:, allowed] = found.scores[:, allowed]
        if manifest.get("detection", {}).get("suppression") == "one-class":
            # Of classes that all but tie any may be the best.
            scores[scores < scores.max(axis=1, keepdims=True) - SCORE] = -1.0
        places, classes = np.nonzero(scores > threshold)
        chosen = [(int(k), float(scores[place, k])) for place, k in zip(places, classes)]
    listed = [(k, score, place) for place, (k, score) in zip(places, chosen) if score > threshold]
    return sorted(listed, key=lambda one: -one[1])


def overlap(a, b):
    """Intersection over union."""
    inside = np.prod(np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None))
    return inside / max(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inside, 1e-12)
