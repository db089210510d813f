"""The table of docs/own-models.md between its two markers.

In: records by row, and the document. Out: the document with its rows made anew; what a record does not have stays as it stood: a whole row, all but its times, or these.
"""

BEGIN = "<!-- made by make own-models -->"
END = "<!-- end of what make own-models makes -->"
HEADING = """\
| file | made by | best detection | held against | score differs | box differs, pixels | explained | compiled | oracle error | windows won otherwise | error with them | ms forward | ms explanation |
|---|---|---|---|---|---|---|---|---|---|---|---|---|"""


def line(row, record):
    """One row of the table."""
    if "failed" in record:
        cells = [record["failed"]] + [""] * 10
    else:
        cells = [
            f"{record['best'][1]} {record['best'][0]:.2f}",
            f"{record['against']}, {record['detections']} detections",
            f"{record['score']:.1e}",
            f"{record['box']:.1e}" if "box" in record else "–",
            ", ".join(record["explains"]),
            f"{record['compiled']:.1e}",
            *_oracle(record),
            *_times(record),
        ]
    return "| " + " | ".join([row.family, row.made_by(), *cells]) + " |"


def _cells(line):
    return [cell.strip() for cell in line.split("|")[1:-1]]


def _times(record):
    return [f"{record[name]:.0f}" if name in record else "" for name in ("forward_ms", "explanation_ms")]


def _oracle(record):
    if "error" not in record:
        return ["", "", ""]
    error = f"{record['error']:.1e}"
    if "rounding" in record:
        error += f" (float32 alone: {record['rounding']:.1e})"
    if not record["otherwise"]:
        return [error, "0" if record["windows"] else "–", ""]
    return [error, f"{record['otherwise']} of {record['windows']:,}", f"{record['own_winners_error']:.1e}"]


def renewed(document, rows, records):
    """The document with a line for each row: of its record, else what stood there, else none."""
    before, begin, rest = document.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the document has no lines {BEGIN} and {END}")
    stood = {text.split(" | ")[0].removeprefix("| "): text for text in old.splitlines() if text.startswith("| ")}
    lines = []
    for row in rows:
        record, old = records.get(row.name, {}), stood.get(row.family)
        is_tried = "best" in record or "failed" in record
        new = line(row, record) if is_tried else old
        if new and "failed" not in record:
            times = _times(record) if "forward_ms" in record else _cells(old)[-2:] if old else ["", ""]
            new = "| " + " | ".join([*_cells(new)[:-2], *times]) + " |"
        lines.append(new)
    return "\n".join([before + begin, HEADING, *(text for text in lines if text), end]) + after
