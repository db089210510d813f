"""The table of docs/own-models.md between its two markers.

In: records by row, and the document. Out: the document with its rows made anew; a row without a record stays as it stood.
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
            *(f"{record[name]:.0f}" if name in record else "" for name in ("forward_ms", "explanation_ms")),
        ]
    return "| " + " | ".join([row.family, row.made_by(), *cells]) + " |"


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
    lines = [line(row, records[row.name]) if row.name in records else stood.get(row.family) for row in rows]
    return "\n".join([before + begin, HEADING, *(text for text in lines if text), end]) + after
