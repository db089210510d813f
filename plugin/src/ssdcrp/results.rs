//! Results for machines: what is attached to the video's buffers and posted on the bus.
//!
//! In: detections and the explanation of one of them. Out: a [`Region`] per detection, which becomes a
//! `GstVideoRegionOfInterestMeta`, and the structure of the element message; the element's page documents both.

use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;

use ndarray::Array2;

use ::ssdcrp::crp::{Composite, Explanation, RelevanceSummary};
use ::ssdcrp::detect::{Detection, Manifest};
use ::ssdcrp::geometry::{Rect, Size};

use super::sight::Sight;

/// A detection in the frame's pixels, ready to be attached to any number of buffers.
#[derive(Clone, Debug)]
pub struct Region {
    label: String,
    /// x, y, width, height.
    rect: [u32; 4],
    detection: gst::Structure,
    explanation: Option<gst::Structure>,
}

impl Region {
    /// `size` is the frame's, in pixels. `None` where the network placed the box nowhere.
    pub fn new(
        detection: &Detection,
        object: u64,
        unexpected: bool,
        manifest: &Manifest,
        size: Size,
    ) -> Option<Self> {
        let rect = whole_pixels(&detection.rect, size)?;
        let label = manifest.label(detection.class).into_owned();
        let mut params = gst::Structure::builder("detection")
            .field("label", &label)
            .field("class", detection.class.0 as u32)
            .field("confidence", f64::from(detection.score))
            .field("x", rect[0])
            .field("y", rect[1])
            .field("width", rect[2])
            .field("height", rect[3])
            .field("default-box", detection.default_box as u32)
            .field("offsets", gst::Array::new(detection.offsets.map(f64::from)))
            .field("object", object)
            .field("unexpected", unexpected)
            .build();
        if let Some((class, score)) = detection.runner_up {
            params.set("runner-up", manifest.label(class).into_owned());
            params.set("runner-up-score", f64::from(score));
        }
        Some(Self {
            label,
            rect,
            detection: params,
            explanation: None,
        })
    }

    /// For machines.
    pub fn detection(&self) -> &gst::StructureRef {
        &self.detection
    }

    /// With what the last explanation of its object says, if there is one.
    pub fn explained(self, explanation: Option<&gst::Structure>) -> Self {
        let explanation = explanation.cloned();
        Self {
            explanation,
            ..self
        }
    }

    /// Adds the region's meta to `buffer`, under an `id` that tells a buffer's regions apart.
    pub fn attach(&self, buffer: &mut gst::BufferRef, id: i32) {
        let [x, y, width, height] = self.rect;
        let mut meta = VideoRegionOfInterestMeta::add(buffer, &self.label, (x, y, width, height));
        meta.set_id(id);
        meta.add_param(self.detection.clone());
        if let Some(explanation) = &self.explanation {
            meta.add_param(explanation.clone());
        }
    }
}

/// x, y, width, height of a box in the frame, edges rounded to nearest; at least a pixel inside of the frame.
fn whole_pixels(rect: &Rect, size: Size) -> Option<[u32; 4]> {
    if !rect.is_finite() || size.is_empty() {
        return None;
    }
    let along = |from: f32, to: f32, length: u32| {
        let pixel = |share: f32| (share.clamp(0.0, 1.0) * length as f32).round() as u32;
        let from = pixel(from).min(length - 1);
        (from, pixel(to).clamp(from + 1, length) - from)
    };
    let (x, width) = along(rect.x0, rect.x1, size.width);
    let (y, height) = along(rect.y0, rect.y1, size.height);
    Some([x, y, width, height])
}

/// When the frame is shown that a result belongs to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stamp {
    /// The buffer's presentation timestamp.
    pub timestamp: Option<gst::ClockTime>,
    /// The same as the pipeline's running time.
    pub running_time: Option<gst::ClockTime>,
}

impl Stamp {
    /// How much earlier this is than `now`; `None` where either has no time.
    pub fn age(self, now: Self) -> Option<gst::ClockTime> {
        let (then, now) = self.running_time.zip(now.running_time)?;
        Some(now.saturating_sub(then))
    }

    fn write(self, structure: &mut gst::StructureRef) {
        for (name, time) in [
            ("timestamp", self.timestamp),
            ("running-time", self.running_time),
        ] {
            if let Some(time) = time {
                structure.set(name, time);
            }
        }
    }
}

/// The structure of the element message for one frame's results.
pub fn message<'a>(
    sight: &Sight,
    explanations: impl Iterator<Item = &'a gst::Structure>,
    events: impl Iterator<Item = &'a gst::Structure>,
) -> gst::Structure {
    let mut message = gst::Structure::new_empty("ssdcrp");
    sight.stamp.write(&mut message);
    let Size { width, height } = sight.size();
    message.set("width", width);
    message.set("height", height);
    let detections = sight.regions.iter().flatten();
    let detections = detections.map(|region| region.detection.to_send_value());
    message.set("detections", gst::Array::from_values(detections));
    set_some(&mut message, "explanations", explanations);
    set_some(&mut message, "events", events);
    message
}

/// Structures as an array; no field where there are none.
fn set_some<'a>(
    message: &mut gst::StructureRef,
    name: &str,
    structures: impl Iterator<Item = &'a gst::Structure>,
) {
    let mut values = structures.map(ToSendValue::to_send_value).peekable();
    if values.peek().is_some() {
        message.set(name, gst::Array::from_values(values));
    }
}

/// The structure of the element message for an event in `sight`, with the explanation that it asked for, if there is one.
pub fn event(
    event: &gst::StructureRef,
    explanation: Option<&gst::Structure>,
    sight: &Sight,
) -> gst::Structure {
    let mut message = event.to_owned();
    message.set_name("ssdcrp-event");
    sight.stamp.write(&mut message);
    if let Some(explanation) = explanation {
        message.set("explanation", explanation.to_send_value());
    }
    message
}

/// What is told of an explanation: `map` is its relevance `[H, W]`, and it is about an object of `sight` with its box.
pub fn explanation(
    explanation: &Explanation,
    map: &Array2<f32>,
    composite: &Composite,
    (object, rect): (u64, &Rect),
    sight: &Sight,
) -> gst::Structure {
    let summary = RelevanceSummary::of(map, rect);
    let question = &explanation.question;
    let mut structure = gst::Structure::builder("explanation")
        .field("object", object)
        .field("default-box", explanation.default_box as u32)
        .field("target", &question.target)
        .field("contrast", &question.contrast)
        .field("composite", composite.to_string())
        .field("words", question.wording.to_string())
        .field("sum", summary.sum)
        .field("sum-abs", summary.sum_abs)
        .field("positive-share", summary.positive_share)
        .field("in-box-share", summary.in_box_share)
        .field("time-ms", explanation.took.as_secs_f64() * 1e3)
        .build();
    sight.stamp.write(&mut structure);
    if let Some([x, y]) = summary.centre {
        let Size { width, height } = sight.size();
        structure.set("centre-x", x * f64::from(width));
        structure.set("centre-y", y * f64::from(height));
    }
    structure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_become_whole_pixels_inside_of_the_frame() {
        let size = Size::new(640, 480);
        let whole = |edges: [f32; 4]| whole_pixels(&edges.into(), size);
        assert_eq!(whole([0.0, 0.0, 1.0, 1.0]), Some([0, 0, 640, 480]));
        assert_eq!(whole([0.25, 0.5, 0.5, 0.75]), Some([160, 240, 160, 120]));
        assert_eq!(whole([-3.0, 0.5, 9.0, 0.5]), Some([0, 240, 640, 1]));
        assert_eq!(whole([1.0, 1.0, 1.0, 1.0]), Some([639, 479, 1, 1]));
        assert_eq!(whole([0.0, f32::NAN, 1.0, 1.0]), None);
        let whole = Rect::new(0.0, 0.0, 1.0, 1.0);
        assert_eq!(whole_pixels(&whole, Size::new(0, 480)), None);
    }
}
