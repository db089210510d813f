//! SECTION:element-ssdcrp
//!
//! Finds objects with a single-shot detector (SSD) and shows in the video what was found and *why*: over a detection
//! lies a heatmap of the pixels that speak for what it was called (red) and against it (blue), by Contrastive Relevance
//! Propagation (CRP). The network runs in ONNX Runtime; a COCO model is built in.
//!
//! ## Example launch lines
//! ```bash
//! gst-launch-1.0 videotestsrc ! video/x-raw,width=768,height=576 ! ssdcrp ! videoconvert ! autovideosink
//! ```
//! The pipeline to put a camera or a file into. In `mode=live`, the default, the video never waits for the network.
//! ```bash
//! gst-launch-1.0 filesrc location=street.mp4 ! decodebin ! videoconvert ! \
//!   ssdcrp mode=every-frame target=class:person contrast=runner-up ! \
//!   videoconvert ! video/x-raw,format=I420 ! x264enc ! mp4mux ! filesink location=explained.mp4
//! ```
//! Records a file in which every frame has its own result: why "person" rather than the best other class there?
//! ```bash
//! gst-launch-1.0 -m v4l2src ! videoconvert ! \
//!   ssdcrp draw-boxes=false draw-labels=false draw-heatmap=false ! fakesink
//! ```
//! Leaves the picture alone and prints the results.
//!
//! ## What is explained
//! `select` says which detections: the `best`, `all`, those of the classes in `select-label` (`label`), or the smallest one
//! at `select-x`, `select-y` (`point`); `all` and `label` explain up to `max-explanations` at once, each heatmap in its own
//! place. Detections of classes that are not among `expected-classes` come first.
//!
//! Of each, one output of its default box is explained: its class, or what the property `target` names. `class:NAME` asks
//! for a class, predicted or not ("what speaks for a horse here?"), `offset:cx`, `cy`, `w` and `h` for the box's place
//! and size, `edge:left`, `right`, `top` and `bottom` for its edges, both with `+` or `-` behind it for a direction
//! (`offset:w+`: what makes the box wider?). `contrast` says against what: the `mean` of the other classes, the same
//! weighted with their probabilities (`softmax`), the `runner-up`, `class:NAME`, or `none`. `composite` says how
//! relevance is propagated: `auto`, what the model's manifest names, else `crp`; a preset (`crp`, `lrp-simple`, `lrp-epsilon`, `lrp-alpha1beta0`, `lrp-alpha2beta1`) or a list
//! such as `high=epsilon:0.25std,low=abs`.
//!
//! All of that may change while the video plays.
//!
//! ## Mouse and keyboard
//! In a video sink's window, or by `GstNavigation` events that an application sends upstream:
//!
//! | event | |
//! |---|---|
//! | press of the first button | explains the smallest object under it, also when it moves on; a second press on it lets go |
//! | `Escape` | lets go: what `select` says is explained again |
//! | `t` | asks of the next kind of target: class, offsets, edges |
//! | `n` | asks of the next offset or edge |
//!
//! An object that is gone is let go by itself. The events go on upstream.
//!
//! A text that is not in the grammar changes nothing and gives a warning message; a class that the model does not have gives
//! a warning, once, and frames without heatmap. The element does not start with either.
//!
//! ## Time
//! Every buffer goes out as it came in, with its timestamps, flags and metas.
//!
//! In `mode=live` no frame waits: detection and explanation each have a thread, which takes the newest frame when it is free,
//! and frames show the newest result there is. Explanations take longer than detections; meanwhile the last heatmap
//! follows its object (found again by the overlap of its boxes), moved and scaled with the box, and goes when
//! the object does. A result that nothing newer replaces in `expire-overlay` fades and goes; `draw-age` writes on the frame
//! how old what it shows is. No latency is added.
//!
//! In `mode=every-frame` each frame waits for its own result, so that the same video gives the same pictures. To a latency
//! query the element adds the duration of a frame, or what the slowest frame so far took if that is longer.
//!
//! `detect-interval` and `explain-interval` let the computer rest: they are the least running time, in nanoseconds like all
//! times in GStreamer and whatever the frame rate is, between two frames that are detected in or explained. A change of what
//! is asked is answered at once. In between, frames show the last detections, and heatmaps follow their objects.
//!
//! A frame is never dropped for being late (the property `qos` of the base class is off). When downstream tells by QoS
//! events that frames come too late, those in `mode=live` are detected in but not explained until the delay is made up.
//!
//! ## Drawing
//! Where the sink composites overlays, which it says in its caps (the feature `meta:GstVideoOverlayComposition`) and in its
//! answer to the allocation query, boxes, labels and heatmap go along as a `GstVideoOverlayCompositionMeta` and the frame
//! stays as it is. Everywhere else they are painted into the frame. With `draw-boxes`, `draw-labels` and `draw-heatmap`
//! off nothing is written: a frame that others hold too is not copied. Sizes follow the frame as it is displayed, its pixel
//! aspect ratio counted in. Colours follow the caps' colorimetry.
//!
//! ## Output
//! `output=heatmap` puts the heatmap in place of the picture, for a branch that composites or analyses it: with straight
//! alpha in RGBA, BGRA, ARGB and ABGR, on black in other formats. Boxes and labels are not drawn then.
//! ```bash
//! gst-launch-1.0 v4l2src ! videoconvert ! video/x-raw,format=RGBA ! tee name=t \
//!   compositor name=c ! videoconvert ! autovideosink \
//!   t. ! queue ! c. \
//!   t. ! queue ! ssdcrp output=heatmap ! c.
//! ```
//!
//! ## Results for machines
//! Each detection is attached to the buffers that show it as a `GstVideoRegionOfInterestMeta`: the label is the
//! `roi_type`, and a parameter structure `detection` holds
//!
//! | field | type | |
//! |---|---|---|
//! | `label`, `class` | string, uint | the class and its number |
//! | `confidence` | double | 0..1 |
//! | `x`, `y`, `width`, `height` | uint | pixels of the frame |
//! | `default-box` | uint | index into the network's outputs |
//! | `offsets` | array of double | cx, cy, w, h as the network gave them |
//! | `runner-up`, `runner-up-score` | string, double | the best other class at that default box, if there is one |
//! | `object` | uint64 | a number that it shares with the detections of the same object in other frames |
//! | `unexpected` | boolean | whether its class is not among `expected-classes` |
//!
//! A second parameter structure, `explanation`, is the last explanation of the object, if its heatmap is shown.
//!
//! For each result an element message `ssdcrp` is posted. In `mode=live` a frame that is explained has two: one as soon as
//! its detections are there, and one that repeats them with the explanations.
//!
//! | field | type | |
//! |---|---|---|
//! | `timestamp`, `running-time` | uint64 (ns) | of the frame, if it has a timestamp |
//! | `width`, `height` | uint | of the frame, pixels |
//! | `detections` | array of `detection` structures | best first |
//! | `explanations` | array of `explanation` structures | the most important first; missing if there is none |
//!
//! An `explanation` holds
//!
//! | field | type | |
//! |---|---|---|
//! | `object` | uint64 | that of the detection |
//! | `default-box` | uint | |
//! | `timestamp`, `running-time` | uint64 (ns) | of the frame that was explained, if it has a timestamp |
//! | `target`, `contrast`, `composite` | string | in the properties' grammar, with the names that were chosen for `auto` |
//! | `words` | string | "sheep rather than horse" |
//! | `sum`, `sum-abs` | double | Σ R and Σ \|R\| over the pixels |
//! | `positive-share` | double | of Σ \|R\|, what is positive |
//! | `in-box-share` | double | of Σ \|R\|, what lies in the detection's box |
//! | `centre-x`, `centre-y` | double | centre of mass of \|R\|, pixels of the frame; missing where there is no relevance |
//! | `time-ms` | double | what the explanation took, the forward pass aside |
//!
//! `results-location` names a file that gets the same as JSON Lines: each message is an object on a line of its own, written
//! when the message is posted. A line that cannot be written, on a full disk, is left out with a warning; the video goes on.
//!
//! ## Errors
//! `GST_LIBRARY_ERROR_INIT`: ONNX Runtime cannot be loaded (the environment variable `ORT_DYLIB_PATH` names it).
//! `GST_RESOURCE_ERROR_NOT_FOUND`, `GST_RESOURCE_ERROR_READ`, `GST_STREAM_ERROR_FORMAT`: the model file or its manifest is
//! missing, unreadable or not understood. `GST_RESOURCE_ERROR_SETTINGS`: a property's text cannot be used.
//! `GST_RESOURCE_ERROR_OPEN_WRITE`: the file of results cannot be written.

use gst::glib;
use gst::prelude::*;

use ::ssdcrp::heatmap;

mod age;
mod analysis;
mod blank;
mod blend;
mod colour;
mod delivery;
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
