//! What an explanation is worth: the network is asked again without the part of the picture that the explanation calls relevant.
//!
//! In: a forward pass, a target and its map. Out: a [`Check`]: by how much the asked quantity falls, and how that compares with as much of the picture taken away elsewhere. `docs/method.md` defines it.

use std::borrow::Cow;

use ndarray::{Array2, Array4};

use crate::crp::{Direction, Edge, Quantity, ResolvedTarget, Target, TargetOutput};
use crate::detect::manifest::Offset;
use crate::detect::{ClassId, ClassRef, Detection, Detector, Forward, Model, NetworkInput};
use crate::error::Result;
use crate::error::argument::{Context, ensure};
use crate::geometry::{Pixel, Rect};
use crate::perturbation::{BLOCK, Blocks, SIGMA, blurred};
use crate::runtime::CancelToken;

/// The share of the picture's blocks that is taken away at the most: the reddest 4 %, as in the first step of `evaluate`.
pub const SHARE: f64 = 0.04;

/// How often as much is taken away elsewhere. An explanation has to do better than each of these draws; a map that knows nothing does so in one of `DRAWS + 1` cases.
pub const DRAWS: usize = 9;

/// What the network says without the part that the explanation calls relevant.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The blocks that were taken away, of a grid of [`BLOCK`] pixels a side, counted row by row from the top left; none where the map speaks for nothing.
    pub gone: Vec<usize>,
    /// The asked quantity of the whole picture: logits for a class or objectness, the network's own number for an offset in its direction, pixels of the picture for an edge in its direction.
    pub before: f64,
    /// The same without the reddest part.
    pub after: f64,
    /// The same without as much elsewhere, of each draw.
    pub elsewhere: Vec<f64>,
    /// What becomes of the detection.
    pub outcome: Outcome,
}

/// What a detection is without the reddest part, for people.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The score of a class.
    Score {
        /// The class's name.
        label: String,
        /// In the whole picture, 0 to 1.
        before: f32,
        /// Without the part.
        after: f32,
        /// The class that would be detected there then, if that is another one.
        first: Option<String>,
    },
    /// The box moves or changes its size, as "the box 18 px narrower" says.
    Box(String),
}

impl Check {
    /// By how much the quantity falls.
    pub fn effect(&self) -> f64 {
        self.before - self.after
    }

    /// By how much it falls on average where as much is taken away elsewhere.
    pub fn effect_of_chance(&self) -> f64 {
        let falls = self.elsewhere.iter().map(|after| self.before - after);
        falls.sum::<f64>() / self.elsewhere.len().max(1) as f64
    }

    /// Whether it falls, and further than in each draw.
    pub fn passed(&self) -> bool {
        let further = |other: &f64| self.after < *other;
        !self.gone.is_empty() && self.effect() > 0.0 && self.elsewhere.iter().all(further)
    }

    /// In numbers: "asked quantity 3.82 → 0.41, by chance 3.70", the last of which is a mean.
    pub fn figures(&self) -> String {
        format!(
            "asked quantity {:.2} → {:.2}, by chance {:.2}",
            self.before,
            self.after,
            self.before - self.effect_of_chance()
        )
    }

    /// In words; `colour` is what the map speaks for is drawn in: "checked: without the red, sheep 0.92 → 0.31, horse first".
    pub fn words(&self, colour: &str) -> String {
        if self.gone.is_empty() {
            return "no check: nothing speaks for it".to_owned();
        }
        let outcome = match &self.outcome {
            Outcome::Box(words) => words.clone(),
            Outcome::Score {
                label,
                before,
                after,
                first,
            } => {
                let first = first.as_ref().map(|first| format!(", {first} first"));
                let first = first.unwrap_or_default();
                format!("{label} {before:.2} → {after:.2}{first}")
            }
        };
        let verdict = match self.passed() {
            true => "checked",
            false => "no better than chance",
        };
        format!("{verdict}: without the {colour}, {outcome}")
    }
}

/// Checks explanations of one picture.
pub struct Checker<'a> {
    model: &'a Model,
    detector: &'a mut Detector,
    forward: &'a Forward,
    /// What takes the place of what is taken away.
    blurred: Cow<'a, Array4<f32>>,
    cancel: CancelToken,
    /// The share of the picture's blocks that is taken away at the most.
    most: f64,
}

/// The asked quantity.
enum Measured {
    Outputs(Quantity),
    /// An edge of a default box's detection, and the sign of its direction.
    Edge(usize, Edge, f64),
}

impl<'a> Checker<'a> {
    /// For explanations that were made of `forward`.
    pub fn new(model: &'a Model, detector: &'a mut Detector, forward: &'a Forward) -> Self {
        let blurred = blurred(&forward.input.picture_values(), SIGMA);
        Self::taking(model, detector, forward, Cow::Owned(blurred))
    }

    /// The same where the picture was blurred before, with σ = [`SIGMA`]: `[1, 3, h, w]` of it in the network's input.
    pub fn with(
        model: &'a Model,
        detector: &'a mut Detector,
        forward: &'a Forward,
        blurred: &'a Array4<f32>,
    ) -> Self {
        Self::taking(model, detector, forward, Cow::Borrowed(blurred))
    }

    fn taking(
        model: &'a Model,
        detector: &'a mut Detector,
        forward: &'a Forward,
        blurred: Cow<'a, Array4<f32>>,
    ) -> Self {
        Self {
            model,
            detector,
            forward,
            blurred,
            cancel: CancelToken::default(),
            most: SHARE,
        }
    }

    /// The same, until `cancel` ends it.
    #[must_use]
    pub fn until(self, cancel: &CancelToken) -> Self {
        let cancel = cancel.clone();
        Self { cancel, ..self }
    }

    /// The same with another share of the picture's blocks, 0..=1, in the place of [`SHARE`].
    #[doc(hidden)]
    #[must_use]
    pub fn of_share(self, most: f64) -> Self {
        Self { most, ..self }
    }

    /// Checks one of them: `question` is what was asked, `map` its relevance `[H, W]` of the picture in the network's input. Takes `DRAWS + 1` forward passes, none where the map speaks for nothing.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime; a question of another model.
    pub fn check(&mut self, question: &ResolvedTarget, map: &Array2<f32>) -> Result<Check> {
        let measured = self.measured(question)?;
        let blocks = self.blocks();
        let most = (self.most * blocks.count() as f64).round().max(1.0) as usize;
        let reddest = blocks.strongest(map, most);
        let before = self.value(&measured, self.forward)?;
        let (mut without, mut elsewhere) = (None, vec![]);
        if !reddest.is_empty() {
            without = Some(self.without(blocks, &reddest)?);
            for shift in shifts(blocks.grid()) {
                let forward = self.without(blocks, &blocks.shifted(&reddest, shift))?;
                elsewhere.push(self.value(&measured, &forward)?);
            }
        }
        let without = without.as_ref().unwrap_or(self.forward);
        Ok(Check {
            before,
            after: self.value(&measured, without)?,
            elsewhere,
            outcome: self.outcome(&question.decided, without)?,
            gone: reddest,
        })
    }

    fn measured(&self, question: &ResolvedTarget) -> Result<Measured> {
        let decided = &question.decided;
        if let TargetOutput::Edge(edge, direction) = decided.output {
            return Ok(Measured::Edge(decided.default_box, edge, sign(direction)));
        }
        let quantity = Quantity::new(decided, self.model, self.forward)?;
        Ok(Measured::Outputs(quantity))
    }

    fn value(&self, measured: &Measured, forward: &Forward) -> Result<f64> {
        Ok(match measured {
            Measured::Outputs(quantity) => quantity.value(forward),
            Measured::Edge(default_box, edge, sign) => {
                let at = at_edge(&self.pixels(forward, *default_box)?, *edge);
                sign * f64::from(at)
            }
        })
    }

    /// Not clipped to the picture: an edge beyond it moves, too.
    fn pixels(&self, forward: &Forward, default_box: usize) -> Result<Rect<Pixel>> {
        let rect = self.detector.decoded(forward, default_box)?;
        Ok(rect.in_pixels(self.forward.input.fit.source()))
    }

    /// What the network was fed without the part that a check took away.
    ///
    /// # Errors
    /// A check of another picture.
    pub fn fed(&self, check: &Check) -> Result<NetworkInput> {
        let blocks = self.blocks();
        let is_here = check.gone.iter().all(|&block| block < blocks.count());
        ensure!(is_here, "the check is of another picture");
        self.input_without(blocks, &check.gone)
    }

    /// The forward pass of the picture without these blocks.
    fn without(&mut self, blocks: Blocks, gone: &[usize]) -> Result<Forward> {
        let input = self.input_without(blocks, gone)?;
        self.detector.forward_cancellable(input, &self.cancel)
    }

    fn input_without(&self, blocks: Blocks, gone: &[usize]) -> Result<NetworkInput> {
        let mut picture = self.forward.input.picture_values();
        for &block in gone {
            blocks.replace(&mut picture, &self.blurred, block);
        }
        self.forward.input.with_picture_values(&picture)
    }

    /// Those of the picture in the network's input.
    fn blocks(&self) -> Blocks {
        let (_, _, height, width) = self.blurred.dim();
        Blocks::new(height, width, BLOCK)
    }

    fn outcome(&self, target: &Target, without: &Forward) -> Result<Outcome> {
        let at = target.default_box;
        match &target.output {
            TargetOutput::Class(class) => self.score(at, class, without),
            TargetOutput::Objectness => {
                let score = |forward: &Forward| {
                    let logits = forward.objectness.as_ref();
                    let logit = logits.and_then(|logits| logits.get(at));
                    Some(1.0 / (1.0 + (-logit?).exp()))
                };
                let scores = score(self.forward).zip(score(without));
                let (before, after) = scores.context("the network has no objectness")?;
                Ok(Outcome::Score {
                    label: "an object".to_owned(),
                    before,
                    after,
                    first: None,
                })
            }
            TargetOutput::Offset(offset, _) => {
                let length = |rect: Rect<Pixel>| match offset {
                    Offset::Cx => rect.centre()[0],
                    Offset::Cy => rect.centre()[1],
                    Offset::W => rect.width(),
                    Offset::H => rect.height(),
                };
                let words = |direction: Direction| direction.of_offset(*offset);
                self.moved(at, without, length, words)
            }
            TargetOutput::Edge(edge, _) => {
                let length = |rect: Rect<Pixel>| at_edge(&rect, *edge);
                let words = |direction: Direction| direction.of_edge(*edge);
                self.moved(at, without, length, words)
            }
        }
    }

    fn score(&self, at: usize, class: &ClassRef, without: &Forward) -> Result<Outcome> {
        let manifest = &self.model.manifest;
        let class: ClassId = manifest.class(class)?;
        // Of the background, too, and of classes that are never detected.
        let score = |forward: &Forward| -> Result<f32> {
            let there = self.detector.describe(forward, at)?;
            let scorer = there.scorer(manifest);
            Ok(scorer.score(there.logits[class.0]))
        };
        let (before, after) = (score(self.forward)?, score(without)?);
        let best: Detection = self.detector.describe(without, at)?;
        let is_first = best.class != class && best.score > manifest.detection.score_threshold;
        Ok(Outcome::Score {
            label: manifest.label(class).into_owned(),
            before,
            after,
            first: is_first.then(|| manifest.label(best.class).into_owned()),
        })
    }

    /// How far a length in the box has changed, in pixels of the picture.
    fn moved(
        &self,
        at: usize,
        without: &Forward,
        length: impl Fn(Rect<Pixel>) -> f32,
        words: impl Fn(Direction) -> &'static str,
    ) -> Result<Outcome> {
        let change = length(self.pixels(without, at)?) - length(self.pixels(self.forward, at)?);
        let words = words(if change < 0.0 {
            Direction::Minus
        } else {
            Direction::Plus
        });
        let pixels = change.abs().round();
        Ok(Outcome::Box(match pixels {
            0.0 => "the box as it was".to_owned(),
            _ => format!("the box {pixels} px {words}"),
        }))
    }
}

/// Where an edge of a box is: x of the left and right one, y of the others.
fn at_edge(rect: &Rect<Pixel>, edge: Edge) -> f32 {
    let [x0, y0, x1, y1] = rect.edges();
    match edge {
        Edge::Left => x0,
        Edge::Top => y0,
        Edge::Right => x1,
        Edge::Bottom => y1,
    }
}

fn sign(direction: Option<Direction>) -> f64 {
    match direction {
        Some(Direction::Minus) => -1.0,
        Some(Direction::Plus) | None => 1.0,
    }
}

/// How far the part is moved in each draw, in blocks down and right, never by nothing: the same in every run, and spread evenly over the picture (the additive sequence R2, after
/// Roberts, *The Unreasonable Effectiveness of Quasirandom Sequences*, 2018).
fn shifts([rows, columns]: [usize; 2]) -> impl Iterator<Item = [usize; 2]> {
    /// The real root of x³ = x + 1.
    const PLASTIC: f64 = 1.324_717_957_244_746;
    let shift = move |draw: u32| {
        let along = |step: f64, count: usize| {
            let share = (f64::from(draw) * step).fract();
            (share * count as f64) as usize
        };
        [
            along(1.0 / PLASTIC, rows),
            along(1.0 / (PLASTIC * PLASTIC), columns),
        ]
    };
    let is_one_block = rows * columns <= 1;
    let all = (1_u32..).map(shift);
    all.filter(move |&shift| is_one_block || shift != [0, 0])
        .take(DRAWS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(before: f64, after: f64, elsewhere: &[f64]) -> Check {
        Check {
            gone: vec![3],
            before,
            after,
            elsewhere: elsewhere.to_vec(),
            outcome: Outcome::Score {
                label: "sheep".to_owned(),
                before: 0.92,
                after: 0.313,
                first: Some("horse".to_owned()),
            },
        }
    }

    #[test]
    fn it_passes_where_it_falls_further_than_in_every_draw() {
        let check = made(4.0, 1.0, &[3.0, 2.0, 5.0]);
        assert!(check.passed());
        assert_eq!(check.effect(), 3.0);
        // Of 1, 2 and -1.
        assert!((check.effect_of_chance() - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            check.figures(),
            "asked quantity 4.00 → 1.00, by chance 3.33"
        );
        assert!(!made(4.0, 2.0, &[3.0, 2.0]).passed());
        assert!(!made(4.0, 4.5, &[5.0, 6.0]).passed());
        let nothing = Check {
            gone: vec![],
            ..made(4.0, 1.0, &[])
        };
        assert!(!nothing.passed());
        assert_eq!(nothing.words("red"), "no check: nothing speaks for it");
    }

    #[test]
    fn the_words_say_what_becomes_of_it() {
        let passed = made(4.0, 1.0, &[3.0]);
        assert_eq!(
            passed.words("red"),
            "checked: without the red, sheep 0.92 → 0.31, horse first"
        );
        let failed = Check {
            outcome: Outcome::Box("the box 18 px narrower".to_owned()),
            ..made(4.0, 3.0, &[2.0])
        };
        assert_eq!(
            failed.words("orange"),
            "no better than chance: without the orange, the box 18 px narrower"
        );
    }

    #[test]
    fn draws_are_spread_over_the_picture_and_move_the_part() {
        for grid in [[15, 15], [1, 7], [32, 20], [2, 1]] {
            let drawn: Vec<[usize; 2]> = shifts(grid).collect();
            assert_eq!(drawn.len(), DRAWS, "{grid:?}");
            assert!(
                drawn
                    .iter()
                    .all(|s| *s != [0, 0] && s[0] < grid[0] && s[1] < grid[1])
            );
        }
        // As many as differ where there is room.
        let mut drawn: Vec<[usize; 2]> = shifts([15, 15]).collect();
        drawn.sort_unstable();
        drawn.dedup();
        assert_eq!(drawn.len(), DRAWS);
        assert!(shifts([1, 1]).all(|shift| shift == [0, 0]));
    }
}
