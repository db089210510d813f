//! Products of a feature V and what a softmax made of the picture, A: attention. A is a constant of the picture, as a gate is, so that y = V·A or A·V is linear in V, and
//! V takes the simple rule: R = c ⊙ y goes on as (c·Aᵀ) ⊙ V, and R = m ⊙ Δy as (m·Aᵀ) ⊙ ΔV.

use super::compiler::{Compiler, RelevanceTerm};
use super::form::RelevanceForm;
use crate::crp::flow;
use crate::crp::rules::STABILISER;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::ops::{Matrix, Moving};
use crate::onnx::{Attribute, NodeExt, proto::NodeProto};

pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: RelevanceTerm,
) -> Result<()> {
    let graph = compiler.graph;
    let output = node.first_output();
    let value = *flow::explained(graph, node)?
        .first()
        .context("it has no input that is explained")?;
    let is_first = node.input_at(0) == Some(value);
    let matrix = node
        .input_at(usize::from(is_first))
        .context("it has less than two inputs")?;
    let [of_value, of_matrix] = [graph.shape(value)?, graph.shape(matrix)?];
    let rank = of_value.len();
    ensure!(
        rank > 2 && of_value.first() == Some(&1) && of_matrix.len() == rank,
        "it multiplies {of_value:?} with a softmax of {of_matrix:?}: the first axis has to stay the batch"
    );
    ensure!(
        of_value[..rank - 2] == of_matrix[..rank - 2],
        "it multiplies {of_value:?} with a softmax of {of_matrix:?}: axes before the last two have to be the same"
    );
    let form = compiler.form(&share, output);
    let factor = match form {
        RelevanceForm::Plain => {
            let stabiliser = compiler.emitter.scalar(STABILISER);
            let denominator = compiler.stabilised(output, &stabiliser);
            compiler.divided(&share, &denominator)
        }
        RelevanceForm::OfValue | RelevanceForm::OfDistance => share.coefficient,
    };
    let factor = compiler.whole(&factor);
    let mut order: Vec<i64> = (0..rank as i64).collect();
    order.swap(rank - 2, rank - 1);
    let emitter = &mut compiler.emitter;
    let order = [Attribute::Ints("perm", &order)];
    let turned = emitter.op(Moving::Transpose, &[matrix], &order);
    let back = match is_first {
        true => emitter.op(Matrix::MatMul, &[&factor, &turned], &[]),
        false => emitter.op(Matrix::MatMul, &[&turned, &factor], &[]),
    };
    let form = match form {
        RelevanceForm::OfDistance => RelevanceForm::OfDistance,
        RelevanceForm::Plain | RelevanceForm::OfValue => RelevanceForm::OfValue,
    };
    compiler.give_in(form, value, back);
    Ok(())
}
