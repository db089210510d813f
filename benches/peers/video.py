"""One way to explain a video's every frame, in a process of its own: python video.py METHOD VIDEO FRAMES THREADS

In: `element` (ssdcrp itself, from GST_PLUGIN_PATH), `none` (ssdcrp detecting alone), `zennit` or `layercam` (what a user would write: appsink, the detector in
ONNX Runtime, the explanation of its best box in PyTorch, a coloured blend, appsrc). Both end in a fakesink, without an encoder. Out: one line of
JSON: frames a second between the first frame that comes out and the last, and the CPU used in that time, 100 being one core.
"""

import json
import resource
import sys
import time

import numpy as np

if sys.argv[1] in ("zennit", "layercam"):
    # Before GStreamer's bindings: matplotlib, which grad-cam loads, crashes when it is loaded after them.
    import video_explainer

# Debian has GStreamer's bindings for its own Python; they load in this environment where both are of one version.
sys.path.append("/usr/lib/python3/dist-packages")
try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstApp", "1.0")
    from gi.repository import Gst, GstApp  # noqa: F401  (GstApp gives appsink and appsrc their methods)
except (ImportError, ValueError) as error:
    raise SystemExit(f"GStreamer's Python bindings do not load ({error}): make bench-peers with the system's Python 3 first on PATH")


class Arrivals:
    """Times and CPU at the first and the last frame that reach a sink."""

    def __init__(self, sink):
        self.frames, self.first, self.last = 0, None, None
        sink.get_static_pad("sink").add_probe(Gst.PadProbeType.BUFFER, self.arrived)

    def arrived(self, *_):
        used = resource.getrusage(resource.RUSAGE_SELF)
        self.last = (time.perf_counter(), used.ru_utime + used.ru_stime)
        self.first = self.first or self.last
        self.frames += 1
        return Gst.PadProbeReturn.OK

    def report(self):
        if self.frames < 2:
            raise SystemExit(f"only {self.frames} frames came out")
        elapsed = self.last[0] - self.first[0]
        cpu = 100 * (self.last[1] - self.first[1]) / elapsed
        print(json.dumps({"frames": self.frames, "fps": (self.frames - 1) / elapsed, "cpu": cpu}))


def wait(pipeline):
    """Runs a pipeline to its end."""
    pipeline.set_state(Gst.State.PLAYING)
    message = pipeline.get_bus().timed_pop_filtered(Gst.CLOCK_TIME_NONE, Gst.MessageType.EOS | Gst.MessageType.ERROR)
    failed = message.parse_error() if message.type == Gst.MessageType.ERROR else None
    pipeline.set_state(Gst.State.NULL)
    if failed:
        raise SystemExit(f"{failed[0].message}: {failed[1]}")


def source(video, frames):
    # identity ends the stream after so many buffers.
    return f"filesrc location={video} ! decodebin ! videoconvert ! identity eos-after={frames} ! "


def by_element(video, frames, threads, explain):
    # The first frame's heatmap is then the only one; what is measured begins after it.
    alone = "" if explain else "explain-interval=3600000000000"
    pipeline = Gst.parse_launch(
        source(video, frames) + f"queue ! ssdcrp mode=every-frame threads={threads} {alone} ! fakesink name=out sync=false"
    )
    arrivals = Arrivals(pipeline.get_by_name("out"))
    wait(pipeline)
    arrivals.report()


def by_python(video, frames, threads, method):
    explain = video_explainer.explainer(method, threads)
    reader = Gst.parse_launch(source(video, frames) + "video/x-raw,format=RGB ! appsink name=in sync=false max-buffers=2")
    writer = Gst.parse_launch("appsrc name=source format=time block=true ! queue ! fakesink name=out sync=false")
    appsink, appsrc = reader.get_by_name("in"), writer.get_by_name("source")
    arrivals = Arrivals(writer.get_by_name("out"))
    reader.set_state(Gst.State.PLAYING)
    writer.set_state(Gst.State.PLAYING)
    while (sample := appsink.emit("pull-sample")) is not None:
        buffer, caps = sample.get_buffer(), sample.get_caps()
        shape = caps.get_structure(0)
        height, width = shape.get_value("height"), shape.get_value("width")
        readable, mapped = buffer.map(Gst.MapFlags.READ)
        if not readable:
            raise SystemExit("a frame cannot be read")
        # Rows are padded to 4 bytes; 768 pixels need none.
        frame = np.frombuffer(mapped.data, np.uint8).reshape(height, -1)[:, : 3 * width].reshape(height, width, 3)
        shown = Gst.Buffer.new_wrapped(explain(frame).tobytes())
        buffer.unmap(mapped)
        shown.pts, shown.duration = buffer.pts, buffer.duration
        appsrc.set_property("caps", caps)
        appsrc.emit("push-buffer", shown)
    reader.set_state(Gst.State.NULL)
    appsrc.emit("end-of-stream")
    wait(writer)
    arrivals.report()


if __name__ == "__main__":
    method, video, frames, threads = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    Gst.init(None)
    if method in ("element", "none"):
        by_element(video, frames, threads, method == "element")
    else:
        by_python(video, frames, threads, method)
