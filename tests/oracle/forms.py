"""The forms in which a tensor x holds its relevance: R = plain + value * x + distance * (x - mean of its map).

For most rules the sum is all that counts. `rescale` goes on from the factors, so every operator keeps them apart.
"""

from dataclasses import dataclass

import numpy as np

from rules import mean_of_map, stabilised

# Stands for an input that is 0, so that a factor of it can be seen: what a rule hands to it, divided by it, is the limit
# from above.
TINY = 1e-30


@dataclass
class Relevance:
    """Three arrays of the tensor's shape without the batch, or 0."""

    plain: np.ndarray | float = 0.0
    value: np.ndarray | float = 0.0
    distance: np.ndarray | float = 0.0

    def __add__(self, other):
        return Relevance(self.plain + other.plain, self.value + other.value, self.distance + other.distance)

    def total(self, x):
        """R, for a tensor x [1, ...]."""
        return self.plain + self.value * x[0] + self.distance * (x - mean_of_map(x))[0]

    def factor(self, x):
        """What `rescale` goes on from; relevance that is no multiple of anything is divided by x."""
        return self.distance + self.value + self.plain / stabilised(x[0])

    def each(self, function):
        """The same form of what `function` makes of each array."""
        return Relevance(*(part if np.isscalar(part) else function(part) for part in (self.plain, self.value, self.distance)))


def nonzero(x):
    """x with something tiny and positive for 0."""
    return np.where(x == 0, x.dtype.type(TINY), x)
