"""Annotates long videos on a cluster of Ray: each is cut into segments, these are tasks, and their tables are joined.

    python ray_archive.py VIDEO… -o FOLDER [--store URL] [--segment 60] [--overlap 12] [--address auto] [-- OPTION…]

In: videos in a folder that all nodes see. Out: FOLDER/detections, explanations and events as `ssdcrp annotate` makes them, and
the same below URL, as s3://bucket/prefix. What comes behind `--` goes to `ssdcrp annotate`. A task whose node is gone runs again
on another; the same command again goes on where it stopped.
"""

import argparse
import pathlib
import subprocess
import sys
import time

import ray

from joined_archive import JoinedArchive
from store import ResultStore

# How long a task waits for a process that still has its segment, and how often it looks: the node of that process may be gone
# for the cluster before it is gone.
PATIENCE = 600
LOOK = 1
# The exit status of `ssdcrp annotate` where others are still at work.
LEFT_TO_OTHERS = 75
# Cores of a task.
CPUS = 1


@ray.remote(num_cpus=CPUS, max_retries=8, scheduling_strategy="SPREAD")
def annotate(command, segment, folder, options):
    """Annotates a segment; returns what is wrong, or None. What an earlier try has done is not done again."""
    # A worker that is killed takes its process along.
    arguments = ["setpriv", "--pdeathsig", "KILL", command, "annotate", segment, "-o", folder, *options]
    end = time.monotonic() + PATIENCE
    while True:
        run = subprocess.run(arguments, capture_output=True, text=True, errors="replace", check=False)
        if run.returncode == 0:
            return None
        if run.returncode != LEFT_TO_OTHERS or time.monotonic() > end:
            last = (run.stderr.strip().splitlines() or ["it says nothing"])[-1]
            return f"exit status {run.returncode}: {last}"
        time.sleep(LOOK)


# What a task does itself, and what is made for each segment and joined by nobody.
NOT_FOR_SEGMENTS = {
    "-o": "-o stands before --", "--output": "-o stands before --",
    "--shard": "the cluster shares the segments out", "--list": "a segment is no input of yours", "-0": "", "--null": "",
    "--video": "videos of segments are not joined: run ssdcrp annotate --video on the whole video",
    "--evidence": "evidence of segments is not joined: run ssdcrp annotate --evidence on the whole video",
}


def checked(options):
    """Options for `ssdcrp annotate` as tasks can take them.

    Raises ValueError for those that they cannot.
    """
    options = list(options)
    for index, option in enumerate(options):
        name, _, value = option.partition("=")
        short = option[:2] if option[:1] == "-" and option[:2] != "--" else name
        for known in (name, short):
            if known in NOT_FOR_SEGMENTS:
                raise ValueError(f"{known} is not for segments: {NOT_FOR_SEGMENTS[known]}")
        # A task runs in a folder of its worker's.
        if name == "--model" and value:
            options[index] = f"--model={pathlib.Path(value).resolve()}"
        elif name == "--model" and index + 1 < len(options):
            options[index + 1] = str(pathlib.Path(options[index + 1]).resolve())
    if not any(option.partition("=")[0] == "--threads" for option in options):
        options += ["--threads", str(CPUS)]
    return options


def run(videos, folder, command, length, overlap, options, tell=print, store=None):
    """Annotates all videos; returns the rows of each, and what went wrong with which. `tell` is told of every segment that is done."""
    options = checked(options)
    counts, failures = {}, {}
    with JoinedArchive(pathlib.Path(folder).resolve(), length, overlap, options, store) as archive:
        plans, waiting = {}, {}
        for video in sorted({pathlib.Path(video).resolve() for video in videos}):
            try:
                known = archive.counts_of(video)
                if known is not None:
                    counts[str(video)] = known
                    continue
                plans[video] = archive.begin(video)
            except Exception as error:  # whatever it is, the other videos go on
                failures[str(video)] = [f"{type(error).__name__}: {error}"]
                continue
            for segment in plans[video]:
                parts = str(archive.parts(video))
                waiting[annotate.remote(command, segment.path, parts, options)] = (video, segment)
        total, begun = len(waiting), time.monotonic()
        left = {video: len(segments) for video, segments in plans.items()}
        while waiting:
            [ready], _ = ray.wait(list(waiting), num_returns=1)
            video, segment = waiting.pop(ready)
            try:
                wrong = ray.get(ready)
            except Exception as error:  # a node without the command, a worker that was killed too often
                wrong = f"{type(error).__name__}: {last_line(error)}"
            if wrong:
                failures.setdefault(str(video), []).append(f"{segment.path}: {wrong}")
            tell(f"{total - len(waiting)} of {total} segments in {time.monotonic() - begun:.0f} s: {video.name} "
                 f"{segment.own:.1f} s{': ' + wrong if wrong else ''}")
            left[video] -= 1
            if left[video] == 0 and str(video) not in failures:
                try:
                    counts[str(video)] = archive.finish(video, plans[video])
                except Exception as error:
                    failures[str(video)] = [f"{type(error).__name__}: {error}"]
    return counts, failures


def last_line(error):
    """What an error says at its end, which for one of a task is the task's own."""
    return (str(error).strip().splitlines() or ["it says nothing"])[-1]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER")
    parser.add_argument("--store", type=ResultStore, metavar="URL", help="also write the joined tables there, as s3://bucket/prefix")
    parser.add_argument("--command", default="ssdcrp", help="the command on all nodes")
    parser.add_argument("--segment", type=float, default=60, metavar="SECONDS", help="least length of a segment")
    parser.add_argument("--overlap", type=float, default=12, metavar="SECONDS", help="how much a segment sees before its own part")
    parser.add_argument("--address", help="of the cluster; none is one on this computer alone")
    own, options = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, options = own[:at], own[at + 1:]
    arguments = parser.parse_args(own)
    try:
        checked(options)
    except ValueError as error:
        parser.error(str(error))
    ray.init(address=arguments.address)
    counts, failures = run(
        arguments.videos, arguments.output, arguments.command, arguments.segment, arguments.overlap, options, store=arguments.store)
    for video, rows in counts.items():
        print(f"{video}: " + ", ".join(f"{number} {table}" for table, number in rows.items()))
    for video, wrong in failures.items():
        print(f"{video}: " + "; ".join(wrong), file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
