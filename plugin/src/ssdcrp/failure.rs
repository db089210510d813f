//! From the engine's errors to messages on the bus: the engine says in words what is wrong, GStreamer wants a domain and a
//! code besides, which applications decide by.

use std::io;

use ::ssdcrp::{Error, ErrorKind};

/// The message for an error while the model is loaded.
///
/// ONNX Runtime that cannot be used is `GST_LIBRARY_ERROR_INIT`, an execution provider that it does not have `GST_RESOURCE_ERROR_SETTINGS`, a missing file `GST_RESOURCE_ERROR_NOT_FOUND`, one that
/// cannot be read `GST_RESOURCE_ERROR_READ`, and a file that is not understood `GST_STREAM_ERROR_FORMAT`.
pub fn loading(error: &anyhow::Error) -> gst::ErrorMessage {
    let text = format!("{error:#}");
    let advice = "set the property model-file to an ONNX file with its manifest (.toml) beside it, \
                  or leave it unset for the model that is built in";
    if kind(error) == Some(ErrorKind::RuntimeUnavailable) {
        return gst::error_msg!(gst::LibraryError::Init, ("{text}"));
    }
    if kind(error) == Some(ErrorKind::Argument) {
        return setting(error);
    }
    match io(error) {
        Some(io::ErrorKind::NotFound) => {
            gst::error_msg!(gst::ResourceError::NotFound, ("{text}; {advice}"))
        }
        Some(_) => gst::error_msg!(gst::ResourceError::Read, ("{text}; {advice}")),
        None => gst::error_msg!(gst::StreamError::Format, ("{text}; {advice}")),
    }
}

/// What an error of the engine is about.
pub fn kind(error: &anyhow::Error) -> Option<ErrorKind> {
    error.downcast_ref().map(Error::kind)
}

/// What the system said, where it was the system that refused.
pub fn io(error: &anyhow::Error) -> Option<io::ErrorKind> {
    let found = error.chain().find_map(|cause| {
        let engine = cause.downcast_ref().and_then(Error::io);
        engine.or_else(|| cause.downcast_ref())
    });
    found.map(io::Error::kind)
}

/// The message for a file of results that cannot be written, `GST_RESOURCE_ERROR_OPEN_WRITE`.
pub fn results(error: &anyhow::Error) -> gst::ErrorMessage {
    gst::error_msg!(
        gst::ResourceError::OpenWrite,
        ("{error:#}; set the property results-location to a file that can be written, or leave it unset")
    )
}

/// The message for a folder of evidence that cannot be used, `GST_RESOURCE_ERROR_OPEN_WRITE`.
pub fn evidence(error: &anyhow::Error) -> gst::ErrorMessage {
    gst::error_msg!(
        gst::ResourceError::OpenWrite,
        ("{error:#}; set the property events-location to a folder that can be written into, or leave it unset")
    )
}

/// The message for a setting that cannot be used, `GST_RESOURCE_ERROR_SETTINGS`.
pub fn setting(error: &anyhow::Error) -> gst::ErrorMessage {
    gst::error_msg!(gst::ResourceError::Settings, ("{error:#}"))
}

/// The message for a frame that cannot be read, analysed or painted, `GST_STREAM_ERROR_FAILED`.
pub fn frame(error: &anyhow::Error) -> gst::ErrorMessage {
    gst::error_msg!(gst::StreamError::Failed, ("{error:#}"))
}

/// Nothing is explained for a reason that the user can mend; the video goes on. `GST_RESOURCE_ERROR_SETTINGS`.
pub fn warn_unexplained(element: &gst::Element, error: &anyhow::Error) {
    gst::element_warning!(
        element,
        gst::ResourceError::Settings,
        ("no explanation: {error:#}")
    );
}

/// Evidence is missing; the video goes on. `GST_RESOURCE_ERROR_NO_SPACE_LEFT` or `GST_RESOURCE_ERROR_WRITE`.
pub fn warn_of_evidence(element: &gst::Element, error: &anyhow::Error) {
    if io(error) == Some(io::ErrorKind::StorageFull) {
        gst::element_warning!(element, gst::ResourceError::NoSpaceLeft, ("{error:#}"));
    } else {
        gst::element_warning!(element, gst::ResourceError::Write, ("{error:#}"));
    }
}
