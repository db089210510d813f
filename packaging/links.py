"""Checks the links between the pages of a folder of HTML: python links.py FOLDER

In: a folder. Out: a line for each link, picture or anchor that is not there; addresses of elsewhere are not asked for.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

# Where a visitor may come from anywhere, its links begin at the root of the server.
LEFT_OUT = ("404.html",)


class Page(HTMLParser):
    """The names that a page has, and what it links to."""

    def __init__(self, text: str):
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name == "id" or (tag, name) == ("a", "name"):
                self.names.add(value or "")
            elif name in ("href", "src") and value:
                self.links.append(value)


def broken(folder: Path) -> list[tuple[str, str, str]]:
    """Page, link and reason of each link that leads nowhere."""
    files = [file for file in sorted(folder.rglob("*.html")) if file.name not in LEFT_OUT]
    pages = {file.resolve(): Page(file.read_text()) for file in files}
    found = []
    for file, page in pages.items():
        # Each once.
        for link in dict.fromkeys(page.links):
            reason = why_broken(pages, file, link)
            if reason:
                found.append((str(file.relative_to(folder.resolve())), link, reason))
    return found


def why_broken(pages: dict[Path, Page], file: Path, link: str) -> str | None:
    parts = urlsplit(link)
    if parts.scheme or parts.netloc:
        return None
    path, fragment = urldefrag(link)
    target = (file.parent / unquote(urlsplit(path).path)).resolve() if path else file
    if target.is_dir():
        target = target / "index.html"
    if not target.is_file():
        return "there is no such file"
    if fragment and target in pages and unquote(fragment) not in pages[target].names:
        return "there is no such heading"
    return None


if __name__ == "__main__":
    lines = broken(Path(sys.argv[1]))
    for line in lines:
        print(*line, sep=": ")
    sys.exit(1 if lines else 0)
