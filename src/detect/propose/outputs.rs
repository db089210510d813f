//! The outputs of a network that nothing is said of: class scores and boxes, joined or head by head, a YOLO's heads, or a classifier's scores.

use super::anchor_free;
use super::convolutions::{is_named_like_scores, last_convolutions};
use super::found::{Found, FoundOutputs};
use super::joined;
use super::untaken;
use super::yolo;
use crate::detect::{OutputTensors, heads};
use crate::onnx::ops::{Activation, Moving, Normalisation, Op, Reshaping};
use crate::onnx::{Graph, NodeExt, Parts};

/// What there is, looked for in this order: a YOLO whose file decodes its boxes, a detector without anchors, an SSD, another YOLO, a classifier. `size` is the picture's, [height, width].
/// `Err` says what it is that is not read.
pub(super) fn find(graph: &Graph, size: [usize; 2]) -> Result<Option<Found>, String> {
    let boxes = |found: &Found| match &found.outputs {
        FoundOutputs::Ssd { layout, .. } => layout.len(),
        _ => 0,
    };
    if let Some(found) = yolo::decoded(graph, size)? {
        return Ok(Some(found));
    }
    // A sigmoid of some of a convolution's channels is told before one of all of them.
    if let Some(found) = joined::find(graph) {
        return Ok(Some(found));
    }
    if let Some(found) = anchor_free::find(graph)? {
        return Ok(Some(found));
    }
    // A single head of several looks like a detector too.
    let found = [separate_heads(graph), detector(graph)]
        .into_iter()
        .flatten()
        .max_by_key(boxes);
    let found = (found.or_else(|| yolo::guessed(graph))).or_else(|| classifier(graph));
    match (
        found,
        joined::untold(graph).or_else(|| untaken::rest(graph)),
    ) {
        (None, Some(why)) => Err(why),
        (found, _) => Ok(found),
    }
}

/// Scores of classes for the whole picture, the last ones in the graph.
fn classifier(graph: &Graph) -> Option<Found> {
    graph.nodes().iter().rev().find_map(|node| {
        let classes = heads::before_activation(graph, node.first_output());
        let is_output = || graph.outputs().any(|output| output == node.first_output());
        let class_count = match *graph.shape(classes).ok()? {
            [1, class_count] => class_count,
            // What a squeeze makes of its maps looks the same.
            [1, class_count, 1, 1] if is_output() => class_count,
            _ => return None,
        };
        heads::find_classifier(graph, classes, class_count).ok()?;
        Some(Found {
            class_count,
            activation: activation(graph, classes),
            outputs: FoundOutputs::Classifier {
                classes: classes.to_owned(),
            },
        })
    })
}

/// An SSD whose heads are not joined: on each grid two last convolutions, one with four numbers a box and one with as many as there are classes, the same on all grids.
fn separate_heads(graph: &Graph) -> Option<Found> {
    let mut last = last_convolutions(graph)?;
    last.sort_by_key(|(_, [_, _, rows, cols])| std::cmp::Reverse(rows * cols));
    let (pairs, []) = last.as_chunks::<2>() else {
        return None;
    };
    let alike = |[a, b]: &[(&str, [usize; 4]); 2]| a.1[2..] == b.1[2..];
    if pairs.len() < 2 || !pairs.iter().all(alike) {
        return None;
    }
    // The number of classes if the second of a pair has the offsets.
    let classes = |of_classes: usize, of_offsets: usize| {
        let boxes = of_offsets / 4;
        let whole = of_offsets.is_multiple_of(4) && boxes > 0 && of_classes.is_multiple_of(boxes);
        whole.then(|| of_classes / boxes).filter(|&count| count > 1)
    };
    let either = |[a, b]: &[(&str, [usize; 4]); 2]| {
        let [first, second] = [classes(a.1[1], b.1[1]), classes(b.1[1], a.1[1])];
        // Where both could be either, their names decide.
        if is_named_like_scores(b.0) {
            [(second, true), (first, false)]
        } else {
            [(first, false), (second, true)]
        }
    };
    for class_count in either(&pairs[0]).into_iter().filter_map(|(count, _)| count) {
        let assigned = pairs.iter().map(|pair| {
            let fits = |(count, _): &(Option<usize>, bool)| *count == Some(class_count);
            let (_, turned) = either(pair).into_iter().find(fits)?;
            let [a, b] = pair.map(|(tensor, _)| tensor.to_owned());
            Some(if turned { (b, a) } else { (a, b) })
        });
        let Some(assigned) = assigned.collect::<Option<Vec<_>>>() else {
            continue;
        };
        let (classes, offsets): (Vec<String>, Vec<String>) = assigned.into_iter().unzip();
        let mut parts = Parts::of(graph);
        parts.rows("classes", &classes, class_count).ok()?;
        parts.rows("offsets", &offsets, 4).ok()?;
        let outputs = OutputTensors {
            classes: "classes".to_owned(),
            offsets: Some("offsets".to_owned()),
            objectness: None,
        };
        let (_, layout) = heads::find(&parts.join().ok()?, &outputs, class_count, 4).ok()?;
        return Some(Found {
            class_count,
            activation: activation(graph, &classes[0]),
            outputs: FoundOutputs::Ssd {
                classes,
                offsets,
                layout,
            },
        });
    }
    None
}

fn detector(graph: &Graph) -> Option<Found> {
    // Both have one row a default box; of several pairs that of the most boxes is the detector's whole output.
    let mut flattened: Vec<(&str, usize, usize)> = graph
        .nodes()
        .iter()
        .filter_map(|node| {
            let tensor = node.first_output();
            let joins = matches!(
                Op::of(node),
                Op::Moving(Moving::Concat)
                    | Op::Reshaping(Reshaping::Reshape)
                    | Op::Moving(Moving::Transpose)
                    | Op::Reshaping(Reshaping::Squeeze | Reshaping::Flatten)
            );
            match *graph.shape(tensor).ok().filter(|_| joins)? {
                [1, rows, columns] | [rows, columns] if rows > 1 && columns > 1 => {
                    Some((tensor, rows, columns))
                }
                _ => None,
            }
        })
        .collect();
    flattened.sort_by_key(|&(_, rows, _)| std::cmp::Reverse(rows));
    // Rows, how likely it is that the scores are scores, and what was found.
    let mut best: Option<(usize, u32, Found)> = None;
    for &(offsets, rows, columns) in &flattened {
        if columns != 4 || best.as_ref().is_some_and(|&(most, _, _)| most > rows) {
            continue;
        }
        for &(classes, _, class_count) in flattened.iter().filter(|(_, r, _)| *r == rows) {
            if classes == offsets {
                continue;
            }
            let outputs = OutputTensors {
                classes: classes.to_owned(),
                offsets: Some(offsets.to_owned()),
                objectness: None,
            };
            let Ok((_, layout)) = heads::find(graph, &outputs, class_count, 4) else {
                continue;
            };
            let activation = activation(graph, classes);
            // With four classes either could be the scores.
            let likelihood = 2 * u32::from(activation.1) + u32::from(is_named_like_scores(classes));
            if best.as_ref().is_none_or(|&(_, most, _)| likelihood > most) {
                let found = Found {
                    class_count,
                    activation,
                    outputs: FoundOutputs::Ssd {
                        classes: vec![classes.to_owned()],
                        offsets: vec![offsets.to_owned()],
                        layout,
                    },
                };
                best = Some((rows, likelihood, found));
            }
        }
    }
    best.map(|(_, _, found)| found)
}

/// What a node behind the scores says of them.
fn activation(graph: &Graph, classes: &str) -> (&'static str, bool) {
    let mut open = vec![classes];
    let mut seen = 0;
    while let Some(tensor) = open.pop() {
        for &index in graph.consumers(tensor) {
            let node = &graph.nodes()[index];
            match Op::of(node) {
                Op::Normalisation(Normalisation::Softmax | Normalisation::LogSoftmax) => {
                    return ("softmax", true);
                }
                Op::Activation(Activation::Sigmoid) => return ("sigmoid", true),
                Op::Reshaping(Reshaping::Reshape)
                | Op::Moving(Moving::Transpose | Moving::Concat)
                | Op::Reshaping(Reshaping::Squeeze | Reshaping::Unsqueeze)
                | Op::Moving(Moving::Slice) => {
                    open.push(node.first_output());
                }
                _ => {}
            }
        }
        seen += 1;
        if seen > 64 {
            break;
        }
    }
    ("softmax", false)
}
