//! Convolutions taken apart and put together anew: some of their output channels as a convolution of their own, and feature maps as rows of numbers.

use anyhow::{Context, Result, ensure};

use super::attributes::NodeExt;
use super::canonical::rewrite::node;
use super::graph::{Graph, describe};
use super::proto::{GraphProto, NodeProto};
use super::{Attribute, Tensor, canonical, tensor};

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

    /// The convolution that writes `tensor` with those of its output channels that `channels` names, in that order, as a convolution that writes `name`.
    ///
    /// # Errors
    /// Another operator than a convolution of a single group with constant weights writes the tensor, or a channel does not exist.
    pub fn channels(&mut self, tensor: &str, name: &str, channels: &[usize]) -> Result<()> {
        let producer = self.graph.producer(tensor);
        let convolution = &self.graph.nodes()
            [producer.with_context(|| format!("no node writes the tensor '{tensor}'"))?];
        ensure!(
            convolution.op() == "Conv" && convolution.int("group", 1) == 1,
            "'{tensor}' is written by {}: the output of a convolution was expected",
            describe(convolution)
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
                describe(convolution)
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

    /// Feature maps `[1, A·columns, rows, cols]` as the one tensor `name`, `[1, D, columns]`, in the order map, row, column, A.
    pub fn rows(&mut self, name: &str, maps: &[String], columns: usize) {
        let sizes = format!("{name}.sizes");
        let values = tensor::int64s_to_proto(&[1, -1, columns as i64], &sizes);
        self.proto.initializer.push(values);
        let mut flat = Vec::new();
        for map in maps {
            let [last, rows] = ["last", "rows"].map(|step| format!("{map}:{step}"));
            let order = [Attribute::Ints("perm", &[0, 2, 3, 1])];
            self.nodes.push(node("Transpose", &[map], &last, &order));
            self.nodes
                .push(node("Reshape", &[&last, &sizes], &rows, &[]));
            flat.push(rows);
        }
        let flat: Vec<&str> = flat.iter().map(String::as_str).collect();
        let axis = [Attribute::Int("axis", 1)];
        self.nodes.push(node("Concat", &flat, name, &axis));
    }

    /// The graph with them.
    ///
    /// # Errors
    /// A name that the graph has already.
    pub fn join(mut self) -> Result<Graph> {
        self.proto.node.extend(self.nodes);
        let (opset, version) = (self.graph.opset_import(), self.graph.ir_version());
        canonical::canonicalise(self.proto, opset.to_vec(), version)
    }
}
