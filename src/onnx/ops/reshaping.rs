//! Reshaping: the numbers stay in their order, the axes that count them change.

use super::family::{Moved, MovedKind, Signature, family};
use super::known::{KnownTensors, axes_of, axis_of, broadcast};
use crate::onnx::attributes::NodeExt;
use crate::onnx::proto::NodeProto;

/// More axes than any tensor has that is given further ones.
const MOST_AXES: usize = 16;

family! {
    /// Operators that give numbers other axes.
    Reshaping {
        /// To a shape that is named.
        Reshape => Signature::new(&["data", "shape"], &["reshaped"]).used(&["allowzero"]),
        /// To two axes.
        Flatten => Signature::new(&["input"], &["output"]).used(&["axis"]),
        /// Without axes of size 1.
        Squeeze => Signature::new(&["data", "axes?"], &["squeezed"]).moved(&[
            Moved { attribute: "axes", place: 1, since: 13, kind: MovedKind::List },
        ]),
        /// With further axes of size 1.
        Unsqueeze => Signature::new(&["data", "axes"], &["expanded"]).moved(&[
            Moved { attribute: "axes", place: 1, since: 13, kind: MovedKind::NeededList },
        ]),
        /// Repeated along axes of size 1.
        Expand => Signature::new(&["input", "shape"], &["output"]),
    }
}

impl Reshaping {
    pub(super) fn shapes(self, node: &NodeProto, known: &KnownTensors) -> Option<Vec<Vec<usize>>> {
        let shape = known.shape(node, 0)?;
        Some(vec![match self {
            Self::Reshape => reshape(shape, &known.int64s(node, 1)?, node.int("allowzero", 0))?,
            Self::Flatten => flatten(shape, node.int("axis", 1))?,
            Self::Squeeze => squeeze(node, shape, known)?,
            Self::Unsqueeze => unsqueeze(node, shape, known)?,
            Self::Expand => {
                let sizes = known.int64s(node, 1)?;
                let sizes = sizes.iter().map(|&size| usize::try_from(size).ok());
                broadcast(shape, &sizes.collect::<Option<Vec<_>>>()?)?
            }
        }])
    }
}

fn reshape(input: &[usize], target: &[i64], allow_zero: i64) -> Option<Vec<usize>> {
    let total: usize = input.iter().product();
    let mut shape = Vec::with_capacity(target.len());
    for (axis, &size) in target.iter().enumerate() {
        shape.push(match size {
            0 if allow_zero == 0 => *input.get(axis)?,
            -1 => 1,
            size => usize::try_from(size).ok()?,
        });
    }
    let rest = shape
        .iter()
        .try_fold(1usize, |product, &d| product.checked_mul(d))?;
    match target.iter().position(|&size| size == -1) {
        Some(free) => shape[free] = total.checked_div(rest)?,
        None if rest != total => return None,
        None => {}
    }
    Some(shape)
}

fn flatten(shape: &[usize], first: i64) -> Option<Vec<usize>> {
    let first = if first == shape.len() as i64 {
        shape.len()
    } else {
        axis_of(first, shape.len())?
    };
    let (outer, inner) = shape.split_at(first);
    Some(vec![outer.iter().product(), inner.iter().product()])
}

fn squeeze(node: &NodeProto, shape: &[usize], known: &KnownTensors) -> Option<Vec<usize>> {
    let single = |&axis: &usize| shape[axis] == 1;
    let gone: Vec<usize> = match known.int64s(node, 1) {
        Some(given) => axes_of(&given, shape.len())?,
        None if node.input_at(1).is_none() => (0..shape.len()).filter(single).collect(),
        None => return None,
    };
    let kept = (0..shape.len()).filter(|axis| !gone.contains(axis));
    gone.iter()
        .all(single)
        .then(|| kept.map(|axis| shape[axis]).collect())
}

fn unsqueeze(node: &NodeProto, shape: &[usize], known: &KnownTensors) -> Option<Vec<usize>> {
    let given = known.int64s(node, 1).filter(|new| new.len() < MOST_AXES)?;
    let rank = shape.len() + given.len();
    let new = axes_of(&given, rank)?;
    let mut sizes = shape.iter().copied();
    let size = |axis: usize| match new.contains(&axis) {
        true => Some(1),
        false => sizes.next(),
    };
    (0..rank).map(size).collect()
}
