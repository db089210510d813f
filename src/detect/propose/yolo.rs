//! A YOLO with anchors that nothing is said of: one last convolution a grid, with t_x, t_y, t_w, t_h, objectness and class scores for each anchor. What boxes are made of
//! them is read from the file's own decode; without one it is guessed.

use std::fmt::Write;

use super::convolutions::{last_convolutions, moves};
use super::found::{Found, FoundOutputs};
use super::text::{GUESS, list, one_or_all};
use super::yolo_decode::{Decode, read};
use crate::detect::heads::before_activation;
use crate::detect::manifest::SizeDecode;
use crate::detect::yolo;
use crate::error::Result;
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

/// Its heads, and how boxes are made.
pub(super) struct Yolo {
    pub heads: Vec<String>,
    pub decode: Decode,
    /// Whether the file says how.
    pub is_decoded: bool,
}

/// The last convolutions of a YOLO, finest first: as many channels each, on grids of different fineness.
fn heads(graph: &Graph) -> Option<Vec<(&str, [usize; 4])>> {
    let mut heads = last_convolutions(graph)?;
    heads.sort_by_key(|(_, [_, _, rows, cols])| std::cmp::Reverse(rows * cols));
    let [_, channels, _, _] = heads.first()?.1;
    let coarser = |pair: &[(&str, [usize; 4])]| pair[0].1[2] > pair[1].1[2];
    let alike = heads.iter().all(|(_, shape)| shape[1] == channels);
    (alike && heads.windows(2).all(coarser)).then_some(heads)
}

/// A YOLO whose file decodes its boxes; `size` is the picture's, [height, width]. `Err` says what it is that is not read.
pub(super) fn decoded(graph: &Graph, size: [usize; 2]) -> Result<Option<Found>, String> {
    let Some(heads) = heads(graph) else {
        return Ok(None);
    };
    let Some((class_count, decode, is_sigmoid)) = read(graph, &heads, size)? else {
        return Ok(None);
    };
    Ok(found(graph, &heads, class_count, (decode, true), is_sigmoid))
}

/// A YOLO whose file does not: with the anchors of one of the families, in its order of heads.
pub(super) fn guessed(graph: &Graph) -> Option<Found> {
    let mut heads = heads(graph)?;
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
        outputs: FoundOutputs::Yolo(Yolo {
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

impl Yolo {
    /// How pictures are brought to the input's size, as the families do it.
    pub(super) fn resize(&self) -> &'static str {
        match self.decode.sizes {
            SizeDecode::Exponential => "\"bilinear\"",
            SizeDecode::SquaredSigmoid => "{ letterbox = \"centre\" }",
        }
    }

    /// Its part of `[output]`, and `[default_boxes]` and `[detection]`.
    pub(super) fn write(&self, text: &mut String, activation: &str) -> Result<()> {
        let Decode {
            anchors,
            scales,
            sizes,
        } = &self.decode;
        let is_squared = *sizes == SizeDecode::SquaredSigmoid;
        writeln!(text, "heads = {}\n{activation}", one_or_all(&self.heads))?;
        let mark = match (self.is_decoded, is_squared) {
            (true, _) => "# found in the graph".to_owned(),
            (false, true) => format!("{GUESS}: YOLOv5's and v7's; YOLOv3's are \"exponential\""),
            (false, false) => {
                format!("{GUESS}: YOLOv3's and v4's; YOLOv5's are \"squared-sigmoid\"")
            }
        };
        let name = if is_squared {
            "squared-sigmoid"
        } else {
            "exponential"
        };
        writeln!(text, "size_decode = \"{name}\" {mark}")?;
        let mark = if self.is_decoded {
            "# found in the graph"
        } else {
            GUESS
        };
        if scales.iter().any(|&scale| scale != 1.0) {
            writeln!(text, "scale_x_y = {} {mark}", list(scales))?;
        }
        writeln!(text)?;
        match (self.is_decoded, is_squared) {
            (true, _) => writeln!(text, "[default_boxes] # found in the graph")?,
            (false, true) => writeln!(
                text,
                "[default_boxes] {GUESS}: the anchors of YOLOv5 for COCO"
            )?,
            (false, false) => writeln!(
                text,
                "[default_boxes] {GUESS}: the anchors of YOLOv3 for COCO"
            )?,
        }
        writeln!(text, "generator = \"anchors\"")?;
        let of_head = |head: &Vec<[f32; 2]>| {
            let sides: Vec<String> = head.iter().map(|side| list(side)).collect();
            format!("    [{}],\n", sides.join(", "))
        };
        let rows: String = anchors.iter().map(of_head).collect();
        writeln!(text, "sizes = [\n{rows}]")?;
        if is_squared {
            writeln!(text, "\n[detection]\nsuppression = \"one-class\" {GUESS}")?;
            writeln!(text, "score_threshold = 0.25 {GUESS}")?;
        }
        Ok(())
    }
}
