"""The engine's side: the Rust program of ours.rs, kept running and told line by line what to explain.

In: the command that starts it, threads. Out: milliseconds of a forward pass or of a forward pass with explanations, measured inside the program.
"""

import os
import shlex
import subprocess

import numpy as np


class Ours:
    def __init__(self, command, threads):
        self.process = subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "THREADS": str(threads)},
        )

    def ask(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline().strip()
        if not answer or answer.startswith("error"):
            raise SystemExit(f"ours, asked for '{line[:60]}': {answer or 'it ended'}")
        return answer

    def forward(self):
        """Seconds of the detector's forward pass."""
        return float(self.ask("forward")) / 1e3

    def explain(self, composite, boxes):
        """Seconds of a forward pass and the explanation of class person at each of `boxes`."""
        return float(self.ask(f"{composite} {','.join(map(str, boxes))}")) / 1e3

    def relevance(self, composite, box):
        """Relevance [300, 300], summed over the colours."""
        return np.array(self.ask(f"{composite} {box} map").split(), dtype=np.float64).reshape(300, 300)

    def end(self):
        self.process.stdin.close()
        self.process.wait()
