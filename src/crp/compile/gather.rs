//! Gather along one axis: relevance goes back to the places that numbers were picked from. A place that was picked several times gets all that its copies have, and one
//! that was left out gets nothing.

use super::compiler::Compiler;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::ops::{Arithmetic, Moving, axis_of, places};
use crate::onnx::{Attribute, Graph, NodeExt, proto::NodeProto};

/// So often at most one number is picked: each time costs a node.
const MOST_COPIES: usize = 64;
/// More places than any axis of a feature map has, of all copies together.
const MOST_PLACES: usize = 1 << 22;

/// What of the output of `node` goes back to `input`.
///
/// # Errors
/// Places that are computed, lie beyond the axis, or are of the batch; one that is picked too often.
pub(super) fn back(
    graph: &Graph,
    node: &NodeProto,
    input: &str,
) -> Result<impl Fn(&mut Compiler, &str) -> Result<String> + use<>> {
    let shape = graph.shape(input)?;
    let axis = axis_of(node.int("axis", 0), shape.len()).context("its axis")?;
    ensure!(axis > 0, "it picks from the batch");
    let list = node.input_at(1).context("it has no places")?;
    ensure!(
        graph.is_constant(list),
        "it picks by the places '{list}', which are computed: only constant ones are supported"
    );
    let listed = graph.constant_int64s(list)?;
    let size = shape[axis];
    ensure!(!listed.is_empty(), "it picks nothing");
    let picked = places(&listed, size).with_context(|| {
        let is_beyond = |place: &&i64| places(&[**place], size).is_none();
        let beyond = listed.iter().find(is_beyond).copied().unwrap_or_default();
        format!("it picks place {beyond} of {size}")
    })?;
    let rank = shape.len();
    let mut copies: Vec<Vec<i64>> = vec![];
    let mut counts = vec![0; size];
    for (to, &from) in picked.iter().enumerate() {
        let count: &mut usize = &mut counts[from];
        if *count == copies.len() {
            ensure!(
                *count < MOST_COPIES,
                "it picks place {from} more than {MOST_COPIES} times"
            );
            ensure!(
                (copies.len() + 1).saturating_mul(size) <= MOST_PLACES,
                "it picks from {size} places, some of them often"
            );
            // Behind the last number that was picked stands a zero.
            copies.push(vec![picked.len() as i64; size]);
        }
        copies[*count][from] = to as i64;
        *count += 1;
    }
    Ok(move |compiler: &mut Compiler, tensor: &str| {
        let e = &mut compiler.emitter;
        let axis_attribute = [Attribute::Int("axis", axis as i64)];
        let mut pads = vec![0; 2 * rank];
        pads[rank + axis] = 1;
        let mut sum: Option<String> = None;
        for copy in &copies {
            let places = e.int64s(copy);
            let source = if copy.contains(&(picked.len() as i64)) {
                let pads = e.int64s(&pads);
                let zero = e.scalar(0.0);
                e.op(Moving::Pad, &[tensor, &pads, &zero], &[])
            } else {
                tensor.to_owned()
            };
            let part = e.op(Moving::Gather, &[&source, &places], &axis_attribute);
            sum = Some(match sum {
                Some(sum) => e.op(Arithmetic::Add, &[&sum, &part], &[]),
                None => part,
            });
        }
        sum.context("it picks nothing")
    })
}
