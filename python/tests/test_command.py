"""The package says what the command says, to the last bit."""

import json
import tempfile
import unittest
from pathlib import Path

import numpy as np
import ssdcrp
from places import SMALL, photo, run_command


class Command(unittest.TestCase):
    def explained(self, path: str, *options: str) -> tuple[np.ndarray, dict]:
        with tempfile.TemporaryDirectory() as folder:
            npy = Path(folder, "relevance.npy")
            printed = run_command("explain", path, "--npy", str(npy), "--json", *options)
            return np.load(npy), json.loads(printed)

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
