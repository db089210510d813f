//! A target made concrete for one picture: names looked up, the contrast spread over classes, relevance put on outputs.
//!
//! Everything specific to SSD ends here: out comes a [`HeadSeed`], a few numbers at one cell of one head tensor.

use std::fmt;

use super::composite::Composite;
use super::target::{Contrast, Direction, Edge, Seed, Target, TargetOutput};
use crate::detect::decode::{Axis, Measure, Scorer, expectation};
use crate::detect::manifest::Offset;
use crate::detect::{ClassId, Forward, Location, Model};
use crate::error::Result;
use crate::error::argument::{Context, bail, ensure};

/// The relevance that enters at one cell of a head tensor, for one target.
#[derive(Clone, Debug, PartialEq)]
pub struct HeadSeed {
    /// The head tensor, `[1, C, rows, cols]`.
    pub tensor: String,
    /// Row and column of the cell.
    pub cell: [usize; 2],
    /// Channels and their relevance; all others are 0.
    pub values: Vec<(usize, f32)>,
    /// Where relevance starts from the outputs themselves ([`Seed::Score`]), what multiple of its output each of the values is; otherwise empty.
    pub multiples: Vec<f32>,
    /// Whether the layer hands on what speaks for its outputs minus what speaks against them, z_ij⁺/Σ_i z_ij⁺ − z_ij⁻/Σ_i z_ij⁻, whatever its rule is ([`Contrast::Clrp2`]).
    pub opposes: bool,
}

/// What is asked of one picture.
#[derive(Clone, Debug, PartialEq)]
pub struct ResolvedTarget {
    /// Where relevance enters.
    pub seed: HeadSeed,
    /// The output in the grammar, with label and direction: `class:sheep`, `offset:w+`. The class's number is there for its label where that is another's too.
    pub target: String,
    /// The contrast in the grammar, with the label: `class:horse` (also for the runner-up), `mean`, `none`.
    pub contrast: String,
    /// Both for people.
    pub wording: Wording,
}

/// A question for people: "sheep rather than horse", "box wider".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    /// What is explained: "sheep", "box wider".
    pub subject: String,
    /// What it is contrasted with: "horse", "the other classes"; `None` where it stands alone.
    pub rather_than: Option<String>,
    /// Whether a comma parts the two, as behind "box wider".
    pub comma: bool,
}

impl Wording {
    fn plain(subject: impl Into<String>) -> Self {
        Self {
            subject: subject.into(),
            rather_than: None,
            comma: false,
        }
    }

    fn rather_than(self, rival: impl Into<String>) -> Self {
        let rather_than = Some(rival.into());
        Self {
            rather_than,
            ..self
        }
    }
}

impl fmt::Display for Wording {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.subject)?;
        match &self.rather_than {
            Some(rival) if self.comma => write!(f, ", rather than {rival}"),
            Some(rival) => write!(f, " rather than {rival}"),
            None => Ok(()),
        }
    }
}

impl Target {
    /// Looks up names, box and contrast for one picture.
    ///
    /// # Errors
    /// A default box or class that the model does not have, a contrast that does not go with the output.
    pub fn ask(
        &self,
        model: &Model,
        composite: &Composite,
        forward: &Forward,
    ) -> Result<ResolvedTarget> {
        let location = model.layout.locate(self.default_box).with_context(|| {
            format!(
                "there is no default box {}: the model has {}",
                self.default_box,
                model.layout.len()
            )
        })?;
        let asked = TargetBox {
            model,
            forward,
            seed: composite.seed,
            default_box: self.default_box,
            location,
        };
        match &self.output {
            TargetOutput::Class(class) => {
                let class = model.manifest.class(class)?;
                // Where there is no other class, nothing is subtracted unless that is asked for.
                let is_alone = asked.classes_but(class, true).is_empty();
                let usual = match is_alone {
                    true => &Contrast::None,
                    false => &composite.contrast,
                };
                asked.class(class, self.contrast.as_ref().unwrap_or(usual))
            }
            TargetOutput::Offset(offset, direction) => asked.offset(
                *offset,
                *direction,
                self.contrast.as_ref().unwrap_or(&Contrast::None),
            ),
            TargetOutput::Edge(edge, direction) => asked.edge(
                *edge,
                *direction,
                self.contrast.as_ref().unwrap_or(&Contrast::None),
            ),
            TargetOutput::Objectness => {
                asked.objectness(self.contrast.as_ref().unwrap_or(&Contrast::None))
            }
        }
    }
}

/// What is subtracted, class by class; the contrast with its label; the question for people.
type Others = (Vec<(ClassId, f32)>, String, Wording);

/// The default box that a target is at, with what its outputs are judged by.
struct TargetBox<'a> {
    model: &'a Model,
    forward: &'a Forward,
    seed: Seed,
    default_box: usize,
    location: Location,
}

impl TargetBox<'_> {
    /// R = Σ_k a_k·R^(k) over class scores.
    fn class(&self, class: ClassId, asked: &Contrast) -> Result<ResolvedTarget> {
        let label = self.model.manifest.label(class);
        let (others, contrast, wording) = match asked {
            Contrast::None => (vec![], "none".to_owned(), Wording::plain(label.clone())),
            Contrast::Mean | Contrast::Clrp1 | Contrast::Clrp2 => {
                // CLRP2 subtracts the class itself, with its weights turned round.
                let others = match asked {
                    Contrast::Clrp2 => vec![],
                    _ => self.equally(class)?,
                };
                (
                    others,
                    asked.to_string(),
                    Wording::plain(label.clone()).rather_than("the other classes"),
                )
            }
            Contrast::Sglrp => (
                self.softmax_gradient(class)?,
                asked.to_string(),
                Wording::plain(label.clone()).rather_than("its likeliest rivals"),
            ),
            Contrast::Softmax => {
                let others = self.probabilities(class)?;
                (
                    others,
                    "softmax".to_owned(),
                    Wording::plain(label.clone()).rather_than("its likeliest rivals"),
                )
            }
            Contrast::RunnerUp => {
                let logits = self.forward.logits.row(self.default_box);
                let best = self
                    .classes_but(class, false)
                    .into_iter()
                    .max_by(|a, b| logits[a.0].total_cmp(&logits[b.0]))
                    .with_context(|| {
                        format!(
                            "the model has no other class than '{label}' to contrast with: ask with the contrast 'none'"
                        )
                    })?;
                self.against(class, best)?
            }
            Contrast::Class(other) => self.against(class, self.model.manifest.class(other)?)?,
        };
        self.check_start(asked)?;
        // SGLRP's weights are a gradient's: y·(1 − y) = y·Σ of the others' y.
        let own = match asked {
            Contrast::Sglrp => others.iter().map(|(_, share)| share).sum::<f32>(),
            _ => 1.0,
        };
        let logits = self.forward.logits.row(self.default_box);
        let head = &self.model.heads[self.location.head];
        let weights =
            std::iter::once((class, own)).chain(others.into_iter().map(|(k, share)| (k, -share)));
        let values = weights.map(|(k, weight)| {
            let start = if self.seed == Seed::Score {
                logits[k.0]
            } else {
                1.0
            };
            let channel = head.class_channel(self.location.shape, k);
            (channel, weight * start, weight)
        });
        Ok(ResolvedTarget {
            seed: HeadSeed {
                opposes: *asked == Contrast::Clrp2,
                ..self.head_seed(head.class_tensor.clone(), values)
            },
            target: self.text(class),
            contrast,
            wording,
        })
    }

    /// All other classes with equal shares.
    fn equally(&self, class: ClassId) -> Result<Vec<(ClassId, f32)>> {
        let others = self.classes_but(class, true);
        ensure!(
            !others.is_empty(),
            "the model has no other class than '{}' to contrast with: ask with the contrast 'none'",
            self.model.manifest.label(class)
        );
        let share = 1.0 / others.len() as f32;
        Ok(others.into_iter().map(|k| (k, share)).collect())
    }

    /// The other classes with y_k·y, y being the softmax of all trained classes' logits, and the last factor that of `class`: minus the gradient of y by each logit.
    fn softmax_gradient(&self, class: ClassId) -> Result<Vec<(ClassId, f32)>> {
        let logits = self.forward.logits.row(self.default_box);
        let others: Vec<ClassId> = self.equally(class)?.into_iter().map(|(k, _)| k).collect();
        let all = || std::iter::once(&class).chain(&others);
        let largest = all().fold(f32::NEG_INFINITY, |most, k| most.max(logits[k.0]));
        let power = |k: &ClassId| (logits[k.0] - largest).exp();
        let sum: f32 = all().map(power).sum();
        let own = power(&class) / sum;
        Ok(others.iter().map(|k| (*k, own * power(k) / sum)).collect())
    }

    /// The contrasts of others say themselves what relevance starts with.
    fn check_start(&self, contrast: &Contrast) -> Result<()> {
        let goes = match contrast {
            Contrast::Clrp1 | Contrast::Sglrp => self.seed != Seed::Score,
            Contrast::Clrp2 => self.seed != Seed::Unit,
            _ => true,
        };
        ensure!(
            goes,
            "the contrast '{contrast}' starts with other relevance than this composite: take an lrp-* preset, such as lrp-alpha1beta0, as its paper does"
        );
        Ok(())
    }

    fn against(&self, class: ClassId, other: ClassId) -> Result<Others> {
        let label = self.model.manifest.label(class);
        let name = self.model.manifest.label(other);
        ensure!(
            other != class,
            "the class '{label}' cannot be contrasted with itself"
        );
        Ok((
            vec![(other, 1.0)],
            self.text(other),
            Wording::plain(label).rather_than(name),
        ))
    }

    /// A class in the grammar.
    fn text(&self, class: ClassId) -> String {
        format!("class:{}", self.model.manifest.labels.text(class))
    }

    /// Trained classes other than `class`.
    fn classes_but(&self, class: ClassId, background: bool) -> Vec<ClassId> {
        let manifest = &self.model.manifest;
        (manifest.labels.classes())
            .filter(|&k| {
                k != class
                    && manifest.trained(k)
                    && (background || Some(k) != manifest.background())
            })
            .collect()
    }

    /// The other classes with p_k / Σ p, the background left out.
    fn probabilities(&self, class: ClassId) -> Result<Vec<(ClassId, f32)>> {
        let logits = self.forward.logits.row(self.default_box);
        let scorer = Scorer::new(self.model.manifest.output.activation, &logits, None);
        let scores: Vec<(ClassId, f32)> = self
            .classes_but(class, false)
            .into_iter()
            .map(|k| (k, scorer.score(logits[k.0])))
            .collect();
        let sum: f32 = scores.iter().map(|(_, p)| p).sum();
        ensure!(
            sum > 0.0,
            "no other class has any probability at default box {}",
            self.default_box
        );
        Ok(scores.into_iter().map(|(k, p)| (k, p / sum)).collect())
    }

    fn offset(
        &self,
        offset: Offset,
        direction: Option<Direction>,
        contrast: &Contrast,
    ) -> Result<ResolvedTarget> {
        if self.forward.distances.is_some() {
            return self.offset_of_distances(offset, direction, contrast);
        }
        let direction =
            direction.unwrap_or(Direction::of(self.predicted(self.default_box, offset)));
        let weights = self.shapes(contrast, "an offset")?;
        let wording = Wording {
            subject: format!("box {}", towards(offset, direction)),
            rather_than: other_boxes(contrast),
            comma: true,
        };
        let parts = weights.into_iter().map(|(a, weight)| {
            let value = self.predicted(self.default_box - self.location.shape + a, offset);
            let start = match self.seed {
                Seed::Score => value,
                Seed::One => Direction::of(value).sign(),
                Seed::Unit => 1.0,
            };
            let multiple = weight * direction.sign();
            let column = self.model.manifest.output.column(offset);
            (a, column, multiple * start, multiple)
        });
        self.box_question(
            parts.collect(),
            TargetOutput::Offset(offset, Some(direction)),
            contrast,
            wording,
        )
    }

    /// Centre or size of a box of which the network gives distances.
    fn offset_of_distances(
        &self,
        offset: Offset,
        direction: Option<Direction>,
        contrast: &Contrast,
    ) -> Result<ResolvedTarget> {
        self.shapes(contrast, "an offset")?;
        let (axis, of_centre, of_size) = match offset {
            Offset::Cx => (Axis::X, 1.0, 0.0),
            Offset::Cy => (Axis::Y, 1.0, 0.0),
            Offset::W => (Axis::X, 0.0, 1.0),
            Offset::H => (Axis::Y, 0.0, 1.0),
        };
        let measure = Measure {
            axis,
            of_centre,
            of_size,
        };
        let wording = |direction| Wording::plain(format!("box {}", towards(offset, direction)));
        let target = |direction| TargetOutput::Offset(offset, Some(direction));
        self.measured(measure, direction, wording, target)
    }

    /// What is said of the cell's boxes under a contrast that an output of one of them takes: the shape that is asked for, and against it the others on average.
    fn shapes(&self, contrast: &Contrast, whose: &str) -> Result<Vec<(usize, f32)>> {
        let shape = self.location.shape;
        let shapes = self.model.layout.heads[self.location.head].shapes;
        match contrast {
            Contrast::None => Ok(vec![(shape, 1.0)]),
            Contrast::Mean => {
                ensure!(
                    shapes > 1,
                    "the cell of default box {} has no other box to contrast with",
                    self.default_box
                );
                let others = -1.0 / (shapes - 1) as f32;
                let weight = |a| if a == shape { 1.0 } else { others };
                Ok((0..shapes).map(|a| (a, weight(a))).collect())
            }
            other => {
                bail!("the contrast '{other}' goes with a class; {whose} takes 'none' or 'mean'")
            }
        }
    }

    /// Whether there is an object, by its logit.
    fn objectness(&self, contrast: &Contrast) -> Result<ResolvedTarget> {
        let head = &self.model.heads[self.location.head];
        let (tensor, logits) = head
            .objectness_tensor
            .clone()
            .zip(self.forward.objectness.as_ref())
            .with_context(|| {
                format!(
                    "{} has no objectness: it does not say apart from the classes whether there is an object. Ask for a class",
                    self.model.manifest.name
                )
            })?;
        let weights = self.shapes(contrast, "objectness")?;
        let values = weights.into_iter().filter_map(|(shape, weight)| {
            let logit = logits[self.default_box - self.location.shape + shape];
            let start = if self.seed == Seed::Score { logit } else { 1.0 };
            Some((head.objectness_channel(shape)?, weight * start, weight))
        });
        Ok(ResolvedTarget {
            seed: self.head_seed(tensor, values),
            target: TargetOutput::Objectness.to_string(),
            contrast: contrast.to_string(),
            wording: Wording {
                rather_than: other_boxes(contrast),
                ..Wording::plain("an object")
            },
        })
    }

    /// The edge e moves with two offsets: each starts with (∂e/∂o_q)·o_q.
    fn edge(
        &self,
        edge: Edge,
        direction: Option<Direction>,
        contrast: &Contrast,
    ) -> Result<ResolvedTarget> {
        ensure!(
            *contrast == Contrast::None,
            "the contrast '{contrast}' does not go with an edge: it takes 'none'"
        );
        let (axis, of_size) = match edge {
            Edge::Left => (Axis::X, -0.5),
            Edge::Right => (Axis::X, 0.5),
            Edge::Top => (Axis::Y, -0.5),
            Edge::Bottom => (Axis::Y, 0.5),
        };
        let measure = Measure {
            axis,
            of_centre: 1.0,
            of_size,
        };
        let wording = |direction| {
            Wording::plain(format!(
                "{edge} edge further {}",
                match (edge, direction) {
                    (Edge::Left | Edge::Right, Direction::Plus) => "right",
                    (Edge::Left | Edge::Right, Direction::Minus) => "left",
                    (Edge::Top | Edge::Bottom, Direction::Plus) => "down",
                    (Edge::Top | Edge::Bottom, Direction::Minus) => "up",
                }
            ))
        };
        let target = |direction| TargetOutput::Edge(edge, Some(direction));
        self.measured(measure, direction, wording, target)
    }

    /// What moves with several outputs y of the network: each starts with (∂m/∂y)·y.
    fn measured(
        &self,
        measure: Measure,
        direction: Option<Direction>,
        wording: impl Fn(Direction) -> Wording,
        target: impl Fn(Direction) -> TargetOutput,
    ) -> Result<ResolvedTarget> {
        let (moved, slopes) = self.slopes(measure);
        let direction = direction.unwrap_or(Direction::of(moved));
        let total: f32 = match self.seed {
            Seed::Score => 1.0,
            Seed::One => slopes
                .iter()
                .map(|(_, slope, value)| (slope * value).abs())
                .sum(),
            Seed::Unit => slopes.iter().map(|(_, slope, _)| slope.abs()).sum(),
        };
        let parts = slopes.into_iter().map(|(column, slope, value)| {
            let start = if self.seed == Seed::Unit {
                slope
            } else {
                slope * value
            };
            let start = if total > 0.0 { start / total } else { 0.0 };
            let relevance = start * direction.sign();
            let multiple = slope * direction.sign();
            (self.location.shape, column, relevance, multiple)
        });
        self.box_question(
            parts.collect(),
            target(direction),
            &Contrast::None,
            wording(direction),
        )
    }

    /// How far a measure of the box is moved, and of each output of the network that moves it: its column, ∂m/∂y and y.
    fn slopes(&self, measure: Measure) -> (f32, Vec<(usize, f32, f32)>) {
        let default_box = self.model.default_boxes[self.default_box];
        let coding = self.model.coding(self.default_box);
        let output = &self.model.manifest.output;
        let offsets = Offset::ALL.map(|offset| self.predicted(self.default_box, offset));
        let (moved, by_offsets) = measure.moved(coding, default_box, offsets);
        let Some(distances) = &self.forward.distances else {
            let pair = match measure.axis {
                Axis::X => [Offset::Cx, Offset::W],
                Axis::Y => [Offset::Cy, Offset::H],
            };
            let slopes = pair.into_iter().zip(by_offsets);
            let slopes = slopes.map(|(offset, slope)| {
                let column = output.column(offset);
                (column, slope, offsets[offset as usize])
            });
            return (moved, slopes.collect());
        };
        let row = distances.row(self.default_box);
        // Left, top, right, bottom.
        let sides = [measure.axis as usize, measure.axis as usize + 2];
        let by_distances = measure.by_distances(default_box);
        let mut slopes = Vec::new();
        for (side, slope) in sides.into_iter().zip(by_distances) {
            // An edge has nothing to do with the distance of the other one.
            if slope == 0.0 {
                continue;
            }
            match output.bins {
                None => slopes.push((side, slope, row[side])),
                Some(bins) => {
                    let columns = side * bins..(side + 1) * bins;
                    let logits: Vec<f32> = columns.clone().map(|column| row[column]).collect();
                    let (_, by_logits) = expectation(&logits);
                    let each = columns.zip(by_logits).zip(logits);
                    slopes.extend(each.map(|((column, by), logit)| (column, slope * by, logit)));
                }
            }
        }
        (moved, slopes)
    }

    /// Of channels, the relevance and what multiple of the output it is.
    fn head_seed(
        &self,
        tensor: String,
        parts: impl Iterator<Item = (usize, f32, f32)>,
    ) -> HeadSeed {
        let parts: Vec<_> = parts.collect();
        let multiples = parts.iter().map(|&(_, _, multiple)| multiple);
        HeadSeed {
            tensor,
            cell: [self.location.row, self.location.col],
            values: parts.iter().map(|&(c, value, _)| (c, value)).collect(),
            multiples: match self.seed {
                Seed::Score => multiples.collect(),
                Seed::One | Seed::Unit => Vec::new(),
            },
            opposes: false,
        }
    }

    /// Shape of the cell, column of the network's output, relevance, what multiple of the output that is.
    fn box_question(
        &self,
        parts: Vec<(usize, usize, f32, f32)>,
        target: TargetOutput,
        contrast: &Contrast,
        wording: Wording,
    ) -> Result<ResolvedTarget> {
        let head = &self.model.heads[self.location.head];
        let tensor = head.offset_tensor.clone().with_context(|| {
            format!(
                "{} is a classifier: it has no boxes, only classes can be asked for",
                self.model.manifest.name
            )
        })?;
        let values = parts
            .into_iter()
            .filter_map(|(shape, column, relevance, multiple)| {
                let channel = head.offset_channel(shape, column)?;
                Some((channel, relevance, multiple))
            });
        Ok(ResolvedTarget {
            seed: self.head_seed(tensor, values),
            target: target.to_string(),
            contrast: contrast.to_string(),
            wording,
        })
    }

    fn predicted(&self, default_box: usize, offset: Offset) -> f32 {
        self.forward.offsets[[default_box, offset as usize]]
    }
}

/// What an output of one of a cell's boxes is contrasted with, if with anything.
fn other_boxes(contrast: &Contrast) -> Option<String> {
    (*contrast == Contrast::Mean).then(|| "the cell's other boxes".to_owned())
}

fn towards(offset: Offset, direction: Direction) -> &'static str {
    match (offset, direction) {
        (Offset::Cx, Direction::Plus) => "further right",
        (Offset::Cx, Direction::Minus) => "further left",
        (Offset::Cy, Direction::Plus) => "further down",
        (Offset::Cy, Direction::Minus) => "further up",
        (Offset::W, Direction::Plus) => "wider",
        (Offset::W, Direction::Minus) => "narrower",
        (Offset::H, Direction::Plus) => "taller",
        (Offset::H, Direction::Minus) => "shorter",
    }
}
