"""Ours and its peers in one run: python main.py OURS VIDEO [--rounds N] [--heavy N] [--frames N] [--out FOLDER]

In: the command that starts the program of ours.rs, the footage, the element on GST_PLUGIN_PATH. Out: peers.md and peers.json. Rows are measured in turn, round by
round, after one round that is not counted; rows of tens of seconds (D-RISE) take part in the first `--heavy` rounds alone. Nothing is timed before
the converted model agrees with ONNX Runtime, and zennit's relevance with ours is printed as a cosine.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

import converted
import drise
import report
import subject
import torch_peers
from ours import Ours

PRESETS = ("lrp-alpha1beta0", "crp", "crp-features")
TARGETS = {"N=1, finest head": subject.FINEST, "N=1, second head": subject.SECOND, "N=8, finest head": subject.EIGHT}
PEERS = {
    "zennit, same rules as lrp-alpha1beta0": torch_peers.Zennit,
    "LayerCAM (grad-cam)": torch_peers.LayerCam,
    "gradient x input": torch_peers.GradientByInput,
}
VIDEOS = {
    "ssdcrp, detection alone": "none",
    "ssdcrp mode=every-frame": "element",
    "appsink, ONNX Runtime, zennit, appsrc": "zennit",
    "appsink, ONNX Runtime, LayerCAM, appsrc": "layercam",
}
LEAST_COSINE = 0.999


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ours", help="the command that starts the program of ours.rs")
    parser.add_argument("video", help="the footage")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--heavy", type=int, default=2, help="rounds of D-RISE")
    parser.add_argument("--masks", type=int, default=drise.MASKS, help="fewer are for trying the script alone")
    parser.add_argument("--frames", type=int, default=50)
    parser.add_argument("--video-runs", type=int, default=2)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--out", type=Path, default=subject.ROOT / "benches")
    given = parser.parse_args()
    checks = {"largest difference of the converted model's logits from ONNX Runtime's": f"{converted.check():.1e}"}
    tables, notes = {}, {}
    for threads in map(int, given.threads.split(",")):
        ours = Ours(given.ours, threads)
        torch.set_num_threads(threads)
        if not tables:
            checks["cosine of zennit's relevance with ours (box 271, 1457)"] = ", ".join(f"{c:.6f}" for c in cosines(ours))
        tables[str(threads)] = measured(rows(ours, threads, given, notes), given)
        ours.end()
    videos = filmed(given)
    report.write(given.out, tables, notes, videos, checks, "make bench-peers")


def cosines(ours):
    """Of zennit's relevance with ours, at each head. Stops if the two are not the same method."""
    for boxes in (subject.FINEST, subject.SECOND):
        explain, _ = torch_peers.fastest(torch_peers.Zennit, boxes)
        theirs, our = explain()[0].astype(np.float64), ours.relevance("lrp-alpha1beta0", boxes[0])
        cosine = float((theirs * our).sum() / np.linalg.norm(theirs) / np.linalg.norm(our))
        if not cosine >= LEAST_COSINE:
            raise SystemExit(f"zennit's relevance is not ours at box {boxes[0]} (cosine {cosine:.4f}): nothing is timed")
        yield cosine


def rows(ours, threads, given, notes):
    """Functions that run a row once and give its seconds, by name."""
    session, picture = subject.session(subject.MODEL, threads), subject.picture()
    forward = lambda: torch_peers.seconds(lambda: session.run(None, {"image": picture}))  # noqa: E731
    found = {"F, the detector's forward pass": ours.forward, "the same by ONNX Runtime from Python": forward}
    for preset in PRESETS:
        for words, boxes in TARGETS.items():
            found[f"ours, {preset}, {words}"] = lambda preset=preset, boxes=boxes: ours.explain(preset, boxes)
    for name, kind in PEERS.items():
        for words, boxes in TARGETS.items():
            explain, chosen = torch_peers.fastest(kind, boxes)
            notes[f"{name}, {words}, {threads}"] = chosen
            found[f"{name}, {words}"] = lambda explain=explain: torch_peers.seconds(explain)
    explain, chosen = drise.fastest(subject.FINEST[0], threads, torch_peers.seconds)
    name = f"D-RISE, {given.masks:,} masks, N=1"
    notes[f"{name}, {threads}"] = chosen
    found[name] = lambda: torch_peers.seconds(lambda: explain(given.masks))
    return found


def measured(found, given):
    """Seconds of every round, by row."""
    times = {name: [] for name in found}
    for turn in range(given.rounds + 1):
        for name, run in found.items():
            heavy = name.startswith("D-RISE")
            if heavy and not 1 <= turn <= given.heavy:
                continue
            # Threads of the row before that still wait by spinning have time to sleep.
            time.sleep(0.02)
            seconds = run()
            if turn > 0:
                times[name].append(seconds)
        print(f"round {turn} of {given.rounds}", file=sys.stderr)
    return times


def filmed(given):
    """Figures of every way through the video, in turn, each in a process of its own, with 1 thread for networks."""
    found = {name: [] for name in VIDEOS}
    script = Path(__file__).with_name("video.py")
    for _ in range(given.video_runs):
        for name, method in VIDEOS.items():
            command = [sys.executable, "-B", script, method, given.video, str(given.frames), "1"]
            answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            found[name].append(json.loads(answer.splitlines()[-1]))
    return found


if __name__ == "__main__":
    main()
