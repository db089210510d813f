//! The worker thread's work: everything that takes long, done for one frame at a time.
//!
//! In: a [`Job`], the network's input sampled from a frame with the settings of that moment. Out: an [`Outcome`],
//! everything that is shown and attached to frames, and a [`Report`] of what is posted on the bus.

use std::collections::HashSet;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use gst_video::VideoInfo;

use ::ssdcrp::crp::{Composite, Contrast, Explainer, Explanation, Target, TargetOutput};
use ::ssdcrp::heatmap::{Heatmap, Scale};
use ::ssdcrp::overlay::{BoxMark, Scene, class_colour, render};
use ::ssdcrp::ssd::{Detection, Detector, Forward, Model, NetworkInput};

use super::blend::PreparedOverlay;
use super::results::{self, Region, Stamp};
use super::settings::Settings;

/// A frame to be analysed.
#[derive(Debug)]
pub struct Job {
    pub input: NetworkInput,
    pub stamp: Stamp,
    /// Which stretch of the stream the frame belongs to; a flush begins a new one.
    pub stretch: u64,
    /// What the frame's pixels are; the overlay is made for such frames.
    pub info: VideoInfo,
    pub settings: Settings,
}

/// What is shown on frames and attached to them.
#[derive(Debug)]
pub struct Outcome {
    pub stamp: Stamp,
    pub stretch: u64,
    pub regions: Vec<Region>,
    /// The size of the frame that it was found in.
    size: (u32, u32),
    /// `None` where there is nothing to draw.
    overlay: Option<PreparedOverlay>,
}

impl Outcome {
    /// Whether it can be shown on frames of `info`.
    pub fn fits(&self, info: &VideoInfo) -> bool {
        self.size == (info.width(), info.height())
            && self
                .overlay
                .as_ref()
                .is_none_or(|overlay| overlay.fits(info))
    }

    /// Paints it into a frame that it fits.
    ///
    /// # Errors
    /// As [`PreparedOverlay::blend`].
    pub fn draw(&self, frame: &mut gst_video::VideoFrameRef<&mut gst::BufferRef>) -> Result<()> {
        match &self.overlay {
            Some(overlay) => overlay.blend(frame),
            None => Ok(()),
        }
    }
}

/// What is posted on the bus.
#[derive(Debug)]
pub struct Report {
    /// The element message's structure.
    pub message: gst::Structure,
    /// Why there is no explanation, the first time that the settings of this moment lead to none.
    pub warning: Option<anyhow::Error>,
}

/// A model at work.
pub struct Analysis {
    model: Arc<Model>,
    detector: Detector,
    explainer: Explainer,
    /// The model's composite, for `auto`.
    own: Composite,
    threads: usize,
    /// Settings that could not be explained with, as far as a question depends on them.
    warned: HashSet<[String; 3]>,
}

impl Analysis {
    /// # Errors
    /// ONNX Runtime cannot be loaded or does not take the model's network.
    pub fn new(model: Arc<Model>, settings: &Settings) -> Result<Self> {
        let threads = settings.threads as usize;
        let own = Composite::of(&model)?;
        let composite = settings.composite.value().named().unwrap_or(&own).clone();
        Ok(Self {
            detector: Detector::new(model.clone(), threads)?,
            explainer: Explainer::new(model.clone(), composite, threads)?,
            model,
            own,
            threads,
            warned: HashSet::new(),
        })
    }

    /// Detects, explains the best detection and draws both.
    ///
    /// # Errors
    /// The network does not run. A question that it has no answer to is no error: the detections are shown without.
    pub fn analyse(&mut self, job: Job) -> Result<(Outcome, Report)> {
        let settings = &job.settings;
        let size = (job.info.width(), job.info.height());
        let forward = self.detector.forward(job.input)?;
        let detections = (self.detector).detections(&forward, settings.thresholds())?;

        let (explanation, warning) = match detections.first() {
            None => (None, None),
            Some(best) => match self.explain(&forward, best, settings) {
                Ok(explanation) => (Some(explanation), None),
                Err(error) => (
                    None,
                    self.warned.insert(question(settings)).then_some(error),
                ),
            },
        };

        let regions: Vec<Region> = (detections.iter())
            .filter_map(|detection| Region::new(detection, &self.model.manifest, size))
            .collect();
        let summary =
            explanation
                .as_ref()
                .zip(detections.first())
                .map(|(explanation, explained)| {
                    results::explanation(explanation, self.explainer.composite(), explained, size)
                });
        let report = Report {
            message: results::message(job.stamp, size, &regions, summary),
            warning,
        };
        let overlay = self
            .draw(&detections, explanation.as_ref(), settings, &job.info)
            .context("cannot draw the results")?;
        let outcome = Outcome {
            stamp: job.stamp,
            stretch: job.stretch,
            regions,
            size,
            overlay,
        };
        Ok((outcome, report))
    }

    fn explain(
        &mut self,
        forward: &Forward,
        detection: &Detection,
        settings: &Settings,
    ) -> Result<Explanation> {
        let composite = settings.composite.value().named().unwrap_or(&self.own);
        if self.explainer.composite() != composite {
            self.explainer = Explainer::new(self.model.clone(), composite.clone(), self.threads)?;
        }
        let mut target = Target::predicted_class(detection);
        if let Some(output) = settings.target.value().named() {
            target.output = output.clone();
        }
        target.contrast = settings.contrast.value().named().cloned();
        self.explainer
            .explain(forward, &[target])?
            .pop()
            .context("a target was left without an answer")
    }

    /// Overlay of the detections, the first of which was explained, for frames of `info`.
    fn draw(
        &self,
        detections: &[Detection],
        explanation: Option<&Explanation>,
        settings: &Settings,
        info: &VideoInfo,
    ) -> Result<Option<PreparedOverlay>> {
        let heatmap = explanation
            .filter(|_| settings.draw_heatmap)
            .map(|explanation| Heatmap::normalise(explanation.map().view(), Scale::default()));
        let marks = (settings.draw_boxes || settings.draw_labels) && !detections.is_empty();
        if heatmap.is_none() && !marks {
            return Ok(None);
        }
        let (width, height) = (info.width(), info.height());
        let scale = [width as f32, height as f32, width as f32, height as f32];
        let boxes: Vec<BoxMark> = (detections.iter().enumerate())
            .map(|(index, detection)| BoxMark {
                rect: std::array::from_fn(|edge| detection.rect[edge] * scale[edge]),
                label: format!(
                    "{} {:.2}",
                    self.model.manifest.label(detection.class),
                    detection.score
                ),
                colour: class_colour(detection.class),
                explained: index == 0 && explanation.is_some(),
            })
            .collect();
        let scene = Scene {
            width,
            height,
            pixel_aspect: f64::from(info.par().numer()) / f64::from(info.par().denom()),
            heatmap: heatmap.as_ref(),
            colours: settings.colour_map.on(info),
            opacity: settings.opacity,
            boxes: &boxes,
            draw_boxes: settings.draw_boxes,
            draw_labels: settings.draw_labels,
            // Without a heatmap there is nothing that the words would be about.
            caption: explanation
                .filter(|_| settings.draw_labels && heatmap.is_some())
                .map(|explanation| explanation.question.words.as_str()),
        };
        PreparedOverlay::new(&render(&scene), info).map(Some)
    }
}

/// Checks the settings that name something of the model, as far as that can be told without a picture.
///
/// # Errors
/// A class that the model does not have, a class contrasted with itself, or a contrast that does not go with the target.
pub fn check(settings: &Settings, model: &Model) -> Result<()> {
    let target = settings.target.value().named();
    let contrast = settings.contrast.value().named();
    let explained = match target {
        Some(TargetOutput::Class(name)) => {
            Some((model.manifest.class_named(name)).context("property 'target'")?)
        }
        _ => None,
    };
    let rival = match contrast {
        Some(Contrast::Class(name)) => {
            Some((model.manifest.class_named(name)).context("property 'contrast'")?)
        }
        _ => None,
    };
    if let Some(class) = explained.filter(|_| explained == rival) {
        bail!(
            "property 'contrast': the class '{}' cannot be contrasted with itself: name another one, or set it to auto",
            model.manifest.label(class)
        );
    }
    let (Some(target), Some(contrast)) = (target, contrast) else {
        return Ok(());
    };
    let taken: &[Contrast] = match target {
        TargetOutput::Class(_) => return Ok(()),
        TargetOutput::Offset(..) => &[Contrast::None, Contrast::Mean],
        TargetOutput::Edge(..) => &[Contrast::None],
    };
    if !taken.contains(contrast) {
        let taken: Vec<String> = taken.iter().map(Contrast::to_string).collect();
        bail!(
            "property 'contrast': '{contrast}' does not go with the target '{target}': set it to auto, {}",
            taken.join(" or ")
        );
    }
    Ok(())
}

/// The settings that decide whether a question has an answer.
fn question(settings: &Settings) -> [String; 3] {
    [
        settings.target.value().to_string(),
        settings.contrast.value().to_string(),
        settings.composite.value().to_string(),
    ]
}
