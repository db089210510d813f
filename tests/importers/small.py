"""What the tests of the importers share: the way to models/, networks run once, caffemodels written."""

import struct
import sys
from pathlib import Path

import numpy as np
import onnxruntime

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent / "models"))

RANDOM = np.random.default_rng(0)


def normal(*shape):
    return RANDOM.normal(0, 0.5, shape)


def run(model, values):
    """What a model makes of its picture: its outputs in order."""
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"image": values.astype(np.float32)})


def convolved(values, weight, groups=1):
    """A convolution with neither padding nor stride, written the slow way."""
    outputs, inputs, *kernel = weight.shape
    rows, columns = (side - k + 1 for side, k in zip(values.shape[2:], kernel))
    found = np.zeros([1, outputs, rows, columns])
    for output in range(outputs):
        first = output // (outputs // groups) * inputs
        for y in range(rows):
            for x in range(columns):
                window = values[0, first : first + inputs, y : y + kernel[0], x : x + kernel[1]]
                found[0, output, y, x] = (window * weight[output]).sum()
    return found


def caffemodel(layers):
    """Layers as {name: [array, …]} in Caffe's binary format."""
    return b"".join(field(100, field(1, name.encode()) + b"".join(field(7, blob(array)) for array in blobs)) for name, blobs in layers.items())


def blob(array):
    shape = field(1, b"".join(varint(dim) for dim in array.shape))
    return field(7, shape) + field(5, struct.pack(f"<{array.size}f", *array.reshape(-1)))


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def varint(number):
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(parts + bytes([number]))
