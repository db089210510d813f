#!/usr/bin/env python3
"""ssdcrp-monitor at work for half an hour, with everything around it that fails: run.py [--minutes 30] [--output FOLDER]

Starts mosquitto, Prometheus, an RTSP server with three cameras, a subscriber, and the monitor. The RTSP server is killed twice
and the broker is away for a minute. At the end it says whether every event on the disk reached the subscriber, what memory and
processor time the monitor took, and photographs the page, the numbers and Prometheus. Everything lies in the output folder,
report.md among it; the exit status is 1 where an event was lost or a camera did not come back.

Needs Debian's mosquitto, mosquitto-clients, prometheus, chromium, python3-gi and gir1.2-gst-rtsp-server-1.0, and the footage
that `make test` puts into the cache.
"""

import argparse
import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator

sys.dont_write_bytecode = True

from browser import Browser  # noqa: E402
from samples import Samples  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# As the service's unit has it.
SERVICE = {"MALLOC_MMAP_THRESHOLD_": "262144"}
CAMERAS = ("whole", "mirrored", "later")
# From which minute on memory is judged: shorter runs are tries.
JUDGED_MINUTES = 20
# The median of the last quarter may lie so much above that of the second.
FLAT = 1.1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(what: str, found, seconds: float = 300) -> None:
    end = time.monotonic() + seconds
    while not found():
        if time.monotonic() > end:
            raise SystemExit(f"{what} does not come")
        time.sleep(0.2)


def listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


class Run:
    """What runs, and what is known of it."""

    def __init__(self, output: pathlib.Path, monitor: pathlib.Path) -> None:
        self.output = output
        self.monitor_program = monitor
        self.processes: dict[str, subprocess.Popen] = {}
        self.broker_port, self.camera_port, self.page_port, self.prometheus_port = (free_port() for _ in range(4))
        self.diary: list[str] = []
        self.begun = time.monotonic()

    def note(self, words: str) -> None:
        seconds = time.monotonic() - self.begun
        line = f"{int(seconds // 60):02}:{int(seconds % 60):02} {words}"
        print(line, flush=True)
        self.diary.append(line)

    def start(self, name: str, *command: object, out: str | None = None) -> None:
        """Starts a program; what it says is in the output folder."""
        said = (self.output / f"{name}.log").open("ab")
        told = (self.output / out).open("ab") if out else said
        arguments = [str(word) for word in command]
        environment = os.environ | SERVICE
        self.processes[name] = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=told, stderr=said, env=environment
        )

    def stop(self, name: str, how: signal.Signals = signal.SIGTERM) -> int:
        process = self.processes.pop(name)
        process.send_signal(how)
        return process.wait()

    def frames_of_film(self) -> pathlib.Path:
        """The footage as a folder of JPEGs."""
        folder = self.output / "frames"
        folder.mkdir()
        footage = pathlib.Path.home() / ".cache/ssdcrp/footage/vtest.avi"
        if not footage.exists():
            raise SystemExit(f"{footage} is not there: make test fetches it")
        pipeline = f"filesrc location={footage} ! decodebin ! videoconvert ! jpegenc ! multifilesink location={folder}/%05d.jpg"
        subprocess.run(["gst-launch-1.0", "-q", *pipeline.split()], check=True)
        return folder

    def start_broker(self) -> None:
        self.start("mosquitto", "/usr/sbin/mosquitto", "-c", self.output / "mosquitto.conf")
        wait_for("the broker", lambda: listens(self.broker_port))

    def start_cameras(self) -> None:
        self.start("cameras", "/usr/bin/python3", "-B", HERE / "cameras.py", self.camera_port, self.output / "frames")
        wait_for("the RTSP server", lambda: listens(self.camera_port))

    def start_all(self) -> None:
        self.frames_of_film()
        broker = self.output / "broker"
        broker.mkdir()
        (self.output / "mosquitto.conf").write_text(
            f"listener {self.broker_port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence true\n"
            f"persistence_location {broker}/\nautosave_interval 1\nautosave_on_changes true\n"
        )
        cameras = "".join(
            f'[[camera]]\nname = "{name}"\nsource = "rtsp://127.0.0.1:{self.camera_port}/{name}"\n' for name in CAMERAS
        )
        (self.output / "monitor.toml").write_text(
            f'[page]\naddress = "127.0.0.1:{self.page_port}"\n'
            f'[mqtt]\naddress = "mqtt://127.0.0.1:{self.broker_port}"\n'
            '[queue]\nfolder = "queue"\n[evidence]\nfolder = "evidence"\nper-minute = 10000\n'
            f"[defaults]\nretry-at-most = 10\n{cameras}"
        )
        (self.output / "prometheus.yml").write_text(
            "global: { scrape_interval: 5s }\n"
            f"rule_files: [{ROOT}/packaging/monitor/alerts.yml]\n"
            f'scrape_configs: [{{ job_name: ssdcrp, static_configs: [{{ targets: ["127.0.0.1:{self.page_port}"] }}] }}]\n'
        )
        self.start_broker()
        # Its name is kept by the broker: what comes while it is away waits there.
        arguments = ["-h", "127.0.0.1", "-p", self.broker_port, "-i", "recorder", "-c", "-q", 1, "-t", "ssdcrp/camera/+/event"]
        self.start("subscriber", "mosquitto_sub", *arguments, out="received.jsonl")
        self.start_cameras()
        self.start("monitor", self.monitor_program, "--config", self.output / "monitor.toml", out="events.jsonl")
        self.start(
            "prometheus",
            "prometheus",
            f"--config.file={self.output}/prometheus.yml",
            f"--storage.tsdb.path={self.output}/prometheus",
            f"--web.listen-address=127.0.0.1:{self.prometheus_port}",
        )
        wait_for("the page", lambda: listens(self.page_port))
        wait_for("all cameras", lambda: self.states() == ["playing"] * 3)
        wait_for("Prometheus", lambda: listens(self.prometheus_port))

    def ask(self, path: str) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.page_port}{path}", timeout=60) as answer:
            return answer.read().decode()

    def states(self) -> list[str]:
        return [camera["state"] for camera in json.loads(self.ask("/events?limit=1"))["cameras"]]

    def kill_cameras(self) -> None:
        self.stop("cameras", signal.SIGKILL)
        self.note("the RTSP server is killed")
        wait_for("the failure of all cameras", lambda: "playing" not in self.states())
        self.start_cameras()
        wait_for("all cameras again", lambda: self.states() == ["playing"] * 3)
        self.note("the RTSP server was started again, and all cameras play")

    def away(self, seconds: float) -> None:
        self.stop("mosquitto")
        self.note("the broker is away")
        time.sleep(seconds)
        waiting = [line for line in self.ask("/metrics").splitlines() if line.startswith("ssdcrp_outlet_queued{")]
        self.start_broker()
        self.note(f"the broker is there again; {waiting[0].split()[-1]} events had waited")

    def photograph(self) -> None:
        page, prometheus = (f"http://127.0.0.1:{port}" for port in (self.page_port, self.prometheus_port))
        graphs = {
            "prometheus-frames": "rate(ssdcrp_frames_detected_total[1m])",
            "prometheus-queue": "ssdcrp_outlet_queued",
        }
        minutes = max(1, int((time.monotonic() - self.begun) / 60) + 1)
        browser = Browser()
        try:
            browser.photograph(f"{page}/", self.output / "page.png", 1400, 1500, 20)
            browser.photograph(f"{page}/", self.output / "page-phone.png", 390, 1600, 10)
            browser.photograph(f"{page}/metrics", self.output / "metrics.png", 1400, 1500, 4)
            for name, expression in graphs.items():
                query = urllib.parse.urlencode({"g0.expr": expression, "g0.tab": 0, "g0.range_input": f"{minutes}m"})
                browser.photograph(f"{prometheus}/classic/graph?{query}", self.output / f"{name}.png", 1400, 800, 8)
            browser.photograph(f"{prometheus}/classic/alerts", self.output / "prometheus-alerts.png", 1400, 800, 6)
        finally:
            browser.close()

    def end(self) -> int:
        """Ends the monitor first, and the subscriber when nothing comes any more."""
        status = self.stop("monitor")
        self.note(f"the monitor has ended with exit status {status}")
        received = self.output / "received.jsonl"
        size = -1
        while size != received.stat().st_size:
            size = received.stat().st_size
            time.sleep(3)
        self.stop_all()
        return status

    def stop_all(self) -> None:
        for name in list(self.processes):
            self.stop(name)


def identifiers(lines: Iterator[str], field: str) -> list[str]:
    return [json.loads(line)[field] for line in lines]


def judge(run: Run, samples: Samples, status: int, minutes: float) -> list[str]:
    """What is wrong, and the report of all."""
    told = identifiers((run.output / "events.jsonl").open(), "id")
    received = identifiers((run.output / "received.jsonl").open(), "id")
    kept = [
        identifier
        for lines in (run.output / "evidence").glob("*/events.jsonl")
        for identifier in identifiers(lines.open(), "event-id")
    ]
    lost = [event for event in told if event not in set(received)]
    strange = [event for event in set(received) | set(kept) if event not in set(told)]
    twice = len(received) - len(set(received))
    growth = samples.growth()
    wrong = []
    if not told:
        wrong.append("no event was raised")
    if lost:
        wrong.append(f"{len(lost)} events were lost, {lost[0]} first")
    if strange:
        wrong.append(f"{len(strange)} events were never told, {strange[0]} first")
    if status != 0:
        wrong.append(f"the monitor's exit status is {status}")
    if minutes >= JUDGED_MINUTES and growth > FLAT:
        wrong.append(f"memory grew to {growth:.2f} times what it was")
    outcome = "\n".join(f"* {words}" for words in wrong) or "Nothing is wrong."
    diary = "\n".join(f"* {line}" for line in run.diary)
    report = f"""# {minutes:g} minutes of three cameras

{outcome}

| events | |
|---|---|
| raised: lines on the disk | {len(told)} |
| received by the subscriber | {len(set(received))}, {twice} of them twice |
| lost | {len(lost)} |
| with evidence on the disk | {len(kept)} |

Memory in the last quarter was {growth:.3f} times that of the second.

{samples.table()}

{diary}
"""
    (run.output / "report.md").write_text(report)
    lines = ["seconds,resident MiB,processor seconds", *(",".join(f"{n:.2f}" for n in line) for line in samples.lines)]
    (run.output / "samples.csv").write_text("\n".join(lines) + "\n")
    print(report)
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30, help="how long the monitor runs [default: 30]")
    parser.add_argument("--away", type=float, default=60, help="seconds without the broker [default: 60]")
    parser.add_argument("--output", type=pathlib.Path, default=ROOT / "target/recorded-run", help="a folder, which is made anew")
    parser.add_argument("--monitor", type=pathlib.Path, default=ROOT / "target/release/ssdcrp-monitor", help="the program")
    options = parser.parse_args()
    output = options.output.absolute()
    if not options.monitor.exists():
        raise SystemExit(f"{options.monitor} is not there: cargo build --release -p ssdcrp-monitor")
    # Only what an earlier run has made is removed.
    if output.exists() and any(output.iterdir()) and not (output / "monitor.toml").exists():
        raise SystemExit(f"{output} has other files: name a folder of its own")
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    # What was started ends with this.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by a signal"))
    run = Run(output, options.monitor.absolute())
    try:
        run.start_all()
        run.begun = time.monotonic()
        run.note("all cameras play")
        samples = Samples(run.processes["monitor"].pid, 2)
        try:
            deeds = [(0.2, run.kill_cameras), (0.4, lambda: run.away(options.away)), (0.7, run.kill_cameras)]
            for share, deed in deeds:
                time.sleep(max(0.0, run.begun + 60 * share * options.minutes - time.monotonic()))
                deed()
            # The photographs are a part of the run.
            time.sleep(max(0.0, run.begun + 60 * options.minutes - 75 - time.monotonic()))
            run.photograph()
            run.note("page and numbers are photographed")
            time.sleep(max(0.0, run.begun + 60 * options.minutes - time.monotonic()))
        finally:
            samples.stop()
        status = run.end()
    finally:
        run.stop_all()
    shutil.rmtree(output / "frames")
    if judge(run, samples, status, options.minutes):
        sys.exit(1)


if __name__ == "__main__":
    main()
