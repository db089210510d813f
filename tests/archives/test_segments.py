"""Segments of small videos that the test makes: every frame of a video is in exactly one own part, with the picture that it has there.

    python -m unittest discover -s tests/archives
"""

import pathlib
import sys
import tempfile
import unittest
from fractions import Fraction
from unittest import mock

import av

from footage import ROOT

sys.path.insert(0, str(ROOT / "scale"))

import segments  # noqa: E402  (it lies beside what it imports)

WIDTH, HEIGHT, RATE = 64, 48, 25
FRAMES = 150
# Codecs, containers and options. MPEG-2 and MPEG-4 make open groups of pictures by themselves: B frames lie behind the key frame
# that they need, and before it in time.
KINDS = [
    ("mpeg2video", "mkv", {"bf": "2", "g": "12"}),
    ("mpeg2video", "ts", {"bf": "2", "g": "12"}),
    ("mpeg4", "avi", {"bf": "2", "g": "12"}),
    ("mpeg4", "mkv", {"g": "12"}),
    ("libx264", "ts", {"bf": "2", "g": "25", "x264-params": "scenecut=0:open-gop=0"}),
    ("libx264", "mp4", {"bf": "2", "g": "25", "x264-params": "scenecut=0:open-gop=1"}),
    ("libx264", "ts", {"bf": "2", "g": "25", "x264-params": "scenecut=0:open-gop=1"}),
]


def make(path, codec, options):
    """A video in which every frame differs from all others."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(FRAMES):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            luma, *chroma = frame.planes
            rows = (bytes([235 if row == number % HEIGHT else 16 + number]) * luma.line_size for row in range(HEIGHT))
            luma.update(b"".join(rows))
            for plane in chroma:
                plane.update(bytes([128]) * plane.buffer_size)
            frame.pts, frame.time_base = number, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def frames(path):
    """Pictures by their times in milliseconds, as stored: Matroska has no finer ones."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return {round(float(frame.pts * stream.time_base) * 1000): luma(frame) for frame in container.decode(stream)}


def luma(frame):
    """Its pixels, without what lies between rows."""
    plane = frame.planes[0]
    data, line = bytes(plane), plane.line_size
    return b"".join(data[row * line:row * line + WIDTH] for row in range(HEIGHT))


def own_frames(made):
    """The same of all own parts together, by the time in the video; each frame may come once."""
    together = {}
    for segment in made:
        for time, picture in frames(segment.path).items():
            time = segment.begin + time / 1000
            if segment.own - 5e-4 <= time < segment.end - 5e-4:
                assert round(time * RATE) not in together, f"{time} is twice"
                together[round(time * RATE)] = picture
    return together


class Segments(unittest.TestCase):
    def test_every_frame_is_in_one_own_part_as_it_was(self):
        for codec, container, options in KINDS:
            for length, overlap in ((2, 1), (1, 0), (60, 12)):
                with self.subTest(f"{codec} in {container}, {length} s with {overlap}"), tempfile.TemporaryDirectory() as work:
                    video = pathlib.Path(work) / f"video.{container}"
                    make(video, codec, options)
                    whole = frames(video)
                    origin = min(whole)
                    whole = {round((time - origin) * RATE / 1000): picture for time, picture in whole.items()}
                    made = segments.cut(str(video), pathlib.Path(work) / "segments", length, overlap)
                    together = own_frames(made)
                    self.assertEqual(sorted(together), sorted(whole))
                    self.assertEqual(sorted(together), list(range(FRAMES)))
                    differing = [number for number in whole if together[number] != whole[number]]
                    self.assertEqual(differing, [])
                    self.assertEqual(len(made), 1 if length == 60 else len(made))
                    self.assertGreater(len(made), 0 if length == 60 else 2)
                    left = [path.name for path in (pathlib.Path(work) / "segments").iterdir()]
                    self.assertEqual(sorted(left), [pathlib.Path(segment.path).name for segment in made])

    def test_cuts_are_at_key_frames_and_overlaps_are_long_enough(self):
        base = Fraction(1, 10)
        cuts = segments.plan([5, 15, 25, 35, 45, 55], base, 2, 1.5)
        self.assertEqual([(cut.first, cut.own, cut.end) for cut in cuts], [(5, 5, 25), (5, 25, 45), (25, 45, None)])
        cuts = segments.plan([5, 15, 25], base, 1, 0)
        self.assertEqual([(cut.first, cut.own, cut.end) for cut in cuts], [(5, 5, 15), (15, 15, 25), (25, 25, None)])
        self.assertEqual(len(segments.plan([5], base, 1, 9)), 1)

    def test_times_that_go_back_are_refused(self):
        """As where two recordings were joined without new times."""
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            make(work / "one.ts", "mpeg2video", {"g": "12"})
            one = (work / "one.ts").read_bytes()
            (work / "two.ts").write_bytes(one + one)
            with self.assertRaisesRegex(ValueError, "two.ts: its times go back"):
                segments.cut(str(work / "two.ts"), work / "segments", 2, 1)
            self.assertFalse((work / "segments").exists())

    def test_what_is_no_video_is_refused(self):
        with tempfile.TemporaryDirectory() as work:
            path = pathlib.Path(work) / "text.mkv"
            path.write_text("no video at all")
            with self.assertRaises(av.error.InvalidDataError):
                segments.cut(str(path), pathlib.Path(work) / "segments", 2, 1)

    def test_sound_alone_is_refused(self):
        with tempfile.TemporaryDirectory() as work:
            path = pathlib.Path(work) / "sound.mkv"
            with av.open(str(path), "w") as container:
                stream = container.add_stream("pcm_s16le", rate=8000)
                frame = av.AudioFrame(format="s16", layout="mono", samples=800)
                frame.sample_rate = 8000
                container.mux(stream.encode(frame))
                container.mux(stream.encode(None))
            with self.assertRaisesRegex(ValueError, "there is no video in it"):
                segments.cut(str(path), pathlib.Path(work) / "segments", 2, 1)

    def test_a_segment_is_open_only_as_long_as_its_packets_come(self):
        """Of a video in which every frame is a key frame, cut at each of them."""
        most = 0
        write = segments.Copy.write

        def counting(copy, packet):
            nonlocal most
            most = max(most, len(list(copy.target.parent.glob("*.part"))))
            write(copy, packet)

        with tempfile.TemporaryDirectory() as work, mock.patch.object(segments.Copy, "write", counting):
            video = pathlib.Path(work) / "video.mkv"
            make(video, "mpeg4", {"g": "1"})
            made = segments.cut(str(video), pathlib.Path(work) / "segments", 1 / RATE, 3 / RATE)
        self.assertEqual(len(made), FRAMES)
        self.assertLess(most, 8)


if __name__ == "__main__":
    unittest.main()
