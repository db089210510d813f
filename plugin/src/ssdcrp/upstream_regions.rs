//! Regions of interest that an element before left on the buffers: read as detections to be explained, and answered where they are.
//!
//! In: a buffer's metas, `GstVideoRegionOfInterestMeta`, and what the engine made of those of the last frame that was looked at. Out: [`UpstreamDetection`]s, and a parameter `ssdcrp-match` on each meta
//! that there is an answer for, instead of that of another such element. No such meta is added, taken away or moved.
//!
//! With GStreamer 1.26 a frame without any is looked at for object detections in its `GstAnalyticsRelationMeta`, as GStreamer's own decoders of tensors leave them. They take no parameters: explained ones
//! get their relevance as a tensor. Elements that leave both say the same in both.

use gst::glib;
use gst_video::VideoRegionOfInterestMeta;

use ::ssdcrp::geometry::{Rect, Size};
use ::ssdcrp::stream::{UpstreamDetection, same_detections};

#[cfg(feature = "v1_26")]
use super::analytics::{self, RelevanceMap};
use super::upstream_terms::{quark_text, shares};

/// What the parameter is called.
pub const ANSWER: &str = "ssdcrp-match";
/// So many regions of one buffer are looked at, the first ones: no detector tells more, and each is held against all default boxes.
const MOST: usize = 300;

/// What is said of a detection of another element.
#[derive(Clone, Debug)]
pub struct RegionAnswer {
    /// What it was called.
    pub label: String,
    /// Where it was, in shares of the frame.
    pub rect: Rect,
    /// The parameter.
    pub said: gst::Structure,
    /// Why, where it is explained.
    #[cfg(feature = "v1_26")]
    pub map: Option<RelevanceMap>,
}

/// What other elements detected in a frame of `size`, in the order of its metas.
pub fn read(buffer: &gst::BufferRef, size: Size) -> Vec<UpstreamDetection> {
    let regions = buffer.iter_meta::<VideoRegionOfInterestMeta>();
    let detections = regions.take(MOST).map(|region| {
        let (x, y, width, height) = region.rect();
        UpstreamDetection {
            id: region.id(),
            label: label(&region),
            confidence: confidence(&region),
            rect: shares([x, y, width, height].map(f64::from), size),
        }
    });
    let detections: Vec<_> = detections.collect();
    #[cfg(feature = "v1_26")]
    if detections.is_empty() {
        return analytics::detections(buffer, size, MOST);
    }
    detections
}

/// Takes away what an element of this kind has answered before: whoever reads a region is given its first parameter of a name, and would take that for this element's answer.
pub fn forget_answers(buffer: &mut gst::BufferRef) {
    for mut region in buffer.iter_meta_mut::<VideoRegionOfInterestMeta>() {
        while remove_param(&mut region, ANSWER) {}
    }
}

/// Answers the regions of a buffer for frames of `size`: each gets what is said of the detection that it is.
pub fn answer(answers: &[RegionAnswer], buffer: &mut gst::BufferRef, size: Size) {
    if answers.is_empty() {
        return;
    }
    let now = read(buffer, size);
    let then: Vec<(&str, Rect)> = (answers.iter())
        .map(|answer| (&answer.label[..], answer.rect))
        .collect();
    let same = same_detections(&then, &now);
    let regions = buffer.iter_meta_mut::<VideoRegionOfInterestMeta>();
    for (index, mut region) in regions.take(MOST).enumerate() {
        if let Some((before, _)) = same.iter().find(|(_, now)| *now == index) {
            region.add_param(answers[*before].said.clone());
        }
    }
    #[cfg(feature = "v1_26")]
    if buffer.meta::<VideoRegionOfInterestMeta>().is_none() {
        let explained = same.iter().filter_map(|(before, index)| {
            let number = u32::try_from(now[*index].id).ok()?;
            Some((answers[*before].map.as_ref()?, number))
        });
        analytics::attach_maps(buffer, &explained.collect::<Vec<_>>());
    }
}

/// What a region is called; nothing where it has no name, which C code can leave out.
#[expect(
    unsafe_code,
    reason = "the binding takes it for granted that there is a name, and that it is UTF-8"
)]
fn label(region: &gst::MetaRef<VideoRegionOfInterestMeta>) -> String {
    // SAFETY: the meta is borrowed.
    quark_text(unsafe { (*region.as_ptr()).roi_type })
}

/// Takes a region's first parameter of this name away; says whether there was one.
#[expect(
    unsafe_code,
    reason = "the binding adds parameters, and takes none away"
)]
fn remove_param<T>(region: &mut gst::MetaRefMut<VideoRegionOfInterestMeta, T>, name: &str) -> bool {
    let place = region.params().position(|param| param.name() == name);
    let Some(place) = place.and_then(|place| u32::try_from(place).ok()) else {
        return false;
    };
    // SAFETY: the meta is borrowed for writing, and owns the list and the structures in it; the list has a link at that place.
    unsafe {
        let params = &mut (*region.as_mut_ptr()).params;
        let link = glib::ffi::g_list_nth(*params, place);
        let param = (*link).data.cast::<gst::ffi::GstStructure>();
        *params = glib::ffi::g_list_delete_link(*params, link);
        gst::ffi::gst_structure_free(param);
    }
    true
}

/// How sure who detected a region is: what a parameter says, that of the detection before others, as one of a classification.
fn confidence(region: &VideoRegionOfInterestMeta) -> Option<f32> {
    let told = |params: &gst::StructureRef| {
        let double = params.get::<f64>("confidence").ok();
        let double = double.map(|confidence| confidence as f32);
        double.or_else(|| params.get::<f32>("confidence").ok())
    };
    let of_detection = region.param("detection").and_then(told);
    let confidence = of_detection.or_else(|| region.params().find_map(told));
    confidence.filter(|confidence| confidence.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// It also runs under valgrind: structures are freed once, and the others stay.
    #[test]
    fn earlier_answers_go_and_all_else_stays() {
        gst::init().unwrap();
        let mut buffer = gst::Buffer::new();
        let buffer = buffer.get_mut().unwrap();
        let mut region = VideoRegionOfInterestMeta::add(buffer, "dog", (1, 2, 3, 4));
        for name in [ANSWER, "detection", ANSWER, "other", ANSWER] {
            region.add_param(gst::Structure::builder(name).field("score", 0.5).build());
        }
        forget_answers(buffer);
        let regions: Vec<_> = buffer.iter_meta::<VideoRegionOfInterestMeta>().collect();
        let names = regions.iter().flat_map(|region| region.params());
        let names: Vec<&str> = names.map(|param| param.name().as_str()).collect();
        assert_eq!(names, ["detection", "other"]);
        forget_answers(gst::Buffer::new().make_mut());
    }
}
