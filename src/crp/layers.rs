//! The four layer types of CRP, and the layer that reads the pixels: each linear layer of a detector gets one, found from the graph.
//!
//! Tsunakawa et al. distinguish classification, localization, high-level and low-level feature layers. Where high-level begins is this project's
//! decision: at the resolution of the finest feature map that a head taps, and coarser.

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::str::FromStr;

use super::flow;
use crate::detect::ManifestField;
use crate::error::argument::Context;
use crate::error::{Error, Result};
use crate::onnx::ops::{Arithmetic, Convolution, Op, Passing, Resizing};
use crate::onnx::{Graph, NodeExt, is_fully_connected, proto::NodeProto};
use crate::spelling;

/// How many layers an error names where it cannot say which was meant.
const LISTED: usize = 5;

/// What a linear layer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LayerType {
    /// A last linear layer before class scores.
    Classification,
    /// A last linear layer before offsets.
    Localization,
    /// A feature layer of the finest tapped resolution or a coarser one.
    High,
    /// A feature layer of a finer resolution.
    Low,
    /// The layer that reads the picture.
    Pixels,
}

impl fmt::Display for LayerType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Classification => "classification",
            Self::Localization => "localization",
            Self::High => "high",
            Self::Low => "low",
            Self::Pixels => "pixels",
        })
    }
}

impl FromStr for LayerType {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const ALL: [LayerType; 5] = [
            LayerType::Classification,
            LayerType::Localization,
            LayerType::High,
            LayerType::Low,
            LayerType::Pixels,
        ];
        ALL.into_iter().find(|layer_type| layer_type.to_string() == text).with_context(|| {
            format!("there is no layer type '{text}': classification, localization, high, low and pixels exist")
        })
    }
}

/// Sets the types that a manifest's `[layer_types]` names.
///
/// # Errors
/// A layer that the heads do not depend on, or a type that does not exist.
pub(super) fn override_types(
    types: &mut LayerTypes,
    overrides: &BTreeMap<String, String>,
) -> Result<()> {
    for (tensor, layer_type) in overrides {
        let field = || ManifestField::of("layer_types", tensor);
        let layer_type = layer_type.parse().with_context(field)?;
        match types.get_mut(tensor) {
            Some(found) => *found = layer_type,
            None => {
                let instead = instead(tensor, types);
                return Err(field().wrong(format_args!("no layer writes it: {instead}")));
            }
        }
    }
    Ok(())
}

/// What a user may have meant by `tensor`, which no layer writes.
fn instead(tensor: &str, types: &LayerTypes) -> String {
    let names = || types.keys().map(String::as_str);
    let nearest = spelling::nearest(tensor, names());
    if !nearest.is_empty() {
        return format!("did you mean {}?", nearest.join(", "));
    }
    let some: Vec<&str> = names().take(LISTED).collect();
    let rest = match types.len() - some.len() {
        0 => String::new(),
        left => format!(" and {left} more, which 'ssdcrp inspect' lists without this line"),
    };
    format!("layers write {}{rest}", some.join(", "))
}

/// The type of each linear layer, by the name of its output tensor.
pub type LayerTypes = BTreeMap<String, LayerType>;

/// Types of all linear layers that relevance of the heads' tensors passes.
///
/// `class_tensors` and `offset_tensors` are the outputs of the heads' last linear layers.
///
/// # Errors
/// A head tensor that no node writes, or a feature map without a known shape.
pub fn layer_types(
    graph: &Graph,
    class_tensors: &[&str],
    offset_tensors: &[&str],
) -> Result<LayerTypes> {
    let (image, _) = graph.image_input()?;
    let heads = || class_tensors.iter().chain(offset_tensors);
    let mut finest = 0;
    for tensor in heads() {
        let producer = graph
            .producer(tensor)
            .with_context(|| format!("no node writes '{tensor}'"))?;
        let node = &graph.nodes()[producer];
        let tapped = node
            .input_at(0)
            .with_context(|| format!("{} has no input", node.describe()))?;
        finest = finest.max(resolution(graph, tapped)?);
    }
    // A network with one head for the whole picture, a classifier, has its high level from stride 16 on.
    if let ([_], []) = (class_tensors, offset_tensors) {
        let (_, [_, _, height, width]) = graph.image_input()?;
        finest = finest.max(height.div_ceil(16) * width.div_ceil(16));
    }
    let pictures = pictures(graph, image);
    let mut types = LayerTypes::new();
    for index in flow::passed(graph, heads().copied()) {
        let node = &graph.nodes()[index];
        if !flow::is_linear(node) {
            continue;
        }
        let output = node.first_output();
        let layer_type = if class_tensors.contains(&output) {
            LayerType::Classification
        } else if offset_tensors.contains(&output) {
            LayerType::Localization
        } else if node
            .input_at(0)
            .is_some_and(|input| pictures.contains(input))
        {
            LayerType::Pixels
        } else if resolution(graph, output)? <= finest {
            LayerType::High
        } else {
            LayerType::Low
        };
        types.insert(output.to_owned(), layer_type);
    }
    Ok(types)
}

/// The tensors that are the picture, its numbers moved perhaps (YOLOX folds four pixels to twelve channels), or normalised.
fn pictures<'a>(graph: &'a Graph, image: &'a str) -> HashSet<&'a str> {
    let mut pictures = HashSet::from([image]);
    for node in graph.nodes() {
        let computed = graph.computed(node);
        let keeps = match Op::of(node) {
            Op::Moving(_) | Op::Reshaping(_) | Op::Passing(Passing::Identity) => true,
            Op::Convolution(Convolution::Conv) => is_number_by_number(graph, node),
            Op::Arithmetic(Arithmetic::Mul) => computed.len() == 1,
            Op::Arithmetic(Arithmetic::Div) => {
                computed.len() == 1 && node.input_at(0) == Some(computed[0])
            }
            _ => false,
        };
        if keeps && computed.iter().all(|input| pictures.contains(input)) {
            pictures.extend(node.output.iter().map(String::as_str));
        }
    }
    pictures
}

/// Whether each output of a convolution is one input times a factor, with a summand: what a batch normalisation by itself is.
fn is_number_by_number(graph: &Graph, node: &NodeProto) -> bool {
    let shape_at = |index| node.input_at(index).and_then(|t| graph.shape(t).ok());
    let (Some(input), Some(weight)) = (shape_at(0), shape_at(1)) else {
        return false;
    };
    weight.iter().skip(1).all(|&size| size == 1)
        && graph.shape(node.first_output()).ok() == Some(input)
}

/// Height times width of a feature map.
fn resolution(graph: &Graph, tensor: &str) -> Result<usize> {
    let [_, _, height, width] = graph.feature_map(tensor)?;
    Ok(height * width)
}

/// A linear layer of a detector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Its output tensor.
    pub tensor: String,
    /// What it is for.
    pub layer_type: LayerType,
    /// Whether it is a fully connected layer in the file.
    pub is_dense: bool,
    /// Its output, `[1, C, H, W]`.
    pub shape: [usize; 4],
    /// Multiply-adds of a forward pass, padding counted in.
    pub macs: u64,
}

/// The layers of `types` in the order in which they are computed.
///
/// # Errors
/// A layer whose shapes are not known.
pub fn layers(graph: &Graph, types: &LayerTypes) -> Result<Vec<Layer>> {
    let mut layers = Vec::new();
    for node in graph.nodes() {
        let tensor = node.first_output();
        let Some(&layer_type) = types.get(tensor) else {
            continue;
        };
        let shape = graph.feature_map(tensor)?;
        let per_output: usize = match Op::of(node) {
            // Two rows and two columns are mixed.
            Op::Resizing(Resizing::Resize) => 4,
            _ => {
                let weight = node
                    .input_at(1)
                    .with_context(|| format!("{} has no weights", node.describe()))?;
                graph.shape(weight)?.iter().skip(1).product()
            }
        };
        let macs = (shape.iter().product::<usize>() * per_output) as u64;
        layers.push(Layer {
            tensor: tensor.to_owned(),
            layer_type,
            is_dense: is_fully_connected(node),
            shape,
            macs,
        });
    }
    Ok(layers)
}
