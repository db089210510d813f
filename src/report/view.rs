//! A photo with a heatmap and boxes over it, as pages show it; `view.html` fills it in.

use super::css_rect::CssRect;

/// A part of a photo, and what is drawn over it.
pub(crate) struct PhotoView {
    /// The photo's number on the page, by which its style has it.
    pub photo: usize,
    /// The photo's file, where the page does not have it itself; else empty.
    pub url: String,
    /// Width / height.
    pub aspect: String,
    /// Where the whole photo lies, so that its part fills the view.
    pub stage: CssRect,
    /// A heatmap as a data URI, or nothing.
    pub heat: String,
    /// Boxes, each with its class in the page's style: "truth", "nearest", "other", or "" for the one that is explained.
    pub boxes: Vec<(&'static str, CssRect)>,
    /// What is to be seen, for those who do not see it.
    pub words: String,
}
