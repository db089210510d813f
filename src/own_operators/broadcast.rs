//! What sizes tensors have that broadcast to one another.

use crate::error::Result;
use crate::error::internal::ensure;

/// The sizes of a tensor that broadcasts: N targets, C channels, P places; each is that of the whole or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastShape {
    pub(super) targets: usize,
    pub(super) channels: usize,
    pub(super) places: usize,
}

impl BroadcastShape {
    /// Of `[N, C, H, W]`, or fewer axes, which are the last ones.
    ///
    /// # Errors
    /// More than four axes.
    pub fn of(dims: &[usize]) -> Result<Self> {
        ensure!(dims.len() <= 4, "{dims:?} are more than four axes");
        let from_end = |place: usize| {
            let index = dims.len().checked_sub(place);
            index.map_or(1, |index| dims[index])
        };
        Ok(Self {
            targets: from_end(4),
            channels: from_end(3),
            places: from_end(2) * from_end(1),
        })
    }

    pub(super) fn len(self) -> usize {
        self.targets * self.channels * self.places
    }

    pub(super) fn join(self, other: Self) -> Option<Self> {
        let of = |a: usize, b: usize| match (a, b) {
            (a, 1) => Some(a),
            (1, b) => Some(b),
            (a, b) => (a == b).then_some(a),
        };
        Some(Self {
            targets: of(self.targets, other.targets)?,
            channels: of(self.channels, other.channels)?,
            places: of(self.places, other.places)?,
        })
    }
}
