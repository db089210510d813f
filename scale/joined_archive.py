"""The folder of joined results: what is where in it, what is done, and what an interrupted run has left.

In: videos, and how they are cut. Out: for each video its segments, and later the joined tables with a record.

    manifest.json               what all of it is made with; `ssdcrp annotate --prepare` writes it, and refuses other settings
    inputs/NAME.json            the record of a video whose tables are joined; written last
    detections/NAME.parquet …   the joined tables
    parts/NAME/                 a folder of results of `ssdcrp annotate`, an input for each segment
    segments/NAME/HASH/         the segments while they are annotated; the hash is that of the video and of how it is cut
"""

import dataclasses
import fcntl
import hashlib
import json
import os
import pathlib
import re
import shutil

import join
import segments as cutting

PLAN = "plan.json"


class JoinedArchive:
    """A folder that one run at a time writes into, and a store that has a copy of what is joined, if one is wanted."""

    def __init__(self, folder, length, overlap, store=None):
        self.folder, self.length, self.overlap = folder, length, overlap
        self.store, self.lock = store, None

    def __enter__(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        self.lock = open(self.folder / ".ray-archive.lock", "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self.lock.close()
            raise RuntimeError(f"another run writes into {self.folder}: wait for its end") from None
        return self

    def __exit__(self, *_):
        self.lock.close()

    def counts_of(self, video):
        """The rows of a video's joined tables, if an earlier run has made them all, of the same cuts; else None."""
        try:
            record = json.loads(self.record(video).read_text())
        except FileNotFoundError:
            return None
        names = self.names(video)
        if not all((self.folder / name).exists() for name in names) or record["cut"] != self.cut_of(video):
            return None
        if self.store and not self.store.has(names[-1]):
            self.store.put(self.folder, names)
        return record["rows"]

    def begin(self, video):
        """The segments of a video, cut unless an earlier run has. What was joined of it before goes."""
        names = self.names(video)[::-1]
        for name in names:
            (self.folder / name).unlink(missing_ok=True)
        if self.store:
            self.store.remove(names)
        cut = self.cut_of(video)
        hashed = hashlib.sha256(json.dumps(cut, sort_keys=True).encode()).hexdigest()[:12]
        folder = self.segments(video) / hashed
        try:
            plan = json.loads((folder / PLAN).read_text())
            made = [cutting.Segment(**segment) for segment in plan["segments"]]
            if all(size_of(segment.path) == size for segment, size in zip(made, plan["bytes"], strict=True)):
                return made
        except FileNotFoundError:
            pass
        # Segments of another cut, or of one that was interrupted.
        shutil.rmtree(self.segments(video), ignore_errors=True)
        made = cutting.cut(str(video), folder, self.length, self.overlap)
        write(folder / PLAN, {
            **cut, "bytes": [size_of(segment.path) for segment in made],
            "segments": [dataclasses.asdict(segment) for segment in made]})
        return made

    def finish(self, video, segments):
        """Joins the tables of all segments, which go then; returns their rows."""
        counts = join.join(video, segments, self.tables_of(video, segments), self.folder, name_of(video))
        write(self.record(video), {
            "source": str(video), "state": "done", "segments": len(segments), "rows": counts, "cut": self.cut_of(video)})
        if self.store:
            self.store.put(self.folder, self.names(video))
        shutil.rmtree(self.segments(video), ignore_errors=True)
        return counts

    def tables_of(self, video, segments):
        """The files of all segments by table, in the order of the segments: `ssdcrp annotate` says what it calls them."""
        folder, names = self.parts(video), {}
        for record in (folder / "inputs").glob("*.json"):
            told = json.loads(record.read_text())
            if told["state"] == "done":
                names[told["source"]] = record.stem
        def file(table, segment):
            # A node may see the folder under another name.
            tail = "/".join(pathlib.Path(segment.path).parts[-2:])
            [name] = [name for source, name in names.items() if source.endswith("/" + tail)]
            return str(folder / table / f"{name}.parquet")
        return {table: [file(table, segment) for segment in segments] for table in join.TABLES}

    def cut_of(self, video):
        """What the segments depend on."""
        found = video.stat()
        return {"bytes": found.st_size, "modified": found.st_mtime_ns, "segment": self.length, "overlap": self.overlap}

    def names(self, video):
        """The joined tables of a video and its record, which is the last."""
        tables = [join.target_of("", table, name_of(video)) for table in join.TABLES]
        return [str(name) for name in [*tables, self.record(video).relative_to(self.folder)]]

    def record(self, video):
        return self.folder / "inputs" / f"{name_of(video)}.json"

    def parts(self, video):
        return self.folder / "parts" / name_of(video)

    def segments(self, video):
        return self.folder / "segments" / name_of(video)


def name_of(video):
    """What files of a video are called: its own name, in at most 80 bytes, and a part of its path's hash."""
    stem = re.sub(r"[^\w.]", "-", video.stem).lstrip(".").encode("utf-8", "replace")[:80].decode("utf-8", "ignore")
    return f"{stem}-{hashlib.sha256(os.fsencode(video)).hexdigest()[:12]}"


def size_of(path):
    return os.stat(path).st_size


def write(path, content):
    """Writes JSON into a file that is there whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.part")
    with open(hidden, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    hidden.rename(path)
