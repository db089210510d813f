//! Residual sums y = a + b share their relevance between a and b, by value or by magnitude.

use anyhow::{Context, Result, ensure};

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
    let a = node.input_at(0).context("it has no first input")?;
    let b = node.input_at(1).context("it has no second input")?;
    let shapes = [compiler.graph.shape(a)?, compiler.graph.shape(b)?];
    ensure!(
        shapes[0] == shapes[1] && !compiler.graph.is_constant(a) && !compiler.graph.is_constant(b),
        "only the sum of two feature maps of one shape is supported, found {:?} and {:?}",
        shapes[0],
        shapes[1]
    );
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
            for input in [a, b] {
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
            let magnitudes = [a, b].map(|input| compiler.emitter.op("Abs", &[input], &[]));
            let sum = compiler
                .emitter
                .op("Add", &[&magnitudes[0], &magnitudes[1]], &[]);
            let sum = compiler.emitter.op("Add", &[&sum, &stabiliser], &[]);
            for input in [a, b] {
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
