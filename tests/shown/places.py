"""Where the project, its programs and its cache lie."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = Path(os.environ.get("PROGRAMS", ROOT / "target" / "debug")).resolve()
CACHE = Path(os.environ.get("SSDCRP_CACHE", Path.home() / ".cache" / "ssdcrp")).resolve()
PAGES = [ROOT / "README.md", ROOT / "models" / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "start").glob("*.md"))]
