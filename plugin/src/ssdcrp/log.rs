//! What the element says to whoever debugs a pipeline.

use std::sync::LazyLock;

/// What `GST_DEBUG=ssdcrp:N` shows.
pub static CAT: LazyLock<gst::DebugCategory> = LazyLock::new(|| {
    gst::DebugCategory::new(
        "ssdcrp",
        gst::DebugColorFlags::empty(),
        Some("Explained object detection"),
    )
});
