//! Caps: what the element takes and gives, and whether the overlay travels with the buffers or is painted into them.
//!
//! In: caps, and answers of the elements downstream. Out: the caps of the other pad. A sink that composites overlays itself
//! says so twice: in its caps, by the feature `meta:GstVideoOverlayComposition`, and in its answer to the allocation query.
//! Both are asked for, as `textoverlay` does: an element that takes any caps would otherwise be given an overlay that it
//! never shows.

use gst::prelude::*;
use gst_video::VideoInfo;

use ::ssdcrp::geometry::Size;

use super::layout::FORMATS;

/// What overlays are made for: the frames, and whether the overlay is attached to them as a meta or painted into them.
#[derive(Clone, Debug)]
pub struct Surface {
    pub info: VideoInfo,
    pub attached: bool,
}

impl Surface {
    /// The frames'.
    pub fn size(&self) -> Size {
        Size::new(self.info.width(), self.info.height())
    }

    /// The same for frames that show the picture with an overlay, or something in place of it, which cannot be attached to it.
    pub fn for_picture(&self, shows_picture: bool) -> Self {
        Self {
            attached: self.attached && shows_picture,
            ..self.clone()
        }
    }

    /// How much wider than high a pixel is when it is displayed.
    pub fn pixel_aspect(&self) -> f64 {
        let par = self.info.par();
        f64::from(par.numer()) / f64::from(par.denom())
    }
}

/// Of buffers in system memory that may carry an overlay.
fn overlaid() -> gst::CapsFeatures {
    gst::CapsFeatures::new([
        gst::CAPS_FEATURE_MEMORY_SYSTEM_MEMORY,
        gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION,
    ])
}

/// The same caps, of buffers that may carry an overlay.
fn with_overlay(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    let caps_mut = caps.make_mut();
    for index in 0..caps_mut.size() {
        caps_mut.set_features(index, Some(overlaid()));
    }
    caps
}

/// The same caps, of buffers without an overlay.
fn without_overlay(caps: &gst::Caps) -> gst::Caps {
    let mut caps = caps.clone();
    let caps_mut = caps.make_mut();
    for index in 0..caps_mut.size() {
        caps_mut.set_features(index, None);
    }
    caps
}

/// The caps of a pad's template.
pub fn template(direction: gst::PadDirection) -> gst::Caps {
    let plain = gst_video::VideoCapsBuilder::new()
        .format_list(FORMATS.iter().copied())
        .build();
    match direction {
        gst::PadDirection::Src => transformed(gst::PadDirection::Sink, &plain, true),
        _ => plain,
    }
}

/// What the other pad can have where the pad of `direction` has `caps`, best first. `offered`: whether buffers may leave the
/// element with an overlay.
pub fn transformed(direction: gst::PadDirection, caps: &gst::Caps, offered: bool) -> gst::Caps {
    let plain = without_overlay(caps);
    if direction != gst::PadDirection::Sink || !offered {
        return plain;
    }
    let mut both = with_overlay(caps);
    both.merge(plain);
    both
}

/// Whether the caps say that buffers may carry an overlay.
pub fn may_carry(caps: &gst::CapsRef) -> bool {
    caps.features(0).is_some_and(|features| {
        features.contains(gst_video::CAPS_FEATURE_META_GST_VIDEO_OVERLAY_COMPOSITION)
    })
}

/// Whether what is behind `pad` composites the overlays of buffers of these caps. The caps must have been sent before:
/// most elements answer only then.
pub fn composites(pad: &gst::Pad, caps: &gst::Caps) -> bool {
    let mut query = gst::query::Allocation::new(Some(caps), false);
    // An element that does not know the query allocates nothing, and composites nothing.
    pad.peer_query(&mut query)
        && query
            .find_allocation_meta::<gst_video::VideoOverlayCompositionMeta>()
            .is_some()
}
