"""What commands find around them: a display, network cameras, a broker, free ports, a home, a Python of the importers."""

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

from places import CACHE, PROGRAMS, ROOT

PATIENCE = 60
FOOTAGE = CACHE / "footage" / "vtest.avi"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def wait_for(what, found):
    end = time.monotonic() + PATIENCE
    while not (result := found()):
        if time.monotonic() > end:
            raise SystemExit(f"{what} does not come")
        time.sleep(0.1)
    return result


class Surroundings:
    """In: an empty folder. Out: `names` for tables.REPLACED, the `environment` of commands; `close` ends what was started."""

    def __init__(self, folder):
        self.folder = folder
        self.processes = []
        self.names = {"page": free_port(), "broker": free_port(), "safe_broker": free_port(), "certificates": folder / "certificates"}
        self.environment = self.surrounding_variables()

    def start(self):
        self.start_display()
        for name in ("gate", "yard", "camera"):
            self.start_camera(name)
        self.start_broker()
        self.make_python()

    def close(self):
        for process in self.processes:
            process.kill()
            process.wait()

    def begin(self, name, arguments, **options):
        log = self.folder / f"{name}.log"
        with log.open("wb") as file:
            self.processes.append(subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=self.environment, **options))

    def surrounding_variables(self):
        home = self.folder / "home"
        cache = home / ".cache" / "ssdcrp"
        cache.mkdir(parents=True)
        # All that the cache has, by links; but what scripts write into it is not for others.
        for part in CACHE.iterdir():
            if part.name != "models":
                (cache / part.name).symlink_to(part)
        kept = CACHE / "shown"
        old = Path.home()
        environment = {name: value for name, value in os.environ.items() if name not in ("SSDCRP_CACHE", "XDG_CACHE_HOME", "MAKEFLAGS", "CARGO_TARGET_DIR", "WAYLAND_DISPLAY")}
        environment |= {
            "HOME": str(home),
            "PATH": f"{PROGRAMS}:{self.folder / 'python' / 'bin'}:{os.environ['PATH']}",
            "GST_PLUGIN_PATH": str(PROGRAMS),
            "GST_REGISTRY": str(self.folder / "registry"),
            "NO_AT_BRIDGE": "1",
            # What was fetched once is not fetched again; where from is the user's own setting.
            "PIP_CACHE_DIR": str(kept / "pip"),
            "PIP_NO_COMPILE": "1",
            "NPM_CONFIG_CACHE": str(kept / "npm"),
            "NPM_CONFIG_USERCONFIG": str(old / ".npmrc"),
        }
        settings = old / ".config" / "pip" / "pip.conf"
        if settings.is_file():
            environment.setdefault("PIP_CONFIG_FILE", str(settings))
        if "ORT_DYLIB_PATH" not in environment:
            environment["ORT_DYLIB_PATH"] = subprocess.run([ROOT / "setup" / "onnxruntime.sh", "--where"], check=True, capture_output=True, text=True).stdout.strip()
        return environment

    def start_display(self):
        told = self.folder / "display"
        self.begin("xvfb", ["bash", "-c", f"exec Xvfb -displayfd 7 -screen 0 1024x768x24 -nolisten tcp -noreset 7>'{told}'"])
        self.environment["DISPLAY"] = f":{wait_for('a display', lambda: told.is_file() and told.read_text().strip())}"

    def start_camera(self, name):
        port = self.folder / f"{name}.port"
        self.begin(name, [sys.executable, ROOT / "tests" / "rtsp_server.py", port, FOOTAGE])
        self.names[name] = wait_for("a camera", lambda: port.is_file() and port.read_text())

    def start_broker(self):
        """Open to all on one port; on another with TLS, to whom the pages name."""
        certificates = self.names["certificates"]
        certificates.mkdir()
        key, certificate, passwords = self.folder / "key.pem", certificates / "broker.pem", self.folder / "passwords"
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext",
             "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True)
        subprocess.run(["openssl", "rehash", certificates], check=True)
        subprocess.run(["mosquitto_passwd", "-b", "-c", passwords, "monitor", "PASSWORD"], check=True)
        configuration = self.folder / "mosquitto.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        configuration.write_text(
            f"{user}per_listener_settings true\nlistener {self.names['broker']} 127.0.0.1\nallow_anonymous true\n"
            f"listener {self.names['safe_broker']} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\ncertfile {certificate}\nkeyfile {key}\n")
        self.begin("broker", [shutil.which("mosquitto", path=f"{os.environ['PATH']}:/usr/sbin"), "-c", configuration])

    def make_python(self):
        """A Python that has what the oracle's has, and takes more without changing that."""
        folder = self.folder / "python"
        oracle = CACHE / "oracle" / "bin" / "python"
        subprocess.run([oracle, "-m", "venv", folder], check=True)
        script = "import sysconfig; print(sysconfig.get_path('purelib'))"
        theirs, ours = (subprocess.run([python, "-c", script], check=True, capture_output=True, text=True).stdout.strip() for python in (oracle, folder / "bin" / "python"))
        (Path(ours) / "oracle.pth").write_text(theirs + "\n")
