//! Operators that move numbers and change none (Concat, Slice, Gather, Pad, Transpose, Reshape and its like, resizing to the nearest): relevance goes back where its number came from.

use super::compiler::{Compiler, RelevanceTerm};
use super::gather;
use super::interpolation::Interpolation;
use super::linear::Linear;
use crate::crp::rules::WeightPart;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::ops::{Moving, Op, Reshaping, Resizing};
use crate::onnx::ops::{axis_of, pads_of_all_axes, permutation, slice_bounds};
use crate::onnx::{Attribute, Emitter, Graph, NodeExt, proto::NodeProto};

/// What of an output goes back to an input.
type Back<'a> = Box<dyn Fn(&mut Compiler, &str) -> Result<String> + 'a>;

/// Sends relevance through `node` back to each of the inputs that it came from.
pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: RelevanceTerm,
) -> Result<()> {
    let output = node.first_output();
    if Op::of(node) == Moving::Concat {
        let shape = compiler.graph.shape(output)?.to_vec();
        let along = axis_of(node.int("axis", 0), shape.len()).context("its axis")?;
        ensure!(along > 0, "it joins along the batch");
        let mut start = 0;
        for input in &node.input {
            let size = compiler.graph.shape(input)?[along];
            if !compiler.graph.is_constant(input) {
                let (from, to) = (start as i64, (start + size) as i64);
                let back: Back = Box::new(move |compiler, tensor| {
                    let e = &mut compiler.emitter;
                    let bounds = [from, to, along as i64].map(|value| e.int64s(&[value]));
                    let [from, to, along] = &bounds;
                    Ok(e.op(Moving::Slice, &[tensor, from, to, along], &[]))
                });
                give(compiler, input, output, &share, &back)?;
            }
            start += size;
        }
        return Ok(());
    }
    let input = node.input_at(0).context("it has no input")?;
    let back: Back = match Op::of(node) {
        Op::Moving(Moving::Slice) => slice(compiler, node, input)?,
        Op::Moving(Moving::Gather) => Box::new(gather::back(compiler.graph, node, input)?),
        Op::Moving(Moving::Pad) => pad(compiler, node, input)?,
        Op::Moving(Moving::Transpose) => transpose(compiler, node, input)?,
        Op::Resizing(Resizing::Resize) => {
            let layer = Interpolation::read(compiler.graph, node)?;
            Box::new(move |compiler, tensor| {
                Ok(layer.backward(&mut compiler.emitter, tensor, WeightPart::WHOLE))
            })
        }
        _ => reshape(compiler, node, input)?,
    };
    give(compiler, input, output, &share, &back)
}

/// An output's number is its input's: the coefficient goes back, and what it is multiplied with is the input's instead of the output's.
fn give(
    compiler: &mut Compiler,
    input: &str,
    output: &str,
    share: &RelevanceTerm,
    back: &Back,
) -> Result<()> {
    let form = compiler.form(share, output);
    let arrived = compiler.factor(share, form);
    let arrived = compiler.whole(&arrived);
    let back = back(compiler, &arrived)?;
    compiler.give_in(form, input, back);
    Ok(())
}

fn reshape<'a>(compiler: &Compiler, node: &NodeProto, input: &str) -> Result<Back<'a>> {
    let before = compiler.graph.shape(input)?;
    let after = compiler.graph.shape(node.first_output())?;
    ensure!(
        before.first() == Some(&1) && after.first() == Some(&1) && !before.contains(&0),
        "it reshapes {before:?} to {after:?}: the first axis has to stay the batch"
    );
    // 0 keeps the batch, which is as large as there are targets.
    let rest = before[1..].iter().map(|&d| d as i64);
    let sizes: Vec<i64> = std::iter::once(0).chain(rest).collect();
    Ok(Box::new(move |compiler, tensor| {
        let sizes = compiler.emitter.int64s(&sizes);
        Ok(compiler
            .emitter
            .op(Reshaping::Reshape, &[tensor, &sizes], &[]))
    }))
}

fn transpose<'a>(compiler: &Compiler, node: &NodeProto, input: &str) -> Result<Back<'a>> {
    let rank = compiler.graph.shape(input)?.len();
    let order = permutation(node, rank)
        .with_context(|| format!("its order {:?} is none", node.ints("perm")))?;
    ensure!(
        order.first() == Some(&0),
        "it moves the batch away from the first axis, with the order {order:?}"
    );
    let mut inverse = vec![0; rank];
    for (to, &from) in order.iter().enumerate() {
        inverse[from] = to as i64;
    }
    Ok(Box::new(move |compiler, tensor| {
        let order = [Attribute::Ints("perm", &inverse)];
        Ok(compiler.emitter.op(Moving::Transpose, &[tensor], &order))
    }))
}

fn pad<'a>(compiler: &Compiler, node: &NodeProto, input: &str) -> Result<Back<'a>> {
    let graph = compiler.graph;
    let mode = node.string("mode").unwrap_or("constant");
    ensure!(
        mode == "constant",
        "it pads with the mode '{mode}', which repeats inputs: only 'constant' is supported"
    );
    let shape = graph.shape(input)?.to_vec();
    let pads = graph.constant_int64s(node.input_at(1).context("it has no pads")?)?;
    let along = match node.input_at(3) {
        Some(axes) => Some(graph.constant_int64s(axes)?),
        None => None,
    };
    let pads = pads_of_all_axes(&pads, along.as_deref(), shape.len())
        .filter(|pads| pads.first() == Some(&0) && pads[shape.len()] == 0)
        .with_context(|| format!("its pads are {pads:?} for {shape:?}"))?;
    ensure!(
        pads.iter().all(|&pad| pad >= 0),
        "it cuts off with negative pads {pads:?}: use Slice"
    );
    ensure!(
        pads.iter().all(|&pad| pad <= i64::from(u32::MAX)),
        "its pads {pads:?} are larger than any map"
    );
    Ok(Box::new(move |compiler, tensor| {
        let e = &mut compiler.emitter;
        let axes: Vec<i64> = (1..shape.len() as i64).collect();
        let starts = &pads[1..shape.len()];
        let ends: Vec<i64> = starts
            .iter()
            .zip(&shape[1..])
            .map(|(start, &size)| start + size as i64)
            .collect();
        let bounds = [starts, &ends, &axes].map(|values| e.int64s(values));
        let [starts, ends, axes] = &bounds;
        Ok(e.op(Moving::Slice, &[tensor, starts, ends, axes], &[]))
    }))
}

/// Along one axis of a slice.
struct Cut {
    axis: usize,
    start: usize,
    step: usize,
    /// Sizes before and after.
    sizes: [usize; 2],
}

fn slice<'a>(compiler: &Compiler, node: &NodeProto, input: &str) -> Result<Back<'a>> {
    let graph = compiler.graph;
    let before = graph.shape(input)?.to_vec();
    let after = graph.shape(node.first_output())?.to_vec();
    let cuts = cuts(graph, node, &before, &after)?;
    Ok(Box::new(move |compiler, tensor| {
        let mut shape = after.clone();
        let back = cuts.iter().fold(tensor.to_owned(), |tensor, cut| {
            uncut(&mut compiler.emitter, &tensor, cut, &mut shape)
        });
        Ok(back)
    }))
}

/// What a slice cuts, axis by axis.
fn cuts(graph: &Graph, node: &NodeProto, before: &[usize], after: &[usize]) -> Result<Vec<Cut>> {
    let list = |index: usize, what: &str| {
        let name = node.input_at(index);
        graph.constant_int64s(name.with_context(|| format!("it has no {what}"))?)
    };
    let (starts, ends) = (list(1, "starts")?, list(2, "ends")?);
    let axes = match node.input_at(3) {
        Some(_) => list(3, "axes")?,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = match node.input_at(4) {
        Some(_) => list(4, "steps")?,
        None => vec![1; starts.len()],
    };
    let mut cuts = Vec::new();
    for (index, &along) in axes.iter().enumerate() {
        let along =
            axis_of(along, before.len()).with_context(|| format!("its axes are {axes:?}"))?;
        let step = steps.get(index).and_then(|&s| usize::try_from(s).ok());
        let step = step.filter(|&s| s > 0).with_context(|| {
            format!("its steps are {steps:?}: only positive ones are supported")
        })?;
        let (start, end) = starts
            .get(index)
            .zip(ends.get(index))
            .context("its bounds")?;
        let (start, _) = slice_bounds(*start, *end, before[along]).context("its bounds")?;
        let sizes = [before[along], after[along]];
        ensure!(sizes[1] > 0, "it keeps nothing");
        if sizes[0] == sizes[1] {
            continue;
        }
        ensure!(along > 0, "it cuts the batch");
        // Behind a single number no step is taken.
        let step = if sizes[1] == 1 { 1 } else { step };
        let last = (sizes[1] - 1).checked_mul(step);
        let last = last.and_then(|last| last.checked_add(start));
        ensure!(
            last.is_some_and(|last| last < sizes[0]),
            "its bounds and steps do not lead from {before:?} to {after:?}"
        );
        cuts.push(Cut {
            axis: along,
            start,
            step,
            sizes,
        });
    }
    Ok(cuts)
}

/// The numbers that a slice kept of an axis, back in their places with zeros in those of the others; `shape` is that of the tensor, and becomes that of the result.
fn uncut(e: &mut Emitter, tensor: &str, cut: &Cut, shape: &mut [usize]) -> String {
    let Cut {
        axis,
        start,
        step,
        sizes: [whole, kept],
    } = *cut;
    let zero = e.scalar(0.0);
    let rank = shape.len();
    let mut tensor = tensor.to_owned();
    let mut spread = kept;
    if step > 1 {
        // Each number is followed by step − 1 zeros: along an axis of its own first, then flattened.
        let behind = e.int64s(&[axis as i64 + 1]);
        tensor = e.op(Reshaping::Unsqueeze, &[&tensor, &behind], &[]);
        let mut pads = vec![0; 2 * (rank + 1)];
        pads[rank + 1 + axis + 1] = step as i64 - 1;
        let pads = e.int64s(&pads);
        tensor = e.op(Moving::Pad, &[&tensor, &pads, &zero], &[]);
        spread = kept * step;
        shape[axis] = spread;
        let rest = shape[1..].iter().map(|&d| d as i64);
        let sizes: Vec<i64> = std::iter::once(0).chain(rest).collect();
        let sizes = e.int64s(&sizes);
        tensor = e.op(Reshaping::Reshape, &[&tensor, &sizes], &[]);
    }
    // The zeros behind the last number may reach beyond the end: a negative pad cuts them off.
    let mut pads = vec![0; 2 * rank];
    pads[axis] = start as i64;
    pads[rank + axis] = whole as i64 - start as i64 - spread as i64;
    let pads = e.int64s(&pads);
    shape[axis] = whole;
    e.op(Moving::Pad, &[&tensor, &pads, &zero], &[])
}
