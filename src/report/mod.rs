//! The report: photos in, one HTML page out that shows what was detected, what looks wrong about it, and why the network said so.
//!
//! Where there is ground truth, the page also says of what kind the errors are, and what speaks for the wrong class where classes are confused.
//!
//! A [`Reporter`] looks at photos one by one ([`Reporter::look`]), or at frames of events that were kept ([`Reporter::recall`]), then explains what it found ([`Reporter::explain`]) and gives back the [`Page`]. The page needs
//! nothing else: pictures, styles and script are in it.

mod chart;
mod comparison;
mod confused;
mod css_rect;
mod event;
mod explanations;
mod forward_passes;
mod missed;
mod page;
#[cfg(feature = "compare")]
pub(crate) mod parts;
mod photo;
mod picture;
mod view;

pub use page::Page;
#[doc(hidden)]
pub use page::counted;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;

use crate::check::Checker;
use crate::crp::{Composite, Propagator};
use crate::detect::{ClassId, Detector, Forward, Model, Thresholds};
use crate::error::Result;
use crate::error::picture::{Context, ensure};
use crate::limits::{MOST_FORWARD_BYTES, MOST_OBJECTS};
use crate::runtime::SessionOptions;
use crate::stream::Tracked;
use crate::stream::evidence::{EventRecord, Mark};
use crate::stream::monitor::{EventThresholds, Monitor};
use crate::truth::{Judgement, Truth, Verdict, judge};
use comparison::Comparison;
use confused::{ConfusedDetection, ConfusionMeans};
use event::ReportedEvent;
use explanations::ObjectExplanations;
use forward_passes::ForwardPasses;
use missed::missed;
use photo::{Judged, ReportedObject, ReportedPhoto};
use picture::Photo;

/// What is to be reported.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// What becomes a detection.
    pub thresholds: Thresholds,
    /// What looks wrong.
    pub monitor: EventThresholds,
    /// Classes that every object is also asked about: what would speak for them?
    pub what_if: Vec<ClassId>,
    /// What is really on the photos.
    pub truth: Option<Truth>,
    /// Whether the explanations that are seen at once are checked, which takes ten forward passes for each.
    pub check: bool,
}

/// Makes a report of photos that have nothing to do with each other.
pub struct Reporter {
    model: Arc<Model>,
    detector: Detector,
    propagator: Propagator,
    options: ReportOptions,
    photos: Vec<ReportedPhoto>,
    forward_passes: ForwardPasses,
    /// Objects since it was last looked which of them the page can hold.
    new_objects: usize,
    /// Annotated objects that no detection is on.
    missed: usize,
    left_out: Vec<String>,
}

impl Reporter {
    /// Prepares model and composite; networks run as `session` says.
    ///
    /// # Errors
    /// As [`Detector::new`] and [`Propagator::new`].
    pub fn new(
        model: Arc<Model>,
        composite: Composite,
        session: SessionOptions,
        options: ReportOptions,
    ) -> Result<Self> {
        Ok(Self {
            // Forward passes of many photos are kept, so they hand nothing over, which would be some 10 MB each.
            detector: Detector::new(model.clone(), session)?,
            propagator: Propagator::new(model.clone(), composite, session)?,
            model,
            options,
            photos: Vec::new(),
            forward_passes: ForwardPasses::of_at_most(MOST_FORWARD_BYTES),
            new_objects: 0,
            missed: 0,
            left_out: Vec::new(),
        })
    }

    /// The objects that look most wrong, as many as a page holds, each by its photo's number and its own: each takes a quarter of a megabyte.
    fn most_suspicious(&self) -> Vec<(usize, usize)> {
        let mut order: Vec<(usize, usize)> = Vec::new();
        for (index, photo) in self.photos.iter().enumerate() {
            order.extend((0..photo.objects.len()).map(|object| (index, object)));
        }
        let suspicion =
            |(photo, object): (usize, usize)| page::suspicion(&self.photos[photo].objects[object]);
        keep_largest(&mut order, suspicion, MOST_OBJECTS);
        order
    }

    /// Adds a photo. What none of it will be shown of takes no memory from here on, and so it is with earlier ones that others have overtaken.
    fn add(&mut self, mut photo: ReportedPhoto, forward: Forward) {
        let missed = photo
            .judged
            .as_ref()
            .map_or(0, |judged| judged.missed.len());
        photo.shows_missed = missed > 0 && self.missed < MOST_OBJECTS;
        self.missed += missed;
        self.new_objects += photo.objects.len();
        if !photo.objects.is_empty() || photo.shows_missed {
            self.forward_passes.keep(self.photos.len(), forward);
        } else {
            photo.image.uri = String::new();
        }
        self.photos.push(photo);
        if self.new_objects > MOST_OBJECTS {
            self.new_objects = 0;
            self.forget();
        }
    }

    /// Forgets what the page will not show.
    fn forget(&mut self) {
        let shown = self.most_suspicious().into_iter().map(|(photo, _)| photo);
        let shown: BTreeSet<usize> = shown.collect();
        let photos = &self.photos;
        (self.forward_passes).retain(|photo| shown.contains(&photo) || photos[photo].shows_missed);
        for (index, photo) in self.photos.iter_mut().enumerate() {
            if !shown.contains(&index) && !photo.shows_missed {
                photo.image.uri = String::new();
            }
        }
    }

    /// Detects, and finds what looks wrong. `name` is what the page calls the photo.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime, or a photo without pixels.
    pub fn look(&mut self, name: String, photo: &RgbImage) -> Result<()> {
        let forward = self.detector.look(photo)?;
        let manifest = &self.model.manifest;
        let detections = self
            .detector
            .detections(&forward, self.options.thresholds)?;
        let mut events: BTreeMap<usize, Vec<ReportedEvent>> = BTreeMap::new();
        // A photo knows no other: each detection is an object.
        let tracked = (0..).zip(detections.clone());
        let tracked: Vec<Tracked> = tracked
            .map(|(object, detection)| Tracked {
                object,
                first_seen: None,
                detection,
                upstream: None,
            })
            .collect();
        let raised = Monitor::default().observe(&self.options.monitor, Duration::ZERO, &tracked);
        for event in raised {
            let of_box = events.entry(event.detection.default_box).or_default();
            of_box.push(ReportedEvent::from_event(&event, &manifest.labels));
        }
        let truth = self
            .options
            .truth
            .as_ref()
            .and_then(|truth| truth.of(&name));
        let judgement: Option<Judgement> = truth.map(|truth| judge(&detections, truth));
        let judged = truth.zip(judgement).map(|(truth, judgement)| {
            let classes = detections.iter().map(|detection| detection.class);
            Judged {
                truth: truth.to_vec(),
                verdicts: classes.zip(judgement.verdicts).collect(),
                missed: judgement.missed,
            }
        });
        // A default box that was detected as several classes is one object; its best class comes first.
        let mut objects: Vec<ReportedObject> = Vec::new();
        for (index, detection) in detections.into_iter().enumerate() {
            let verdict = judged.as_ref().map(|judged| judged.verdicts[index].1);
            let confused = match verdict {
                Some(Verdict::Class { truth }) => {
                    Some(ConfusedDetection::new(&detection, truth, photo))
                }
                _ => None,
            };
            let is_here =
                |o: &&mut ReportedObject| o.detection.default_box == detection.default_box;
            if let Some(object) = objects.iter_mut().find(is_here) {
                object.confused.extend(confused);
            } else {
                objects.push(ReportedObject {
                    events: events.remove(&detection.default_box).unwrap_or_default(),
                    confused: confused.into_iter().collect(),
                    verdict,
                    detection,
                });
            }
        }
        let photo = ReportedPhoto {
            image: Photo::new(name, photo)?,
            objects,
            beside: Vec::new(),
            judged,
            shows_missed: false,
        };
        self.add(photo, forward);
        Ok(())
    }

    /// Looks at a frame again in which `events` were raised: they are on the page with what somebody said of each, and nothing else of the frame. `name` is what the page calls it.
    ///
    /// # Errors
    /// As [`Reporter::look`], or events that are not of this model.
    pub fn recall(
        &mut self,
        name: String,
        frame: &RgbImage,
        events: &[(EventRecord, Option<Mark>)],
    ) -> Result<()> {
        let forward = self.detector.look(frame)?;
        let mut objects: Vec<ReportedObject> = Vec::new();
        for (event, mark) in events {
            let doubt = ReportedEvent::from_record(event, *mark)?;
            let of_box = |o: &&mut ReportedObject| o.detection.default_box == event.default_box;
            if let Some(object) = objects.iter_mut().find(of_box) {
                object.events.push(doubt);
                continue;
            }
            objects.push(ReportedObject {
                detection: self
                    .detector
                    .describe_as(&forward, event.default_box, event.class)?,
                events: vec![doubt],
                verdict: None,
                confused: Vec::new(),
            });
        }
        let detections = self
            .detector
            .detections(&forward, self.options.thresholds)?;
        let photo = ReportedPhoto {
            image: Photo::new(name, frame)?,
            beside: detections.iter().map(|detection| detection.rect).collect(),
            objects,
            judged: None,
            shows_missed: false,
        };
        self.add(photo, forward);
        Ok(())
    }

    /// Says on the page what it does not hold, where `shown` objects are on it.
    fn tell_left_out(&mut self, shown: usize) {
        let all = self.objects();
        if shown < all {
            self.left_out.push(format!(
                "{} of {all} objects, those that look least wrong: a page holds {MOST_OBJECTS}",
                all - shown
            ));
        }
        if self.missed > MOST_OBJECTS {
            self.left_out.push(format!(
                "{} of {} objects that were missed: a page holds {MOST_OBJECTS}",
                self.missed - MOST_OBJECTS,
                self.missed
            ));
        }
    }

    /// Says on the page that something is not on it, and why.
    pub fn leave_out(&mut self, reason: String) {
        self.left_out.push(reason);
    }

    /// How many objects there are to explain.
    pub fn objects(&self) -> usize {
        self.photos.iter().map(|photo| photo.objects.len()).sum()
    }

    /// Explains all objects, the most suspicious first in the page; `told` is called with a photo's name before each. What cannot be explained says why on the page.
    ///
    /// Of many photos not all can be kept: `again` gives one once more, by its number among those that were looked at.
    ///
    /// # Errors
    /// A class that the model does not have.
    pub fn explain(
        mut self,
        again: impl Fn(usize) -> Option<RgbImage>,
        mut told: impl FnMut(&str),
    ) -> Result<Page> {
        let mut order = self.most_suspicious();
        self.tell_left_out(order.len());
        // Objects of one head share its explanation networks, of which the propagator keeps only a few.
        order.sort_by_key(|&(photo, object)| {
            let default_box = self.photos[photo].objects[object].detection.default_box;
            self.model.layout.locate(default_box).map(|l| l.head)
        });
        let mut cards = Vec::new();
        let mut pairs = ConfusionMeans::default();
        for (index, object) in order {
            let photo = &self.photos[index];
            told(&photo.image.name);
            let object = &photo.objects[object];
            let detector = &mut self.detector;
            let forward =
                (self.forward_passes).of(index, || forward(detector, &photo.image, again(index)));
            let explanations = forward.and_then(|forward| {
                let checker = (self.options.check)
                    .then(|| Checker::new(&self.model, &mut self.detector, &forward));
                let explanations = ObjectExplanations::of(
                    object,
                    &forward,
                    &self.model,
                    &mut self.propagator,
                    checker,
                    &self.options.what_if,
                )?;
                Ok((explanations, forward))
            });
            // What cannot be explained says so on the card.
            if let Ok((_, forward)) = &explanations {
                for confused in &object.confused {
                    pairs.add(confused, forward, &mut self.propagator)?;
                }
            }
            let explanations = explanations.map(|(explanations, _)| explanations);
            cards.push(page::card(index, photo, object, explanations, &self.model)?);
        }
        cards.sort_by(|a, b| {
            b.suspicion
                .total_cmp(&a.suspicion)
                .then_with(|| a.id.cmp(&b.id))
        });
        let (photos, detector) = (&self.photos, &mut self.detector);
        let forward_passes = &mut self.forward_passes;
        let missed = missed(
            photos,
            |index| {
                forward_passes.of(index, || {
                    forward(detector, &photos[index].image, again(index))
                })
            },
            &self.model,
            &mut self.propagator,
            self.options.thresholds,
        );
        let labels = &self.model.manifest.labels;
        let truth = self.options.truth.as_ref();
        let comparison = truth
            .map(|truth| Comparison::new(truth, &self.photos, &pairs, missed, labels))
            .transpose()?;
        Ok(Page::new(
            &self.model,
            self.propagator.composite(),
            self.photos.into_iter().map(|photo| photo.image),
            cards,
            comparison,
            self.left_out,
        ))
    }
}

/// A photo's forward pass, made again.
fn forward(detector: &mut Detector, known: &Photo, photo: Option<RgbImage>) -> Result<Forward> {
    let photo = photo.context("the photo cannot be read again")?;
    ensure!(
        Photo::new(known.name.clone(), &photo)?.uri == known.uri,
        "the photo has changed since it was looked at"
    );
    detector.look(&photo)
}

/// Keeps those of the largest values, no more than `most`; of equal ones the first.
fn keep_largest<T: Copy + Ord>(items: &mut Vec<T>, value: impl Fn(T) -> f32, most: usize) {
    if items.len() > most {
        items.sort_by(|&a, &b| value(b).total_cmp(&value(a)).then(a.cmp(&b)));
        items.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use image::Rgb;

    use super::*;

    #[test]
    fn a_page_holds_those_that_look_worst() {
        let values = [0.5, 2.0, 0.5, 9.0, 0.25];
        let kept = |most: usize| {
            let mut items = vec![0, 1, 2, 3, 4];
            keep_largest(&mut items, |item: usize| values[item], most);
            items
        };
        assert_eq!(kept(5), [0, 1, 2, 3, 4]);
        assert_eq!(kept(3), [3, 1, 0]);
    }

    fn photo(shade: u8) -> RgbImage {
        RgbImage::from_fn(96, 64, |x, y| {
            Rgb([shade, (x * y % 251) as u8, (x * 7 % 256) as u8])
        })
    }

    /// The page about two photos, of which forward passes of `most` bytes are kept.
    fn page(most: usize, again: impl Fn(usize) -> Option<RgbImage>) -> String {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/yolo/yolo.onnx");
        let options = ReportOptions {
            thresholds: Thresholds {
                score: 0.3,
                iou: 0.3,
            },
            monitor: EventThresholds::for_stills(),
            what_if: vec![],
            truth: None,
            check: true,
        };
        let model = Arc::new(Model::open(file).unwrap());
        let session = SessionOptions::on_threads(1);
        let mut reporter = Reporter::new(model, Composite::default(), session, options).unwrap();
        reporter.forward_passes = ForwardPasses::of_at_most(most);
        for shade in [40, 200] {
            reporter.look(shade.to_string(), &photo(shade)).unwrap();
        }
        assert!(
            reporter
                .photos
                .iter()
                .all(|photo| !photo.objects.is_empty())
        );
        reporter.explain(again, |_| {}).unwrap().html().unwrap()
    }

    #[test]
    fn a_page_is_the_same_whether_forward_passes_were_kept_or_not() {
        let kept = page(MOST_FORWARD_BYTES, |_| None);
        assert!(!kept.contains("could not be explained"));
        assert!(page(0, |index| Some(photo([40, 200][index]))) == kept);
        let changed = page(0, |_| Some(photo(40)));
        assert!(changed.contains("the photo has changed since it was looked at"));
        assert!(page(0, |_| None).contains("the photo cannot be read again"));
    }
}
