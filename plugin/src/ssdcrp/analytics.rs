//! Results as GStreamer's own analytics metas, which are there since 1.26: its elements draw them, write them as ONVIF's XML, and send them on.
//!
//! In: what the engine saw, and the explanations that are shown. Out: what a buffer gets of them,
//! - in its `GstAnalyticsRelationMeta` (made where there is none): for each detection an object detection, the class and its runner-up as a classification, the object's number as a tracking. Each pair
//!   is related by `RELATE_TO`, both ways, as GStreamer's own decoders of tensors do it.
//! - in a `GstTensorMeta` of its own: the maps as [`RELEVANCE`], and whose they are as [`RELEVANCE_OF`].

use gst::glib;
use gst::glib::translate::IntoGlib;
use gst_analytics::prelude::*;
use gst_analytics::{
    AnalyticsODMtd, AnalyticsRelationMeta, AnalyticsTrackingMtd, RelTypes, Tensor, TensorDataType,
    TensorDimOrder, TensorMeta,
};

use ::ssdcrp::detect::Labels;
use ::ssdcrp::geometry::Size;
use ::ssdcrp::stream::{ExplainedObject, FrameInfo, Tracked, UpstreamDetection, View};

use super::clock_time::clock_time;
use super::upstream_terms::{quark_text, shares};

/// The tensor of relevance: float32 `[N, H, W]`, a map for each explained object, of the picture as the network sees it (its input's height and width). 1 is what is drawn in full colour, negative speaks against what was
/// asked.
pub const RELEVANCE: &str = "ssdcrp-relevance";

/// The tensor of whose map each is: uint32 `[N]`, the numbers of object detections in the buffer's `GstAnalyticsRelationMeta`.
pub const RELEVANCE_OF: &str = "ssdcrp-relevance-of";

/// What buffers get of a view, ready to be attached to any number of them.
#[derive(Debug)]
pub struct Analytics(Vec<AnalysedObject>);

/// A detection that has a place.
#[derive(Debug)]
struct AnalysedObject {
    label: glib::Quark,
    /// x, y, width, height in pixels of the frame.
    rect: [i32; 4],
    /// Those of its class and of the runner-up, best first.
    scores: Vec<f32>,
    classes: Vec<glib::Quark>,
    number: u64,
    /// When it was seen first and last, where frames have times.
    seen: Option<[gst::ClockTime; 2]>,
    map: Option<RelevanceMap>,
}

/// The relevance of one explanation, whose numbers any number of buffers share.
#[derive(Clone, Debug)]
pub struct RelevanceMap {
    values: gst::Memory,
    /// Height and width.
    size: (usize, usize),
}

impl Analytics {
    /// That of all detections that have a place.
    pub fn of(view: &View, labels: &Labels) -> Self {
        let observation = &view.observation;
        let objects = observation.tracked.iter().enumerate();
        let objects = objects.filter_map(|(index, tracked)| {
            let map = view.explanation_of(index).map(|e| RelevanceMap::of(e));
            AnalysedObject::of(tracked, map, &observation.frame, labels)
        });
        Self(objects.collect())
    }

    /// Adds the metas to `buffer`.
    ///
    /// # Errors
    /// GStreamer takes no more results, or not these.
    pub fn attach(&self, buffer: &mut gst::BufferRef) -> Result<(), glib::BoolError> {
        if !self.0.is_empty() {
            let explained = self.relate(buffer)?;
            attach_maps(buffer, &explained);
        }
        Ok(())
    }

    /// Adds the objects and what is related to them. Out: the maps, each with the number of its object.
    fn relate(
        &self,
        buffer: &mut gst::BufferRef,
    ) -> Result<Vec<(&RelevanceMap, u32)>, glib::BoolError> {
        // Another element may have given it one already, to which ours are added.
        if buffer.meta::<AnalyticsRelationMeta>().is_none() {
            AnalyticsRelationMeta::add(buffer);
        }
        let mut meta = buffer
            .meta_mut::<AnalyticsRelationMeta>()
            .ok_or_else(|| glib::bool_error!("a buffer that takes no analytics"))?;
        let (mut explained, mut seen_last) = (Vec::new(), Vec::new());
        for object in &self.0 {
            let [x, y, width, height] = object.rect;
            let score = object.scores[0];
            let place = meta.add_od_mtd(object.label, x, y, width, height, score)?;
            let place = place.id();
            let class = meta.add_cls_mtd(&object.scores, &object.classes)?.id();
            let mut related = vec![class];
            if let Some([first, last]) = object.seen {
                let number = meta.add_tracking_mtd(object.number, first)?.id();
                seen_last.push((number, last));
                related.push(number);
            }
            for other in related {
                meta.set_relation(RelTypes::RELATE_TO, place, other)?;
                meta.set_relation(RelTypes::RELATE_TO, other, place)?;
            }
            explained.extend(object.map.as_ref().map(|map| (map, place)));
        }
        // The binding lends one tracking out for as long as it lends the meta.
        for (number, last) in seen_last {
            let meta = buffer.meta_mut::<AnalyticsRelationMeta>();
            if let Some(mut meta) = meta
                && let Some(mut tracking) = meta.mtd_mut::<AnalyticsTrackingMtd>(number)
            {
                tracking.update_last_seen(last)?;
            }
        }
        Ok(explained)
    }
}

impl AnalysedObject {
    /// `None` where the network placed the box nowhere.
    fn of(
        tracked: &Tracked,
        map: Option<RelevanceMap>,
        frame: &FrameInfo,
        labels: &Labels,
    ) -> Option<Self> {
        let [x, y, width, height] = tracked.pixels(frame)?;
        let rect = [x, y, width, height].map(|pixels| i32::try_from(pixels).unwrap_or(i32::MAX));
        let detection = &tracked.detection;
        let name = |class| glib::Quark::from_str(labels.name(class).as_ref());
        let class = (detection.class, detection.score);
        let (classes, scores) = std::iter::once(class)
            .chain(detection.runner_up)
            .map(|(class, score)| (name(class), score))
            .unzip();
        let seen = tracked.first_seen.zip(frame.time.timestamp);
        Some(Self {
            label: name(detection.class),
            rect,
            scores,
            classes,
            number: tracked.object,
            seen: seen.map(|(first, last)| [clock_time(first), clock_time(last)]),
            map,
        })
    }
}

impl RelevanceMap {
    /// That of an explanation.
    pub fn of(explained: &ExplainedObject) -> Self {
        let map = &explained.map;
        let values: Vec<u8> = map.iter().flat_map(|value| value.to_ne_bytes()).collect();
        Self {
            values: gst::Memory::from_slice(values),
            size: map.dim(),
        }
    }
}

/// Adds maps to `buffer`, each with the number of its object in the buffer's `GstAnalyticsRelationMeta`.
pub fn attach_maps(buffer: &mut gst::BufferRef, explained: &[(&RelevanceMap, u32)]) {
    let Some(&(first, _)) = explained.first() else {
        return;
    };
    // One network has one size; a tensor holds maps of one size alone.
    let same = explained.iter().filter(|(map, _)| map.size == first.size);
    let (mut maps, mut numbers) = (gst::Buffer::new(), Vec::<u8>::new());
    let mut count = 0;
    if let Some(maps) = maps.get_mut() {
        for (map, number) in same {
            maps.append_memory(map.values.clone());
            numbers.extend(number.to_ne_bytes());
            count += 1;
        }
    }
    let (height, width) = first.size;
    let tensor = |id: &str, kind, values, dims: &[usize]| {
        let id = glib::Quark::from_str(id);
        Tensor::new_simple(id, kind, values, TensorDimOrder::RowMajor, dims)
    };
    let numbers = gst::Buffer::from_slice(numbers);
    let tensors = [
        tensor(
            RELEVANCE,
            TensorDataType::Float32,
            maps,
            &[count, height, width],
        ),
        tensor(RELEVANCE_OF, TensorDataType::Uint32, numbers, &[count]),
    ];
    TensorMeta::add(buffer).set(tensors.into());
}

/// What other elements detected in a frame of `size`, with its numbers in the frame's `GstAnalyticsRelationMeta`; the first `most`.
pub fn detections(buffer: &gst::BufferRef, size: Size, most: usize) -> Vec<UpstreamDetection> {
    let Some(meta) = buffer.meta::<AnalyticsRelationMeta>() else {
        return Vec::new();
    };
    let detections = meta.iter::<AnalyticsODMtd>().filter_map(|detected| {
        let place = detected.location().ok()?;
        let [x, y, width, height] = [place.x, place.y, place.w, place.h].map(f64::from);
        let rect = shares([x, y, width, height], size);
        Some(UpstreamDetection {
            id: i32::try_from(detected.id()).ok()?,
            label: detected
                .obj_type()
                .map_or_else(String::new, |name| quark_text(name.into_glib())),
            confidence: Some(place.loc_conf_lvl).filter(|confidence| confidence.is_finite()),
            rect,
        })
    });
    detections.take(most).collect()
}
