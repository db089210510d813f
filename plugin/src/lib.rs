//! The GStreamer plugin `ssdcrp`: one element, [`ssdcrp`], that shows in a video what a single-shot detector finds and why.
//!
//! The engine, the crate `ssdcrp`, does the work and knows nothing of video; this crate carries frames to it and its
//! results back. Applications that link the crate call [`register_static`] instead of installing the plugin.
#![allow(
    missing_docs,
    reason = "macros of GStreamer's bindings make public items; enumerations say in their values' attributes what they are"
)]

use std::sync::OnceLock;

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

/// Makes the element known to this process, without an installed plugin. Call it after `gst::init()`, as often and from as
/// many threads as you like: only the first call registers the plugin.
///
/// GStreamer's own [`plugin_register_static`] replaces the plugin each time, and [`gst::Element::factory`] of an element
/// that was made before then reads freed memory (`gst_registry_add_plugin`).
///
/// # Errors
/// GStreamer does not take the plugin; further calls give the same error.
pub fn register_static() -> Result<(), gst::glib::BoolError> {
    static REGISTERED: OnceLock<Result<(), gst::glib::BoolError>> = OnceLock::new();
    REGISTERED.get_or_init(plugin_register_static).clone()
}
