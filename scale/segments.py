"""Cuts a video at key frames into segments, without decoding: packets are copied.

In: a video file. Out: Matroska files that begin with a key frame, and when each begins in the video. A segment may begin
earlier than its own part, so that what follows objects from frame to frame has seen some of them before. Every frame of the
video is in exactly one own part, or nothing is cut.
"""

import bisect
import dataclasses
import math
import os
import pathlib

import av


@dataclasses.dataclass(frozen=True)
class Segment:
    """A part of a video, in seconds since its first key frame."""

    path: str
    # Of the file's first frame.
    begin: float
    # Of the part: rows before belong to the segment before, rows from `end` on to the next one.
    own: float
    end: float


@dataclasses.dataclass(frozen=True)
class Cut:
    """Where a segment lies: times of key frames, as numbers of the stream's time base; `end` is None at the video's end."""

    first: int
    own: int
    end: int | None


def packets(container, stream):
    """All packets with pictures in them, each with the time of its picture, or None."""
    for packet in container.demux(stream):
        if packet.size:
            yield packet, packet.pts if packet.pts is not None else packet.dts


def picture_stream(path, container):
    """Its first stream of pictures.

    Raises ValueError where there is none, as in a recording of sound.
    """
    if not container.streams.video:
        raise ValueError(f"{path}: there is no video in it")
    return container.streams.video[0]


def key_frames(path):
    """The times of all key frames, in their order, and the time base that they are in."""
    with av.open(path) as container:
        stream = picture_stream(path, container)
        times = [time for packet, time in packets(container, stream) if packet.is_keyframe and time is not None]
        return times, stream.time_base


def plan(times, base, length, overlap):
    """Where to cut, for these times of key frames."""
    owns = [times[0]]
    for time in times:
        if float((time - owns[-1]) * base) >= length:
            owns.append(time)
    bounds = zip(owns, [*owns[1:], None])
    def first(own):
        """The last key frame that is early enough; that of the video if none is."""
        early = bisect.bisect_right(times, own - math.ceil(overlap / base))
        return times[max(early - 1, 0)]
    return [Cut(first(own), own, end) for own, end in bounds]


def cut(path, folder, length, overlap):
    """Writes the segments of `path` into `folder`, each `length` seconds or somewhat longer, and returns them.

    Raises ValueError where the file cannot be cut: it has no key frame, or its times do not say where packets belong.
    """
    times, base = key_frames(path)
    if not times:
        raise ValueError(f"{path}: there is no key frame in it")
    if any(next <= time for time, next in zip(times, times[1:])):
        raise ValueError(f"{path}: its times go back, as where recordings were put together: it cannot be cut")
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    cuts = plan(times, base, length, overlap)
    copies = [Copy(folder / f"{number:05}.mkv", cut) for number, cut in enumerate(cuts)]
    try:
        copy_all(path, copies)
    except BaseException:
        # Segments that are whole already are no use without the others.
        for copy in copies:
            copy.abandon()
        raise
    seconds = lambda time: float("inf") if time is None else float((time - times[0]) * base)
    return [Segment(str(copy.target), *map(seconds, (cut.first, cut.own, cut.end))) for copy, cut in zip(copies, cuts)]


def copy_all(path, copies):
    """Hands each packet to all segments that take it, in one pass: to find a key frame by seeking is not exact everywhere.

    A segment's file is open from its first packet to its last one.
    """
    all_packets, first = 0, copies[0].cut.first
    begun = False
    # They begin and end in their order.
    waiting, at_work = list(reversed(copies)), []
    with av.open(path) as source:
        stream = picture_stream(path, source)
        for packet, time in packets(source, stream):
            begun = begun or (packet.is_keyframe and time == first)
            # Before the first key frame, and before it in time, nothing can be decoded.
            all_packets += begun and not (time is not None and time < first)
            if time is None:
                continue
            while waiting and packet.is_keyframe and time == waiting[-1].cut.first:
                at_work.append(waiting.pop())
            for copy in at_work:
                copy.take(packet, time, stream)
            for copy in at_work:
                if copy.over:
                    copy.finish()
            at_work = [copy for copy in at_work if not copy.over]
    if waiting:
        raise ValueError(f"{path}: a key frame that was there is not there any more")
    for copy in at_work:
        copy.finish()
    own = sum(copy.own_packets for copy in copies)
    if own != all_packets:
        raise ValueError(f"{path}: its times do not say where to cut: {own} of its {all_packets} packets would be in segments")


class Copy:
    """A segment on its way into a file, which appears when it is whole."""

    def __init__(self, target, cut):
        self.target, self.cut = target, cut
        self.part = target.with_suffix(".part")
        self.sink = self.stream = None
        self.over = False
        # Pictures before the first key frame may still come, which need one that is not in the file.
        self.leads = True
        # The key frame of the next part, and whether something has come that needs it.
        self.waiting, self.is_open = None, False
        self.own_packets = 0

    def take(self, packet, time, stream):
        """The next packet of the video, whoever's it is; the first one is the segment's first key frame."""
        cut = self.cut
        if self.sink is None:
            self.sink = av.open(str(self.part), "w", format="matroska")
            self.stream = self.sink.add_stream_from_template(stream)
        elif self.leads and time < cut.first:
            return
        else:
            self.leads = False
        if cut.end is not None and self.waiting is None and packet.is_keyframe and time == cut.end:
            # In an open group of pictures, those before the key frame in time come behind it: they need both groups.
            self.waiting = packet
            return
        if self.waiting is not None:
            if time > cut.end:
                self.over = True
                return
            if not self.is_open:
                self.write(self.waiting)
                self.is_open = True
        self.own_packets += cut.own <= time
        self.write(packet)

    def write(self, packet):
        """Writes a packet, and leaves it as it was, for it may be another segment's, too."""
        pts, dts, duration, base, first = packet.pts, packet.dts, packet.duration, packet.time_base, self.cut.first
        packet.pts = None if pts is None else pts - first
        packet.dts = None if dts is None else dts - first
        packet.stream = self.stream
        try:
            self.sink.mux(packet)
        finally:
            packet.pts, packet.dts, packet.duration, packet.time_base = pts, dts, duration, base

    def finish(self):
        """No more packets will come."""
        self.sink.close()
        self.sink = None
        with open(self.part, "rb") as file:
            os.fsync(file.fileno())
        self.part.rename(self.target)

    def abandon(self):
        """What is there of it goes."""
        if self.sink is not None:
            self.sink.close()
        self.part.unlink(missing_ok=True)
        self.target.unlink(missing_ok=True)
