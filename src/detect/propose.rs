//! A manifest proposed for a bare ONNX file: what the graph says, and, marked as such, what can only be guessed.
//!
//! In: a graph without a manifest. Out: the text of a manifest that [`Manifest::parse`](super::Manifest::parse) reads.

mod anchor_free;
mod background;
mod besides;
mod branches;
mod convolutions;
mod default_boxes;
mod found;
mod found_yolo;
mod joined;
mod outputs;
mod probe;
mod text;
mod untaken;
mod yolo;
mod yolo_decode;

use std::fmt::Write;

use super::manifest::Manifest;
use super::picture_input;
use crate::error::Result;
use crate::error::manifest::{Context, bail, error};
use crate::limits::MOST_DETECTIONS;
use crate::onnx::ops::{Arithmetic, Convolution, Op};
use crate::onnx::{Graph, NodeExt, proto::NodeProto};
use background::Background;
use default_boxes::Generator;
use found::{AnchorFree, Besides, Found, FoundBoxes, FoundOutputs, steps};
use text::{GUESS, all, list, one_or_all, quoted};

/// Where the picture enters, and how it is normalised as far as the graph shows it.
struct ProposedInput {
    tensor: String,
    /// Whether it is not the graph's own input.
    is_inner: bool,
    /// Whether the size is from the user.
    is_size_said: bool,
    size: [usize; 2],
    /// Mean and standard deviation for values 0..255, if nodes before the tensor make them.
    normalised: Option<([f32; 3], [f32; 3])>,
}

/// The text of a manifest for a detector called `name`; `size` is the width and height of its picture where the graph does not show them.
///
/// # Errors
/// A graph in which no picture or no pair of class scores and offsets is found, or that takes other pictures than of three colours, one at a time; the message says what was looked for.
pub fn propose(graph: &Graph, name: &str, size: Option<[usize; 2]>) -> Result<String> {
    let picture = picture(graph, size)?;
    let [height, width] = picture.size;
    let inner = graph.with_input(&picture.tensor, [1, 3, height, width])?;
    let found = match untaken::family(&inner) {
        Some(why) => Err(why),
        None => outputs::find(&inner, picture.size),
    };
    let found = found.map_err(|why| error!("{why}"))?;
    let found = found.context(
            "no class scores [1, D, K] and box offsets [1, D, 4] were found that are put together from the same feature maps, nor the heads of a YOLO, \
             nor scores [1, K] for the whole picture: if it is an SSD, name their tensors in a manifest (models/README.md)",
        )?;
    let background = background::find(&inner, &found);
    let text = write(&picture, &found, &background, name)?;
    let manifest = Manifest::parse(&text, "what was found").context("it makes no manifest")?;
    // No manifest helps where the file takes other pictures than this program has.
    picture_input::of(graph.clone(), &manifest)?;
    Ok(text)
}

fn picture(graph: &Graph, size: Option<[usize; 2]>) -> Result<ProposedInput> {
    let Some(tensor) = graph.picture_tensor() else {
        bail!("{}", why_no_picture(graph));
    };
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
    let said = size.map(|[width, height]| [height, width]);
    let size = said.or(known).or_else(own).with_context(|| {
        format!(
            "the size of the picture '{tensor}' is not known: name it with --size, or export with fixed height and width"
        )
    })?;
    Ok(ProposedInput {
        tensor: tensor.to_owned(),
        is_inner,
        is_size_said: said.is_some(),
        size,
        normalised: is_inner.then(|| normalisation(graph, tensor)).flatten(),
    })
}

/// Why no convolution is known to read a picture.
fn why_no_picture(graph: &Graph) -> String {
    let mut convolutions = (graph.nodes().iter()).filter(|node| Op::of(node) == Convolution::Conv);
    let computed = convolutions.clone().find_map(|node| {
        let weight = node.input_at(1).filter(|name| !graph.is_constant(name))?;
        let maker = &graph.nodes()[graph.producer(weight)?];
        Some(format!(
            "{} has the weights '{weight}', which are no constant: {} makes them. Save the model with its constants folded",
            node.describe(),
            maker.describe()
        ))
    });
    let of_others = || {
        let node = convolutions.next()?;
        let shape = graph.shape(node.input_at(1)?).ok()?;
        Some(format!(
            "no convolution reads a picture of one or three channels: the weights of the first, {}, have the shape {shape:?}",
            node.describe()
        ))
    };
    let none = || "the graph has no convolution, so there is none that reads a picture".to_owned();
    computed.or_else(of_others).unwrap_or_else(none)
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
        match Op::of(node) {
            Op::Arithmetic(Arithmetic::Sub) if from_picture => {
                (0..3).for_each(|c| summand[c] -= values[c]);
            }
            Op::Arithmetic(Arithmetic::Add) if from_picture => {
                (0..3).for_each(|c| summand[c] += values[c]);
            }
            Op::Arithmetic(Arithmetic::Div) if from_picture => (0..3).for_each(|c| {
                factor[c] /= values[c];
                summand[c] /= values[c];
            }),
            Op::Arithmetic(Arithmetic::Mul) if from_picture => (0..3).for_each(|c| {
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

fn write(
    picture: &ProposedInput,
    found: &Found,
    background: &Background,
    name: &str,
) -> Result<String> {
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
        FoundOutputs::Ssd { .. } => "ssd",
        FoundOutputs::Classifier { .. } => "classifier",
        FoundOutputs::Yolo(_) => "yolo",
        FoundOutputs::AnchorFree(_) | FoundOutputs::Joined(_) => "anchor-free",
    };
    writeln!(text, "kind = \"{kind}\"")?;
    writeln!(text, "name = {}", quoted(name))?;
    writeln!(text)?;
    write_labels(&mut text, found.class_count, background)?;
    writeln!(text)?;
    write_input(&mut text, picture, &found.outputs)?;
    writeln!(text)?;
    write_output(&mut text, picture.size, found, background)?;
    Ok(text)
}

fn write_labels(text: &mut String, class_count: usize, background: &Background) -> Result<()> {
    writeln!(text, "labels = [ {GUESS}: {class_count} numbers a box")?;
    let labels: Vec<String> = (0..class_count)
        .map(|class| {
            if class == 0 && background.is_first {
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
    Ok(())
}

/// The section `[input]`.
fn write_input(text: &mut String, picture: &ProposedInput, outputs: &FoundOutputs) -> Result<()> {
    let ProposedInput {
        tensor,
        is_inner,
        is_size_said,
        size: [height, width],
        normalised,
    } = picture;
    writeln!(text, "[input]")?;
    if *is_inner {
        writeln!(
            text,
            "tensor = {} # what comes before it is cut off",
            quoted(tensor)
        )?;
    }
    if *is_inner || *is_size_said {
        writeln!(text, "size = [{width}, {height}]")?;
    }
    let colour = match outputs {
        FoundOutputs::AnchorFree(found) => found.colour(),
        FoundOutputs::Joined(found) => found.colour(),
        _ => "rgb",
    };
    writeln!(text, "colour = \"{colour}\" {GUESS}")?;
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
            let (mean, std) = match outputs {
                FoundOutputs::Yolo(_) => ([0.0; 3], [255.0; 3]),
                FoundOutputs::AnchorFree(found) => ([0.0; 3], [found.std(); 3]),
                FoundOutputs::Joined(found) => found.normalisation(),
                FoundOutputs::Ssd { .. } | FoundOutputs::Classifier { .. } => {
                    ([127.5; 3], [127.5; 3])
                }
            };
            writeln!(text, "mean = {} {GUESS}", list(&mean))?;
            writeln!(text, "std = {} {GUESS}", list(&std))?;
        }
    }
    let resize = match outputs {
        FoundOutputs::AnchorFree(found) => found.resize(),
        FoundOutputs::Yolo(found) => found.resize(),
        _ => "\"bilinear\"",
    };
    writeln!(text, "resize = {resize} {GUESS}")?;
    Ok(())
}

/// The sections `[output]` and `[default_boxes]`; `size` is the picture's height and width.
fn write_output(
    text: &mut String,
    size: [usize; 2],
    found: &Found,
    background: &Background,
) -> Result<()> {
    writeln!(text, "[output]")?;
    let (activation, known) = found.activation;
    let mark = if known { "# found in the graph" } else { GUESS };
    let activation = format!("activation = \"{activation}\" {mark}");
    match &found.outputs {
        FoundOutputs::Classifier { classes } => {
            writeln!(text, "classes = {}\n{activation}", quoted(classes))?;
        }
        FoundOutputs::Ssd {
            classes,
            offsets,
            layout,
        } => {
            writeln!(text, "classes = {}\n{activation}", one_or_all(classes))?;
            writeln!(text, "offsets = {}", one_or_all(offsets))?;
            let generator = Generator::of(layout, size);
            let order = match generator {
                Generator::TensorFlow | Generator::MultiscaleAnchors { .. } => {
                    ["cy", "cx", "h", "w"]
                }
                Generator::PriorBox => ["cx", "cy", "w", "h"],
            };
            writeln!(text, "offset_order = {order:?} {GUESS}")?;
            writeln!(
                text,
                "background = {} {}",
                background.value(),
                background.mark
            )?;
            writeln!(text, "variances = [0.1, 0.2] {GUESS}")?;
            writeln!(text)?;
            let side = size[0].min(size[1]);
            default_boxes::write(text, &generator, layout, found.class_count, side)?;
        }
        FoundOutputs::AnchorFree(found) => {
            write_anchor_free(text, size, found, &activation)?;
        }
        FoundOutputs::Joined(found) => found.write(text, size, &activation)?,
        FoundOutputs::Yolo(found) => found.write(text, &activation)?,
    }
    Ok(())
}

/// The same of a detector without anchors, and `[detection]`.
fn write_anchor_free(
    text: &mut String,
    size: [usize; 2],
    found: &AnchorFree,
    activation: &str,
) -> Result<()> {
    let mark = if found.is_decoded {
        "# found in the graph"
    } else {
        GUESS
    };
    writeln!(text, "classes = {}\n{activation}", all(&found.classes))?;
    if !found.objectness.is_empty() {
        writeln!(text, "objectness = {}", all(&found.objectness))?;
    }
    match found.of_boxes {
        FoundBoxes::Distances { bins } => {
            let end = bins.map_or("", |_| "\n");
            writeln!(text, "{mark}: left, top, right, bottom in cells")?;
            writeln!(text, "distances = {}", all(&found.boxes))?;
            let bins = bins.map(|bins| format!("bins = {bins} {mark}"));
            write!(text, "{}{end}", bins.unwrap_or_default())?;
        }
        FoundBoxes::Offsets => {
            writeln!(text, "{mark}: centre in cells, exponents of the size")?;
            writeln!(text, "offsets = {}", all(&found.boxes))?;
        }
        FoundBoxes::Bounded => {
            writeln!(text, "offsets = {}", all(&found.boxes))?;
            writeln!(text, "coding = \"bounded\" {GUESS}: FastestDet's")?;
        }
    }
    if let Some((powers, mark)) = found.score_powers() {
        writeln!(text, "score_powers = {} {mark}", list(&powers))?;
    }
    if let Some(Besides { what, tensors }) = &found.besides {
        let tensors: Vec<String> = tensors.iter().map(|tensor| quoted(tensor)).collect();
        writeln!(text, "# left out, {what}: {}", tensors.join(", "))?;
    }
    writeln!(text, "\n[default_boxes]\ngenerator = \"cells\"")?;
    if !matches!(found.of_boxes, FoundBoxes::Distances { .. }) {
        writeln!(
            text,
            "offset = 0.0 {GUESS}: cells are counted from their corners"
        )?;
    }
    if let Some(steps) = steps(&found.grids, size) {
        writeln!(text, "steps = {} {GUESS}", list(&steps))?;
    }
    let (suppression, mark) = match found.picks {
        Some(_) => (
            "none",
            "# the graph itself picks the best scores, and suppresses none",
        ),
        None => ("one-class", GUESS),
    };
    writeln!(
        text,
        "\n[detection]\nsuppression = \"{suppression}\" {mark}"
    )?;
    writeln!(text, "score_threshold = 0.25 {GUESS}")?;
    if let Some(count) = found.picks {
        let most = count.min(MOST_DETECTIONS);
        writeln!(text, "max_detections = {most} # found in the graph")?;
    }
    Ok(())
}
