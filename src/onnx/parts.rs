//! Convolutions taken apart and put together anew: some of their output channels as a convolution of their own, and feature maps as rows of numbers.

use super::attributes::NodeExt;
use super::canonical::rewrite::node;
use super::graph::Graph;
use super::proto::{GraphProto, NodeProto};
use super::{Attribute, Tensor, canonical, tensor};
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::ops::{Convolution, Moving, Op, Reshaping};

/// Nodes and constants to come behind those of a graph.
pub struct Parts<'a> {
    graph: &'a Graph,
    proto: GraphProto,
    nodes: Vec<NodeProto>,
}

impl<'a> Parts<'a> {
    /// Of nothing so far.
    pub fn of(graph: &'a Graph) -> Self {
        Self {
            graph,
            proto: graph.to_proto(),
            nodes: Vec::new(),
        }
    }

    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// The convolution that writes `tensor` with those of its output channels that `channels` names, in that order, as a convolution that writes `name`.
    ///
    /// # Errors
    /// Another operator than a convolution of a single group with constant weights writes the tensor, or a channel does not exist.
    pub fn channels(&mut self, tensor: &str, name: &str, channels: &[usize]) -> Result<()> {
        let producer = self.graph.producer(tensor);
        let convolution = &self.graph.nodes()
            [producer.with_context(|| format!("no node writes the tensor '{tensor}'"))?];
        ensure!(
            !matches!(Op::of(convolution), Op::Quantisation(_)),
            "'{tensor}' is written by {}: the network rounds its numbers to few bits, and relevance passes no rounding: export it without quantisation",
            convolution.describe()
        );
        ensure!(
            Op::of(convolution) == Convolution::Conv && convolution.int("group", 1) == 1,
            "'{tensor}' is written by {}: the output of a convolution was expected",
            convolution.describe()
        );
        let mut part = convolution.clone();
        part.name = Some(name.to_owned());
        part.output = vec![name.to_owned()];
        for (index, kind) in [(1, "weight"), (2, "bias")] {
            let Some(constant) = convolution.input_at(index) else {
                continue;
            };
            let Tensor { mut dims, data } = self.graph.constant(constant)?;
            let outputs = dims.first().copied().unwrap_or(0);
            ensure!(
                channels.iter().all(|&channel| channel < outputs),
                "{} has {outputs} output channels",
                convolution.describe()
            );
            let each = data.len() / outputs.max(1);
            let data = channels.iter().flat_map(|c| &data[c * each..][..each]);
            let data: Vec<f32> = data.copied().collect();
            dims[0] = channels.len();
            part.input[index] = format!("{name}.{kind}");
            let values = Tensor { dims, data }.to_proto(&part.input[index]);
            self.proto.initializer.push(values);
        }
        self.nodes.push(part);
        Ok(())
    }

    /// Tensors with `columns` numbers for each of some boxes as the one tensor `name`, `[1, D, columns]`. Each is a feature map `[1, A·columns, rows, cols]`, whose
    /// boxes are taken in the order row, column, A, or ends with an axis of `columns`.
    ///
    /// # Errors
    /// A tensor of another shape, or that does not exist.
    pub fn rows(&mut self, name: &str, tensors: &[String], columns: usize) -> Result<()> {
        let sizes = format!("{name}.sizes");
        let values = tensor::int64s_to_proto(&[1, -1, columns as i64], &sizes);
        self.proto.initializer.push(values);
        let mut flat = Vec::new();
        for tensor in tensors {
            let [last, rows] = ["last", "rows"].map(|step| format!("{tensor}:{step}"));
            let source = if self.is_map(tensor, columns)? {
                let order = [Attribute::Ints("perm", &[0, 2, 3, 1])];
                self.nodes
                    .push(node(Moving::Transpose, &[tensor], &last, &order));
                &last
            } else {
                tensor
            };
            self.nodes
                .push(node(Reshaping::Reshape, &[source, &sizes], &rows, &[]));
            flat.push(rows);
        }
        let flat: Vec<&str> = flat.iter().map(String::as_str).collect();
        let axis = [Attribute::Int("axis", 1)];
        self.nodes.push(node(Moving::Concat, &flat, name, &axis));
        Ok(())
    }

    /// Whether a tensor is a feature map rather than rows of `columns` numbers.
    fn is_map(&self, tensor: &str, columns: usize) -> Result<bool> {
        if self.nodes.iter().any(|part| part.first_output() == tensor) {
            return Ok(true);
        }
        let producer = self.graph.producer(tensor);
        let producer = producer.with_context(|| format!("the graph has no tensor '{tensor}'"))?;
        let shape = self.graph.shape(tensor)?;
        if let ([1, channels, _, _], Op::Convolution(Convolution::Conv)) =
            (shape, Op::of(&self.graph.nodes()[producer]))
            && channels.is_multiple_of(columns)
        {
            return Ok(true);
        }
        ensure!(
            shape.len() > 1 && shape.last() == Some(&columns),
            "'{tensor}' is {shape:?}: [1, boxes · {columns}, rows, columns] of a convolution was expected, or what ends with {columns} numbers a box"
        );
        Ok(false)
    }

    /// The graph with them.
    ///
    /// # Errors
    /// A name that the graph has already.
    pub fn join(mut self) -> Result<Graph> {
        self.proto.node.extend(self.nodes);
        canonical::canonicalise(self.proto, self.graph.opset_import().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::ops::Quantisation;
    use crate::onnx::small_graph;

    #[test]
    fn a_head_whose_numbers_are_rounded_is_named() {
        let graph = small_graph(|e| {
            let scale = e.scalar(0.1);
            let steps = e.op(Quantisation::QuantizeLinear, &["x", &scale], &[]);
            e.op(Quantisation::DequantizeLinear, &[&steps, &scale], &[])
        });
        let last = graph.nodes().last().unwrap().first_output();
        let error = Parts::of(&graph).channels(last, "classes", &[0]);
        let error = format!("{:#}", error.unwrap_err());
        assert!(error.contains("without quantisation"), "{error}");
    }
}
