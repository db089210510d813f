//! Linear layers under any rule: each group of the rule becomes a denominator, a division and ways back through the layer.

use super::activation::{is_non_negative, rectifies};
use super::compiler::{Compiler, RelevanceTerm};
use super::form::RelevanceForm;
use super::layer;
use super::linear::Linear;
use crate::crp::rules::{
    Denominator, Epsilon, Group, InputPart, OutputCondition, STABILISER, WeightPart,
};
use crate::error::Result;
use crate::onnx::ops::{Activation, Arithmetic, Comparison, Reduction};
use crate::onnx::proto::NodeProto;

pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: RelevanceTerm,
    groups: Vec<Group>,
) -> Result<()> {
    let layer = layer::read(compiler.graph, node)?;
    through(compiler, layer.as_ref(), &share, groups);
    Ok(())
}

/// Through a layer by the groups of a rule.
pub(super) fn through(
    compiler: &mut Compiler,
    layer: &dyn Linear,
    share: &RelevanceTerm,
    groups: Vec<Group>,
) {
    let non_negative = is_non_negative(compiler.graph, layer.input());
    for group in groups {
        let group = if non_negative {
            without_negative_inputs(group)
        } else {
            group
        };
        propagate_group(compiler, layer, share, &group);
    }
}

/// The same group for inputs that are never negative: fewer terms.
fn without_negative_inputs(mut group: Group) -> Group {
    group.terms.retain(|(part, _)| *part != InputPart::Negative);
    for (part, _) in &mut group.terms {
        if matches!(part, InputPart::Positive | InputPart::Magnitude) {
            *part = InputPart::Whole;
        }
    }
    group
}

fn propagate_group(
    compiler: &mut Compiler,
    layer: &dyn Linear,
    share: &RelevanceTerm,
    group: &Group,
) {
    let share = &within_windows(compiler, share, group);
    let mut per_output = match group.denominator {
        Denominator::Output(epsilon) => share_of_output(compiler, layer, share, epsilon),
        Denominator::NonNegativeTerms => {
            let sum = sum_of_terms(compiler, layer, &group.terms, Some(STABILISER));
            compiler.divided(share, &sum)
        }
        Denominator::Magnitudes => {
            let terms = [(InputPart::Magnitude, WeightPart::MAGNITUDE)];
            let sum = sum_of_terms(compiler, layer, &terms, Some(STABILISER));
            compiler.divided(share, &sum)
        }
        Denominator::Terms => {
            let sum = sum_of_terms(compiler, layer, &group.terms, None);
            let stabiliser = compiler.emitter.scalar(STABILISER);
            let denominator = compiler.stabilised(&sum, &stabiliser);
            compiler.divided(share, &denominator)
        }
    };
    if group.gain != 1.0 {
        let gain = compiler.emitter.scalar(group.gain);
        per_output = compiler.in_place(Arithmetic::Mul, &per_output, &gain);
    }
    let zero = compiler.emitter.scalar(0.0);
    if group.gate != OutputCondition::Always {
        let negative = compiler
            .emitter
            .op(Comparison::Less, &[layer.output(), &zero], &[]);
        let (if_negative, otherwise) = match group.gate {
            OutputCondition::Negative => (&per_output, &zero),
            _ => (&zero, &per_output),
        };
        per_output =
            compiler
                .emitter
                .op(Comparison::Where, &[&negative, if_negative, otherwise], &[]);
    }
    let x = layer.input();
    let [mut positive, mut negative] = [zero.clone(), zero.clone()];
    for &(part, weight) in &group.terms {
        let back = compiler.back(layer, &per_output, weight);
        match part {
            InputPart::Whole => compiler.give_in(RelevanceForm::OfValue, x, back),
            InputPart::Magnitude => {
                let sign = compiler.sign(x);
                let coefficient = compiler.meet(&back, &sign);
                compiler.give_in(RelevanceForm::OfValue, x, coefficient);
            }
            InputPart::One => compiler.give_in(RelevanceForm::Plain, x, back),
            InputPart::Positive => positive = back,
            InputPart::Negative => negative = back,
        }
    }
    if positive != zero || negative != zero {
        let is_negative = compiler.emitter.op(Comparison::Less, &[x, &zero], &[]);
        let coefficient = compiler.emitter.op(
            Comparison::Where,
            &[&is_negative, &negative, &positive],
            &[],
        );
        compiler.give_in(RelevanceForm::OfValue, x, coefficient);
    }
}

/// A share on the whole map where the group chooses by the sign of inputs or outputs, which windows know nothing of.
fn within_windows(compiler: &mut Compiler, share: &RelevanceTerm, group: &Group) -> RelevanceTerm {
    let by_sign = |part: &InputPart| matches!(part, InputPart::Positive | InputPart::Negative);
    let chooses =
        group.gate != OutputCondition::Always || group.terms.iter().any(|(part, _)| by_sign(part));
    let coefficient = match chooses {
        true => compiler.whole(&share.coefficient),
        false => share.coefficient.clone(),
    };
    RelevanceTerm {
        coefficient,
        base: share.base.clone(),
    }
}

/// R_j / (z_j + ε·sign(z_j)), by the cheapest way that gives the same numbers.
fn share_of_output(
    compiler: &mut Compiler,
    layer: &dyn Linear,
    share: &RelevanceTerm,
    epsilon: Epsilon,
) -> String {
    let z = layer.output();
    let epsilon = match epsilon {
        Epsilon::Fixed(value) => compiler.emitter.scalar(value),
        Epsilon::Deviations(factor) => deviations(compiler, z, factor),
    };
    match share.base.as_deref() {
        // z/(z + ε·sign z) = |z|/(|z| + ε)
        Some(base) if base == z => {
            let magnitude = compiler.emitter.op(Arithmetic::Abs, &[z], &[]);
            let denominator = compiler
                .emitter
                .op(Arithmetic::Add, &[&magnitude, &epsilon], &[]);
            let base = Some(magnitude);
            compiler.divided(
                &RelevanceTerm {
                    base,
                    ..share.clone()
                },
                &denominator,
            )
        }
        // y is 0 wherever z is not positive, and with it R_j.
        Some(base) if rectifies(compiler.graph, base, z) => {
            let positive = compiler.emitter.op(Activation::Relu, &[z], &[]);
            let denominator = compiler
                .emitter
                .op(Arithmetic::Add, &[&positive, &epsilon], &[]);
            compiler.divided(share, &denominator)
        }
        _ => {
            let denominator = compiler.stabilised(z, &epsilon);
            compiler.divided(share, &denominator)
        }
    }
}

/// factor · standard deviation of all elements of z; never less than the stabiliser, for a constant z has none.
pub(super) fn deviations(compiler: &mut Compiler, z: &str, factor: f32) -> String {
    let is_map = compiler.graph.feature_map(z).is_ok();
    let has_own_operators = compiler.has_own_operators;
    let emitter = &mut compiler.emitter;
    let deviation = if has_own_operators && is_map {
        let [_, deviation] = emitter.own_moments(z);
        deviation
    } else {
        let mean = emitter.op(Reduction::ReduceMean, &[z], &[]);
        let centred = emitter.op(Arithmetic::Sub, &[z, &mean], &[]);
        // In shares of the largest: float32 holds no squares of numbers from 10¹⁹ on.
        let sizes = emitter.op(Arithmetic::Abs, &[&centred], &[]);
        let largest = emitter.op(Reduction::ReduceMax, &[&sizes], &[]);
        let least = emitter.scalar(STABILISER);
        let largest = emitter.op(Arithmetic::Max, &[&largest, &least], &[]);
        let shares = emitter.op(Arithmetic::Div, &[&centred, &largest], &[]);
        let squared = emitter.op(Arithmetic::Mul, &[&shares, &shares], &[]);
        let variance = emitter.op(Reduction::ReduceMean, &[&squared], &[]);
        let deviation = emitter.op(Arithmetic::Sqrt, &[&variance], &[]);
        emitter.op(Arithmetic::Mul, &[&deviation, &largest], &[])
    };
    let factor = emitter.scalar(factor);
    let epsilon = emitter.op(Arithmetic::Mul, &[&deviation, &factor], &[]);
    let least = emitter.scalar(STABILISER);
    emitter.op(Arithmetic::Max, &[&epsilon, &least], &[])
}

/// Σ_terms Σ_i φ(x_i)·ω(w_ij), with the stabiliser as the bias of the first convolution if it is given.
fn sum_of_terms(
    compiler: &mut Compiler,
    layer: &dyn Linear,
    terms: &[(InputPart, WeightPart)],
    stabiliser: Option<f32>,
) -> String {
    let mut sum: Option<String> = None;
    for &(part, weight) in terms {
        let bias = if sum.is_none() { stabiliser } else { None };
        let term = term(compiler, layer, part, weight, bias);
        sum = Some(match sum {
            Some(sum) => compiler.emitter.op(Arithmetic::Add, &[&sum, &term], &[]),
            None => term,
        });
    }
    // Only a rule without terms has none, and there is no such rule.
    sum.unwrap_or_else(|| compiler.emitter.scalar(1.0))
}

fn term(
    compiler: &mut Compiler,
    layer: &dyn Linear,
    part: InputPart,
    weight: WeightPart,
    bias: Option<f32>,
) -> String {
    let emitter = &mut compiler.emitter;
    let input = match part {
        InputPart::One => return layer.forward_ones(emitter, weight, bias),
        InputPart::Whole => layer.input().to_owned(),
        InputPart::Positive => emitter.op(Activation::Relu, &[layer.input()], &[]),
        InputPart::Negative => {
            let zero = emitter.scalar(0.0);
            emitter.op(Arithmetic::Min, &[layer.input(), &zero], &[])
        }
        InputPart::Magnitude => emitter.op(Arithmetic::Abs, &[layer.input()], &[]),
    };
    layer.forward(emitter, &input, weight, bias)
}
