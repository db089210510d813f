"""How a model is understood."""

from dataclasses import dataclass

from . import page

__all__ = ["CompiledNetwork", "Head", "Inspection", "Layer"]


@dataclass(frozen=True, slots=True)
class Head:
    """A feature map that default boxes lie on."""

    rows: int
    columns: int
    #: Default boxes in each cell.
    boxes_per_cell: int
    #: The tensor of its class scores.
    class_scores: str
    #: The tensor of its offsets; a classifier has none.
    offsets: str | None
    #: The tensor of its objectness, where the model has that apart from the classes.
    objectness: str | None


@dataclass(frozen=True, slots=True)
class Layer:
    """A linear layer, and by which rule relevance is propagated through it."""

    #: The tensor that it writes.
    tensor: str
    #: ``classification``, ``localization``, ``high``, ``low`` or ``pixels``.
    type: str
    #: As composites name it.
    rule: str
    #: Channels, rows and columns of its output.
    output: tuple[int, int, int]
    #: Multiply-adds.
    macs: int


@dataclass(frozen=True, slots=True)
class Inspection:
    """How a model is understood; :meth:`ssdcrp.Model.inspect` makes it. A notebook shows it as tables.

    >>> inspection = ssdcrp.Model().inspect()
    >>> inspection.kind, inspection.composite, len(inspection.heads)
    ('ssd', 'crp', 6)
    >>> inspection.heads[0].rows, inspection.heads[0].boxes_per_cell
    (19, 3)
    """

    name: str
    #: ``ssd``, ``yolo``, ``anchor-free`` or ``classifier``.
    kind: str
    #: Width and height of the network's input.
    input_size: tuple[int, int]
    #: What the rules are those of.
    composite: str
    heads: list[Head]
    #: In the order in which they are computed.
    layers: list[Layer]

    @property
    def macs(self) -> int:
        """Multiply-adds of all layers."""
        return sum(layer.macs for layer in self.layers)

    def _repr_html_(self) -> str:
        width, height = self.input_size
        heads = [
            [f"{head.rows}x{head.columns}", str(head.boxes_per_cell), head.class_scores, head.offsets or "", head.objectness or ""]
            for head in self.heads
        ]
        layers = [
            [layer.tensor, layer.type, layer.rule, "x".join(map(str, layer.output)), f"{layer.macs / 1e6:.2f}"] for layer in self.layers
        ]
        summary = [[self.name, self.kind, f"{width}x{height}", self.composite, f"{self.macs / 1e6:.1f}"]]
        return (
            page.table(["model", "kind", "input", "composite", "million MACs"], summary)
            + page.table(["cells", "boxes per cell", "class scores", "offsets", "objectness"], heads)
            + page.table(["layer", "type", "rule", "output", "million MACs"], layers)
        )


@dataclass(frozen=True, slots=True)
class CompiledNetwork:
    """A network of standard ONNX operators that computes relevance, as a file. ``None`` in a shape is the number of targets."""

    path: str
    #: The picture, and for each tensor of the heads the relevance that it starts with. All are needed; zeros explain nothing.
    inputs: dict[str, tuple[int | None, ...]]
    #: The shape of the only output, ``relevance``.
    relevance: tuple[int | None, ...]
