//! The manifest: what an ONNX file does not say about the detector in it, as TOML beside the model (`models/NAME.toml`).
//!
//! In comes the text of the file; out goes a [`Manifest`] whose every number has been checked, so that no other module has to.

mod check;
mod default_boxes;
mod field;
mod joined;
mod read;
mod resize;
mod scoring;
mod size_decode;
mod tensors;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

pub use default_boxes::{
    AnchorBoxes, CellBoxes, DefaultBoxes, MultiscaleAnchorBoxes, PriorBoxes, TensorFlowBoxes,
};
pub use field::{ManifestField, ManifestSource};
pub use joined::HeadPart;
pub use resize::{Alignment, Letterbox, Resize, Rounding, Sampling};
pub use scoring::{OffsetCoding, Scoring};
pub use size_decode::SizeDecode;
pub use tensors::Tensors;

use super::class::{ClassId, ClassRef};
use super::labels::Labels;
use crate::error::Result;
use crate::error::argument;
use crate::error::manifest::error;

/// The whole file. `labels` stands before the first table, as TOML demands of a key of the top level.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The kind of network.
    pub kind: DetectorKind,
    /// The model's name, for people and for JSON.
    pub name: String,
    /// The licence of the weights (an SPDX expression), where known.
    pub licence: Option<String>,
    /// Class names by class id; "" is an id that the model never trained.
    pub labels: Labels,
    /// How a picture becomes the network's input.
    pub input: InputSection,
    /// The network's outputs.
    pub output: OutputSection,
    /// How default boxes are made.
    #[serde(default)]
    pub default_boxes: DefaultBoxes,
    /// Thresholds.
    #[serde(default)]
    pub detection: DetectionSettings,
    /// The composite to explain with unless the user names one, in the grammar of [`crate::crp::Composite`], which reads it.
    pub composite: Option<String>,
    /// Layer types that are not to be those found from the graph, by the layer's output tensor; [`crate::crp::LayerType`]
    /// reads them.
    #[serde(default)]
    pub layer_types: BTreeMap<String, String>,
    /// Where it was read from.
    #[serde(skip)]
    pub source: ManifestSource,
}

/// What sort of network the file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DetectorKind {
    /// A single-shot detector.
    Ssd,
    /// A network with one class score for the whole picture each: no offsets, no default boxes, no background.
    Classifier,
    /// A YOLO from the second version on: each head is one convolution that gives t_x, t_y, t_w, t_h, objectness and class scores for each anchor.
    Yolo,
    /// A detector with one box a cell and no anchors, whose classes, boxes and, with some, objectness are made by convolutions of their own: YOLOv8 and later, YOLOX.
    #[serde(rename = "anchor-free")]
    AnchorFree,
}

/// How a picture becomes the network's input, whose size is the graph's own: x ↦ (x − mean) / std per channel, x in 0..=255.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputSection {
    /// The tensor at which the picture enters, where it is not the graph's own input: what lies before it, preprocessing, is cut off.
    pub tensor: Option<String>,
    /// Width and height of the input in pixels, where the graph does not say them.
    #[serde(default, deserialize_with = "read::exactly_if_given")]
    pub size: Option<[u32; 2]>,
    /// The order of the tensor's channels.
    pub colour: Colour,
    /// Per channel of the tensor, i.e. in the order that `colour` names.
    #[serde(deserialize_with = "read::exactly")]
    pub mean: [f32; 3],
    /// Per channel of the tensor; at least 10⁻⁶.
    #[serde(deserialize_with = "read::exactly")]
    pub std: [f32; 3],
    /// How the picture is brought to the input's size.
    pub resize: Resize,
}

/// The order of the colour channels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// Red first.
    Rgb,
    /// Blue first.
    Bgr,
}

/// The network's two outputs and how they are to be read.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputSection {
    /// The class logits in the graph, [1, D, K], or those of each head: what ends with K, or feature maps [1, A·K, rows, columns].
    #[serde(default)]
    pub classes: Tensors,
    /// A YOLO's last convolutions, [1, A·(5 + K), rows, columns], one a head; it has neither `classes` nor `offsets`. Of a detector without anchors the convolutions that
    /// `channels` takes apart.
    #[serde(default)]
    pub heads: Tensors,
    /// The offsets in the graph, [1, D, 4], or those of each head, likewise; a classifier has none.
    #[serde(default)]
    pub offsets: Tensors,
    /// In place of offsets, of a detector without anchors: how far the left, top, right and bottom edge are from the cell's centre, in cells; `[1, 4, rows, columns]`, or
    /// `[1, 4·bins, rows, columns]`.
    #[serde(default)]
    pub distances: Tensors,
    /// Logits that each distance is the mean of: the distribution that their softmax makes over 0, 1, 2, …
    #[serde(default, deserialize_with = "read::count_if_given")]
    pub bins: Option<usize>,
    /// Of a detector without anchors, where it has them: logits of there being an object, `[1, 1, rows, columns]`, one a head.
    #[serde(default)]
    pub objectness: Tensors,
    /// Of a detector without anchors with one convolution a head: what its channels are, in their order.
    #[serde(default)]
    pub channels: Vec<HeadPart>,
    /// Of a detector without anchors: what its offsets do.
    #[serde(default)]
    pub coding: OffsetCoding,
    /// Powers of objectness and of the class's score in the product that a score is; both 1 where they are left out.
    #[serde(default, deserialize_with = "read::exactly_if_given")]
    pub score_powers: Option<[f32; 2]>,
    /// Which offset each of the four columns is.
    #[serde(default = "paper_order", deserialize_with = "read::exactly")]
    pub offset_order: [Offset; 4],
    /// How logits become scores.
    pub activation: ScoreActivation,
    /// The class that means "nothing here", the first one unless given; `None` where the manifest says that there is none.
    #[serde(default = "first_class", deserialize_with = "read::class_or_none")]
    pub background: Option<ClassId>,
    /// Of a YOLO, one number a head: how many times the cell's side its centres range over; none means 1 for all.
    #[serde(default)]
    pub scale_x_y: Vec<f32>,
    /// Of a YOLO: how a box's size is made of what the network says of it.
    #[serde(default)]
    pub size_decode: SizeDecode,
    /// [v_c, v_s], both positive: the SSD paper's 0.1 and 0.2 unless given.
    #[serde(default = "paper_variances", deserialize_with = "read::exactly")]
    pub variances: [f32; 2],
}

impl OutputSection {
    /// The column of the graph's offset tensor that holds `offset`.
    pub fn column(&self, offset: Offset) -> usize {
        // The order is a permutation, which parsing checks: the fallback is never taken.
        self.offset_order
            .iter()
            .position(|&o| o == offset)
            .unwrap_or(offset as usize)
    }

    /// The tensors that say where boxes are: offsets, or distances.
    pub fn boxes(&self) -> &Tensors {
        match self.distances.is_empty() {
            true => &self.offsets,
            false => &self.distances,
        }
    }

    /// How many numbers say where one box is.
    pub fn box_columns(&self) -> usize {
        4 * self.bins.unwrap_or(1)
    }

    /// The columns of the graph's offset tensor in this crate's order cx, cy, w, h.
    pub fn columns(&self) -> [usize; 4] {
        Offset::ALL.map(|offset| self.column(offset))
    }
}

fn paper_order() -> [Offset; 4] {
    Offset::ALL
}

#[expect(clippy::unnecessary_wraps, reason = "the field's type")]
fn first_class() -> Option<ClassId> {
    Some(ClassId(0))
}

fn paper_variances() -> [f32; 2] {
    [0.1, 0.2]
}

/// One of the four numbers that move a default box; `as usize` is its place in this crate's order cx, cy, w, h.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Offset {
    /// Centre, along the width: + is right.
    Cx,
    /// Centre, along the height: + is down.
    Cy,
    /// Width: + is wider.
    W,
    /// Height: + is taller.
    H,
}

impl Offset {
    /// All four, in this crate's order.
    pub const ALL: [Self; 4] = [Self::Cx, Self::Cy, Self::W, Self::H];
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Cx => "cx",
            Self::Cy => "cy",
            Self::W => "w",
            Self::H => "h",
        })
    }
}

/// How class logits become scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScoreActivation {
    /// Each class by itself.
    Sigmoid,
    /// All classes of a default box, background included, sum to 1.
    Softmax,
}

/// What becomes a detection unless the user says otherwise. Overlap and number default to the SSD paper's ("Inference time").
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DetectionSettings {
    /// A detection's score is above it; 0..=1.
    pub score_threshold: f32,
    /// Of two detections of one class that overlap by more, the weaker is dropped; 0..=1.
    pub iou_threshold: f32,
    /// At most so many detections in a picture, the best ones; at least 1.
    #[serde(deserialize_with = "read::count")]
    pub max_detections: usize,
    /// Which detections drop which.
    pub suppression: Suppression,
}

/// Which detections drop others that they overlap.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Suppression {
    /// Those of one class; one default box may be detected as several classes. The SSD paper's.
    #[default]
    PerClass,
    /// The same, and a default box is detected as its best class alone.
    OneClass,
    /// None: the network was trained to find each object once.
    None,
}

impl Default for DetectionSettings {
    fn default() -> Self {
        Self {
            score_threshold: 0.5,
            iou_threshold: 0.45,
            max_detections: 200,
            suppression: Suppression::PerClass,
        }
    }
}

impl Manifest {
    /// Reads and checks a manifest. `origin` is the file's name, for the errors.
    ///
    /// # Errors
    /// If the text is no TOML, a field is missing, unknown or of the wrong type, or a value makes no sense. The error names the line and the field, what was
    /// expected and what was found.
    pub fn parse(text: &str, origin: &str) -> Result<Self> {
        let mut manifest: Self = toml::from_str(text)
            .map_err(|error| error!("{origin}: {}", read::describe(error, text)))?;
        manifest.source = ManifestSource::new(text, origin);
        let named = manifest.output.name_parts(manifest.kind);
        named
            .and_then(|()| manifest.validate())
            .map_err(|error| error!("{:#}", manifest.source.locate(error)))?;
        Ok(manifest)
    }

    /// The name of `class`, or "class 12" where it has none.
    pub fn label(&self, class: ClassId) -> Cow<'_, str> {
        self.labels.name(class)
    }

    /// The class that is meant: of what a person wrote a label in any case, else a number.
    ///
    /// # Errors
    /// If there is no such class; the error suggests the nearest labels.
    pub fn class(&self, class: &ClassRef) -> Result<ClassId> {
        let found = match class {
            ClassRef::Id(id) => self.labels.check(*id),
            ClassRef::Name(name) => self.labels.find(name),
        };
        let found = found.map_err(|error| argument::error!("{}: {error}", self.name))?;
        argument::ensure!(
            self.trained(found),
            "{}: it was not trained on class {found}, which has no label",
            self.name
        );
        Ok(found)
    }

    /// Whether the model was trained on `class`: it has a label or is the background, which needs none.
    pub fn trained(&self, class: ClassId) -> bool {
        self.labels.is_named(class) || Some(class) == self.background()
    }

    /// Whether there can be detections of `class`: it is trained, and not the background.
    pub fn is_detectable(&self, class: ClassId) -> bool {
        self.trained(class) && Some(class) != self.background()
    }

    /// How many classes there can be detections of.
    pub fn count_detectable(&self) -> usize {
        let classes = self.labels.classes();
        classes.filter(|&class| self.is_detectable(class)).count()
    }

    /// The class id that means "nothing here", which only an SSD has, and not each of them.
    pub fn background(&self) -> Option<ClassId> {
        match self.kind {
            DetectorKind::Ssd => self.output.background,
            DetectorKind::Classifier | DetectorKind::Yolo | DetectorKind::AnchorFree => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
kind = "ssd"
name = "a_net"
licence = "Apache-2.0"
labels = ["background", "person", "", "sheep"]

[input]
colour = "rgb"
mean = [123, 117.5, 104]
std = [127.5, 127.5, 127.5]
resize = "bilinear-legacy"

[output]
classes = "class_logits"
offsets = "box_offsets"
offset_order = ["cy", "cx", "h", "w"]
activation = "sigmoid"
background = 0
variances = [0.1, 0.2]

[default_boxes]
generator = "tensorflow"
min_scale = 0.2
max_scale = 0.95
aspect_ratios = [1.0, 2.0, 0.5, 3.0, 0.3333]
interpolated_scale_aspect_ratio = 1.0
reduce_boxes_in_lowest_layer = true

[detection]
score_threshold = 0.5
iou_threshold = 0.6
max_detections = 100
"#;

    /// The error of the manifest with `old` replaced by `new`.
    pub(super) fn error(old: &str, new: &str) -> String {
        changed(old, new).unwrap_err().to_string()
    }

    /// The manifest with `old` replaced by `new`.
    pub(super) fn parsed(old: &str, new: &str) -> Manifest {
        changed(old, new).unwrap()
    }

    fn changed(old: &str, new: &str) -> Result<Manifest> {
        assert!(MANIFEST.contains(old), "{old} is not in the manifest");
        Manifest::parse(&MANIFEST.replacen(old, new, 1), "a.toml")
    }

    #[test]
    fn every_field_is_read() {
        let manifest = Manifest::parse(MANIFEST, "a.toml").unwrap();
        assert_eq!(manifest.kind, DetectorKind::Ssd);
        assert_eq!(manifest.licence.as_deref(), Some("Apache-2.0"));
        assert_eq!(manifest.labels.len(), 4);
        assert_eq!(manifest.input.colour, Colour::Rgb);
        assert_eq!(manifest.input.mean, [123.0, 117.5, 104.0]);
        let warped = Resize::Warp(Sampling::BilinearLegacy);
        assert_eq!(manifest.input.resize, warped);
        assert_eq!(
            manifest.output.offset_order,
            [Offset::Cy, Offset::Cx, Offset::H, Offset::W]
        );
        assert_eq!(manifest.output.columns(), [1, 0, 3, 2]);
        assert_eq!(manifest.output.activation, ScoreActivation::Sigmoid);
        let DefaultBoxes::TensorFlow(boxes) = &manifest.default_boxes else {
            panic!("{:?}", manifest.default_boxes);
        };
        assert_eq!(boxes.aspect_ratios, [1.0, 2.0, 0.5, 3.0, 0.3333]);
        assert_eq!(manifest.detection.iou_threshold, 0.6);
        assert_eq!(manifest.detection.max_detections, 100);
    }

    #[test]
    fn what_goes_without_saying_may_be_left_out() {
        let short = r#"
kind = "ssd"
name = "a_net"
labels = ["background", "dog"]
[input]
colour = "bgr"
mean = [104, 117, 123]
std = [1, 1, 1]
resize = "bilinear"
[output]
classes = "c"
offsets = "o"
offset_order = ["cx", "cy", "w", "h"]
activation = "softmax"
[default_boxes]
generator = "tensorflow"
aspect_ratios = [1.0]
"#;
        let manifest = Manifest::parse(short, "a.toml").unwrap();
        assert_eq!(manifest.licence, None);
        assert_eq!(
            (manifest.output.background, manifest.output.variances),
            (Some(ClassId(0)), [0.1, 0.2])
        );
        assert_eq!(manifest.detection, DetectionSettings::default());
        let DefaultBoxes::TensorFlow(boxes) = &manifest.default_boxes else {
            panic!("{:?}", manifest.default_boxes);
        };
        assert_eq!((boxes.min_scale, boxes.max_scale), (0.2, 0.95));
        assert!(boxes.reduce_boxes_in_lowest_layer);
    }

    #[test]
    fn what_is_no_manifest_is_named_with_its_line() {
        let unknown = error("resize =", "resise =");
        assert!(
            unknown.starts_with("a.toml: ") && unknown.contains("line 11"),
            "{unknown}"
        );
        assert!(
            unknown.contains("unknown field `resise`") && unknown.contains("`resize`"),
            "{unknown}"
        );
        let colour = error("\"rgb\"", "\"grb\"");
        assert!(
            colour.contains("unknown variant `grb`") && colour.contains("`bgr`"),
            "{colour}"
        );
        let missing = error("activation = \"sigmoid\"\n", "");
        assert!(missing.contains("missing field `activation`"), "{missing}");
        let generator = error("\"tensorflow\"", "\"caffee\"");
        assert!(
            generator.contains("unknown variant `caffee`"),
            "{generator}"
        );
        let inside = error("min_scale", "minimum_scale");
        assert!(inside.contains("unknown field `minimum_scale`"), "{inside}");
        assert!(error("kind = \"ssd\"", "kind = ").contains("line 2"));
    }

    #[test]
    fn the_background_is_trained_even_without_a_label() {
        let manifest =
            Manifest::parse(&MANIFEST.replace("\"background\"", "\"\""), "a.toml").unwrap();
        assert_eq!(
            [0, 1, 2, 3, 4].map(|class| manifest.trained(ClassId(class))),
            [true, true, false, true, false]
        );
        assert_eq!(manifest.label(ClassId(2)), "class 2");
    }

    #[test]
    fn a_model_may_have_no_background() {
        let manifest = parsed("background = 0", "background = \"none\"");
        assert_eq!(manifest.background(), None);
        let unnamed = parsed("\"background\"", "\"\"").labels;
        let manifest = Manifest {
            labels: unnamed,
            ..manifest
        };
        assert_eq!(
            [0, 1].map(|class| manifest.trained(ClassId(class))),
            [false, true]
        );
    }

    #[test]
    fn an_unknown_class_names_the_model() {
        let manifest = Manifest::parse(MANIFEST, "a.toml").unwrap();
        let class = |class: ClassRef| manifest.class(&class);
        let named = |name: &str| class(ClassRef::Name(name.to_owned()));
        assert_eq!(named("Person").unwrap(), ClassId(1));
        assert_eq!(class(ClassId(3).into()).unwrap(), ClassId(3));
        let error = class(ClassId(4).into()).unwrap_err().to_string();
        assert_eq!(
            error,
            "a_net: there is no class 4: this model has 4 classes, 0 to 3"
        );
        let error = named("parson").unwrap_err().to_string();
        assert_eq!(
            error,
            "a_net: there is no class \"parson\": did you mean \"person\"?"
        );
    }
}
