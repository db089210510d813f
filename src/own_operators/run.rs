//! Carrying out a program: piece by piece of the map, so that what lies between stays in the cache.

use std::cell::RefCell;
use std::sync::{Mutex, PoisonError};

use pulp::Arch;

use super::{Function, Program, ProgramStep, StepInput};
use crate::error::Result;
use crate::error::internal::{Context, ensure};

/// Numbers that are worked on at a time: those of all steps together fit into the fastest caches.
const PIECE: usize = 512;

/// Fewer numbers than this are not worth a second thread.
const WORTH_SHARING: usize = 1 << 15;

/// Parts that the work is cut into where it is shared.
const PARTS: usize = 8;

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
    /// A piece of each input that is smaller than the whole, and of the value of each step.
    static SCRATCH: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// What a step reads of a piece.
#[derive(Clone, Copy)]
enum Numbers<'a> {
    Many(&'a [f32]),
    One(f32),
}

/// A program on tensors of these sizes.
struct Run<'a> {
    program: &'a Program,
    inputs: &'a [(BroadcastShape, &'a [f32])],
    whole: BroadcastShape,
    /// Whether each step's value is one for each target.
    of_targets: Vec<bool>,
}

/// Which numbers of a target's map are worked on.
#[derive(Clone, Copy)]
struct Piece {
    channel: usize,
    /// More than one where a channel has few places; all of each then.
    channels: usize,
    place: usize,
    places: usize,
}

impl Piece {
    fn len(self) -> usize {
        self.channels * self.places
    }
}

impl Program {
    /// For each output, whether its value is one for all targets (1) or one for each.
    ///
    /// # Errors
    /// Inputs that do not broadcast to one another.
    pub fn output_targets(&self, inputs: &[BroadcastShape]) -> Result<Vec<usize>> {
        let shapes = self.shapes(inputs)?;
        let outputs = self.outputs.iter();
        Ok(outputs.map(|&step| shapes[step].targets).collect())
    }

    /// Fills `outputs`, each of the size of its step's value, from `inputs`.
    ///
    /// # Errors
    /// Another number of inputs or outputs, other sizes, inputs that do not broadcast, a step whose value is smaller than the map.
    pub fn run(
        &self,
        inputs: &[(BroadcastShape, &[f32])],
        outputs: &mut [&mut [f32]],
        tasks: Tasks,
    ) -> Result<()> {
        let all: Vec<BroadcastShape> = inputs.iter().map(|(shape, _)| *shape).collect();
        let shapes = self.shapes(&all)?;
        let whole = all.iter().try_fold(shapes[0], |a, &b| a.join(b));
        let whole = whole.context("the inputs do not broadcast to one size")?;
        ensure!(
            inputs.iter().all(|(shape, data)| shape.len() == data.len())
                && outputs.len() == self.outputs.len(),
            "inputs or outputs are of another number or size"
        );
        ensure!(
            shapes
                .iter()
                .all(|shape| (shape.channels, shape.places) == (whole.channels, whole.places)),
            "the value of a step is smaller than the map"
        );
        let run = Run {
            program: self,
            inputs,
            whole,
            of_targets: shapes.iter().map(|shape| shape.targets > 1).collect(),
        };
        run.carry_out(outputs, tasks)
    }

    /// Of each step's value.
    fn shapes(&self, inputs: &[BroadcastShape]) -> Result<Vec<BroadcastShape>> {
        ensure!(
            inputs.len() == self.inputs && !inputs.is_empty() && !self.steps.is_empty(),
            "{} inputs, {} were expected",
            inputs.len(),
            self.inputs
        );
        let mut shapes: Vec<BroadcastShape> = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let mut values = step.operands.iter().filter_map(|operand| match *operand {
                StepInput::Value(place) => match inputs.get(place) {
                    Some(input) => Some(*input),
                    None => shapes.get(place - inputs.len()).copied(),
                },
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
            channels, places, ..
        } = self.whole;
        if self.whole.len() == 0 {
            return Ok(());
        }
        let parts = match self.whole.len() < WORTH_SHARING {
            true => 1,
            false => channels.min(PARTS),
        };
        let per_part = channels.div_ceil(parts);
        // For each part its channels of each output, target by target.
        let mut owned: Vec<Vec<Vec<&mut [f32]>>> = (0..parts).map(|_| Vec::new()).collect();
        for (output, &step) in outputs.iter_mut().zip(&self.program.outputs) {
            let targets = if self.of_targets[step] {
                self.whole.targets
            } else {
                1
            };
            ensure!(
                output.len() == targets * channels * places,
                "an output is of another size than its value"
            );
            owned
                .iter_mut()
                .for_each(|part| part.push(Vec::with_capacity(targets)));
            for target in output.chunks_mut(channels * places) {
                for (part, piece) in target.chunks_mut(per_part * places).enumerate() {
                    if let Some(pieces) = owned[part].last_mut() {
                        pieces.push(piece);
                    }
                }
            }
        }
        let owned: Vec<_> = owned.into_iter().map(Mutex::new).collect();
        let part = |part: usize| {
            let mut outputs = owned[part].lock().unwrap_or_else(PoisonError::into_inner);
            let channels = part * per_part..channels.min((part + 1) * per_part);
            SCRATCH.with_borrow_mut(|scratch| {
                let values = self.inputs.len() + self.program.steps.len();
                scratch.resize(values * PIECE, 0.0);
                // With the widest instructions that the processor has.
                Arch::new().dispatch(|| self.channels(channels.clone(), scratch, &mut outputs));
            });
        };
        match parts {
            1 => part(0),
            _ => tasks(parts, &part)?,
        }
        Ok(())
    }

    #[inline(always)]
    fn channels(
        &self,
        channels: std::ops::Range<usize>,
        scratch: &mut [f32],
        outputs: &mut [Vec<&mut [f32]>],
    ) {
        let places = self.whole.places;
        let first = channels.start;
        if places <= PIECE {
            let at_once = (PIECE / places).max(1);
            for channel in channels.clone().step_by(at_once) {
                let piece = Piece {
                    channel,
                    channels: at_once.min(channels.end - channel),
                    place: 0,
                    places,
                };
                self.piece(piece, first, scratch, outputs);
            }
            return;
        }
        for channel in channels {
            for place in (0..places).step_by(PIECE) {
                let piece = Piece {
                    channel,
                    channels: 1,
                    place,
                    places: PIECE.min(places - place),
                };
                self.piece(piece, first, scratch, outputs);
            }
        }
    }

    /// All steps for one piece, for all targets.
    #[inline(always)]
    fn piece(
        &self,
        piece: Piece,
        first_channel: usize,
        scratch: &mut [f32],
        outputs: &mut [Vec<&mut [f32]>],
    ) {
        let size = piece.len();
        let (spread, values) = scratch.split_at_mut(self.inputs.len() * PIECE);
        for target in 0..self.whole.targets {
            for (&(shape, data), spread) in self.inputs.iter().zip(spread.chunks_mut(PIECE)) {
                // What is the same for all targets is there already.
                if target == 0 || shape.targets > 1 {
                    self.spread(shape, data, target, piece, spread);
                }
            }
            for (index, step) in self.program.steps.iter().enumerate() {
                if target > 0 && !self.of_targets[index] {
                    continue;
                }
                let (before, after) = values.split_at_mut(index * PIECE);
                let operand = |operand: StepInput| match operand {
                    StepInput::Number(value) => Numbers::One(value),
                    StepInput::Value(value) if value < self.inputs.len() => {
                        self.input(value, target, piece, spread)
                    }
                    StepInput::Value(value) => {
                        Numbers::Many(&before[(value - self.inputs.len()) * PIECE..][..size])
                    }
                };
                carry_out(step, operand, &mut after[..size]);
            }
            let at = (piece.channel - first_channel) * self.whole.places + piece.place;
            for (output, &step) in outputs.iter_mut().zip(&self.program.outputs) {
                if let Some(output) = output.get_mut(target) {
                    output[at..at + size].copy_from_slice(&values[step * PIECE..][..size]);
                }
            }
        }
    }

    /// Whether an input has a number of its own for each place of each channel.
    #[inline(always)]
    fn is_whole(&self, shape: BroadcastShape) -> bool {
        shape.channels == self.whole.channels && shape.places == self.whole.places
    }

    /// Writes a piece of an input out where several channels are worked on and it has fewer numbers than they.
    #[inline(always)]
    fn spread(
        &self,
        shape: BroadcastShape,
        data: &[f32],
        target: usize,
        piece: Piece,
        spread: &mut [f32],
    ) {
        if piece.channels == 1 || self.is_whole(shape) || shape.channels * shape.places == 1 {
            return;
        }
        let target = if shape.targets == 1 { 0 } else { target };
        let data = &data[target * shape.channels * shape.places..];
        for (index, channel) in spread[..piece.len()].chunks_mut(piece.places).enumerate() {
            match shape.channels {
                1 => channel.copy_from_slice(&data[..piece.places]),
                _ => channel.fill(data[piece.channel + index]),
            }
        }
    }

    #[inline(always)]
    fn input<'b>(
        &'b self,
        input: usize,
        target: usize,
        piece: Piece,
        spread: &'b [f32],
    ) -> Numbers<'b> {
        let (shape, data) = self.inputs[input];
        let target = if shape.targets == 1 { 0 } else { target };
        let row = target * shape.channels * shape.places;
        if shape.channels * shape.places == 1 {
            return Numbers::One(data[row]);
        }
        if self.is_whole(shape) {
            let at = row + piece.channel * shape.places + piece.place;
            return Numbers::Many(&data[at..at + piece.len()]);
        }
        if piece.channels > 1 {
            return Numbers::Many(&spread[input * PIECE..][..piece.len()]);
        }
        match shape.channels {
            1 => Numbers::Many(&data[row + piece.place..][..piece.places]),
            _ => Numbers::One(data[row + piece.channel]),
        }
    }
}

/// Each function has loops of its own.
#[inline(always)]
fn carry_out<'a>(step: &ProgramStep, numbers: impl Fn(StepInput) -> Numbers<'a>, out: &mut [f32]) {
    let operand = |index: usize| numbers(step.operands[index]);
    match step.function {
        Function::Add => binary(out, operand(0), operand(1), |a, b| a + b),
        Function::Sub => binary(out, operand(0), operand(1), |a, b| a - b),
        Function::Mul => binary(out, operand(0), operand(1), |a, b| a * b),
        Function::Div => binary(out, operand(0), operand(1), |a, b| a / b),
        Function::Max => binary(
            out,
            operand(0),
            operand(1),
            |a, b| if a > b { a } else { b },
        ),
        Function::Min => binary(
            out,
            operand(0),
            operand(1),
            |a, b| if a < b { a } else { b },
        ),
        Function::Abs => unary(out, operand(0), f32::abs),
        Function::Sqrt => unary(out, operand(0), f32::sqrt),
        Function::IfLess => choose(out, [0, 1, 2, 3].map(operand), |a, b| a < b),
        Function::IfEqual => choose(out, [0, 1, 2, 3].map(operand), |a, b| a == b),
    }
}

#[inline(always)]
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

#[inline(always)]
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
#[inline(always)]
fn choose(out: &mut [f32], operands: [Numbers; 4], condition: impl Fn(f32, f32) -> bool) {
    let size = out.len();
    let mut written = [[0.0; PIECE]; 4];
    for (written, operand) in written.iter_mut().zip(operands) {
        match operand {
            Numbers::One(value) => written[..size].fill(value),
            Numbers::Many(many) => written[..size].copy_from_slice(many),
        }
    }
    let [a, b, then, otherwise] = &written;
    let pairs = a.iter().zip(b).zip(then.iter().zip(otherwise));
    for (out, ((&a, &b), (&then, &otherwise))) in out.iter_mut().zip(pairs) {
        *out = if condition(a, b) { then } else { otherwise };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a program gives for inputs of these sizes, number by number.
    fn slowly(program: &Program, inputs: &[(Vec<usize>, Vec<f32>)], whole: [usize; 3]) -> Vec<f32> {
        let [targets, channels, places] = whole;
        let mut found = Vec::new();
        for n in 0..targets {
            for c in 0..channels {
                for p in 0..places {
                    let read = |(dims, data): &(Vec<usize>, Vec<f32>)| {
                        let at = |index: usize, size: usize| if size == 1 { 0 } else { index };
                        let (c, p) = (at(c, dims[1]), at(p, dims[2] * dims[3]));
                        let n = at(n, dims[0]);
                        data[(n * dims[1] + c) * dims[2] * dims[3] + p]
                    };
                    let mut values: Vec<f32> = inputs.iter().map(read).collect();
                    for step in &program.steps {
                        let of = |index: usize| match step.operands[index] {
                            StepInput::Value(place) => values[place],
                            StepInput::Number(number) => number,
                        };
                        values.push(match step.function {
                            Function::Add => of(0) + of(1),
                            Function::Sub => of(0) - of(1),
                            Function::Mul => of(0) * of(1),
                            Function::Div => of(0) / of(1),
                            Function::Max => of(0).max(of(1)),
                            Function::Min => of(0).min(of(1)),
                            Function::Abs => of(0).abs(),
                            Function::Sqrt => of(0).sqrt(),
                            Function::IfLess if of(0) < of(1) => of(2),
                            Function::IfEqual if of(0) == of(1) => of(2),
                            Function::IfLess | Function::IfEqual => of(3),
                        });
                    }
                    found.push(values[program.inputs + program.outputs[0]]);
                }
            }
        }
        found
    }

    #[test]
    fn all_sizes_give_what_each_number_by_itself_does() {
        let program: Program =
            "4;Sub 0 1;Abs 4;Max 5 #2.5e-1;Div 3 6;Mul 7 2;IfLess 8 0 1 8;IfEqual 1 #1e0 9 6;Sqrt 5;Add 10 11;Min 12 #9e0;>9"
                .parse()
                .unwrap();
        for (n, c, h, w) in [
            (1, 1, 1, 1),
            (3, 700, 1, 1),
            (2, 96, 3, 5),
            (8, 64, 19, 19),
            (2, 3, 40, 31),
            (1, 5, 23, 23),
        ] {
            let sizes = [
                vec![1, c, h, w],
                vec![1, c, 1, 1],
                vec![n, 1, h, w],
                vec![n, c, h, w],
            ];
            let inputs: Vec<(Vec<usize>, Vec<f32>)> = (sizes.into_iter().enumerate())
                .map(|(k, dims)| {
                    let len = dims.iter().product::<usize>();
                    let data = (0..len).map(|i| ((i * 7 + k * 3) % 13) as f32 / 4.0 - 1.0);
                    (dims, data.collect())
                })
                .collect();
            let shaped: Vec<_> = inputs
                .iter()
                .map(|(dims, data)| (BroadcastShape::of(dims).unwrap(), &data[..]))
                .collect();
            let shapes: Vec<_> = shaped.iter().map(|(shape, _)| *shape).collect();
            assert_eq!(program.output_targets(&shapes).unwrap(), [n]);
            let mut found = vec![0.0; n * c * h * w];
            let one_by_one = |count: usize, task: &(dyn Fn(usize) + Send + Sync)| {
                (0..count).for_each(task);
                Ok(())
            };
            program
                .run(&shaped, &mut [&mut found], &one_by_one)
                .unwrap();
            assert_eq!(
                found,
                slowly(&program, &inputs, [n, c, h * w]),
                "{n} {c} {h} {w}"
            );
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let program: Program = "2;Add 0 1;>2".parse().unwrap();
        let run = |a: &[usize], b: &[usize], len: usize| {
            let data = [1.0; 64];
            let shaped = [a, b].map(|dims| {
                (
                    BroadcastShape::of(dims).unwrap(),
                    &data[..dims.iter().product()],
                )
            });
            program.run(&shaped, &mut [&mut vec![0.0; len]], &|_, _| Ok(()))
        };
        assert!(run(&[1, 2, 3, 3], &[1, 2, 1, 1], 18).is_ok());
        assert!(run(&[1, 2, 3, 3], &[1, 3, 1, 1], 18).is_err());
        assert!(run(&[1, 2, 3, 3], &[1, 2, 1, 1], 17).is_err());
        assert!(BroadcastShape::of(&[1, 1, 1, 1, 1]).is_err());
    }
}
