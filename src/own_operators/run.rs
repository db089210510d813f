//! Carrying out a program: piece by piece of the map, so that what lies between stays in the cache.

use std::cell::RefCell;
use std::sync::Mutex;

use pulp::Arch;

use super::broadcast::BroadcastShape;
use super::functions::{BLOCK, Numbers, carry_out};
use super::{Depthwise, DepthwiseScratch, Program, StepInput};
use crate::error::Result;
use crate::error::internal::{Context, ensure};
use crate::lock::lock;

/// The same of what does not fit into the caches as a whole. Each target's part of it lies elsewhere in memory, and what is read and written there in one go is so long that the processor fetches ahead.
const LONG: usize = 24 << 10;

/// So many numbers fit into the caches.
const FITS: usize = 1 << 21;

/// Fewer numbers than this are not worth a second thread.
const WORTH_SHARING: usize = 1 << 15;

/// Parts that the work is cut into where it is shared.
const PARTS: usize = 8;

/// Carries out a number of tasks, at once where it can.
type Tasks<'a> = &'a dyn Fn(usize, &(dyn Fn(usize) + Send + Sync)) -> Result<()>;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// What is written on the way.
#[derive(Default)]
struct Scratch {
    /// A piece of each input that is smaller than the whole, and of the value of each step.
    pieces: Vec<f32>,
    /// One channel, of all targets, of the input that goes through a layer.
    planes: Vec<f32>,
    layer: DepthwiseScratch,
}

/// An input that goes through a layer before the program reads it.
#[derive(Clone, Copy)]
pub struct DepthwiseInput<'a> {
    /// Which input of the program it is: that has the size behind the layer, and no data.
    pub place: usize,
    pub layer: &'a Depthwise,
    /// What goes in, `[N, C, h, w]` or `[1, C, h, w]`.
    pub small: &'a [f32],
    /// `[C, 1, kh, kw]`
    pub kernels: &'a [f32],
}

/// A program on tensors of these sizes.
struct Run<'a> {
    program: &'a Program,
    inputs: &'a [(BroadcastShape, &'a [f32])],
    through: Option<DepthwiseInput<'a>>,
    whole: BroadcastShape,
    /// How many numbers are worked on at a time.
    piece_len: usize,
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
        through: Option<DepthwiseInput>,
        outputs: &mut [&mut [f32]],
        tasks: Tasks,
    ) -> Result<()> {
        let all: Vec<BroadcastShape> = inputs.iter().map(|(shape, _)| *shape).collect();
        let shapes = self.shapes(&all)?;
        let whole = all.iter().try_fold(shapes[0], |a, &b| a.join(b));
        let whole = whole.context("the inputs do not broadcast to one size")?;
        ensure!(
            (inputs.iter().enumerate()).all(|(place, (shape, data))| match through {
                Some(through) if through.place == place => through.fits(*shape, whole),
                _ => shape.len() == data.len(),
            }) && outputs.len() == self.outputs.len(),
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
            through,
            whole,
            piece_len: match whole.len() > FITS {
                true => LONG,
                false => BLOCK,
            },
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

impl DepthwiseInput<'_> {
    /// Whether it is an input of this size of such a whole.
    fn fits(&self, shape: BroadcastShape, whole: BroadcastShape) -> bool {
        let of_channels =
            |data: &[f32], targets: usize, one: usize| data.len() == targets * shape.channels * one;
        (shape.channels, shape.places) == (whole.channels, whole.places)
            && shape.places == self.layer.large_len()
            && of_channels(self.small, shape.targets, self.layer.small_len())
            && of_channels(self.kernels, 1, self.layer.kernel_len())
    }

    /// Takes one of so many channels through the layer, for all targets.
    #[inline(always)]
    fn channel(&self, channel: usize, channels: usize, scratch: &mut Scratch) {
        let (small, large) = (self.layer.small_len(), self.layer.large_len());
        let targets = self.small.len() / (channels * small);
        scratch.planes.resize(targets * large, 0.0);
        let kernel = &self.kernels[channel * self.layer.kernel_len()..];
        for (target, plane) in scratch.planes.chunks_exact_mut(large).enumerate() {
            let from = (target * channels + channel) * small;
            let small = &self.small[from..from + small];
            (self.layer).channel(small, kernel, &mut scratch.layer, plane);
        }
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
            let mut outputs = lock(&owned[part]);
            let channels = part * per_part..channels.min((part + 1) * per_part);
            SCRATCH.with_borrow_mut(|scratch| {
                let values = self.inputs.len() + self.program.steps.len();
                scratch.pieces.resize(values * self.piece_len, 0.0);
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
        scratch: &mut Scratch,
        outputs: &mut [Vec<&mut [f32]>],
    ) {
        let places = self.whole.places;
        let first = channels.start;
        if places <= self.piece_len && self.through.is_none() {
            let at_once = (self.piece_len / places).max(1);
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
            if let Some(through) = &self.through {
                through.channel(channel, self.whole.channels, scratch);
            }
            for place in (0..places).step_by(self.piece_len) {
                let piece = Piece {
                    channel,
                    channels: 1,
                    place,
                    places: self.piece_len.min(places - place),
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
        scratch: &mut Scratch,
        outputs: &mut [Vec<&mut [f32]>],
    ) {
        let size = piece.len();
        let Scratch { pieces, planes, .. } = scratch;
        let (spread, values) = pieces.split_at_mut(self.inputs.len() * self.piece_len);
        for target in 0..self.whole.targets {
            for (&(shape, data), spread) in
                self.inputs.iter().zip(spread.chunks_mut(self.piece_len))
            {
                // What is the same for all targets is there already.
                if target == 0 || shape.targets > 1 {
                    self.spread(shape, data, target, piece, spread);
                }
            }
            for (index, step) in self.program.steps.iter().enumerate() {
                if target > 0 && !self.of_targets[index] {
                    continue;
                }
                let (before, after) = values.split_at_mut(index * self.piece_len);
                let operand = |operand: StepInput| match operand {
                    StepInput::Number(value) => Numbers::One(value),
                    StepInput::Value(value) if value < self.inputs.len() => {
                        self.input(value, target, piece, spread, planes)
                    }
                    StepInput::Value(value) => Numbers::Many(
                        &before[(value - self.inputs.len()) * self.piece_len..][..size],
                    ),
                };
                carry_out(step, operand, &mut after[..size]);
            }
            let at = (piece.channel - first_channel) * self.whole.places + piece.place;
            for (output, &step) in outputs.iter_mut().zip(&self.program.outputs) {
                if let Some(output) = output.get_mut(target) {
                    output[at..at + size].copy_from_slice(&values[step * self.piece_len..][..size]);
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
        planes: &'b [f32],
    ) -> Numbers<'b> {
        let (shape, data) = self.inputs[input];
        let target = if shape.targets == 1 { 0 } else { target };
        if (self.through).is_some_and(|through| through.place == input) {
            let at = target * shape.places + piece.place;
            return Numbers::Many(&planes[at..at + piece.places]);
        }
        let row = target * shape.channels * shape.places;
        if shape.channels * shape.places == 1 {
            return Numbers::One(data[row]);
        }
        if self.is_whole(shape) {
            let at = row + piece.channel * shape.places + piece.place;
            return Numbers::Many(&data[at..at + piece.len()]);
        }
        if piece.channels > 1 {
            return Numbers::Many(&spread[input * self.piece_len..][..piece.len()]);
        }
        match shape.channels {
            1 => Numbers::Many(&data[row + piece.place..][..piece.places]),
            _ => Numbers::One(data[row + piece.channel]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Function;
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
                .run(&shaped, None, &mut [&mut found], &one_by_one)
                .unwrap();
            assert_eq!(
                found,
                slowly(&program, &inputs, [n, c, h * w]),
                "{n} {c} {h} {w}"
            );
        }
    }

    #[test]
    fn an_input_goes_through_its_layer_first() {
        let program: Program = "2;Mul 0 1;Abs 2;>3".parse().unwrap();
        let (n, c) = (3, 4);
        let layer = Depthwise {
            kernel: [3, 3],
            strides: [2, 2],
            pads: [1, 1],
            from: [70, 75],
            to: [139, 149],
        };
        let numbers = |len: usize| (0..len).map(|i| ((i * 7) % 13) as f32 - 6.0);
        let small: Vec<f32> = numbers(n * c * layer.small_len()).collect();
        let kernels: Vec<f32> = numbers(c * layer.kernel_len()).collect();
        let factor: Vec<f32> = numbers(c * layer.large_len()).collect();
        let of = |targets: usize| BroadcastShape::of(&[targets, c, 139, 149]).unwrap();
        let one_by_one = |count: usize, task: &(dyn Fn(usize) + Send + Sync)| {
            (0..count).for_each(task);
            Ok(())
        };
        let mut large = vec![0.0; n * c * layer.large_len()];
        let mut scratch = DepthwiseScratch::default();
        let planes = large.chunks_exact_mut(layer.large_len());
        for ((index, plane), small) in planes.enumerate().zip(small.chunks(layer.small_len())) {
            let kernel = &kernels[index % c * layer.kernel_len()..];
            layer.channel(small, kernel, &mut scratch, plane);
        }
        let (mut expected, mut found) = (vec![0.0; large.len()], vec![9.0; large.len()]);
        let inputs = [(of(1), &factor[..]), (of(n), &large[..])];
        program
            .run(&inputs, None, &mut [&mut expected], &one_by_one)
            .unwrap();
        let inputs = [(of(1), &factor[..]), (of(n), &[][..])];
        let through = DepthwiseInput {
            place: 1,
            layer: &layer,
            small: &small,
            kernels: &kernels,
        };
        program
            .run(&inputs, Some(through), &mut [&mut found], &one_by_one)
            .unwrap();
        assert_eq!(found, expected);
        let short = DepthwiseInput {
            kernels: &kernels[1..],
            ..through
        };
        let refused = program.run(&inputs, Some(short), &mut [&mut found], &one_by_one);
        assert!(refused.is_err());
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
            program.run(&shaped, None, &mut [&mut vec![0.0; len]], &|_, _| Ok(()))
        };
        assert!(run(&[1, 2, 3, 3], &[1, 2, 1, 1], 18).is_ok());
        assert!(run(&[1, 2, 3, 3], &[1, 3, 1, 1], 18).is_err());
        assert!(run(&[1, 2, 3, 3], &[1, 2, 1, 1], 17).is_err());
        assert!(BroadcastShape::of(&[1, 1, 1, 1, 1]).is_err());
    }
}
