//! A default box, and the boxes of a grid whose cells all have the same ones.

use crate::error::Result;

use crate::detect::layout::HeadGrid;
use crate::detect::manifest::ManifestField;

/// A default box by its centre and size, as shares of the picture's width and height (0..1; boxes may reach over the edge).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DefaultBox {
    /// Centre, along the width.
    pub cx: f32,
    /// Centre, along the height.
    pub cy: f32,
    /// Width.
    pub w: f32,
    /// Height.
    pub h: f32,
}

/// The boxes of a head whose cells have one of each of `sizes`, width and height in shares of the input. `centre` is a cell's along the width (axis 0)
/// or the height (1); `check` says which fields of the manifest make the number of sizes.
pub(super) fn in_cells(
    (head, grid): (usize, &HeadGrid),
    sizes: &[[f64; 2]],
    centre: impl Fn(usize, usize) -> f64,
    check: &str,
) -> Result<Vec<DefaultBox>> {
    ManifestField::of("default_boxes", "").ensure(
        sizes.len() == grid.shapes,
        format_args!(
            "it makes {} boxes per cell of head {head} ({}x{} cells), but the network has outputs for {}: check {check}",
            sizes.len(),
            grid.rows,
            grid.cols,
            grid.shapes
        ),
    )?;
    let mut boxes = Vec::with_capacity(grid.boxes());
    for row in 0..grid.rows {
        for col in 0..grid.cols {
            let (cx, cy) = (centre(0, col) as f32, centre(1, row) as f32);
            boxes.extend(sizes.iter().map(|&[w, h]| DefaultBox {
                cx,
                cy,
                w: w as f32,
                h: h as f32,
            }));
        }
    }
    Ok(boxes)
}
