//! Intervals, what follows what in between, latency, and frames that come too late.

use gst::prelude::*;

use super::support::*;

/// The footage's first frames with their messages, recorded with these settings.
fn record(settings: &[(&str, &str)]) -> Vec<(gst::Buffer, Vec<gst::Structure>)> {
    let clip = footage();
    let mut bench = Bench::new(&[&[("mode", "every-frame")], settings].concat(), &clip);
    (clip.frames.iter())
        .map(|frame| (bench.push(frame.clone()), bench.reports()))
        .collect()
}

/// The objects whose explanation a frame shows.
fn explained(frame: &gst::BufferRef) -> Vec<u64> {
    let regions = regions(frame);
    let explained = regions.iter().filter(|region| region.explanation.is_some());
    explained.map(Region::object).collect()
}

#[test]
fn frames_between_two_detections_show_the_last_one() {
    let frames = record(&[("detect-interval", "300000000")]);
    for (index, (frame, reports)) in frames.iter().enumerate() {
        let due = index % 3 == 0;
        assert_eq!(reports.len(), usize::from(due), "frame {index}");
        let before = &frames[index - index % 3].0;
        let rects = |frame: &gst::BufferRef| -> Vec<_> {
            regions(frame).iter().map(|region| region.rect).collect()
        };
        assert!(
            !rects(frame).is_empty() && rects(frame) == rects(before),
            "frame {index}"
        );
    }
}

#[test]
fn a_heatmap_follows_its_object_between_two_explanations() {
    let heat_alone = [("draw-boxes", "false"), ("draw-labels", "false")];
    let settings = [
        ("select", "label"),
        ("select-label", "person"),
        ("explain-interval", "600000000"),
    ];
    let frames = record(&[&heat_alone[..], &settings].concat());
    let first = explained(&frames[0].0);
    assert_eq!(first.len(), 3, "three people");
    let mut moved = 0;
    for (index, (frame, reports)) in frames.iter().enumerate() {
        assert_eq!(reports.len(), 1);
        assert_eq!(
            explanations(&reports[0]).is_empty(),
            index % 6 != 0,
            "frame {index}"
        );
        let clip = footage();
        let heat = difference(&clip.frames[index], frame, &clip.info);
        let seen = regions(frame);
        for region in seen
            .iter()
            .filter(|region| first.contains(&region.object()))
        {
            let explanation = region.explanation.as_ref().expect("its heatmap stays");
            let since = explanation.get::<gst::ClockTime>("timestamp").unwrap();
            assert_eq!(since, (index / 6 * 6) as u64 * FRAME);
            let (x, y, width, height) = region.rect;
            let rows = (y..y + height).map(|row| (row * 768) as usize);
            let inside: u32 = rows
                .flat_map(|row| &heat[row + x as usize..row + (x + width) as usize])
                .sum();
            assert!(
                inside > 10 * width * height,
                "no heat on {region:?} of frame {index}"
            );
            let origin = regions(&frames[0].0)
                .into_iter()
                .find(|r| r.object() == region.object());
            moved = moved.max(origin.map_or(0, |origin| origin.rect.0.abs_diff(x)));
        }
    }
    assert!(
        moved > 15,
        "nobody moved more than {moved} pixels: this tests nothing"
    );
}

#[test]
fn what_is_asked_anew_is_answered_at_once() {
    let clip = photo("dog");
    let settings = [
        ("mode", "every-frame"),
        ("explain-interval", "18446744073709551615"),
    ];
    let mut bench = Bench::new(&settings, &clip);
    let mut words = |target: &str| -> Vec<String> {
        bench.element.set_property("target", target);
        bench.push(clip.frame());
        let reports = bench.reports();
        let told = explanations(&reports[0]);
        told.iter().map(|told| told.get("words").unwrap()).collect()
    };
    assert_eq!(words("class:bicycle").len(), 1);
    assert_eq!(words("class:bicycle"), [""; 0]);
    assert_eq!(words("offset:w+"), ["box wider"]);
    assert_eq!(words("offset:w+"), [""; 0]);
}

/// What the element adds to its upstream's latency, which is 5 ms here.
fn latency(bench: &mut Bench) -> gst::ClockTime {
    bench
        .harness
        .set_upstream_latency(5 * gst::ClockTime::MSECOND);
    bench.harness.query_latency().unwrap() - 5 * gst::ClockTime::MSECOND
}

#[test]
fn the_mode_that_waits_says_so() {
    let clip = footage();
    let mut live = Bench::new(&[], &clip);
    live.push(clip.frame());
    assert_eq!(latency(&mut live), gst::ClockTime::ZERO);

    let mut waiting = Bench::new(&[("mode", "every-frame")], &clip);
    assert!(latency(&mut waiting) >= FRAME, "the duration of a frame");

    // At ten thousand frames a second, no computer keeps up.
    let fast = "video/x-raw,format=I420,width=768,height=576,framerate=10000/1";
    waiting.harness.set_src_caps(fast.parse().unwrap());
    waiting.push(clip.frame());
    assert!(latency(&mut waiting) >= 20 * gst::ClockTime::MSECOND);
    let told = waiting
        .messages()
        .iter()
        .any(|m| m.type_() == gst::MessageType::Latency);
    assert!(told, "or nobody asks again");
}

#[test]
fn late_frames_are_shown_and_detected_in_but_not_explained() {
    let clip = footage();
    let mut bench = Bench::new(&[], &clip);
    let mut time = gst::ClockTime::ZERO;
    let mut push = |bench: &mut Bench| {
        time += gst::ClockTime::MSECOND;
        let mut frame = clip.frame();
        frame.make_mut().set_pts(time);
        bench.push(frame);
        std::thread::sleep(std::time::Duration::from_millis(5));
        time
    };
    push(&mut bench);
    // A frame for 100 ms was 200 ms late: so are all up to 500 ms.
    let at = 100 * gst::ClockTime::MSECOND;
    let qos = gst::event::Qos::new(gst::QOSType::Underflow, 1.5, 200_000_000, at);
    bench.harness.push_upstream_event(qos);
    bench.reports();
    let (mut detected, mut explained) = (0, None);
    while explained.is_none() {
        let now = push(&mut bench);
        assert!(now < 60 * gst::ClockTime::SECOND, "no explanation");
        for report in bench.reports() {
            let timestamp = report.get::<gst::ClockTime>("timestamp").unwrap();
            if explanations(&report).is_empty() {
                detected += usize::from(timestamp <= 5 * at);
            } else if timestamp > gst::ClockTime::MSECOND {
                explained = Some(timestamp);
            }
        }
    }
    assert!(explained > Some(5 * at), "{explained:?} was late");
    assert!(detected > 0, "late frames are detected in");
}
