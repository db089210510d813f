//! How a picture lies in the network's input: all over it where it was warped, between bars where it was letterboxed.
//!
//! In: the sizes of both and what the manifest says of resizing. Out: boxes from shares of the input to shares of the picture and back, and the picture's part of
//! what is as large as the input. Nothing else knows of the bars.

use ndarray::{Array, ArrayBase, ArrayViewMut, Axis, Dimension, RawData, Slice};

use super::manifest::{Alignment, Letterbox, Resize, Rounding};
use crate::geometry::{InputNormalised, Rect, Size};

/// Where a picture lies in the network's input. It begins and ends with whole pixels of the input, as whoever letterboxes resizes to whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fit {
    source: Size,
    input: Size,
    /// Columns of the input to the left of the picture, and rows above it.
    before: [u32; 2],
    /// The picture's in the input.
    size: Size,
}

impl Fit {
    /// A picture of `source` pixels in an input, as the manifest's `resize` says; neither may be empty.
    pub fn new(source: Size, input: Size, resize: &Resize) -> Self {
        match resize {
            Resize::Warp(_) => Self::warped(source, input),
            Resize::Letterbox(letterbox) => Self::letterboxed(source, input, letterbox),
        }
    }

    /// The picture is the whole input.
    pub const fn warped(source: Size, input: Size) -> Self {
        Self {
            source,
            input,
            before: [0; 2],
            size: input,
        }
    }

    fn letterboxed(source: Size, input: Size, letterbox: &Letterbox) -> Self {
        let side = |size: Size| [size.width, size.height].map(f64::from);
        let ([width, height], [across, down]) = (side(source), side(input));
        // As Python's doubles have it: 49 pixels times 1/49 may be less than one.
        let ratio = (across / width).min(down / height);
        let ratio = if letterbox.enlarge {
            ratio
        } else {
            ratio.min(1.0)
        };
        let rounded = |side: f64, most: u32| {
            let exact = side * ratio;
            let whole = match letterbox.rounding {
                Rounding::Nearest => exact.round_ties_even(),
                Rounding::Down => exact.floor(),
            };
            (whole as u32).clamp(1, most.max(1))
        };
        let size = Size::new(rounded(width, input.width), rounded(height, input.height));
        let bars = [input.width - size.width, input.height - size.height];
        Self {
            source,
            input,
            before: match letterbox.alignment {
                Alignment::Centre => bars.map(|bar| bar / 2),
                Alignment::TopLeft => [0; 2],
            },
            size,
        }
    }

    /// The picture's own size.
    pub fn source(&self) -> Size {
        self.source
    }

    /// The picture's size in the input.
    pub fn size(&self) -> Size {
        self.size
    }

    /// Whether there are bars.
    pub fn has_bars(&self) -> bool {
        self.size != self.input
    }

    /// From shares of the input to shares of the picture: below 0 and above 1 lie the bars.
    pub fn to_picture(&self, rect: Rect<InputNormalised>) -> Rect {
        let ([x, y], [left, top]) = (self.scales(), self.shares_before());
        let [x0, y0, x1, y1] = rect.edges();
        Rect::new(
            (x0 - left) * x,
            (y0 - top) * y,
            (x1 - left) * x,
            (y1 - top) * y,
        )
    }

    /// From shares of the picture to shares of the input.
    pub fn to_input(&self, rect: Rect) -> Rect<InputNormalised> {
        let ([x, y], [left, top]) = (self.scales(), self.shares_before());
        let [x0, y0, x1, y1] = rect.edges();
        Rect::new(x0 / x + left, y0 / y + top, x1 / x + left, y1 / y + top)
    }

    /// How many times as long the input's sides are as the picture's in it.
    fn scales(&self) -> [f32; 2] {
        let Self { input, size, .. } = self;
        [
            input.width as f32 / size.width as f32,
            input.height as f32 / size.height as f32,
        ]
    }

    fn shares_before(&self) -> [f32; 2] {
        let [left, top] = self.before.map(|pixels| pixels as f32);
        [
            left / self.input.width as f32,
            top / self.input.height as f32,
        ]
    }

    /// The picture's part of `values` `[.., H, W]`, as large as the input: without the bars.
    pub fn of_picture<D: Dimension>(&self, mut values: Array<f32, D>) -> Array<f32, D> {
        if !self.has_bars() {
            return values;
        }
        self.narrow(&mut values);
        values.as_standard_layout().into_owned()
    }

    /// The same to be written to.
    pub fn of_picture_mut<'a, D: Dimension>(
        &self,
        mut values: ArrayViewMut<'a, f32, D>,
    ) -> ArrayViewMut<'a, f32, D> {
        self.narrow(&mut values);
        values
    }

    fn narrow<S: RawData, D: Dimension>(&self, values: &mut ArrayBase<S, D>) {
        let [left, top] = self.before;
        for (from_last, start, length) in [(1, left, self.size.width), (2, top, self.size.height)] {
            let Some(axis) = values.ndim().checked_sub(from_last) else {
                continue;
            };
            // Values of another size than the input's are cut as far as they go.
            let end = (start as usize + length as usize).min(values.len_of(Axis(axis)));
            let start = (start as usize).min(end);
            values.slice_axis_inplace(Axis(axis), Slice::from(start..end));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::manifest::Sampling;
    use ndarray::{Array2, array};
    use proptest::prelude::*;

    fn letterbox(alignment: Alignment, rounding: Rounding) -> Letterbox {
        Letterbox {
            alignment,
            rounding,
            bars: [114.0; 3],
            enlarge: true,
            sampling: Sampling::Bilinear,
        }
    }

    fn fit(source: (u32, u32), input: (u32, u32), letterbox: Letterbox) -> ([u32; 2], Size) {
        let resize = Resize::Letterbox(letterbox);
        let fit = Fit::new(source.into(), input.into(), &resize);
        (fit.before, fit.size)
    }

    #[test]
    fn bars_are_where_each_family_has_them() {
        // In Python: ultralytics' LetterBox(auto=False), YOLOX's preproc, darknet's letterbox_image.
        let ultralytics = letterbox(Alignment::Centre, Rounding::Nearest);
        let yolox = letterbox(Alignment::TopLeft, Rounding::Down);
        let darknet = letterbox(Alignment::Centre, Rounding::Down);
        for (source, input, found) in [
            (
                (768, 576),
                (640, 640),
                [
                    ([0, 80], (640, 480)),
                    ([0, 0], (640, 480)),
                    ([0, 80], (640, 480)),
                ],
            ),
            (
                (640, 424),
                (416, 416),
                // 424 · .65 = 275.6
                [
                    ([0, 70], (416, 276)),
                    ([0, 0], (416, 275)),
                    ([0, 70], (416, 275)),
                ],
            ),
            (
                (500, 773),
                (640, 640),
                // 500 · .8279… = 413.97
                [
                    ([113, 0], (414, 640)),
                    ([0, 0], (413, 640)),
                    ([113, 0], (413, 640)),
                ],
            ),
            (
                (100, 50),
                (320, 192),
                [
                    ([0, 16], (320, 160)),
                    ([0, 0], (320, 160)),
                    ([0, 16], (320, 160)),
                ],
            ),
        ] {
            for (letterbox, (before, size)) in [ultralytics, yolox, darknet].into_iter().zip(found)
            {
                let expected = (before, size.into());
                assert_eq!(
                    fit(source, input, letterbox),
                    expected,
                    "{source:?} {letterbox:?}"
                );
            }
        }
        let small = Letterbox {
            enlarge: false,
            ..ultralytics
        };
        assert_eq!(
            fit((100, 50), (320, 192), small),
            ([110, 71], (100, 50).into())
        );
        assert_eq!(fit((3000, 1), (320, 192), yolox), ([0, 0], (320, 1).into()));
    }

    #[test]
    fn bars_are_cut_off() {
        let letterbox = letterbox(Alignment::Centre, Rounding::Nearest);
        let fit = Fit::new(
            (20, 10).into(),
            (4, 4).into(),
            &Resize::Letterbox(letterbox),
        );
        let map = Array2::from_shape_fn((4, 4), |(y, x)| (10 * y + x) as f32);
        let cut = array![[10., 11., 12., 13.], [20., 21., 22., 23.]];
        assert_eq!(fit.of_picture(map.clone()), cut);
        let mut written = map;
        fit.of_picture_mut(written.view_mut()).fill(0.0);
        assert_eq!(written.row(1).sum(), 0.0);
        assert_eq!(written[[0, 3]], 3.0);
        assert_eq!(fit.of_picture(Array2::zeros((2, 1))).dim(), (1, 1));
        let all = Array2::zeros((4, 4));
        assert_eq!(
            Fit::warped((20, 10).into(), (4, 4).into())
                .of_picture(all)
                .dim(),
            (4, 4)
        );
    }

    fn any_fit() -> impl Strategy<Value = Fit> {
        let sides = || (1..2000u32, 1..2000u32);
        (sides(), sides(), any::<[bool; 3]>()).prop_map(
            |(source, input, [centre, down, enlarge])| {
                let resize = Resize::Letterbox(Letterbox {
                    alignment: if centre {
                        Alignment::Centre
                    } else {
                        Alignment::TopLeft
                    },
                    rounding: if down {
                        Rounding::Down
                    } else {
                        Rounding::Nearest
                    },
                    bars: [0.0; 3],
                    enlarge,
                    sampling: Sampling::Bilinear,
                });
                Fit::new(source.into(), input.into(), &resize)
            },
        )
    }

    proptest! {
        #[test]
        fn there_and_back_again_is_where_a_box_was(fit in any_fit(), edges in prop::array::uniform4(0.0f32..1.0)) {
            let back = fit.to_picture(fit.to_input(edges.into()));
            // One pixel of 2000 is all that a thin picture may have there.
            let thinnest = fit.size.width.min(fit.size.height) as f32;
            for (found, expected) in back.edges().into_iter().zip(edges) {
                prop_assert!((found - expected).abs() < 1e-6 + 1e-3 / thinnest, "{found}, {expected}");
            }
        }

        #[test]
        fn the_picture_lies_in_the_input_in_its_own_shape(fit in any_fit()) {
            let whole = fit.to_input([0.0, 0.0, 1.0, 1.0].into());
            prop_assert!(whole.edges().iter().all(|edge| (-1e-6..=1.000_001).contains(edge)), "{whole:?}");
            let [across, down] = [
                fit.size.width as f32 / fit.source.width as f32,
                fit.size.height as f32 / fit.source.height as f32,
            ];
            // Each side is off by less than a pixel, but has one.
            let slack = 1.0 / fit.source.width as f32 + 1.0 / fit.source.height as f32;
            prop_assert!((across - down).abs() <= slack + 1e-4, "{fit:?}");
        }

        #[test]
        fn a_warped_box_keeps_its_bits(edges in prop::array::uniform4(-1.0f32..2.0)) {
            let fit = Fit::warped(Size::new(768, 576), Size::new(300, 300));
            prop_assert_eq!(fit.to_picture(edges.into()).edges(), edges);
            prop_assert_eq!(fit.to_input(edges.into()).edges(), edges);
        }
    }
}
