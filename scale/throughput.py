"""How fast an archive is annotated with 1, 2 and 4 workers of Ray on this computer, beside one process without Ray.

    python throughput.py VIDEO [--command ssdcrp] [--rounds 3] [--segment 10] [--overlap 2]

In: a video that is to be cut. Out: a table in Markdown, medians over the rounds; in each round all rows take turns. A worker
computes on one thread, and so does the one process. The time is that from the video to its joined tables: the cluster is there
already, and has run a task on each node.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

import ray
from ray.cluster_utils import Cluster

import ray_archive

WORKERS = (1, 2, 4)
OPTIONS = ["--threads", "1"]


@ray.remote(num_cpus=1, scheduling_strategy="SPREAD")
def warm():
    """Has Ray start a worker."""
    time.sleep(0.5)


def alone(video, command, folder):
    """Seconds of one process, and the frames of the video."""
    begun = time.monotonic()
    run = subprocess.run([command, "annotate", video, "-o", folder, *OPTIONS], capture_output=True, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"throughput: {run.stderr.strip()}")
    seconds = time.monotonic() - begun
    [record] = (folder / "inputs").glob("*.json")
    return seconds, json.loads(record.read_text())["frames"]


def clustered(video, command, folder, workers, segment, overlap):
    """Seconds of so many nodes with a core each."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(workers):
        cluster.add_node(num_cpus=1)
    ray.init(address=cluster.address, log_to_driver=False)
    try:
        ray.get([warm.remote() for _ in range(workers)])
        begun = time.monotonic()
        _, failures = ray_archive.run([video], folder, command, segment, overlap, OPTIONS, lambda line: None)
        seconds = time.monotonic() - begun
    finally:
        ray.shutdown()
        cluster.shutdown()
    if failures:
        raise SystemExit(f"throughput: {failures}")
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("video", type=pathlib.Path)
    parser.add_argument("--command", default="ssdcrp")
    parser.add_argument("--rounds", type=int, choices=range(1, 100), default=3, metavar="N")
    parser.add_argument("--segment", type=ray_archive.seconds(above=0), default=10, metavar="SECONDS")
    parser.add_argument("--overlap", type=ray_archive.seconds(), default=2, metavar="SECONDS")
    arguments = parser.parse_args()
    times, frames = {name: [] for name in ("one process", *WORKERS)}, 0
    for _ in range(arguments.rounds):
        for name, measured in times.items():
            with tempfile.TemporaryDirectory() as temporary:
                folder = pathlib.Path(temporary)
                if name == "one process":
                    seconds, frames = alone(arguments.video, arguments.command, folder)
                else:
                    seconds = clustered(arguments.video, arguments.command, folder, name, arguments.segment, arguments.overlap)
            measured.append(seconds)
            print(f"{name}: {seconds:.1f} s", flush=True)
    first = statistics.median(times[WORKERS[0]])
    print(f"\n{frames} frames, segments of {arguments.segment:g} s with an overlap of {arguments.overlap:g} s, {arguments.rounds} rounds\n")
    print("| workers | seconds, median (least, most) | frames a second | efficiency |\n|---|---|---|---|")
    for name, measured in times.items():
        median = statistics.median(measured)
        efficiency = "" if name == "one process" else f"{first / median / name:.0%}"
        print(f"| {name} | {median:.1f} ({min(measured):.1f}, {max(measured):.1f}) | {frames / median:.1f} | {efficiency} |")


if __name__ == "__main__":
    main()
