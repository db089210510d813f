#!/usr/bin/env python3
"""A stand-in for Frigate's HTTP API: frigate_server.py PHOTO PNG WEBP SMALL MODEL_HASH RELEASE

Written after Frigate's documentation (https://docs.frigate.video/integrations/api/), with the parts that the monitor asks for.
PHOTO is the snapshot, PNG and WEBP the same without a loss, SMALL one of another shape. Prints its port, then the target of each
request. How an event's snapshot comes is said by the first word of its id: "now-1" while the object is followed, "over-1" as
it was saved, "clean-1" without what is drawn into saved ones (as PNG, and of "newer-1" as WebP), "late-1" at the second try, "gone-1" never, "moved-1"
elsewhere, "endless-1" without an end, "silent-1" not at all, "cropped-1" in another shape, "text-1" as no picture, "cut-1" up to its half,
"held-1" once there is a file RELEASE. The camera "side" has smaller pictures until its configuration was read once.
"""

import http.server
import json
import pathlib
import sys
import threading
import time

CONFIG = {
    "cameras": {
        "front_door": {"detect": {"enabled": True, "width": 1280, "height": 960, "fps": 5}},
        "back.yard": {"detect": {"enabled": True, "width": 768, "height": 576, "fps": 5}},
    },
    "detectors": {"ov": {"type": "openvino", "device": "CPU"}},
    "model": {"path": "/openvino-model/ssdlite_mobilenet_v2.xml", "width": 300, "height": 300},
    "mqtt": {"host": "broker", "topic_prefix": "frigate"},
}


class Frigate(http.server.BaseHTTPRequestHandler):
    photo = b""
    png = b""
    webp = b""
    small = b""
    model_hash = ""
    release = pathlib.Path()
    side = {"width": 640, "height": 480}
    tries: dict[str, int] = {}

    def do_GET(self) -> None:
        print(self.path, self.headers["authorization"] or "", flush=True)
        path, _, query = self.path.partition("?")
        parts = path.removeprefix("/base").strip("/").split("/")
        if parts == ["api", "config"]:
            cameras = CONFIG["cameras"] | {"side": {"detect": Frigate.side}}
            Frigate.side = {"width": 768, "height": 576}
            self.answer(json.dumps(CONFIG | {"cameras": cameras}).encode(), "application/json")
        elif parts[:2] == ["api", "events"] and len(parts) == 3:
            event = {"id": parts[2], "model_hash": self.model_hash or None, "model_type": "ssd", "detector_type": "openvino"}
            self.answer(json.dumps(event).encode(), "application/json")
        elif parts[:2] == ["api", "events"] and parts[3:] == ["snapshot.jpg"]:
            self.snapshot(parts[2], query)
        elif parts[:2] == ["api", "events"] and parts[3:] == ["snapshot-clean.png"] and parts[2].startswith("clean"):
            self.answer(self.png, "image/png", "private, max-age=31536000")
        elif parts[:2] == ["api", "events"] and parts[3:] == ["snapshot-clean.webp"] and parts[2].startswith("newer"):
            self.answer(self.webp, "image/webp", "private, max-age=31536000")
        else:
            self.answer(b'{"success": false, "message": "Event not found"}', "application/json", status=404)

    def snapshot(self, event: str, query: str) -> None:
        kind = event.split("-")[0]
        while kind == "held" and not self.release.exists():
            time.sleep(0.01)
        self.tries[event] = self.tries.get(event, 0) + 1
        if kind == "moved":
            self.send_response(302)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere.jpg")
            self.send_header("Content-Length", "0")
            self.end_headers()
        elif kind == "endless":
            self.send_response(200)
            self.end_headers()
            while True:
                self.wfile.write(bytes(1 << 20))
        elif kind == "silent":
            threading.Event().wait()
        elif kind == "gone" or (kind == "late" and self.tries[event] < 2):
            self.answer(b'{"success": false, "message": "Event not found"}', "application/json", status=404)
        elif kind == "text":
            self.answer(b"<html>hello</html>", "text/html", "no-store")
        elif kind == "cut":
            self.answer(self.photo[: len(self.photo) // 2], "image/jpeg", "no-store")
        elif kind == "cropped":
            self.answer(self.small, "image/jpeg", "private, max-age=31536000")
        elif kind == "over":
            self.answer(self.photo, "image/jpeg", "private, max-age=31536000")
        else:
            assert "bbox=0" in query and "crop=0" in query and "timestamp=0" in query, query
            self.answer(self.photo, "image/jpeg", "no-store")

    def answer(self, body: bytes, kind: str, cache: str = "no-store", status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", cache)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Who asked has hung up."""


def main() -> None:
    photo, png, webp, small, Frigate.model_hash, release = sys.argv[1:]
    Frigate.release = pathlib.Path(release)
    pictures = (pathlib.Path(name).read_bytes() for name in (photo, png, webp, small))
    Frigate.photo, Frigate.png, Frigate.webp, Frigate.small = pictures
    server = Server(("127.0.0.1", 0), Frigate)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
