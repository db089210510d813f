"""What makes the table of own models, piece by piece: lines of manifests, pictures between bars, detections held against others, the table itself."""

import sys
import tomllib
import unittest
from pathlib import Path
from types import SimpleNamespace

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "oracle")]

import numpy as np

import files
import table
from agreement import missed
from main import wrong
from photos import network_input
from references import Found

MANIFEST = """kind = "ssd"

labels = [ # a guess
    "a", "b",
]

[input]
mean = [0, 0, 0] # a guess

[output] # found
classes = "c"
"""


class Lines(unittest.TestCase):
    def changed(self, key, value):
        return tomllib.loads(files.with_line(MANIFEST, key, value))

    def test_a_line_is_replaced_where_it_stands(self):
        self.assertEqual(self.changed("input.mean", "[1, 2, 3]")["input"]["mean"], [1, 2, 3])
        self.assertEqual(self.changed("labels", '["x"]'), tomllib.loads(MANIFEST) | {"labels": ["x"]})

    def test_a_line_is_added_to_its_section_and_the_section_if_need_be(self):
        self.assertEqual(self.changed("input.resize", '"bilinear"')["input"], {"mean": [0, 0, 0], "resize": "bilinear"})
        self.assertEqual(self.changed("output.bins", "16")["output"], {"classes": "c", "bins": 16})
        self.assertEqual(self.changed("detection.score_threshold", "0.1")["detection"], {"score_threshold": 0.1})

    def test_a_line_is_taken_away(self):
        self.assertEqual(self.changed("input.mean", "")["input"], {})
        self.assertEqual(self.changed("detection.score_threshold", ""), tomllib.loads(MANIFEST))


class Rows(unittest.TestCase):
    def test_every_row_names_what_there_is(self):
        book = tomllib.loads((Path(__file__).parent / "rows.toml").read_text())
        names = [entry["name"] for entry in book["row"]]
        self.assertEqual(len(names), len(set(names)))
        for entry in book["row"]:
            self.assertEqual(sum(key in entry for key in ("make", "take", "there")), 1, entry["name"])
            self.assertIn(entry.get("source", next(iter(book["sources"]))), book["sources"])
            self.assertIn(entry.get("environment", next(iter(book["environments"]))), book["environments"])


class Pictures(unittest.TestCase):
    def section(self, resize):
        return {"colour": "bgr", "mean": [0, 0, 0], "std": [1, 1, 1], "resize": resize}

    def test_bars_lie_beside_the_picture_and_boxes_find_back(self):
        photo = np.arange(4 * 8 * 3, dtype=np.uint8).reshape(4, 8, 3)
        values, fit = network_input(photo, (8, 9), self.section({"letterbox": "centre", "bars": [1, 2, 3]}))
        # Two rows above, three below.
        self.assertEqual((fit.size, fit.before), ((8, 4), (0, 2)))
        np.testing.assert_array_equal(values[0, :, 2:6], photo[:, :, ::-1].transpose(2, 0, 1))
        np.testing.assert_array_equal(values[0, :, 0, 0], [1, 2, 3])
        np.testing.assert_array_equal(fit.to_picture([[1, 3, 7, 9]]), [[1, 1, 7, 4]])

    def test_sampling(self):
        photo = np.repeat(np.array([[0, 30, 90]], np.uint8)[:, :, None], 3, axis=2)
        for word, expected in (("bilinear-corners", [0, 15, 30, 60, 90]), ("bilinear-legacy", [0, 18, 42, 78, 90]), ("bilinear", [0, 12, 30, 66, 90])):
            values, _ = network_input(photo, (5, 1), self.section(word))
            np.testing.assert_allclose(values[0, 0, 0], expected, atol=1e-4)


class Agreement(unittest.TestCase):
    MANIFEST = {"kind": "ssd", "labels": ["background", "cat", "dog"], "output": {}, "detection": {}}

    def missed(self, ours, manifest=MANIFEST, whole=None, tie=0.8, other=0.1):
        boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30]], float)
        scores = np.array([[0.1, tie, other], [0.1, 0.7, 0.2], [0.5, 0.1, 0.4]])
        return list(missed(ours, Found(boxes, scores), boxes, boxes if whole is None else whole, manifest, 0.3))

    def test_what_the_reference_has_and_we_have_not_is_told(self):
        cat = {"class": 1, "box": [0, 0, 10, 10], "score": 0.8}
        dog = {"class": 2, "box": [20, 20, 30, 30.2], "score": 0.4}
        self.assertEqual(self.missed([cat, dog]), [])
        self.assertEqual(self.missed([cat]), ["theirs: dog 0.400"])
        self.assertEqual(self.missed([cat, dog | {"box": [20, 20, 30, 31]}]), ["theirs: dog 0.400"])

    def test_of_two_that_all_but_tie_either_may_stay(self):
        weaker = {"class": 1, "box": [0, 0, 10, 9], "score": 0.7}
        dog = {"class": 2, "box": [20, 20, 30, 30], "score": 0.4}
        self.assertEqual(self.missed([weaker, dog]), ["theirs: cat 0.800"])
        self.assertEqual(self.missed([weaker, dog], tie=0.7005), [])

    def test_a_box_of_two_classes_that_all_but_tie_may_be_either(self):
        one = self.MANIFEST | {"detection": {"suppression": "one-class"}}
        dog = {"class": 2, "box": [20, 20, 30, 30], "score": 0.4}
        self.assertEqual(self.missed([dog], one, tie=0.8), ["theirs: cat 0.800", "theirs: cat 0.700"])
        self.assertEqual(self.missed([dog], one, tie=0.8, other=0.8), ["theirs: cat 0.700"])

    def test_boxes_overlap_as_they_are_before_they_are_cut(self):
        cat, dog = {"class": 1, "box": [0, 0, 10, 10], "score": 0.8}, {"class": 2, "box": [20, 20, 30, 30], "score": 0.4}
        apart = np.array([[0, 0, 10, 10], [-40, 0, 10, 9], [20, 20, 30, 30]], float)
        self.assertEqual(self.missed([cat, dog], whole=apart), ["theirs: cat 0.700"])

    def test_nothing_is_suppressed_where_the_family_does_not(self):
        every = self.MANIFEST | {"detection": {"suppression": "none"}}
        self.assertEqual(self.missed([], every), ["theirs: cat 0.800", "theirs: cat 0.700", "theirs: dog 0.400"])


class Table(unittest.TestCase):
    def test_a_row_without_a_record_stays_as_it_stood(self):
        rows = [SimpleNamespace(name=name, family=name.upper(), made_by=lambda: "hand") for name in ("a", "b", "c")]
        document = f"before\n{table.BEGIN}\n| A | old | 1 | 2 |\n| GONE | old |\n{table.END}\nafter\n"
        made = table.renewed(document, rows, {"b": {"failed": "no: a reason"}})
        lines = made.splitlines()
        self.assertEqual((lines[0], lines[-1], lines[4]), ("before", "after", "| A | old | 1 | 2 |"))
        self.assertTrue(lines[5].startswith("| B | hand | no: a reason |"))
        self.assertEqual(len(lines), 8)
        self.assertEqual({text.count("|") for text in lines[2:4] + lines[5:6]}, {14})

    def test_times_and_all_else_are_measured_apart(self):
        row = SimpleNamespace(name="a", family="A", made_by=lambda: "hand")
        rest = {"best": (0.5, "cat"), "against": "x", "detections": 1, "score": 0.0, "box": 0.0, "explains": ["class"], "compiled": 0.0}
        document = f"{table.BEGIN}\n{table.END}"
        with_rest = table.renewed(document, [row], {"a": rest})
        self.assertTrue(with_rest.splitlines()[-2].endswith("| 0.0e+00 |  |  |  |  |  |"))
        both = table.renewed(with_rest, [row], {"a": {"forward_ms": 8.2, "explanation_ms": 81.0}})
        self.assertEqual(both, with_rest.replace("|  |  |\n<", "| 8 | 81 |\n<"))
        self.assertEqual(table.renewed(both, [row], {"a": rest}), both)
        self.assertEqual(table.renewed(both, [row], {}), both)

    def test_what_float32_does_to_the_oracle_excuses_as_large_an_error_and_stands_beside_it(self):
        row = SimpleNamespace(family="A", made_by=lambda: "hand")
        record = {"best": (0.5, "cat"), "against": "x", "detections": 1, "score": 0.0, "box": 0.0, "explains": ["class"], "compiled": 0.0, "error": 3e-4, "windows": 0, "otherwise": 0}
        self.assertEqual(wrong(record), "error 3.0e-04 is above 0.0001")
        self.assertEqual(wrong(record | {"rounding": 5e-5}), "error 3.0e-04 is above 0.0002")
        self.assertIsNone(wrong(record | {"rounding": 1e-4}))
        self.assertIsNotNone(wrong(record | {"compiled": float("nan"), "rounding": 1e-4}))
        self.assertIn("| 3.0e-04 (float32 alone: 1.0e-04) | – |", table.line(row, record | {"rounding": 1e-4}))


if __name__ == "__main__":
    unittest.main()
