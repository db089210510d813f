//! A detector as files: an ONNX graph and the manifest beside it, checked against each other.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::decode::Coding;
use super::default_boxes::{self, DefaultBox};
use super::heads::{self, Head};
use super::joined;
use super::layout::HeadLayout;
use super::manifest::{DetectorKind, Manifest};
use super::output_tensors::OutputTensors;
use super::picture_input;
use super::propose;
use super::yolo;
use crate::error::manifest;
use crate::error::model::Context;
use crate::error::{Error, Result};
use crate::geometry::Size;
use crate::limits::{self, FileKind};
use crate::onnx::{self, Graph};

/// The default model, part of the program: ssdlite_mobilenet_v2 trained on COCO (Apache-2.0, see models/README.md).
#[cfg(feature = "built-in-model")]
static DEFAULT_GRAPH: &[u8] = include_bytes!("../../models/ssdlite_mobilenet_v2_coco.onnx");
#[cfg(feature = "built-in-model")]
static DEFAULT_MANIFEST: &str = include_str!("../../models/ssdlite_mobilenet_v2_coco.toml");

/// A detector that is understood: what its outputs are, where they come from, which box each belongs to.
#[derive(Debug, Clone)]
pub struct Model {
    /// What the ONNX file does not say by itself.
    pub manifest: Manifest,
    /// The network.
    pub graph: Graph,
    /// Its scales, in the order of the outputs.
    pub heads: Vec<Head>,
    /// Their grids.
    pub layout: HeadLayout,
    /// All default boxes, in the order of the outputs.
    pub default_boxes: Vec<DefaultBox>,
    /// The network's input's.
    pub input_size: Size,
    /// Name of the network's input.
    pub input_name: String,
    /// What it computes.
    pub outputs: OutputTensors,
}

impl Model {
    /// The model that comes with the program. It takes the feature `built-in-model`, which the published crate has no file for.
    ///
    /// # Errors
    /// None that a released build has: its tests load it.
    #[cfg(feature = "built-in-model")]
    pub fn built_in() -> Result<Self> {
        let graph = onnx::parse(
            prost::bytes::Bytes::from_static(DEFAULT_GRAPH),
            "(built in)",
        )?;
        let manifest = Manifest::parse(DEFAULT_MANIFEST, "(built-in manifest)")?;
        Self::new(graph, manifest)
    }

    /// The network and the manifest of [`Model::built_in`], for who knows models by their files' hashes.
    #[cfg(feature = "built-in-model")]
    #[doc(hidden)]
    pub fn built_in_files() -> (&'static [u8], &'static str) {
        (DEFAULT_GRAPH, DEFAULT_MANIFEST)
    }

    /// Reads `NAME.onnx` and the manifest `NAME.toml` beside it.
    ///
    /// # Errors
    /// A file that is missing, damaged or not understood, or a manifest that does not fit the graph.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let graph = onnx::read(path)?;
        let beside = path.with_extension("toml");
        if !beside.exists() {
            // A family that is not read is told as such, rather than that its manifest is missing.
            propose::propose(&graph, "model", None).with_context(|| {
                format!(
                    "there is no manifest {} beside the model, and none can be proposed",
                    beside.display()
                )
            })?;
        }
        let text = manifest_text(&beside, path)?;
        let manifest = Manifest::parse(&text, &beside.display().to_string())?;
        let source = manifest.source.clone();
        Self::new(graph, manifest).map_err(|error| {
            source.with_line(error).context(format!(
                "{} and {} do not fit together",
                path.display(),
                beside.display()
            ))
        })
    }

    /// The files that [`Model::open`] reads, each with what it is for people: the network, its manifest, and those in which the network keeps weights, if it can be read. Writing to one of them
    /// would destroy the model.
    #[doc(hidden)]
    pub fn files(path: &Path) -> Vec<(&'static str, PathBuf)> {
        let weights = onnx::weight_files(path).into_iter();
        let weights = weights.map(|file| ("file of the model's weights", file));
        let own = [
            ("model", path.to_owned()),
            ("manifest", path.with_extension("toml")),
        ];
        own.into_iter().chain(weights).collect()
    }

    /// Reads an ONNX file and its manifest that are in memory, weights in the file itself.
    ///
    /// # Errors
    /// Bytes that are damaged or not understood, or a manifest that does not fit the graph.
    pub fn from_bytes(onnx: impl Into<Vec<u8>>, manifest: &str) -> Result<Self> {
        let graph = onnx::parse(onnx.into().into(), "the model")?;
        let manifest = Manifest::parse(manifest, "the manifest")?;
        let source = manifest.source.clone();
        Self::new(graph, manifest).map_err(|error| {
            let error = source.with_line(error);
            error.context("the model and the manifest do not fit together")
        })
    }

    fn new(graph: Graph, manifest: Manifest) -> Result<Self> {
        let (graph, input_name, input_size) = picture_input::of(graph, &manifest)?;
        let count = manifest.labels.len();
        let (graph, outputs) = match manifest.kind {
            DetectorKind::Yolo => yolo::with_rows(&graph, manifest.output.heads.names(), count)?,
            DetectorKind::Ssd | DetectorKind::Classifier | DetectorKind::AnchorFree => {
                let graph = joined::take_apart(graph, &manifest.output, count)?;
                heads::with_rows(&graph, &manifest.output, count)?
            }
        };
        let (heads, layout) = match manifest.kind {
            DetectorKind::Classifier => heads::find_classifier(&graph, &outputs.classes, count)?,
            DetectorKind::Ssd | DetectorKind::Yolo | DetectorKind::AnchorFree => {
                heads::find(&graph, &outputs, count, manifest.output.box_columns())?
            }
        };
        let default_boxes: Vec<_> =
            default_boxes::generate(&manifest.default_boxes, &layout, input_size)?.concat();
        Ok(Self {
            manifest,
            graph,
            heads,
            layout,
            default_boxes,
            input_size,
            input_name,
            outputs,
        })
    }

    /// What offsets do to the default box `index`.
    pub fn coding(&self, index: usize) -> Coding {
        Coding::of(&self.manifest, &self.layout, index)
    }
}

/// The text of the manifest of `model`, as far as it is text.
fn manifest_text(manifest: &Path, model: &Path) -> Result<String> {
    let name = manifest.display();
    limits::read_text(manifest, FileKind::Manifest).map_err(|error| {
        if limits::is_missing(&error) {
            let text = format!(
                "there is no manifest {name} beside the model: 'ssdcrp inspect {} --write-manifest' proposes one",
                model.display()
            );
            return Error::from(std::io::Error::new(ErrorKind::NotFound, text));
        }
        match error.io() {
            Some(_) => error.context(format!("cannot read the manifest {name}")),
            None => manifest::error!("{name}: {error}"),
        }
    })
}
