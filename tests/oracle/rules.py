"""The rules of layer-wise relevance propagation, each as the share of R_j that its input i receives.

In: the products z_ij = x_i * w_ij of a layer as plain numbers. Out: shares of the same shape, R_ij = share_ij * R_j.
Formulas: Bach et al. 2015 (simple, epsilon, alpha-beta), Montavon et al. 2017 (w^2, z^B), Montavon et al. 2019 (gamma).
`Rescale` alone has no shares: it goes on from the factor in R = m * distance (`forms.py`), as the engine's documentation defines it.
No rule here is turned into a gradient, a convolution or anything else that is quick.
"""

from dataclasses import dataclass

import numpy as np

STABILISER = 1e-9
# Of the mean of z: the least tolerance of `rescale`, where all of z is one number.
LEAST_MARGIN = 1e-4


@dataclass
class Products:
    """A part of a layer, axes [groups, outputs j, inputs i, positions].

    `z` are the products x_i * w_ij; padding has none and its entries are 0 (`inside` is False there). `deviation` is
    the standard deviation of all pre-activations of the layer, the bias included, over the whole map.
    """

    z: np.ndarray
    w: np.ndarray
    bias: np.ndarray
    inside: np.ndarray
    deviation: float

    @property
    def pre_activation(self):
        """z_j = sum of z_ij + b_j."""
        return self.z.sum(axis=2, keepdims=True) + self.bias


def sign(values):
    """Sign with sign(0) = 1."""
    return np.where(values >= 0, 1, -1).astype(values.dtype)


def stabilised(denominator):
    """Moves a denominator away from zero, by 1e-9 and to the side on which it lies."""
    return denominator + STABILISER * sign(denominator)


@dataclass(frozen=True)
class Epsilon:
    """z_ij / (z_j + epsilon * sign z_j); the bias keeps its share. With epsilon = 1e-9 it is the simple rule."""

    epsilon: float
    of_deviation: bool = False

    def shares(self, layer):
        z_j = layer.pre_activation
        epsilon = self.epsilon * layer.deviation if self.of_deviation else self.epsilon
        return layer.z / (z_j + epsilon * sign(z_j))


@dataclass(frozen=True)
class AlphaBeta:
    """alpha * z_ij+ / sum z_ij+  -  beta * z_ij- / sum z_ij-, parts taken of the product; no bias."""

    alpha: float
    beta: float

    def shares(self, layer):
        positive, negative = np.maximum(layer.z, 0), np.minimum(layer.z, 0)
        of_positive = positive / (positive.sum(axis=2, keepdims=True) + STABILISER)
        of_negative = negative / (negative.sum(axis=2, keepdims=True) - STABILISER)
        return self.alpha * of_positive - self.beta * of_negative


@dataclass(frozen=True)
class Absolute:
    """|z_ij| / sum |z_ij|; no bias."""

    def shares(self, layer):
        size = np.abs(layer.z)
        return size / (size.sum(axis=2, keepdims=True) + STABILISER)


@dataclass(frozen=True)
class Gamma:
    """z_ij + gamma * z_ij+ where z_j >= 0, z_ij + gamma * z_ij- where z_j < 0, over their sum; no bias in the sum."""

    gamma: float

    def shares(self, layer):
        favoured = np.where(layer.pre_activation >= 0, np.maximum(layer.z, 0), np.minimum(layer.z, 0))
        parts = layer.z + self.gamma * favoured
        return parts / stabilised(parts.sum(axis=2, keepdims=True))


@dataclass(frozen=True)
class SquaredWeight:
    """w_ij^2 / sum w_ij^2 over the inputs that exist; no bias."""

    def shares(self, layer):
        squares = layer.w**2 * layer.inside
        return squares / (squares.sum(axis=2, keepdims=True) + STABILISER)


@dataclass(frozen=True)
class Flat:
    """1 / number of inputs that exist."""

    def shares(self, layer):
        ones = np.broadcast_to(layer.inside, layer.z.shape).astype(layer.z.dtype)
        return ones / np.maximum(ones.sum(axis=2, keepdims=True), 1)


@dataclass(frozen=True)
class Spread:
    """No shares: its layers are passed by at one go (`spread.py`)."""


@dataclass(frozen=True)
class Unit:
    """z_ij / sum |z_ij|; no bias. Not in the grammar: the seed `unit` gives it to the heads' last convolutions."""

    def shares(self, layer):
        return layer.z / (np.abs(layer.z).sum(axis=2, keepdims=True) + STABILISER)


@dataclass(frozen=True)
class ZBounded:
    """x_i*w_ij - l*w_ij+ - h*w_ij-, over their sum, for inputs between l and h; no bias."""

    low: float
    high: float

    def shares(self, layer):
        bounds = self.low * np.maximum(layer.w, 0) + self.high * np.minimum(layer.w, 0)
        parts = layer.z - bounds * layer.inside
        return parts / stabilised(parts.sum(axis=2, keepdims=True))


@dataclass(frozen=True)
class Rescale:
    """m_i = sum of w_ij * m_j through a layer; through an activation m_z = slope * m_y."""

    tolerance: float

    def shares(self, layer):
        return layer.w * layer.inside

    def slope(self, activation, z):
        """(act(b) - act(a)) / (b - a), from z to the mean of its map and `tolerance` deviations further at both ends."""
        margin = max(self.tolerance * z.std(), LEAST_MARGIN * abs(z.mean()), STABILISER)
        centre = mean_of_map(z)
        low, high = np.minimum(z, centre) - margin, np.maximum(z, centre) + margin
        return (activation(high) - activation(low)) / (high - low)


# What these hand over has no factor x_i.
WITHOUT_INPUT = (SquaredWeight, Flat, ZBounded)


def mean_of_map(x):
    """The mean of each channel of [1, C, H, W] over its map; what is no map is its own mean."""
    return x.mean(axis=(2, 3), keepdims=True) if x.ndim == 4 else x


def parse_rule(text):
    """A rule from its name in the grammar, e.g. `simple`, `epsilon:0.1std`, `alphabeta:2,1`, `zb:-1,1`."""
    name, _, argument = text.partition(":")
    without_argument = {
        "simple": Epsilon(STABILISER),
        "zplus": AlphaBeta(1.0, 0.0),
        "abs": Absolute(),
        "w2": SquaredWeight(),
        "flat": Flat(),
        "spread": Spread(),
    }
    if name in without_argument and not argument:
        return without_argument[name]
    if name == "epsilon" and argument:
        return Epsilon(float(argument.removesuffix("std")), argument.endswith("std"))
    if name in ("gamma", "rescale") and argument:
        return {"gamma": Gamma, "rescale": Rescale}[name](float(argument))
    if name in ("alphabeta", "zb") and argument.count(",") == 1:
        first, second = (float(number) for number in argument.split(","))
        return AlphaBeta(first, second) if name == "alphabeta" else ZBounded(first, second)
    raise ValueError(f"'{text}' is no rule")
