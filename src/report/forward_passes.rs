//! Forward passes of the photos on the page: as many as memory is meant for, the others made again when they are asked for.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::detect::Forward;
use crate::error::Result;

/// Forward passes by the photo's number.
pub(super) struct ForwardPasses {
    /// Bytes that may be kept.
    most: usize,
    kept: BTreeMap<usize, Arc<Forward>>,
    bytes: usize,
    /// What was made again last: the next object is often on the same photo.
    last: Option<(usize, Arc<Forward>)>,
}

impl ForwardPasses {
    /// Of no more than `most` bytes together.
    pub fn of_at_most(most: usize) -> Self {
        Self {
            most,
            kept: BTreeMap::new(),
            bytes: 0,
            last: None,
        }
    }

    /// Keeps one if there is room.
    pub fn keep(&mut self, photo: usize, forward: Forward) {
        let bytes = bytes(&forward);
        if self.bytes + bytes <= self.most {
            self.bytes += bytes;
            self.kept.insert(photo, Arc::new(forward));
        }
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Keeps only those of some photos.
    pub fn retain(&mut self, is_wanted: impl Fn(usize) -> bool) {
        self.kept.retain(|&photo, _| is_wanted(photo));
        self.bytes = self.kept.values().map(|forward| bytes(forward)).sum();
    }

    /// A photo's, made by `make` if it is not kept.
    ///
    /// # Errors
    /// Those of `make`.
    pub fn of(
        &mut self,
        photo: usize,
        make: impl FnOnce() -> Result<Forward>,
    ) -> Result<Arc<Forward>> {
        if let Some(forward) = self.kept.get(&photo) {
            return Ok(forward.clone());
        }
        match &self.last {
            Some((last, forward)) if *last == photo => Ok(forward.clone()),
            _ => {
                let forward = Arc::new(make()?);
                self.last = Some((photo, forward.clone()));
                Ok(forward)
            }
        }
    }
}

/// What a forward pass takes; those of a report hand nothing over.
fn bytes(forward: &Forward) -> usize {
    let distances = forward.distances.as_ref().map_or(0, |of| of.len());
    let objectness = forward.objectness.as_ref().map_or(0, |of| of.len());
    let numbers = forward.input.tensor.len() + forward.logits.len() + forward.offsets.len();
    (numbers + distances + objectness) * size_of::<f32>()
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, Array4};

    use super::*;
    use crate::detect::manifest::{Resize, Sampling};
    use crate::detect::{Fit, NetworkInput};
    use crate::error::Error;
    use crate::geometry::Size;

    /// Of so many bytes.
    fn forward(bytes: usize) -> Forward {
        let size = Size::new(1, 1);
        Forward {
            input: NetworkInput {
                tensor: Array4::zeros((1, 1, 1, bytes / 4)),
                fit: Fit::new(size, size, &Resize::Warp(Sampling::Bilinear)),
            },
            logits: Array2::zeros((0, 0)),
            offsets: Array2::zeros((0, 0)),
            distances: None,
            objectness: None,
            handed: Default::default(),
        }
    }

    #[test]
    fn what_there_is_no_room_for_is_made_again() {
        let mut passes = ForwardPasses::of_at_most(50);
        for photo in 0..5 {
            passes.keep(photo, forward(16));
        }
        let unmade = || Err(Error::internal("not kept"));
        assert!((0..3).all(|photo| passes.of(photo, unmade).is_ok()));
        assert!(passes.of(3, unmade).is_err());
        // The last one is there until another is asked for.
        let made = passes.of(3, || Ok(forward(8))).unwrap();
        assert!(Arc::ptr_eq(&made, &passes.of(3, unmade).unwrap()));
        passes.of(4, || Ok(forward(8))).unwrap();
        assert!(passes.of(3, unmade).is_err());
        // Room that is given back is used again.
        passes.retain(|photo| photo != 1);
        passes.keep(6, forward(16));
        assert!(passes.of(1, unmade).is_err() && passes.of(6, unmade).is_ok());
    }
}
