//! How a YOLO makes a box's size of the number that it says of it.

use serde::Deserialize;

/// What t_w does to an anchor's width W, and t_h to its height.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizeDecode {
    /// W·exp(t_w): YOLOv2, v3 and v4.
    #[default]
    Exponential,
    /// W·(2·σ(t_w))²: YOLOv5 and v7, and darknet's `new_coords = 1`.
    SquaredSigmoid,
}
