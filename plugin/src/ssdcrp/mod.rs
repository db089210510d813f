//! The element `ssdcrp`. What follows is docs/element.md, its page for users; tests compare it with the element.
//!
#![doc = include_str!("../../../docs/element.md")]

use gst::glib;
use gst::prelude::*;

mod age_overlay;
mod allocator;
#[cfg(feature = "v1_26")]
mod analytics;
mod background;
mod blend;
mod class_names;
mod clock_time;
mod colour;
mod enums;
mod event_settings;
mod failure;
mod frame_overlay;
mod frame_pixels;
mod host;
mod imp;
mod journal;
mod layout;
mod log;
mod model_instance;
mod navigation;
mod negotiation;
mod playing;
mod priority;
mod properties;
mod request;
mod settings;
mod square_pixels;
mod stats;
mod streaming;
mod structures;
#[cfg(test)]
mod test_frames;
mod upstream_regions;
mod upstream_terms;
mod viewing;
mod written;

pub use enums::{
    Detections, HeatmapColours, HeatmapLayout, Mode, OnError, OnnxExecutionProvider, Output, Select,
};

glib::wrapper! {
    /// The element `ssdcrp`.
    pub struct SsdCrp(ObjectSubclass<imp::SsdCrp>)
        @extends gst_video::VideoFilter, gst_base::BaseTransform, gst::Element, gst::Object;
}

pub fn register(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    // Documentation is made of what is marked so.
    for choice in enums::types() {
        choice.mark_as_plugin_api(gst::PluginAPIFlags::empty());
    }
    gst::Element::register(
        Some(plugin),
        "ssdcrp",
        gst::Rank::NONE,
        SsdCrp::static_type(),
    )
}
