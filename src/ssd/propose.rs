//! A manifest proposed for a bare ONNX file: what the graph says, and, marked as such, what can only be guessed.
//!
//! In: a graph without a manifest. Out: the text of a manifest that [`Manifest::parse`](super::Manifest::parse) reads.

use std::collections::HashSet;
use std::fmt::Write;

use anyhow::{Context, Result};

use super::layout::{HeadGrid, Layout};
use super::{heads, yolo};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};

/// Behind a value that the graph does not say.
const GUESS: &str = "# a guess";

/// What was found of a network's outputs.
struct Found {
    class_count: usize,
    /// How scores are made, and whether the graph says so.
    activation: (&'static str, bool),
    outputs: Outputs,
}

/// The tensors of each kind of network, and the grids of a detector.
enum Outputs {
    Ssd {
        classes: String,
        offsets: String,
        layout: Layout,
    },
    Classifier {
        classes: String,
    },
    Yolo {
        heads: Vec<String>,
        anchors: &'static [&'static [[u16; 2]]],
    },
}

/// Anchors of yolov3-tiny and yolov3 for COCO, coarsest head first (darknet's cfg files).
const ANCHORS: [&[&[[u16; 2]]]; 2] = [
    &[
        &[[81, 82], [135, 169], [344, 319]],
        &[[10, 14], [23, 27], [37, 58]],
    ],
    &[
        &[[116, 90], [156, 198], [373, 326]],
        &[[30, 61], [62, 45], [59, 119]],
        &[[10, 13], [16, 30], [33, 23]],
    ],
];

/// Where the picture enters, and how it is normalised as far as the graph shows it.
struct Picture {
    tensor: String,
    /// Whether it is not the graph's own input.
    is_inner: bool,
    size: [usize; 2],
    /// Mean and standard deviation for values 0..255, if nodes before the tensor make them.
    normalised: Option<([f32; 3], [f32; 3])>,
}

/// The text of a manifest for a detector called `name`.
///
/// # Errors
/// A graph in which no picture or no pair of class scores and offsets is found; the message says what was looked for.
pub fn propose(graph: &Graph, name: &str) -> Result<String> {
    let picture = picture(graph)?;
    let [height, width] = picture.size;
    let inner = graph.with_input(&picture.tensor, [1, 3, height, width])?;
    let found = detector(&inner)
        .or_else(|| yolo(&inner))
        .or_else(|| classifier(&inner))
        .context(
            "no class scores [1, D, K] and box offsets [1, D, 4] were found that are put together from the same feature maps, nor the two or three heads of a YOLO, \
             nor scores [1, K] for the whole picture: if it is an SSD, name their tensors in a manifest (models/README.md)",
        )?;
    write(&picture, &found, name)
}

/// Scores of classes for the whole picture, the last ones in the graph.
fn classifier(graph: &Graph) -> Option<Found> {
    graph.nodes().iter().rev().find_map(|node| {
        let classes = heads::before_activation(graph, node.first_output());
        let [1, class_count] = *graph.shape(classes).ok()? else {
            return None;
        };
        heads::find_classifier(graph, classes, class_count).ok()?;
        Some(Found {
            class_count,
            activation: activation(graph, classes),
            outputs: Outputs::Classifier {
                classes: classes.to_owned(),
            },
        })
    })
}

/// Two or three last convolutions of as many channels each, on grids of different fineness: three anchors with four offsets, objectness and class scores.
fn yolo(graph: &Graph) -> Option<Found> {
    let convolutions = || {
        let nodes = graph.nodes().iter();
        nodes.filter(|node| node.op() == "Conv")
    };
    let read = convolutions().filter_map(|node| node.input_at(0));
    let inner: HashSet<usize> = graph.ancestors(read).into_iter().collect();
    let mut heads: Vec<(&str, [usize; 4])> = convolutions()
        .map(NodeExt::first_output)
        .filter(|tensor| {
            graph
                .producer(tensor)
                .is_some_and(|index| !inner.contains(&index))
        })
        .map(|tensor| Some((tensor, graph.feature_map(tensor).ok()?)))
        .collect::<Option<_>>()?;
    heads.sort_by_key(|(_, [_, _, rows, cols])| rows * cols);
    let anchors = ANCHORS.into_iter().find(|all| all.len() == heads.len())?;
    let [_, channels, _, _] = heads.first()?.1;
    let finer = |pair: &[(&str, [usize; 4])]| pair[0].1[2] < pair[1].1[2];
    let alike = heads.iter().all(|(_, shape)| shape[1] == channels);
    let each = channels / anchors[0].len();
    if !alike || !heads.windows(2).all(finer) || each * anchors[0].len() != channels {
        return None;
    }
    let class_count = each
        .checked_sub(yolo::BEFORE_CLASSES)
        .filter(|&count| count > 0)?;
    let heads: Vec<String> = heads
        .into_iter()
        .map(|(tensor, _)| tensor.to_owned())
        .collect();
    yolo::with_rows(graph, &heads, class_count).ok()?;
    Some(Found {
        class_count,
        activation: ("sigmoid", false),
        outputs: Outputs::Yolo { heads, anchors },
    })
}

fn detector(graph: &Graph) -> Option<Found> {
    // Both have one row a default box; of several pairs that of the most boxes is the detector's whole output.
    let mut flattened: Vec<(&str, usize, usize)> = graph
        .nodes()
        .iter()
        .filter_map(|node| {
            let tensor = node.first_output();
            let joins = matches!(
                node.op(),
                "Concat" | "Reshape" | "Transpose" | "Squeeze" | "Flatten"
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
            let Ok((_, layout)) = heads::find(graph, classes, offsets, None, class_count) else {
                continue;
            };
            let activation = activation(graph, classes);
            // With four classes either could be the scores.
            let likelihood = 2 * u32::from(activation.1) + u32::from(is_named_like_scores(classes));
            if best.as_ref().is_none_or(|&(_, most, _)| likelihood > most) {
                let found = Found {
                    class_count,
                    activation,
                    outputs: Outputs::Ssd {
                        classes: classes.to_owned(),
                        offsets: offsets.to_owned(),
                        layout,
                    },
                };
                best = Some((rows, likelihood, found));
            }
        }
    }
    best.map(|(_, _, found)| found)
}

fn is_named_like_scores(tensor: &str) -> bool {
    let tensor = tensor.to_lowercase();
    ["class", "cls", "score", "conf", "logit"]
        .iter()
        .any(|part| tensor.contains(part))
}

fn picture(graph: &Graph) -> Result<Picture> {
    let tensor = graph
        .picture_tensor()
        .context("no convolution reads a picture of one or three channels")?;
    let input = graph.inputs().find(|(name, _)| *name == tensor);
    let is_inner = input.is_none();
    let known = graph.feature_map(tensor).ok().map(|[_, _, h, w]| [h, w]);
    // Preprocessing in the graph may hide the size, which the graph's own input often shows.
    let own = || {
        graph.inputs().find_map(|(_, shape)| match *shape? {
            [.., 1 | 3, h, w] if h > 3 && w > 3 => Some([h, w]),
            [.., h, w, 1 | 3] if h > 3 && w > 3 => Some([h, w]),
            _ => None,
        })
    };
    let size = known.or_else(own).with_context(|| {
        format!(
            "the size of the picture '{tensor}' is not known: export with fixed height and width"
        )
    })?;
    Ok(Picture {
        tensor: tensor.to_owned(),
        is_inner,
        size,
        normalised: is_inner.then(|| normalisation(graph, tensor)).flatten(),
    })
}

/// (x − a) / b between the graph's input, 0..1 or 0..255, and `tensor`, as mean and standard deviation for 0..255.
fn normalisation(graph: &Graph, tensor: &str) -> Option<([f32; 3], [f32; 3])> {
    // x ↦ factor·x + summand, channel by channel.
    let (mut factor, mut summand) = ([1f32; 3], [0f32; 3]);
    let mut any = false;
    for index in graph.ancestors([tensor]) {
        let node: &NodeProto = &graph.nodes()[index];
        let constant = node.input_at(1).and_then(|name| graph.constant(name).ok());
        let Some(values) = constant.and_then(|c| match c.data[..] {
            [one] => Some([one; 3]),
            [r, g, b] => Some([r, g, b]),
            _ => None,
        }) else {
            continue;
        };
        let from_picture = node.input_at(0).is_some_and(|x| !graph.is_constant(x));
        match node.op() {
            "Sub" if from_picture => (0..3).for_each(|c| summand[c] -= values[c]),
            "Add" if from_picture => (0..3).for_each(|c| summand[c] += values[c]),
            "Div" if from_picture => (0..3).for_each(|c| {
                factor[c] /= values[c];
                summand[c] /= values[c];
            }),
            "Mul" if from_picture => (0..3).for_each(|c| {
                factor[c] *= values[c];
                summand[c] *= values[c];
            }),
            _ => continue,
        }
        any = true;
    }
    let mean = [0, 1, 2].map(|c| -summand[c] / factor[c]);
    // A mean within 0..1 belongs to pictures of 0..1.
    let whole = if mean.iter().all(|m| m.abs() <= 1.0) {
        255.0
    } else {
        1.0
    };
    let (mean, std) = (mean.map(|m| m * whole), factor.map(|f| whole / f));
    let usable =
        std.iter().all(|s| s.is_finite() && *s > 1e-6) && mean.iter().all(|m| m.is_finite());
    (any && usable).then_some((mean, std))
}

/// What a node behind the scores says of them.
fn activation(graph: &Graph, classes: &str) -> (&'static str, bool) {
    let mut open = vec![classes];
    let mut seen = 0;
    while let Some(tensor) = open.pop() {
        for &index in graph.consumers(tensor) {
            let node = &graph.nodes()[index];
            match node.op() {
                "Softmax" | "LogSoftmax" => return ("softmax", true),
                "Sigmoid" => return ("sigmoid", true),
                "Reshape" | "Transpose" | "Concat" | "Squeeze" | "Unsqueeze" | "Slice" => {
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

fn write(picture: &Picture, found: &Found, name: &str) -> Result<String> {
    let Picture {
        tensor,
        is_inner,
        size: [height, width],
        normalised,
    } = picture;
    let mut text = String::new();
    writeln!(
        text,
        "# Proposed by ssdcrp from the graph alone. What is marked as a guess is not in the graph: hold it against how the network was trained,"
    )?;
    writeln!(
        text,
        "# and set the labels. models/README.md explains every field."
    )?;
    writeln!(text)?;
    let kind = match found.outputs {
        Outputs::Ssd { .. } => "ssd",
        Outputs::Classifier { .. } => "classifier",
        Outputs::Yolo { .. } => "yolo",
    };
    writeln!(text, "kind = \"{kind}\"")?;
    writeln!(text, "name = {}", quoted(name))?;
    writeln!(text)?;
    writeln!(
        text,
        "labels = [ {GUESS}: {} numbers a box",
        found.class_count
    )?;
    let labels: Vec<String> = (0..found.class_count)
        .map(|class| {
            if class == 0 && kind == "ssd" {
                "\"background\"".to_owned()
            } else {
                format!("\"class {class}\"")
            }
        })
        .collect();
    for row in labels.chunks(8) {
        writeln!(text, "    {},", row.join(", "))?;
    }
    writeln!(text, "]")?;
    writeln!(text)?;
    writeln!(text, "[input]")?;
    if *is_inner {
        writeln!(
            text,
            "tensor = {} # what comes before it is cut off",
            quoted(tensor)
        )?;
        writeln!(text, "size = [{width}, {height}]")?;
    }
    writeln!(text, "colour = \"rgb\" {GUESS}")?;
    match normalised {
        Some((mean, std)) => {
            writeln!(
                text,
                "mean = {} # as the graph has it, for pictures of 0..255",
                list(mean)
            )?;
            writeln!(text, "std = {}", list(std))?;
        }
        None => {
            let (mean, std) = match found.outputs {
                Outputs::Yolo { .. } => (0.0, 255.0),
                Outputs::Ssd { .. } | Outputs::Classifier { .. } => (127.5, 127.5),
            };
            writeln!(text, "mean = {} {GUESS}", list(&[mean; 3]))?;
            writeln!(text, "std = {} {GUESS}", list(&[std; 3]))?;
        }
    }
    writeln!(text, "resize = \"bilinear\" {GUESS}")?;
    writeln!(text)?;
    writeln!(text, "[output]")?;
    let (activation, known) = found.activation;
    let mark = if known { "# found in the graph" } else { GUESS };
    let activation = format!("activation = \"{activation}\" {mark}");
    match &found.outputs {
        Outputs::Classifier { classes } => {
            writeln!(text, "classes = {}\n{activation}", quoted(classes))?;
        }
        Outputs::Ssd {
            classes,
            offsets,
            layout,
        } => {
            writeln!(text, "classes = {}\n{activation}", quoted(classes))?;
            writeln!(text, "offsets = {}", quoted(offsets))?;
            writeln!(
                text,
                "offset_order = [\"cx\", \"cy\", \"w\", \"h\"] {GUESS}"
            )?;
            writeln!(text, "background = 0 {GUESS}")?;
            writeln!(text, "variances = [0.1, 0.2] {GUESS}")?;
            writeln!(text)?;
            let side = *width.min(height);
            default_boxes(&mut text, layout, found.class_count, side)?;
        }
        Outputs::Yolo { heads, anchors } => {
            let heads: Vec<String> = heads.iter().map(|head| quoted(head)).collect();
            writeln!(text, "heads = [{}]\n{activation}", heads.join(", "))?;
            writeln!(text)?;
            writeln!(
                text,
                "[default_boxes] {GUESS}: the anchors of YOLOv3 for COCO"
            )?;
            writeln!(text, "generator = \"anchors\"")?;
            writeln!(text, "sizes = {anchors:?}")?;
        }
    }
    Ok(text)
}

/// TensorFlow's boxes where the numbers a cell are TensorFlow's, else prior boxes, of the SSD paper's sizes where the grids are those of its model for VOC.
fn default_boxes(
    text: &mut String,
    layout: &Layout,
    class_count: usize,
    side: usize,
) -> Result<()> {
    let grids = layout
        .heads
        .iter()
        .map(|HeadGrid { rows, cols, shapes }| format!("{rows}x{cols} cells of {shapes}"));
    writeln!(
        text,
        "[default_boxes] {GUESS}, for heads of {}",
        grids.collect::<Vec<_>>().join(", ")
    )?;
    let shapes: Vec<usize> = layout.heads.iter().map(|head| head.shapes).collect();
    if shapes.first() == Some(&3) && shapes[1..].iter().all(|&s| s == 6) {
        writeln!(text, "generator = \"tensorflow\"")?;
        writeln!(text, "min_scale = 0.2\nmax_scale = 0.95")?;
        writeln!(text, "aspect_ratios = [1.0, 2.0, 0.5, 3.0, 0.3333]")?;
        return Ok(());
    }
    let heads = layout.heads.len();
    let rows: Vec<usize> = layout.heads.iter().map(|head| head.rows).collect();
    let paper = side == 300 && rows == [38, 19, 10, 5, 3, 1];
    let (sizes, steps): (Vec<[f32; 2]>, Option<Vec<f32>>) = if paper {
        // The paper's sizes for the 20 classes of VOC, and those for COCO.
        let bounds = if class_count == 21 {
            [30., 60., 111., 162., 213., 264., 315.]
        } else {
            [21., 45., 99., 153., 207., 261., 315.]
        };
        let sizes: Vec<[f32; 2]> = bounds.windows(2).map(|pair| [pair[0], pair[1]]).collect();
        (sizes, Some(vec![8.0, 16.0, 32.0, 64.0, 100.0, 300.0]))
    } else {
        let scale = |head: usize| match head {
            _ if head == heads => 1.0,
            _ => 0.2 + 0.75 * head as f32 / (heads.max(2) - 1) as f32,
        };
        let sizes = (0..heads)
            .map(|head| [scale(head), scale(head + 1)].map(|s| (s * side as f32).round()));
        (sizes.collect(), None)
    };
    let mut pairs = Vec::new();
    let mut ratios = Vec::new();
    for (head, &shapes) in shapes.iter().enumerate() {
        let two = shapes.is_multiple_of(2) && shapes > 1;
        pairs.push(if two {
            list(&sizes[head])
        } else {
            list(&sizes[head][..1])
        });
        let squares = if two { 2 } else { 1 };
        let count = (shapes - squares) / 2;
        let these: Vec<f32> = (0..count).map(|i| i as f32 + 2.0).collect();
        ratios.push(list(&these));
    }
    writeln!(text, "generator = \"prior-box\"")?;
    writeln!(text, "sizes = [{}]", pairs.join(", "))?;
    writeln!(text, "aspect_ratios = [{}]", ratios.join(", "))?;
    if let Some(steps) = steps {
        writeln!(text, "steps = {}", list(&steps))?;
    }
    writeln!(text, "clip = true")?;
    Ok(())
}

fn list(values: &[f32]) -> String {
    let values: Vec<String> = values
        .iter()
        .map(|v| format!("{:?}", (v * 1e3).round() / 1e3))
        .collect();
    format!("[{}]", values.join(", "))
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}
