//! Residual sums y = a + b + … share their relevance among the summands, by value, by magnitude or alike; what arrives as R = m ⊙ Δy ([`super::rescale`]) goes on as m ⊙ Δ
//! of each, whatever the rule.

use super::compiler::{Compiler, RelevanceTerm};
use super::form::RelevanceForm;
use crate::crp::composite::AddRule;
use crate::crp::rules::STABILISER;
use crate::error::Result;
use crate::error::model::ensure;
use crate::onnx::ops::Arithmetic;
use crate::onnx::{NodeExt, proto::NodeProto};

pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: RelevanceTerm,
    rule: AddRule,
) -> Result<()> {
    let inputs: Vec<&str> = node.input.iter().map(String::as_str).collect();
    let shape = compiler.graph.shape(node.first_output())?;
    for input in &inputs {
        let found = compiler.graph.shape(input)?;
        ensure!(
            found == shape && !compiler.graph.is_constant(input),
            "only the sum of feature maps of one shape is supported, found {found:?} in a sum of {shape:?}"
        );
    }
    let form = compiler.form(&share, node.first_output());
    if form == RelevanceForm::OfDistance {
        for input in inputs {
            compiler.give_in(form, input, share.coefficient.clone());
        }
        return Ok(());
    }
    let stabiliser = compiler.emitter.scalar(STABILISER);
    match rule {
        AddRule::Proportional => {
            // R_a = a/y·R: with R = c ⊙ y the coefficient stays as it is.
            let coefficient = if form == RelevanceForm::OfValue {
                share.coefficient
            } else {
                let denominator = compiler.stabilised(node.first_output(), &stabiliser);
                compiler.divided(&share, &denominator)
            };
            for input in inputs {
                compiler.give_in(RelevanceForm::OfValue, input, coefficient.clone());
            }
        }
        AddRule::Equal => {
            let each = compiler.emitter.scalar(1.0 / inputs.len() as f32);
            let coefficient = compiler.in_place(Arithmetic::Mul, &share.coefficient, &each);
            for input in inputs {
                let share = RelevanceTerm {
                    coefficient: coefficient.clone(),
                    base: share.base.clone(),
                };
                compiler.give(input, share);
            }
        }
        AddRule::Magnitude => {
            let mut sum = stabiliser;
            for input in &inputs {
                let magnitude = compiler.emitter.op(Arithmetic::Abs, &[input], &[]);
                sum = compiler
                    .emitter
                    .op(Arithmetic::Add, &[&sum, &magnitude], &[]);
            }
            for &input in &inputs {
                let sign = compiler.sign(input);
                let factor = compiler.emitter.op(Arithmetic::Div, &[&sign, &sum], &[]);
                let coefficient = compiler.scaled(&share, &factor);
                compiler.give_in(RelevanceForm::OfValue, input, coefficient);
            }
        }
    }
    Ok(())
}
