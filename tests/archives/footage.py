"""Real footage for the tests, and the programs that they try."""

import os
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", ROOT / "target" / "debug")).resolve()
CACHE = pathlib.Path(os.environ.get("SSDCRP_CACHE", pathlib.Path.home() / ".cache" / "ssdcrp"))


def clip(path, frames, every=10):
    """The footage's first frames as H.264 in Matroska, every so many a key frame: ten are a second.

    The same pictures each time: with several threads x264 decides otherwise from run to run.
    """
    # As pipelines/element.sh ends a stream: a decoder may hand over more behind the end.
    end = ["queue", "!", *2 * ["identity", f"eos-after={frames + 1}", "!"], "queue", "!"]
    subprocess.run(
        ["gst-launch-1.0", "-q", "filesrc", f"location={CACHE / 'footage' / 'vtest.avi'}", "!", "decodebin", "!",
         *end, "videoconvert", "!", "video/x-raw,format=I420", "!",
         "x264enc", f"key-int-max={every}", "speed-preset=veryfast", "bframes=0", "threads=1", "!", "matroskamux", "!",
         "filesink", f"location={path}"], check=True)
