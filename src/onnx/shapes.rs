//! Tensor shapes: those that the file declares, and those that follow from them.

use std::collections::{BTreeMap, HashMap};

use super::attributes::NodeExt;
use super::ops::{KnownTensors, Op};
use super::proto::tensor_proto::DataType;
use super::proto::tensor_shape_proto::Dimension;
use super::proto::tensor_shape_proto::dimension::Value as DimensionValue;
use super::proto::type_proto::Value as TypeValue;
use super::proto::{
    NodeProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use crate::own_operators::{
    Depthwise, ELEMENTWISE, MOMENTS, MapWindow, OWN_DOMAIN, PLACE, THROUGH, WINDOW, WINDOW_OF,
};

/// Shapes of all tensors for which they are declared or follow from the inputs'.
pub(super) fn infer<'a>(
    nodes: &[NodeProto],
    initializers: &BTreeMap<String, TensorProto>,
    declared: impl Iterator<Item = &'a ValueInfoProto>,
) -> HashMap<String, Vec<usize>> {
    infer_more(HashMap::new(), nodes, initializers, declared)
}

/// The same where some are known already.
pub(super) fn infer_more<'a>(
    mut shapes: HashMap<String, Vec<usize>>,
    nodes: &[NodeProto],
    initializers: &BTreeMap<String, TensorProto>,
    declared: impl Iterator<Item = &'a ValueInfoProto>,
) -> HashMap<String, Vec<usize>> {
    shapes.extend(
        declared.filter_map(|info| Some((info.name().to_owned(), possible(static_shape(info)?)?))),
    );
    for (name, tensor) in initializers {
        let dims = tensor.dims.iter().map(|&d| usize::try_from(d).ok());
        if let Some(shape) = dims.collect::<Option<_>>().and_then(possible) {
            shapes.insert(name.clone(), shape);
        }
    }
    for node in nodes {
        if node.output.iter().all(|output| shapes.contains_key(output)) {
            continue;
        }
        let known = KnownTensors {
            shapes: &shapes,
            initializers,
        };
        let found = match node.domain() {
            OWN_DOMAIN => own_shapes(node, &shapes).unwrap_or_default(),
            _ => Op::of(node).shapes(node, &known).unwrap_or_default(),
        };
        for (output, shape) in node.output.iter().zip(found) {
            if let Some(shape) = possible(shape) {
                shapes.entry(output.clone()).or_insert(shape);
            }
        }
    }
    shapes
}

/// Of this program's own operators.
fn own_shapes(node: &NodeProto, shapes: &HashMap<String, Vec<usize>>) -> Option<Vec<Vec<usize>>> {
    if node.op_type() == ELEMENTWISE {
        return chain_shapes(node, shapes);
    }
    let [_, channels, _, _] = shapes.get(node.input_at(0)?)?[..] else {
        return None;
    };
    let window = || MapWindow::from_ints(node.ints(WINDOW_OF)?).ok();
    let sizes = match node.op_type() {
        MOMENTS => return Some(vec![vec![1, channels, 1, 1], vec![]]),
        WINDOW => window().map(|window| [window.rows.size, window.columns.size]),
        PLACE => window().map(|window| window.map),
        _ => None,
    };
    let [height, width] = sizes?.map(|size| usize::try_from(size).ok());
    Some(vec![vec![1, channels, height?, width?]])
}

/// All values of a chain are as large as what its inputs broadcast to, the one that goes through a layer as large as it is behind it.
fn chain_shapes(node: &NodeProto, shapes: &HashMap<String, Vec<usize>>) -> Option<Vec<Vec<usize>>> {
    let mut map = [1; 4];
    let through = node.ints(THROUGH).and_then(<[i64]>::split_first);
    let kernels = through.map(|_| node.input.len() - 1);
    for (place, input) in node.input.iter().enumerate() {
        let mut shape = shapes.get(input)?.clone();
        if Some(place) == kernels {
            continue;
        }
        if let Some((&at, layer)) = through
            && at == place as i64
            && let [_, _, size @ ..] = &mut shape[..]
        {
            size.copy_from_slice(&Depthwise::from_ints(layer).ok()?.to);
        }
        let broadcast = map.len().checked_sub(shape.len())?;
        for (size, of) in map[broadcast..].iter_mut().zip(&shape) {
            *size = (*size).max(*of);
        }
    }
    Some(vec![map.to_vec(); node.output.len()])
}

/// More elements than any tensor has; sizes below it can be added and multiplied without a thought of overflow.
const MAX_ELEMENTS: usize = 1 << 40;

/// More axes than any tensor of a detector has.
const MAX_RANK: usize = 16;

/// The shape, unless a damaged or hostile file claims the impossible.
fn possible(shape: Vec<usize>) -> Option<Vec<usize>> {
    if shape.len() > MAX_RANK {
        return None;
    }
    let elements = shape
        .iter()
        .try_fold(1usize, |product, &d| product.checked_mul(d.max(1)))?;
    (elements <= MAX_ELEMENTS).then_some(shape)
}

/// The declared shape where it is fixed; a symbolic first dimension is the batch, taken as 1.
pub(super) fn static_shape(info: &ValueInfoProto) -> Option<Vec<usize>> {
    let TypeValue::TensorType(tensor) = info.r#type.as_ref()?.value.as_ref()? else {
        return None;
    };
    let dims = &tensor.shape.as_ref()?.dim;
    dims.iter()
        .enumerate()
        .map(|(axis, dim)| match &dim.value {
            Some(DimensionValue::DimValue(size)) if *size > 0 || axis > 0 => {
                usize::try_from(*size).ok()
            }
            _ if axis == 0 => Some(1),
            _ => None,
        })
        .collect()
}

/// A declared size below 0 becomes a free one: some exporters write -1 for that, and ONNX Runtime's bindings panic at anything below.
pub(super) fn free_impossible_sizes(info: &mut ValueInfoProto) {
    if let Some(TypeValue::TensorType(tensor)) = info.r#type.as_mut().and_then(|t| t.value.as_mut())
        && let Some(shape) = &mut tensor.shape
    {
        for dim in &mut shape.dim {
            if matches!(dim.value, Some(DimensionValue::DimValue(size)) if size < 0) {
                dim.value = None;
            }
        }
    }
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
    use super::super::tensor::int64s_to_proto;
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
        inferred_with(node, inputs, &[])
    }

    /// `constants` are lists of int64.
    fn inferred_with(
        node: NodeProto,
        inputs: &[(&str, &[i64])],
        constants: &[(&str, &[i64])],
    ) -> Option<Vec<usize>> {
        let infos: Vec<_> = inputs
            .iter()
            .map(|(name, dims)| value_info(name, dims, None))
            .collect();
        let constants = constants
            .iter()
            .map(|(name, values)| (name.to_string(), int64s_to_proto(values, name)))
            .collect();
        infer(&[node], &constants, infos.iter()).remove("y")
    }

    #[test]
    fn a_chain_is_as_large_as_what_its_inputs_broadcast_to() {
        let chain = |inputs: &[&str]| NodeProto {
            domain: Some(OWN_DOMAIN.to_owned()),
            ..node(ELEMENTWISE, inputs, vec![])
        };
        let inputs: [(&str, &[i64]); 3] = [
            ("scalar", &[]),
            ("channels", &[1, 8, 1, 1]),
            ("map", &[1, 1, 5, 7]),
        ];
        let found = inferred(chain(&["scalar", "channels", "map"]), &inputs);
        assert_eq!(found, Some(vec![1, 8, 5, 7]));
        assert_eq!(inferred(chain(&["map", "unknown"]), &inputs), None);
        let layer = Depthwise {
            kernel: [3, 3],
            strides: [2, 2],
            pads: [0, 0],
            from: [5, 7],
            to: [10, 14],
        };
        let mut through = chain(&["channels", "map", "kernels"]);
        let numbers: Vec<i64> = [1].into_iter().chain(layer.to_ints()).collect();
        through.attribute.push(ints(THROUGH, &numbers));
        let inputs = [inputs[1], inputs[2], ("kernels", &[8, 1, 3, 3])];
        assert_eq!(inferred(through, &inputs), Some(vec![1, 8, 10, 14]));
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
    fn pooling_that_rounds_up_has_no_window_beyond_the_map() {
        let pool = |stride: i64, pad: i64| {
            let attributes = vec![
                ints("kernel_shape", &[2, 2]),
                ints("strides", &[stride; 2]),
                ints("pads", &[pad; 4]),
                int("ceil_mode", 1),
            ];
            node("MaxPool", &["x"], attributes)
        };
        let shapes: &[(&str, &[i64])] = &[("x", &[1, 4, 75, 75])];
        assert_eq!(inferred(pool(2, 0), shapes), Some(vec![1, 4, 38, 38]));
        // Rounded up there would be 4 windows, the last of which begins in the padding at the end.
        let shapes: &[(&str, &[i64])] = &[("x", &[1, 4, 5, 5])];
        assert_eq!(inferred(pool(2, 1), shapes), Some(vec![1, 4, 3, 3]));
    }

    #[test]
    fn a_transposed_convolution_counts_the_other_way() {
        let attributes = vec![
            ints("strides", &[2, 2]),
            ints("pads", &[1, 1, 1, 1]),
            ints("output_padding", &[1, 0]),
            int("group", 2),
        ];
        let shapes: &[(&str, &[i64])] = &[("x", &[1, 4, 5, 7]), ("w", &[4, 3, 3, 3])];
        assert_eq!(
            inferred(node("ConvTranspose", &["x", "w"], attributes), shapes),
            Some(vec![1, 6, 10, 13])
        );
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
        assert_eq!(
            inferred(node("Flatten", &["a"], vec![]), shapes),
            Some(vec![1, 200])
        );
        let shapes: &[(&str, &[i64])] = &[("a", &[1, 8, 5, 1])];
        let lists: &[(&str, &[i64])] = &[("axes", &[-1]), ("starts", &[1]), ("ends", &[i64::MAX])];
        assert_eq!(
            inferred_with(node("Squeeze", &["a", "axes"], vec![]), shapes, lists),
            Some(vec![1, 8, 5])
        );
        assert_eq!(
            inferred_with(node("Unsqueeze", &["a", "axes"], vec![]), shapes, lists),
            Some(vec![1, 8, 5, 1, 1])
        );
        let lists: &[(&str, &[i64])] = &[
            ("starts", &[1, -4]),
            ("ends", &[i64::MAX, -1]),
            ("axes", &[1, 2]),
            ("steps", &[2, 1]),
        ];
        let slice = node("Slice", &["a", "starts", "ends", "axes", "steps"], vec![]);
        assert_eq!(inferred_with(slice, shapes, lists), Some(vec![1, 4, 3, 1]));
        let lists: &[(&str, &[i64])] = &[("pads", &[0, 0, 1, 0, 0, 0, 2, 3])];
        assert_eq!(
            inferred_with(node("Pad", &["a", "pads"], vec![]), shapes, lists),
            Some(vec![1, 8, 8, 4])
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
        let lists: &[(&str, &[i64])] = &[("list", &[i64::MIN, i64::MAX, -1, 0, 3, -9, 1, 1])];
        for (op, inputs) in [
            ("Slice", &["x", "list", "list", "list", "list"][..]),
            ("Pad", &["x", "list"]),
            ("Reshape", &["x", "list"]),
            ("Squeeze", &["x", "list"]),
            ("Unsqueeze", &["x", "list"]),
            ("Resize", &["x", "", "", "list"]),
        ] {
            assert_eq!(
                inferred_with(node(op, inputs, vec![]), shapes, lists),
                None,
                "{op}"
            );
        }
    }

    #[test]
    fn a_symbolic_batch_counts_as_one() {
        let info = value_info("x", &[7, 3, 4, 4], Some("N"));
        assert_eq!(static_shape(&info), Some(vec![1, 3, 4, 4]));
    }
}
