"""Cuts a video at key frames into segments, without decoding: packets are copied.

In: a video file. Out: Matroska files that begin with a key frame, and when each begins in the video. A segment may begin
earlier than its own part, so that what follows objects from frame to frame has seen some of them before.
"""

import dataclasses
import pathlib

import av


@dataclasses.dataclass(frozen=True)
class Segment:
    """A part of a video, in seconds since its beginning."""

    path: str
    # Of the file's first frame.
    begin: float
    # Of the part: rows before belong to the segment before, rows from `end` on to the next one.
    own: float
    end: float


def key_frames(path):
    """The times of all key frames, as numbers of the stream's time base, and that base."""
    with av.open(path) as container:
        stream = container.streams.video[0]
        times = [packet.pts if packet.pts is not None else packet.dts
                 for packet in container.demux(stream) if packet.is_keyframe and packet.size]
        return sorted(time for time in times if time is not None), stream.time_base


def plan(times, base, length, overlap):
    """Where to cut: triples of a segment's first key frame, its own first one, and the next segment's (or None)."""
    cuts = [times[0]]
    for time in times:
        if float((time - cuts[-1]) * base) >= length:
            cuts.append(time)
    bounds = zip(cuts, [*cuts[1:], None])
    return [(max((time for time in times if float((own - time) * base) >= overlap), default=times[0]), own, end)
            for own, end in bounds]


def cut(path, folder, length, overlap):
    """Writes the segments of `path` into `folder`, each `length` seconds or somewhat longer, and returns them."""
    times, base = key_frames(path)
    if not times:
        raise ValueError(f"{path}: there is no key frame in it")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    segments = []
    for number, (first, own, end) in enumerate(plan(times, base, length, overlap)):
        target = folder / f"{number:05}.mkv"
        copy(path, target, first, end)
        seconds = lambda time: float((time - times[0]) * base)
        segments.append(Segment(str(target), seconds(first), seconds(own), float("inf") if end is None else seconds(end)))
    return segments


def copy(path, target, first, end):
    """Copies the packets from the key frame at `first` up to the one at `end`. The file appears when it is whole."""
    part = target.with_suffix(".part")
    with av.open(path) as source, av.open(str(part), "w", format="matroska") as sink:
        stream = source.streams.video[0]
        copied = sink.add_stream_from_template(stream)
        source.seek(first, stream=stream)
        begun = False
        for packet in source.demux(stream):
            time = packet.pts if packet.pts is not None else packet.dts
            if not packet.size or time is None:
                continue
            begun = begun or (packet.is_keyframe and time >= first)
            if not begun:
                continue
            if end is not None and packet.is_keyframe and time >= end:
                break
            packet.pts = None if packet.pts is None else packet.pts - first
            packet.dts = None if packet.dts is None else packet.dts - first
            packet.stream = copied
            sink.mux(packet)
    part.rename(target)
