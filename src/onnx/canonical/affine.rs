//! One factor and one summand a channel (batch normalisation, Mul, Div, Add and Sub with constants) become part of the convolution before them. Where there is none, batch
//! normalisation and summands become a depthwise 1x1 convolution, since their summand is a bias like any other; factors alone stay.

use std::collections::HashSet;

use super::rewrite::{Rewrite, node};
use crate::error::Result;
use crate::error::model::ensure;
use crate::onnx::attributes::NodeExt;
use crate::onnx::graph::Graph;
use crate::onnx::ops::{Arithmetic, Convolution, Normalisation, Op};
use crate::onnx::patterns::LONGEST_PATTERN;
use crate::onnx::proto::{GraphProto, NodeProto};
use crate::onnx::{Attribute, Tensor};

/// y = factor·x + summand, channel by channel.
struct Affine<'a> {
    input: &'a str,
    factor: Vec<f32>,
    summand: Vec<f32>,
}

/// Joins each convolution with all that follows it one after the other.
pub(super) fn join_convolutions(graph: &Graph) -> Result<Option<GraphProto>> {
    let mut rewrite = Rewrite::new(graph);
    let mut alone = Vec::new();
    for (index, this) in graph.nodes().iter().enumerate() {
        if rewrite.has_replaced(index) {
            continue;
        }
        let Some(affine) = read(graph, this)? else {
            continue;
        };
        match convolution_before(graph, affine.input) {
            Some(source) if !rewrite.has_replaced(source) => {
                let (chain, affine) = followed(graph, index, affine)?;
                let last = chain.last().copied().unwrap_or(index);
                let joined = join(graph, &mut rewrite, source, &graph.nodes()[last], &affine)?;
                if let Some(joined) = joined {
                    rewrite.replace(source, vec![]);
                    for between in chain {
                        rewrite.replace(between, vec![]);
                    }
                    rewrite.replace(last, vec![joined]);
                }
            }
            Some(_) => {}
            None if stands_alone(graph, this, &affine) => {
                alone.push((index, affine));
            }
            None => {}
        }
    }
    // A node before one of these may only now have become a convolution, which takes it along the next time.
    if rewrite.is_empty() {
        for (index, affine) in alone {
            // What follows another one is taken along by it the next time.
            let follows = graph.producer(affine.input);
            if !follows.is_some_and(|before| rewrite.has_replaced(before)) {
                let depthwise = depthwise(&mut rewrite, &graph.nodes()[index], &affine);
                rewrite.replace(index, vec![depthwise]);
            }
        }
    }
    Ok(rewrite.finish())
}

/// The nodes from `first` on that each do the same kind of thing to what the one before gives, and what they do together.
fn followed<'a>(
    graph: &Graph,
    first: usize,
    affine: Affine<'a>,
) -> Result<(Vec<usize>, Affine<'a>)> {
    let mut chain = vec![first];
    let mut whole = affine;
    let mut last = first;
    loop {
        let output = graph.nodes()[last].first_output();
        let &[next] = graph.consumers(output) else {
            break;
        };
        if graph.is_output(output) {
            break;
        }
        let Some(after) = read(graph, &graph.nodes()[next])? else {
            break;
        };
        if after.input != output {
            break;
        }
        let summands = whole.summand.iter().zip(&after.summand).zip(&after.factor);
        let summand: Vec<f32> = summands.map(|((a, b), factor)| a * factor + b).collect();
        let factors = whole.factor.iter().zip(&after.factor);
        let factor: Vec<f32> = factors.map(|(a, b)| a * b).collect();
        if !factor.iter().chain(&summand).all(|value| value.is_finite()) {
            break;
        }
        whole = Affine {
            input: whole.input,
            factor,
            summand,
        };
        chain.push(next);
        last = next;
    }
    Ok((chain, whole))
}

fn read<'a>(graph: &Graph, this: &'a NodeProto) -> Result<Option<Affine<'a>>> {
    if graph.refusal(this).is_some() {
        return Ok(None);
    }
    if Op::of(this) == Normalisation::BatchNormalization {
        return batch_normalisation(graph, this);
    }
    if !matches!(
        Op::of(this),
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sub | Arithmetic::Mul | Arithmetic::Div)
    ) {
        return Ok(None);
    }
    let (Some(first), Some(second)) = (this.input_at(0), this.input_at(1)) else {
        return Ok(None);
    };
    let swapped = graph.is_constant(first)
        && matches!(
            Op::of(this),
            Op::Arithmetic(Arithmetic::Add | Arithmetic::Mul)
        );
    let (input, operand) = if swapped {
        (second, first)
    } else {
        (first, second)
    };
    let (Ok([_, channels, ..]), Ok(operand)) = (graph.feature_map(input), graph.constant(operand))
    else {
        return Ok(None);
    };
    let Some(values) = by_channel(&operand, channels) else {
        return Ok(None);
    };
    let (zero, one) = (vec![0.0; channels], vec![1.0; channels]);
    let (factor, summand) = match Op::of(this) {
        Op::Arithmetic(Arithmetic::Add) => (one, values),
        Op::Arithmetic(Arithmetic::Sub) => (one, values.into_iter().map(|v| -v).collect()),
        Op::Arithmetic(Arithmetic::Mul) => (values, zero),
        _ => (values.into_iter().map(|v| 1.0 / v).collect(), zero),
    };
    let finite = factor.iter().chain(&summand).all(|v: &f32| v.is_finite());
    Ok(finite.then_some(Affine {
        input,
        factor,
        summand,
    }))
}

fn batch_normalisation<'a>(graph: &Graph, this: &'a NodeProto) -> Result<Option<Affine<'a>>> {
    let Some(input) = this.input_at(0) else {
        return Ok(None);
    };
    let Ok([_, channels, ..]) = graph.feature_map(input) else {
        return Ok(None);
    };
    let operand = |index: usize| graph.constant(this.input_at(index).unwrap_or_default());
    let [scale, shift, mean, variance] = [1, 2, 3, 4].map(|i| operand(i).map(|t| t.data));
    let (scale, shift, mean, variance) = (scale?, shift?, mean?, variance?);
    let lengths = [scale.len(), shift.len(), mean.len(), variance.len()];
    ensure!(
        lengths.iter().all(|&len| len == channels),
        "{} has parameters of lengths {lengths:?} for {channels} channels",
        this.describe()
    );
    let epsilon = this.float("epsilon", 1e-5);
    let factor: Vec<f32> = scale
        .iter()
        .zip(&variance)
        .map(|(scale, variance)| scale / (variance + epsilon).sqrt())
        .collect();
    let summand = (0..channels)
        .map(|c| shift[c] - mean[c] * factor[c])
        .collect();
    Ok(Some(Affine {
        input,
        factor,
        summand,
    }))
}

/// One value a channel, or one for all, in a shape that is broadcast so.
fn by_channel(operand: &Tensor, channels: usize) -> Option<Vec<f32>> {
    if operand.data.len() == 1 {
        return Some(vec![operand.data[0]; channels]);
    }
    let fits = match operand.dims[..] {
        [c, 1, 1] | [1, c, 1, 1] => c == channels,
        _ => false,
    };
    (fits && operand.data.len() == channels).then(|| operand.data.clone())
}

/// The convolution that makes a tensor, if nothing else reads it.
fn convolution_before(graph: &Graph, tensor: &str) -> Option<usize> {
    let source = graph.producer(tensor)?;
    let shared = graph.consumers(tensor).len() != 1 || graph.is_output(tensor);
    (Op::of(&graph.nodes()[source]) == Convolution::Conv && !shared).then_some(source)
}

/// Whether what has no convolution before it is to be one itself.
fn stands_alone(graph: &Graph, this: &NodeProto, affine: &Affine) -> bool {
    match Op::of(this) {
        Op::Normalisation(Normalisation::BatchNormalization) => true,
        Op::Arithmetic(Arithmetic::Add | Arithmetic::Sub) => {
            !gates_its_input(graph, this.first_output(), affine.input)
                && !graph.is_norm(affine.input)
        }
        _ => false,
    }
}

/// Whether `x` is multiplied with something that is made of `tensor`, element by element: x + 3 in x·clip(x + 3)/6 is the first part of a gate.
fn gates_its_input(graph: &Graph, tensor: &str, x: &str) -> bool {
    let mut seen = HashSet::new();
    let mut open = vec![tensor];
    while let Some(tensor) = open.pop() {
        if seen.len() > LONGEST_PATTERN {
            return false;
        }
        for &index in graph.consumers(tensor) {
            let node = &graph.nodes()[index];
            if Op::of(node) == Arithmetic::Mul && node.input.iter().any(|input| input == x) {
                return true;
            }
            if graph.elementwise_source(node) == Some(tensor) {
                let made = node.first_output();
                if seen.insert(made) {
                    open.push(made);
                }
            }
        }
    }
    false
}

/// The convolution that does both.
fn join(
    graph: &Graph,
    rewrite: &mut Rewrite,
    source: usize,
    this: &NodeProto,
    affine: &Affine,
) -> Result<Option<NodeProto>> {
    let convolution = &graph.nodes()[source];
    let channels = affine.factor.len();
    let Ok(mut weight) = graph.constant(convolution.input_at(1).unwrap_or_default()) else {
        return Ok(None);
    };
    let bias = match convolution.input_at(2) {
        Some(name) => graph.constant(name)?.data,
        None => vec![0.0; channels],
    };
    ensure!(
        weight.dims.first() == Some(&channels) && bias.len() == channels,
        "{} has weights {:?} and {} biases for {channels} channels",
        convolution.describe(),
        weight.dims,
        bias.len()
    );
    let per_channel = weight.data.len() / channels;
    for (weights, factor) in weight
        .data
        .chunks_mut(per_channel.max(1))
        .zip(&affine.factor)
    {
        weights.iter_mut().for_each(|w| *w *= factor);
    }
    let bias = (0..channels).map(|c| bias[c] * affine.factor[c] + affine.summand[c]);
    let bias = Tensor {
        dims: vec![channels],
        data: bias.collect(),
    };
    let name = this.first_output();
    let weight = rewrite.constant(format!("{name}:weight"), &weight);
    let bias = rewrite.constant(format!("{name}:bias"), &bias);
    let input = convolution.input_at(0).unwrap_or_default().to_owned();
    Ok(Some(NodeProto {
        input: vec![input, weight, bias],
        output: vec![name.to_owned()],
        ..convolution.clone()
    }))
}

fn depthwise(rewrite: &mut Rewrite, this: &NodeProto, affine: &Affine) -> NodeProto {
    let channels = affine.factor.len();
    let output = this.first_output();
    let weight = Tensor {
        dims: vec![channels, 1, 1, 1],
        data: affine.factor.clone(),
    };
    let bias = Tensor {
        dims: vec![channels],
        data: affine.summand.clone(),
    };
    let weight = rewrite.constant(format!("{output}:weight"), &weight);
    let bias = rewrite.constant(format!("{output}:bias"), &bias);
    let group = [Attribute::Int("group", channels as i64)];
    let mut convolution = node(
        Convolution::Conv,
        &[affine.input, &weight, &bias],
        output,
        &group,
    );
    convolution.name = this.name.clone();
    convolution
}

#[cfg(test)]
mod tests {
    use crate::onnx::emit::tests::{small_graph, small_proto_of};
    use crate::onnx::ops::{
        Activation, Arithmetic, Convolution, Moving, Normalisation, Pooling, Reduction,
    };
    use crate::onnx::{Attribute, Emitter, Graph, NodeExt, Tensor};

    fn of<const N: usize>(dims: &[usize], data: [f32; N]) -> Tensor {
        Tensor {
            dims: dims.to_vec(),
            data: data.to_vec(),
        }
    }

    fn batch_norm(e: &mut Emitter, x: &str) -> String {
        let scale = e.constant("scale", of(&[2], [4.0, 1.0]));
        let shift = e.constant("shift", of(&[2], [1.0, -1.0]));
        let mean = e.constant("mean", of(&[2], [0.5, 2.0]));
        let variance = e.constant("variance", of(&[2], [4.0 - 1e-5, 1.0 - 1e-5]));
        e.op(
            Normalisation::BatchNormalization,
            &[x, &scale, &shift, &mean, &variance],
            &[],
        )
    }

    fn assert_convolution(graph: &Graph, index: usize, weight: [f32; 2], bias: [f32; 2]) {
        let node = &graph.nodes()[index];
        assert_eq!(node.op_type(), "Conv");
        let found = [1, 2].map(|input| graph.constant(&node.input[input]).unwrap().data);
        for (found, expected) in found.iter().flatten().zip(weight.iter().chain(&bias)) {
            assert!(
                (found - expected).abs() < 1e-6,
                "{found} instead of {expected}"
            );
        }
    }

    #[test]
    fn batch_normalisation_becomes_part_of_the_convolution() {
        let graph = small_graph(|e| {
            let w = e.constant("w", of(&[2, 1, 1, 1], [2.0, 3.0]));
            let x = e.op(Convolution::Conv, &["x", &w], &[]);
            let y = batch_norm(e, &x);
            e.op(Activation::Relu, &[&y], &[])
        });
        assert_eq!(graph.nodes().len(), 2);
        assert_convolution(&graph, 0, [4.0, 3.0], [0.0, -3.0]);
    }

    #[test]
    fn batch_normalisation_without_a_convolution_is_one() {
        let graph = small_graph(|e| {
            let w = e.constant("w", of(&[2, 1, 1, 1], [2.0, 3.0]));
            let x = e.op(Convolution::Conv, &["x", &w], &[]);
            let x = e.op(Activation::Relu, &[&x], &[]);
            batch_norm(e, &x)
        });
        assert_eq!(graph.nodes().len(), 3);
        assert_convolution(&graph, 2, [2.0, 1.0], [0.0, -3.0]);
        assert_eq!(graph.nodes()[2].int("group", 1), 2);
    }

    #[test]
    fn factors_and_summands_behind_a_convolution_join_it_one_after_the_other() {
        let graph = small_graph(|e| {
            let w = e.constant("w", of(&[2, 1, 1, 1], [2.0, 3.0]));
            let b = e.constant("b", of(&[2], [1.0, 1.0]));
            let x = e.op(Convolution::Conv, &["x", &w, &b], &[]);
            let factor = e.constant("factor", of(&[2, 1, 1], [10.0, -1.0]));
            let x = e.op(Arithmetic::Mul, &[&factor, &x], &[]);
            let summand = e.constant("summand", of(&[1, 2, 1, 1], [0.5, 0.25]));
            e.op(Arithmetic::Sub, &[&x, &summand], &[])
        });
        assert_eq!(graph.nodes().len(), 1);
        assert_convolution(&graph, 0, [20.0, -3.0], [9.5, -1.25]);
    }

    #[test]
    fn the_summand_of_a_hard_sigmoid_stays() {
        let graph = small_graph(|e| {
            let three = e.scalar(3.0);
            let two = e.op(Moving::Concat, &["x", "x"], &[Attribute::Int("axis", 1)]);
            let shifted = e.op(Arithmetic::Add, &[&two, &three], &[]);
            let (low, high) = (e.scalar(0.0), e.scalar(6.0));
            let clipped = e.op(Activation::Clip, &[&shifted, &low, &high], &[]);
            let product = e.op(Arithmetic::Mul, &[&two, &clipped], &[]);
            e.op(Arithmetic::Add, &[&product, &three], &[])
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Concat", "Add", "Clip", "Mul", "Conv"]);
    }

    #[test]
    fn one_channel_alone_is_a_convolution_whatever_activation_follows() {
        let graph = small_graph(|e| {
            let (shift, low, high) = (e.scalar(0.5), e.scalar(0.0), e.scalar(6.0));
            let shifted = e.op(Arithmetic::Sub, &["x", &shift], &[]);
            e.op(Activation::Clip, &[&shifted, &low, &high], &[])
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["Conv", "Clip"]);
    }

    #[test]
    fn what_is_added_to_a_norm_stays() {
        let graph = small_graph(|e| {
            let (axes, epsilon) = (e.int64s(&[1]), e.scalar(1e-3));
            let squares = e.op(Reduction::ReduceSum, &["x", &axes], &[]);
            let sum = e.op(Arithmetic::Add, &[&squares, &epsilon], &[]);
            let norm = e.op(Arithmetic::Sqrt, &[&sum], &[]);
            e.op(Arithmetic::Div, &["x", &norm], &[])
        });
        let operators: Vec<_> = graph.nodes().iter().map(|n| n.op_type()).collect();
        assert_eq!(operators, ["ReduceSum", "Add", "Sqrt", "Div"]);
    }

    #[test]
    fn two_in_a_row_without_a_convolution_are_one() {
        let graph = small_graph(|e| {
            let x = e.op(Moving::Concat, &["x", "x"], &[Attribute::Int("axis", 1)]);
            let summand = e.constant("summand", of(&[1, 2, 1, 1], [1.0, -1.0]));
            let x = e.op(Arithmetic::Add, &[&x, &summand], &[]);
            batch_norm(e, &x)
        });
        assert_eq!(graph.nodes().len(), 2);
        assert_convolution(&graph, 1, [2.0, 1.0], [2.0, -4.0]);
    }

    #[test]
    fn a_chain_of_any_length_is_joined_in_one_walk() {
        let file = small_proto_of(|e| {
            let weight = e.constant("w", of(&[2, 1, 1, 1], [1.0, -1.0]));
            let mut last = e.op(Convolution::Conv, &["x", &weight], &[]);
            for index in 0..100 {
                let summand = e.scalar(index as f32);
                last = e.op(Arithmetic::Add, &[&last, &summand], &[]);
            }
            let two = e.scalar(2.0);
            last = e.op(Arithmetic::Mul, &[&last, &two], &[]);
            (vec![], e.op(Activation::Relu, &[&last], &[]))
        });
        let graph = Graph::new(file, vec![]).unwrap();
        let joined = super::join_convolutions(&graph).unwrap().unwrap();
        let graph = Graph::new(joined, vec![]).unwrap();
        let [convolution, _] = graph.nodes() else {
            panic!("{:?}", graph.nodes());
        };
        let found = [1, 2].map(|input| graph.constant(&convolution.input[input]).unwrap().data);
        assert_eq!(found, [vec![2.0, -2.0], vec![9900.0; 2]]);
    }

    #[test]
    fn an_average_takes_nothing_along() {
        let graph = small_graph(|e| {
            let x = e.op(Moving::Concat, &["x", "x"], &[Attribute::Int("axis", 1)]);
            let x = e.op(Pooling::GlobalAveragePool, &[&x], &[]);
            batch_norm(e, &x)
        });
        assert_eq!(graph.nodes().len(), 3);
        assert_convolution(&graph, 2, [2.0, 1.0], [0.0, -3.0]);
    }
}
