"""HTML for notebooks. Text of others, such as labels, is escaped."""

import base64
import html
from collections.abc import Iterable, Sequence

__all__ = ["figure", "table"]


def figure(png: bytes, notes: Iterable[str]) -> str:
    """A picture with lines of text below it.

    >>> figure(b"", ["cat & dog"])
    '<figure style="margin:0"><img alt="cat &amp; dog" style="max-width:100%" src="data:image/png;base64,">\
<figcaption>cat &amp; dog</figcaption></figure>'
    """
    lines = [html.escape(note) for note in notes]
    source = "data:image/png;base64," + base64.b64encode(png).decode("ascii")
    image = f'<img alt="{lines[0] if lines else ""}" style="max-width:100%" src="{source}">'
    return f'<figure style="margin:0">{image}<figcaption>{"<br>".join(lines)}</figcaption></figure>'


def table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; rows have as many cells as the heading.

    >>> table(["label"], [["<b>"]])
    '<table><thead><tr><th>label</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>'
    """

    def row(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(row(cells, "td") for cells in rows)
    return f"<table><thead>{row(heading, 'th')}</thead><tbody>{body}</tbody></table>"
