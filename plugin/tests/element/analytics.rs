//! Results as GStreamer's own analytics metas: the same as in the regions of interest, for elements that know nothing of this one.

use gst::glib;
use gst_analytics::prelude::*;
use gst_analytics::{
    AnalyticsClassificationMtd, AnalyticsMtd, AnalyticsMtdRef, AnalyticsODMtd,
    AnalyticsRelationMeta, AnalyticsTrackingMtd, RelTypes, Tensor, TensorDataType, TensorDimOrder,
    TensorMeta,
};

use super::support::*;

type Relations<'a> = gst::MetaRef<'a, AnalyticsRelationMeta>;

/// What is related to an object, and related back to it.
fn related<'a, T: AnalyticsMtd>(
    meta: &'a Relations<'a>,
    object: u32,
) -> Option<AnalyticsMtdRef<'a, T>> {
    let mut related = meta.iter_direct_related::<T>(object, RelTypes::RELATE_TO);
    let found = related.next()?;
    assert!(related.next().is_none());
    assert_eq!(meta.relation(found.id(), object), RelTypes::RELATE_TO);
    Some(found)
}

fn numbers<T, const N: usize>(tensor: &Tensor, of: impl Fn([u8; N]) -> T) -> Vec<T> {
    let data = tensor.data().map_readable().unwrap();
    let (chunks, rest) = data.as_chunks::<N>();
    assert!(rest.is_empty());
    chunks.iter().map(|bytes| of(*bytes)).collect()
}

/// The maps in a buffer, `[N, H, W]`, and whose they are.
fn relevance(buffer: &gst::BufferRef) -> (Vec<usize>, Vec<f32>, Vec<u32>) {
    let meta = buffer.meta::<TensorMeta>().unwrap();
    let [maps, of] = meta.as_slice() else {
        panic!("{} tensors", meta.as_slice().len());
    };
    assert_eq!(maps.id(), glib::Quark::from_str("ssdcrp-relevance"));
    assert_eq!(of.id(), glib::Quark::from_str("ssdcrp-relevance-of"));
    assert_eq!(maps.data_type(), TensorDataType::Float32);
    assert_eq!(of.data_type(), TensorDataType::Uint32);
    for tensor in [maps, of] {
        assert_eq!(tensor.dims_order(), TensorDimOrder::RowMajor);
    }
    let (dims, values) = (maps.dims().to_vec(), numbers(maps, f32::from_ne_bytes));
    let of_whom = numbers(of, u32::from_ne_bytes);
    assert_eq!(of.dims(), [of_whom.len()]);
    assert_eq!(values.len(), dims.iter().product::<usize>());
    (dims, values, of_whom)
}

#[test]
fn analytics_say_the_same_as_the_regions_of_interest() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[("mode", "every-frame"), ("select", "all")], &clip);
    bench.push(clip.frame());
    let mut later = clip.frame();
    stamp(later.make_mut(), 1);
    let now = later.pts();
    let out = bench.push(later);
    let regions = regions(&out);
    let meta = out.meta::<AnalyticsRelationMeta>().unwrap();
    let (dims, values, of) = relevance(&out);
    assert!(regions.len() >= 3);
    assert_eq!(dims, [regions.len(), 300, 300]);
    let objects: Vec<_> = meta.iter::<AnalyticsODMtd>().collect();
    assert_eq!(objects.len(), regions.len());
    for (index, (object, region)) in objects.iter().zip(&regions).enumerate() {
        let place = object.location().unwrap();
        let (x, y, w, h) = (place.x, place.y, place.w, place.h);
        assert_eq!((x as u32, y as u32, w as u32, h as u32), region.rect);
        assert_eq!(object.obj_type().unwrap().as_str().as_str(), region.label);
        let score = region.confidence() as f32;
        assert_eq!(place.loc_conf_lvl, score);
        let class: AnalyticsMtdRef<AnalyticsClassificationMtd> =
            related(&meta, object.id()).unwrap();
        let told: Vec<_> = (0..class.len())
            .map(|index| (class.quark(index).as_str().as_str(), class.level(index)))
            .collect();
        let mut expected = vec![(region.label.as_str(), score)];
        let runner_up = region.detection.get::<String>("runner-up").ok();
        let runner_up_score = region.detection.get::<f64>("runner-up-score").ok();
        let runner_up = runner_up.as_deref().zip(runner_up_score);
        expected.extend(runner_up.map(|(name, score)| (name, score as f32)));
        assert_eq!(told, expected);
        let tracking: AnalyticsMtdRef<AnalyticsTrackingMtd> = related(&meta, object.id()).unwrap();
        let (number, first, last, lost) = tracking.info();
        assert_eq!((number, lost), (region.object(), false));
        assert_eq!((Some(first), Some(last)), (clip.frame().pts(), now));
        // The map, by a number that does not depend on its scale.
        assert_eq!(of[index], object.id());
        let map = &values[index * 300 * 300..][..300 * 300];
        let total: f64 = map.iter().map(|value| f64::from(value.abs())).sum();
        let positive: f64 = map.iter().map(|value| f64::from(value.max(0.0))).sum();
        let told = region.explanation.as_ref().unwrap();
        let share = told.get::<f64>("positive-share").unwrap();
        assert!(total > 0.0 && (positive / total - share).abs() < 1e-4);
    }
}

#[test]
fn what_another_element_related_stays() {
    let clip = photo("dog");
    let mut frame = clip.frame().copy();
    let cat = glib::Quark::from_str("a cat of somebody else's");
    let mut theirs = AnalyticsRelationMeta::add(frame.get_mut().unwrap());
    theirs.add_od_mtd(cat, 1, 2, 30, 40, 0.5).unwrap();
    drop(theirs);
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let out = bench.push(frame);
    assert_eq!(out.iter_meta::<AnalyticsRelationMeta>().count(), 1);
    let meta = out.meta::<AnalyticsRelationMeta>().unwrap();
    let objects: Vec<_> = meta.iter::<AnalyticsODMtd>().collect();
    assert_eq!(objects.len(), 1 + regions(&out).len());
    assert_eq!(objects[0].obj_type(), Some(cat));
    let (_, _, of) = relevance(&out);
    assert_eq!(of, [objects[1].id()], "the best of the own ones");
}

#[test]
fn object_detections_of_another_element_are_explained() {
    let clip = photo("dog");
    let own = regions(&Bench::new(&[("mode", "every-frame")], &clip).push(clip.frame()));
    let mut frame = clip.frame().copy();
    let mut theirs = AnalyticsRelationMeta::add(frame.get_mut().unwrap());
    let nowhere = glib::Quark::from_str("forklift");
    theirs.add_od_mtd(nowhere, 500, 300, 60, 60, 0.5).unwrap();
    for region in &own {
        let (x, y, w, h) = region.rect;
        let label = glib::Quark::from_str(&region.label);
        let [x, y, w, h] = [x, y, w, h].map(|pixels| pixels as i32);
        theirs.add_od_mtd(label, x, y, w, h, 0.75).unwrap();
    }
    drop(theirs);
    let settings = [
        ("mode", "every-frame"),
        ("detections", "upstream"),
        ("select", "all"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    let out = bench.push(frame);
    assert!(regions(&out).is_empty());
    let meta = out.meta::<AnalyticsRelationMeta>().unwrap();
    assert_eq!(meta.iter::<AnalyticsODMtd>().count(), 1 + own.len());
    let (dims, _, mut of) = relevance(&out);
    of.sort_unstable();
    assert_eq!(dims, [own.len(), 300, 300]);
    assert_eq!(of, (1..=own.len() as u32).collect::<Vec<_>>());
    let report = bench.reports().remove(0);
    let told = |field: &str| report.get::<gst::Array>(field).unwrap().len();
    assert_eq!((told("detections"), told("unmatched")), (own.len(), 1));
}

#[test]
fn gstreamers_own_overlay_draws_the_boxes() {
    // `draw-boxes` off: what is drawn is the other element's.
    let drawn = |overlay: &str| {
        let line = format!(
            "filesrc location={} ! jpegdec ! imagefreeze num-buffers=1 ! videoconvert ! \
             ssdcrp mode=every-frame draw-boxes=false draw-labels=false draw-heatmap=false ! \
             videoconvert ! {overlay} videoconvert ! video/x-raw,format=RGBx ! appsink name=sink",
            cached("photos/dog.jpg").display()
        );
        let (_, buffers) = pull(&line, 1);
        let map = buffers[0].map_readable().unwrap();
        map.to_vec()
    };
    let (plain, with) = (drawn(""), drawn("objectdetectionoverlay !"));
    let changed = plain.iter().zip(&with).filter(|(a, b)| a != b).count();
    assert!(changed > 2_000, "{changed} values differ");
}
