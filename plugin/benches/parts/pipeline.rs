//! The element in a real pipeline, fed with frames in memory: `appsrc ! ELEMENT ! fakesink`. In: frames. Out: when they came out, and how long they took through the element.

use std::sync::{Arc, Mutex};
use std::time::Instant;

use anyhow::{Context, Result};
use gst::prelude::*;

use super::video::Video;

/// A pipeline at work.
pub struct Running {
    pub video: Video,
    pub pipeline: gst::Pipeline,
    pub source: gst_app::AppSrc,
    pub element: gst::Element,
    pub passed: Arc<Mutex<Passed>>,
    /// How many frames went in.
    pub pushed: u64,
}

/// Frames at the element's pads.
#[derive(Default)]
pub struct Passed {
    entered: Option<Instant>,
    /// When each came out, and how long after it went in, in milliseconds.
    pub out: Vec<(Instant, f64)>,
}

impl Running {
    /// Starts `line`, a launch line of the element and its properties.
    pub fn start(line: &str, video: Video) -> Result<Self> {
        let pipeline = gst::parse::launch(&format!(
            "appsrc name=source format=time block=true max-buffers=2 ! {line} name=element ! fakesink sync=false"
        ))?;
        let pipeline = pipeline.downcast::<gst::Pipeline>();
        let pipeline = pipeline.ok().context("no pipeline")?;
        let named = |name: &str| pipeline.by_name(name).context("an element is missing");
        let source = named("source")?.downcast::<gst_app::AppSrc>();
        let source = source.ok().context("no appsrc")?;
        source.set_caps(Some(&video.caps()?));
        let element = named("element")?;
        let passed = Arc::new(Mutex::new(Passed::default()));
        let on_pad = |pad: &str, note: fn(&mut Passed)| -> Result<()> {
            let pad = element.static_pad(pad).context("a pad is missing")?;
            let passed = passed.clone();
            pad.add_probe(gst::PadProbeType::BUFFER, move |_, _| {
                if let Ok(mut passed) = passed.lock() {
                    note(&mut passed);
                }
                gst::PadProbeReturn::Ok
            });
            Ok(())
        };
        on_pad("sink", |passed| passed.entered = Some(Instant::now()))?;
        on_pad("src", |passed| {
            let now = Instant::now();
            let entered = passed.entered.take().unwrap_or(now);
            passed.out.push((now, (now - entered).as_secs_f64() * 1e3));
        })?;
        pipeline.set_state(gst::State::Playing)?;
        Ok(Self {
            video,
            pipeline,
            source,
            element,
            passed,
            pushed: 0,
        })
    }

    /// Pushes a new frame, which gets the time of the next one.
    pub fn push(&mut self, mut frame: gst::Buffer) -> Result<()> {
        self.video.stamp(&mut frame, self.pushed)?;
        self.pushed += 1;
        self.source.push_buffer(frame)?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nobody is there to hear of a pipeline that does not stop.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}
