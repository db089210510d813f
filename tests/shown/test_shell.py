"""The shell that runs commands."""

import os
import tempfile
import unittest
from pathlib import Path

from shell import Failed, Shell


class Commands(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)
        self.log = self.folder / "log"
        self.shell = Shell(self.folder, dict(os.environ), self.log)
        self.addCleanup(self.shell.close)

    def test_what_one_sets_is_there_for_the_next(self):
        self.shell.run("mkdir 'a b' && cd 'a b' && name=c    # a comment")
        self.shell.run("touch $name\\\n  d")
        self.assertEqual(sorted(path.name for path in (self.folder / "a b").iterdir()), ["c", "d"])

    def test_one_that_fails_is_told_with_its_words(self):
        self.shell.run("true")
        with self.assertRaisesRegex(Failed, "ended with 3"):
            self.shell.run("{ echo why >&2; exit 3; } | cat")
        self.assertEqual(self.log.read_text(), "why\n")

    def test_a_variable_that_is_not_set_is_an_error(self):
        with self.assertRaises(Failed):
            self.shell.run("echo $nowhere_set")
        self.assertIn("nowhere_set", self.log.read_text())

    def test_half_a_command_is_refused(self):
        with self.assertRaisesRegex(Failed, "whole"):
            self.shell.run("echo 'a")

    def test_one_without_an_end_is_ended_when_it_is_at_work(self):
        endless = "bash -c 'trap \"echo ended; exit 0\" INT; echo begun; while :; do sleep 0.1; done'"
        self.shell.run(endless, lambda: "begun" in self.log.read_text())
        self.assertEqual(self.log.read_text(), "begun\nended\n")
        self.shell.run("true")

    def test_one_that_does_not_end_well_is_told(self):
        with self.assertRaisesRegex(Failed, "ended with 130"):
            self.shell.run("exec 8>at-work; bash -c 'exec sleep 1000'", (self.folder / "at-work").exists)

    def test_one_that_ends_before_it_is_at_work_is_told(self):
        with self.assertRaisesRegex(Failed, "before"):
            self.shell.run("true", lambda: False)


if __name__ == "__main__":
    unittest.main()
