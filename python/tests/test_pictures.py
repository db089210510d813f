"""Pictures as people have them give one answer, and what is no picture an error that says how to make it one."""

import io
import tempfile
import unittest
from pathlib import Path

import numpy as np
import PIL.Image
import ssdcrp
from places import photo, shown_picture
from ssdcrp.picture import picture_of


class Unreadable:
    """What numpy makes no array of, as a tensor of PyTorch that needs a gradient."""

    def __array__(self, *_arguments: object, **_options: object) -> None:
        raise RuntimeError("Can't call numpy() on Tensor\nthat requires grad.")

    def detach(self) -> None:
        """As such a tensor has it."""


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = ssdcrp.Model()
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        # PIL and the engine decode a JPEG with other rounding, a PNG alike.
        cls.png = Path(cls.folder.name, "dog.png")
        PIL.Image.open(photo("dog.jpg")).save(cls.png)

    def test_all_kinds_give_one_answer(self) -> None:
        image = PIL.Image.open(self.png)
        array = np.asarray(image)
        wide = np.zeros((array.shape[0], 2 * array.shape[1], 3), np.uint8)
        wide[:, ::2] = array
        kinds = {
            "path": self.png,
            "text": str(self.png),
            "bytes": self.png.read_bytes(),
            "bytearray": bytearray(self.png.read_bytes()),
            "memoryview": memoryview(self.png.read_bytes()),
            "PIL": image,
            "array": array,
            "every other column": wide[:, ::2],
            "turned round twice": np.ascontiguousarray(array[::-1, ::-1, ::-1])[::-1, ::-1, ::-1],
            "Fortran's order": np.asfortranarray(array),
        }
        expected = self.model.explain(self.png, check=False)
        for kind, picture in kinds.items():
            with self.subTest(kind=kind):
                why = self.model.explain(picture, check=False)
                np.testing.assert_array_equal(why.relevance, expected.relevance)
                np.testing.assert_array_equal(why.overlay, expected.overlay)
                self.assertEqual(why.detections, expected.detections)

    def test_a_jpeg_by_pil_is_almost_that_of_the_engine(self) -> None:
        ours = picture_of(photo("dog.jpg")).array().astype(int)
        theirs = np.asarray(PIL.Image.open(photo("dog.jpg"))).astype(int)
        self.assertEqual(ours.shape, theirs.shape)
        self.assertLess(np.abs(ours - theirs).mean(), 1)

    def test_modes_of_pil_become_rgb_and_photos_are_upright(self) -> None:
        small = PIL.Image.open(self.png).resize((60, 40))
        grey = np.asarray(small.convert("L"))
        np.testing.assert_array_equal(picture_of(small.convert("L")).array(), np.stack([grey] * 3, -1))
        np.testing.assert_array_equal(picture_of(small.convert("RGBA")).array(), np.asarray(small))
        exif = PIL.Image.Exif()
        exif[0x0112] = 6
        encoded = io.BytesIO()
        small.save(encoded, "png", exif=exif)
        turned = PIL.Image.open(io.BytesIO(encoded.getvalue()))
        self.assertEqual(picture_of(turned).size, (40, 60))
        np.testing.assert_array_equal(picture_of(turned).array(), picture_of(encoded.getvalue()).array())

    def test_what_is_drawn_is_as_large_as_the_picture(self) -> None:
        why = self.model.explain(self.png, check=False)
        with PIL.Image.open(self.png) as image:
            self.assertEqual(why.image().size, image.size)
            self.assertEqual(why.overlay.shape, (image.height, image.width, 3))
            self.assertFalse(np.array_equal(why.overlay, np.asarray(image)))
        self.assertEqual(why.overlay.dtype, np.uint8)

    def test_a_notebook_gets_a_picture_of_a_bounded_size(self) -> None:
        large = np.asarray(PIL.Image.open(self.png).resize((3000, 2000)))
        why = self.model.explain(large, check=False)
        page = why._repr_html_()
        self.assertEqual(shown_picture(page).size, (1024, 683))
        self.assertIn(why.question, page)
        # It is drawn once, and a notebook stores it once.
        self.assertIs(why._png, why._png)
        self.assertFalse(hasattr(why, "_repr_png_"))

    def test_an_array_that_is_changed_later_changes_no_answer(self) -> None:
        array = np.array(PIL.Image.open(self.png))
        why = self.model.explain(array, check=False)
        before = why.overlay.copy()
        array[:] = 0
        np.testing.assert_array_equal(why._answer.overlay(), before)

    def test_what_is_no_picture_is_refused_with_what_to_do(self) -> None:
        array = np.asarray(PIL.Image.open(self.png))
        closed = PIL.Image.open(self.png)
        closed.close()
        cases = [
            (array.astype(np.float32), "uint8 from 0 to 255 is expected: of 0 to 1"),
            (array.astype(np.uint16), "(picture // 257)"),
            (array.astype(bool), "the picture is bool"),
            (array[..., 0], "numpy.stack"),
            (np.dstack([array, array[..., :1]]), "picture[..., :3]"),
            (array.transpose(2, 0, 1), "picture.transpose(1, 2, 0)"),
            (array[None], "one at a time"),
            (array[0, 0], "an array of 3, [H, W, 3] is expected"),
            (array[:0], "has no pixels"),
            (array[:, :0], "has no pixels"),
            (np.broadcast_to(np.uint8(0), (100_000, 100_000, 3)), "its 100000x100000 pixels take more than 256 MiB"),
            (np.uint8(5), "an array without dimensions"),
            (np.array([[None]]), "the picture is object"),
            (PIL.Image.new("I", (4, 4)), "mode 'I'"),
            (PIL.Image.new("F", (4, 4)), "mode 'F'"),
            (Unreadable(), "of the Unreadable: Can't call numpy() on Tensor; that requires grad.; give a picture that it can read"),
            (Unreadable(), "(of a PyTorch tensor, tensor.detach().cpu() does)"),
            (closed, "PIL cannot read the image: "),
            ("\ud800.jpg", "a picture is no name that a file can have"),
            (5, "not int"),
            (None, "not NoneType"),
            (b"", "neither JPEG nor PNG"),
            (self.png.read_bytes()[:200], ""),
        ]
        for picture, words in cases:
            with self.subTest(words=words), self.assertRaises(ssdcrp.PictureError) as raised:
                self.model.detect(picture)
            self.assertIn(words, str(raised.exception))
            self.assertNotIn("\n", str(raised.exception))
            self.assertIsInstance(raised.exception, ValueError)


if __name__ == "__main__":
    unittest.main()
