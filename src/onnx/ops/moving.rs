//! Moving: numbers are put into another order or together, parts of them are kept, constants are put around them.

use super::family::{Moved, MovedKind, Signature, family};
use super::known::{KnownTensors, axes_of, axis_of};
use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::NodeProto;

family! {
    /// Operators that change the place of numbers.
    Moving {
        /// Maps behind one another.
        Concat => Signature::new(&["inputs*"], &["concat_result"]).used(&["axis"]),
        /// Parts of a map, each an output.
        Split => Signature::new(&["input", "split?"], &["outputs*"])
            .used(&["axis"])
            .unneeded(&[("num_outputs", "the outputs are there to be counted")])
            .moved(&[Moved { attribute: "split", place: 1, since: 13, kind: MovedKind::List }]),
        /// A part of a map, or each second, third … number of it.
        Slice => Signature::new(&["data", "starts", "ends", "axes?", "steps?"], &["output"]).moved(&[
            Moved { attribute: "starts", place: 1, since: 10, kind: MovedKind::NeededList },
            Moved { attribute: "ends", place: 2, since: 10, kind: MovedKind::NeededList },
            Moved { attribute: "axes", place: 3, since: 10, kind: MovedKind::List },
        ]),
        /// A map with a border.
        Pad => Signature::new(&["data", "pads", "constant_value?", "axes?"], &["output"])
            .used(&["mode"])
            .moved(&[
                Moved { attribute: "pads", place: 1, since: 11, kind: MovedKind::NeededList },
                Moved { attribute: "value", place: 2, since: 11, kind: MovedKind::Number },
            ]),
        /// The axes in another order.
        Transpose => Signature::new(&["data"], &["transposed"]).used(&["perm"]),
        /// The parts that a list of places names.
        Gather => Signature::new(&["data", "indices"], &["output"]).used(&["axis"]),
    }
}

impl Moving {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        let shape = known.shape(node, 0)?;
        Some(vec![match self {
            Self::Split => return split(node, shape, known),
            Self::Concat => concat(node, shape, known)?,
            Self::Slice => slice(node, shape, known)?,
            Self::Pad => pad(node, shape, known)?,
            Self::Transpose => {
                let order = permutation(node, shape.len())?;
                order.into_iter().map(|axis| shape[axis]).collect()
            }
            Self::Gather => gather(node, shape, known)?,
        }])
    }
}

/// The axis of the input that each axis of a Transpose's output is; `None` where it names no order.
pub fn permutation(node: &NodeProto, rank: usize) -> Option<Vec<usize>> {
    let order = match node.ints("perm") {
        Some(order) => axes_of(order, rank)?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..rank).then_some(order)
}

/// How many numbers a Pad puts before the first of each axis, then behind the last of each; `axes` are those that `pads` are of, all where they are not named.
pub fn pads_of_all_axes(pads: &[i64], along: Option<&[i64]>, rank: usize) -> Option<Vec<i64>> {
    let along = match along {
        Some(along) => axes_of(along, rank)?,
        None => (0..rank).collect(),
    };
    if pads.len() != 2 * along.len() {
        return None;
    }
    let mut whole = vec![0; 2 * rank];
    for (index, axis) in along.iter().enumerate() {
        whole[*axis] = pads[index];
        whole[axis + rank] = pads[index + along.len()];
    }
    Some(whole)
}

fn concat(node: &NodeProto, first: &[usize], known: &KnownTensors) -> Option<Vec<usize>> {
    let along = axis_of(node.int("axis", 0), first.len())?;
    let mut shape = first.to_vec();
    shape[along] = (0..node.input.len())
        .map(|index| known.shape(node, index)?.get(along).copied())
        .sum::<Option<usize>>()?;
    Some(shape)
}

fn pad(node: &NodeProto, shape: &[usize], known: &KnownTensors) -> Option<Vec<usize>> {
    let along = match node.input_at(3) {
        Some(_) => Some(known.int64s(node, 3)?),
        None => None,
    };
    let rank = shape.len();
    let pads = pads_of_all_axes(&known.int64s(node, 1)?, along.as_deref(), rank)?;
    let padded = |axis: usize| {
        let size = i64::try_from(shape[axis]).ok()?;
        let size = size
            .checked_add(pads[axis])?
            .checked_add(pads[axis + rank])?;
        usize::try_from(size).ok()
    };
    (0..rank).map(padded).collect()
}

fn gather(node: &NodeProto, shape: &[usize], known: &KnownTensors) -> Option<Vec<usize>> {
    let along = axis_of(node.int("axis", 0), shape.len())?;
    let indices = known.shape(node, 1)?;
    Some([&shape[..along], indices, &shape[along + 1..]].concat())
}

fn slice(node: &NodeProto, input: &[usize], known: &KnownTensors) -> Option<Vec<usize>> {
    let (starts, ends) = (known.int64s(node, 1)?, known.int64s(node, 2)?);
    let along = match node.input_at(3) {
        Some(_) => axes_of(&known.int64s(node, 3)?, input.len())?,
        None => (0..starts.len()).collect(),
    };
    let steps = match node.input_at(4) {
        Some(_) => known.int64s(node, 4)?,
        None => vec![1; starts.len()],
    };
    let mut shape = input.to_vec();
    for (index, &axis) in along.iter().enumerate() {
        let (start, end) = slice_bounds(*starts.get(index)?, *ends.get(index)?, *input.get(axis)?)?;
        let step = usize::try_from(*steps.get(index)?)
            .ok()
            .filter(|&s| s > 0)?;
        shape[axis] = end.saturating_sub(start).div_ceil(step);
    }
    Some(shape)
}

/// Places along an axis of `size`, of which those below 0 are counted from its end; `None` where one lies beyond.
pub fn places(listed: &[i64], size: usize) -> Option<Vec<usize>> {
    let whole = i64::try_from(size).ok()?;
    let place = |&place: &i64| {
        let from_start = if place < 0 {
            place.checked_add(whole)?
        } else {
            place
        };
        usize::try_from(from_start)
            .ok()
            .filter(|&place| place < size)
    };
    listed.iter().map(place).collect()
}

/// First and one past the last of a slice with a positive step along an axis of `size`.
pub fn slice_bounds(start: i64, end: i64, size: usize) -> Option<(usize, usize)> {
    let size = i64::try_from(size).ok()?;
    let at = |position: i64| {
        let position = if position < 0 {
            position.saturating_add(size)
        } else {
            position
        };
        usize::try_from(position.clamp(0, size)).ok()
    };
    Some((at(start)?, at(end)?))
}

fn split(node: &NodeProto, shape: &[usize], known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
    let along = axis_of(node.int("axis", 0), shape.len())?;
    let given = match node.input_at(1) {
        Some(_) => Some(known.int64s(node, 1)?),
        None => None,
    };
    let sizes = split_sizes(shape[along], node.output.len(), given)?.into_iter();
    let part = |size| {
        let mut part = shape.to_vec();
        part[along] = size;
        part
    };
    Some(sizes.map(part).collect())
}

/// The sizes of the parts: those given, else equal ones, of which the last is the smaller where they do not divide `total`.
fn split_sizes(total: usize, parts: usize, given: Option<Vec<i64>>) -> Option<Vec<usize>> {
    if let Some(given) = given {
        let sizes: Option<Vec<usize>> = given.iter().map(|&s| usize::try_from(s).ok()).collect();
        let sizes = sizes?;
        let sum = sizes
            .iter()
            .try_fold(0usize, |sum, &s| sum.checked_add(s))?;
        return (sum == total && sizes.len() == parts).then_some(sizes);
    }
    let each = total.div_ceil(parts.max(1));
    (0..parts)
        .map(|part| Some(each.min(total.checked_sub(part * each)?)))
        .collect()
}
