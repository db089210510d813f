"""The table of docs/own-models.md: python main.py COMMAND [--rows NAME...] [--no-oracle] [--times] [--file OWN.onnx...]

In: the `ssdcrp` command and rows.toml. Out: each row's file is made or fetched into the cache folder, tried from end to end, and its record kept there (CACHE/own-models/records); then the table
in docs/own-models.md is written anew from all records. `--times` measures milliseconds alone and wants nothing else to run. `--file` tries files that have their manifests, and prints their lines
of the table. It ends with 1 if a row failed or could not be had. Needs requirements.txt and ONNX Runtime's library for the command.
"""

import argparse
import json
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "oracle"))

import files
import table
import tomllib
from agreement import SCORE, Agreement
from explanations import ERROR, SAME, Trial
from references import REFERENCES

DOCUMENT = files.ROOT / "docs" / "own-models.md"
RECORDS = files.CACHE / "records"
# What a row must keep to: boxes in pixels of the photo.
BOX = 0.5
# Beyond the limit a map's error may be so many times what float32 alone does to the oracle: then it is the network that is badly conditioned.
OF_ROUNDING = 4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command")
    parser.add_argument("--rows", nargs="*", default=[])
    parser.add_argument("--no-oracle", action="store_true")
    parser.add_argument("--times", action="store_true")
    parser.add_argument("--file", nargs="*", type=Path, default=[])
    arguments = parser.parse_args()
    book = tomllib.loads((HERE / "rows.toml").read_text())
    entries = [{"name": path.stem, "family": path.stem, "file": path.resolve()} for path in arguments.file]
    rows = [files.Row(entry, book) for entry in entries or book["row"]]
    unknown = set(arguments.rows) - {row.name for row in rows}
    if unknown:
        parser.error(f"rows.toml has no {', '.join(sorted(unknown))}")
    bad, records = 0, {}
    for row in rows:
        if not arguments.rows or row.name in arguments.rows:
            record, said = attempt(row, arguments)
            bad += bool(said)
            print(f"{row.name}: {said or 'good'}", file=sys.stderr, flush=True)
            if record:
                records[row.name] = record
            if record and not arguments.file:
                RECORDS.mkdir(parents=True, exist_ok=True)
                (RECORDS / f"{row.name}.json").write_text(json.dumps(record, indent=1))
    if arguments.file:
        print(table.HEADING, *(table.line(row, records[row.name]) for row in rows if row.name in records), sep="\n")
    else:
        kept = {path.stem: json.loads(path.read_text()) for path in RECORDS.glob("*.json")}
        DOCUMENT.write_text(table.renewed(DOCUMENT.read_text(), rows, kept))
    return bad > 0


def attempt(row, arguments):
    """A row's record, or None where its file cannot be had, and what is wrong, or None."""
    try:
        row.provide(arguments.command)
    except files.Absent as error:
        return None, f"not here: {error}"
    old = RECORDS / f"{row.name}.json"
    record = json.loads(old.read_text()) if old.is_file() and "file" not in row.entry else {}
    # What is not measured now stays: milliseconds, or all else.
    record = {name: value for name, value in record.items() if arguments.times or name.endswith("_ms")}
    try:
        with tempfile.TemporaryDirectory() as folder:
            record |= measured(row, arguments, Path(folder))
    except Exception as error:
        traceback.print_exc()
        return {"failed": f"no: {str(error).splitlines()[0][:120]}"}, str(error)
    return record, wrong(record)


def measured(row, arguments, folder):
    """All of a record that is asked for."""
    trial = Trial(arguments.command, row, folder)
    if arguments.times:
        return trial.times()
    # Says heads and layer types, or why not.
    trial.run("inspect")
    agreement = Agreement()
    for photo in row.photos:
        agreement.add(row, arguments.command, files.CACHE.parent / "photos" / f"{photo}.jpg", folder)
    record = {name: getattr(agreement, name) for name in ("detections", "score", "box", "alone", "best")}
    record["against"] = REFERENCES[row.reference][0]
    if trial.manifest["kind"] == "classifier":
        del record["box"]
    return record | trial.record(with_oracle=not arguments.no_oracle and row.entry.get("oracle", True))


def wrong(record):
    """What a record is not as it must be, in words, or None."""
    found = []
    if record.get("detections") == 0:
        found.append("no detection was compared: give the row a lower threshold")
    if record.get("alone"):
        found.append(f"{len(record['alone'])} detections that only one of the two has: {'; '.join(record['alone'][:3])}")
    error = max(ERROR, OF_ROUNDING * record.get("rounding", 0))
    limits = {"score": SCORE, "box": BOX, "compiled": SAME, "error": error}
    # Not <=, so that a number that is none is wrong.
    found += [f"{name} {record[name]:.1e} is above {limit}" for name, limit in limits.items() if name in record and not record[name] <= limit]
    return "; ".join(found) or None


if __name__ == "__main__":
    sys.exit(main())
