"""What all importers write at the beginning of a manifest."""

import tomllib
import unittest

import small  # noqa: F401, the way to models/
from manifest_text import WrongNames, beginning, class_labels


class Labels(unittest.TestCase):
    def test_a_background_may_be_left_out_of_the_names(self):
        self.assertEqual(class_labels(["cat", " dog "], 3, background=0), ["background", "cat", "dog"])
        self.assertEqual(class_labels(["cat", "dog"], 3, background=2), ["cat", "dog", "background"])
        self.assertEqual(class_labels(["none", "cat", "dog"], 3, background=0), ["none", "cat", "dog"])
        self.assertEqual(class_labels(["cat"], 1), ["cat"])

    def test_classes_without_names_are_numbered(self):
        self.assertEqual(class_labels(None, 3), ["class 0", "class 1", "class 2"])
        self.assertEqual(class_labels(None, 3, background=1), ["class 0", "background", "class 2"])

    def test_too_many_and_too_few_names_are_refused(self):
        for names, background in ((["cat"], None), (["a", "b", "c", "d"], None), (["cat"], 0)):
            with self.assertRaises(WrongNames):
                class_labels(names, 3, background)


class Beginning(unittest.TestCase):
    def test_toml_reads_the_same_texts(self):
        labels = ['a "quoted" one', "back\\slash", "Stra\u00dfe", "\U0001f40e", *(f"class {index}" for index in range(20))]
        read = tomllib.loads("\n".join(beginning("by hand", "yolo", 'na"me', labels)))
        self.assertEqual(read, {"kind": "yolo", "name": 'na"me', "labels": labels})
