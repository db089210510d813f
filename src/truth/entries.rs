//! What a file of annotations says, whatever its format: a reader's output, before names of classes become the model's.

use crate::error::Result;
use crate::error::annotations::ensure;
use crate::geometry::Rect;

/// A box as a file has it.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub picture: String,
    pub label: String,
    pub rect: Rect,
    pub ignored: bool,
}

impl Entry {
    /// A box by its left, top, right and bottom edge in shares of its picture.
    ///
    /// # Errors
    /// An edge that is no number, or beyond all.
    pub fn new(
        picture: &str,
        label: &str,
        [left, top, right, bottom]: [f32; 4],
        ignored: bool,
    ) -> Result<Self> {
        ensure!(
            [left, top, right, bottom]
                .iter()
                .all(|edge| edge.is_finite()),
            "a box of '{label}' in {picture} has an edge that is no number, or too large for its picture"
        );
        Ok(Self {
            picture: picture.to_owned(),
            label: label.to_owned(),
            rect: Rect::new(left, top, right, bottom),
            ignored,
        })
    }
}

/// What a file says: pictures, those without any object included, and boxes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Entries {
    pub pictures: Vec<String>,
    pub boxes: Vec<Entry>,
}
