"""Joined results without a cluster: which objects are one, which segments are believed, which options are taken.

    python -m unittest discover -s tests/archives
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import duckdb

from footage import ROOT
from test_segments import make

sys.path.insert(0, str(ROOT / "scale"))

import join  # noqa: E402  (they lie beside each other)
import ray_archive  # noqa: E402
from joined_archive import JoinedArchive, name_of  # noqa: E402
from ray_archive import Refused  # noqa: E402
from segments import Segment  # noqa: E402


def table(path, rows, columns="time, object, default_box"):
    """A file of a table with the columns that joining needs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = ", ".join(str(row) for row in rows)
    duckdb.sql(f"COPY (SELECT 'part' AS source, *, 'cat' AS class FROM (VALUES {values}) t({columns})) "
               f"TO {join.quoted(path)} (FORMAT parquet)")
    return str(path)


class Joining(unittest.TestCase):
    def joined(self, work, first, second):
        """The numbers of objects by time and default box, of two segments of 4 s with an overlap of 2 s."""
        segments = [Segment("0.mkv", 0, 0, 4), Segment("1.mkv", 2, 4, float("inf"))]
        made = [table(work / f"{index}.parquet", rows) for index, rows in enumerate((first, second))]
        parts = {name: made for name in join.TABLES}
        counts = join.join("/video", segments, parts, work / "joined", "name")
        rows = duckdb.sql(f"SELECT time, default_box, object FROM '{work}/joined/detections/name.parquet'").fetchall()
        self.assertEqual(counts["detections"], len(rows))
        return {(float(time), box): number for time, box, number in rows}

    def test_an_object_keeps_its_number(self):
        with tempfile.TemporaryDirectory() as work:
            numbers = self.joined(pathlib.Path(work), [(1.0, 7, 10), (3.0, 7, 10)], [(1.0, 0, 10), (2.0, 0, 11), (2.5, 1, 30)])
            self.assertEqual(numbers, {(1.0, 10): 0, (3.0, 10): 0, (4.0, 11): 0, (4.5, 30): 1})

    def test_no_two_objects_of_a_frame_have_one_number(self):
        """Object 5 is at one box that object 0 of the next segment is at, and later at another one's."""
        with tempfile.TemporaryDirectory() as work:
            numbers = self.joined(
                pathlib.Path(work), [(2.5, 5, 10), (3.0, 5, 20)],
                [(0.5, 0, 10), (1.0, 1, 20), (2.5, 0, 10), (2.5, 1, 20)])
            self.assertNotEqual(numbers[4.5, 10], numbers[4.5, 20])
            # The later of both matches holds.
            self.assertEqual(numbers[4.5, 20], numbers[3.0, 20])

    def test_two_rows_of_one_object_in_a_frame_are_refused(self):
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            with self.assertRaisesRegex(ValueError, "object 0 would be in the frame"):
                self.joined(work, [(1.0, 7, 10), (1.0, 7, 11)], [(2.0, 0, 10)])
            self.assertEqual([path for path in (work / "joined" / "detections").iterdir() if path.suffix == ".parquet"
                              and not path.name.startswith(".")], [])


class Segments(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.work = pathlib.Path(temporary.name)
        self.video = self.work / "video.mkv"
        make(self.video, "mpeg4", {"g": "12"})

    def archive(self, length):
        return JoinedArchive(self.work / "out", length, 1)

    def test_segments_of_another_cut_are_not_believed(self):
        first = self.archive(2).begin(self.video)
        sizes = [pathlib.Path(segment.path).stat().st_size for segment in first]
        before = pathlib.Path(first[0].path).stat().st_mtime_ns
        self.assertEqual(self.archive(2).begin(self.video), first)
        self.assertEqual(pathlib.Path(first[0].path).stat().st_mtime_ns, before)
        # A run with another length is killed while it cuts: its files are there, and no plan.
        other = self.archive(1).begin(self.video)
        self.assertGreater(len(other), len(first))
        (pathlib.Path(other[0].path).parent / "plan.json").unlink()
        again = self.archive(2).begin(self.video)
        self.assertEqual(again, first)
        self.assertEqual([pathlib.Path(segment.path).stat().st_size for segment in again], sizes)
        # Neither is a plan whose files have gone.
        pathlib.Path(first[1].path).unlink()
        self.assertEqual(self.archive(2).begin(self.video), first)
        self.assertEqual(pathlib.Path(first[1].path).stat().st_size, sizes[1])

    def test_joined_tables_stay_until_the_video_or_the_cuts_change(self):
        archive = self.archive(2)
        segments = archive.begin(self.video)
        parts = archive.parts(self.video)
        for index, segment in enumerate(segments):
            # As a node that sees the folder under another name writes it.
            source = "/mnt/elsewhere/" + "/".join(pathlib.Path(segment.path).parts[-2:])
            for name in join.TABLES:
                table(parts / name / f"{index}.parquet", [(segment.own - segment.begin, index, 10)])
            (parts / "inputs").mkdir(exist_ok=True)
            (parts / "inputs" / f"{index}.json").write_text(json.dumps({"source": source, "state": "done"}))
        self.assertIsNone(archive.counts_of(self.video))
        counts = archive.finish(self.video, segments)
        self.assertEqual(counts, {name: len(segments) for name in join.TABLES})
        self.assertFalse(archive.segments(self.video).exists())
        self.assertEqual(self.archive(2).counts_of(self.video), counts)
        self.assertIsNone(self.archive(3).counts_of(self.video))
        os.utime(self.video)
        self.assertIsNone(self.archive(2).counts_of(self.video))
        # What fails from here on leaves nothing of before.
        archive.begin(self.video)
        self.assertFalse(join.target_of(self.work / "out", "detections", name_of(self.video)).exists())
        self.assertIsNone(archive.counts_of(self.video))

    def test_one_run_at_a_time(self):
        with self.archive(2), self.assertRaisesRegex(RuntimeError, "another run"):
            with self.archive(2):
                pass

    def test_long_names_fit(self):
        name = name_of(pathlib.Path("/archive/" + "門" * 79 + ".mp4"))
        self.assertLess(len(name.encode()), 100)


class Options(unittest.TestCase):
    def test_what_tasks_cannot_do_is_refused_with_a_reason(self):
        for option, why in (("--shard=1/2", "the cluster shares"), ("--list", "prints inputs"), ("-0", "belongs to --list"),
                            ("--null", "belongs to --list"), ("--video", "whole video"), ("--evidence", "whole video"),
                            ("-oout", "before --"), ("--output=x", "before --"), ("--prepare", "every run")):
            with self.subTest(option), self.assertRaisesRegex(Refused, f"is not for segments: .*{why}"):
                ray_archive.checked(["--set", "select=all", option])
        for words, why in ((["yard.mkv"], "'yard.mkv' is no option"), (["--threads", "2", "yard.mkv"], "'yard.mkv'"),
                           (["--segment", "3"], "--segment"), (["-o"], "-o"), (["--model"], "--model")):
            with self.subTest(words), self.assertRaisesRegex(Refused, why):
                ray_archive.checked(words)

    def test_a_task_takes_its_own_cores_and_finds_the_model(self):
        self.assertEqual(ray_archive.checked([]), ["--threads=1"])
        self.assertEqual(ray_archive.checked(["--threads", "2", "-q"]), ["--threads=2"])
        here = str(pathlib.Path("a.onnx").resolve())
        for model in (["--model", "a.onnx"], ["--model=a.onnx"]):
            options = ["--set", "a=b", *model, "--set=c=--d", "--execution-provider", "openvino"]
            self.assertEqual(ray_archive.checked(options), [
                "--set=a=b", "--set=c=--d", f"--model={here}", "--threads=1", "--execution-provider=openvino"])

    def test_lengths_are_times(self):
        self.assertEqual(ray_archive.seconds()("0"), 0)
        self.assertEqual(ray_archive.seconds(above=0)("0.5"), 0.5)
        for parse, text in ((ray_archive.seconds(above=0), "0"), (ray_archive.seconds(), "-5"), (ray_archive.seconds(), "nan"),
                            (ray_archive.seconds(), "inf")):
            with self.subTest(text), self.assertRaisesRegex(argparse.ArgumentTypeError, f"{text} is no time"):
                parse(text)

    def test_a_run_that_cannot_begin_is_told_in_a_line(self):
        for arguments, why in ((["a.mkv", "-o", "out", "--", "--video"], "--video is not for segments"),
                               (["a.mkv", "-o", "out", "--store", "nonsense://archive"], "nonsense"),
                               (["a.mkv", "-o", "out", "--address", "127.0.0.1:1"], "no cluster at 127.0.0.1:1"),
                               (["a.mkv", "-o", "out", "--address", "auto"], "Ray")):
            with self.subTest(arguments):
                run = subprocess.run(
                    [sys.executable, ROOT / "scale" / "ray_archive.py", *arguments], capture_output=True, text=True, check=False)
                self.assertEqual(run.returncode, 1, run.stderr)
                self.assertNotIn("Traceback", run.stderr)
                last = run.stderr.splitlines()[-1]
                self.assertTrue(last.startswith("ray_archive: ") and why in last, run.stderr)


if __name__ == "__main__":
    unittest.main()
