//! Tensor shapes: those that the file declares, and inference for the operators that lie between them.

use std::collections::{BTreeMap, HashMap};

use super::attributes::NodeExt;
use super::proto::tensor_proto::DataType;
use super::proto::tensor_shape_proto::Dimension;
use super::proto::tensor_shape_proto::dimension::Value as DimensionValue;
use super::proto::type_proto::Value as TypeValue;
use super::proto::{
    NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use super::tensor;

/// Shapes of all tensors for which they are declared or follow from the inputs'.
pub(super) fn infer<'a>(
    nodes: &[NodeProto],
    initializers: &BTreeMap<String, TensorProto>,
    declared: impl Iterator<Item = &'a ValueInfoProto>,
) -> HashMap<String, Vec<usize>> {
    let mut shapes: HashMap<String, Vec<usize>> = declared
        .filter_map(|info| Some((info.name().to_owned(), possible(static_shape(info)?)?)))
        .collect();
    for (name, tensor) in initializers {
        let dims = tensor.dims.iter().map(|&d| usize::try_from(d).ok());
        if let Some(shape) = dims.collect::<Option<_>>().and_then(possible) {
            shapes.insert(name.clone(), shape);
        }
    }
    for node in nodes {
        if !shapes.contains_key(node.first_output())
            && let Some(shape) = output_shape(node, &shapes, initializers).and_then(possible)
        {
            shapes.insert(node.first_output().to_owned(), shape);
        }
    }
    shapes
}

/// More elements than any tensor has; sizes below it can be added and multiplied without a thought of overflow.
const MAX_ELEMENTS: usize = 1 << 40;
/// The largest stride, pad or dilation.
const MAX_STEP: i64 = 1 << 20;

/// The shape, unless a damaged or hostile file claims the impossible.
fn possible(shape: Vec<usize>) -> Option<Vec<usize>> {
    let elements = shape
        .iter()
        .try_fold(1usize, |product, &d| product.checked_mul(d.max(1)))?;
    (elements <= MAX_ELEMENTS).then_some(shape)
}

fn output_shape(
    node: &NodeProto,
    shapes: &HashMap<String, Vec<usize>>,
    initializers: &BTreeMap<String, TensorProto>,
) -> Option<Vec<usize>> {
    let input = |index: usize| node.input_at(index).and_then(|name| shapes.get(name));
    match node.op() {
        "Conv" => {
            let weights = input(1)?;
            window(node, input(0)?, *weights.first()?, weights.get(2..)?)
        }
        "MaxPool" if node.int("ceil_mode", 0) == 0 => {
            let kernel: Vec<_> = node
                .ints("kernel_shape")?
                .iter()
                .map(|&k| usize::try_from(k).ok())
                .collect::<Option<_>>()?;
            window(node, input(0)?, *input(0)?.get(1)?, &kernel)
        }
        "Relu" | "Clip" | "Identity" | "Sigmoid" | "LeakyRelu" | "BatchNormalization" => {
            input(0).cloned()
        }
        "Softmax" => input(0).cloned(),
        "Add" | "Sub" | "Mul" | "Div" => broadcast(input(0)?, input(1)?),
        "Transpose" => {
            let shape = input(0)?;
            let order = node.ints("perm")?;
            order
                .iter()
                .map(|&axis| shape.get(usize::try_from(axis).ok()?).copied())
                .collect()
        }
        "Reshape" => reshape(input(0)?, initializers.get(node.input_at(1)?)?),
        "Concat" => {
            let first = input(0)?;
            let axis = node.int("axis", 0);
            let axis = usize::try_from(if axis < 0 {
                axis + first.len() as i64
            } else {
                axis
            })
            .ok()?;
            let mut shape = first.clone();
            *shape.get_mut(axis)? = (0..node.input.len())
                .map(|i| input(i)?.get(axis).copied())
                .sum::<Option<usize>>()?;
            Some(shape)
        }
        _ => None,
    }
}

/// The output of a convolution or pooling with a kernel of the size `kernel`.
fn window(
    node: &NodeProto,
    input: &[usize],
    channels: usize,
    kernel: &[usize],
) -> Option<Vec<usize>> {
    let rank = input.len().checked_sub(2)?;
    if node.string("auto_pad").is_some_and(|mode| mode != "NOTSET") {
        return None;
    }
    let at = |name: &str, index: usize, default: i64| {
        let values = node.ints(name).and_then(|v| v.get(index).copied());
        let value = values.unwrap_or(default);
        usize::try_from(value).ok().filter(|_| value <= MAX_STEP)
    };
    let mut shape = vec![input[0], channels];
    for axis in 0..rank {
        let extent = at("dilations", axis, 1)?.checked_mul(kernel.get(axis)?.checked_sub(1)?)? + 1;
        let padded = input[axis + 2] + at("pads", axis, 0)? + at("pads", axis + rank, 0)?;
        shape.push(padded.checked_sub(extent)? / at("strides", axis, 1)?.max(1) + 1);
    }
    Some(shape)
}

fn broadcast(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .map_or(1, |i| shape[i])
    };
    (0..rank)
        .map(|axis| match (at(a, axis), at(b, axis)) {
            (x, y) if x == y => Some(x),
            (1, y) => Some(y),
            (x, 1) => Some(x),
            _ => None,
        })
        .collect()
}

fn reshape(input: &[usize], target: &TensorProto) -> Option<Vec<usize>> {
    let target = tensor::int64s(target).ok()?;
    let total: usize = input.iter().product();
    let mut shape = Vec::with_capacity(target.len());
    for (axis, &size) in target.iter().enumerate() {
        shape.push(match size {
            0 => *input.get(axis)?,
            -1 => 1,
            size => usize::try_from(size).ok()?,
        });
    }
    if let Some(free) = target.iter().position(|&size| size == -1) {
        let rest = shape
            .iter()
            .try_fold(1usize, |product, &d| product.checked_mul(d))?;
        shape[free] = total.checked_div(rest)?;
    }
    Some(shape)
}

/// The declared shape where it is fixed; a symbolic first dimension is the batch, taken as 1.
fn static_shape(info: &ValueInfoProto) -> Option<Vec<usize>> {
    let TypeValue::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    let dims = &tensor.shape.as_ref()?.dim;
    dims.iter()
        .enumerate()
        .map(|(axis, dim)| match &dim.value {
            Some(DimensionValue::DimValue(size)) => usize::try_from(*size).ok(),
            _ if axis == 0 => Some(1),
            _ => None,
        })
        .collect()
}

/// A float32 graph input or output; `batch` replaces the first dimension by a symbol.
pub(super) fn value_info(name: &str, dims: &[i64], batch: Option<&str>) -> ValueInfoProto {
    let dim = dims
        .iter()
        .enumerate()
        .map(|(axis, &size)| Dimension {
            value: Some(match batch {
                Some(symbol) if axis == 0 => DimensionValue::DimParam(symbol.to_owned()),
                _ => DimensionValue::DimValue(size),
            }),
            ..Default::default()
        })
        .collect();
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(TypeValue::TensorType(type_proto::Tensor {
                elem_type: Some(DataType::Float as i32),
                shape: Some(TensorShapeProto { dim }),
            })),
            ..Default::default()
        }),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::attributes::{int, ints};
    use super::*;

    fn node(
        op: &str,
        inputs: &[&str],
        attribute: Vec<super::super::proto::AttributeProto>,
    ) -> NodeProto {
        NodeProto {
            op_type: Some(op.to_owned()),
            input: inputs.iter().map(|s| s.to_string()).collect(),
            output: vec!["y".to_owned()],
            attribute,
            ..Default::default()
        }
    }

    fn inferred(node: NodeProto, inputs: &[(&str, &[i64])]) -> Option<Vec<usize>> {
        let infos: Vec<_> = inputs
            .iter()
            .map(|(name, dims)| value_info(name, dims, None))
            .collect();
        infer(&[node], &BTreeMap::new(), infos.iter()).remove("y")
    }

    #[test]
    fn convolution_counts_stride_padding_and_dilation() {
        let attributes = vec![ints("strides", &[2, 2]), ints("pads", &[0, 0, 1, 1])];
        let shapes: &[(&str, &[i64])] = &[("x", &[1, 3, 300, 300]), ("w", &[32, 3, 3, 3])];
        assert_eq!(
            inferred(node("Conv", &["x", "w"], attributes), shapes),
            Some(vec![1, 32, 150, 150])
        );
        let attributes = vec![ints("dilations", &[6, 6]), ints("pads", &[6, 6, 6, 6])];
        let shapes: &[(&str, &[i64])] = &[("x", &[1, 512, 19, 19]), ("w", &[1024, 512, 3, 3])];
        assert_eq!(
            inferred(node("Conv", &["x", "w"], attributes), shapes),
            Some(vec![1, 1024, 19, 19])
        );
        let shapes: &[(&str, &[i64])] = &[("x", &[1, 4, 2, 2]), ("w", &[4, 4, 3, 3])];
        assert_eq!(inferred(node("Conv", &["x", "w"], vec![]), shapes), None);
    }

    #[test]
    fn elementwise_and_routing_operators() {
        let shapes: &[(&str, &[i64])] = &[("a", &[1, 8, 5, 5]), ("b", &[8, 1, 1])];
        assert_eq!(
            inferred(node("Add", &["a", "b"], vec![]), shapes),
            Some(vec![1, 8, 5, 5])
        );
        let perm = vec![ints("perm", &[0, 2, 3, 1])];
        assert_eq!(
            inferred(node("Transpose", &["a"], perm), shapes),
            Some(vec![1, 5, 5, 8])
        );
        let axis = vec![int("axis", -1)];
        assert_eq!(
            inferred(node("Concat", &["a", "a"], axis), shapes),
            Some(vec![1, 8, 5, 10])
        );
    }

    #[test]
    fn impossible_sizes_are_unknown_and_do_not_overflow() {
        let huge: &[(&str, &[i64])] = &[("x", &[1, i64::MAX, i64::MAX, 4]), ("w", &[4, 4, 3, 3])];
        assert_eq!(inferred(node("Relu", &["x"], vec![]), huge), None);
        let shapes: &[(&str, &[i64])] = &[("x", &[1, 4, 8, 8]), ("w", &[4, 4, 3, 3])];
        for name in ["pads", "strides", "dilations"] {
            let attributes = vec![ints(name, &[i64::MAX; 4])];
            assert_eq!(
                inferred(node("Conv", &["x", "w"], attributes), shapes),
                None,
                "{name}"
            );
        }
    }

    #[test]
    fn a_symbolic_batch_counts_as_one() {
        let info = value_info("x", &[7, 3, 4, 4], Some("N"));
        assert_eq!(static_shape(&info), Some(vec![1, 3, 4, 4]));
    }
}
