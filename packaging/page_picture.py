"""Takes a picture of a web page some time after it has opened: page_picture.py SECONDS WIDTH HEIGHT ADDRESS OUTPUT.png

In: an address; how long to wait, so that what the page's scripts fetch is there too; a size in pixels. Out: a PNG. It asks a
headless Chromium over Chrome's DevTools protocol (a pipe; each message ends with a zero byte): `chromium --screenshot` does not
wait for a stream of pictures.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

OPTIONS = ("--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage")


class Browser:
    """A Chromium whose pipes of the protocol are its files 3 and 4."""

    def __init__(self, profile: str):
        read_end, self.to = os.pipe()
        self.answers, write_end = os.pipe()
        # A shell gives them their numbers, whatever numbers they have here.
        start = f'exec chromium "$@" 3<&{read_end} 4>&{write_end}'
        command = ["bash", "-c", start, "chromium", *OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, pass_fds=(read_end, write_end), stdin=quiet, stdout=quiet, stderr=quiet)
        os.close(read_end)
        os.close(write_end)
        self.rest = b""
        self.calls = 0

    def message(self) -> dict:
        while b"\0" not in self.rest:
            read = os.read(self.answers, 1 << 16)
            if not read:
                raise EOFError("the browser has gone")
            self.rest += read
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method: str, session: str | None = None, **parameters) -> dict:
        self.calls += 1
        call = {"id": self.calls, "method": method, "params": parameters}
        if session:
            call["sessionId"] = session
        os.write(self.to, json.dumps(call).encode() + b"\0")
        while True:
            answer = self.message()
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]


def picture(address: str, width: int, height: int, seconds: float) -> bytes:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Browser(profile)
        try:
            page = browser.call("Target.createTarget", url="about:blank")["targetId"]
            session = browser.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            browser.call("Emulation.setDeviceMetricsOverride", session, **size)
            browser.call("Page.navigate", session, url=address)
            time.sleep(seconds)
            return base64.b64decode(browser.call("Page.captureScreenshot", session)["data"])
        finally:
            browser.process.terminate()
            browser.process.wait()


if __name__ == "__main__":
    seconds, width, height, address, output = sys.argv[1:]
    Path(output).write_bytes(picture(address, int(width), int(height), float(seconds)))
