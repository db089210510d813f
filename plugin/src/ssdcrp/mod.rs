//! The element `ssdcrp`. What follows is docs/element.md, its page for users; tests compare it with the element.
//!
#![doc = include_str!("../../../docs/element.md")]

use gst::glib;
use gst::prelude::*;

use ::ssdcrp::heatmap;

mod age;
mod analysis;
mod blank;
mod blend;
mod colour;
mod delivery;
mod events;
mod evidence;
mod explaining;
mod failure;
mod frame_pixels;
mod imp;
mod journal;
mod layout;
mod memory;
mod navigation;
mod negotiation;
mod pace;
mod picking;
mod priority;
mod properties;
mod results;
mod selection;
mod settings;
mod sight;
#[cfg(test)]
mod test_frames;

glib::wrapper! {
    /// The element `ssdcrp`.
    pub struct SsdCrp(ObjectSubclass<imp::SsdCrp>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
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

/// What the heatmap is drawn in; on video without colour always light and dark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, glib::Enum)]
#[enum_type(name = "GstSsdCrpColourMap")]
#[repr(i32)]
pub enum ColourMap {
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

impl ColourMap {
    /// The engine's, for video of `info`.
    fn on(self, info: &gst_video::VideoInfo) -> heatmap::ColourMap {
        match self {
            _ if info.is_gray() => heatmap::ColourMap::LightDark,
            Self::RedBlue => heatmap::ColourMap::RedBlue,
            Self::OrangeBlue => heatmap::ColourMap::OrangeBlue,
            Self::PurpleGreen => heatmap::ColourMap::PurpleGreen,
            Self::LightDark => heatmap::ColourMap::LightDark,
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

pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    gst::Element::register(
        Some(plugin),
        "ssdcrp",
        gst::Rank::NONE,
        SsdCrp::static_type(),
    )
}
