"""Annotates long videos on a cluster of Ray: each is cut into segments, these are tasks, and their tables are joined.

    python ray_archive.py VIDEO… -o FOLDER [--segment 60] [--overlap 12] [--address auto] [-- OPTION…]

In: videos in a folder that all nodes see. Out: FOLDER/detections, explanations and events as `ssdcrp annotate` makes them.
What comes behind `--` goes to `ssdcrp annotate`. A task whose node is gone runs again on another; the same command again goes
on where it stopped.
"""

import argparse
import dataclasses
import hashlib
import json
import pathlib
import subprocess
import sys
import time

import ray

import join
import segments as cutting

# How long a task waits for a process that still has its segment, and how often it looks: the node of that process may be gone
# for the cluster before it is gone.
PATIENCE = 600
LOOK = 1


@ray.remote(num_cpus=1, max_retries=8, scheduling_strategy="SPREAD")
def annotate(command, segment, folder, options):
    """Annotates a segment; returns what is wrong, or None. What an earlier try has done is not done again."""
    # A worker that is killed takes its process along.
    arguments = ["setpriv", "--pdeathsig", "KILL", command, "annotate", segment, "-o", folder, *options]
    end = time.monotonic() + PATIENCE
    while True:
        run = subprocess.run(arguments, capture_output=True, text=True, check=False)
        last = (run.stderr.strip().splitlines() or ["it says nothing"])[-1]
        if run.returncode == 0:
            return None
        if "left to other processes" not in last or time.monotonic() > end:
            return f"exit status {run.returncode}: {last}"
        time.sleep(LOOK)


def name_of(path):
    """As `ssdcrp annotate` names what it makes of a file."""
    stem = "".join(letter if letter.isalnum() or letter in "._" else "-" for letter in path.stem[:80])
    return f"{stem.lstrip('.')}-{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"


def segments_of(path, folder, length, overlap):
    """Cuts a video, unless an earlier run has."""
    plan = folder / "plan.json"
    found = path.stat()
    wanted = {"bytes": found.st_size, "modified": found.st_mtime_ns, "segment": length, "overlap": overlap}
    if plan.exists():
        known = json.loads(plan.read_text())
        if {key: known[key] for key in wanted} == wanted:
            return [cutting.Segment(**segment) for segment in known["segments"]]
    made = cutting.cut(str(path), folder, length, overlap)
    hidden = plan.with_suffix(".part")
    hidden.write_text(json.dumps({**wanted, "segments": [dataclasses.asdict(segment) for segment in made]}))
    hidden.rename(plan)
    return made


def parts_of(folder, segments):
    """The tables of all segments, in their order."""
    def file(table, segment):
        found = folder / table / f"{name_of(pathlib.Path(segment.path))}.parquet"
        return str(found)
    return {table: [file(table, segment) for segment in segments] for table in join.TABLES}


def run(videos, folder, command, length, overlap, options, tell=print):
    """Annotates all videos; returns the rows of each, and what went wrong. `tell` is told of every segment that is done."""
    folder = pathlib.Path(folder).resolve()
    plans = {}
    for video in sorted({pathlib.Path(video).resolve() for video in videos}):
        name = name_of(video)
        plans[video] = segments_of(video, folder / "segments" / name, length, overlap)
    waiting = {}
    for video, segments in plans.items():
        for segment in segments:
            parts = str(folder / "parts" / name_of(video))
            waiting[annotate.remote(command, segment.path, parts, options)] = (video, segment)
    total, begun, failures = len(waiting), time.monotonic(), {}
    while waiting:
        [ready], _ = ray.wait(list(waiting), num_returns=1)
        video, segment = waiting.pop(ready)
        wrong = ray.get(ready)
        if wrong:
            failures.setdefault(str(video), []).append(f"{segment.path}: {wrong}")
        tell(f"{total - len(waiting)} of {total} segments in {time.monotonic() - begun:.0f} s: {video.name} "
             f"{segment.own:.1f} s{': ' + wrong if wrong else ''}")
    counts = {}
    for video, segments in plans.items():
        if str(video) not in failures:
            parts = parts_of(folder / "parts" / name_of(video), segments)
            counts[str(video)] = join.join(video, segments, parts, folder, name_of(video))
    return counts, failures


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER")
    parser.add_argument("--command", default="ssdcrp", help="the command on all nodes")
    parser.add_argument("--segment", type=float, default=60, metavar="SECONDS", help="least length of a segment")
    parser.add_argument("--overlap", type=float, default=12, metavar="SECONDS", help="how much a segment sees before its own part")
    parser.add_argument("--address", help="of the cluster; none is one on this computer alone")
    own, options = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, options = own[:at], own[at + 1:]
    arguments = parser.parse_args(own)
    ray.init(address=arguments.address)
    counts, failures = run(arguments.videos, arguments.output, arguments.command, arguments.segment, arguments.overlap, options)
    for video, rows in counts.items():
        print(f"{video}: " + ", ".join(f"{number} {table}" for table, number in rows.items()))
    for video, wrong in failures.items():
        print(f"{video}: " + "; ".join(wrong), file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
