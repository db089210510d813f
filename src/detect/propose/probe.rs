//! What the numbers behind a network's heads are as functions of single numbers that the heads say: the file's own decode, read by trying some numbers on it.
//!
//! In: a graph and the outputs of its last convolutions. Out: of any number behind them, what it becomes, and which of the heads' numbers it is made of.

use std::collections::HashMap;

use super::convolutions::moves;
use crate::onnx::ops::{Activation, Arithmetic, Op};
use crate::onnx::{Graph, Origins, Tensor};

/// ln 3: the sigmoid of it is ¾, that of its negative ¼.
const LN_3: f64 = 1.098_612_288_668_109_8;
/// What is tried. The sigmoid makes ½, ¾, ¼ and 1 of it, the exponential 1, 3, ⅓ and 2·10¹⁷.
pub(super) const TRIED: [f64; 4] = [0.0, LN_3, -LN_3, 40.0];
/// More operators than any decode has, one after the other.
const MOST_IN_A_ROW: usize = 64;
/// More than all numbers of a decode take together: a graph may be made so that its operators meet again and again.
const MOST_STEPS: usize = 1 << 22;

/// One number that a head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Said {
    /// Which head.
    pub head: usize,
    /// Row-major index in its output.
    pub index: usize,
}

/// One number behind the heads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// What it is where the head says each of [`TRIED`].
    pub values: [f64; 4],
    /// What it is made of; `None` for a constant.
    pub of: Option<Said>,
}

/// Reads numbers behind `heads`.
pub(super) struct Probe<'a> {
    graph: &'a Graph,
    heads: Vec<&'a str>,
    origins: HashMap<String, Option<Origins>>,
    constants: HashMap<String, Option<Tensor>>,
    /// Operators and numbers looked at so far.
    steps: usize,
}

impl<'a> Probe<'a> {
    pub(super) fn new(graph: &'a Graph, heads: Vec<&'a str>) -> Self {
        Self {
            graph,
            heads,
            origins: HashMap::new(),
            constants: HashMap::new(),
            steps: 0,
        }
    }

    /// The number at a row-major index of a tensor; `None` where it is made of several of the heads' numbers, or in a way that is not known here.
    pub(super) fn number(&mut self, tensor: &str, index: usize) -> Option<Number> {
        self.before(tensor, index, 0)
    }

    /// The same, so many operators before what was asked for.
    fn before(&mut self, tensor: &str, index: usize, operators: usize) -> Option<Number> {
        self.steps += 1;
        if operators > MOST_IN_A_ROW || self.steps > MOST_STEPS {
            return None;
        }
        if let Some(head) = self.heads.iter().position(|head| *head == tensor) {
            let of = Some(Said { head, index });
            return Some(Number { values: TRIED, of });
        }
        if self.graph.is_constant(tensor) {
            let value = f64::from(*self.constant(tensor)?.data.get(index)?);
            let values = [value; 4];
            return Some(Number { values, of: None });
        }
        let node = &self.graph.nodes()[self.graph.producer(tensor)?];
        let operator = Op::of(node);
        if moves(operator) {
            let (source, index) = self.origin(tensor, index)?;
            return self.before(&source, index, operators + 1);
        }
        let shape = self.graph.shape(tensor).ok()?.to_vec();
        let mut operands = Vec::new();
        for input in &node.input {
            let index = within(index, &shape, &self.operand_shape(input)?)?;
            operands.push(self.before(input, index, operators + 1)?);
        }
        made(operator, &operands)
    }

    fn operand_shape(&mut self, tensor: &str) -> Option<Vec<usize>> {
        if self.graph.is_constant(tensor) {
            return Some(self.constant(tensor)?.dims.clone());
        }
        Some(self.graph.shape(tensor).ok()?.to_vec())
    }

    fn constant(&mut self, tensor: &str) -> Option<&Tensor> {
        let graph = self.graph;
        let entry = self.constants.entry(tensor.to_owned());
        let constant = entry.or_insert_with(|| graph.constant(tensor).ok());
        constant.as_ref()
    }

    /// Where a number comes from that was only moved.
    fn origin(&mut self, tensor: &str, index: usize) -> Option<(String, usize)> {
        let graph = self.graph;
        let entry = self.origins.entry(tensor.to_owned());
        let origins = entry.or_insert_with(|| {
            let mut origins = graph.origins(tensor).ok()?;
            origins.places = origins.places.as_standard_layout().into_owned();
            Some(origins)
        });
        let origins = origins.as_ref()?;
        let &(source, place) = origins.places.as_slice()?.get(index)?;
        let source = origins.sources.get(source as usize)?;
        Some((source.clone(), place as usize))
    }
}

/// What an operator makes of numbers.
fn made(operator: Op, operands: &[Number]) -> Option<Number> {
    let mut sources = operands.iter().filter_map(|operand| operand.of);
    let of = sources.next();
    if sources.any(|other| Some(other) != of) {
        return None;
    }
    let one = |function: fn(f64) -> f64| match operands {
        [x] => Some(x.values.map(function)),
        _ => None,
    };
    let two = |function: fn(f64, f64) -> f64| match operands {
        [a, b] => Some([0, 1, 2, 3].map(|i| function(a.values[i], b.values[i]))),
        _ => None,
    };
    let values = match operator {
        Op::Activation(Activation::Sigmoid) => one(|x| 1.0 / (1.0 + (-x).exp())),
        Op::Arithmetic(Arithmetic::Exp) => one(f64::exp),
        Op::Arithmetic(Arithmetic::Neg) => one(|x| -x),
        Op::Arithmetic(Arithmetic::Add) => two(|a, b| a + b),
        Op::Arithmetic(Arithmetic::Sub) => two(|a, b| a - b),
        Op::Arithmetic(Arithmetic::Mul) => two(|a, b| a * b),
        Op::Arithmetic(Arithmetic::Div) => two(|a, b| a / b),
        Op::Arithmetic(Arithmetic::Pow) => two(f64::powf),
        _ => None,
    };
    let values = values.filter(|values| values.iter().all(|value| value.is_finite()));
    Some(Number {
        values: values?,
        of,
    })
}

/// The row-major index in an operand of the number at `index` of what it is broadcast to.
fn within(index: usize, shape: &[usize], operand: &[usize]) -> Option<usize> {
    let skipped = shape.len().checked_sub(operand.len())?;
    let (mut rest, mut stride, mut found) = (index, 1, 0);
    for (axis, &size) in shape.iter().enumerate().rev() {
        let place = rest.checked_rem(size)?;
        rest /= size;
        if let Some(axis) = axis.checked_sub(skipped) {
            found += if operand[axis] == 1 {
                0
            } else {
                place * stride
            };
            stride *= operand[axis];
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::within;

    #[test]
    fn operands_are_broadcast_as_onnx_does_it() {
        // The place (1, 2, 3) of [2, 3, 4].
        let index = 12 + 2 * 4 + 3;
        for (operand, expected) in [
            (&[2, 3, 4][..], index),
            (&[3, 1], 2),
            (&[4], 3),
            (&[2, 1, 4], 4 + 3),
            (&[], 0),
            (&[1], 0),
        ] {
            assert_eq!(within(index, &[2, 3, 4], operand), Some(expected));
        }
        assert_eq!(within(0, &[2], &[1, 2]), None);
    }
}
