//! The first half of a report: photos in, what was detected on each and what looks wrong about it kept, until the second half makes the page of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use image::RgbImage;
use serde_json::Value;

use super::event::ReportedEvent;
use super::forward_passes::ForwardPasses;
use super::options::ReportOptions;
use super::photo::{AlsoFound, Judged, PhotoSource, ReportedObject, ReportedPhoto};
use super::photo_detections::{FoundBox, PhotoDetections};
use super::suspicion::{keep_largest, suspicion};
use crate::crp::{Composite, Propagator};
use crate::detect::{ClassId, Detection, Detector, Forward, Model};
use crate::error::Result;
use crate::error::picture::{Context, ensure};
use crate::limits::{MOST_FORWARD_BYTES, MOST_OBJECTS};
use crate::runtime::SessionOptions;
use crate::stream::Tracked;
use crate::stream::evidence::{EventRecord, Mark};
use crate::stream::monitor::Monitor;
use crate::truth::judge;

/// Events that were kept of a frame, with what somebody said of each.
type KeptEvents<'a> = &'a [(EventRecord, Option<Mark>)];

/// The numbers of a photo, and of an object on it or of one that was missed there.
pub(super) type ObjectPlace = (usize, usize);

/// Makes a report of photos that have nothing to do with each other.
pub struct Reporter {
    pub(super) model: Arc<Model>,
    pub(super) detector: Detector,
    pub(super) propagator: Propagator,
    pub(super) options: ReportOptions,
    pub(super) photos: Vec<ReportedPhoto>,
    pub(super) forward_passes: ForwardPasses,
    /// Objects of which it was looked whose forward passes are worth keeping.
    weighed_objects: usize,
    /// Objects since then.
    new_objects: usize,
    pub(super) left_out: Vec<String>,
    /// Whether the caller has ended before all was looked at.
    pub(super) interrupted: bool,
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
            weighed_objects: 0,
            new_objects: 0,
            left_out: Vec::new(),
            interrupted: false,
        })
    }

    /// Detects, and finds what looks wrong. Of a frame of `events` these are on the page, each with what somebody said of it, and nothing else. Gives what [`Reporter::recall`] takes
    /// in another run in place of the photo.
    ///
    /// # Errors
    /// A failure inside ONNX Runtime, a photo without pixels, or events that are not of this model.
    pub fn look(
        &mut self,
        source: PhotoSource,
        photo: &RgbImage,
        events: KeptEvents,
    ) -> Result<PhotoDetections> {
        ensure!(
            photo.width() > 0 && photo.height() > 0,
            "{} has no pixels",
            source.name
        );
        let forward = self.detector.look(photo)?;
        let thresholds = self.options.thresholds;
        let detections = self.detector.detections(&forward, thresholds)?;
        let asked: BTreeSet<(usize, ClassId)> = events
            .iter()
            .map(|(event, _)| (event.default_box, event.class))
            .collect();
        let described = asked
            .into_iter()
            .map(|(default_box, class)| self.detector.describe_as(&forward, default_box, class))
            .collect::<Result<Vec<_>>>()?;
        let manifest = &self.model.manifest;
        let seen = PhotoDetections::new(photo, &detections, &described, manifest);
        self.add(source, &seen, events, Some(forward))?;
        Ok(seen)
    }

    /// The same with what an earlier run has [looked](Reporter::look) at.
    ///
    /// # Errors
    /// `seen` is of another model, or of other events.
    pub fn recall(
        &mut self,
        source: PhotoSource,
        seen: &PhotoDetections,
        events: KeptEvents,
    ) -> Result<()> {
        self.check_model(seen)?;
        self.add(source, seen, events, None)
    }

    /// Fails where a default box or a class is none of this model.
    fn check_model(&self, seen: &PhotoDetections) -> Result<()> {
        for (default_box, class) in seen.places() {
            ensure!(
                self.model.layout.locate(default_box).is_some(),
                "there is no default box {default_box}"
            );
            self.model.manifest.labels.check(class)?;
        }
        Ok(())
    }

    fn add(
        &mut self,
        source: PhotoSource,
        seen: &PhotoDetections,
        events: KeptEvents,
        forward: Option<Forward>,
    ) -> Result<()> {
        let photo = if events.is_empty() {
            self.photo(source, seen)
        } else {
            self.frame(source, seen, events)?
        };
        let missed = photo.judged.iter().map(|judged| judged.missed.len());
        let has_missed = missed.sum::<usize>() > 0;
        self.new_objects += photo.objects.len();
        if let Some(forward) = forward
            && (has_missed || !photo.objects.is_empty())
        {
            self.forward_passes.keep(self.photos.len(), forward);
        }
        self.photos.push(photo);
        // Each time all objects are weighed, so that it is done ever more rarely.
        if self.new_objects > MOST_OBJECTS.max(self.weighed_objects / 4)
            && !self.forward_passes.is_empty()
        {
            self.weighed_objects += std::mem::take(&mut self.new_objects);
            self.forget();
        }
        Ok(())
    }

    /// Forgets the forward passes of what is not explained as it looks now.
    fn forget(&mut self) {
        let most = self.options.explain;
        let objects = self.places(most);
        let asked = objects.into_iter().chain(self.missed_places(most));
        let asked: BTreeSet<usize> = asked.map(|(photo, _)| photo).collect();
        self.forward_passes.retain(|photo| asked.contains(&photo));
    }

    /// A photo, in which what looks wrong is looked for.
    fn photo(&self, source: PhotoSource, seen: &PhotoDetections) -> ReportedPhoto {
        let labels = &self.model.manifest.labels;
        let detections: Vec<Detection> = seen.detections.iter().map(FoundBox::detection).collect();
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
            of_box.push(ReportedEvent::from_event(&event, labels));
        }
        let truth = self.options.truth.as_ref();
        let truth = truth.zip(source.annotated_file.as_ref());
        let truth = truth.and_then(|(truth, file)| truth.of(file));
        let judged = truth.map(|truth| {
            let judgement = judge(&detections, truth);
            let classes = detections.iter().map(|detection| detection.class);
            Judged {
                truth: truth.to_vec(),
                verdicts: classes.zip(judgement.verdicts).collect(),
                missed: judgement.missed,
            }
        });
        // A default box that was detected as several classes is one object; its best class comes first.
        let mut objects: Vec<ReportedObject> = Vec::new();
        let mut places: BTreeMap<usize, usize> = BTreeMap::new();
        for (index, found) in seen.detections.iter().enumerate() {
            let verdict = judged.as_ref().map(|judged| judged.verdicts[index].1);
            let found = found.clone();
            if let Some(&place) = places.get(&found.default_box) {
                objects[place].also.push(AlsoFound { found, verdict });
            } else {
                places.insert(found.default_box, objects.len());
                objects.push(ReportedObject {
                    events: events.remove(&found.default_box).unwrap_or_default(),
                    also: Vec::new(),
                    verdict,
                    found,
                });
            }
        }
        ReportedPhoto {
            source,
            size: seen.size(),
            fingerprint: seen.fingerprint,
            objects,
            beside: Vec::new(),
            judged,
        }
    }

    /// Says on the page that something is not on it, and why.
    pub fn leave_out(&mut self, reason: String) {
        self.left_out.push(reason);
    }

    /// Says that the run was ended, with `reason`, before all photos were looked at.
    pub fn interrupt(&mut self, reason: String) {
        self.interrupted = true;
        self.left_out.push(reason);
    }

    /// How many objects were found.
    pub fn objects(&self) -> usize {
        self.photos.iter().map(|photo| photo.objects.len()).sum()
    }

    /// How many objects and missed objects the page shows, and how many of them it explains.
    pub fn shown(&self) -> [usize; 2] {
        let all = [
            self.places(self.options.most).len(),
            self.missed_places(self.options.most).len(),
        ];
        let explained = all.map(|shown| shown.min(self.options.explain));
        [all, explained].map(|counts| counts.into_iter().sum())
    }

    /// The objects that look most wrong, the worst first.
    pub(super) fn places(&self, most: usize) -> Vec<ObjectPlace> {
        let mut places: Vec<ObjectPlace> = Vec::new();
        for (index, photo) in self.photos.iter().enumerate() {
            let objects = photo.objects.iter().enumerate();
            let shown = objects.filter(|(_, o)| !self.options.errors_only || o.is_wrong());
            places.extend(shown.map(|(object, _)| (index, object)));
        }
        let value = |(photo, object): ObjectPlace| suspicion(&self.photos[photo].objects[object]);
        keep_largest(&mut places, value, most);
        places
    }

    /// The missed objects that take most of their photos, the largest first.
    pub(super) fn missed_places(&self, most: usize) -> Vec<ObjectPlace> {
        let mut places: Vec<ObjectPlace> = Vec::new();
        for (index, photo) in self.photos.iter().enumerate() {
            let judged = photo.judged.iter();
            let missed = judged.flat_map(|judged| &judged.missed);
            places.extend(missed.map(|&object| (index, object)));
        }
        let area = |(photo, object): ObjectPlace| {
            let object = self.photos[photo].annotated(object);
            object.map_or(0.0, |object| object.rect.area())
        };
        keep_largest(&mut places, area, most);
        places
    }

    /// A frame of events: they are on the page with what somebody said of each.
    fn frame(
        &self,
        source: PhotoSource,
        seen: &PhotoDetections,
        events: KeptEvents,
    ) -> Result<ReportedPhoto> {
        let mut objects: Vec<ReportedObject> = Vec::new();
        for (event, mark) in events {
            // Numbers of boxes and classes of another model may be there, too, and mean something else.
            let label = self.model.manifest.label(event.class);
            let other = event.rest.get("label").and_then(Value::as_str);
            let other = other.filter(|told| *told != label);
            ensure!(
                other.is_none(),
                "the event '{}' is of another model, whose class {} is '{}' and not '{label}': name that model by --model",
                event.words,
                event.class,
                other.unwrap_or_default()
            );
            let doubt = ReportedEvent::from_record(event, *mark)?;
            let of_box = |o: &&mut ReportedObject| o.found.default_box == event.default_box;
            if let Some(object) = objects.iter_mut().find(of_box) {
                object.events.push(doubt);
                continue;
            }
            let found = seen.described_as(event.default_box, event.class);
            let found = found.with_context(|| format!("nothing is known of '{}'", event.words))?;
            objects.push(ReportedObject {
                found: found.clone(),
                events: vec![doubt],
                verdict: None,
                also: Vec::new(),
            });
        }
        Ok(ReportedPhoto {
            source,
            size: seen.size(),
            fingerprint: seen.fingerprint,
            beside: seen.detections.iter().map(FoundBox::rect).collect(),
            objects,
            judged: None,
        })
    }
}
