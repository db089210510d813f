//! Activations: functions that are applied to each number of a map alike.

use super::family::{Moved, MovedKind, Signature, family};
use super::known::KnownTensors;
use crate::onnx::proto::NodeProto;

family! {
    /// Functions of one number.
    Activation {
        /// max(0, x)
        Relu => Signature::new(&["X"], &["Y"]),
        /// x where x ≥ 0, α·x elsewhere.
        LeakyRelu => Signature::new(&["X"], &["Y"]).used(&["alpha"]),
        /// x where x ≥ 0, slope·x elsewhere.
        PRelu => Signature::new(&["X", "slope"], &["Y"]),
        /// max(min, min(max, x))
        Clip => Signature::new(&["input", "min?", "max?"], &["output"]).moved(&[
            Moved { attribute: "min", place: 1, since: 11, kind: MovedKind::Number },
            Moved { attribute: "max", place: 2, since: 11, kind: MovedKind::Number },
        ]),
        /// 1/(1 + exp −x)
        Sigmoid => Signature::new(&["X"], &["Y"]),
        /// max(0, min(1, α·x + β))
        HardSigmoid => Signature::new(&["X"], &["Y"]).used(&["alpha", "beta"]),
        /// x·max(0, min(1, x/6 + ½))
        HardSwish => Signature::new(&["X"], &["Y"]),
        /// x where x ≥ 0, α·(exp x − 1) elsewhere.
        Elu => Signature::new(&["X"], &["Y"]).used(&["alpha"]),
        /// log(1 + exp x)
        Softplus => Signature::new(&["X"], &["Y"]),
        /// tanh x
        Tanh => Signature::new(&["input"], &["output"]),
        /// x·tanh(log(1 + exp x))
        Mish => Signature::new(&["X"], &["Y"]),
    }
}

impl Activation {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        Some(vec![known.shape(node, 0)?.clone()])
    }
}
