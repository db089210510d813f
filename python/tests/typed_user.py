"""How somebody uses the package whose code is checked for types; mypy reads it, and nothing runs it."""

import numpy as np
import numpy.typing as npt
import ssdcrp


def share_of_the_left_half(photo: str, picture: npt.NDArray[np.uint8]) -> float:
    model = ssdcrp.Model("own.onnx", threads=2)
    labels: list[str] = [detection.label for detection in model.detect(photo)]
    why: ssdcrp.Explanation = model.explain(picture, target=f"class:{labels[0]}", at=(3, 4.5))
    if why.check is not None:
        worth: str = why.check.words
        print(worth)
    left, _top, right, _bottom = why.detection.box
    half = why.relevance[:, : why.relevance.shape[1] // 2]
    return float(half.sum()) * (right - left)
