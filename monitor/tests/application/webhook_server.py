#!/usr/bin/env python3
"""A server that takes webhooks: webhook_server.py SECRET STATUSES [CERTIFICATE KEY]

Prints its port, then each request as a line of JSON, with whether its signature is that of the Standard Webhooks. It answers
with the statuses, "500,200" or "302:http://other/,200", one after the other, and with the last one from then on. 0 is no
answer at all.
"""

import base64
import hashlib
import hmac
import http.server
import json
import ssl
import sys


class Receiver(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    key = b""
    statuses: list[str] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        identifier, timestamp = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        signed = f"{identifier}.{timestamp}.".encode() + body
        expected = base64.b64encode(hmac.digest(self.key, signed, hashlib.sha256)).decode()
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        request = {
            "path": self.path,
            "host": self.headers["host"],
            "type": self.headers["content-type"],
            "id": identifier,
            "timestamp": int(timestamp),
            "is_signed": hmac.compare_digest(self.headers["webhook-signature"], f"v1,{expected}"),
            "body": body.decode(),
            "status": status,
        }
        print(json.dumps(request), flush=True)
        status, _, place = status.partition(":")
        if status == "0":
            self.close_connection = True
            return
        self.send_response(int(status))
        if place:
            self.send_header("Location", place)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def main() -> None:
    secret, statuses, *tls = sys.argv[1:]
    Receiver.key = base64.b64decode(secret.removeprefix("whsec_"))
    Receiver.statuses = statuses.split(",")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
