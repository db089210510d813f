//! Finds a detector's heads in its graph: each number of the class and offset outputs is followed back to the layer that computes it, and what comes from where says
//! which feature maps there are, how many boxes a cell has, and which channel means what.

use ndarray::{ArrayView2, Axis, Ix2, Ix3, Slice};

use super::class::ClassId;
use super::layout::{HeadGrid, HeadLayout};
use super::manifest::{ManifestField, OutputSection, Tensors};
use super::output_tensors::OutputTensors;
use crate::error::manifest::{Context, bail, ensure, error};
use crate::error::{Error, Result};
use crate::onnx::ops::{Activation, Convolution, Normalisation, Op};
use crate::onnx::{Graph, NodeExt, Parts};

/// One scale of the detector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Output of the classification layer, `[1, channels, rows, cols]`.
    pub class_tensor: String,
    /// Output of the localization layer, `[1, channels, rows, cols]`; a classifier has none.
    pub offset_tensor: Option<String>,
    /// Output of the layer that says whether there is an object, `[1, channels, rows, cols]`, where it is said apart from the classes.
    pub objectness_tensor: Option<String>,
    class_channels: Channels,
    offset_channels: Option<Channels>,
    objectness_channels: Option<Channels>,
}

impl Head {
    /// The channel of the class tensor that holds the logit of `class` at the boxes of a shape.
    pub fn class_channel(&self, shape: usize, class: ClassId) -> usize {
        self.class_channels.of(shape, class.0)
    }

    /// The channel of the offset tensor that holds `column` of the offsets at the boxes of a shape, where there are offsets.
    pub fn offset_channel(&self, shape: usize, column: usize) -> Option<usize> {
        Some(self.offset_channels.as_ref()?.of(shape, column))
    }

    /// The channel of the objectness tensor that belongs to the boxes of a shape, where there is objectness.
    pub fn objectness_channel(&self, shape: usize) -> Option<usize> {
        Some(self.objectness_channels.as_ref()?.of(shape, 0))
    }

    /// The outputs of what scores objects: the classes, and whether there is one.
    pub fn score_tensors(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.class_tensor.as_str()).chain(self.objectness_tensor.as_deref())
    }

    /// The tensors at which relevance may enter.
    pub fn tensors(&self) -> impl Iterator<Item = &str> {
        self.score_tensors().chain(self.offset_tensor.as_deref())
    }
}

/// The channel of each column at each shape.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Channels {
    columns: usize,
    channels: Vec<usize>,
}

impl Channels {
    fn of(&self, shape: usize, column: usize) -> usize {
        self.channels[shape * self.columns + column]
    }
}

/// The heads in the order of the outputs, with their grids.
///
/// # Errors
/// An output that the graph does not have or that is not put together from feature maps cell by cell; heads whose grids do not belong together.
pub fn find(
    graph: &Graph,
    outputs: &OutputTensors,
    class_count: usize,
    box_columns: usize,
) -> Result<(Vec<Head>, HeadLayout)> {
    let classes = &outputs.classes;
    let offsets = outputs.offsets.as_deref().context("no offsets are named")?;
    let class_scales = scales(
        graph,
        classes,
        class_count,
        "labels of the manifest (one a class id, background included)",
    )
    .context(ManifestField::of("output", "classes"))?;
    let offset_scales = scales(
        graph,
        offsets,
        box_columns,
        "numbers that say where a box is",
    )
    .context(ManifestField::of("output", "offsets"))?;
    let objectness_scales = match &outputs.objectness {
        Some(tensor) => scales(
            graph,
            tensor,
            1,
            "numbers that say whether there is an object",
        )?,
        None => vec![],
    };
    ensure!(
        outputs.objectness.is_none() || objectness_scales.len() == class_scales.len(),
        "'{classes}' comes from {} heads, objectness from {}",
        class_scales.len(),
        objectness_scales.len()
    );
    let mut objectness_scales = objectness_scales.into_iter();
    ensure!(
        class_scales.len() == offset_scales.len(),
        "'{classes}' comes from {} heads, '{offsets}' from {}",
        class_scales.len(),
        offset_scales.len()
    );
    let mut heads = Vec::new();
    let mut grids = Vec::new();
    for (class, offset) in class_scales.into_iter().zip(offset_scales) {
        ensure!(
            class.grid == offset.grid,
            "'{}' has {} and '{}' {}: a head's class scores and offsets belong to the same boxes",
            class.tensor,
            in_words(&class.grid),
            offset.tensor,
            in_words(&offset.grid)
        );
        let objectness = objectness_scales.next();
        if let Some(objectness) = &objectness {
            ensure!(
                class.grid == objectness.grid,
                "'{}' has {} and '{}' {}: a head's class scores and objectness belong to the same boxes",
                class.tensor,
                in_words(&class.grid),
                objectness.tensor,
                in_words(&objectness.grid)
            );
        }
        grids.push(class.grid);
        let objectness = objectness.map(|s| (s.tensor, s.channels));
        let (objectness_tensor, objectness_channels) = objectness.unzip();
        heads.push(Head {
            class_tensor: class.tensor,
            offset_tensor: Some(offset.tensor),
            objectness_tensor,
            class_channels: class.channels,
            offset_channels: Some(offset.channels),
            objectness_channels,
        });
    }
    Ok((heads, HeadLayout { heads: grids }))
}

/// The one head of a classifier, `[1, K]`, as if it had a single box.
///
/// # Errors
/// As [`find`].
pub fn find_classifier(
    graph: &Graph,
    classes: &str,
    class_count: usize,
) -> Result<(Vec<Head>, HeadLayout)> {
    let scales = scales(
        graph,
        classes,
        class_count,
        "labels of the manifest (one a class id, background included)",
    )
    .context(ManifestField::of("output", "classes"))?;
    let [
        HeadOutput {
            tensor,
            grid:
                grid @ HeadGrid {
                    rows: 1,
                    cols: 1,
                    shapes: 1,
                },
            channels,
        },
    ] = <[HeadOutput; 1]>::try_from(scales).map_err(|scales| {
        error!(
            "'{classes}' comes from {} layers, a classifier has one",
            scales.len()
        )
    })?
    else {
        bail!("'{classes}' has scores for many places, a classifier's are [1, {class_count}]");
    };
    let head = Head {
        class_tensor: tensor,
        offset_tensor: None,
        objectness_tensor: None,
        class_channels: channels,
        offset_channels: None,
        objectness_channels: None,
    };
    Ok((vec![head], HeadLayout { heads: vec![grid] }))
}

fn in_words(grid: &HeadGrid) -> String {
    format!(
        "{} boxes for each of {}x{} cells",
        grid.shapes, grid.rows, grid.cols
    )
}

/// The graph in which the outputs that the manifest names are one tensor each; those that it names head by head are joined.
///
/// # Errors
/// A head's tensor that does not exist, or is neither a feature map nor ends with as many numbers as a box has.
pub fn with_rows(
    graph: &Graph,
    output: &OutputSection,
    class_count: usize,
) -> Result<(Graph, OutputTensors)> {
    let mut parts = Parts::of(graph);
    let is_classifier = output.offsets.is_empty() && output.distances.is_empty();
    let mut one = |field: &str, tensors: &Tensors, columns| -> Result<Option<String>> {
        let names = tensors.names().iter();
        let raw: Vec<String> = names
            .map(|name| before_activation(graph, name).to_owned())
            .collect();
        let is_map = |tensor: &String| graph.shape(tensor).is_ok_and(|shape| shape.len() == 4);
        match &raw[..] {
            [] => Ok(None),
            // A classifier's scores may be a map of one place.
            [one] if !is_map(one) || is_classifier => Ok(Some(one.clone())),
            _ => {
                let joined = format!("joined/{field}");
                parts
                    .rows(&joined, &raw, columns)
                    .with_context(|| ManifestField::of("output", field))?;
                Ok(Some(joined))
            }
        }
    };
    let classes = one("classes", &output.classes, class_count)?.context("no classes are named")?;
    let box_columns = output.box_columns();
    let offsets = match output.distances.is_empty() {
        true => one("offsets", &output.offsets, box_columns)?,
        false => one("distances", &output.distances, box_columns)?,
    };
    let objectness = one("objectness", &output.objectness, 1)?;
    let outputs = OutputTensors {
        classes,
        offsets,
        objectness,
    };
    let graph = if parts.is_empty() {
        graph.clone()
    } else {
        parts.join()?
    };
    Ok((graph, outputs))
}

/// The tensor that holds raw scores where `tensor` names what a softmax or sigmoid makes of them.
pub fn before_activation<'a>(graph: &'a Graph, tensor: &'a str) -> &'a str {
    let mut tensor = tensor;
    while let Some(node) = graph.producer(tensor).map(|index| &graph.nodes()[index]) {
        match (Op::of(node), node.input_at(0)) {
            (
                Op::Normalisation(Normalisation::Softmax)
                | Op::Activation(Activation::Sigmoid)
                | Op::Normalisation(Normalisation::LogSoftmax),
                Some(input),
            ) => tensor = input,
            _ => break,
        }
    }
    tensor
}

/// What one feature map gives to an output.
struct HeadOutput {
    tensor: String,
    grid: HeadGrid,
    channels: Channels,
}

fn scales(graph: &Graph, output: &str, columns: usize, meaning: &str) -> Result<Vec<HeadOutput>> {
    if graph.producer(output).is_none() {
        let names: Vec<_> = graph.outputs().collect();
        bail!(
            "no layer of the graph writes a tensor '{output}': its outputs are {names:?}; any other tensor of it can be named too, 'ssdcrp inspect' on the bare file proposes one"
        );
    }
    let origins = graph.origins(output)?;
    let shape = origins.places.shape().to_vec();
    let (sources, places) = (&origins.sources, origins.places);
    let places = match shape.len() {
        3 if shape[0] == 1 => places
            .into_dimensionality::<Ix3>()
            .map_err(Error::internal)?
            .remove_axis(Axis(0)),
        2 => places
            .into_dimensionality::<Ix2>()
            .map_err(Error::internal)?,
        // A classifier's, by a convolution at the end or a pooling of its maps.
        4 if shape[0] == 1 && shape[2..] == [1, 1] => places
            .into_shape_with_order((1, shape[1]))
            .map_err(Error::internal)?,
        _ => bail!("'{output}' is {shape:?}, [1, default boxes, {columns}] was expected"),
    };
    ensure!(
        places.ncols() == columns && columns > 0,
        "'{output}' is {shape:?}, which is {} numbers a box, but there are {columns} {meaning}",
        places.ncols()
    );
    let mut scales = Vec::new();
    let mut first = 0;
    while first < places.nrows() {
        let source = places[[first, 0]].0;
        let same = |row: &usize| places[[*row, 0]].0 == source;
        let last = (first..places.nrows()).take_while(same).count() + first;
        let tensor = &sources[source as usize];
        let part = places.slice_axis(Axis(0), Slice::from(first..last));
        scales.push(scale(graph, output, tensor, source, part)?);
        first = last;
    }
    ensure!(!scales.is_empty(), "'{output}' holds no default box");
    Ok(scales)
}

/// Checks that a feature map's numbers stand in the order row, column, shape, and reads which channel each is.
fn scale(
    graph: &Graph,
    output: &str,
    tensor: &str,
    source: u32,
    places: ArrayView2<(u32, u32)>,
) -> Result<HeadOutput> {
    let node = graph
        .producer(tensor)
        .map(|index| &graph.nodes()[index])
        .with_context(|| format!("'{output}' reads '{tensor}', which no layer writes"))?;
    if let Op::Matrix(_) = Op::of(node) {
        // A last layer that is none only because what lies before it is not understood: that is to be named.
        graph.shape(node.input_at(0).unwrap_or_default())?;
    }
    ensure!(
        matches!(
            Op::of(node),
            Op::Convolution(Convolution::Conv | Convolution::ConvTranspose)
        ),
        "'{output}' passes {}: between a head's last layer and the raw class scores or offsets numbers may only be moved (Transpose, Reshape, Flatten, Concat, …). \
         Name a tensor before softmax, decoding and non-maximum suppression",
        node.describe()
    );
    let [_, _, rows, cols] = graph.feature_map(tensor)?;
    let cells = rows * cols;
    let (boxes, columns) = places.dim();
    let shapes = boxes / cells;
    ensure!(
        shapes > 0 && boxes == shapes * cells,
        "'{output}' takes {boxes} boxes from '{tensor}', which has {rows}x{cols} cells"
    );
    let mut found = Vec::with_capacity(shapes * columns);
    for shape in 0..shapes {
        for column in 0..columns {
            found.push(places[[shape, column]].1 as usize / cells);
        }
    }
    for ((row, column), &(from, index)) in places.indexed_iter() {
        let channel = found[row % shapes * columns + column];
        let expected = channel * cells + row / shapes;
        ensure!(
            from == source && index as usize == expected,
            "'{output}' takes the numbers of '{tensor}' in another order than row, column, box of the cell (Transpose 0,2,3,1 before Reshape): \
             the order of its default boxes is not known"
        );
    }
    Ok(HeadOutput {
        tensor: tensor.to_owned(),
        grid: HeadGrid { rows, cols, shapes },
        channels: Channels {
            columns,
            channels: found,
        },
    })
}
