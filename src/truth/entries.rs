//! What a file of annotations says, whatever its format: a reader's output, before names of classes become the model's.

use crate::geometry::Rect;

/// A box as a file has it.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub picture: String,
    pub label: String,
    pub rect: Rect,
    pub ignored: bool,
}

/// What a file says: pictures, those without any object included, and boxes.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Entries {
    pub pictures: Vec<String>,
    pub boxes: Vec<Entry>,
}
