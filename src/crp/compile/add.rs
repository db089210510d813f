//! Residual sums y = a + b + … share their relevance among the summands, by value or by magnitude; what arrives as R = m ⊙ Δy ([`super::rescale`]) goes on as m ⊙ Δ
//! of each, whatever the rule.

use anyhow::{Result, ensure};

use super::{Compiler, Share};
use crate::crp::composite::AddRule;
use crate::crp::rules::STABILISER;
use crate::onnx::{NodeExt, proto::NodeProto};

pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: Share,
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
    if let Some(multiplier) = compiler.arrived_as_multiplier(&share, node.first_output()) {
        for input in inputs {
            compiler.give_multiplier(input, multiplier.clone());
        }
        return Ok(());
    }
    let stabiliser = compiler.emitter.scalar(STABILISER);
    match rule {
        AddRule::Proportional => {
            // R_a = a/y·R: with R = c ⊙ y the coefficient stays as it is.
            let coefficient = if share.base.as_deref() == Some(node.first_output()) {
                share.coefficient
            } else {
                let denominator = compiler.stabilised(node.first_output(), &stabiliser);
                compiler.divided(&share, &denominator)
            };
            for &input in &inputs {
                let base = Some(input.to_owned());
                compiler.give(
                    input,
                    Share {
                        coefficient: coefficient.clone(),
                        base,
                    },
                );
            }
        }
        AddRule::Magnitude => {
            let mut sum = stabiliser;
            for input in &inputs {
                let magnitude = compiler.emitter.op("Abs", &[input], &[]);
                sum = compiler.emitter.op("Add", &[&sum, &magnitude], &[]);
            }
            for &input in &inputs {
                let sign = compiler.emitter.op("Sign", &[input], &[]);
                let factor = compiler.emitter.op("Div", &[&sign, &sum], &[]);
                let coefficient = compiler.scaled(&share, &factor);
                compiler.give(
                    input,
                    Share {
                        coefficient,
                        base: Some(input.to_owned()),
                    },
                );
            }
        }
    }
    Ok(())
}
