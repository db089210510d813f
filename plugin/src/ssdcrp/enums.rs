//! Properties that are a choice: the values as GStreamer knows them, and what the engine calls them.

use gst::glib;

use ::ssdcrp::heatmap;
use ::ssdcrp::stream::Pacing;

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

/// What the heatmap is drawn in; on video without colour always light and dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpColourMap")]
#[repr(i32)]
pub enum HeatmapColours {
    #[default]
    #[enum_value(name = "Red speaks for it, blue against it", nick = "red-blue")]
    RedBlue = 0,
    #[enum_value(
        name = "Orange and blue, which every colour blindness can tell apart",
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
        name = "The heatmap alone, transparent elsewhere where the format has alpha, else black",
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
    #[enum_value(name = "The one at the point select-x, select-y", nick = "point")]
    Point = 3,
}
