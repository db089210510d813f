"""What was measured, as peers.md and peers.json, and printed.

In: per number of threads the seconds of each row, the notes of each row, the videos' figures, cosines and versions. Out: the two files. Ratios are of
the medians to the forward pass F of the same run.
"""

import json
import platform
import statistics
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("torch", "zennit", "grad-cam", "onnxruntime", "onnx", "numpy", "pillow")


def machine():
    """The processor's name and how many of it there are, where Linux says so."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    except OSError:
        names = []
    return f"{len(names)} x {names[0]}" if names else platform.processor() or platform.machine()


def summary(seconds, forward):
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive") if len(seconds) > 1 else seconds * 3
    ratio = median / forward if forward else 1.0
    return {"ratio": ratio, "median_ms": 1e3 * median, "quartiles_ms": [1e3 * low, 1e3 * high], "rounds": len(seconds)}


def write(folder, tables, notes, videos, checks, command):
    rows = {}
    for threads, times in tables.items():
        forward = statistics.median(times["F, the detector's forward pass"])
        rows[threads] = {name: summary(seconds, forward) for name, seconds in times.items()}
    versions = {name: version(name) for name in PACKAGES} | {"python": platform.python_version()}
    found = {"machine": machine(), "versions": versions, "checks": checks, "threads": rows, "notes": notes, "video": videos}
    (folder / "peers.json").write_text(json.dumps(found, indent=1) + "\n")
    lines = [
        "# Explanations by others, beside ours",
        "",
        f"Written by `{command}` on {found['machine']}.",
        ", ".join(f"{name} {number}" for name, number in versions.items()) + ".",
        "",
        "One model (the built-in detector), one picture, class person, measured in turn, round by round. Ratios are to F of the same run.",
        "Ours has detection's forward pass in it; the peers' rows are the explanation alone, by the network up to their head.",
        "",
        *[f"* {name}: {value}" for name, value in checks.items()],
    ]
    for threads, table in rows.items():
        lines += ["", f"## {threads} thread{'s' if int(threads) > 1 else ''}", "", "| | times F | median ms | quartiles ms | rounds | chosen |", "|---|---|---|---|---|---|"]
        for name, row in table.items():
            low, high = row["quartiles_ms"]
            chosen = notes.get(f"{name}, {threads}", "")
            lines.append(f"| {name} | {row['ratio']:.2f} | {row['median_ms']:.1f} | {low:.1f}, {high:.1f} | {row['rounds']} | {chosen} |")
    if videos:
        lines += ["", "## Every frame of a video, 768x576, no encoder", "", "| | frames a second | CPU, 100 = one core | runs |", "|---|---|---|---|"]
        for name, runs in videos.items():
            fps, cpu = (statistics.median(run[key] for run in runs) for key in ("fps", "cpu"))
            lines.append(f"| {name} | {fps:.1f} | {cpu:.0f} | {len(runs)} |")
    text = "\n".join(lines) + "\n"
    (folder / "peers.md").write_text(text)
    print(text)
