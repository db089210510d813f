//! Carrying out a program: piece by piece of each channel, so that what lies between stays in the cache.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use super::{Function, Program, ProgramStep, StepInput};
use crate::error::Result;
use crate::error::internal::{Context, ensure};

/// Numbers that are worked on at a time: those of all steps together fit into the fastest cache.
const PIECE: usize = 512;

/// Fewer numbers than this are not worth a second thread.
const WORTH_SHARING: usize = 1 << 15;

/// The sizes of a tensor that broadcasts: N targets, C channels, P places; each is that of the whole or 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BroadcastShape {
    targets: usize,
    channels: usize,
    places: usize,
}

impl BroadcastShape {
    /// Of `[N, C, H, W]`, or fewer axes, which are the last ones.
    ///
    /// # Errors
    /// More than four axes.
    pub fn of(dims: &[usize]) -> Result<Self> {
        ensure!(dims.len() <= 4, "{dims:?} are more than four axes");
        let from_end = |place: usize| {
            let index = dims.len().checked_sub(place);
            index.map_or(1, |index| dims[index])
        };
        Ok(Self {
            targets: from_end(4),
            channels: from_end(3),
            places: from_end(2) * from_end(1),
        })
    }

    fn len(self) -> usize {
        self.targets * self.channels * self.places
    }

    fn join(self, other: Self) -> Option<Self> {
        let of = |a: usize, b: usize| match (a, b) {
            (a, 1) => Some(a),
            (1, b) => Some(b),
            (a, b) => (a == b).then_some(a),
        };
        Some(Self {
            targets: of(self.targets, other.targets)?,
            channels: of(self.channels, other.channels)?,
            places: of(self.places, other.places)?,
        })
    }
}

/// Carries out a number of tasks, at once where it can.
type Tasks<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Send + Sync)) -> Result<()>;

thread_local! {
    /// The values of all steps for one piece.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// Where the operand of a step comes from.
enum Numbers<'a> {
    Many(&'a [f32]),
    One(f32),
}

/// A program on tensors of these sizes.
struct Run<'a> {
    program: &'a Program,
    inputs: &'a [(BroadcastShape, &'a [f32])],
    whole: BroadcastShape,
    /// By value, inputs first.
    shapes: Vec<BroadcastShape>,
}

impl Program {
    /// For each output, whether its value is one for all targets (1) or one for each.
    ///
    /// # Errors
    /// Inputs that do not broadcast to one another.
    pub fn output_targets(&self, inputs: &[BroadcastShape]) -> Result<Vec<usize>> {
        let shapes = self.shapes(inputs)?;
        let outputs = self.outputs.iter();
        Ok(outputs
            .map(|step| shapes[self.inputs + step].targets)
            .collect())
    }

    /// Fills `outputs`, each of the size of its step's value, from `inputs`.
    ///
    /// # Errors
    /// Another number of inputs or outputs, other sizes, inputs that do not broadcast.
    pub fn run(
        &self,
        inputs: &[(BroadcastShape, &[f32])],
        outputs: &mut [&mut [f32]],
        tasks: Tasks,
    ) -> Result<()> {
        let all: Vec<BroadcastShape> = inputs.iter().map(|(shape, _)| *shape).collect();
        let shapes = self.shapes(&all)?;
        let whole = shapes.iter().try_fold(shapes[0], |a, &b| a.join(b));
        let mut run = Run {
            program: self,
            inputs,
            whole: whole.context("the values do not broadcast to one size")?,
            shapes,
        };
        ensure!(
            inputs.iter().all(|(shape, data)| shape.len() == data.len())
                && outputs.len() == self.outputs.len(),
            "inputs or outputs are of another number or size"
        );
        // One number a channel: channels are the places then.
        if run.whole.places == 1 {
            let turned = |shape: BroadcastShape| BroadcastShape {
                channels: 1,
                places: shape.channels,
                ..shape
            };
            run.whole = turned(run.whole);
            run.shapes
                .iter_mut()
                .for_each(|shape| *shape = turned(*shape));
        }
        run.carry_out(outputs, tasks)
    }

    fn shapes(&self, inputs: &[BroadcastShape]) -> Result<Vec<BroadcastShape>> {
        ensure!(
            inputs.len() == self.inputs && !inputs.is_empty(),
            "{} inputs, {} were expected",
            inputs.len(),
            self.inputs
        );
        let mut shapes = inputs.to_vec();
        for step in &self.steps {
            let mut values = step.operands.iter().filter_map(|operand| match operand {
                StepInput::Value(place) => Some(shapes[*place]),
                StepInput::Number(_) => None,
            });
            let first = values.next().context("a step reads constants alone")?;
            let shape = values.try_fold(first, BroadcastShape::join);
            shapes.push(shape.context("the operands of a step do not broadcast")?);
        }
        Ok(shapes)
    }
}

impl Run<'_> {
    fn carry_out(&self, outputs: &mut [&mut [f32]], tasks: Tasks) -> Result<()> {
        let BroadcastShape {
            targets,
            channels,
            places,
        } = self.whole;
        let parts = if self.whole.len() < WORTH_SHARING {
            1
        } else {
            channels.min(8)
        };
        let per_part = channels.div_ceil(parts);
        // For each part the channels of each output, target by target.
        let mut owned: Vec<Vec<Vec<&mut [f32]>>> = (0..parts).map(|_| Vec::new()).collect();
        for (output, &step) in outputs.iter_mut().zip(&self.program.outputs) {
            let shape = self.shapes[self.program.inputs + step];
            let is_whole = shape
                == BroadcastShape {
                    targets: shape.targets,
                    channels,
                    places,
                };
            ensure!(
                is_whole && output.len() == shape.len(),
                "an output is of another size than the whole"
            );
            let mut of_parts: Vec<Vec<&mut [f32]>> = (0..parts).map(|_| Vec::new()).collect();
            for target in output.chunks_mut(channels * places) {
                for (part, piece) in target.chunks_mut(per_part * places).enumerate() {
                    of_parts[part].push(piece);
                }
            }
            for (part, pieces) in of_parts.into_iter().enumerate() {
                owned[part].push(pieces);
            }
        }
        debug_assert!(targets > 0);
        let owned: Vec<_> = owned.into_iter().map(Mutex::new).collect();
        let part = |part: usize| {
            let mut outputs = owned[part].lock().unwrap_or_else(PoisonError::into_inner);
            let first = part * per_part;
            let last = channels.min(first + per_part);
            SCRATCH.with_borrow_mut(|scratch| {
                scratch.resize(self.program.steps.len() * PIECE, 0.0);
                for channel in first..last {
                    for place in (0..places).step_by(PIECE) {
                        self.piece(channel, place, first, scratch, &mut outputs);
                    }
                }
            });
        };
        match parts {
            1 => part(0),
            _ => tasks(parts, &part)?,
        }
        Ok(())
    }

    /// All steps for one piece of one channel, for all targets.
    fn piece(
        &self,
        channel: usize,
        place: usize,
        first_channel: usize,
        scratch: &mut [f32],
        outputs: &mut [Vec<&mut [f32]>],
    ) {
        let places = self.whole.places;
        let size = PIECE.min(places - place);
        for target in 0..self.whole.targets {
            for (index, step) in self.program.steps.iter().enumerate() {
                let shape = self.shapes[self.program.inputs + index];
                // What is the same for all targets is there already.
                if target > 0 && shape.targets == 1 {
                    continue;
                }
                let (before, after) = scratch.split_at_mut(index * PIECE);
                let size = if shape.places == 1 { 1 } else { size };
                let operand = |operand: &StepInput| match *operand {
                    StepInput::Number(value) => Numbers::One(value),
                    StepInput::Value(value) => {
                        self.source(value, target, channel, place, size, before)
                    }
                };
                carry_out(step, operand, &mut after[..size]);
            }
            let at = (channel - first_channel) * places + place;
            for (output, &step) in outputs.iter_mut().zip(&self.program.outputs) {
                if let Some(output) = output.get_mut(target) {
                    let value = &scratch[step * PIECE..][..size];
                    output[at..at + size].copy_from_slice(value);
                }
            }
        }
    }

    fn source<'b>(
        &'b self,
        value: usize,
        target: usize,
        channel: usize,
        place: usize,
        size: usize,
        scratch: &'b [f32],
    ) -> Numbers<'b> {
        let shape = self.shapes[value];
        let many = match self.inputs.get(value) {
            Some((_, data)) => {
                let target = if shape.targets == 1 { 0 } else { target };
                let channel = if shape.channels == 1 { 0 } else { channel };
                let row = (target * shape.channels + channel) * shape.places;
                match shape.places {
                    1 => return Numbers::One(data[row]),
                    _ => &data[row + place..][..size],
                }
            }
            None => {
                let at = (value - self.inputs.len()) * PIECE;
                match shape.places {
                    1 => return Numbers::One(scratch[at]),
                    _ => &scratch[at..][..size],
                }
            }
        };
        Numbers::Many(many)
    }
}

fn carry_out<'a>(step: &ProgramStep, source: impl Fn(&StepInput) -> Numbers<'a>, out: &mut [f32]) {
    let operands = &step.operands[..];
    // Each function is named here, so that each loop is compiled by itself.
    match step.function {
        Function::Add => binary(out, source(&operands[0]), source(&operands[1]), |a, b| {
            a + b
        }),
        Function::Sub => binary(out, source(&operands[0]), source(&operands[1]), |a, b| {
            a - b
        }),
        Function::Mul => binary(out, source(&operands[0]), source(&operands[1]), |a, b| {
            a * b
        }),
        Function::Div => binary(out, source(&operands[0]), source(&operands[1]), |a, b| {
            a / b
        }),
        Function::Max => binary(out, source(&operands[0]), source(&operands[1]), |a, b| {
            if a > b { a } else { b }
        }),
        Function::Min => binary(out, source(&operands[0]), source(&operands[1]), |a, b| {
            if a < b { a } else { b }
        }),
        Function::Abs => unary(out, source(&operands[0]), f32::abs),
        Function::Sqrt => unary(out, source(&operands[0]), f32::sqrt),
        Function::IfLess => choose(out, operands, &source, |a, b| a < b),
        Function::IfEqual => choose(out, operands, &source, |a, b| a == b),
    }
}

fn unary(out: &mut [f32], a: Numbers, function: impl Fn(f32) -> f32) {
    match a {
        Numbers::One(a) => out.fill(function(a)),
        Numbers::Many(a) => {
            for (out, &a) in out.iter_mut().zip(a) {
                *out = function(a);
            }
        }
    }
}

fn binary(out: &mut [f32], a: Numbers, b: Numbers, function: impl Fn(f32, f32) -> f32) {
    match (a, b) {
        (Numbers::One(a), Numbers::One(b)) => out.fill(function(a, b)),
        (Numbers::One(a), Numbers::Many(b)) => {
            for (out, &b) in out.iter_mut().zip(b) {
                *out = function(a, b);
            }
        }
        (Numbers::Many(a), Numbers::One(b)) => {
            for (out, &a) in out.iter_mut().zip(a) {
                *out = function(a, b);
            }
        }
        (Numbers::Many(a), Numbers::Many(b)) => {
            for ((out, &a), &b) in out.iter_mut().zip(a).zip(b) {
                *out = function(a, b);
            }
        }
    }
}

/// The third operand where `condition` holds of the first two, else the fourth.
fn choose<'a>(
    out: &mut [f32],
    operands: &[StepInput],
    source: &impl Fn(&StepInput) -> Numbers<'a>,
    condition: impl Fn(f32, f32) -> bool,
) {
    let mut ones = [[0.0; PIECE]; 4];
    let [a, b, c, d] = &mut ones;
    let mut filled =
        [(0, a), (1, b), (2, c), (3, d)].map(|(index, one)| match source(&operands[index]) {
            Numbers::Many(many) => many,
            Numbers::One(value) => {
                one[..out.len()].fill(value);
                &one[..out.len()]
            }
        });
    let [a, b, then, otherwise] = &mut filled;
    for (index, out) in out.iter_mut().enumerate() {
        *out = if condition(a[index], b[index]) {
            then[index]
        } else {
            otherwise[index]
        };
    }
}
