"""A headless Chromium that photographs pages, driven by its DevTools protocol over a pipe."""

import base64
import json
import os
import pathlib
import select
import shutil
import subprocess
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")
# A browser that says nothing for so long hangs.
PATIENCE = 120


class BrowserError(Exception):
    """The browser did not do what it was asked for."""


class Browser:
    """One page, until it is closed."""

    def __init__(self) -> None:
        name = next((name for name in NAMES if shutil.which(name)), None)
        if not name:
            raise SystemExit("needs a browser: setup/system-packages.sh chromium")
        self.profile = tempfile.TemporaryDirectory()
        # The protocol's pipes are 3 and 4.
        theirs_in, self.to = os.pipe()
        self.told, theirs_out = os.pipe()
        flags = ["--headless=new", "--remote-debugging-pipe", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        flags += ["--disable-dev-shm-usage", "--disable-background-networking", f"--user-data-dir={self.profile.name}"]
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out} </dev/null >/dev/null 2>&1'
        self.process = subprocess.Popen(["bash", "-c", command, name, *flags, "about:blank"], pass_fds=(theirs_in, theirs_out))
        os.close(theirs_in)
        os.close(theirs_out)
        self.rest = b""
        self.calls = 0
        self.session: str | None = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]

    def call(self, method: str, **parameters: object) -> dict:
        self.calls += 1
        message = {"id": self.calls, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while True:
            while b"\0" not in self.rest:
                if not select.select([self.told], [], [], PATIENCE)[0]:
                    raise BrowserError(f"the browser has said nothing for {PATIENCE} s")
                part = os.read(self.told, 1 << 16)
                if not part:
                    raise BrowserError("the browser has ended")
                self.rest += part
            answer, _, self.rest = self.rest.partition(b"\0")
            answer = json.loads(answer)
            if answer.get("id") == self.calls:
                if "error" in answer:
                    raise BrowserError(f"the browser: {answer['error']}")
                return answer["result"]

    def photograph(self, url: str, file: pathlib.Path, width: int, height: int, seconds: float, script: str = "") -> None:
        """What is at an address after some seconds, so that pictures have come; `script` runs halfway."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)
        time.sleep(seconds / 2)
        if script:
            exception = self.call("Runtime.evaluate", expression=script).get("exceptionDetails")
            if exception:
                raise BrowserError(f"the browser: {exception['text']}")
        time.sleep(seconds / 2)
        picture = self.call("Page.captureScreenshot", format="png")["data"]
        file.write_bytes(base64.b64decode(picture))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.told)
        self.profile.cleanup()
