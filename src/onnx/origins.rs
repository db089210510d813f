//! Where the numbers of a tensor come from: back through operators that only move them, to the tensors that other operators write.

use std::collections::HashMap;

use ndarray::{ArrayD, Axis, IxDyn, Slice, concatenate};

use super::attributes::NodeExt;
use super::graph::Graph;
use crate::error::model::{Context, bail, ensure};
use crate::error::{Error, Result};
use crate::onnx::ops::{
    Moving, Op, Passing, Reshaping, axis_of, permutation, places, slice_bounds,
};

/// More numbers than any detector's outputs have.
const MOST_TRACED: usize = 1 << 24;
/// The same of all tensors together that they come through.
const MOST_NUMBERS: usize = 1 << 26;
/// More operators than any exporter moves numbers by, one after the other.
const MOST_MOVES: usize = 256;

/// The origins of a tensor.
#[derive(Clone, Debug)]
pub struct Origins {
    /// The tensors that its numbers come from, in the order in which they are first needed.
    pub sources: Vec<String>,
    /// For each number the place in `sources` and the row-major index in that tensor; of the tensor's shape.
    pub places: ArrayD<(u32, u32)>,
}

impl Graph {
    /// Where each number of `tensor` comes from.
    ///
    /// # Errors
    /// A tensor that no node writes, an unknown shape, or too many numbers.
    pub fn origins(&self, tensor: &str) -> Result<Origins> {
        let mut trace = Trace {
            graph: self,
            sources: Vec::new(),
            known: HashMap::new(),
            moves: 0,
            numbers: 0,
        };
        let places = trace.places(tensor)?;
        Ok(Origins {
            sources: trace.sources,
            places,
        })
    }
}

struct Trace<'a> {
    graph: &'a Graph,
    sources: Vec<String>,
    known: HashMap<String, ArrayD<(u32, u32)>>,
    /// Operators between the tensor that was asked for and the one that is looked at.
    moves: usize,
    /// In all that is known.
    numbers: usize,
}

impl Trace<'_> {
    fn places(&mut self, tensor: &str) -> Result<ArrayD<(u32, u32)>> {
        if let Some(places) = self.known.get(tensor) {
            return Ok(places.clone());
        }
        let graph = self.graph;
        let index = graph
            .producer(tensor)
            .with_context(|| format!("no node writes the tensor '{tensor}'"))?;
        let node = &graph.nodes()[index];
        ensure!(
            self.moves < MOST_MOVES,
            "{} is one of more than {MOST_MOVES} operators in a row that only move numbers",
            node.describe()
        );
        self.moves += 1;
        let moved = self
            .moved(tensor)
            .with_context(|| format!("cannot tell what {} moves where", node.describe()));
        self.moves -= 1;
        let moved = moved?;
        let places = match moved {
            Some(places) => places,
            None => self.source(tensor)?,
        };
        self.numbers += places.len();
        ensure!(
            self.numbers <= MOST_NUMBERS,
            "{} moves more numbers than any detector's outputs have",
            node.describe()
        );
        // Most tensors are asked for once.
        if graph.consumers(tensor).len() > 1 {
            self.known.insert(tensor.to_owned(), places.clone());
        }
        Ok(places)
    }

    /// All numbers of a tensor that something computes.
    fn source(&mut self, tensor: &str) -> Result<ArrayD<(u32, u32)>> {
        let shape = self.graph.shape(tensor)?;
        let count: usize = shape.iter().product();
        ensure!(
            count <= MOST_TRACED,
            "tensor '{tensor}' has {count} numbers, more than any detector's outputs have: {MOST_TRACED} is the limit"
        );
        let source = self.sources.len() as u32;
        self.sources.push(tensor.to_owned());
        let places = (0..count as u32).map(|index| (source, index)).collect();
        ArrayD::from_shape_vec(IxDyn(shape), places).map_err(Error::internal)
    }

    /// What the node that writes a tensor moves there; `None` if it computes something.
    fn moved(&mut self, tensor: &str) -> Result<Option<ArrayD<(u32, u32)>>> {
        let graph = self.graph;
        let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) else {
            bail!("no node writes the tensor '{tensor}'");
        };
        let input = node.input_at(0).unwrap_or_default();
        Ok(Some(match Op::of(node) {
            Op::Passing(Passing::Identity | Passing::Cast) => self.places(input)?,
            Op::Reshaping(
                Reshaping::Reshape | Reshaping::Flatten | Reshaping::Squeeze | Reshaping::Unsqueeze,
            ) => {
                let shape = graph.shape(tensor)?;
                let places = self.places(input)?;
                let places = places.as_standard_layout().into_owned();
                places
                    .into_shape_with_order(IxDyn(shape))
                    .map_err(Error::internal)?
            }
            Op::Moving(Moving::Transpose) => {
                let places = self.places(input)?;
                let order = permutation(node, places.ndim());
                places.permuted_axes(order.context("its order is none")?)
            }
            Op::Moving(Moving::Concat) => {
                let parts = node.input.iter().map(|part| self.places(part));
                let parts: Vec<_> = parts.collect::<Result<_>>()?;
                let rank = parts.first().context("it has no input")?.ndim();
                let axis = axis_of(node.int("axis", 0), rank).context("its axis")?;
                let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
                concatenate(Axis(axis), &views).map_err(Error::internal)?
            }
            Op::Moving(Moving::Slice)
                if node.input_at(4).is_none_or(|steps| {
                    let steps = graph.constant_int64s(steps);
                    steps.is_ok_and(|steps| steps.iter().all(|&step| step > 0))
                }) =>
            {
                let mut places = self.places(input)?;
                let list =
                    |index: usize| graph.constant_int64s(node.input_at(index).unwrap_or_default());
                let (starts, ends) = (list(1)?, list(2)?);
                let axes = match node.input_at(3) {
                    Some(_) => list(3)?,
                    None => (0..starts.len() as i64).collect(),
                };
                let steps = match node.input_at(4) {
                    Some(_) => list(4)?,
                    None => vec![1; starts.len()],
                };
                let bounds = starts.iter().zip(&ends).zip(axes.iter().zip(&steps));
                for ((&start, &end), (&axis, &step)) in bounds {
                    let axis = axis_of(axis, places.ndim()).context("its axes")?;
                    let size = places.len_of(Axis(axis));
                    let (start, end) = slice_bounds(start, end, size).context("its bounds")?;
                    let step = isize::try_from(step).map_err(Error::internal)?;
                    let kept = Slice::new(start as isize, Some(end.max(start) as isize), step);
                    places = places.slice_axis(Axis(axis), kept).into_owned();
                }
                places
            }
            Op::Moving(Moving::Gather)
                if node.input_at(1).is_some_and(|list| {
                    graph.constant_int64s(list).is_ok_and(|l| !l.is_empty())
                }) =>
            {
                let all = self.places(input)?;
                let listed = graph.constant_int64s(node.input_at(1).unwrap_or_default())?;
                let axis = axis_of(node.int("axis", 0), all.ndim()).context("its axis")?;
                let picked = places(&listed, all.len_of(Axis(axis))).context("its places")?;
                let shape = graph.shape(tensor)?;
                let picked = all.select(Axis(axis), &picked);
                picked
                    .into_shape_with_order(IxDyn(shape))
                    .map_err(Error::internal)?
            }
            _ => return Ok(None),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Attribute;
    use super::super::emit::tests::small_graph;
    use crate::onnx::ops::{Activation, Arithmetic, Moving, Reshaping};

    #[test]
    fn numbers_are_followed_through_what_moves_them() {
        let graph = small_graph(|e| {
            let a = e.op(Activation::Relu, &["x"], &[]);
            let b = e.op(Arithmetic::Abs, &["x"], &[]);
            let turned = e.op(
                Moving::Transpose,
                &[&a],
                &[Attribute::Ints("perm", &[0, 1, 3, 2])],
            );
            let both = e.op(Moving::Concat, &[&b, &turned], &[Attribute::Int("axis", 1)]);
            let shape = e.int64s(&[1, 8, 4]);
            let rows = e.op(Reshaping::Reshape, &[&both, &shape], &[]);
            let bounds = [1, 7].map(|value| e.int64s(&[value]));
            let axis = e.int64s(&[1]);
            e.op(Moving::Slice, &[&rows, &bounds[0], &bounds[1], &axis], &[])
        });
        let origins = graph.origins(graph.outputs().next().unwrap()).unwrap();
        assert_eq!(origins.places.shape(), [1, 6, 4]);
        // The second row of Abs's output, then the second row of Relu's transposed one.
        assert_eq!(origins.places[[0, 0, 1]], (0, 5));
        assert_eq!(origins.places[[0, 4, 2]], (1, 9));
        assert_eq!(origins.sources.len(), 2);
    }
}
