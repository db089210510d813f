"""A detector, and what can be asked of it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import SupportsIndex

from . import _engine, arguments
from .detection import Detection
from .errors import QuestionError
from .evaluation import Evaluation
from .explanation import Explanation
from .inspection import CompiledNetwork, Head, Inspection, Layer
from .picture import ImageLike, is_one_picture, picture_of

__all__ = ["Model", "propose_manifest"]

#: What a default box is named by.
BoxLike = Detection | SupportsIndex


class Model:
    """A detector: an ONNX file with its manifest ``NAME.toml`` beside it, or without a file the built-in
    ssdlite_mobilenet_v2, trained on COCO.

    ``threads`` is the number of threads of the network up to 256, 0 for as many as there are cores, and ``execution_provider`` the one of
    ONNX Runtime that is to be used, such as ``"cuda"`` where the package ``onnxruntime-gpu`` is installed.

    Threads of Python may share a model. Calls run at the same time, each on networks of its own, which are kept for later calls. A model can be
    pickled: another process opens the same file.

    >>> model = ssdcrp.Model()
    >>> model.name, model.input_size
    ('ssdlite_mobilenet_v2_coco', (300, 300))
    >>> model.detect("person.jpg")[0].label
    'person'
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        threads: int = 0,
        execution_provider: str = "cpu",
    ) -> None:
        name = None if path is None else arguments.path("path", path)
        self._threads = arguments.count("threads", threads, most=256)
        self._provider = arguments.text("execution_provider", execution_provider, "cpu")
        self._engine = _engine.Engine(name, self._threads, self._provider)
        #: What the manifest calls the model.
        self.name = self._engine.name
        #: Width and height of the network's input.
        self.input_size = self._engine.input_size
        #: Class names by class number, ``""`` where a number has none.
        self.labels = self._engine.labels

    def __repr__(self) -> str:
        """
        >>> ssdcrp.Model()
        <Model ssdlite_mobilenet_v2_coco: 300x300, 80 classes>
        """
        width, height = self.input_size
        return f"<Model {self.name}: {width}x{height}, {self._engine.count_detectable} classes>"

    def __reduce__(self) -> tuple[Callable[[], Model], tuple[()]]:
        """Another process opens the same file, wherever it works."""
        return partial(type(self), self._engine.file, threads=self._threads, execution_provider=self._provider), ()

    def detect(
        self,
        image: ImageLike,
        *,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
    ) -> list[Detection]:
        """What the model sees in a picture, best first. The same networks detect and explain, so that both agree to the last bit; a
        manifest that permits no explanations is refused here too.

        Only boxes with a score above ``score_threshold`` are detections; of two of one class that overlap by more than
        ``iou_threshold`` (intersection over union) the better one is. Both are 0 to 1; without them the model's own hold.

        >>> for detection in ssdcrp.Model().detect("person.jpg", score_threshold=0.7):
        ...     print(detection)
        person 0.98 at 189,101 – 274,383
        sheep 0.92 at 401,136 – 600,339
        dog 0.72 at 72,265 – 200,347
        """
        thresholds = arguments.thresholds(score_threshold, iou_threshold)
        return list(map(Detection.of, self._engine.detect(picture_of(image), thresholds)))

    def explain(
        self,
        image: ImageLike,
        target: str | None = None,
        contrast: str | None = None,
        *,
        at: tuple[float, float] | None = None,
        box: BoxLike | None = None,
        composite: str | None = None,
        check: bool = True,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
    ) -> Explanation:
        """Which pixels speak for and against an output of the model.

        ``target``
            What is explained: ``"class:NAME"``, a label or a number (``"class:#20"`` if a class is called 20); an offset of the box,
            ``"offset:cx"``, ``"offset:cy"``, ``"offset:w"`` or ``"offset:h"``; an edge, ``"edge:left"``, ``"edge:right"``,
            ``"edge:top"`` or ``"edge:bottom"``; or ``"objectness"``, if the model has it apart. An offset or edge may end in ``+``
            (right, down, wider, taller) or ``-``; without either, the predicted direction is meant. Without a target, the class
            that was detected.
        ``contrast``
            What it is explained against: ``"mean"``, all other classes, of an offset or objectness the same output of the cell's
            other boxes; ``"softmax"``, the other classes by their probability; ``"runner-up"``; ``"class:NAME"``; ``"none"``; with
            the composites ``lrp-…`` also ``"clrp1"``, ``"clrp2"`` and ``"sglrp"``. Without it, for a class that of the composite,
            else none.
        ``at``, ``box``
            Which object: the smallest detection at a point, in pixels; a detection, as the class that it is, or a default box by its
            number, as the class that scores highest there. Without them the best detection of the class that is asked about. If
            there is none, the place where that class scores highest; and without a class the best detection. A classifier has one
            default box, the picture, which every point of it means.
        ``composite``
            The rules of propagation: one of :data:`ssdcrp.PRESETS`, or what differs from ``"crp"``, as in
            ``"high=epsilon:0.25std,low=zplus"``. Without it, the model's own.
        ``check``
            Whether the explanation is checked, which takes the time of ten detections.

        >>> model = ssdcrp.Model()
        >>> why = model.explain("person.jpg", target="class:sheep", contrast="class:horse", box=1436)
        >>> why.question
        'sheep rather than horse'
        >>> wider = model.explain("horses.jpg", target="offset:w+", box=1406, check=False)
        >>> wider.question, wider.check
        ('box wider', None)
        >>> model.explain("person.jpg", target="class:shepe")
        Traceback (most recent call last):
        ...
        ssdcrp.errors.QuestionError: ssdlite_mobilenet_v2_coco: there is no class "shepe": did you mean "sheep"?
        """
        question = self._question(target, contrast, composite, check)
        if at is not None and box is not None:
            raise QuestionError("at and box both say which object is meant: give one of them")
        if at is not None:
            question["at"] = arguments.point(at)
        if isinstance(box, Detection):
            question["default_box"] = box.default_box
            if target is None:
                # Another class may score higher there: one default box can be detected as several.
                question["target"] = f"class:#{box.class_id}"
        elif box is not None:
            question["default_box"] = arguments.count("box", box)
        thresholds = arguments.thresholds(score_threshold, iou_threshold)
        return self._explain(image, question, thresholds)[0]

    def explain_all(
        self,
        image: ImageLike,
        target: str | None = None,
        contrast: str | None = None,
        *,
        composite: str | None = None,
        check: bool = True,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
    ) -> list[Explanation]:
        """As :meth:`explain`, of every detection, best first; none where nothing is detected.

        >>> answers = ssdcrp.Model().explain_all("person.jpg", check=False)
        >>> [why.detection.label for why in answers[:2]]
        ['person', 'sheep']
        """
        question = self._question(target, contrast, composite, check)
        question["all"] = True
        return self._explain(image, question, arguments.thresholds(score_threshold, iou_threshold))

    def inspect(self, composite: str | None = None) -> Inspection:
        """How the model is understood: its heads, and the type, rule and cost of each layer under a composite."""
        composite = arguments.text_or_none("composite", composite, "crp")
        kind, used, heads, layers = self._engine.inspect(composite)
        return Inspection(
            name=self.name,
            kind=kind,
            input_size=self.input_size,
            composite=used,
            heads=[Head(*head) for head in heads],
            layers=[Layer(*layer) for layer in layers],
        )

    def compile(self, path: str | os.PathLike[str], composite: str | None = None) -> CompiledNetwork:
        """Writes the network that computes relevance as an ONNX file of standard operators, for use without ssdcrp.

        >>> network = ssdcrp.Model().compile("explain.onnx")
        >>> network.relevance
        (None, 3, 300, 300)
        >>> len(network.inputs)  # the picture, class scores and offsets of six heads
        13
        """
        name = arguments.path("path", path)
        composite = arguments.text_or_none("composite", composite, "crp")
        inputs, relevance = self._engine.compile(name, composite)
        return CompiledNetwork(name, {tensor: tuple(shape) for tensor, shape in inputs}, tuple(relevance))

    def evaluate(
        self,
        images: Iterable[ImageLike],
        composites: Iterable[str] = ("crp",),
        baselines: Iterable[str] = ("random",),
        *,
        detections: int = 3,
        deletion: str = "blurred",
        seed: int = 0,
        score_threshold: float | None = None,
        iou_threshold: float | None = None,
        progress: Callable[[int, int], object] | None = None,
    ) -> Evaluation:
        """How good the explanations of methods are, measured at the ``detections`` best detections of each picture.

        ``composites`` are written as for :meth:`explain`, each perhaps with a contrast of its own (``"crp@softmax"``), and
        ``baselines`` are the methods to compare with (:data:`ssdcrp.BASELINES`). ``deletion`` says what takes the place of what is
        deleted from a picture, ``"blurred"`` or ``"mean-colour"``. With the same ``seed`` all numbers but times are the same.
        ``progress`` is called with the number of steps that are done and that of all. Ctrl-C ends it between two steps.

        In ``rows`` a file has its name, and any other picture the name ``picture 1``, ``picture 2``, … by its place in ``images``. What is
        random, such as the maps of the baseline ``"random"``, is drawn by ``seed`` and these names. So the same arrays in another order, or
        the same pictures as files, give other numbers.

        >>> worth = ssdcrp.Model().evaluate(["dog.jpg"], detections=1)
        >>> [summary["method"] for summary in worth.summaries]
        ['crp', 'random']
        """
        asked: _engine.EvaluationValues = {
            "composites": arguments.texts("composites", composites, "crp"),
            "baselines": arguments.texts("baselines", baselines, "random"),
            "detections": arguments.count("detections", detections, least=1),
            "deletion": arguments.text("deletion", deletion, "blurred"),
            "seed": arguments.count("seed", seed),
        }
        if not asked["composites"] and not asked["baselines"]:
            raise QuestionError("there is nothing to compare: name composites or baselines")
        if progress is not None and not callable(progress):
            raise QuestionError(f"progress is a function of two numbers, not {type(progress).__name__}")
        pictures = [_evaluated(number, image) for number, image in enumerate(_several(images), 1)]
        if not pictures:
            raise QuestionError("there are no pictures to evaluate")
        thresholds = arguments.thresholds(score_threshold, iou_threshold)
        return Evaluation.of(self._engine.evaluate(pictures, asked, thresholds, _silent if progress is None else progress))

    def _question(
        self, target: str | None, contrast: str | None, composite: str | None, check: bool
    ) -> _engine.QuestionValues:
        return {
            "target": arguments.text_or_none("target", target, "class:dog"),
            "contrast": arguments.text_or_none("contrast", contrast, "mean"),
            "composite": arguments.text_or_none("composite", composite, "crp"),
            "at": None,
            "default_box": None,
            "all": False,
            "check": bool(check),
        }

    def _explain(
        self, image: ImageLike, question: _engine.QuestionValues, thresholds: _engine.Thresholds
    ) -> list[Explanation]:
        found, answers = self._engine.explain(picture_of(image), question, thresholds)
        detections = list(map(Detection.of, found))
        return [Explanation(answer, detections) for answer in answers]


def propose_manifest(path: str | os.PathLike[str], size: tuple[int, int] | None = None) -> str:
    """The text of a manifest for an ONNX file that has none, as far as the file shows it; what is a guess is marked as such. Check
    it, save it as ``NAME.toml`` beside the file, and open the file with :class:`Model`. ``size`` is the width and height of the
    network's input, where the file does not say them. ``models/README.md`` in ssdcrp's source describes each field.

    >>> propose_manifest("missing.onnx")
    Traceback (most recent call last):
    ...
    ssdcrp.errors.MissingFileError: cannot open model missing.onnx: No such file or directory (os error 2)
    """
    return _engine.propose_manifest(arguments.path("path", path), None if size is None else arguments.size(size))


def _silent(_done: int, _steps: int) -> None:
    """Nobody wants to know."""


def _several(images: Iterable[ImageLike]) -> Iterator[ImageLike]:
    try:
        if not is_one_picture(images):
            return iter(images)
    except TypeError:
        pass
    raise QuestionError(f"several pictures are expected, as in [picture], not {type(images).__name__}")


def _evaluated(number: int, image: ImageLike) -> tuple[str, _engine.Picture | str]:
    """How a picture is called in the rows of an evaluation, and the picture. A file stays one, for many would not fit into memory.

    >>> _evaluated(1, "dog.jpg")
    ('dog.jpg', 'dog.jpg')
    >>> import numpy as np
    >>> _evaluated(2, np.zeros((8, 8, 3), np.uint8))[0]
    'picture 2'
    """
    picture = picture_of(image)  # Also of a file: what is wrong with it is better said before the work than after half of it.
    if isinstance(image, (str, os.PathLike)):
        path = os.fspath(image)
        return os.path.basename(path), path
    return f"picture {number}", picture
