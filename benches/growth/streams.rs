//! What is detected and explained in a second against the number of streams of one session, as a camera each gives 25 frames a second.

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use bench_report::{Quartiles, Record, cpu_time, exponent, setting};
use image::RgbImage;
use ssdcrp::detect::{Model, Thresholds, preprocess};
use ssdcrp::overlay::Canvas;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::selection::Selection;
use ssdcrp::stream::settings::{DisplaySettings, QuestionSettings, StreamSettings};
use ssdcrp::stream::{
    FrameInfo, FrameTime, Host, News, Observation, Pacing, Session, Stream, StreamFrame, View,
    Zones,
};

#[path = "../../tests/cache/mod.rs"]
mod cache;

const SECTION: &str = "Growth: streams of one session, 25 frames a second each";
const COUNTS: [usize; 4] = [1, 2, 4, 8];
/// Stream after stream sees one of them.
const PHOTOS: [&str; 4] = ["dog", "person", "horses", "eagle"];
const INTERVAL: Duration = Duration::from_millis(40);
/// Not watched: the network of the first explanation is compiled.
const WARMING: Duration = Duration::from_millis(1500);

/// Takes what a stream shows, and does nothing with it.
struct Quiet;

impl Host for Quiet {
    type Picture = ();
    type Prepared = Option<Canvas>;

    fn prepare(&self, _: &View, canvas: Option<Canvas>) -> ssdcrp::Result<Option<Canvas>> {
        Ok(canvas)
    }

    fn picture(&self, (): &(), _: &Observation) -> ssdcrp::Result<RgbImage> {
        Ok(RgbImage::new(1, 1))
    }

    fn clock(&self) -> String {
        String::new()
    }

    fn tell(&self, _: News) {}
}

/// Frames a second of all streams together, and percent of one core.
struct Rates {
    detected: f64,
    explained: f64,
    cpu: f64,
}

/// Measures and reports.
pub fn measure(model: &Arc<Model>) -> Result<()> {
    let rounds: usize = setting("ROUNDS", 2)?;
    let length = Duration::from_secs(setting("DURATION", 5)?);
    let photos = PHOTOS.into_iter().map(|name| {
        let photo = image::open(cache::cached(&format!("photos/{name}.jpg")))?;
        Ok(photo.into_rgb8())
    });
    let photos: Vec<RgbImage> = photos.collect::<Result<_>>()?;
    let mut rates: Vec<Vec<Rates>> = COUNTS.iter().map(|_| vec![]).collect();
    for _ in 0..rounds {
        for (&count, rates) in COUNTS.iter().zip(&mut rates) {
            rates.push(watch(model, &photos, count, length)?);
        }
    }
    println!("{SECTION}");
    let (mut detected, mut explained) = (vec![], vec![]);
    for (count, rates) in COUNTS.iter().zip(&rates) {
        let of = |of: fn(&Rates) -> f64| rates.iter().map(of).collect::<Vec<f64>>();
        let cpu = Quartiles::of(&of(|rates| rates.cpu)).context("no turn was taken")?;
        for (what, samples, points) in [
            ("detected in", of(|rates| rates.detected), &mut detected),
            ("explained", of(|rates| rates.explained), &mut explained),
        ] {
            let streams = if *count == 1 { "stream" } else { "streams" };
            let name = format!("{count} {streams}: frames {what}");
            let record = Record::of(SECTION, &name, "/s", &samples)?;
            let median = record.quartiles.median;
            points.push((*count as f64, median));
            let each = median / *count as f64;
            record
                .with(format!("{each:.1} /s a stream"))
                .with(format!("processor {:.0} %", cpu.median))
                .keep()?;
        }
    }
    for (what, points) in [("detected in", detected), ("explained", explained)] {
        if let Some(exponent) = exponent(&points) {
            let name = format!("frames {what} against streams, fitted");
            Record::of(SECTION, &name, "exponent", &[exponent])?.keep()?;
        }
    }
    Ok(())
}

/// So many streams of a new session for some time.
fn watch(model: &Arc<Model>, photos: &[RgbImage], count: usize, length: Duration) -> Result<Rates> {
    let session = Session::start(model.clone(), Pacing::Live, SessionOptions::default(), None)?;
    let streams = (0..count).map(|_| session.stream(Quiet, None));
    let streams: Vec<Stream<Quiet>> = streams.collect::<ssdcrp::Result<_>>()?;
    let settings = Arc::new(StreamSettings {
        thresholds: Thresholds::from(&model.manifest.detection),
        question: QuestionSettings::default(),
        selection: Some(Selection {
            most: 1,
            ..Selection::default()
        }),
        explain_interval: Duration::ZERO,
        check: false,
        events: None,
        zones: Zones::default(),
        display: DisplaySettings::default(),
    });
    let started = Instant::now();
    let mut due = Duration::ZERO;
    let mut play = |end: Duration| -> Result<()> {
        while due < end {
            sleep(due.saturating_sub(started.elapsed()));
            for (stream, photo) in streams.iter().zip(photos.iter().cycle()) {
                look(stream, model, photo, due, &settings)?;
            }
            due += INTERVAL;
        }
        Ok(())
    };
    play(WARMING)?;
    let (watched, cpu) = (Instant::now(), cpu_time()?);
    let before = counted(&streams);
    play(WARMING + length)?;
    let after = counted(&streams);
    let seconds = watched.elapsed().as_secs_f64();
    Ok(Rates {
        detected: (after.0 - before.0) as f64 / seconds,
        explained: (after.1 - before.1) as f64 / seconds,
        cpu: 100.0 * (cpu_time()? - cpu).as_secs_f64() / seconds,
    })
}

/// Frames that were detected in, and explained: of each, one object is.
fn counted(streams: &[Stream<Quiet>]) -> (u64, u64) {
    let stats = streams.iter().map(Stream::stats);
    stats.fold((0, 0), |(detected, explained), stats| {
        (detected + stats.detected, explained + stats.explained)
    })
}

/// Hands over a frame, if it can be used.
fn look(
    stream: &Stream<Quiet>,
    model: &Model,
    photo: &RgbImage,
    time: Duration,
    settings: &Arc<StreamSettings>,
) -> Result<()> {
    if !stream.wants(INTERVAL) {
        return Ok(());
    }
    let info = FrameInfo {
        time: FrameTime {
            timestamp: Some(time),
            running_time: Some(time),
        },
        size: photo.dimensions().into(),
        pixel_aspect: 1.0,
        epoch: stream.epoch(),
    };
    let input = preprocess::sample(photo, model.input_size, &model.manifest.input)?;
    stream.look(StreamFrame {
        info,
        input: Box::new(|| Ok(input)),
        settings: settings.clone(),
        late: false,
        picture: None,
    })?;
    stream.shown()?;
    Ok(())
}
