//! Properties that are a choice: the values as GStreamer knows them, and what the engine calls them.

use gst::glib;
use gst::glib::types::StaticType;

use ::ssdcrp::heatmap;
use ::ssdcrp::runtime;
use ::ssdcrp::stream::Pacing;

/// All of them.
pub fn types() -> [glib::Type; 8] {
    [
        Mode::static_type(),
        Detections::static_type(),
        OnError::static_type(),
        HeatmapColours::static_type(),
        HeatmapLayout::static_type(),
        Output::static_type(),
        Select::static_type(),
        OnnxExecutionProvider::static_type(),
    ]
}

/// How frames and results belong together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpMode")]
#[repr(i32)]
pub enum Mode {
    /// Frames never wait: each shows the newest result.
    #[default]
    #[enum_value(
        name = "Live: frames never wait and show the newest result",
        nick = "live"
    )]
    Live = 0,
    /// Each frame waits for its own result.
    #[enum_value(
        name = "Every frame: each frame waits for its own result",
        nick = "every-frame"
    )]
    EveryFrame = 1,
}

impl From<Mode> for Pacing {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Live => Self::Live,
            Mode::EveryFrame => Self::EveryFrame,
        }
    }
}

/// Whose detections are explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpDetections")]
#[repr(i32)]
pub enum Detections {
    /// The model's.
    #[default]
    #[enum_value(name = "Own: what the model detects", nick = "own")]
    Own = 0,
    /// Those of an element before this one.
    #[enum_value(
        name = "Upstream: the regions of interest that an earlier element attached to the buffers",
        nick = "upstream"
    )]
    Upstream = 1,
}

/// What becomes of the video when the networks cannot be started, or fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpOnError")]
#[repr(i32)]
pub enum OnError {
    /// The stream ends.
    #[default]
    #[enum_value(name = "Fail: the stream ends with the error", nick = "fail")]
    Fail = 0,
    /// It goes on, and nothing is explained until that works again.
    #[enum_value(
        name = "Passthrough: a warning, and the video goes on without explanations",
        nick = "passthrough"
    )]
    Passthrough = 1,
}

/// What the heatmap is drawn in; on video without colour always light and dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpColourMap")]
#[repr(i32)]
pub enum HeatmapColours {
    #[default]
    #[enum_value(name = "Red for the target, blue against it", nick = "red-blue")]
    RedBlue = 0,
    #[enum_value(
        name = "Orange and blue, distinguishable with every kind of colour blindness",
        nick = "orange-blue"
    )]
    OrangeBlue = 1,
    #[enum_value(name = "Purple and green", nick = "purple-green")]
    PurpleGreen = 2,
    #[enum_value(
        name = "Light and dark, as always on video without colour",
        nick = "light-dark"
    )]
    LightDark = 3,
}

impl From<HeatmapColours> for heatmap::ColourMap {
    fn from(colours: HeatmapColours) -> Self {
        match colours {
            HeatmapColours::RedBlue => Self::RedBlue,
            HeatmapColours::OrangeBlue => Self::OrangeBlue,
            HeatmapColours::PurpleGreen => Self::PurpleGreen,
            HeatmapColours::LightDark => Self::LightDark,
        }
    }
}

/// Where heatmaps are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpLayout")]
#[repr(i32)]
pub enum HeatmapLayout {
    /// Over the video.
    #[default]
    #[enum_value(name = "Over the video, each over its object", nick = "together")]
    Together = 0,
    /// Beside it.
    #[enum_value(
        name = "In tiles along one side, each with a close-up of its object as it was explained",
        nick = "tiles"
    )]
    Tiles = 1,
}

/// What the frames show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpOutput")]
#[repr(i32)]
pub enum Output {
    /// The video with what was found laid over it.
    #[default]
    #[enum_value(
        name = "The video with boxes, labels and heatmap over it",
        nick = "overlay"
    )]
    Overlay = 0,
    /// The heatmap in place of the picture.
    #[enum_value(
        name = "The heatmap alone; the background is transparent if the format has alpha, else black, or grey with colour-map=light-dark and in GRAY8",
        nick = "heatmap"
    )]
    Heatmap = 1,
}

/// Which detections are explained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpSelect")]
#[repr(i32)]
pub enum Select {
    /// The detection with the highest score.
    #[default]
    #[enum_value(name = "The best detection", nick = "best")]
    Best = 0,
    /// All detections, the best first.
    #[enum_value(
        name = "All detections, best first, up to max-explanations",
        nick = "all"
    )]
    All = 1,
    /// The detections of the classes in `select-label`.
    #[enum_value(
        name = "Those of the classes in select-label, up to max-explanations",
        nick = "label"
    )]
    Label = 2,
    /// The detection at `select-x`, `select-y`.
    #[enum_value(
        name = "The smallest one at the point select-x, select-y",
        nick = "point"
    )]
    Point = 3,
    /// No detection, but why nothing is found at `select-x`, `select-y`.
    #[enum_value(
        name = "No detection, but why nothing is found at the point select-x, select-y",
        nick = "missing"
    )]
    Missing = 4,
}

/// What computes the networks; the names are those of `onnxinference`, where it has one. Which of them can be used is up to the ONNX Runtime that is installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpExecutionProvider")]
#[repr(i32)]
pub enum OnnxExecutionProvider {
    #[default]
    #[enum_value(name = "ONNX Runtime's own kernels for the CPU", nick = "cpu")]
    Cpu = 0,
    #[enum_value(name = "NVIDIA GPUs, by CUDA", nick = "cuda")]
    Cuda = 1,
    #[enum_value(name = "NVIDIA GPUs, by TensorRT", nick = "tensorrt")]
    TensorRt = 2,
    #[enum_value(name = "Intel CPUs, GPUs and NPUs, by OpenVINO", nick = "openvino")]
    OpenVino = 3,
    #[enum_value(name = "AMD GPUs, by MIGraphX", nick = "migraphx")]
    MiGraphX = 4,
    #[enum_value(name = "AMD GPUs, by ROCm", nick = "rocm")]
    Rocm = 5,
    #[enum_value(name = "CPUs, by oneDNN", nick = "onednn")]
    OneDnn = 6,
    #[enum_value(name = "Small CPUs, by XNNPACK", nick = "xnnpack")]
    Xnnpack = 7,
    #[enum_value(name = "Huawei NPUs, by CANN", nick = "cann")]
    Cann = 8,
    #[enum_value(name = "Qualcomm NPUs, by QNN", nick = "qnn")]
    Qnn = 9,
    #[enum_value(name = "AMD NPUs, by Vitis AI", nick = "vitisai")]
    VitisAi = 10,
    #[enum_value(name = "VeriSilicon NPUs", nick = "vsi")]
    VsiNpu = 11,
}

impl From<OnnxExecutionProvider> for runtime::ExecutionProvider {
    fn from(provider: OnnxExecutionProvider) -> Self {
        match provider {
            OnnxExecutionProvider::Cpu => Self::Cpu,
            OnnxExecutionProvider::Cuda => Self::Cuda,
            OnnxExecutionProvider::TensorRt => Self::TensorRt,
            OnnxExecutionProvider::OpenVino => Self::OpenVino,
            OnnxExecutionProvider::MiGraphX => Self::MiGraphX,
            OnnxExecutionProvider::Rocm => Self::Rocm,
            OnnxExecutionProvider::OneDnn => Self::OneDnn,
            OnnxExecutionProvider::Xnnpack => Self::Xnnpack,
            OnnxExecutionProvider::Cann => Self::Cann,
            OnnxExecutionProvider::Qnn => Self::Qnn,
            OnnxExecutionProvider::VitisAi => Self::VitisAi,
            OnnxExecutionProvider::VsiNpu => Self::VsiNpu,
        }
    }
}
