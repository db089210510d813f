"""Real footage for the tests, and the programs that they try."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", ROOT / "target" / "debug")).resolve()
CACHE = pathlib.Path(os.environ.get("SSDCRP_CACHE", pathlib.Path.home() / ".cache" / "ssdcrp"))


def clip(path, frames):
    """The footage's first frames, copied without decoding: ten are a second."""
    subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", f"location={CACHE / 'footage' / 'vtest.avi'}", "!", "avidemux", "!",
         "identity", f"eos-after={frames + 1}", "!", "avimux", "!", "filesink", f"location={path}"], check=True)
