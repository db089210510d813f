"""Reads Caffe's two files: the network as text (*.prototxt) and its weights (*.caffemodel).

In: text in protobuf's text format, and a NetParameter in its binary one. Out: a tree of `Message`, which knows what was asked of it, so that what nobody
asked for can be refused by name; and the arrays of each layer. Field numbers are those of Caffe's caffe.proto. Needs numpy.
"""

import re
import struct

import numpy as np

TOKEN = re.compile(r"""\s+|\#[^\n]*|(?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')|(?P<word>[A-Za-z0-9_.+-]+)|(?P<mark>[{}<>\[\]:,;])""")
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}

# Field numbers: of NetParameter, of LayerParameter and the older V1LayerParameter, of BlobProto, of BlobShape.
LAYERS = {100: {"name": 1, "blobs": 7}, 2: {"name": 4, "blobs": 6}}
BLOB = {"shape": 7, "data": 5, "double_data": 8}
LEGACY_SHAPE = (1, 2, 3, 4)
DIM = 1

# Wire types of protobuf.
VARINT, EIGHT_BYTES, LENGTH, FOUR_BYTES = 0, 1, 2, 5


class Refused(Exception):
    """What the importer cannot read, in words for the person who has the file."""


class Message:
    """Fields by name, each with all its values in order; remembers which were asked for."""

    def __init__(self):
        self.fields, self.asked = {}, set()

    def all(self, name):
        self.asked.add(name)
        return self.fields.get(name, [])

    def one(self, name, default=None):
        """The only value; of a field that is written twice protobuf takes the last."""
        values = self.all(name)
        return values[-1] if values else default

    def part(self, name):
        """A message within this one; an empty one if there is none."""
        found = self.one(name, Message())
        if not isinstance(found, Message):
            raise Refused(f"{name} is no group {{ … }}")
        return found

    def integer(self, name, default=None):
        return self.number(name, default, int)

    def number(self, name, default=None, kind=float):
        return convert(name, self.one(name, default), kind)

    def integers(self, name):
        return [convert(name, value, int) for value in self.all(name)]

    def numbers(self, name):
        return [convert(name, value, float) for value in self.all(name)]

    def flag(self, name, default):
        found = self.one(name, "true" if default else "false")
        if found not in ("true", "false", "0", "1"):
            raise Refused(f"{name} is {found}, expected true or false")
        return found in ("true", "1")

    def ignore(self, *names):
        """Marks what says nothing about what is computed."""
        self.asked.update(names)

    def unknown(self, path=""):
        """The fields that nobody asked for, with their place."""
        for name, values in self.fields.items():
            if name not in self.asked:
                yield f"{path}{name}"
                continue
            for value in values:
                # A group that was ignored as a whole has not been looked into.
                if isinstance(value, Message) and value.asked:
                    yield from value.unknown(f"{path}{name}.")


def convert(name, value, kind):
    if value is None or isinstance(value, kind):
        return value
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise Refused(f"{name} is {value}, expected {'a whole number' if kind is int else 'a number'}") from None


def parse(text):
    """The message that a text in protobuf's text format is; numbers, words and strings alike are kept as text."""
    tokens, place = [], 0
    while place < len(text):
        found = TOKEN.match(text, place)
        if not found:
            line = text.count("\n", 0, place) + 1
            raise Refused(f"line {line}: {text[place:place + 20].splitlines()[0]!r} is no text of protobuf")
        if found.lastgroup:
            tokens.append((found.lastgroup, found.group(), text.count("\n", 0, place) + 1))
        place = found.end()
    return Reader(tokens).message(None)


class Reader:
    """Walks through tokens: (kind, text, line)."""

    def __init__(self, tokens):
        self.tokens, self.place = tokens, 0

    def peek(self):
        return self.tokens[self.place][1] if self.place < len(self.tokens) else None

    def fail(self, expected):
        kind, text, line = self.tokens[min(self.place, len(self.tokens) - 1)] if self.tokens else ("", "", 1)
        raise Refused(f"line {line}: expected {expected}, found {'the end' if self.place >= len(self.tokens) else repr(text)}")

    def take(self, kind, expected):
        if self.place >= len(self.tokens) or self.tokens[self.place][0] != kind:
            self.fail(expected)
        self.place += 1
        return self.tokens[self.place - 1][1]

    def skip(self, *marks):
        if self.peek() in marks:
            self.place += 1
            return True
        return False

    def message(self, end):
        message = Message()
        while self.peek() != end:
            name = self.take("word", f"a field{f' or {end}' if end else ''}")
            is_value = self.skip(":")
            values = message.fields.setdefault(name, [])
            if self.skip("["):
                while not self.skip("]"):
                    values.append(self.value(True))
                    self.skip(",")
            else:
                values.append(self.value(is_value))
            self.skip(",", ";")
        if end:
            self.place += 1
        return message

    def value(self, is_value):
        if self.skip("{"):
            return self.message("}")
        if self.skip("<"):
            return self.message(">")
        if not is_value:
            self.fail("':' or '{'")
        if self.place < len(self.tokens) and self.tokens[self.place][0] == "string":
            parts = []
            while self.place < len(self.tokens) and self.tokens[self.place][0] == "string":
                parts.append(re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[1]), self.take("string", "")[1:-1]))
            return "".join(parts)
        return self.take("word", "a value")


def read_weights(data):
    """{layer: [array, …]} of a caffemodel."""
    found = {}
    for number, layer in fields(memoryview(data)):
        if number not in LAYERS or not isinstance(layer, memoryview):
            continue
        name, blobs = "", []
        for key, value in fields(layer):
            if key == LAYERS[number]["name"]:
                name = bytes(value).decode("utf-8", "replace")
            elif key == LAYERS[number]["blobs"]:
                blobs.append(read_blob(value))
        if blobs:
            found[name] = blobs
    return found


def read_blob(data):
    dims, legacy, values = None, {}, []
    for number, value in fields(data):
        if number == BLOB["shape"]:
            dims = [dim for key, held in fields(value) if key == DIM for dim in varints(held)]
        elif number in LEGACY_SHAPE and isinstance(value, int):
            legacy[number] = value
        elif number in (BLOB["data"], BLOB["double_data"]):
            # Packed into one field, or a field a number.
            kind = np.dtype("<f4" if number == BLOB["data"] else "<f8")
            if isinstance(value, int) or len(value) % kind.itemsize:
                raise Refused("the caffemodel has a blob that is no list of numbers: it is damaged, or it is none")
            values.append(np.frombuffer(value, kind))
    array = np.concatenate(values).astype(np.float64) if values else np.zeros(0)
    shape = dims if dims is not None else [legacy.get(number, 1) for number in LEGACY_SHAPE]
    if array.size != np.prod(shape, dtype=np.int64):
        raise Refused(f"the caffemodel has a blob of {array.size} numbers and shape {shape}: it is cut off, or its weights are of another kind")
    return array.reshape(shape)


def varints(value):
    """The numbers of a repeated field of varints, packed or not."""
    if isinstance(value, int):
        return [value]
    numbers, place = [], 0
    while place < len(value):
        number, place = varint(value, place)
        numbers.append(number)
    return numbers


def varint(data, place):
    number = shift = 0
    while True:
        if place >= len(data) or shift > 63:
            raise Refused("the caffemodel is cut off, or it is none")
        number |= (data[place] & 0x7F) << shift
        shift += 7
        place += 1
        if data[place - 1] < 0x80:
            return number, place


def fields(data):
    """(number, value) of each field of a message: an int, or the bytes."""
    place = 0
    while place < len(data):
        key, place = varint(data, place)
        kind = key & 7
        if kind == VARINT:
            value, place = varint(data, place)
            yield key >> 3, value
            continue
        if kind == LENGTH:
            length, place = varint(data, place)
        else:
            length = {EIGHT_BYTES: struct.calcsize("<d"), FOUR_BYTES: struct.calcsize("<f")}.get(kind, len(data))
        if place + length > len(data):
            raise Refused("the caffemodel is cut off, or it is none")
        yield key >> 3, data[place : place + length]
        place += length
