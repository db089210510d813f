//! A step of a program on one piece of a map: numbers in, as many numbers out.

use super::{Function, ProgramStep, StepInput};

/// Numbers that are worked on at a time: those of all steps together fit into the fastest caches.
pub(super) const BLOCK: usize = 512;

/// What a step reads of a piece.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    Many(&'a [f32]),
    One(f32),
}

/// Each function has loops of its own.
#[inline(always)]
pub(super) fn carry_out<'a>(
    step: &ProgramStep,
    numbers: impl Fn(StepInput) -> Numbers<'a>,
    out: &mut [f32],
) {
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
    let mut written = [[0.0; BLOCK]; 4];
    for (block, out) in out.chunks_mut(BLOCK).enumerate() {
        let size = out.len();
        for (written, operand) in written.iter_mut().zip(operands) {
            match operand {
                Numbers::One(value) => written[..size].fill(value),
                Numbers::Many(many) => {
                    let many = &many[block * BLOCK..block * BLOCK + size];
                    written[..size].copy_from_slice(many);
                }
            }
        }
        let [a, b, then, otherwise] = &written;
        let pairs = a.iter().zip(b).zip(then.iter().zip(otherwise));
        for (out, ((&a, &b), (&then, &otherwise))) in out.iter_mut().zip(pairs) {
            *out = if condition(a, b) { then } else { otherwise };
        }
    }
}
