"""A network camera whose packets are damaged: it answers as an RTSP server does, and then sends H.264 packets of noise.

It prints its port. Each connection plays until the client goes.
"""

import itertools
import random
import socket
import struct
import threading

DESCRIPTION = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=damaged",
        "t=0 0",
        "a=control:*",
        "m=video 0 RTP/AVP 96",
        "a=rtpmap:96 H264/90000",
        "a=fmtp:96 packetization-mode=1",
        "a=control:track",
        "",
    ]
)


def answer(request):
    """The answer to a request, and whether packets follow."""
    method = request.split(" ", 1)[0]
    number = next(line for line in request.split("\r\n") if line.lower().startswith("cseq"))
    status, headers, body = "200 OK", [number, "Session: 1"], ""
    if method == "OPTIONS":
        headers.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
    elif method == "DESCRIBE":
        body = DESCRIPTION
        headers += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
    elif method == "SETUP" and "TCP" in request:
        headers.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
    elif method == "SETUP":
        status = "461 Unsupported Transport"
    return "\r\n".join([f"RTSP/1.0 {status}", *headers, "", body]).encode(), method == "PLAY"


def send_noise(client):
    noise = random.Random(1)
    for number in itertools.count():
        packet = struct.pack(">BBHII", 0x80, 96, number & 0xFFFF, number * 3000, 1) + noise.randbytes(1000)
        client.sendall(b"$\0" + struct.pack(">H", len(packet)) + packet)


def serve(client):
    try:
        while request := client.recv(65536):
            text, plays = answer(request.decode(errors="replace"))
            client.sendall(text)
            if plays:
                send_noise(client)
    except (OSError, StopIteration):
        pass


listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
