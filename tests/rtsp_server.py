#!/usr/bin/env python3
"""A network camera for tests/pipelines.sh: serves a video file as H.264 by RTSP to one client after the other.

Usage: rtsp_server.py PORT_FILE VIDEO: writes the port that it listens at to PORT_FILE. Knows OPTIONS, DESCRIBE, SETUP, PLAY
and TEARDOWN of RFC 2326, and no more than a test needs; gst-launch-1.0 encodes the pictures. Over UDP they come until the client
leaves; over TCP thirty come, and then the connection is closed.
"""

import contextlib
import pathlib
import socket
import subprocess
import sys

SDP = """v=0
o=- 0 0 IN IP4 127.0.0.1
s=test
t=0 0
c=IN IP4 127.0.0.1
m=video 0 RTP/AVP 96
a=rtpmap:96 H264/90000
a=fmtp:96 packetization-mode=1
a=control:video
"""


def encoder(video: list[str], sink: list[str], **options) -> subprocess.Popen:
    """Encodes a file, behind which there may be other elements, as RTP packets of H.264 for the elements `sink`."""
    return subprocess.Popen(
        ["gst-launch-1.0", "-q", "filesrc", f"location={video[0]}", "!", "decodebin", "!", *video[1:], "videoconvert", "!"]
        + ["x264enc", "tune=zerolatency", "speed-preset=ultrafast", "key-int-max=10", "!"]
        + ["rtph264pay", "config-interval=-1", "pt=96", "!", *sink],
        **options,
    )


def send_interleaved(client: socket.socket, video: str) -> None:
    """Thirty pictures over the connection itself (RFC 2326, 10.12)."""
    # Each packet comes behind its length (RFC 4571).
    framed = ["rtpstreampay", "!", "fdsink", "sync=true"]
    with encoder([video, "identity", "eos-after=31", "!"], framed, stdout=subprocess.PIPE) as packets:
        while length := packets.stdout.read(2):
            client.sendall(b"$\0" + length + packets.stdout.read(int.from_bytes(length, "big")))
    client.shutdown(socket.SHUT_RDWR)


def serve(client: socket.socket, video: str) -> None:
    """Answers requests until the client leaves; then no more pictures are sent."""
    sender, sink = None, None
    with client.makefile("rb") as lines:
        while request := lines.readline().decode():
            method, address = request.split(" ")[:2]
            headers = {}
            while line := lines.readline().decode().strip():
                name, _, value = line.partition(":")
                headers[name.lower()] = value.strip()
            answer = {"CSeq": headers.get("cseq", "0"), "Session": "1"}
            body = ""
            if method == "OPTIONS":
                answer["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"
            elif method == "DESCRIBE":
                body = SDP.replace("\n", "\r\n")
                answer |= {"Content-Type": "application/sdp", "Content-Base": address + "/"}
            elif method == "SETUP":
                transport = headers["transport"].split(",")[0]
                if "/TCP" in transport:
                    answer["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
                else:
                    ports = next(part for part in transport.split(";") if part.startswith("client_port="))
                    port = ports.removeprefix("client_port=").split("-")[0]
                    sink = ["udpsink", "host=127.0.0.1", f"port={port}"]
                    answer["Transport"] = f"RTP/AVP;unicast;{ports};server_port=6970-6971"
            answer["Content-Length"] = str(len(body))
            head = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
            client.sendall(f"RTSP/1.0 200 OK\r\n{head}\r\n{body}".encode())
            if method == "PLAY" and sink:
                sender = encoder([video], sink)
            elif method == "PLAY":
                send_interleaved(client, video)
                break
            elif method == "TEARDOWN":
                break
    if sender:
        sender.kill()
        sender.wait()


def main() -> None:
    port_file, video = sys.argv[1:]
    with socket.create_server(("127.0.0.1", 0)) as server:
        pathlib.Path(port_file).write_text(str(server.getsockname()[1]), encoding="ascii")
        while True:
            client, _ = server.accept()
            with client, contextlib.suppress(ConnectionError):
                serve(client, video)


if __name__ == "__main__":
    main()
