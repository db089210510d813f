"""Writes caffemodels for tests: layers of (name, [array, …]) as the bytes of a NetParameter."""

import struct


def varint(number):
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(parts + bytes([number]))


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def caffemodel(layers):
    return b"".join(field(100, field(1, name.encode()) + b"".join(field(7, blob(array)) for array in blobs)) for name, blobs in layers.items())


def blob(array):
    numbers = [float(number) for number in array.reshape(-1)]
    shape = field(1, b"".join(varint(dim) for dim in array.shape))
    return field(7, shape) + field(5, struct.pack(f"<{len(numbers)}f", *numbers))
