//! Boxes as the page's style takes them: shares of a photo in, per cent out.

use crate::geometry::Rect;

/// A tile shows so many times the box's size, but no less of the photo's sides than that share.
const AROUND: f32 = 2.5;
const SMALLEST_WINDOW: f32 = 0.25;

/// A box in per cent of the photo.
#[derive(Clone, Copy)]
pub(crate) struct CssRect {
    pub left: f32,
    pub top: f32,
    pub width: f32,
    pub height: f32,
}

impl CssRect {
    /// Of a box in shares of the photo.
    pub fn of(rect: &Rect) -> Self {
        Self {
            left: 100.0 * rect.x0,
            top: 100.0 * rect.y0,
            width: 100.0 * rect.width(),
            height: 100.0 * rect.height(),
        }
    }

    /// The photo, enlarged so that a window around the box fills the tile.
    pub fn stage(rect: &Rect) -> Self {
        let side = (AROUND * rect.width().max(rect.height())).clamp(SMALLEST_WINDOW, 1.0);
        let start = |from: f32, to: f32| (0.5 * (from + to - side)).clamp(0.0, 1.0 - side);
        Self {
            left: -100.0 * start(rect.x0, rect.x1) / side,
            top: -100.0 * start(rect.y0, rect.y1) / side,
            width: 100.0 / side,
            height: 100.0 / side,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tile_shows_what_is_around_the_box_and_no_edge_of_the_photo() {
        for (rect, left, top, width) in [
            ([0.0, 0.0, 1.0, 1.0], 0.0, 0.0, 100.0),
            ([0.3, 0.2, 0.9, 0.4], 0.0, 0.0, 100.0),
            ([0.45, 0.4, 0.55, 0.6], -50.0, -50.0, 200.0),
            ([0.0, 0.9, 0.01, 1.0], 0.0, -300.0, 400.0),
        ] {
            let stage = CssRect::stage(&rect.into());
            let found = [stage.left, stage.top, stage.width, stage.height];
            let near = found
                .iter()
                .zip([left, top, width, width])
                .all(|(found, expected)| (found - expected).abs() < 1e-3);
            assert!(near, "{rect:?}: {found:?}");
        }
    }
}
