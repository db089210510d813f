"""What makes the site: the checker of links, the table of contents, and the animation of README."""

import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))

import animation
import build_site
import links


class Links(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def broken(self, **pages: str) -> list[tuple[str, str, str]]:
        folder = Path(self.folder.name)
        for name, text in pages.items():
            (folder / f"{name}.html").write_text(text)
        (folder / "a picture.png").write_bytes(b"")
        return links.broken(folder)

    def test_what_is_there_is_no_fault(self):
        one = '<h1 id="top"></h1><a href="two.html#end">x</a><a href="#top">x</a><img src="a%20picture.png">'
        two = '<a name="end" href="https://example.org/nowhere"></a><a href="one.html?a=b">x</a>'
        self.assertEqual(self.broken(one=one, two=two), [])

    def test_what_is_not_there_is_one(self):
        one = '<a href="two.html#end">x</a><a href="#top">x</a><img src="picture.png">'
        found = [(page, link) for page, link, _ in self.broken(one=one, two="")]
        self.assertEqual(found, [("one.html", "two.html#end"), ("one.html", "#top"), ("one.html", "picture.png")])


class Pages(unittest.TestCase):
    def test_the_table_of_contents_begins_at_the_root(self):
        given = "- [A](start/a.md)\n- [B](../README.md)\n"
        self.assertEqual(build_site.summary(given), "- [A](docs/start/a.md)\n- [B](README.md)\n")

    def test_a_page_that_it_lacks_is_told(self):
        documents = ["README.md", "docs/SUMMARY.md", "docs/a.md", "docs/b.md", "docs/images/a.png"]
        self.assertEqual(build_site.left_out("[R](README.md)\n- [A](docs/a.md)\n", documents), ["docs/b.md"])

    def test_verbs_are_read_from_a_help_text(self):
        text = "Usage: x\n\nCommands:\n  detect    List\n            more\n  annotate  Other\n  help      Print\n\nOptions:\n  -h\n"
        self.assertEqual(build_site.verbs(text), ["detect"])


class Animation(unittest.TestCase):
    def test_frames_keep_their_bits(self):
        # What a key frame of VP8 begins with: three bytes, a start code, the size.
        frame = bytes(3) + b"\x9d\x01\x2a" + struct.pack("<HH", 640, 480) + b"bits."
        picture = animation.chunk(b"RIFF", b"WEBP" + animation.chunk(b"VP8 ", frame))
        moving = animation.animated([picture, picture], 200)
        self.assertEqual(struct.unpack_from("<I", moving, 4)[0], len(moving) - 8)
        self.assertEqual(moving.count(b"ANMF"), 2)
        self.assertEqual(moving.count(frame), 2)
        self.assertIn(b"VP8X\x0a\0\0\0\x02\0\0\0\x7f\x02\0\xdf\x01\0", moving)

    def test_other_pictures_are_refused(self):
        with self.assertRaises(ValueError):
            animation.bits(b"RIFF\0\0\0\0WEBPVP8L")


if __name__ == "__main__":
    unittest.main()
