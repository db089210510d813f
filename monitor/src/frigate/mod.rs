//! A companion to Frigate: its events in, why the own network says the same out, beside them.
//!
//! It listens to Frigate's events at the broker of `[mqtt]`, fetches the snapshot by Frigate's HTTP API, and explains the own network's default box that lies where Frigate's box is, as the element
//! does with the detections of others. Answers go out with the monitor's own events. Frigate's network may be another one, and the answer says whether that is known.

mod answer;
mod api;
mod event;
mod listening;
mod looker;
mod pictures;
mod view;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use gst::glib;
use image::RgbImage;
use tokio::sync::watch;
use tokio::time::sleep;

use ssdcrp::limits::{self, FileKind};
use ssdcrp::stream::Session;

use crate::configuration::FrigatePlan;
use crate::helper::Helper;
use crate::message::json;
use crate::outlets::Outlets;
use crate::owner::Owner;
use crate::redact::{one_line, say};
use answer::{ExplanationMessage, FrigateAnswer, NetworkMessage, OriginMessage, SnapshotMessage};
use api::{DetectSize, FrigateApi, FrigateConfig, Snapshot};
use event::FrigateEvent;
use listening::Listening;
use looker::{Looker, ObjectVerdict};
use pictures::PictureFolder;
use view::{ObjectView, decode};
use waiting::WaitingEvents;

/// As metrics call the cameras that Frigate does not have.
const UNKNOWN_CAMERA: &str = "unknown";
/// For so long Frigate's configuration is believed. Whoever changes it has Frigate start anew.
const CONFIG_LASTS: Duration = Duration::from_secs(60);
/// A message may come so much later than the snapshot that it tells of is served.
const MESSAGE_LAG: Duration = Duration::from_millis(200);
/// How often a snapshot is read that is another one meanwhile.
const READINGS: usize = 4;

/// Explains Frigate's events until it is dropped.
pub struct FrigateCompanion {
    plan: FrigatePlan,
    session: Arc<Session<Owner>>,
    looker: Arc<Looker>,
    waiting: Arc<WaitingEvents>,
    _helper: Helper,
}

/// What a companion had still to answer when it ended. Another one may go on with it.
pub struct Inheritance {
    plan: FrigatePlan,
    waiting: Arc<WaitingEvents>,
}

/// All that a companion needs, so that nothing but the system can keep it from starting.
#[derive(Clone)]
pub struct ReadyCompanion {
    plan: FrigatePlan,
    session: Arc<Session<Owner>>,
    looker: Arc<Looker>,
    pictures: Option<PictureFolder>,
    /// MD5 of the own network's file.
    own_hash: Option<String>,
}

/// What explains.
struct FrigateAnswering {
    ready: ReadyCompanion,
    /// Frigate's, once it is known, and when it was asked for.
    config: Option<(FrigateConfig, Instant)>,
    outlets: Arc<Outlets>,
}

impl ReadyCompanion {
    pub fn plan(&self) -> &FrigatePlan {
        &self.plan
    }

    /// Of a plan, and the session of its model.
    ///
    /// # Errors
    /// The folder of pictures cannot be used, the model's file cannot be read, or the system gives no thread.
    pub fn new(plan: FrigatePlan, session: Arc<Session<Owner>>) -> Result<Self> {
        let pictures = plan.pictures.as_ref().map(PictureFolder::open);
        let own_hash = plan.model.as_ref().map(|model| {
            let bytes = limits::read(model, FileKind::Model);
            let bytes = bytes.with_context(|| model.display().to_string())?;
            let hash = glib::compute_checksum_for_data(glib::ChecksumType::Md5, &bytes);
            Ok::<_, anyhow::Error>(hash.map(String::from))
        });
        plan.doubt_labels(session.model());
        Ok(Self {
            looker: Arc::new(Looker::new(session.clone(), plan.score)?),
            pictures: pictures.transpose()?,
            own_hash: own_hash.transpose()?.flatten(),
            plan,
            session,
        })
    }
}

impl FrigateCompanion {
    /// Starts it, with what waits in `waiting`.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(
        ready: ReadyCompanion,
        waiting: Arc<WaitingEvents>,
        outlets: Arc<Outlets>,
    ) -> Result<Self> {
        let (plan, session) = (ready.plan.clone(), ready.session.clone());
        let looker = ready.looker.clone();
        let all = waiting.clone();
        let work = move |stop: watch::Receiver<bool>| {
            let waiting = waiting.clone();
            let plan = ready.plan.clone();
            let answering = FrigateAnswering {
                ready: ready.clone(),
                config: None,
                outlets: outlets.clone(),
            };
            async move {
                // What it panicked over is not tried again.
                waiting.give_up();
                let listening = Listening::new(&plan, &waiting);
                tokio::join!(listening.run(stop.clone()), answering.run(&waiting, stop));
            }
        };
        let helper = Helper::start("frigate", || {}, work)?;
        Ok(Self {
            plan,
            session,
            looker,
            waiting: all,
            _helper: helper,
        })
    }

    /// Ends it. Out: what it had still to answer.
    pub fn leave(self) -> Inheritance {
        let (plan, waiting) = (self.plan.clone(), self.waiting.clone());
        drop(self);
        // It was interrupted, and is to be answered after all.
        waiting.put_back();
        Inheritance { plan, waiting }
    }

    /// Whether it does what this plan says, with this session.
    pub fn is_of(&self, plan: &FrigatePlan, session: &Arc<Session<Owner>>) -> bool {
        self.plan == *plan && Arc::ptr_eq(&self.session, session)
    }
}

impl Inheritance {
    /// What of it is to be answered by who follows this plan. Frigate does not repeat its messages: what is left out is said.
    pub fn of(self, plan: Option<&FrigatePlan>) -> Arc<WaitingEvents> {
        let before = self.waiting.len();
        let heir = plan.filter(|plan| plan.is_of_same_frigate(&self.plan));
        self.waiting
            .retain(|event| heir.is_some_and(|plan| plan.wants(&event.camera, &event.label)));
        let left_out = before - self.waiting.len();
        if left_out > 0 {
            say(format_args!(
                "frigate: {left_out} of its events that wait are left out, as the configuration is now"
            ));
        }
        match heir {
            Some(_) => self.waiting,
            None => Arc::default(),
        }
    }
}

impl Drop for FrigateCompanion {
    fn drop(&mut self) {
        // Nothing may run a network when this is gone.
        self.looker.stop();
    }
}

impl FrigateAnswering {
    /// Answers what waits, until it is to stop.
    async fn run(mut self, waiting: &WaitingEvents, mut stop: watch::Receiver<bool>) {
        loop {
            let work = async {
                let event = loop {
                    match waiting.take() {
                        Some(event) => break event,
                        None => waiting.news.notified().await,
                    }
                };
                let looked_at = self.answer(event, waiting).await;
                waiting.done(looked_at, Instant::now());
                sleep(self.ready.plan.interval).await;
            };
            tokio::select! {
                () = work => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Answers an event; the snapshot's time where one was looked at.
    async fn answer(&mut self, event: FrigateEvent, waiting: &WaitingEvents) -> Option<f64> {
        let (event, picture) = self.picture_of(event, waiting).await;
        let looked_at = picture.is_ok().then_some(event.frame_time);
        let name = pictures::stem(&event);
        let answer = self.answered(&event, picture, &name).await;
        let line = json(&answer);
        if let Some(pictures) = &self.ready.pictures
            && let Err(error) = pictures.keep_answer(&name, &line)
        {
            say(format_args!("frigate: {error:#}"));
        }
        let metrics = &self.outlets.metrics;
        // Whoever may publish names any camera, and a metric stays for as long as the process does.
        let known = self.config.as_ref().map(|(config, _)| &config.cameras);
        let camera = match known.is_some_and(|known| known.contains_key(&answer.camera)) {
            true => &answer.camera,
            false => UNKNOWN_CAMERA,
        };
        metrics.frigate_answered(camera, answer.unexplained);
        self.outlets.frigate_answered(&line);
        looked_at
    }

    /// The newest message of an event with the snapshot that it tells of. While an object is followed Frigate serves the newest snapshot, and the box of another one may lie elsewhere.
    async fn picture_of(
        &self,
        mut event: FrigateEvent,
        waiting: &WaitingEvents,
    ) -> (FrigateEvent, Result<(RgbImage, bool)>) {
        for _ in 0..READINGS {
            let snapshot = FrigateApi(&self.ready.plan).snapshot(&event).await;
            sleep(MESSAGE_LAG).await;
            let newest = waiting.newest().unwrap_or_else(|| event.clone());
            let is_of_it = newest.frame_time == event.frame_time;
            if is_of_it || snapshot.is_err() {
                return (event, snapshot.and_then(|snapshot| decoded(&snapshot)));
            }
            event = newest;
        }
        let changing = "its snapshot is another one each time that it is read";
        (event, Err(anyhow!(changing)))
    }

    /// What there is to say of an event, whose files have this name.
    async fn answered(
        &mut self,
        event: &FrigateEvent,
        picture: Result<(RgbImage, bool)>,
        name: &str,
    ) -> FrigateAnswer {
        // What Frigate does not know yet of an event that has just begun is left out.
        let stored = FrigateApi(&self.ready.plan).stored(event).await.ok();
        let size = picture.as_ref().ok();
        let size = size.map(|(picture, _)| picture.dimensions());
        let detect = self.detect_size(&event.camera, size).await;
        let model = self.ready.looker.model();
        let config = self.config.as_ref().map(|(config, _)| config);
        let origin = OriginMessage::new(config, stored);
        let network = NetworkMessage {
            name: model.manifest.name.clone(),
            raised_the_event: origin.is_of(self.ready.own_hash.as_deref()),
        };
        let answer = FrigateAnswer::new(event, network, origin);
        let viewed = match (picture, detect) {
            (Err(error), _) => Err(("no snapshot", error)),
            (_, Err(error)) => Err(("no configuration", error)),
            (Ok((picture, is_clean)), Ok(detect)) => ObjectView::new(&picture, detect, event)
                .map(|view| (view, is_clean))
                .map_err(|error| ("no place", error)),
        };
        match viewed {
            Ok((view, is_clean)) => {
                let answer = FrigateAnswer {
                    snapshot: Some(SnapshotMessage::new(&view, is_clean)),
                    ..answer
                };
                self.look(event, view, answer, name).await
            }
            Err((reason, error)) => {
                let words = one_line(&format!("{error:#}"));
                say(format_args!("frigate: event {}: {words}", event.id));
                answer.unexplained((reason, words))
            }
        }
    }

    async fn look(
        &self,
        event: &FrigateEvent,
        view: ObjectView,
        answer: FrigateAnswer,
        name: &str,
    ) -> FrigateAnswer {
        let looker = self.ready.looker.clone();
        let (label, rect, picture) = (event.label.clone(), view.rect, Arc::new(view.picture));
        // The broker is not kept waiting meanwhile.
        let look = move || looker.look(&picture, rect, &label);
        let verdict = tokio::task::spawn_blocking(look).await;
        match verdict {
            Ok(ObjectVerdict::Explained {
                explained,
                annotated,
                colour,
            }) => {
                let labels = &self.ready.looker.model().manifest.labels;
                let explanation = ExplanationMessage::new(&explained, labels);
                let check = explained.check.as_deref();
                let check = check.map(|check| format!("; {}", check.words(colour)));
                let words = format!("{}{}", explanation.question, check.unwrap_or_default());
                let kept = self.ready.pictures.as_ref();
                let kept = kept
                    .map(|pictures| pictures.keep(name, &annotated))
                    .transpose();
                let picture = kept.unwrap_or_else(|error| {
                    say(format_args!("frigate: {error:#}"));
                    None
                });
                FrigateAnswer {
                    words,
                    explanation: Some(explanation),
                    picture,
                    ..answer
                }
            }
            Ok(ObjectVerdict::Unmatched(reason)) => {
                answer.unexplained(answer::remark(reason, &event.label))
            }
            Ok(ObjectVerdict::Failed(words)) => answer.unexplained(("failed", words)),
            Err(error) => answer.unexplained(("failed", error.to_string())),
        }
    }

    /// The size of the pictures that a camera's boxes are told in. Frigate is asked anew where it is not known, was asked long ago, or a snapshot has another size: it may have been set anew.
    async fn detect_size(&mut self, camera: &str, size: Option<(u32, u32)>) -> Result<DetectSize> {
        let known = self.config.as_ref();
        let known = known.filter(|(_, when)| when.elapsed() < CONFIG_LASTS);
        let known = known.and_then(|(config, _)| config.cameras.get(camera)?.detect);
        if let Some(known) = known
            && size.is_none_or(|size| known.is(size))
        {
            return Ok(known);
        }
        let config = FrigateApi(&self.ready.plan).config().await?;
        let (config, _) = self.config.insert((config, Instant::now()));
        let Some(found) = config.cameras.get(camera) else {
            bail!("Frigate knows no camera {camera}");
        };
        let size = found.detect;
        size.with_context(|| format!("Frigate does not say the detect size of camera {camera}"))
    }
}

/// The picture of a snapshot, and whether Frigate has drawn nothing into it.
///
/// # Errors
/// It is no picture.
fn decoded(snapshot: &Snapshot) -> Result<(RgbImage, bool)> {
    Ok((decode(&snapshot.bytes)?, snapshot.is_clean))
}
