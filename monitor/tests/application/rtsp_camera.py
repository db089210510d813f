#!/usr/bin/env python3
"""A network camera with a password for monitor/tests: serves a photo as H.264 by RTSP, by GStreamer's own RTSP server.

Usage: rtsp_camera.py PORT USER PASSWORD PHOTO: prints the port that it listens at, a free one where PORT is 0, and runs
until it is killed. Needs Debian's python3-gi and gir1.2-gst-rtsp-server-1.0.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main() -> None:
    port, user, password, photo = sys.argv[1:]
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)

    auth = GstRtspServer.RTSPAuth()
    viewer = GstRtspServer.RTSPToken()
    viewer.set_string("media.factory.role", "viewer")
    auth.add_basic(GstRtspServer.RTSPAuth.make_basic(user, password), viewer)
    server.set_auth(auth)

    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(
        f"( filesrc location={photo} ! jpegdec ! videoscale ! videoconvert ! imagefreeze is-live=true ! "
        "video/x-raw,format=I420,width=480,height=360,framerate=5/1 ! "
        "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=5 ! rtph264pay config-interval=-1 name=pay0 pt=96 )"
    )
    factory.set_shared(True)
    permissions = GstRtspServer.RTSPPermissions()
    for permission in ("media.factory.access", "media.factory.construct"):
        permissions.add_permission_for_role("viewer", permission, True)
    factory.set_permissions(permissions)
    server.get_mount_points().add_factory("/camera", factory)

    if server.attach(None) == 0:
        sys.exit(f"cannot listen at port {port}")
    print(server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    main()
