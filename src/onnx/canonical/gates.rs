//! Activations that are x·g(x) become what they are, a gate and a product, as other exporters write them: what is asked of a network must not depend on
//! who wrote it down.

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::onnx::Attribute;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Activation, Arithmetic, Op};
use crate::onnx::proto::GraphProto;

/// HardSwish, x·max(0, min(1, x/6 + ½)), and Mish, x·tanh(softplus(x)).
pub(super) fn write_out(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    for (index, activation) in graph.nodes().iter().enumerate() {
        let Some(x) = activation.input_at(0) else {
            continue;
        };
        let output = activation.first_output();
        let gate = format!("{output}:gate");
        let mut nodes = match Op::of(activation) {
            Op::Activation(Activation::HardSwish) => {
                let line = [
                    Attribute::Float("alpha", 1.0 / 6.0),
                    Attribute::Float("beta", 0.5),
                ];
                vec![node(Activation::HardSigmoid, &[x], &gate, &line)]
            }
            Op::Activation(Activation::Mish) => {
                let softplus = format!("{output}:softplus");
                vec![
                    node(Activation::Softplus, &[x], &softplus, &[]),
                    node(Activation::Tanh, &[&softplus], &gate, &[]),
                ]
            }
            _ => continue,
        };
        nodes.push(node(Arithmetic::Mul, &[x, &gate], output, &[]));
        rewrite.replace(index, nodes);
    }
    Ok(rewrite.finish())
}

#[cfg(test)]
mod tests {
    use crate::onnx::NodeExt;
    use crate::onnx::emit::tests::small_graph;
    use crate::onnx::ops::Activation;

    #[test]
    fn swishes_become_products_with_their_gates() {
        let graph = small_graph(|e| {
            let y = e.op(Activation::HardSwish, &["x"], &[]);
            e.op(Activation::Mish, &[&y], &[])
        });
        let operators: Vec<&str> = graph.nodes().iter().map(|node| node.op_type()).collect();
        assert_eq!(operators, ["HardSigmoid", "Mul", "Softplus", "Tanh", "Mul"]);
        assert_eq!(graph.nodes()[0].float("beta", 0.0), 0.5);
    }
}
