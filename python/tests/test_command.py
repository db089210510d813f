"""The package says what the command says, to the last bit."""

import json
import shutil
import tempfile
import unittest
from pathlib import Path

import numpy as np
import ssdcrp
from places import CLASSIFIER, SMALL, YOLO, photo, run_command


def without_times(records: list[dict]) -> list[dict]:
    return [{name: value for name, value in record.items() if name != "millis"} for record in records]


class Command(unittest.TestCase):
    def explained(self, path: str, *options: str) -> tuple[np.ndarray, dict]:
        maps, printed = self.explained_each(path, *options)
        self.assertEqual(len(maps), 1)
        return maps[0], printed

    def explained_each(self, path: str, *options: str) -> tuple[list[np.ndarray], dict]:
        with tempfile.TemporaryDirectory() as folder:
            printed = json.loads(run_command("explain", path, "--npy", f"{folder}/relevance.npy", "--json", *options))
            files = [file for one in printed["explanations"] for file in one["files"]]
            return [np.load(file) for file in files], printed

    def test_maps_are_the_commands(self) -> None:
        model = ssdcrp.Model()
        cases = [
            ("dog.jpg", {}, []),
            (
                "person.jpg",
                {"target": "class:sheep", "contrast": "class:horse", "box": 1436},
                ["--target", "class:sheep", "--contrast", "class:horse", "--box", "1436"],
            ),
            ("horses.jpg", {"target": "offset:w+", "box": 1406}, ["--target", "offset:w+", "--box", "1406"]),
            ("dog.jpg", {"composite": "lrp-epsilon", "contrast": "none"}, ["--composite", "lrp-epsilon", "--contrast", "none"]),
        ]
        for name, asked, options in cases:
            with self.subTest(name=name, **asked):
                why = model.explain(photo(name), **asked)
                expected, printed = self.explained(photo(name), *options)
                self.assertEqual(why.relevance.dtype, np.float32)
                np.testing.assert_array_equal(why.relevance, expected)
                self.assertGreater(np.abs(expected).max(), 0)
                record = printed["explanations"][0]
                self.assertEqual(
                    (why.target, why.contrast, why.composite, why.detection.default_box),
                    (record["target"], record["contrast"], record["composite"], record["default_box"]),
                )
                for share in ("sum_abs", "positive_share", "in_box_share"):
                    self.assertAlmostEqual(getattr(why, share), record[share], delta=1e-9 * abs(record[share]))
                self.assertEqual(
                    (why.check.passed, why.check.effect, why.check.effect_of_chance, why.check.words),
                    (record["checked"], record["effect"], record["effect_of_chance"], record["check"]),
                )

    def test_all_detections_and_points_are_the_commands(self) -> None:
        model = ssdcrp.Model()
        dog = photo("dog.jpg")
        # Two of these are one default box, which was detected as two classes.
        for asked, options in (({}, []), ({"target": "offset:w"}, ["--target", "offset:w"])):
            with self.subTest(**asked):
                answers = model.explain_all(dog, check=False, score_threshold=0.3, **asked)
                expected, printed = self.explained_each(dog, "--all", "--no-check", "--score-threshold", "0.3", *options)
                self.assertEqual(len(answers), len(expected))
                self.assertGreater(len(answers), len({why.detection.default_box for why in answers}))
                for why, relevance, record in zip(answers, expected, printed["explanations"]):
                    np.testing.assert_array_equal(why.relevance, relevance)
                    self.assertEqual((why.target, why.detection.default_box), (record["target"], record["default_box"]))
                # Each is told as what it was detected as.
                self.assertEqual([why.detection for why in answers], answers[0].detections)
        # The smallest box that holds the point, not the best.
        why = model.explain(dog, at=(200, 300), check=False)
        expected, printed = self.explained(dog, "--at", "200,300", "--no-check")
        np.testing.assert_array_equal(why.relevance, expected)
        self.assertEqual(why.detection.default_box, printed["explanations"][0]["default_box"])
        self.assertNotEqual(why.detection, why.detections[0])

    def test_maps_of_a_letterboxed_picture_are_the_commands_and_have_no_bars(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            own = Path(name, "own.onnx")
            shutil.copy(YOLO, own)
            warped = YOLO.with_suffix(".toml").read_text()
            letterboxed = warped.replace('resize = "bilinear"', 'resize = { letterbox = "centre" }')
            self.assertNotEqual(letterboxed, warped)
            own.with_suffix(".toml").write_text(letterboxed)
            model = ssdcrp.Model(own)
            dog = photo("dog.jpg")  # 768x576
            why = model.explain(dog, box=90, check=False)
            expected, _ = self.explained(dog, "--model", str(own), "--box", "90", "--no-check")
        np.testing.assert_array_equal(why.relevance, expected)
        width, height = model.input_size
        scale = min(width / 768, height / 576)
        self.assertEqual(why.relevance.shape, (round(576 * scale), round(768 * scale)))
        self.assertNotEqual(why.relevance.shape, (height, width))
        self.assertTrue(why.relevance.any())
        self.assertEqual(why.overlay.shape, (576, 768, 3))

    def test_detections_are_the_commands(self) -> None:
        for file, options in ((None, []), (SMALL, ["--model", str(SMALL)])):
            with self.subTest(file=file):
                model = ssdcrp.Model(file)
                found = model.detect(photo("person.jpg"), score_threshold=0.2)
                printed = run_command("detect", photo("person.jpg"), "--json", "--score-threshold", "0.2", *options)
                expected = json.loads(printed)["detections"]
                self.assertEqual(len(found), len(expected))
                self.assertTrue(expected)
                for detection, record in zip(found, expected):
                    self.assertEqual(detection.label, record["label"])
                    self.assertEqual(detection.default_box, record["default_box"])
                    np.testing.assert_array_equal(np.float32(detection.box), np.float32(record["box"]))
                    self.assertEqual(np.float32(detection.score), np.float32(record["score"]))

    def test_overlapping_detections_are_the_commands(self) -> None:
        horses, model = photo("horses.jpg"), ssdcrp.Model()
        counts = []
        for iou in ("0.2", "0.95"):
            found = model.detect(horses, score_threshold=0.3, iou_threshold=float(iou))
            printed = run_command("detect", horses, "--json", "--score-threshold", "0.3", "--iou-threshold", iou)
            expected = json.loads(printed)["detections"]
            self.assertEqual([detection.default_box for detection in found], [record["default_box"] for record in expected])
            counts.append(len(found))
        self.assertLess(*counts)

    def test_evaluations_are_the_commands(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            classifier = Path(name, "classifier.onnx")
            shutil.copy(CLASSIFIER, classifier)
            classifier.with_suffix(".toml").write_text(ssdcrp.propose_manifest(classifier))
            table = Path(name, "table.json")
            pictures = [photo("dog.jpg"), photo("person.jpg")]
            for file in (SMALL, classifier):
                with self.subTest(file=file.name):
                    # The likeliest, whatever their scores.
                    asked = {"composites": ["crp", "crp@none"], "baselines": ["random"], "score_threshold": 0, "seed": 7}
                    worth = ssdcrp.Model(file, threads=1).evaluate(pictures, detections=2, **asked)
                    methods = ["--no-presets", "--composites", "crp;crp@none", "--baselines", "random", "--seed", "7"]
                    options = ["--model", str(file), "--detections", "2", "--score-threshold", "0", "--threads", "1"]
                    run_command("evaluate", *pictures, *methods, *options, "--json", str(table))
                    expected = json.loads(table.read_text())
                    self.assertEqual(without_times(worth.summaries), without_times(expected["summaries"]))
                    self.assertEqual(without_times(worth.rows), without_times(expected["rows"]))
                    heading = worth._repr_html_().split("</thead>")[0]
                    self.assertEqual("largest offset" in heading, file == SMALL)
                    self.assertEqual(heading.count("<th>"), 7 if file == SMALL else 6)

    def test_the_compiled_network_is_the_commands(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            own, commands = Path(folder, "own.onnx"), Path(folder, "commands.onnx")
            network = ssdcrp.Model().compile(own)
            run_command("compile", "-o", str(commands))
            self.assertEqual(own.read_bytes(), commands.read_bytes())
            import onnxruntime  # Beside the package's own library, in one process.

            session = onnxruntime.InferenceSession(str(own), providers=["CPUExecutionProvider"])
            self.assertEqual({each.name for each in session.get_inputs()}, set(network.inputs))
            self.assertEqual([each.name for each in session.get_outputs()], ["relevance"])
            again = ssdcrp.Model().detect(photo("dog.jpg"))
            self.assertTrue(again)


if __name__ == "__main__":
    unittest.main()
