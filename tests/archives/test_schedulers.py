"""What docs/archives.md has for schedulers: GNU parallel and Slurm are run, the manifest of Kubernetes is held against its schema.

    python -m unittest discover -s tests/archives
"""

import getpass
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

import duckdb
import kubernetes_validate
import yaml

from footage import PROGRAMS, ROOT, clip

VERSION = "1.37"
CLIPS, FRAMES = 5, 6
# How long Slurm may take to start, and to end.
PATIENCE = 120


def page():
    return (ROOT / "docs" / "archives.md").read_text(encoding="utf-8")


class Shards(unittest.TestCase):
    """Eight shards by a scheduler give the rows of one process."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.work = pathlib.Path(temporary.name)
        cameras = self.work / "cameras"
        cameras.mkdir()
        for number in range(CLIPS):
            # Each is longer than the last one, so that none can be taken for another.
            clip(cameras / f"{number}.mkv", FRAMES + number)
        self.environment = {**os.environ, "PATH": f"{PROGRAMS}:{os.environ['PATH']}"}
        self.run_here(["ssdcrp", "annotate", "cameras/", "-o", "one", "--threads", "1"])

    def run_here(self, arguments, **options):
        subprocess.run(arguments, cwd=self.work, env=self.environment, check=True, **options)

    def check_results(self):
        for table in ("detections", "explanations", "events"):
            one, many = (duckdb.sql(f"SELECT * FROM '{self.work}/{name}/{table}/*.parquet' ORDER BY ALL").fetchall() for name in ("one", "results"))
            self.assertEqual(one, many, table)
            if table == "detections":
                self.assertEqual(len({row[0] for row in many}), CLIPS)

    def test_gnu_parallel(self):
        [line] = re.findall(r"^parallel -j .*$", page(), re.MULTILINE)
        self.run_here(["bash", "-c", line])
        self.check_results()

    def test_slurm(self):
        [script] = re.findall(r"```sh\n(#!/bin/sh\n#SBATCH .*?)```", page(), re.DOTALL)
        (self.work / "job.sh").write_text(script)
        self.start_slurm()
        # What a node with four cores does with tasks of four: one after the other.
        self.run_here(["sbatch", "--wait", "--output", "task-%a.txt", "job.sh"], timeout=10 * PATIENCE)
        told = [path.read_text() for path in sorted(self.work.glob("task-*.txt"))]
        self.assertEqual(len(told), 8, told)
        self.check_results()

    def start_slurm(self):
        """A cluster of this computer alone, which is told that it has four cores."""
        host = socket.gethostname().partition(".")[0]
        for folder in ("state", "spool"):
            (self.work / folder).mkdir()
        # Ports that are free now.
        holders = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
        control, node = (holder.getsockname()[1] for holder in holders)
        for holder in holders:
            holder.close()
        configuration = self.work / "slurm.conf"
        configuration.write_text(f"""
ClusterName=one
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={control}
SlurmdPort={node}
AuthType=auth/none
CredType=cred/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SlurmUser={getpass.getuser()}
SlurmdUser={getpass.getuser()}
StateSaveLocation={self.work}/state
SlurmdSpoolDir={self.work}/spool
SlurmctldPidFile={self.work}/slurmctld.pid
SlurmdPidFile={self.work}/slurmd.pid
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=sched_interval=1,batch_sched_delay=0
ReturnToService=2
MailProg={shutil.which("true")}
NodeName={host} NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES State=UP
""")
        self.environment["SLURM_CONF"] = str(configuration)
        self.environment["PATH"] += ":/usr/sbin:/sbin"
        for daemon in ("slurmctld", "slurmd"):
            log = open(self.work / f"{daemon}.log", "wb")
            self.addCleanup(log.close)
            process = subprocess.Popen([daemon, "-D"], cwd=self.work, env=self.environment, stdout=log, stderr=log)
            self.addCleanup(process.wait)
            self.addCleanup(process.terminate)
        end = time.monotonic() + PATIENCE
        while True:
            state = subprocess.run(["sinfo", "--noheader", "--format=%T"], env=self.environment, capture_output=True, text=True, check=False)
            if state.stdout.strip() == "idle":
                return
            if time.monotonic() > end:
                logs = "\n".join((self.work / f"{daemon}.log").read_text() for daemon in ("slurmctld", "slurmd"))
                self.fail(f"Slurm does not start: {state.stdout}{state.stderr}\n{logs[-4000:]}")
            time.sleep(0.5)


class Kubernetes(unittest.TestCase):
    def setUp(self):
        [text] = re.findall(r"```yaml\n(.*?)```", page(), re.DOTALL)
        self.job = yaml.safe_load(text)

    def test_the_job_is_one(self):
        kubernetes_validate.validate(self.job, VERSION, strict=True)

    def test_a_misspelled_field_would_be_found(self):
        self.job["spec"]["completionsMode"] = self.job["spec"].pop("completionMode")
        with self.assertRaises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(self.job, VERSION, strict=True)

    def test_its_shards_are_all(self):
        [container] = self.job["spec"]["template"]["spec"]["containers"]
        self.assertIn(f"/{self.job['spec']['completions']}\"", container["command"][-1])


if __name__ == "__main__":
    unittest.main()
