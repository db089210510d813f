"""What people do wrong: each gives an exception with the engine's own words, and leaves the model of use."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import numpy as np
import PIL.Image
import ssdcrp
from places import CLASSIFIER, ROOT, SMALL, onnx_runtime, photo, working_in


def with_a_weight_in(file: str, model: bytes) -> bytes:
    """An ONNX model with one more weight, a number that lies in a file beside it."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    location = field(13, field(1, b"location") + field(2, file.encode()))
    weight = b"\x08\x01\x10\x01" + field(8, b"unused") + location + b"\x70\x01"
    return model + field(7, field(5, weight))


class Unwilling:
    """An object that says nothing about itself."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")


class BytesPath(os.PathLike[bytes]):
    def __fspath__(self) -> bytes:
        return b"dog.jpg"


class Questions(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.model = ssdcrp.Model()

    def test_questions_that_make_no_sense(self) -> None:
        cases = [
            ({"target": "dog"}, "dog"),
            ({"target": "class:shepe"}, 'did you mean "sheep"?'),
            ({"target": "class:unicorn"}, "unicorn"),
            ({"target": 5}, "target is a text"),
            ({"target": "class:\ud800"}, "target is no text that can be read: 'class:\\ud800'"),
            ({"contrast": 5}, "contrast is a text, such as 'mean', not int"),
            ({"composite": 5}, "composite is a text, such as 'crp', not int"),
            ({"target": "objectness"}, "objectness"),
            ({"contrast": "most"}, "most"),
            ({"contrast": "class:unicorn"}, "unicorn"),
            ({"composite": "crpp"}, "crpp"),
            ({"box": 99_999}, "there is no default box 99999"),
            ({"box": -1}, "box is a number from 0 to "),
            ({"box": 1 << 70}, "not 1180591620717411303424"),
            ({"box": 10**5000}, "not int"),
            ({"box": "1436"}, "box is a whole number, not str"),
            ({"at": (1, 2), "box": 3}, "at and box"),
            ({"at": (-5, 2)}, "lies outside of the picture, which is 640x424"),
            ({"at": (float("nan"), 2)}, "lies outside"),
            ({"at": (1,)}, "at is a point in pixels"),
            ({"at": "320,200"}, "at is a point in pixels"),
            ({"at": (10**400, 2)}, "at is a point in pixels"),
            ({"at": "12"}, "at is a point in pixels, such as (320, 200), not '12'"),
            ({"at": b"12"}, "not b'12'"),
            ({"at": ("320", "200")}, "not ('320', '200')"),
            ({"at": Unwilling()}, "(320, 200), not Unwilling"),
            ({"at": np.zeros((3, 3))}, "at is a point in pixels"),
            ({"at": (1, 1)}, "nothing was detected at 1, 1; there is person 0.98 at 189,101 – 274,383, sheep 0."),
            ({"score_threshold": 1.5}, "from 0 to 1, not 1.5"),
            ({"score_threshold": 10**400}, "from 0 to 1, not 1000"),
            ({"iou_threshold": "much"}, "from 0 to 1, not 'much'"),
            ({"score_threshold": "0.5"}, "score_threshold is a number from 0 to 1, not '0.5'"),
            ({"target": "class:background", "score_threshold": 1.0}, "nothing scores above 1"),
            ({"score_threshold": 1.0}, "nothing scores above 1: lower score_threshold, name a class as target, or a default box as box"),
            ({"score_threshold": 1.0, "at": (300, 200)}, "nothing scores above 1: lower score_threshold, or name a default box as box"),
        ]
        for asked, words in cases:
            with self.subTest(**asked), self.assertRaises(ssdcrp.QuestionError) as raised:
                self.model.explain(photo("person.jpg"), **asked)
            self.assertIn(words, str(raised.exception))
            self.assertNotIn("\n", str(raised.exception))
        self.assertTrue(self.model.explain(photo("person.jpg"), check=False).relevance.any())

    def test_the_object_that_is_meant(self) -> None:
        person = photo("person.jpg")
        why = self.model.explain(person, "class:person", check=False)
        self.assertEqual(why.detection, next(d for d in why.detections if d.label == "person"))
        left, top, right, bottom = why.detection.box
        for asked in ({"at": ((left + right) / 2, (top + bottom) / 2)}, {"box": why.detection}):
            self.assertEqual(self.model.explain(person, check=False, **asked).detection, why.detection)
        # Not detected: where the class scores highest.
        zebra = self.model.explain(person, "class:zebra", check=False)
        self.assertEqual(zebra.detection.label, "zebra")
        self.assertNotIn("zebra", [detection.label for detection in zebra.detections])
        self.assertEqual(self.model.explain_all(person, score_threshold=1.0), [])

    def test_a_detection_is_meant_as_the_class_that_it_is(self) -> None:
        dog = photo("dog.jpg")
        found = self.model.detect(dog)
        places = [detection.default_box for detection in found]
        # A default box that is detected as a second class too, which scores lower.
        second = next(detection for index, detection in enumerate(found) if detection.default_box in places[:index])
        best = next(detection for detection in found if detection.default_box == second.default_box)
        self.assertNotEqual(second.class_id, best.class_id)
        everything = self.model.explain_all(dog, check=False)
        for detection in (best, second):
            why = self.model.explain(dog, box=detection, check=False)
            self.assertEqual(why.detection, detection)
            same = next(other for other in everything if other.detection == detection)
            self.assertEqual((why.question, why.target), (same.question, same.target))
            np.testing.assert_array_equal(why.relevance, same.relevance)
        # By its number it is the best class; and a target goes before the detection's class.
        self.assertEqual(self.model.explain(dog, box=second.default_box, check=False).detection, best)
        wider = self.model.explain(dog, "offset:w+", box=second, check=False)
        self.assertEqual((wider.target, wider.detection.default_box), ("offset:w+", second.default_box))

    def test_a_classifier_has_one_box_and_points_lie_in_the_picture(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            own = Path(name, "own.onnx")
            shutil.copy(CLASSIFIER, own)
            own.with_suffix(".toml").write_text(ssdcrp.propose_manifest(own) + "\n[detection]\nscore_threshold = 1.0\n")
            model = ssdcrp.Model(own)
        self.assertEqual(model.inspect().kind, "classifier")
        dog = photo("dog.jpg")
        self.assertEqual(model.detect(dog), [])
        for asked in ({}, {"at": (1, 1)}, {"box": 0}, {"target": "class:#7"}):
            with self.subTest(**asked):
                self.assertEqual(model.explain(dog, check=False, **asked).detection.default_box, 0)
        with self.assertRaises(ssdcrp.QuestionError):
            model.explain(dog, target="class:unicorn")
        for at in ((-5, 2), (769, 2), (float("nan"), 2)):
            with self.subTest(at=at), self.assertRaises(ssdcrp.QuestionError) as raised:
                model.explain(dog, at=at)
            self.assertIn("lies outside of the picture, which is 768x576", str(raised.exception))

    def test_evaluations_that_make_no_sense(self) -> None:
        cases = [
            (photo("dog.jpg"), {}, "several pictures"),
            (PIL.Image.new("RGB", (4, 4)), {}, "several pictures are expected, as in [picture], not Image"),
            (np.zeros((4, 4, 3), np.uint8), {}, "several pictures are expected, as in [picture], not ndarray"),
            (5, {}, "several pictures are expected, as in [picture], not int"),
            ([], {}, "no pictures"),
            ([photo("dog.jpg")], {"detections": 0}, "detections is a number from 1 to"),
            ([photo("dog.jpg")], {"composites": "crp"}, "composites is a list"),
            ([photo("dog.jpg")], {"composites": 5}, "composites is a list of names, such as ['crp'], not 5"),
            ([photo("dog.jpg")], {"baselines": [5]}, "each of baselines is a text, such as 'random', not int"),
            ([photo("dog.jpg")], {"composites": [], "baselines": []}, "nothing to compare"),
            ([photo("dog.jpg")], {"composites": iter([]), "baselines": iter([])}, "nothing to compare"),
            ([photo("dog.jpg")], {"composites": (name for name in ["crpp"]), "baselines": []}, "crpp"),
            ([photo("dog.jpg")], {"deletion": 5}, "deletion is a text, such as 'blurred', not int"),
            ([photo("dog.jpg")], {"progress": 5}, "progress is a function of two numbers, not int"),
            ([photo("dog.jpg")], {"baselines": ["gradcam"]}, "there is no baseline 'gradcam'"),
            ([photo("dog.jpg")], {"deletion": "black"}, "'blurred' or 'mean-colour'"),
            ([photo("dog.jpg")], {"score_threshold": 1.0}, "nothing was detected in any"),
        ]
        for pictures, asked, words in cases:
            with self.subTest(words=words), self.assertRaises(ssdcrp.QuestionError) as raised:
                self.model.evaluate(pictures, **asked)
            self.assertIn(words, str(raised.exception))

    def test_names_of_methods_may_come_from_a_generator(self) -> None:
        worth = self.model.evaluate([photo("dog.jpg")], (name for name in ["crp@none"]), iter(["random"]), detections=1)
        self.assertEqual([summary["method"] for summary in worth.summaries], ["crp@none", "random"])
        for method in ("gradcam", 5):
            with self.assertRaises(ssdcrp.QuestionError) as raised:
                worth.deletion(method)
            self.assertIn(f"there is no method {method!r} here, but 'crp@none', 'random'", str(raised.exception))

    def test_an_evaluation_ends_where_its_progress_fails(self) -> None:
        steps = []

        def progress(done: int, of: int) -> None:
            steps.append((done, of))
            if done == 1:
                raise KeyboardInterrupt

        with self.assertRaises(KeyboardInterrupt):
            self.model.evaluate([photo("dog.jpg")], baselines=["random"], detections=1, progress=progress)
        self.assertEqual(steps, [(0, 2), (1, 2)])


class Files(unittest.TestCase):
    def test_files_that_are_not_there(self) -> None:
        for call in (
            lambda: ssdcrp.Model("missing.onnx"),
            lambda: ssdcrp.Model().detect("missing.jpg"),
            lambda: ssdcrp.propose_manifest("missing.onnx"),
            lambda: ssdcrp.Model().compile("missing/folder/explain.onnx"),
        ):
            with self.assertRaises(FileNotFoundError) as raised:
                call()
            self.assertIsInstance(raised.exception, ssdcrp.MissingFileError)
            self.assertIn("missing", str(raised.exception))
            self.assertEqual(raised.exception.errno, errno.ENOENT)

    def test_a_file_that_cannot_be_written_says_why(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            own = Path(name, "own.onnx")
            # As on a full disk, part of the file is written; Python ignores the limit's signal.
            limit = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limit[1]))
            try:
                with self.assertRaises(ssdcrp.FileError) as raised:
                    ssdcrp.Model(SMALL).compile(own)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limit)
            self.assertEqual(raised.exception.errno, errno.EFBIG)
            self.assertEqual(str(raised.exception), f"cannot write {own}: File too large (os error 27)")
            self.assertEqual(list(Path(name).iterdir()), [])
            with self.assertRaises(ssdcrp.FileError) as raised:
                ssdcrp.Model(SMALL).compile(SMALL / "explain.onnx")
            self.assertEqual(raised.exception.errno, errno.ENOTDIR)

    def test_what_a_network_is_written_to_stays_what_it_is(self) -> None:
        ssdcrp.Model(SMALL).compile("/dev/null")
        self.assertTrue(Path("/dev/null").is_char_device())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            model, manifest, weights = (folder / file for file in ("own.onnx", "own.toml", "own.weights"))
            model.write_bytes(with_a_weight_in(weights.name, SMALL.read_bytes()))
            shutil.copy(SMALL.with_suffix(".toml"), manifest)
            weights.write_bytes(bytes(4))
            (folder / "link.onnx").symlink_to(model)
            (folder / "below").mkdir()
            before = [file.read_bytes() for file in (model, manifest, weights)]
            with working_in(folder):
                opened = ssdcrp.Model("own.onnx")
            refused = ((model, "model"), (folder / "link.onnx", "model"), (manifest, "manifest"), (weights, "file of the model's weights"))
            for path, what in refused:
                words = f"cannot write {path}: that is the {what} itself, name another file"
                with self.subTest(what=what), self.assertRaises(ssdcrp.QuestionError) as raised:
                    opened.compile(path)
                self.assertEqual(str(raised.exception), words)
            # From a folder that it was not opened in.
            with working_in(folder / "below"):
                with self.assertRaises(ssdcrp.QuestionError):
                    opened.compile("../own.onnx")
                opened.compile("own.onnx")
                opened.compile("own.onnx")
            self.assertEqual([file.read_bytes() for file in (model, manifest, weights)], before)

    def test_what_is_no_path_is_refused(self) -> None:
        model = ssdcrp.Model(SMALL)
        for path, words in ((5, "not int"), (BytesPath(), "not BytesPath"), ("\ud800", "no name that a file can have"), (b"own.onnx", "not bytes")):
            for call in (ssdcrp.Model, model.compile, ssdcrp.propose_manifest):
                with self.subTest(path=path, call=call), self.assertRaises(ssdcrp.QuestionError) as raised:
                    call(path)
                self.assertIn(words, str(raised.exception))
        for composite, words in ((5, "composite is a text, such as 'crp', not int"), ("crpp", "crpp")):
            for call in (model.inspect, lambda composite: model.compile("explain.onnx", composite)):
                with self.subTest(composite=composite), self.assertRaises(ssdcrp.QuestionError) as raised:
                    call(composite)
                self.assertIn(words, str(raised.exception))

    def test_files_that_are_no_models(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            folder.joinpath("text.onnx").write_text("no model")
            folder.joinpath("bare.onnx").write_bytes(SMALL.read_bytes())
            folder.joinpath("wrong.onnx").write_bytes(SMALL.read_bytes())
            folder.joinpath("wrong.toml").write_text("name = 5")
            with self.assertRaises(ssdcrp.ModelError):
                ssdcrp.Model(folder / "text.onnx")
            with self.assertRaises(ssdcrp.ModelError) as raised:
                ssdcrp.Model(folder / "wrong.onnx")
            self.assertIn("line 1", str(raised.exception))
            with self.assertRaises(ssdcrp.MissingFileError) as raised:
                ssdcrp.Model(folder / "bare.onnx")
            self.assertIn("there is no manifest", str(raised.exception))
            folder.joinpath("bare.toml").write_text(ssdcrp.propose_manifest(folder / "bare.onnx"))
            self.assertEqual(ssdcrp.Model(folder / "bare.onnx").inspect().kind, "anchor-free")

    def test_sizes_that_make_no_sense(self) -> None:
        for size, words in (((1,), "size is width and height"), ("ab", "width is a whole number"), ((0, 5), "width is a number from 1 to 8192, not 0")):
            with self.subTest(size=size), self.assertRaises(ssdcrp.QuestionError) as raised:
                ssdcrp.propose_manifest(SMALL, size)
            self.assertIn(words, str(raised.exception))

    def test_options_that_make_no_sense(self) -> None:
        for options, words in (
            ({"execution_provider": "tpu"}, "tpu"),
            ({"execution_provider": 5}, "execution_provider is a text, such as 'cpu', not int"),
            ({"threads": -1}, "threads is a number from 0 to 256, not -1"),
            ({"threads": 100_000}, "not 100000"),
            ({"threads": 1.5}, "threads is a whole number"),
        ):
            with self.subTest(**options), self.assertRaises(ssdcrp.QuestionError) as raised:
                ssdcrp.Model(**options)
            self.assertIn(words, str(raised.exception))


class Library(unittest.TestCase):
    """Each in a process of its own, for a library is loaded once."""

    def run_python(self, code: str, library: str | None = None) -> tuple[int, str]:
        environment = {name: value for name, value in os.environ.items() if name not in ("ORT_DYLIB_PATH", "SSDCRP_CACHE")}
        # No library of earlier runs may help.
        environment["XDG_CACHE_HOME"] = "/nonexistent"
        if library is not None:
            environment["ORT_DYLIB_PATH"] = library
        done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_that_of_the_package_onnxruntime_is_found(self) -> None:
        code = (
            f"import ssdcrp, sys; print(ssdcrp.Model().detect({photo('dog.jpg')!r})[0].label); assert 'onnxruntime' not in sys.modules; "
            "print([line.split()[-1] for line in open('/proc/self/maps') if 'libonnxruntime' in line][0])"
        )
        status, printed = self.run_python(code)
        self.assertEqual(status, 0, printed)
        self.assertIn("onnxruntime/capi/libonnxruntime.so", printed)

    #: What is said where a network is needed.
    DETECT = f"""
import ssdcrp
model = ssdcrp.Model()
print(model.inspect().kind)
try: model.detect({photo('dog.jpg')!r})
except ImportError as error: print(type(error).__name__, error)
"""
    #: As if the package were not installed.
    WITHOUT_PACKAGE = "import importlib.util as u; find = u.find_spec; u.find_spec = lambda name, *a: None if name == 'onnxruntime' else find(name, *a)"

    def said(self, code: str, library: str | None = None) -> str:
        status, printed = self.run_python(code, library)
        self.assertEqual(status, 0, printed)
        self.assertTrue(printed.startswith("ssd\n"), printed)
        return printed.removeprefix("ssd\n")

    def test_the_variable_goes_before_it_and_is_what_is_to_be_mended(self) -> None:
        for before in ("", self.WITHOUT_PACKAGE):
            said = self.said(before + self.DETECT, "/nowhere/libonnxruntime.so")
            self.assertIn("ORT_DYLIB_PATH is set, but /nowhere/libonnxruntime.so", said)
            self.assertTrue(said.startswith("RuntimeUnavailableError ONNX Runtime"), said)
            self.assertTrue(said.endswith(". Set it to the library's absolute path, or unset it\n"), said)
            self.assertNotIn("pip", said)

    def test_without_any_the_exception_says_what_to_do(self) -> None:
        said = self.said(self.WITHOUT_PACKAGE + self.DETECT)
        if not said:
            self.skipTest("the system has ONNX Runtime")
        self.assertTrue(said.startswith("RuntimeUnavailableError ONNX Runtime"), said)
        path = "Set ORT_DYLIB_PATH to the library's absolute path, or run pip install onnxruntime and start Python anew\n"
        self.assertTrue(said.endswith(path), said)
        # Advice for others.
        self.assertNotIn("package ssdcrp", said)

    def test_what_a_package_has_is_not_to_be_installed_again(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            capi = Path(folder, "onnxruntime/capi")
            capi.mkdir(parents=True)
            Path(folder, "onnxruntime/__init__.py").touch()
            capi.joinpath("libonnxruntime.so.1").write_text("no library")
            said = self.said(f"import sys; sys.path.insert(0, {folder!r})" + self.DETECT)
        if not said:
            self.skipTest("the system has ONNX Runtime")
        self.assertIn("libonnxruntime.so.1", said)
        self.assertTrue(said.endswith(". Set ORT_DYLIB_PATH to the library's absolute path\n"), said)

    @unittest.skipUnless(shutil.which("cc"), "there is no C compiler")
    def test_a_provider_that_does_not_start_is_no_lack_of_a_library(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            library = Path(folder, "libonnxruntime.so")
            source = ROOT / "plugin/tests/element/faulty_runtime.c"
            subprocess.run(["cc", "-shared", "-fPIC", "-DLISTS_CUDA", "-o", library, source, "-ldl"], check=True)
            code = f"import os; os.environ['REAL_RUNTIME'] = {onnx_runtime()!r}"
            said = self.said(code + self.DETECT.replace("Model()", "Model(execution_provider='cuda')"), str(library))
        self.assertTrue(said.startswith("RuntimeUnavailableError ONNX Runtime's execution provider 'cuda' does not start: "), said)
        self.assertNotIn("pip", said)


if __name__ == "__main__":
    unittest.main()
