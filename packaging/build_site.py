"""Builds the site out of README and the pages in docs, and checks its links: build_site.py MDBOOK PROGRAMS OUTPUT DOCUMENT...

In: mdBook; the folder of the built programs, whose --help becomes the page of the commands; documents by their paths from the
root of the project, docs/SUMMARY.md among them. Out: OUTPUT/book/index.html and what belongs to it. Exit status 1 if a link
leads nowhere, or if SUMMARY.md lacks a page. Pages lie in the site where they lie in the project, so links are the same in both.
"""

import json
import posixpath
import re
import shutil
import subprocess
import sys
from pathlib import Path

import links

ROOT = Path(__file__).resolve().parent.parent
PROGRAMS = ("ssdcrp", "ssdcrp-annotate", "ssdcrp-monitor")


def summary(text: str) -> str:
    """The table of contents, whose links begin in docs, as mdBook reads it: from the root on."""
    return re.sub(r"\]\(([^)]+)\)", lambda link: f"]({posixpath.normpath('docs/' + link[1])})", text)


def left_out(contents: str, documents: list[str]) -> list[str]:
    """Pages that the table of contents, as mdBook reads it, does not have: mdBook would build none of them."""
    listed = set(re.findall(r"\]\(([^)]+)\)", contents))
    pages = (document for document in documents if document.endswith(".md"))
    return [page for page in pages if page not in listed and page != "docs/SUMMARY.md"]


def help_of(command: list[str]) -> str:
    return subprocess.run([*command, "--help"], check=True, capture_output=True, text=True).stdout


def verbs(text: str) -> list[str]:
    """The verbs that a help text lists and that have a help text of their own."""
    _, _, listed = text.partition("\nCommands:\n")
    names = re.findall(r"^  (\w[\w-]*)", listed.split("\n\n")[0], re.MULTILINE)
    return [name for name in names if name not in ("help", "annotate")]


def commands(programs: Path) -> str:
    """A page with what each program and each of its verbs says about itself."""
    page = ["# The commands", "What `--help` says. `man ssdcrp-explain` and the like have the same, once installed."]
    for program in PROGRAMS:
        calls = [[program]]
        calls += [[program, verb] for verb in verbs(help_of([str(programs / program)]))]
        for call in calls:
            text = help_of([str(programs / call[0]), *call[1:]])
            page += [f"## {' '.join(call)}", f"```text\n{text.rstrip()}\n```"]
    return "\n\n".join(page) + "\n"


def schemas(folder: Path) -> str:
    """A page with the JSON schemas."""
    page = ["# JSON schemas", "Of what [the monitor](monitor.md) tells a broker or a server, and of what `ssdcrp report --json` writes."]
    for file in sorted(folder.glob("*.json")):
        schema = json.loads(file.read_text())
        page += [f"## {schema['title']}", schema["description"], f"[schema/{file.name}](schema/{file.name})"]
        page += [f"```json\n{file.read_text().rstrip()}\n```"]
    return "\n\n".join(page) + "\n"


def main(mdbook: str, programs: Path, output: Path, documents: list[str]) -> None:
    shutil.rmtree(output, ignore_errors=True)
    source = output / "src"
    for document in documents:
        (source / document).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / document, source / document)
    for file in ("book.toml", "site.css"):
        shutil.copyfile(ROOT / "docs" / file, output / file)
    contents = summary((source / "docs/SUMMARY.md").read_text())
    if missing := left_out(contents, documents):
        sys.exit(f"docs/SUMMARY.md lacks {', '.join(missing)}")
    (source / "SUMMARY.md").write_text(contents)
    (source / "docs/SUMMARY.md").unlink()
    (source / "docs/commands.md").write_text(commands(programs))
    (source / "docs/schemas.md").write_text(schemas(source / "docs/schema"))
    subprocess.run([mdbook, "build", str(output)], check=True)
    book = output / "book"
    broken = links.broken(book)
    for page, link, reason in broken:
        print(f"{page}: {link}: {reason}", file=sys.stderr)
    if broken:
        sys.exit(1)
    print(book / "index.html")


if __name__ == "__main__":
    mdbook, programs, output, *documents = sys.argv[1:]
    main(mdbook, Path(programs).resolve(), Path(output), documents)
