"""Annotates long videos on a cluster of Ray: each is cut into segments, these are tasks, and their tables are joined.

    python ray_archive.py VIDEO… -o FOLDER [--store URL] [--segment 60] [--overlap 12] [--address auto] [-- OPTION…]

In: videos in a folder that all nodes see. Out: FOLDER/detections, explanations and events as `ssdcrp annotate` makes them, and
the same below URL, as s3://bucket/prefix. What comes behind `--` goes to `ssdcrp annotate`. A task whose node is gone runs again
on another; the same command again goes on where it stopped.
"""

import argparse
import math
import pathlib
import socket
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
# Seconds that a cluster may take to answer.
CONNECTED_WITHIN = 10
# Cores of a task.
CPUS = 1


@ray.remote(num_cpus=CPUS, max_retries=8, scheduling_strategy="SPREAD")
def annotate(command, *arguments):
    """Runs `ssdcrp annotate` on a node; returns what is wrong, or None. What an earlier try has done is not done again."""
    # A worker that is killed takes its process along.
    whole = ["setpriv", "--pdeathsig", "KILL", command, "annotate", *arguments]
    end = time.monotonic() + PATIENCE
    while True:
        run = subprocess.run(whole, capture_output=True, text=True, errors="replace", check=False)
        if run.returncode == 0:
            return None
        if run.returncode != LEFT_TO_OTHERS or time.monotonic() > end:
            last = (run.stderr.strip().splitlines() or ["it says nothing"])[-1]
            return f"exit status {run.returncode}: {last}"
        time.sleep(LOOK)


class Refused(Exception):
    """A run that cannot begin, in words for who started it."""


# Why a task does not take an option of `ssdcrp annotate` that is not below.
NOT_FOR_SEGMENTS = {
    "output": "-o stands before --",
    "shard": "the cluster shares the segments out",
    "prepare": "that is done for every run",
    "list": "it prints inputs, and those of a task are segments",
    "null": "it belongs to --list",
    "video": "videos of segments are not joined: run ssdcrp annotate --video on the whole video",
    "evidence": "evidence of segments is not joined: run ssdcrp annotate --evidence on the whole video",
}


class OptionParser(argparse.ArgumentParser):
    """Raises Refused rather than ends the program."""

    def error(self, message):
        raise Refused(f"behind --: {message}")


def checked(options):
    """Options for `ssdcrp annotate` as tasks can take them: with the model's absolute path, for a task runs in a folder of its worker's.

    Raises Refused for those that they cannot.
    """
    parser = OptionParser(add_help=False, allow_abbrev=False)
    parser.add_argument("inputs", nargs="*")
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--model", type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--threads", default=str(CPUS))
    parser.add_argument("--execution-provider")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("-o", "--output")
    parser.add_argument("--shard")
    parser.add_argument("-0", "--null", action="store_true")
    for flag in ("--prepare", "--list", "--video", "--evidence"):
        parser.add_argument(flag, action="store_true")
    given = vars(parser.parse_intermixed_args(options))
    if given["inputs"]:
        raise Refused(f"behind --: '{given['inputs'][0]}' is no option: videos stand before --")
    for name, why in NOT_FOR_SEGMENTS.items():
        if given[name]:
            raise Refused(f"behind --: --{name} is not for segments: {why}")
    made = [f"--set={setting}" for setting in given["set"]]
    return made + [f"--{name.replace('_', '-')}={given[name]}" for name in ("model", "threads", "execution_provider") if given[name]]


def run(videos, folder, command, length, overlap, options, tell=print, store=None):
    """Annotates all videos; returns the rows of each, and what went wrong with which. `tell` is told of every segment that is done.

    Raises Refused, before anything is changed, where the command does not take the options, or the folder's results were made with others.
    """
    options = checked(options)
    counts, failures = {}, {}
    with JoinedArchive(pathlib.Path(folder).resolve(), length, overlap, store) as archive:
        wrong = ray.get(annotate.remote(command, "--prepare", "-o", str(archive.folder), *options))
        if wrong:
            raise Refused(wrong)
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
                waiting[annotate.remote(command, segment.path, "-o", parts, *options)] = (video, segment)
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


def seconds(above=None):
    """What an option takes that is a time: a number from 0 on, or above a bound."""
    def parse(text):
        value = float(text)
        if not (math.isfinite(value) and value >= 0 and (above is None or value > above)):
            raise argparse.ArgumentTypeError(f"{text} is no time in seconds{'' if above is None else f' above {above}'}")
        return value
    return parse


def check_address(address):
    """Raises OSError where nobody answers at HOST:PORT or ray://HOST:PORT: Ray itself would try for ever."""
    host, separator, port = (address or "").removeprefix("ray://").rpartition(":")
    if separator and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=CONNECTED_WITHIN).close()
        except OSError as error:
            raise OSError(f"there is no cluster at {address}: {error}") from error


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("-o", "--output", required=True, metavar="FOLDER")
    parser.add_argument("--store", metavar="URL", help="also write the joined tables there, as s3://bucket/prefix")
    parser.add_argument("--command", default="ssdcrp", help="the command on all nodes")
    parser.add_argument("--segment", type=seconds(above=0), default=60, metavar="SECONDS", help="least length of a segment")
    parser.add_argument("--overlap", type=seconds(), default=12, metavar="SECONDS", help="how much a segment sees before its own part")
    parser.add_argument("--address", help="of the cluster; none is one on this computer alone")
    own, options = sys.argv[1:], []
    if "--" in own:
        at = own.index("--")
        own, options = own[:at], own[at + 1:]
    arguments = parser.parse_args(own)
    try:
        checked(options)
        store = ResultStore(arguments.store) if arguments.store else None
        check_address(arguments.address)
        ray.init(address=arguments.address)
        counts, failures = run(
            arguments.videos, arguments.output, arguments.command, arguments.segment, arguments.overlap, options, store=store)
    except (Refused, ray.exceptions.RayError, RuntimeError, ImportError, OSError, ValueError) as error:
        sys.exit(f"ray_archive: {last_line(error)}")
    for video, rows in counts.items():
        print(f"{video}: " + ", ".join(f"{number} {table}" for table, number in rows.items()))
    for video, wrong in failures.items():
        print(f"{video}: " + "; ".join(wrong), file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
