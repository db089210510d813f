"""Runs every statement of docs/archives.md over the results of a real run.

    python -m unittest discover -s tests/archives

In: the footage in the cache folder, and the folder of the built programs in PROGRAMS (target/debug).
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

import duckdb

from footage import PROGRAMS, ROOT, clip

sys.path.insert(0, str(ROOT / "scale"))

import plots  # noqa: E402  (it lies in another folder)


def statements():
    """The page's statements, each with the line of text before it."""
    page = (ROOT / "docs" / "archives.md").read_text(encoding="utf-8")
    return re.findall(r"([^\n]+)\n```sql\n(.*?)```", page, re.DOTALL)


class Queries(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        work = pathlib.Path(cls.temporary.name)
        camera = work / "yard"
        camera.mkdir()
        clip(camera / "clip.mkv", 60)
        cls.folder = work / "results"
        subprocess.run([PROGRAMS / "ssdcrp-annotate", camera, "-o", cls.folder, "--set", "select=all"], check=True)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_every_statement_runs(self):
        found = statements()
        self.assertGreater(len(found), 4)
        before = os.getcwd()
        os.chdir(self.folder)
        try:
            for words, statement in found:
                with self.subTest(words):
                    rows = duckdb.sql(statement).fetchall()
                    print(f"\n{words}\n{duckdb.sql(statement)}")
                    if "NOT passed" in statement:
                        # All may have passed.
                        failed = "SELECT count(*) FILTER (passed = false) FROM 'explanations/*.parquet'"
                        self.assertEqual([(len(rows),)], duckdb.sql(failed).fetchall())
                    else:
                        self.assertTrue(rows, words)
        finally:
            os.chdir(before)

    def test_plots_show_the_rows(self):
        count = f"SELECT count(*) FROM '{self.folder}/explanations/*.parquet' WHERE class = 'person' AND"
        [(persons,)] = duckdb.sql(f"{count} event IS NULL").fetchall()
        [(checked,)] = duckdb.sql(f"{count} passed IS NOT NULL").fetchall()
        words = {}
        for path in plots.draw(self.folder, self.folder / "plots"):
            texts = xml.etree.ElementTree.parse(path).iter("{http://www.w3.org/2000/svg}text")
            words[path.stem] = [text.text.strip() for text in texts]
        self.assertIn(f"yard ({persons})", words["in-box-share"])
        self.assertIn(f"person ({checked})", words["checks"])
        self.assertTrue(any(", or " in text for text in words["confusions"]), words["confusions"])
        self.assertEqual(len(words), 4)
        self.assertFalse([text for texts in words.values() for text in texts if text.startswith("no ")])

    def test_without_rows_a_plot_says_so(self):
        with tempfile.TemporaryDirectory() as temporary:
            folder = pathlib.Path(temporary)
            for table in ("detections", "explanations"):
                (folder / table).mkdir()
                duckdb.sql(f"COPY (SELECT * FROM '{self.folder}/{table}/*.parquet' WHERE false) TO '{folder}/{table}/none.parquet'")
            for path in plots.draw(folder, folder / "plots"):
                self.assertIn(">no ", path.read_text(), path.name)

    def test_columns_have_their_types(self):
        """What the page calls a column is what DuckDB reads."""
        page = (ROOT / "docs" / "archives.md").read_text(encoding="utf-8")
        for table in ("detections", "explanations", "events"):
            section = page.split(f"### {table.capitalize()}\n")[1].split("\n\n")[0]
            told = re.findall(r"^\| `(\w+)` \| (\w+) \|", section, re.MULTILINE)
            read = duckdb.sql(f"DESCRIBE SELECT * FROM '{self.folder}/{table}/*.parquet'").fetchall()
            self.assertEqual(told, [(row[0], row[1]) for row in read])


if __name__ == "__main__":
    unittest.main()
