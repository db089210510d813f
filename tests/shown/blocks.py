"""The commands of a page in Markdown: what stands in its blocks of code marked `sh` or `bash`, with the lines where they stand."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A line of a block, or several that a backslash joins."""

    page: str
    line: int
    text: str

    @property
    def place(self):
        return f"{self.page}:{self.line}"


def blocks(page, text):
    """The blocks that a shell is to run, in their order: of each its commands. Empty lines and comments are none."""
    found, block, kind, begun = [], [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.match(r"\s*```(\S*)", line)
        if fence and kind is None:
            kind, block, begun = fence[1], [], None
        elif fence:
            if block:
                found.append(block)
            kind = None
        elif kind in ("sh", "bash"):
            if begun is not None:
                joined = Command(page, begun.line, f"{begun.text}\n{line}")
            elif line.strip() and not line.lstrip().startswith("#"):
                joined = Command(page, number, line)
            else:
                continue
            begun = joined if line.endswith("\\") else None
            if begun is None:
                block.append(joined)
    return found
