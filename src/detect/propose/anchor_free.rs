//! Heads without anchors: on each grid a convolution for the classes, one for the box and perhaps one for objectness, told apart by what is made of their outputs behind them.

use std::collections::{BTreeSet, HashMap};

use super::besides;
use super::branches::{Branch, GridBranches, Use};
use super::convolutions::{is_named_like_scores, last_convolutions, moves};
use super::found::{AnchorFree, Besides, Found, FoundBoxes, FoundOutputs};
use crate::onnx::ops::{Activation, Arithmetic, Moving, Normalisation, Op};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// The detector; `Err` says in a line what heads like these are, where they are not read.
pub(super) fn find(graph: &Graph) -> Result<Option<Found>, String> {
    let Some(mut last) = last_convolutions(graph) else {
        return Ok(None);
    };
    last.sort_by_key(|(_, [_, _, rows, cols])| std::cmp::Reverse(rows * cols));
    let uses = uses(graph, last.iter().map(|(tensor, _)| *tensor).collect());
    let mut grids: Vec<GridBranches> = Vec::new();
    for (tensor, [_, channels, rows, cols]) in last {
        let branch = Branch {
            tensor,
            channels,
            used: uses.get(tensor).cloned().unwrap_or_default(),
        };
        match grids.last_mut() {
            Some((grid, branches)) if *grid == [rows, cols] => branches.push(branch),
            _ => grids.push(([rows, cols], vec![branch])),
        }
    }
    refuse(&grids)?;
    let besides = besides::take(graph, &mut grids)?;
    let heads: Option<Vec<SortedBranches>> =
        grids.iter().map(|(_, branches)| head(branches)).collect();
    Ok(heads.and_then(|heads| found(graph, &heads, &grids, besides)))
}

/// Heads that are known, and not read.
fn refuse(grids: &[GridBranches]) -> Result<(), String> {
    let ones = |branches: &[Branch]| branches.iter().filter(|b| b.channels == 1).count();
    let is_landmarks = |(_, branches): &GridBranches| {
        branches.len() == 4 && ones(branches) == 2 && branches.iter().any(|b| b.channels == 4)
    };
    if !grids.is_empty() && grids.iter().all(is_landmarks) {
        return Err("its heads have a convolution more than class, objectness and box, landmarks: YuNet's score is the root of class times objectness, which is not read".to_owned());
    }
    Ok(())
}

/// A grid's convolutions by what they are.
struct SortedBranches {
    classes: usize,
    boxes: usize,
    objectness: Option<usize>,
    of_boxes: FoundBoxes,
    is_decoded: bool,
    /// How scores are made, and whether the graph says so.
    activation: (&'static str, bool),
}

fn head(branches: &[Branch]) -> Option<SortedBranches> {
    if !(2..=3).contains(&branches.len()) {
        return None;
    }
    let position = |is: &dyn Fn(&Branch) -> bool| {
        let mut found = (0..branches.len()).filter(|&index| is(&branches[index]));
        found.next().filter(|_| found.next().is_none())
    };
    let binned = position(&|b| b.is_binned());
    // With four classes their names decide.
    let plain = || {
        position(&|b| b.is_plain())
            .or_else(|| position(&|b| b.is_plain() && !is_named_like_scores(b.tensor)))
    };
    // Nothing is made of bins where boxes are decoded behind the graph, and of all others a sigmoid.
    let unused = || {
        position(&|b| b.used.is_none() && b.channels > 4 && b.channels.is_multiple_of(4))
            .filter(|&boxes| (0..branches.len()).all(|i| i == boxes || branches[i].used.sigmoid))
    };
    let boxes = binned.or_else(plain).or_else(unused)?;
    let rest: Vec<usize> = (0..branches.len())
        .filter(|&index| index != boxes)
        .collect();
    let (classes, objectness) = match rest[..] {
        [classes] => (classes, None),
        [a, b] => {
            let (classes, objectness) = objectness_last(branches, a, b)?;
            (classes, Some(objectness))
        }
        _ => return None,
    };
    let used = &branches[boxes].used;
    let is_sigmoid = branches[classes].used.sigmoid;
    let is_softmax = branches[classes].used.softmax == Some(branches[classes].channels);
    // With a softmax over the classes it is FastestDet, and without objectness an SSD.
    let is_bounded = is_softmax && objectness.is_some_and(|o| branches[o].used.sigmoid);
    if !is_bounded && branches[classes].used.softmax.is_some() || binned.is_some() && !is_sigmoid {
        return None;
    }
    let of_boxes = match used.softmax.filter(|_| binned.is_some()) {
        Some(bins) => FoundBoxes::Distances { bins: Some(bins) },
        None if is_bounded => FoundBoxes::Bounded,
        None if branches[boxes].channels > 4 => FoundBoxes::Distances {
            bins: Some(branches[boxes].channels / 4),
        },
        None if used.exponential || objectness.is_some() && !used.linear => FoundBoxes::Offsets,
        None => FoundBoxes::Distances { bins: None },
    };
    // Without objectness, what has an exponential is an SSD with one box a cell.
    if of_boxes == FoundBoxes::Offsets && objectness.is_none() {
        return None;
    }
    Some(SortedBranches {
        classes,
        boxes,
        objectness,
        of_boxes,
        is_decoded: binned.is_some() || used.exponential || used.linear,
        activation: match is_bounded {
            true => ("softmax", true),
            false => ("sigmoid", is_sigmoid),
        },
    })
}

/// Of two branches the one with the classes and the one with objectness, which has one channel; if both have, it is the one that comes first where they are joined.
fn objectness_last(branches: &[Branch], a: usize, b: usize) -> Option<(usize, usize)> {
    let is_said = |index: usize| branches[index].tensor.to_lowercase().contains("obj");
    match [a, b].map(|index| branches[index].channels) {
        [1, 1] if is_said(a) != is_said(b) => Some(if is_said(a) { (b, a) } else { (a, b) }),
        [1, 1] if branches[a].used.place < branches[b].used.place => Some((b, a)),
        [1, 1] => Some((a, b)),
        [_, 1] => Some((a, b)),
        [1, _] => Some((b, a)),
        _ => None,
    }
}

fn found(
    graph: &Graph,
    heads: &[SortedBranches],
    grids: &[GridBranches],
    besides: Option<Besides>,
) -> Option<Found> {
    let first = heads.first()?;
    let of_classes = |(head, (_, branches)): (&SortedBranches, &GridBranches)| {
        let alike = head.of_boxes == first.of_boxes
            && head.objectness.is_some() == first.objectness.is_some();
        alike.then(|| branches[head.classes].channels)
    };
    let counts: Option<BTreeSet<usize>> = heads.iter().zip(grids).map(of_classes).collect();
    let counts = counts?;
    let class_count = *counts.first().filter(|_| counts.len() == 1)?;
    let named = |which: &dyn Fn(&SortedBranches) -> Option<usize>| -> Vec<String> {
        let both = heads.iter().zip(grids);
        both.filter_map(|(head, (_, branches))| Some(branches[which(head)?].tensor.to_owned()))
            .collect()
    };
    Some(Found {
        class_count,
        activation: (
            first.activation.0,
            heads.iter().all(|head| head.activation.1),
        ),
        outputs: FoundOutputs::AnchorFree(AnchorFree {
            classes: named(&|head| Some(head.classes)),
            boxes: named(&|head| Some(head.boxes)),
            objectness: named(&|head| head.objectness),
            of_boxes: first.of_boxes,
            is_decoded: heads.iter().all(|head| head.is_decoded),
            is_root: has_root_of_product(graph),
            picks: picked(graph),
            grids: grids.iter().map(|(grid, _)| *grid).collect(),
            besides,
        }),
    })
}

/// How many detections a graph picks by itself, with the best scores.
fn picked(graph: &Graph) -> Option<usize> {
    let mut nodes = graph.nodes().iter();
    nodes.find(|node| node.operator() == "TopK")?;
    graph
        .outputs()
        .find_map(|output| match *graph.shape(output).ok()? {
            [1, count, numbers] if numbers >= 6 => Some(count),
            _ => None,
        })
}

/// What is made of each of `heads`, behind what only moves numbers.
fn uses<'a>(graph: &'a Graph, heads: Vec<&'a str>) -> HashMap<&'a str, Use> {
    let mut uses: HashMap<&str, Use> = heads.iter().map(|&head| (head, Use::default())).collect();
    let mut open = heads.clone();
    let mut seen = BTreeSet::new();
    while let Some(tensor) = open.pop() {
        for &index in graph.consumers(tensor) {
            let node = &graph.nodes()[index];
            if let Op::Moving(Moving::Concat) = Op::of(node)
                && let Some(used) = uses.get_mut(before_sigmoid(graph, tensor))
            {
                let place = node.input.iter().position(|input| input == tensor);
                used.place = used.place.or(place);
            }
            if !seen.insert(index) {
                continue;
            }
            if moves(Op::of(node)) {
                open.push(node.first_output());
                continue;
            }
            if Op::of(node) == Activation::Sigmoid {
                // Where its output is joined with others says what it is.
                open.push(node.first_output());
            }
            // Of a sigmoid's output too, these are the head's numbers no more.
            for input in graph.computed(node) {
                let Ok(origins) = graph.origins(input) else {
                    continue;
                };
                // Not all that was traced is still there: a Slice may have cut it off.
                let left: BTreeSet<u32> = origins.places.iter().map(|place| place.0).collect();
                for source in left {
                    let source = origins.sources.get(source as usize);
                    if let Some(used) = source.and_then(|source| uses.get_mut(source.as_str())) {
                        note(graph, used, node, input);
                    }
                }
            }
        }
    }
    uses
}

fn note(graph: &Graph, used: &mut Use, node: &NodeProto, input: &str) {
    match Op::of(node) {
        Op::Activation(Activation::Sigmoid) => used.sigmoid = true,
        Op::Arithmetic(Arithmetic::Exp) => used.exponential = true,
        Op::Normalisation(Normalisation::Softmax) => {
            used.softmax = graph.shape(input).ok().and_then(|shape| {
                let axis = node.int("axis", -1);
                let axis =
                    usize::try_from(axis).or_else(|_| usize::try_from(axis + shape.len() as i64));
                shape.get(axis.ok()?).copied()
            });
        }
        Op::Arithmetic(_) => used.linear = true,
        _ => used.otherwise = true,
    }
}

/// Whether the graph takes a root of the product of two sigmoids, or of that and a constant.
fn has_root_of_product(graph: &Graph) -> bool {
    let roots = graph
        .nodes()
        .iter()
        .filter(|node| Op::of(node) == Arithmetic::Sqrt);
    let products = roots.filter_map(|root| {
        let below = root.input_at(0)?;
        match made_by(graph, below, Arithmetic::Add.into()) {
            Some(sum) => graph.computed(sum).into_iter().next(),
            None => Some(below),
        }
    });
    products
        .filter_map(|tensor| made_by(graph, tensor, Arithmetic::Mul.into()))
        .any(|product| {
            let factors = graph.computed(product);
            let is_sigmoid =
                |factor: &&str| made_by(graph, factor, Activation::Sigmoid.into()).is_some();
            factors.len() == 2 && factors.iter().all(is_sigmoid)
        })
}

/// The node that writes a tensor, if it is of this kind.
fn made_by<'a>(graph: &'a Graph, tensor: &str, of: Op) -> Option<&'a NodeProto> {
    let node = graph.producer(tensor).map(|index| &graph.nodes()[index]);
    node.filter(|node| Op::of(node) == of)
}

/// The tensor that a sigmoid reads, or the tensor itself.
fn before_sigmoid<'a>(graph: &'a Graph, tensor: &'a str) -> &'a str {
    let producer = graph.producer(tensor).map(|index| &graph.nodes()[index]);
    let sigmoid = producer.filter(|node| Op::of(node) == Activation::Sigmoid);
    sigmoid.and_then(|node| node.input_at(0)).unwrap_or(tensor)
}
