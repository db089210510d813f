"""An archive on a cluster of Ray with two nodes, of which one is killed in the middle: nothing is lost, and nothing is there twice.

    python -m unittest discover -s tests/archives
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import duckdb
import ray
from ray.cluster_utils import Cluster

from footage import PROGRAMS, ROOT, clip

sys.path.insert(0, str(ROOT / "scale"))

import ray_archive  # noqa: E402  (it lies beside what it imports)

FRAMES = 120
# What does not depend on where a cut is: a frame's detections are those of the frame alone.
PROMISED = "round(time, 3) AS time, class, score, runner_up, runner_up_score, x, y, width, height, default_box"
OPTIONS = ["--threads", "1", "--set", "select=all", "--set", "check-explanations=false", "--set", "events=none"]
# Likewise explanations, where all detections are explained.
EXPLAINED = "round(time, 3) AS time, class, score, question, in_box_share, sum_abs, centre_x, centre_y"


def rows(folder, table, columns):
    """The rows of a table, sorted, for objects have other numbers."""
    return duckdb.sql(f"SELECT {columns} FROM '{folder}/{table}/*.parquet' ORDER BY ALL").fetchall()


class KilledNode(unittest.TestCase):
    def test_nothing_is_lost_and_nothing_is_twice(self):
        with tempfile.TemporaryDirectory() as temporary:
            work = pathlib.Path(temporary)
            video = work / "clip.mkv"
            clip(video, FRAMES)
            # One that is none does not stop the other.
            text = work / "a text.mkv"
            text.write_text("no video at all")
            command = str(PROGRAMS / "ssdcrp")
            subprocess.run([command, "annotate", video, "-o", work / "one", *OPTIONS], check=True)

            cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
            nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
            ray.init(address=cluster.address, log_to_driver=False)
            told = []

            def tell(line):
                told.append(line)
                print(line, flush=True)
                if len(told) == 1:
                    # Both nodes are at work by now. Another one comes for the one that goes.
                    cluster.remove_node(nodes.pop(), allow_graceful=False)
                    cluster.add_node(num_cpus=1)
                    print("a node was killed, another one came", flush=True)

            try:
                counts, failures = ray_archive.run([video, text], work / "many", command, 2, 1, OPTIONS, tell)
                again = ray_archive.run([video], work / "many", command, 2, 1, OPTIONS, self.fail)
                # Other settings are refused before anything of these is touched.
                other = [*OPTIONS, "--set", "select=best"]
                with self.assertRaisesRegex(ray_archive.Refused, "made with other settings .*select was 'all'"):
                    ray_archive.run([video], work / "many", command, 2, 1, other, self.fail)
                with self.assertRaisesRegex(ray_archive.Refused, "traget"):
                    ray_archive.run([video], work / "many", command, 2, 1, ["--set", "traget=class:dog"], self.fail)
                with self.assertRaisesRegex(ray_archive.Refused, "/nonexistent/ssdcrp"):
                    ray_archive.run([video], work / "none", "/nonexistent/ssdcrp", 2, 1, OPTIONS, self.fail)
            finally:
                ray.shutdown()
                cluster.shutdown()
            self.assertEqual(list(failures), [str(text)])
            # What is joined is not done again, and its segments are gone.
            self.assertEqual(again, (counts, {}))
            self.assertFalse(any((work / "many" / "segments").iterdir()))
            self.assertFalse((work / "none" / "detections").exists())
            self.assertGreater(len(told), 4)
            print(counts)
            for table, columns in (("detections", PROMISED), ("explanations", EXPLAINED)):
                one, many = (rows(work / name, table, columns) for name in ("one", "many"))
                self.assertGreater(len(one), FRAMES)
                self.assertEqual(len(many), len(one))
                self.assertEqual(many, one)
            # An object has one number in both, another one perhaps.
            pairs = duckdb.sql(
                f"SELECT DISTINCT a.object, b.object FROM '{work}/one/detections/*.parquet' a "
                f"JOIN '{work}/many/detections/*.parquet' b ON round(a.time, 3) = round(b.time, 3) "
                "AND a.default_box = b.default_box AND a.class = b.class").fetchall()
            objects = [len({pair[side] for pair in pairs}) for side in (0, 1)]
            print(f"objects: {objects[0]} in one run, {objects[1]} joined, {len(pairs)} pairs")
            self.assertEqual(objects, 2 * [len(pairs)])


if __name__ == "__main__":
    unittest.main()
