//! A YOLO with anchors that nothing is said of: one last convolution a grid, with t_x, t_y, t_w, t_h, objectness and class scores for each anchor. What boxes are made of
//! them is read from the file's own decode; without one it is guessed.

use super::convolutions::{last_convolutions, moves};
use super::found::{Found, FoundOutputs};
use super::found_yolo::FoundYolo;
use super::yolo_decode::{Decode, read};
use crate::detect::heads::before_activation;
use crate::detect::manifest::SizeDecode;
use crate::detect::yolo;
use crate::onnx::ops::{Activation, Arithmetic, Op};
use crate::onnx::{Graph, NodeExt};

/// Anchors of two, three and four heads, finest first: of yolov3-tiny, of yolov3 and yolov5, of yolov5 with a fourth head; all for COCO (darknet's cfg files, and
/// YOLOv5's).
const ANCHORS: [&[&[[u16; 2]]]; 3] = [
    &[
        &[[10, 14], [23, 27], [37, 58]],
        &[[81, 82], [135, 169], [344, 319]],
    ],
    &[
        &[[10, 13], [16, 30], [33, 23]],
        &[[30, 61], [62, 45], [59, 119]],
        &[[116, 90], [156, 198], [373, 326]],
    ],
    &[
        &[[19, 27], [44, 40], [38, 94]],
        &[[96, 68], [86, 152], [180, 137]],
        &[[140, 301], [303, 264], [238, 542]],
        &[[436, 615], [739, 380], [925, 792]],
    ],
];

/// Whether last convolutions are those of a YOLO, finest first: as many channels each, on grids of different fineness.
fn is_pyramid(last: &[(&str, [usize; 4])]) -> bool {
    let coarser =
        |pair: &[(&str, [usize; 4])]| pair[0].1[1] == pair[1].1[1] && pair[0].1[2] > pair[1].1[2];
    !last.is_empty() && last.windows(2).all(coarser)
}

fn finest_first((_, [_, _, rows, cols]): &(&str, [usize; 4])) -> std::cmp::Reverse<usize> {
    std::cmp::Reverse(rows * cols)
}

/// A YOLO whose file decodes its boxes; `size` is the picture's, [height, width]. `Err` says what it is that is not read.
pub(super) fn decoded(graph: &Graph, size: [usize; 2]) -> Result<Option<Found>, String> {
    let Some(mut last) = last_convolutions(graph) else {
        return Ok(None);
    };
    last.sort_by_key(finest_first);
    // Prototypes of masks are a map of their own, finer than all heads.
    if let [(_, prototypes), (_, head), _, ..] = last[..]
        && prototypes[1] != head[1]
        && prototypes[2] > head[2]
    {
        last.remove(0);
    }
    if !is_pyramid(&last) {
        return Ok(None);
    }
    let heads = last;
    let Some((class_count, decode, is_sigmoid)) = read(graph, &heads, size)? else {
        return Ok(None);
    };
    Ok(found(
        graph,
        &heads,
        class_count,
        (decode, true),
        is_sigmoid,
    ))
}

/// A YOLO whose file does not: with the anchors of one of the families, in its order of heads.
pub(super) fn guessed(graph: &Graph) -> Option<Found> {
    let mut heads = last_convolutions(graph)?;
    heads.sort_by_key(finest_first);
    if !is_pyramid(&heads) {
        return None;
    }
    let anchors = ANCHORS.iter().find(|all| all.len() == heads.len())?;
    let mut anchors: Vec<Vec<[f32; 2]>> = (anchors.iter())
        .map(|head| head.iter().map(|side| side.map(f32::from)).collect())
        .collect();
    let [_, channels, _, _] = heads.first()?.1;
    let each = channels / 3;
    let class_count = each
        .checked_sub(yolo::BEFORE_CLASSES)
        .filter(|&count| count > 0 && each * 3 == channels)?;
    let is_sigmoid = heads.iter().all(|(head, _)| has_sigmoid(graph, head));
    let has_exponential = (graph.nodes().iter()).any(|node| Op::of(node) == Arithmetic::Exp);
    // YOLOv5's and v7's exporters begin with the finest head, darknet's networks with the coarsest.
    let order = order(graph, &heads);
    let is_finest_first = order.len() > 1 && order.is_sorted();
    let sizes = if !has_exponential && (is_sigmoid || is_finest_first) {
        SizeDecode::SquaredSigmoid
    } else {
        heads.reverse();
        anchors.reverse();
        SizeDecode::Exponential
    };
    let scale = match sizes {
        SizeDecode::Exponential => 1.0,
        SizeDecode::SquaredSigmoid => 2.0,
    };
    let decode = Decode {
        scales: vec![scale; anchors.len()],
        anchors,
        sizes,
    };
    found(graph, &heads, class_count, (decode, false), is_sigmoid)
}

fn found(
    graph: &Graph,
    heads: &[(&str, [usize; 4])],
    class_count: usize,
    (decode, is_decoded): (Decode, bool),
    is_sigmoid: bool,
) -> Option<Found> {
    let heads: Vec<String> = (heads.iter()).map(|(head, _)| (*head).to_owned()).collect();
    yolo::with_rows(graph, &heads, class_count).ok()?;
    Some(Found {
        class_count,
        activation: ("sigmoid", is_sigmoid),
        outputs: FoundOutputs::Yolo(FoundYolo {
            heads,
            decode,
            is_decoded,
        }),
    })
}

/// Whether a sigmoid is taken of all that a head says.
fn has_sigmoid(graph: &Graph, head: &str) -> bool {
    let mut open = vec![head];
    while let Some(tensor) = open.pop() {
        for &index in graph.consumers(tensor) {
            let node = &graph.nodes()[index];
            match Op::of(node) {
                operator if moves(operator) => open.push(node.first_output()),
                operator if operator == Activation::Sigmoid => {
                    let count = |tensor| graph.shape(tensor).map(|s| s.iter().product::<usize>());
                    let [all, these] = [count(head), count(node.first_output())];
                    if all.is_ok_and(|all| these.is_ok_and(|these| these >= all)) {
                        return true;
                    }
                }
                _ => {}
            }
        }
    }
    false
}

/// The places in `heads` of those that the graph's outputs are moved from, in the order of the outputs.
fn order(graph: &Graph, heads: &[(&str, [usize; 4])]) -> Vec<usize> {
    let mut order = Vec::new();
    for output in graph.outputs() {
        let Ok(origins) = graph.origins(output) else {
            continue;
        };
        for source in &origins.sources {
            let source = before_activation(graph, source);
            let head = heads.iter().position(|(head, _)| {
                *head == source || graph.origins(source).is_ok_and(|o| o.sources == [*head])
            });
            order.extend(head.filter(|head| !order.contains(head)));
        }
    }
    order
}
