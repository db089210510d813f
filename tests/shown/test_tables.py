"""The tables of what is left out, replaced, made and ended."""

import unittest

from blocks import Command, blocks
from main import left_out, replaced, unused
from places import PAGES, ROOT
from stand_ins import mentions


class Tables(unittest.TestCase):
    def test_every_entry_is_needed_by_a_page(self):
        pages = [blocks(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")) for path in PAGES]
        self.assertEqual(unused(pages), [])

    def test_one_that_no_command_needs_is_told(self):
        told = unused([[[Command("page.md", 1, "make demo")]]])
        self.assertNotIn(r"NOT_RUN: make demo\b", told)
        self.assertIn(r"NOT_RUN: podman build\b", told)
        self.assertIn("STAND_INS: photo.jpg", told)

    def test_what_is_left_out_begins_with_the_pattern(self):
        self.assertIsNotNone(left_out(Command("page.md", 1, "make demo    # and why")))
        self.assertIsNone(left_out(Command("page.md", 1, "echo make demo")))

    def test_cameras_are_replaced(self):
        self.assertEqual(replaced("live.sh rtsp://camera/stream", {"camera": 1234}), "live.sh rtsp://127.0.0.1:1234/camera")

    def test_a_name_within_another_is_not_mentioned(self):
        self.assertTrue(mentions("explain photo.jpg -o why.png", "photo.jpg"))
        self.assertTrue(mentions("compare photos/ 'photos/*.jpg'", "photos/"))
        for text in ("a/photo.jpg", "my-photo.jpg", "photo.jpg.txt", "~/.cache/photos/"):
            self.assertFalse(mentions(text, "photo.jpg") or mentions(text, "photos/"), text)


if __name__ == "__main__":
    unittest.main()
