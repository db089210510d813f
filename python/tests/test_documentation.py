"""What the documentation shows works: docstrings, the page docs/python.md, both READMEs, the notebook; and types are as they are said to be."""

import doctest
import importlib
import inspect
import pkgutil
import re
import shutil
import subprocess
import sys
import unittest
from collections.abc import Callable
from pathlib import Path

import nbformat
import ssdcrp
from nbclient import NotebookClient
from places import PHOTOS, ROOT, SMALL, folder_of_photos, photo, shown_picture

#: Where the notebook's pictures stay, to be looked at.
PICTURES = ROOT / "target/python-notebook"


def modules() -> list[str]:
    found = pkgutil.iter_modules(ssdcrp.__path__, "ssdcrp.")
    return ["ssdcrp", *(module.name for module in found if not module.name.endswith("_engine"))]


def blocks(page: Path) -> list[str]:
    """The Python of a page."""
    return re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)


class Documentation(unittest.TestCase):
    def test_docstrings(self) -> None:
        tried = 0
        for name in modules():
            module = importlib.import_module(name)
            with self.subTest(module=name), folder_of_photos():
                result = doctest.testmod(module, extraglobs={"ssdcrp": ssdcrp})
                self.assertEqual(result.failed, 0)
                tried += result.attempted
        self.assertGreater(tried, 30)

    def test_pages(self) -> None:
        # What a page defines is called too.
        tried = []
        for page in (ROOT / "docs/python.md", ROOT / "docs/start/notebook.md", ROOT / "python/README.md", ROOT / "README.md"):
            with self.subTest(page=str(page)), folder_of_photos() as folder:
                shutil.copy(PHOTOS / "person.jpg", folder / "photo.jpg")
                code = blocks(page)
                self.assertTrue(code)
                scope: dict[str, object] = {}
                for block in code:
                    exec(compile(block, str(page), "exec"), scope)
                for defined in filter(inspect.isfunction, scope.values()):
                    self.call(defined, folder)
                    tried.append(defined.__name__)
        self.assertEqual(tried, ["own"])

    def call(self, defined: Callable[..., object], folder: Path) -> None:
        """Calls a function of a page and looks at what it does."""
        self.assertEqual(defined.__name__, "own")
        bare, manifest = folder / "bare.onnx", folder / "bare.toml"
        shutil.copy(SMALL, bare)
        proposed = ssdcrp.propose_manifest(bare)
        self.assertEqual(defined(bare).inspect().kind, "anchor-free")
        self.assertEqual(manifest.read_text(), proposed)
        # One that is there stays as it is.
        manifest.write_text(f"# Read.\n{proposed}")
        self.assertEqual(defined(str(bare)).inspect().kind, "anchor-free")
        self.assertEqual(manifest.read_text(), f"# Read.\n{proposed}")

    def test_the_grammar(self) -> None:
        page = (ROOT / "docs/python.md").read_text("utf-8")
        docstring = inspect.getdoc(ssdcrp.Model.explain) or ""
        model, asked = ssdcrp.Model(SMALL), {"box": 30, "check": False}
        for kind, forms in (("target", ssdcrp.TARGETS), ("contrast", ssdcrp.CONTRASTS)):
            table = page.split(f"\n| {kind} | ")[1].split("\n\n")[0]
            marks = [mark for row in table.splitlines()[2:] for mark in re.findall("`([^`]+)`", row.split("|")[1])]
            with self.subTest(kind=kind):
                self.assertEqual(sorted(marks), sorted(forms))
                for form in forms:
                    self.assertIn(f'"{form}"', docstring)
                with self.assertRaises(ssdcrp.QuestionError) as raised:
                    model.explain(photo("dog.jpg"), **asked, **{kind: "unheard-of"})
                refused = str(raised.exception).removeprefix("'unheard-of'")
            directed = [f"{form}{sign}" for form in forms if form.startswith(("offset", "edge")) for sign in "+-"]
            for form in (*forms, *directed):
                with self.subTest(form=form):
                    try:
                        model.explain(photo("dog.jpg"), **asked, **{kind: form.replace("NAME", "#0")})
                    except ssdcrp.QuestionError as error:
                        # What this model or composite does not have is refused with other words.
                        self.assertNotIn(refused, str(error))

    def test_the_notebook(self) -> None:
        source = ROOT / "python/notebooks/first-steps.ipynb"
        notebook = nbformat.read(source, as_version=4)
        with folder_of_photos() as folder:
            NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
        PICTURES.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, PICTURES / "first-steps.ipynb")
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        pages = [output["data"].get("text/html", "") for output in outputs if "data" in output]
        pictures = [shown_picture(page) for page in pages if "<img" in page]
        self.assertGreaterEqual(len(pictures), 4)
        for index, picture in enumerate(pictures):
            picture.save(PICTURES / f"{index + 1}.png")
        self.assertEqual(len({picture.tobytes() for picture in pictures}), len(pictures))
        # Committed without outputs, so that changes of it can be read.
        committed = nbformat.read(source, as_version=4)
        self.assertTrue(all(not cell.get("outputs") for cell in committed.cells))

    def test_types(self) -> None:
        folder = ROOT / "python"
        done = subprocess.run(
            [sys.executable, "-m", "mypy", "--cache-dir", "/dev/null", "ssdcrp", "tests/typed_user.py"],
            cwd=folder,
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
