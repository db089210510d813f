//! Cutting a graph open: a tensor in its middle becomes its input, and what lay before it goes.

use std::collections::HashSet;

use super::attributes::NodeExt;
use super::graph::Graph;
use super::proto::NodeProto;
use super::{canonical, inner, shapes};
use crate::error::Result;
use crate::error::model::ensure;
use crate::onnx::ops::{Convolution, Op};

impl Graph {
    /// Whether a node writes `tensor`, or it is an input.
    pub fn has(&self, tensor: &str) -> bool {
        self.producer(tensor).is_some() || self.input_infos().iter().any(|i| i.name() == tensor)
    }

    /// The graph from `tensor` on, as a network that takes a picture of `shape`. Nodes that need anything else that came before are left out, and so are outputs that
    /// need them.
    ///
    /// # Errors
    /// There is no such tensor, or what remains is no graph.
    pub fn with_input(&self, tensor: &str, shape: [usize; 4]) -> Result<Self> {
        ensure!(self.has(tensor), "the graph has no tensor '{tensor}'");
        let mut proto = self.to_proto();
        let mut there: HashSet<&str> = HashSet::from([tensor]);
        let mut kept = Vec::new();
        for node in self.nodes() {
            let mut inputs = inner::reads(node);
            let provided = inputs.all(|name| there.contains(name) || self.is_constant(name));
            // A loop may write the picture as one of several outputs.
            if provided && !node.output.iter().any(|output| output == tensor) {
                there.extend(node.output.iter().map(String::as_str));
                kept.push(node.clone());
            }
        }
        proto.output.retain(|output| there.contains(output.name()));
        proto.node = kept;
        // Shapes that were known before may have been those of another size.
        proto.value_info.clear();
        let dims = shape.map(|size| size as i64);
        proto.input = vec![shapes::value_info(tensor, &dims, None)];
        canonical::canonicalise(proto, self.opset_import().to_vec())
    }

    /// The tensor that the first convolution of a picture reads, an output of preprocessing in the graph perhaps; `None` where no convolution reads one or three channels.
    pub fn picture_tensor(&self) -> Option<&str> {
        let reader = self.nodes().iter().find_map(|node| {
            let weight = node
                .input_at(1)
                .filter(|_| Op::of(node) == Convolution::Conv)?;
            let each = self.shape(weight).ok()?.get(1).copied()?;
            let groups = usize::try_from(node.int("group", 1)).ok()?;
            matches!(each.checked_mul(groups), Some(1 | 3))
                .then(|| node.input_at(0))
                .flatten()
        });
        // Weights that are computed may read anything.
        let is_known = |node: &NodeProto| {
            let weight = node
                .input_at(1)
                .filter(|_| Op::of(node) == Convolution::Conv);
            weight.is_none_or(|weight| self.is_constant(weight))
        };
        // The picture may be folded, four pixels to twelve channels, before the first convolution.
        let own = || {
            self.nodes().iter().all(is_known).then_some(())?;
            let mut inputs = self.inputs().map(|(name, _)| name);
            inputs.find(|name| matches!(self.feature_map(name), Ok([1, 1 | 3, _, _])))
        };
        reader.or_else(own)
    }
}

#[cfg(test)]
mod tests {
    use super::super::emit::tests::small_graph_of;
    use super::NodeProto;
    use crate::onnx::ops::Activation;

    #[test]
    fn a_picture_that_is_one_of_several_outputs_becomes_the_input() {
        let graph = small_graph_of(|e| {
            // As TensorFlow's preprocessing, which reads the file's own input from inside of its body.
            let body = NodeProto {
                op_type: Some("Loop".to_owned()),
                input: vec![e.int64s(&[1])],
                output: vec!["count".to_owned(), "picture".to_owned()],
                ..Default::default()
            };
            (vec![body], e.op(Activation::Relu, &["picture"], &[]))
        });
        let cut = graph.with_input("picture", [1, 3, 8, 8]).unwrap();
        assert_eq!(cut.nodes().len(), 1);
        assert_eq!(cut.image_input().unwrap().0, "picture");
    }
}
