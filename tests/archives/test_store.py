"""Joined results in a store like S3, which runs on this computer.

    python -m unittest discover -s tests/archives
"""

import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

import av
import duckdb
import fsspec
from moto.server import ThreadedMotoServer

from footage import ROOT

sys.path.insert(0, str(ROOT / "scale"))

import join  # noqa: E402  (they lie beside each other)
from joined_archive import JoinedArchive  # noqa: E402
from segments import Segment  # noqa: E402
from store import ResultStore  # noqa: E402


class Store(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.work = pathlib.Path(temporary.name)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        self.addCleanup(server.stop)
        host, port = server.get_host_and_port()
        keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        patched = mock.patch.dict(os.environ, keys)
        patched.start()
        self.addCleanup(patched.stop)
        # Else that of the last test's server would be taken.
        fsspec.get_filesystem_class("s3").clear_instance_cache()
        self.files = fsspec.filesystem("s3")
        self.files.makedirs("archive", exist_ok=True)
        self.store = ResultStore("s3://archive/results/")

    def parts(self, archive, video, segments):
        """Tables as a run makes them, with a row for each segment."""
        folder = self.work / "parts"
        folder.mkdir(exist_ok=True)
        for index, segment in enumerate(segments):
            duckdb.sql(f"COPY (SELECT 'part' AS source, {segment.own}::DOUBLE AS time, {index} AS object, 7 AS default_box, 'cat' AS class) "
                       f"TO '{folder}/{index}.parquet' (FORMAT parquet)")
        files = [str(folder / f"{index}.parquet") for index in range(len(segments))]
        return mock.patch.object(archive, "tables_of", lambda *_: {table: files for table in join.TABLES})

    def test_the_record_comes_last_and_goes_first(self):
        video = self.work / "video.mkv"
        video.write_bytes(b"not read")
        segments = [Segment("0.mkv", 0, 0, 4), Segment("1.mkv", 0, 4, float("inf"))]
        archive = JoinedArchive(self.work / "out", 60, 12, self.store)
        with self.parts(archive, video, segments):
            counts = archive.finish(video, segments)
        *tables, record = archive.names(video)
        for name in [*tables, record]:
            self.assertEqual(self.store.files.cat_file(self.store.path(name)), (self.work / "out" / name).read_bytes())
        # A copy that is missing is made again, without any work.
        self.store.remove([record])
        self.assertEqual(archive.counts_of(video), counts)
        self.assertTrue(self.store.has(record))
        # What begins anew is not there meanwhile.
        with self.assertRaises(av.error.InvalidDataError):
            archive.begin(video)
        self.assertEqual(self.store.files.find("archive"), [])

    def test_a_store_that_is_not_there_is_an_error(self):
        with self.assertRaisesRegex(OSError, "cannot write to s3://nowhere/results: .*bucket"):
            ResultStore("s3://nowhere/results")
        self.assertFalse(self.files.exists("nowhere"), "a misspelled bucket was made")
        with self.assertRaisesRegex(ValueError, "nonsense"):
            ResultStore("nonsense://archive")

    def test_a_folder_is_a_store_too(self):
        store = ResultStore(f"file://{self.work}/copies/of results")
        (self.work / "inputs").mkdir()
        (self.work / "inputs" / "a.json").write_text("{}")
        store.put(self.work, ["inputs/a.json"])
        self.assertEqual((self.work / "copies" / "of results" / "inputs" / "a.json").read_text(), "{}")
        self.assertTrue(store.has("inputs/a.json"))
        # What was tried at the start is gone.
        self.assertEqual([path.name for path in (self.work / "copies" / "of results").iterdir()], ["inputs"])


if __name__ == "__main__":
    unittest.main()
