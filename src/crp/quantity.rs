//! What a target asks about, as a number: a weighted sum of the network's outputs, which can be taken again when the picture has changed.

use super::composite::Composite;
use super::question::HeadSeed;
use super::target::{Contrast, Direction, Seed, Target, TargetOutput};
use crate::detect::{ClassId, Forward, Model};
use crate::error::Result;
use crate::error::argument::{Context, bail};

/// A number that the network computes and a target asks about: a weighted sum of the outputs of one default box or cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantity {
    /// The weights as a gradient enters at the head tensor.
    pub seed: HeadSeed,
    /// Default box and column of each output, with its weight.
    terms: Vec<(usize, usize, f64)>,
    of: Outputs,
}

/// Where a forward pass keeps them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outputs {
    Classes,
    Offsets,
    Objectness,
}

impl Quantity {
    /// What `target` asks about: a class logit minus what the contrast subtracts, an offset times its direction, or the logit of there being an object. What the contrast depends on is taken from
    /// `forward`, and stays as it is when the picture changes.
    ///
    /// # Errors
    /// As [`Target::ask`]; an edge.
    pub fn new(target: &Target, model: &Model, forward: &Forward) -> Result<Self> {
        // With a seed of 1 the relevance that enters is the weight of the output.
        let weights = Composite {
            seed: Seed::Unit,
            ..Composite::default()
        };
        // CLRP2 subtracts no other class's output, but the class's own with other weights.
        let alone = Target {
            contrast: Some(Contrast::None),
            ..target.clone()
        };
        let is_opposed = target.contrast == Some(Contrast::Clrp2);
        let asked = if is_opposed { &alone } else { target };
        let seed = asked.ask(model, &weights, forward)?.seed;
        let location = model
            .layout
            .locate(target.default_box)
            .context("the default box does not exist")?;
        let first = target.default_box - location.shape;
        let of = match &target.output {
            TargetOutput::Class(_) => Outputs::Classes,
            TargetOutput::Offset(..) => Outputs::Offsets,
            TargetOutput::Objectness => Outputs::Objectness,
            edge @ TargetOutput::Edge(..) => bail!("{edge} is no sum of the network's outputs"),
        };
        if let (TargetOutput::Offset(offset, direction), Some(_)) =
            (&target.output, &forward.distances)
        {
            // Made of several outputs, and kept by forward passes as it is.
            let sign = match direction {
                Some(Direction::Minus) => -1.0,
                _ => 1.0,
            };
            let terms = vec![(target.default_box, *offset as usize, sign)];
            return Ok(Self { seed, terms, of });
        }
        let columns = model.manifest.output.columns();
        let head = &model.heads[location.head];
        let channel = |shape: usize, column: usize| match of {
            Outputs::Classes => Some(head.class_channel(shape, ClassId(column))),
            // Forward passes keep offsets in this program's order, head tensors in the model's.
            Outputs::Offsets => head.offset_channel(shape, columns[column]),
            Outputs::Objectness => head.objectness_channel(shape),
        };
        let per_box = match of {
            Outputs::Classes => model.manifest.labels.len(),
            Outputs::Offsets => columns.len(),
            Outputs::Objectness => 1,
        };
        let shapes = model.layout.heads[location.head].shapes;
        let place = |wanted: usize| {
            let mut all = (0..shapes).flat_map(|shape| (0..per_box).map(move |c| (shape, c)));
            all.find(|&(shape, column)| channel(shape, column) == Some(wanted))
                .context("a head has no such channel")
        };
        let terms = seed.values.iter().map(|&(channel, weight)| {
            let (shape, column) = place(channel)?;
            Ok((first + shape, column, f64::from(weight)))
        });
        let terms = terms.collect::<Result<_>>()?;
        Ok(Self { seed, terms, of })
    }

    /// The quantities of several targets, in their order.
    ///
    /// # Errors
    /// As [`Quantity::new`].
    pub fn all(targets: &[Target], model: &Model, forward: &Forward) -> Result<Vec<Self>> {
        targets
            .iter()
            .map(|target| Self::new(target, model, forward))
            .collect()
    }

    /// Its value in a forward pass of the same model.
    pub fn value(&self, forward: &Forward) -> f64 {
        let output = |default_box: usize, column: usize| match self.of {
            Outputs::Classes => forward.logits[[default_box, column]],
            Outputs::Offsets => forward.offsets[[default_box, column]],
            Outputs::Objectness => (forward.objectness.as_ref()).map_or(0.0, |o| o[default_box]),
        };
        let terms = self.terms.iter();
        terms
            .map(|&(default_box, column, weight)| weight * f64::from(output(default_box, column)))
            .sum()
    }
}
