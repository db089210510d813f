"""What a process takes: memory and processor time, read from /proc every few seconds."""

import math
import os
import pathlib
import statistics
import threading
import time

TICK = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


class Samples:
    """Reads until it is stopped; one line is (seconds since the start, resident MiB, processor seconds)."""

    def __init__(self, process: int, interval: float) -> None:
        self.process = pathlib.Path("/proc") / str(process)
        self.interval = interval
        self.lines: list[tuple[float, float, float]] = []
        self.begun = time.monotonic()
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.read_all)
        self.thread.start()

    def read_all(self) -> None:
        while True:
            try:
                memory = int((self.process / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / MIB
                stat = (self.process / "stat").read_text()
            except OSError:
                # It has ended.
                return
            # Behind the name, which may have blanks: state is the first field, utime the 12th, stime the 13th.
            fields = stat.rpartition(")")[2].split()
            used = (int(fields[11]) + int(fields[12])) / TICK
            self.lines.append((time.monotonic() - self.begun, memory, used))
            if self.over.wait(self.interval):
                return

    def stop(self) -> None:
        self.over.set()
        self.thread.join()

    def table(self, rows: int = 12) -> str:
        """Memory and share of a core over time, in so many rows at the most."""
        lines = ["| minute | memory, MiB (median) | most | share of one core |", "|---|---|---|---|"]
        span = self.lines[-1][0] if self.lines else 0.0
        for row in range(rows):
            start, end = span * row / rows, span * (row + 1) / rows
            part = [line for line in self.lines if start <= line[0] <= end]
            if len(part) < 2:
                continue
            memory = [line[1] for line in part]
            share = (part[-1][2] - part[0][2]) / (part[-1][0] - part[0][0])
            lines.append(
                f"| {start / 60:.1f}–{end / 60:.1f} | {statistics.median(memory):.0f} | {max(memory):.0f} | {share:.0%} |"
            )
        return "\n".join(lines)

    def growth(self) -> float:
        """By which factor the median of the last quarter lies above that of the second: the first is the start's. NaN of too few."""
        quarter = len(self.lines) // 4
        # A process that has ended and was not waited for has no memory.
        if quarter == 0 or self.lines[-1][1] == 0.0:
            return math.nan
        median = [statistics.median(line[1] for line in self.lines[at : at + quarter]) for at in (quarter, 3 * quarter)]
        return median[1] / median[0]
