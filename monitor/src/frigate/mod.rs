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
use std::time::Instant;

use anyhow::{Context, Result};
use gst::glib;
use tokio::sync::watch;
use tokio::time::sleep;

use ssdcrp::stream::Session;

use crate::configuration::FrigatePlan;
use crate::helper::Helper;
use crate::message::json;
use crate::outlets::Outlets;
use crate::owner::Owner;
use crate::redact::say;
use answer::{ExplanationMessage, FrigateAnswer, NetworkMessage, OriginMessage, SnapshotMessage};
use api::{FrigateApi, FrigateConfig, Snapshot};
use event::FrigateEvent;
use listening::Listening;
use looker::{Looker, ObjectVerdict};
use pictures::PictureFolder;
use view::{ObjectView, decode};
use waiting::WaitingEvents;

/// Explains Frigate's events until it is dropped.
pub struct FrigateCompanion {
    plan: FrigatePlan,
    session: Arc<Session<Owner>>,
    looker: Arc<Looker>,
    _helper: Helper,
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
    /// Frigate's, once it is known.
    config: Option<FrigateConfig>,
    outlets: Arc<Outlets>,
}

impl ReadyCompanion {
    /// Of a plan, and the session of its model.
    ///
    /// # Errors
    /// The folder of pictures cannot be used, the model's file cannot be read, or the system gives no thread.
    pub fn new(plan: FrigatePlan, session: Arc<Session<Owner>>) -> Result<Self> {
        let pictures = plan.pictures.as_ref();
        let pictures = pictures.map(|(folder, budget)| PictureFolder::open(folder, *budget));
        let own_hash = plan.model.as_ref().map(|model| {
            let bytes = std::fs::read(model).with_context(|| model.display().to_string())?;
            let hash = glib::compute_checksum_for_data(glib::ChecksumType::Md5, &bytes);
            Ok::<_, anyhow::Error>(hash.map(String::from))
        });
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
    /// Starts it.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(ready: ReadyCompanion, outlets: Arc<Outlets>) -> Result<Self> {
        let (plan, session) = (ready.plan.clone(), ready.session.clone());
        let looker = ready.looker.clone();
        let work = move |stop: watch::Receiver<bool>| {
            let plan = ready.plan.clone();
            let answering = FrigateAnswering {
                ready: ready.clone(),
                config: None,
                outlets: outlets.clone(),
            };
            async move {
                let waiting = WaitingEvents::default();
                let listening = Listening::new(&plan, &waiting);
                tokio::join!(listening.run(stop.clone()), answering.run(&waiting, stop));
            }
        };
        let helper = Helper::start("frigate", || {}, work)?;
        Ok(Self {
            plan,
            session,
            looker,
            _helper: helper,
        })
    }

    /// Whether it does what this plan says, with this session.
    pub fn is_of(&self, plan: &FrigatePlan, session: &Arc<Session<Owner>>) -> bool {
        self.plan == *plan && Arc::ptr_eq(&self.session, session)
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
                    match waiting.take(Instant::now()) {
                        Some(event) => break event,
                        None => waiting.news.notified().await,
                    }
                };
                self.answer(&event).await;
                sleep(self.ready.plan.interval).await;
            };
            tokio::select! {
                () = work => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    async fn answer(&mut self, event: &FrigateEvent) {
        let name = format!("{}-{}-{}", event.camera, event.id, event.phase.name());
        let answer = self.answered(event, &name).await;
        let line = json(&answer);
        if let Some(pictures) = &self.ready.pictures
            && let Err(error) = pictures.keep_answer(&name, &line)
        {
            say(format_args!("frigate: {error:#}"));
        }
        self.outlets.frigate_answered(&line);
    }

    /// What there is to say of an event, whose picture has this name.
    async fn answered(&mut self, event: &FrigateEvent, name: &str) -> FrigateAnswer {
        let plan = self.ready.plan.clone();
        let api = FrigateApi(&plan);
        let snapshot = api.snapshot(event).await;
        // What Frigate does not know yet of an event that has just begun is left out.
        let stored = api.stored(event).await.ok();
        let config = self.config_for(&event.camera).await;
        let model = self.ready.looker.model();
        let known = config.as_ref().ok().cloned();
        let origin = OriginMessage::new(&known.unwrap_or_default(), stored);
        let network = NetworkMessage {
            name: model.manifest.name.clone(),
            raised_the_event: origin.is_of(self.ready.own_hash.as_deref()),
        };
        let answer = FrigateAnswer::new(event, network, origin);
        let seen = config.and_then(|config| see(event, &config, &snapshot?));
        let (reason, error) = match seen {
            Ok(Ok((view, is_clean))) => {
                let answer = FrigateAnswer {
                    snapshot: Some(SnapshotMessage::new(&view, is_clean)),
                    ..answer
                };
                return self.look(event, view, answer, name).await;
            }
            Ok(Err(error)) => ("no place", error),
            Err(error) => ("no snapshot", error),
        };
        let words = format!("{error:#}");
        say(format_args!("frigate: event {}: {words}", event.id));
        answer.unexplained((reason, words))
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

    /// Frigate's configuration, which is asked for anew where it does not have the camera.
    async fn config_for(&mut self, camera: &str) -> Result<FrigateConfig> {
        match &self.config {
            Some(config) if config.cameras.contains_key(camera) => Ok(config.clone()),
            _ => {
                let config = FrigateApi(&self.ready.plan).config().await?;
                self.config = Some(config.clone());
                Ok(config)
            }
        }
    }
}

/// The object in its picture, and whether Frigate has drawn nothing into that; or why it has no place there.
///
/// # Errors
/// There is no such picture.
fn see(
    event: &FrigateEvent,
    config: &FrigateConfig,
    snapshot: &Snapshot,
) -> Result<Result<(ObjectView, bool)>> {
    let camera = config.cameras.get(&event.camera);
    let camera = camera.with_context(|| format!("Frigate knows no camera {}", event.camera))?;
    let picture = decode(&snapshot.bytes)?;
    let view = ObjectView::new(&picture, camera.detect, event);
    Ok(view.map(|view| (view, snapshot.is_clean)))
}
