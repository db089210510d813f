//! The GStreamer plugin `ssdcrp`: one element, [`ssdcrp`], that shows in a video what a single-shot detector finds and why.
//!
//! The engine, the crate `ssdcrp`, does the work and knows nothing of video; this crate carries frames to it and its
//! results back. Applications that link the crate call [`plugin_register_static`] instead of installing the plugin.
#![allow(
    missing_docs,
    reason = "macros of GStreamer's bindings make public items; enumerations say in their values' attributes what they are"
)]

mod ssdcrp;

pub use ssdcrp::{
    Detections, HeatmapColours, HeatmapLayout, Mode, OnError, OnnxExecutionProvider, Output,
    Select, SsdCrp,
};

fn plugin_init(plugin: &gst::Plugin) -> Result<(), gst::glib::BoolError> {
    // Linked into an application it has no file, and looks where the system keeps its libraries.
    if let Some(file) = plugin.filename() {
        ::ssdcrp::runtime::installed_at(&file);
    }
    ssdcrp::register(plugin)
}

gst::plugin_define!(
    ssdcrp,
    env!("CARGO_PKG_DESCRIPTION"),
    plugin_init,
    concat!(env!("CARGO_PKG_VERSION"), "-", env!("COMMIT_ID")),
    "MIT/X11",
    env!("CARGO_PKG_NAME"),
    "ssdcrp",
    env!("ORIGIN"),
    env!("BUILD_REL_DATE")
);
