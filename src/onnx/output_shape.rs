//! The shape of a node's outputs, from the shapes of its inputs and from what of them is constant.

use std::collections::{BTreeMap, HashMap};

use super::Tensor;
use super::attributes::NodeExt;
use super::proto::{NodeProto, TensorProto};
use super::tensor;

/// The largest stride, pad or dilation.
const MAX_STEP: i64 = 1 << 20;

/// What is known of the tensors so far.
pub(super) struct Known<'a> {
    pub shapes: &'a HashMap<String, Vec<usize>>,
    pub initializers: &'a BTreeMap<String, TensorProto>,
}

impl Known<'_> {
    fn shape(&self, node: &NodeProto, index: usize) -> Option<&Vec<usize>> {
        self.shapes.get(node.input_at(index)?)
    }

    fn int64s(&self, node: &NodeProto, index: usize) -> Option<Vec<i64>> {
        tensor::int64s(self.initializers.get(node.input_at(index)?)?).ok()
    }

    fn floats(&self, node: &NodeProto, index: usize) -> Option<Vec<f32>> {
        let tensor = Tensor::from_proto(self.initializers.get(node.input_at(index)?)?).ok()?;
        Some(tensor.data)
    }

    /// A list that is an attribute in old operator sets and an input in newer ones.
    fn list(&self, node: &NodeProto, attribute: &str, index: usize) -> Option<Vec<i64>> {
        match node.ints(attribute) {
            Some(values) => Some(values.to_vec()),
            None => self.int64s(node, index),
        }
    }
}

/// The shapes of a node's outputs in their order; `None` where an operator or an operand is not known.
pub(super) fn output_shapes(node: &NodeProto, known: &Known) -> Option<Vec<Vec<usize>>> {
    match node.op() {
        "Split" => split(node, known),
        _ => Some(vec![output_shape(node, known)?]),
    }
}

fn output_shape(node: &NodeProto, known: &Known) -> Option<Vec<usize>> {
    let input = |index: usize| known.shape(node, index);
    match node.op() {
        "Conv" => {
            let weights = input(1)?;
            window(node, input(0)?, *weights.first()?, weights.get(2..)?)
        }
        "MaxPool" | "AveragePool" => {
            let kernel: Vec<_> = node
                .ints("kernel_shape")?
                .iter()
                .map(|&k| usize::try_from(k).ok())
                .collect::<Option<_>>()?;
            window(node, input(0)?, *input(0)?.get(1)?, &kernel)
        }
        "ConvTranspose" => conv_transpose(node, input(0)?, input(1)?),
        "GlobalAveragePool" | "GlobalMaxPool" => {
            let shape = input(0)?;
            let spatial = shape.len().checked_sub(2)?;
            Some([&shape[..2], &vec![1; spatial]].concat())
        }
        "Relu" | "Clip" | "Identity" | "Dropout" | "Sigmoid" | "LeakyRelu"
        | "BatchNormalization" | "HardSwish" | "HardSigmoid" | "PRelu" | "Elu" | "Tanh"
        | "Softplus" | "Mish" | "Softmax" | "LogSoftmax" | "LpNormalization" | "Cast" | "Sqrt"
        | "Abs" | "Exp" | "Neg" | "Sign" | "Reciprocal" => input(0).cloned(),
        "Add" | "Sub" | "Mul" | "Div" | "Pow" => broadcast(input(0)?, input(1)?),
        "Sum" | "Max" | "Min" => (1..node.input.len())
            .try_fold(input(0)?.clone(), |shape, i| broadcast(&shape, input(i)?)),
        "Transpose" => {
            let shape = input(0)?;
            let order = node.ints("perm")?;
            order
                .iter()
                .map(|&axis| shape.get(usize::try_from(axis).ok()?).copied())
                .collect()
        }
        "Reshape" => reshape(input(0)?, &known.int64s(node, 1)?, node.int("allowzero", 0)),
        "Flatten" => {
            let shape = input(0)?;
            let axis = node.int("axis", 1);
            let axis = if axis == shape.len() as i64 {
                shape.len()
            } else {
                place(axis, shape.len())?
            };
            Some(vec![
                shape[..axis].iter().product(),
                shape[axis..].iter().product(),
            ])
        }
        "Squeeze" => {
            let shape = input(0)?;
            let axes = match known.list(node, "axes", 1) {
                Some(axes) => places(&axes, shape.len())?,
                None if node.input_at(1).is_none() => {
                    (0..shape.len()).filter(|&axis| shape[axis] == 1).collect()
                }
                None => return None,
            };
            let kept = (0..shape.len()).filter(|axis| !axes.contains(axis));
            axes.iter()
                .all(|&axis| shape[axis] == 1)
                .then(|| kept.map(|axis| shape[axis]).collect())
        }
        "Unsqueeze" => {
            let shape = input(0)?;
            let axes = known.list(node, "axes", 1).filter(|axes| axes.len() < 16)?;
            let rank = shape.len() + axes.len();
            let axes = places(&axes, rank)?;
            let mut sizes = shape.iter();
            (0..rank)
                .map(|axis| {
                    if axes.contains(&axis) {
                        Some(1)
                    } else {
                        sizes.next().copied()
                    }
                })
                .collect()
        }
        "Concat" => {
            let first = input(0)?;
            let axis = place(node.int("axis", 0), first.len())?;
            let mut shape = first.clone();
            shape[axis] = (0..node.input.len())
                .map(|i| input(i)?.get(axis).copied())
                .sum::<Option<usize>>()?;
            Some(shape)
        }
        "Slice" => slice(node, input(0)?, known),
        "Pad" => {
            let pads = known.list(node, "pads", 1)?;
            let shape = input(0)?;
            let rank = shape.len();
            if node.input_at(3).is_some() || pads.len() != 2 * rank {
                return None;
            }
            (0..rank)
                .map(|axis| {
                    let padded = i64::try_from(shape[axis])
                        .ok()?
                        .checked_add(pads[axis])?
                        .checked_add(pads[axis + rank])?;
                    usize::try_from(padded).ok()
                })
                .collect()
        }
        "Resize" => resize(node, input(0)?, known),
        "Expand" => broadcast(
            input(0)?,
            &known
                .int64s(node, 1)?
                .iter()
                .map(|&d| usize::try_from(d).ok())
                .collect::<Option<Vec<_>>>()?,
        ),
        "MatMul" => {
            let (a, b) = (input(0)?, input(1)?);
            let [rows, inner] = *a.last_chunk()?;
            let [depth, columns] = *b.last_chunk()?;
            let mut shape = broadcast(&a[..a.len() - 2], &b[..b.len() - 2])?;
            shape.extend([rows, columns]);
            (inner == depth).then_some(shape)
        }
        "Gemm" => {
            let [a, b] = [input(0)?, input(1)?].map(|s| <[usize; 2]>::try_from(s.as_slice()).ok());
            let of = |shape: [usize; 2], turned: &str| {
                if node.int(turned, 0) == 0 {
                    shape
                } else {
                    [shape[1], shape[0]]
                }
            };
            let (a, b) = (of(a?, "transA"), of(b?, "transB"));
            (a[1] == b[0]).then(|| vec![a[0], b[1]])
        }
        "ReduceMean" | "ReduceSum" | "ReduceL2" | "ReduceMax" | "ReduceSumSquare" => {
            let shape = input(0)?;
            let axes = match known.list(node, "axes", 1) {
                Some(axes) => places(&axes, shape.len())?,
                None if node.input_at(1).is_none() => (0..shape.len()).collect(),
                None => return None,
            };
            let keep = node.int("keepdims", 1) != 0;
            Some(
                (0..shape.len())
                    .filter(|axis| keep || !axes.contains(axis))
                    .map(|axis| if axes.contains(&axis) { 1 } else { shape[axis] })
                    .collect(),
            )
        }
        _ => None,
    }
}

/// An axis that may count from the end.
pub fn place(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 {
        axis.checked_add(rank as i64)?
    } else {
        axis
    };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

fn places(axes: &[i64], rank: usize) -> Option<Vec<usize>> {
    axes.iter().map(|&axis| place(axis, rank)).collect()
}

/// The output of a convolution or pooling with a kernel of the size `kernel`.
fn window(
    node: &NodeProto,
    input: &[usize],
    channels: usize,
    kernel: &[usize],
) -> Option<Vec<usize>> {
    let rank = input.len().checked_sub(2)?;
    let at = |name: &str, index: usize, default: i64| step(node, name, index, default);
    let mode = node.string("auto_pad").unwrap_or("NOTSET");
    let rounds_up = node.int("ceil_mode", 0) != 0;
    let mut shape = vec![input[0], channels];
    for axis in 0..rank {
        let stride = at("strides", axis, 1)?.max(1);
        if mode.starts_with("SAME") {
            shape.push(input[axis + 2].div_ceil(stride));
            continue;
        }
        let extent = at("dilations", axis, 1)?.checked_mul(kernel.get(axis)?.checked_sub(1)?)? + 1;
        let (begin, end) = match mode {
            "VALID" => (0, 0),
            _ => (at("pads", axis, 0)?, at("pads", axis + rank, 0)?),
        };
        let room = (input[axis + 2] + begin + end).checked_sub(extent)?;
        let mut size = room / stride + 1;
        // A window more, but none that begins in the padding at the end.
        if rounds_up && !room.is_multiple_of(stride) && size * stride < input[axis + 2] + begin {
            size += 1;
        }
        shape.push(size);
    }
    Some(shape)
}

fn conv_transpose(node: &NodeProto, input: &[usize], weights: &[usize]) -> Option<Vec<usize>> {
    let rank = input.len().checked_sub(2)?;
    let mode = node.string("auto_pad").unwrap_or("NOTSET");
    if mode != "NOTSET" || node.ints("output_shape").is_some() {
        return None;
    }
    let groups = usize::try_from(node.int("group", 1)).ok()?;
    let mut shape = vec![input[0], weights.get(1)?.checked_mul(groups)?];
    for axis in 0..rank {
        let at = |name: &str, index: usize, default: i64| step(node, name, index, default);
        let reach =
            at("dilations", axis, 1)?.checked_mul(weights.get(axis + 2)?.checked_sub(1)?)?;
        let size = input[axis + 2]
            .checked_sub(1)?
            .checked_mul(at("strides", axis, 1)?)?
            .checked_add(reach + 1 + at("output_padding", axis, 0)?)?;
        shape.push(size.checked_sub(at("pads", axis, 0)? + at("pads", axis + rank, 0)?)?);
    }
    Some(shape)
}

fn step(node: &NodeProto, name: &str, index: usize, default: i64) -> Option<usize> {
    let values = node.ints(name).and_then(|v| v.get(index).copied());
    let value = values.unwrap_or(default);
    usize::try_from(value).ok().filter(|_| value <= MAX_STEP)
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

fn slice(node: &NodeProto, input: &[usize], known: &Known) -> Option<Vec<usize>> {
    let (starts, ends) = (known.int64s(node, 1)?, known.int64s(node, 2)?);
    let axes = match node.input_at(3) {
        Some(_) => places(&known.int64s(node, 3)?, input.len())?,
        None => (0..starts.len()).collect(),
    };
    let steps = match node.input_at(4) {
        Some(_) => known.int64s(node, 4)?,
        None => vec![1; starts.len()],
    };
    let mut shape = input.to_vec();
    for (index, &axis) in axes.iter().enumerate() {
        let (start, end) = bounds(*starts.get(index)?, *ends.get(index)?, *input.get(axis)?)?;
        let step = usize::try_from(*steps.get(index)?)
            .ok()
            .filter(|&s| s > 0)?;
        shape[axis] = end.saturating_sub(start).div_ceil(step);
    }
    Some(shape)
}

/// First and one past the last of a slice with a positive step along an axis of `size`.
pub fn bounds(start: i64, end: i64, size: usize) -> Option<(usize, usize)> {
    let size = i64::try_from(size).ok()?;
    let at = |position: i64| {
        let position = if position < 0 {
            position.saturating_add(size)
        } else {
            position
        };
        usize::try_from(position.clamp(0, size)).ok()
    };
    Some((at(start)?, at(end)?))
}

fn split(node: &NodeProto, known: &Known) -> Option<Vec<Vec<usize>>> {
    let shape = known.shape(node, 0)?;
    let axis = place(node.int("axis", 0), shape.len())?;
    let sizes = split_sizes(shape[axis], node.output.len(), known.list(node, "split", 1))?;
    Some(
        sizes
            .into_iter()
            .map(|size| {
                let mut part = shape.clone();
                part[axis] = size;
                part
            })
            .collect(),
    )
}

/// The sizes of the parts: those given, else equal ones, of which the last is the smaller where they do not divide `total`.
pub(super) fn split_sizes(
    total: usize,
    parts: usize,
    given: Option<Vec<i64>>,
) -> Option<Vec<usize>> {
    if let Some(given) = given {
        let sizes: Option<Vec<usize>> = given.iter().map(|&s| usize::try_from(s).ok()).collect();
        let sizes = sizes?;
        let sum = sizes
            .iter()
            .try_fold(0usize, |sum, &s| sum.checked_add(s))?;
        return (sum == total && sizes.len() == parts).then_some(sizes);
    }
    let each = total.div_ceil(parts.max(1));
    (0..parts)
        .map(|part| Some(each.min(total.checked_sub(part * each)?)))
        .collect()
}

fn resize(node: &NodeProto, input: &[usize], known: &Known) -> Option<Vec<usize>> {
    let axes = match node.ints("axes") {
        Some(axes) => places(axes, input.len())?,
        None => (0..input.len()).collect(),
    };
    let mut shape = input.to_vec();
    match (known.int64s(node, 3), known.floats(node, 2)) {
        (Some(sizes), _) if sizes.len() == axes.len() => {
            for (&axis, &size) in axes.iter().zip(&sizes) {
                shape[axis] = usize::try_from(size).ok()?;
            }
        }
        (_, Some(scales)) if scales.len() == axes.len() => {
            for (&axis, &scale) in axes.iter().zip(&scales) {
                let size = (input[axis] as f32 * scale).floor();
                if !(0.0..=MAX_STEP as f32).contains(&size) {
                    return None;
                }
                shape[axis] = size as usize;
            }
        }
        _ => return None,
    }
    Some(shape)
}
