"""Joins pictures in WebP to an animation that repeats for ever: animation.py MILLISECONDS OUTPUT.webp PICTURE.webp...

In: lossy pictures of one size, as webpenc writes them, and how long each is shown. Out: an animated WebP with the same bits;
format: https://developers.google.com/speed/webp/docs/riff_container.
"""

import struct
import sys
from pathlib import Path

IS_ANIMATED = 0x02
NOT_BLENDED = 0x02


def chunk(name: bytes, data: bytes) -> bytes:
    return name + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def three(number: int) -> bytes:
    """A number of three bytes, the lowest first."""
    return number.to_bytes(3, "little")


def bits(picture: bytes) -> bytes:
    """The data of the only chunk of a lossy picture."""
    if picture[:4] != b"RIFF" or picture[8:16] != b"WEBPVP8 ":
        raise ValueError("not a lossy WebP of one chunk")
    (length,) = struct.unpack_from("<I", picture, 16)
    return picture[20 : 20 + length]


def size(data: bytes) -> tuple[int, int]:
    """Width and height that the header of a key frame of VP8 has."""
    width, height = struct.unpack_from("<HH", data, 6)
    return width & 0x3FFF, height & 0x3FFF


def animated(pictures: list[bytes], milliseconds: int) -> bytes:
    frames = [bits(picture) for picture in pictures]
    width, height = size(frames[0])
    if any(size(frame) != (width, height) for frame in frames):
        raise ValueError("the pictures have different sizes")
    extent = three(width - 1) + three(height - 1)
    header = bytes([IS_ANIMATED, 0, 0, 0]) + extent
    place = three(0) + three(0) + extent + three(milliseconds) + bytes([NOT_BLENDED])
    # No colour behind it, and no end.
    chunks = [chunk(b"VP8X", header), chunk(b"ANIM", struct.pack("<IH", 0, 0))]
    chunks += [chunk(b"ANMF", place + chunk(b"VP8 ", frame)) for frame in frames]
    return chunk(b"RIFF", b"WEBP" + b"".join(chunks))


if __name__ == "__main__":
    milliseconds, output, *files = sys.argv[1:]
    Path(output).write_bytes(animated([Path(file).read_bytes() for file in files], int(milliseconds)))
