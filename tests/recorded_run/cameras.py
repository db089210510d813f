#!/usr/bin/env python3
"""Three network cameras that never end: cameras.py PORT FOLDER

FOLDER has the frames of a film, 00000.jpg and so on. They come again and again, ten a second, as H.264 by RTSP, from
GStreamer's own RTSP server: rtsp://127.0.0.1:PORT/whole, /mirrored, and /later, which begins in the middle of the film. Prints
the port once it listens, and runs until it is killed. Needs Debian's python3-gi and gir1.2-gst-rtsp-server-1.0.
"""

import pathlib
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main() -> None:
    port, folder = sys.argv[1:]
    last = len(list(pathlib.Path(folder).glob("*.jpg"))) - 1
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    mirror = "videoflip video-direction=horiz"
    for name, first, change in [("whole", 0, "identity"), ("mirrored", 0, mirror), ("later", last // 2, "identity")]:
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch(
            f"( multifilesrc location={folder}/%05d.jpg start-index={first} index={first} stop-index={last} loop=true "
            "caps=image/jpeg,framerate=10/1 ! jpegdec ! videoconvert ! "
            f"{change} ! video/x-raw,format=I420 ! "
            "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=20 ! rtph264pay config-interval=-1 name=pay0 pt=96 )"
        )
        factory.set_shared(True)
        server.get_mount_points().add_factory(f"/{name}", factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen at port {port}")
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
