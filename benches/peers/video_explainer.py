"""What a user would write in place of the element, for one frame: detect, explain the best box, blend.

In: a frame [H, W, 3] of 8-bit RGB. Out: the same with the heatmap over it. The networks are made once: the detector in ONNX
Runtime, one PyTorch module for the two finest heads each, the relevance or map of the best box of class person.
"""

import numpy as np
import torch
from PIL import Image

import subject
import torch_peers


def explainer(method, threads):
    """A function from frame to frame with `zennit` or `layercam`."""
    torch.set_num_threads(threads)
    detector = subject.session(subject.MODEL, threads)
    kind = {"zennit": torch_peers.Zennit, "layercam": torch_peers.LayerCam}[method]
    by_head = [kind(head, torch.contiguous_format) for head in torch_peers.HEADS]
    given = subject.MANIFEST["input"]
    last = by_head[-1].head.end

    def explain(frame):
        small = np.asarray(Image.fromarray(frame).resize((300, 300), Image.Resampling.BILINEAR))
        x = ((small.transpose(2, 0, 1)[None] - np.float32(given["mean"][0])) / np.float32(given["std"][0])).astype(np.float32)
        logits = detector.run(["class_logits"], {"image": x})[0][0, :last, subject.PERSON]
        box = int(logits.argmax())
        peer = next(peer for peer in by_head if box < peer.head.end)
        relevance = peer.explain(torch.from_numpy(x), [box])[0]
        return blended(frame, relevance)

    return explain


def blended(frame, relevance):
    """Red for positive over the frame, half transparent, blue for negative."""
    height, width = frame.shape[:2]
    scale = np.percentile(np.abs(relevance), 99.5) or 1.0
    strength = np.asarray(Image.fromarray(np.clip(relevance / scale, -1, 1)).resize((width, height), Image.Resampling.BILINEAR))
    alpha = (np.abs(strength) * 128).astype(np.uint16)[..., None]
    colour = np.where(strength[..., None] > 0, np.uint16([220, 0, 0]), np.uint16([0, 0, 220]))
    return ((frame * (256 - alpha) + colour * alpha) >> 8).astype(np.uint8)
