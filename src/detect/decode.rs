//! From raw outputs to boxes and scores: offsets move a default box, an activation turns logits into scores.

use super::default_boxes::DefaultBox;
use super::layout::HeadLayout;
use super::manifest::{DetectorKind, Manifest, OffsetCoding, ScoreActivation, Scoring, SizeDecode};
use crate::geometry::{InputNormalised, Rect};

/// The exponent of a size is kept within ±20. e²⁰ times a default box is off any picture; the bound only keeps the arithmetic finite.
const MAX_EXPONENT: f32 = 20.0;

/// What the four numbers o_cx, o_cy, o_w, o_h of a default box do to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Coding {
    /// The SSD paper's equation (2) inverted, with variances [v_c, v_s]: cx = CX + v_c·o_cx·W, w = W·exp(v_s·o_w), likewise cy and h.
    Variances([f32; 2]),
    /// A YOLO's: the centre lies in the cell that the default box is the centre of, or around it, cx = CX + s·(σ(t_x) − ½)·cell, and w = W·exp(t_w) or W·(2·σ(t_w))².
    Cell {
        /// The cell's width and height, in shares of the input.
        size: [f32; 2],
        /// s, darknet's `scale_x_y`: 1, or more where centres reach beyond the cell.
        scale: f32,
        /// How sizes are made.
        sizes: SizeDecode,
    },
    /// Of a detector without anchors that says distances: the default box is the cell, and cx = CX + o_cx·W, w = o_w·W, where the distances of left and right edge
    /// from the centre, l and r in cells, make o_cx = (r − l)/2 and o_w = l + r; likewise cy and h.
    Distances,
    /// FastestDet's: the default box is a cell, cx = CX + tanh(o_cx)·W, and of the whole input w = σ(o_w); likewise cy and h.
    Bounded,
}

/// A direction in the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Along the width.
    X,
    /// Along the height.
    Y,
}

impl Coding {
    /// What offsets do to the default box `index` of a model.
    pub fn of(manifest: &Manifest, layout: &HeadLayout, index: usize) -> Self {
        let output = &manifest.output;
        match manifest.kind {
            DetectorKind::AnchorFree if !output.distances.is_empty() => Self::Distances,
            DetectorKind::AnchorFree if output.coding == OffsetCoding::Bounded => Self::Bounded,
            // Of a cell whose size is 1: the centre's offset is in cells, the size's an exponent.
            DetectorKind::AnchorFree => Self::Variances([1.0, 1.0]),
            DetectorKind::Yolo => {
                let cell = layout.cell(index).zip(layout.locate(index));
                cell.map_or(Self::Variances(output.variances), |(size, place)| {
                    let scale = output.scale_x_y.get(place.head).copied();
                    Self::Cell {
                        size,
                        scale: scale.unwrap_or(1.0),
                        sizes: output.size_decode,
                    }
                })
            }
            DetectorKind::Ssd | DetectorKind::Classifier => Self::Variances(output.variances),
        }
    }

    /// How far an offset of the centre moves it, and the derivative by the offset; `extent` is the default box's along `axis`.
    pub fn shift(self, axis: Axis, offset: f32, extent: f32) -> (f32, f32) {
        match self {
            Self::Variances([v_c, _]) => (offset * v_c * extent, v_c * extent),
            Self::Cell { size, scale, .. } => {
                let share = sigmoid(offset);
                let range = scale * size[axis as usize];
                ((share - 0.5) * range, share * (1.0 - share) * range)
            }
            Self::Distances => (offset * extent, extent),
            Self::Bounded => {
                let shift = offset.tanh();
                (shift * extent, (1.0 - shift * shift) * extent)
            }
        }
    }

    /// The size that an offset of the size makes of a default box's `extent`, and the derivative by the offset.
    pub fn size(self, offset: f32, extent: f32) -> (f32, f32) {
        let v_s = match self {
            Self::Variances([_, v_s]) => v_s,
            Self::Cell {
                sizes: SizeDecode::SquaredSigmoid,
                ..
            } => {
                let share = sigmoid(offset);
                let size = 4.0 * share * share * extent;
                return (size, 2.0 * (1.0 - share) * size);
            }
            Self::Cell { .. } => 1.0,
            Self::Distances => return (offset * extent, extent),
            Self::Bounded => {
                let share = sigmoid(offset);
                return (share, share * (1.0 - share));
            }
        };
        let exponent = (v_s * offset).clamp(-MAX_EXPONENT, MAX_EXPONENT);
        let size = extent * exponent.exp();
        (size, v_s * size)
    }
}

/// What of a box is asked about, along one axis: a·(where its centre is) + b·(its size), in shares of the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measure {
    /// Along the width or the height.
    pub axis: Axis,
    /// a
    pub of_centre: f32,
    /// b
    pub of_size: f32,
}

impl Measure {
    /// How far the measure of `default_box` is moved by `offsets`, and its derivatives by o_c and o_s, the two offsets along its axis.
    pub fn moved(
        self,
        coding: Coding,
        default_box: DefaultBox,
        offsets: [f32; 4],
    ) -> (f32, [f32; 2]) {
        let (extent, [o_centre, o_size]) = self.along(default_box, offsets);
        let (shift, shift_slope) = coding.shift(self.axis, o_centre, extent);
        let (size, size_slope) = coding.size(o_size, extent);
        // Where nothing is said: the default box's own size, half of the input, or none without distances.
        let (before, _) = coding.size(0.0, extent);
        let moved = self.of_centre * shift + self.of_size * (size - before);
        (
            moved,
            [self.of_centre * shift_slope, self.of_size * size_slope],
        )
    }

    /// Its derivatives by the distances of the near and the far edge, left and right or top and bottom.
    pub fn by_distances(self, default_box: DefaultBox) -> [f32; 2] {
        let (extent, _) = self.along(default_box, [0.0; 4]);
        [-0.5, 0.5].map(|side| extent * (self.of_size + side * self.of_centre))
    }

    /// The default box's extent, and the offsets of centre and size.
    fn along(self, default_box: DefaultBox, [cx, cy, w, h]: [f32; 4]) -> (f32, [f32; 2]) {
        match self.axis {
            Axis::X => (default_box.w, [cx, w]),
            Axis::Y => (default_box.h, [cy, h]),
        }
    }
}

/// The box that `offsets` (cx, cy, w, h) make of a default box, in shares of the network's input; not clipped.
///
/// An offset that is not a number gives edges that are none.
pub fn decode(default_box: DefaultBox, offsets: [f32; 4], coding: Coding) -> Rect<InputNormalised> {
    let DefaultBox { cx, cy, w, h } = default_box;
    let [o_cx, o_cy, o_w, o_h] = offsets;
    let cx = coding.shift(Axis::X, o_cx, w).0 + cx;
    let cy = coding.shift(Axis::Y, o_cy, h).0 + cy;
    let (w, h) = (coding.size(o_w, w).0, coding.size(o_h, h).0);
    Rect::new(cx - w / 2.0, cy - h / 2.0, cx + w / 2.0, cy + h / 2.0)
}

/// Offsets cx, cy, w, h in cells of the distances of the left, top, right and bottom edge.
pub fn of_distances([left, top, right, bottom]: [f32; 4]) -> [f32; 4] {
    [
        (right - left) / 2.0,
        (bottom - top) / 2.0,
        left + right,
        top + bottom,
    ]
}

/// The mean d = Σ i·p_i of the distribution p that a softmax makes of `logits` over 0, 1, 2, …, and its derivatives p_i·(i − d).
///
/// Where one bin has all but everything, i − d is a small difference: it is taken in double precision.
pub fn expectation(logits: &[f32]) -> (f32, Vec<f32>) {
    let largest = f64::from(max(logits));
    let weights = logits.iter().map(|&z| (f64::from(z) - largest).exp());
    let weights: Vec<f64> = weights.collect();
    let sum: f64 = weights.iter().sum();
    let mean = weights.iter().zip(0u16..).map(|(w, i)| w * f64::from(i));
    let mean = mean.sum::<f64>() / sum;
    let slopes = weights.iter().zip(0u16..);
    let slopes = slopes.map(|(w, i)| (w / sum * (f64::from(i) - mean)) as f32);
    (mean as f32, slopes.collect())
}

/// The mean alone.
pub fn mean(logits: &[f32]) -> f32 {
    let largest = max(logits);
    let (mut sum, mut moment) = (0.0, 0.0);
    for (z, i) in logits.iter().zip(0u16..) {
        let weight = (z - largest).exp();
        sum += weight;
        moment += weight * f32::from(i);
    }
    moment / sum
}

fn sigmoid(z: f32) -> f32 {
    // exp(−z) may be infinite, which gives the right 0.
    1.0 / (1.0 + (-z).exp())
}

/// Turns the logits of *one* default box into scores; what its classes share is computed once.
#[derive(Debug, Clone, Copy)]
pub struct Scorer {
    scoring: Scoring,
    /// The largest logit for a softmax, and ln Σ_k exp(z_k − largest) over the classes: a score is exp(z − largest − log_sum). No large logit overflows it, and
    /// of one that is far above 10⁷ the logarithm is not lost in rounding.
    largest: f32,
    log_sum: f32,
    /// The probability that there is an object at all, where the network says it apart, as it counts in a score.
    objectness: f32,
}

impl Scorer {
    /// A scorer for the default box with these `logits`, one per class, background included, and the logit of its objectness if the network has one.
    pub fn new<'a>(
        scoring: impl Into<Scoring>,
        logits: impl IntoIterator<Item = &'a f32> + Clone,
        objectness: Option<f32>,
    ) -> Self {
        let scoring = scoring.into();
        let (largest, log_sum) = match scoring.activation {
            ScoreActivation::Sigmoid => (0.0, 0.0),
            ScoreActivation::Softmax => {
                let largest = max(logits.clone());
                let sum: f32 = logits.into_iter().map(|z| (z - largest).exp()).sum();
                (largest, sum.ln())
            }
        };
        Self {
            scoring,
            largest,
            log_sum,
            objectness: objectness.map_or(1.0, |logit| object_factor(scoring, logit)),
        }
    }

    /// The score of the class with this logit, 0..=1; NaN if a logit that it depends on is.
    pub fn score(self, logit: f32) -> f32 {
        let score = match self.scoring.activation {
            ScoreActivation::Sigmoid => sigmoid(logit),
            // Rounding can lift a certain class a hair above 1.
            ScoreActivation::Softmax => (logit - self.largest - self.log_sum).exp().clamp(0.0, 1.0),
        };
        match self.scoring.powers {
            Some([_, of_class]) => self.objectness * score.powf(of_class),
            None => self.objectness * score,
        }
    }

    /// ln(s/(1 − s)) of the score s of the class with this logit, exact also where s is next to 0. Of a sigmoid without objectness it is the logit, and under a softmax without objectness it
    /// rises with the class's own logit one for one.
    pub fn log_odds(self, logit: f32) -> f64 {
        let logit = f64::from(logit);
        let of_class = match self.scoring.activation {
            ScoreActivation::Sigmoid => -(-logit).exp().ln_1p(),
            ScoreActivation::Softmax => logit - f64::from(self.largest) - f64::from(self.log_sum),
        };
        let [_, power] = self.scoring.powers.unwrap_or([1.0; 2]);
        let log = f64::from(self.objectness).ln() + f64::from(power) * of_class;
        log - (-log.exp_m1()).ln()
    }
}

/// The factor that objectness of this logit is in a score.
fn object_factor(scoring: Scoring, logit: f32) -> f32 {
    match scoring.powers {
        Some([of_object, _]) => sigmoid(logit).powf(of_object),
        None => sigmoid(logit),
    }
}

/// A logit that every class with a score above `threshold` (0..=1) exceeds, so that most default boxes are passed over without an
/// exponential a class. It is a bound, not the limit: what exceeds it has still to be scored.
pub fn logit_bound<'a>(
    scoring: impl Into<Scoring>,
    threshold: f32,
    logits: impl IntoIterator<Item = &'a f32>,
    objectness: Option<f32>,
) -> f32 {
    let scoring = scoring.into();
    // What a quotient or a root is rounded by tells much near 1.
    let below = |share: f32| (share - 1e-6).clamp(0.0, 1.0);
    let threshold = match objectness {
        Some(logit) => below(threshold / object_factor(scoring, logit)),
        None => threshold,
    };
    let threshold = match scoring.powers {
        Some([_, of_class]) => below(threshold.powf(1.0 / of_class)),
        None => threshold,
    };
    let exact = match scoring.activation {
        ScoreActivation::Sigmoid => (threshold / (1.0 - threshold)).ln(),
        // Σ_k exp(z_k) is at least its largest term.
        ScoreActivation::Softmax => max(logits) + threshold.ln(),
    };
    // Room for the rounding of exponentials and logarithms.
    exact - 1e-4 * (1.0 + exact.abs())
}

/// The largest of `logits` that is a number.
fn max<'a>(logits: impl IntoIterator<Item = &'a f32>) -> f32 {
    logits
        .into_iter()
        .copied()
        .fold(f32::NEG_INFINITY, f32::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const VARIANCES: [f32; 2] = [0.1, 0.2];
    const CODING: Coding = Coding::Variances(VARIANCES);
    const CELL: Coding = Coding::Cell {
        size: [0.2, 0.25],
        scale: 1.0,
        sizes: SizeDecode::Exponential,
    };
    /// YOLOv5's.
    const SQUARED: Coding = Coding::Cell {
        size: [0.2, 0.25],
        scale: 2.0,
        sizes: SizeDecode::SquaredSigmoid,
    };

    /// The SSD paper's equation (2): the offsets that make `rect` of a default box.
    fn encode(default_box: DefaultBox, rect: [f32; 4]) -> [f32; 4] {
        let [x0, y0, x1, y1] = rect;
        [
            ((x0 + x1) / 2.0 - default_box.cx) / default_box.w / VARIANCES[0],
            ((y0 + y1) / 2.0 - default_box.cy) / default_box.h / VARIANCES[0],
            ((x1 - x0) / default_box.w).ln() / VARIANCES[1],
            ((y1 - y0) / default_box.h).ln() / VARIANCES[1],
        ]
    }

    fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
        let close = found
            .iter()
            .zip(expected)
            .all(|(f, e)| (f - e).abs() <= tolerance);
        assert!(
            close && found.len() == expected.len(),
            "found {found:?}, expected {expected:?}"
        );
    }

    fn scores(activation: ScoreActivation, logits: &[f32]) -> Vec<f32> {
        let scorer = Scorer::new(activation, logits, None);
        logits.iter().map(|&z| scorer.score(z)).collect()
    }

    #[test]
    fn offsets_move_and_stretch_the_default_box() {
        let default_box = DefaultBox {
            cx: 0.5,
            cy: 0.4,
            w: 0.2,
            h: 0.1,
        };
        assert_close(
            &decode(default_box, [0.0; 4], CODING).edges(),
            &[0.4, 0.35, 0.6, 0.45],
            1e-6,
        );
        // Right by 2·.1·.2 = .04, up by 1·.1·.1 = .01; twice as wide (ln 2 / .2), half as high.
        let doubled = std::f32::consts::LN_2 / 0.2;
        let found = decode(default_box, [2.0, -1.0, doubled, -doubled], CODING).edges();
        assert_close(&found, &[0.34, 0.365, 0.74, 0.415], 1e-6);
    }

    #[test]
    fn yolo_s_centre_stays_in_its_cell() {
        // The cell of row 1, column 2 of 4x5 cells.
        let default_box = DefaultBox {
            cx: 0.5,
            cy: 0.375,
            w: 0.3,
            h: 0.1,
        };
        let coding = CELL;
        let unmoved = decode(default_box, [0.0; 4], coding).edges();
        assert_close(&unmoved, &[0.35, 0.325, 0.65, 0.425], 1e-6);
        // darknet's: (2 + σ(t))/5 and (1 + σ(t))/4, σ(ln 3) = ¾; sizes e^t times the anchor's.
        let ln = f32::ln;
        let moved = decode(default_box, [ln(3.0), -ln(3.0), ln(2.0), -ln(2.0)], coding).edges();
        assert_close(&moved, &[0.25, 0.2875, 0.85, 0.3375], 1e-6);
        let far = decode(default_box, [1e9, -1e9, 0.0, 0.0], coding).edges();
        assert_close(&far, &[0.45, 0.2, 0.75, 0.3], 1e-6);
        // With darknet's scale_x_y of 1.2 it goes a tenth of the cell beyond either side: (2 + 1.1)/5 and (1 − 0.1)/4.
        let coding = Coding::Cell {
            size: [0.2, 0.25],
            scale: 1.2,
            sizes: SizeDecode::Exponential,
        };
        let wide = decode(default_box, [1e9, -1e9, 0.0, 0.0], coding).edges();
        assert_close(&wide, &[0.47, 0.175, 0.77, 0.275], 1e-6);
    }

    #[test]
    fn fastestdet_s_boxes_and_scores_are_bounded() {
        // The cell of row 1, column 2 of 4x5 cells, by its corner.
        let default_box = DefaultBox {
            cx: 0.4,
            cy: 0.25,
            w: 0.2,
            h: 0.25,
        };
        let ln = f32::ln;
        // tanh(½·ln 3) = ½, σ(ln 3) = ¾.
        let half = ln(3.0) / 2.0;
        let found = decode(
            default_box,
            [half, -half, ln(3.0), -ln(3.0)],
            Coding::Bounded,
        )
        .edges();
        assert_close(&found, &[0.125, 0.0, 0.875, 0.25], 1e-6);
        let far = decode(default_box, [1e9, 1e9, 1e9, -1e9], Coding::Bounded).edges();
        assert_close(&far, &[0.1, 0.5, 1.1, 0.5], 1e-6);
        // ¾^0.6 · (2/3)^0.4
        let scoring = Scoring {
            activation: ScoreActivation::Softmax,
            powers: Some([0.6, 0.4]),
        };
        let scorer = Scorer::new(scoring, &[ln(2.0), 0.0], Some(ln(3.0)));
        assert_close(&[scorer.score(ln(2.0))], &[0.715_486], 1e-5);
    }

    #[test]
    fn yolov5_s_sizes_are_squares_of_a_sigmoid() {
        // The cell of row 1, column 2 of 4x5 cells.
        let default_box = DefaultBox {
            cx: 0.5,
            cy: 0.375,
            w: 0.1,
            h: 0.08,
        };
        let unmoved = decode(default_box, [0.0; 4], SQUARED).edges();
        assert_close(&unmoved, &[0.45, 0.335, 0.55, 0.415], 1e-6);
        // (2·¾ − ½ + 2)/5 and (2·¼ − ½ + 1)/4; (2·¾)² and (2·¼)² times the anchor.
        let ln = f32::ln;
        let moved = [ln(3.0), -ln(3.0), ln(3.0), -ln(3.0)];
        let moved = decode(default_box, moved, SQUARED).edges();
        assert_close(&moved, &[0.4875, 0.24, 0.7125, 0.26], 1e-6);
        // At most one and a half cells from the middle of the cell, and four times the anchor.
        let far = decode(default_box, [1e9, -1e9, 1e9, -1e9], SQUARED).edges();
        assert_close(&far, &[0.5, 0.125, 0.9, 0.125], 1e-6);
    }

    #[test]
    fn the_slopes_are_those_of_the_boxes() {
        let wider = Coding::Cell {
            size: [0.2, 0.25],
            scale: 1.05,
            sizes: SizeDecode::Exponential,
        };
        for coding in [CODING, CELL, wider, SQUARED, Coding::Bounded] {
            for offset in [-2.0f32, -0.3, 0.0, 1.5] {
                for axis in [Axis::X, Axis::Y] {
                    let [less, more] = [-0.01, 0.01].map(|by| coding.shift(axis, offset + by, 0.4));
                    let slope = coding.shift(axis, offset, 0.4).1;
                    assert!(
                        close(slope, (more.0 - less.0) / 0.02),
                        "{coding:?} {offset}"
                    );
                }
                let [less, more] = [-0.01, 0.01].map(|by| coding.size(offset + by, 0.4));
                let slope = coding.size(offset, 0.4).1;
                assert!(
                    close(slope, (more.0 - less.0) / 0.02),
                    "{coding:?} {offset}"
                );
            }
        }
    }

    fn close(found: f32, expected: f32) -> bool {
        (found - expected).abs() <= 1e-3 * expected.abs() + 1e-5
    }

    #[test]
    fn absurd_offsets_stay_finite_and_nan_stays_nan() {
        let default_box = DefaultBox {
            cx: 0.5,
            cy: 0.5,
            w: 0.2,
            h: 0.2,
        };
        let huge = decode(default_box, [1e6, -1e6, 1e30, f32::INFINITY], CODING).edges();
        assert!(huge.iter().all(|edge| edge.is_finite()), "{huge:?}");
        let tiny = decode(default_box, [0.0, 0.0, f32::NEG_INFINITY, -1e30], CODING).edges();
        assert!(tiny.iter().all(|edge| edge.is_finite()), "{tiny:?}");
        let nan = decode(default_box, [0.0, 0.0, f32::NAN, 0.0], CODING).edges();
        assert!(nan[0].is_nan() && nan[2].is_nan() && nan[1] == 0.4);
    }

    #[test]
    fn scores_are_the_textbook_s() {
        // 1/(1+e⁻²), 1/2, and e^{2,0,1} over their sum 11.10734.
        assert_close(
            &scores(ScoreActivation::Sigmoid, &[2.0, 0.0]),
            &[0.880_797, 0.5],
            1e-6,
        );
        let softmax = scores(ScoreActivation::Softmax, &[2.0, 0.0, 1.0]);
        assert_close(&softmax, &[0.665_240_96, 0.090_030_57, 0.244_728_48], 1e-6);
    }

    #[test]
    fn the_odds_of_a_score_are_its_logit() {
        let odds = |activation, logits: &[f32], objectness| {
            Scorer::new(activation, logits, objectness).log_odds(logits[0])
        };
        for logit in [-90.0f32, -2.0, 0.0, 3.0] {
            let found = odds(ScoreActivation::Sigmoid, &[logit, 9.0], None);
            assert!((found - f64::from(logit)).abs() < 1e-6, "{found}");
        }
        // e² of e² + e⁰ + e¹: 2 − ln(1 + e).
        let found = odds(ScoreActivation::Softmax, &[2.0, 0.0, 1.0], None);
        assert!((found - 0.686_738).abs() < 1e-5, "{found}");
        // σ(0)·σ(ln 3) = 3/8, odds 3/5.
        let found = odds(ScoreActivation::Sigmoid, &[3.0f32.ln()], Some(0.0));
        assert!((found - 0.6f64.ln()).abs() < 1e-6, "{found}");
    }

    #[test]
    fn large_logits_do_not_overflow() {
        assert_eq!(scores(ScoreActivation::Sigmoid, &[1e4, -1e4]), [1.0, 0.0]);
        assert_close(
            &scores(ScoreActivation::Softmax, &[1000.0, 999.0, -1000.0]),
            &[0.731_058_6, 0.268_941_4, 0.0],
            1e-4,
        );
        let alike = scores(ScoreActivation::Softmax, &[1e20; 4]);
        assert_close(&alike, &[0.25; 4], 1e-6);
        assert!(
            scores(ScoreActivation::Softmax, &[0.0, f32::NAN])
                .iter()
                .all(|score| score.is_nan())
        );
    }

    proptest! {
        #[test]
        fn decoding_inverts_encoding(
            centre in prop::array::uniform2(0.0f32..1.0),
            size in prop::array::uniform2(0.05f32..1.0),
            corner in prop::array::uniform2(-0.2f32..0.8),
            extent in prop::array::uniform2(0.02f32..1.2),
        ) {
            let default_box = DefaultBox { cx: centre[0], cy: centre[1], w: size[0], h: size[1] };
            let rect = [corner[0], corner[1], corner[0] + extent[0], corner[1] + extent[1]];
            let found = decode(default_box, encode(default_box, rect), CODING).edges();
            for (f, e) in found.iter().zip(rect) {
                prop_assert!((f - e).abs() < 1e-5, "found {found:?}, expected {rect:?}");
            }
        }

        #[test]
        fn softmax_scores_sum_to_one(logits in prop::collection::vec(-60.0f32..60.0, 1..100)) {
            let sum: f32 = scores(ScoreActivation::Softmax, &logits).iter().sum();
            prop_assert!((sum - 1.0).abs() < 1e-4, "{sum}");
        }

        #[test]
        fn no_score_above_the_threshold_is_missed_by_the_bound(
            logits in prop::collection::vec(-12.0f32..12.0, 1..30),
            threshold in 0.0f32..=1.0,
            softmax: bool,
            objectness in prop::option::of(-8.0f32..8.0),
            powers in prop::option::of(prop::array::uniform2(0.1f32..10.0)),
        ) {
            let activation = if softmax { ScoreActivation::Softmax } else { ScoreActivation::Sigmoid };
            let scoring = Scoring { activation, powers };
            let bound = logit_bound(scoring, threshold, &logits, objectness);
            let scorer = Scorer::new(scoring, &logits, objectness);
            for logit in &logits {
                let score = scorer.score(*logit);
                prop_assert!(score <= threshold || *logit > bound, "logit {logit}, score {score}, bound {bound}");
            }
        }
    }
}
