//! Constants: Constant nodes become initialisers, and what is computed from constants and shapes alone is computed now.

use super::rewrite::Rewrite;
use crate::error::Result;
use crate::error::model::ensure;
use crate::limits::MOST_MADE;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{
    Arithmetic, Constants, Moving, Op, Passing, Quantisation, Reshaping, axis_of, permutation,
    slice_bounds,
};
use crate::onnx::proto::tensor_proto::DataType;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto};
use crate::onnx::{Tensor, tensor};

/// What constants may be made that a file does not hold as they are: of a few bytes a file can ask for more than there is memory. VGG19, the largest classifier that
/// people still run, has 144 million weights, of which one layer has 103 million.
struct Room {
    /// Elements that constants may still have together that are made out of less: a number repeated to a shape.
    made: usize,
    /// Elements of weights that may still be brought to another order; the others stay beside them.
    moved: usize,
}

/// More numbers than any shape has, nor a list of places in one.
const MOST_INTEGERS: usize = 1 << 16;

impl Room {
    fn of(graph: &Graph) -> Self {
        let there_are = graph.constant_elements();
        Self {
            made: MOST_MADE.saturating_sub(there_are),
            moved: (2 * MOST_MADE).saturating_sub(there_are),
        }
    }

    /// Whether a constant of `dims` may be made out of nothing.
    fn make(&mut self, dims: &[usize]) -> bool {
        Self::take(&mut self.made, dims)
    }

    /// Whether a constant of `dims` may be brought to another order.
    fn moves(&mut self, dims: &[usize]) -> bool {
        Self::take(&mut self.moved, dims)
    }

    fn take(left: &mut usize, dims: &[usize]) -> bool {
        let elements = dims.iter().try_fold(1usize, |all, &d| all.checked_mul(d));
        let rest = elements.and_then(|elements| left.checked_sub(elements));
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }
}

/// Constant nodes become initialisers.
pub(super) fn to_initializers(graph: &mut GraphProto) -> Result<()> {
    let nodes = std::mem::take(&mut graph.node);
    for node in nodes {
        let value = (Op::of(&node) == Constants::Constant)
            .then(|| value(&node))
            .flatten();
        match value {
            Some(mut constant) => {
                constant.name = Some(node.first_output().to_owned());
                tensor::check(&constant)?;
                graph.initializer.push(constant);
            }
            None => graph.node.push(node),
        }
    }
    Ok(())
}

fn value(node: &NodeProto) -> Option<TensorProto> {
    if let Some(attribute) = node.attribute_named("value") {
        return attribute.t.clone();
    }
    let floats = |dims: Vec<usize>, data: Vec<f32>| Tensor { dims, data }.to_proto("");
    if let Some(attribute) = node.attribute_named("value_float") {
        return Some(floats(vec![], vec![attribute.f()]));
    }
    if let Some(attribute) = node.attribute_named("value_floats") {
        return Some(floats(
            vec![attribute.floats.len()],
            attribute.floats.clone(),
        ));
    }
    if let Some(attribute) = node.attribute_named("value_int") {
        return Some(int64s(&[attribute.i()], true));
    }
    let attribute = node.attribute_named("value_ints")?;
    Some(int64s(&attribute.ints, false))
}

fn int64s(values: &[i64], scalar: bool) -> TensorProto {
    let mut proto = tensor::int64s_to_proto(values, "");
    if scalar {
        proto.dims.clear();
    }
    proto
}

/// Computes nodes whose inputs are constant, and shapes that are known. `None` where there is nothing left to compute.
pub(super) fn fold(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    let mut room = Room::of(graph);
    let mut made = Vec::new();
    for (index, node) in graph.nodes().iter().enumerate() {
        let names_output = graph.outputs().any(|output| output == node.first_output());
        if names_output || node.output.len() != 1 {
            continue;
        }
        if let Some(mut value) = evaluate(graph, node, &mut room) {
            value.name = Some(node.first_output().to_owned());
            ensure!(
                tensor::check(&value).is_ok(),
                "{} has an impossible result",
                node.describe()
            );
            made.push(value);
            rewrite.replace(index, vec![]);
        }
    }
    Ok(rewrite.finish().map(|mut proto| {
        proto.initializer.extend(made);
        proto
    }))
}

fn evaluate(graph: &Graph, node: &NodeProto, room: &mut Room) -> Option<TensorProto> {
    if Op::of(node) == Constants::Shape {
        let shape = graph.shape(node.input_at(0)?).ok()?;
        let rank = shape.len();
        let (start, end) = slice_bounds(node.int("start", 0), node.int("end", i64::MAX), rank)?;
        let sizes: Vec<i64> = shape.get(start..end)?.iter().map(|&d| d as i64).collect();
        return Some(int64s(&sizes, false));
    }
    let constant = node.input.iter().filter(|name| !name.is_empty());
    if node.input.is_empty() || !constant.clone().all(|name| graph.is_constant(name)) {
        return None;
    }
    integers(graph, node)
        .or_else(|| moved(graph, node, room))
        .or_else(|| expanded(graph, node, room))
        .or_else(|| filled(graph, node, room))
        .or_else(|| dequantised(graph, node, room))
}

/// Arithmetic on shapes.
fn integers(graph: &Graph, node: &NodeProto) -> Option<TensorProto> {
    let list = |index: usize| graph.constant_int64s(node.input_at(index)?).ok();
    let rank = |index: usize| Some(graph.shape(node.input_at(index)?).ok()?.len());
    let first = list(0)?;
    let all_scalar = || (0..node.input.len()).all(|index| rank(index) == Some(0));
    let pairs = |operation: fn(i64, i64) -> Option<i64>| {
        let (a, b) = (list(0)?, list(1)?);
        let longest = a.len().max(b.len());
        let at = |values: &[i64], index: usize| match values {
            [only] => Some(*only),
            _ => values.get(index).copied(),
        };
        let values: Option<Vec<i64>> = (0..longest)
            .map(|index| operation(at(&a, index)?, at(&b, index)?))
            .collect();
        Some(int64s(&values?, all_scalar()))
    };
    match Op::of(node) {
        Op::Passing(Passing::Cast) if node.int("to", 0) == DataType::Int64 as i64 => {
            Some(int64s(&first, rank(0)? == 0))
        }
        Op::Moving(Moving::Gather) if rank(0)? == 1 => {
            let indices = list(1)?;
            let values: Option<Vec<i64>> = indices
                .iter()
                .map(|&index| first.get(axis_of(index, first.len())?).copied())
                .collect();
            Some(int64s(&values?, rank(1)? == 0))
        }
        Op::Reshaping(Reshaping::Unsqueeze) if rank(0)? == 0 => Some(int64s(&first, false)),
        Op::Reshaping(Reshaping::Squeeze) if first.len() == 1 => Some(int64s(&first, true)),
        Op::Reshaping(Reshaping::Reshape) if list(1)?.len() == 1 => Some(int64s(&first, false)),
        Op::Moving(Moving::Concat) => {
            let parts: Option<Vec<Vec<i64>>> = (0..node.input.len()).map(list).collect();
            let joined = parts?.concat();
            (joined.len() <= MOST_INTEGERS).then(|| int64s(&joined, false))
        }
        Op::Moving(Moving::Slice)
            if rank(0)? == 1 && node.input_at(4).is_none_or(|_| list(4) == Some(vec![1])) =>
        {
            let (start, end) = slice_bounds(*list(1)?.first()?, *list(2)?.first()?, first.len())?;
            Some(int64s(first.get(start..end)?, false))
        }
        Op::Arithmetic(Arithmetic::Add) => pairs(i64::checked_add),
        Op::Arithmetic(Arithmetic::Sub) => pairs(i64::checked_sub),
        Op::Arithmetic(Arithmetic::Mul) => pairs(i64::checked_mul),
        Op::Arithmetic(Arithmetic::Div) => pairs(i64::checked_div),
        _ => None,
    }
}

/// Weights that are stored in another order than they are read in.
fn moved(graph: &Graph, node: &NodeProto, room: &mut Room) -> Option<TensorProto> {
    if !matches!(
        Op::of(node),
        Op::Moving(Moving::Transpose)
            | Op::Reshaping(Reshaping::Reshape | Reshaping::Unsqueeze | Reshaping::Squeeze)
            | Op::Passing(Passing::Identity)
    ) && !is_cast_to_float(node)
    {
        return None;
    }
    let value = graph.constant(node.input_at(0)?).ok()?;
    let dims = graph.shape(node.first_output()).ok()?.to_vec();
    if dims.iter().product::<usize>() != value.data.len() || !room.moves(&dims) {
        return None;
    }
    let data = match Op::of(node) {
        Op::Moving(Moving::Transpose) => {
            let order = permutation(node, dims.len())?;
            let array = ndarray::ArrayViewD::from_shape(value.dims, &value.data).ok()?;
            array.permuted_axes(order).iter().copied().collect()
        }
        _ => value.data,
    };
    Some(Tensor { dims, data }.to_proto(""))
}

fn is_cast_to_float(node: &NodeProto) -> bool {
    Op::of(node) == Passing::Cast && node.int("to", 0) == DataType::Float as i64
}

/// Weights of small integers, which are float32 once they are multiplied with their scale: (x − zero point) · scale, of each channel along an axis or of all.
fn dequantised(graph: &Graph, node: &NodeProto, room: &mut Room) -> Option<TensorProto> {
    if Op::of(node) != Quantisation::DequantizeLinear || node.int("block_size", 0) != 0 {
        return None;
    }
    let integers = |index: usize| tensor::small_integers(graph.stored(node.input_at(index)?)?);
    let numbers = integers(0)?;
    let dims = graph.shape(node.input_at(0)?).ok()?.to_vec();
    let scales = graph.constant(node.input_at(1)?).ok()?.data;
    let zeros = match node.input_at(2) {
        Some(_) => integers(2)?,
        None => vec![0],
    };
    // How many numbers of one scale follow each other, and how many scales there are.
    let (run, channels) = match scales.len() {
        1 => (1, 1),
        channels => {
            let axis = axis_of(node.int("axis", 1), dims.len())?;
            if dims[axis] != channels {
                return None;
            }
            (dims[axis + 1..].iter().product::<usize>(), channels)
        }
    };
    if !(zeros.len() == 1 || zeros.len() == channels) || !room.make(&dims) {
        return None;
    }
    let data = numbers.iter().enumerate().map(|(index, &number)| {
        let channel = index / usize::max(run, 1) % channels;
        let zero = zeros[channel % zeros.len()];
        // As ONNX Runtime has it: the difference is a whole number, and rounded once.
        (i64::from(number) - i64::from(zero)) as f32 * scales[channel]
    });
    let data = data.collect();
    Some(Tensor { dims, data }.to_proto(""))
}

/// A constant repeated to a shape, as PyTorch's `expand_as` of a weight is.
fn expanded(graph: &Graph, node: &NodeProto, room: &mut Room) -> Option<TensorProto> {
    if Op::of(node) != Reshaping::Expand {
        return None;
    }
    let value = graph.constant(node.input_at(0)?).ok()?;
    let dims = graph.shape(node.first_output()).ok()?.to_vec();
    if !room.make(&dims) {
        return None;
    }
    let array = ndarray::ArrayD::from_shape_vec(value.dims, value.data).ok()?;
    // Far faster than number by number.
    let mut wide = ndarray::ArrayD::zeros(dims.clone());
    wide.assign(&array.broadcast(dims.clone())?);
    let (data, _) = wide.into_raw_vec_and_offset();
    Some(Tensor { dims, data }.to_proto(""))
}

/// One number, repeated to a shape.
fn filled(graph: &Graph, node: &NodeProto, room: &mut Room) -> Option<TensorProto> {
    if Op::of(node) != Constants::ConstantOfShape {
        return None;
    }
    let dims = graph.shape(node.first_output()).ok()?.to_vec();
    let value = match node.attribute_named("value") {
        Some(value) => value.t.clone()?,
        // As the schema has it where none is said.
        None => Tensor {
            dims: vec![1],
            data: vec![0.0],
        }
        .to_proto(""),
    };
    let elements = dims.iter().product::<usize>();
    if value.data_type() == DataType::Int64 as i32 {
        let [number] = tensor::int64s(&value).ok()?[..] else {
            return None;
        };
        let fits = elements <= MOST_INTEGERS && dims.len() <= 1;
        return fits.then(|| int64s(&vec![number; elements], dims.is_empty()));
    }
    let [number] = Tensor::from_proto(&value).ok()?.data[..] else {
        return None;
    };
    room.make(&dims).then(|| {
        let data = vec![number; elements];
        Tensor { dims, data }.to_proto("")
    })
}

#[cfg(test)]
mod tests {
    use super::Room;
    use crate::onnx::Attribute;
    use crate::onnx::emit::tests::small_graph;
    use crate::onnx::ops::{Arithmetic, Constants, Convolution, Matrix, Moving, Reshaping};

    #[test]
    fn a_shape_that_is_computed_becomes_constant() {
        let graph = small_graph(|e| {
            let shape = e.op(Constants::Shape, &["x"], &[]);
            let two = e.int64s(&[2]);
            let height = e.op(Moving::Gather, &[&shape, &two], &[]);
            let rest = e.int64s(&[1, -1]);
            let target = e.op(
                Moving::Concat,
                &[&rest, &height],
                &[Attribute::Int("axis", 0)],
            );
            e.op(Reshaping::Reshape, &["x", &target], &[])
        });
        let [reshape] = graph.nodes() else {
            panic!("{:?}", graph.nodes());
        };
        assert_eq!(
            graph.constant_int64s(&reshape.input[1]).unwrap(),
            [1, -1, 4]
        );
        assert_eq!(reshape.op_type(), "Reshape");
    }

    #[test]
    fn a_weight_that_is_expanded_is_constant() {
        let graph = small_graph(|e| {
            let weight = e.constant(
                "w",
                crate::onnx::Tensor {
                    dims: vec![1, 1, 4, 1],
                    data: vec![0.0, 1.0, 2.0, 3.0],
                },
            );
            let shape = e.op(Constants::Shape, &["x"], &[]);
            let whole = e.op(Reshaping::Expand, &[&weight, &shape], &[]);
            e.op(Arithmetic::Mul, &[&whole, "x"], &[])
        });
        let [product] = graph.nodes() else {
            panic!("{:?}", graph.nodes());
        };
        let weight = graph.constant(&product.input[0]).unwrap();
        assert_eq!(weight.dims, [1, 1, 4, 4]);
        assert_eq!(weight.data[..8], [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0]);
    }

    #[test]
    fn a_number_is_repeated_to_a_shape_as_far_as_there_is_room() {
        let weight = |sides: [i64; 4]| {
            small_graph(|e| {
                let sides = e.int64s(&sides);
                let weight = e.op(Constants::ConstantOfShape, &[&sides], &[]);
                e.op(Convolution::Conv, &["x", &weight], &[])
            })
        };
        let graph = weight([5, 3, 3, 3]);
        let [convolution] = graph.nodes() else {
            panic!("{:?}", graph.nodes());
        };
        let found = graph.constant(&convolution.input[1]).unwrap();
        assert_eq!((found.dims, found.data), (vec![5, 3, 3, 3], vec![0.0; 135]));
        let graph = weight([1 << 24, 3, 3, 3]);
        assert_eq!(graph.nodes().len(), 2, "{:?}", graph.nodes());
    }

    #[test]
    fn all_that_is_made_shares_one_room() {
        let mut room = Room {
            made: 100,
            moved: 10,
        };
        assert!(room.make(&[9, 9]) && !room.make(&[4, 5]) && room.make(&[19]));
        assert!(!room.make(&[usize::MAX, 2]) && room.make(&[0, 7]));
        assert!(room.moves(&[2, 5]) && !room.moves(&[1]));
    }

    #[test]
    fn turned_weights_are_turned_once() {
        let graph = small_graph(|e| {
            let weight = e.constant(
                "w",
                crate::onnx::Tensor {
                    dims: vec![2, 3],
                    data: vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
                },
            );
            let turned = e.op(
                Moving::Transpose,
                &[&weight],
                &[Attribute::Ints("perm", &[1, 0])],
            );
            e.op(Matrix::MatMul, &["x", &turned], &[])
        });
        let [product] = graph.nodes() else {
            panic!("{:?}", graph.nodes());
        };
        let weight = graph.constant(&product.input[1]).unwrap();
        assert_eq!(weight.dims, [3, 2]);
        assert_eq!(weight.data, [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    }
}
