"""When a command that runs until it is ended is seen at work: a window, a page, a file, a message or a text of its own."""

import contextlib
import subprocess
import urllib.error
import urllib.request


def at_work(sign, folder, output, surroundings):
    """Whether the sign of tables.ENDLESS is there: in a page's folder, in what the command wrote so far, or in its surroundings."""
    kind, _, what = sign.partition(" ")
    return {"window": window, "page": page, "message": message, "file": file, "text": text}[kind](what, folder, output, surroundings)


def window(_what, _folder, _output, surroundings):
    found = subprocess.run(["xdotool", "search", "--onlyvisible", "--name", "."], env=surroundings.environment, capture_output=True, check=False, timeout=60)
    return bool(found.stdout.strip())


def page(_what, _folder, _output, surroundings):
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{surroundings.names['page']}/", timeout=10) as answer:
        return b"</html>" in answer.read()
    return False


def message(_what, _folder, output, surroundings):
    """Tells both listeners of the broker something until the command repeats it."""
    names = surroundings.names
    safe = ["-p", str(names["safe_broker"]), "--cafile", names["certificates"] / "broker.pem", "-u", "monitor", "-P", "PASSWORD"]
    for listener in (["-p", str(names["broker"])], safe):
        for topic in ("ssdcrp/gate/detections", "ssdcrp/frigate/gate"):
            subprocess.run(["mosquitto_pub", "-h", "localhost", *listener, "-t", topic, "-m", "shown"], env=surroundings.environment, check=True, timeout=60)
    return " shown" in output()


def file(what, folder, _output, _surroundings):
    return any(path.stat().st_size > 0 for path in folder.glob(what))


def text(what, _folder, output, _surroundings):
    return what in output()
