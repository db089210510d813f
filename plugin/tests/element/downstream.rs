//! What elements behind this one do with the metas of its detections. The page has the table, and what GStreamer 1.22 really does is held against it.

use gst::prelude::*;
use gst_video::VideoRegionOfInterestMeta;

use super::support::*;

const PAGE: &str = include_str!("../../../docs/element.md");

/// x, y, width, height, and how many parameters there are.
type Seen = ((u32, u32, u32, u32), usize);

fn seen(buffer: &gst::BufferRef) -> Vec<Seen> {
    let metas = buffer.iter_meta::<VideoRegionOfInterestMeta>();
    metas
        .map(|meta| (meta.rect(), meta.params().count()))
        .collect()
}

/// A photo with its detections, and nothing drawn over it.
fn explained() -> (gst::Caps, gst::Buffer) {
    init();
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "I420")
        .build();
    let clip = converted(&photo("dog"), &caps);
    let plain = ["draw-boxes", "draw-labels", "draw-heatmap"].map(|name| (name, "false"));
    let mut bench = Bench::new(&[&[("mode", "every-frame")], &plain[..]].concat(), &clip);
    (clip.caps(), bench.push(clip.frame()))
}

/// The regions of a frame behind `elements`.
fn through(elements: &str, (caps, frame): &(gst::Caps, gst::Buffer)) -> Vec<Seen> {
    let (pipeline, sink) = launched(&format!(
        "appsrc name=source format=time ! {elements} ! appsink name=sink sync=false"
    ));
    let source = pipeline.by_name("source").unwrap();
    let source = source.downcast::<gst_app::AppSrc>().unwrap();
    source.set_caps(Some(caps));
    pipeline.set_state(gst::State::Playing).unwrap();
    source.push_buffer(frame.clone()).unwrap();
    source.end_of_stream().unwrap();
    let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(60));
    let sample = sample.unwrap_or_else(|| {
        let bus = pipeline.bus().unwrap();
        panic!("nothing comes out of {elements}: {:?}", bus.pop())
    });
    let behind = seen(sample.buffer().unwrap());
    pipeline.set_state(gst::State::Null).unwrap();
    behind
}

/// What becomes of a frame's regions behind `elements`, where a rectangle should become `moved` of itself.
fn fate(
    elements: &str,
    frame: &(gst::Caps, gst::Buffer),
    moved: impl Fn([u32; 4]) -> [u32; 4],
) -> [&'static str; 2] {
    let (before, behind) = (seen(&frame.1), through(elements, frame));
    assert!(before.len() >= 3 && before.iter().all(|(_, params)| *params >= 2));
    if behind.is_empty() {
        return ["lost", "lost"];
    }
    assert_eq!(before.len(), behind.len(), "{elements}");
    let pairs = || before.iter().zip(&behind);
    let near = |a: [u32; 4], b: [u32; 4]| a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 1);
    let right = pairs().all(|((then, _), (now, _))| near(moved((*then).into()), (*now).into()));
    let same = pairs().all(|((then, _), (now, _))| then == now);
    let kept = pairs().all(|((_, then), (_, now))| then == now);
    [
        match (right, same) {
            (true, _) => "right",
            (false, true) => "as before, which is wrong",
            (false, false) => "wrong",
        },
        if kept { "kept" } else { "lost" },
    ]
}

#[test]
fn the_page_says_what_elements_downstream_do_with_metas() {
    let same = |rect: [u32; 4]| rect;
    let half = |rect: [u32; 4]| rect.map(|edge| edge / 2);
    let mirrored = |[x, y, width, height]: [u32; 4]| [768 - x - width, y, width, height];
    let cropped = |[x, y, width, height]: [u32; 4]| [x.saturating_sub(40), y, width, height];
    let frame = &explained();
    let mut rows = Vec::new();
    let mut row = |elements: &[&str], fate: [&str; 2]| {
        let names: Vec<String> = elements.iter().map(|name| format!("`{name}`")).collect();
        rows.push(format!(
            "| {} | {} | {} |",
            names.join(", "),
            fate[0],
            fate[1]
        ));
    };
    let unchanged = ["queue", "identity", "tee", "videorate"];
    let fates = unchanged.map(|element| fate(element, frame, same));
    assert!(fates.iter().all(|other| *other == fates[0]), "{fates:?}");
    row(&unchanged, fates[0]);
    row(
        &["videoconvert"],
        fate("videoconvert ! video/x-raw,format=RGBA", frame, same),
    );
    row(
        &["videoscale"],
        fate("videoscale ! video/x-raw,width=384,height=288", frame, half),
    );
    row(
        &["videoflip"],
        fate("videoflip video-direction=horiz", frame, mirrored),
    );
    row(&["videocrop"], fate("videocrop left=40", frame, cropped));
    row(&["videobox"], fate("videobox left=40", frame, cropped));
    row(&["textoverlay"], fate("textoverlay text=x", frame, same));
    row(&["compositor"], fate("compositor", frame, same));
    row(&["x264enc"], fate("x264enc", frame, same));
    row(&["jpegenc"], fate("jpegenc", frame, same));
    let table = format!(
        "| element | rectangle | parameters |\n|---|---|---|\n{}\n",
        rows.join("\n")
    );
    let (major, minor, ..) = gst::version();
    println!("GStreamer {major}.{minor}\n{table}");
    if (major, minor) == (1, 22) {
        assert!(PAGE.contains(&table), "the page must contain:\n{table}");
    }
}

#[test]
fn dl_streamer_finds_its_fields() {
    let clip = photo("dog");
    let mut bench = Bench::new(&[("mode", "every-frame")], &clip);
    let out = bench.push(clip.frame());
    let report = bench.reports().remove(0);
    let metas: Vec<_> = out.iter_meta::<VideoRegionOfInterestMeta>().collect();
    assert!(metas.len() >= 3);
    for meta in metas {
        let detection = meta.param("detection").unwrap();
        let share = |name: &str| detection.get::<f64>(name).unwrap();
        let (x, y, width, height) = meta.rect();
        let edges = [
            ("x_min", x, 768),
            ("x_max", x + width, 768),
            ("y_min", y, 576),
            ("y_max", y + height, 576),
        ];
        for (name, pixel, side) in edges {
            let off = share(name) * f64::from(side) - f64::from(pixel);
            assert!(off.abs() <= 0.5001, "{name}: {detection}");
        }
        let class = detection.get::<u32>("class").unwrap();
        assert_eq!(detection.get::<i32>("label_id").unwrap(), class as i32);
        let object = detection.get::<u64>("object").unwrap();
        let id = meta.param("object_id").unwrap().get::<i32>("id").unwrap();
        assert_eq!(id, object as i32 + 1);
    }
    // Messages have the same box in pixels, and once is enough.
    assert!(
        !report
            .value("detections")
            .unwrap()
            .serialize()
            .unwrap()
            .contains("x_min")
    );
}
