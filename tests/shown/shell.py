"""A shell that runs a block's commands one after the other, so that what one sets is there for the next, and says which one failed."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

# No command takes longer on the slowest computer, and no program that runs until it is ended needs longer to be seen at work, or to end.
LONGEST, PATIENCE = 3600, 300
# How long that one goes on when it has been seen at work.
GOES_ON = 2


class Failed(Exception):
    pass


class Shell:
    """bash -euo pipefail in a folder. What its commands write goes to the file `log`."""

    def __init__(self, folder, environment, log):
        self.log = log
        self.told, told = os.pipe()
        os.set_blocking(self.told, False)
        self.has_ended = False
        self.channel = told
        # A shell in the background would have it that nothing ends by Ctrl-C.
        self.bash = subprocess.Popen(
            ["env", "--default-signal=INT,QUIT", "bash", "-euo", "pipefail"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            cwd=folder, env=environment, start_new_session=True, pass_fds=[told], text=True)
        os.close(told)

    def close(self):
        """Ends the shell, and what its commands have left behind."""
        self.bash.stdin.close()
        for process in self.processes(lambda group, session: session == self.bash.pid):
            os.kill(process, signal.SIGKILL)
        self.bash.wait()
        os.close(self.told)

    def run(self, text, at_work=None):
        """Runs a command to its end; one that runs until it is ended, until `at_work` says that it is, and then Ctrl-C ends it."""
        if subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False).returncode:
            raise Failed("no whole command of a shell")
        self.log.write_bytes(b"")
        self.has_ended = False
        self.bash.stdin.write(f"{{ {text}\n}} </dev/null >>'{self.log}' 2>&1 {self.channel}>&-\necho >&{self.channel}\n")
        self.bash.stdin.flush()
        if at_work is None:
            self.wait_for(self.ended, LONGEST, "has not ended")
            return
        seen = False

        def seen_or_ended():
            nonlocal seen
            ended = self.ended()
            seen = at_work()
            return seen or ended

        self.wait_for(seen_or_ended, PATIENCE, "was not seen at work")
        if not seen:
            raise Failed("ended before it was seen at work")
        with contextlib.suppress(TimeoutError):
            self.wait_for(self.ended, GOES_ON)
        # As a terminal does: all of the foreground, but for the shell, which waits.
        for process in self.processes(lambda group, session: group == self.bash.pid):
            if process != self.bash.pid:
                os.kill(process, signal.SIGINT)
        self.wait_for(self.ended, PATIENCE, "has not ended by Ctrl-C")

    def wait_for(self, condition, seconds, failure=None):
        """Until a condition holds. The shell ends when a command has failed."""
        end = time.monotonic() + seconds
        while not condition():
            if self.bash.poll() is not None:
                raise Failed(f"ended with {self.bash.returncode}")
            if time.monotonic() > end:
                raise Failed(f"{failure} after {seconds} s") if failure else TimeoutError
            time.sleep(0.05)

    def ended(self):
        """Whether the shell has told that a command ended well."""
        with contextlib.suppress(BlockingIOError):
            self.has_ended = self.has_ended or bool(os.read(self.told, 1))
        return self.has_ended

    @staticmethod
    def processes(chosen):
        """Those whose group and session are chosen."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    fields = (entry / "stat").read_text().rpartition(")")[2].split()
                except OSError:
                    continue
                # After the name come state, parent, group, session.
                if chosen(int(fields[2]), int(fields[3])):
                    found.append(int(entry.name))
        return found
