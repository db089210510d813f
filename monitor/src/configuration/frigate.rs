//! The Frigate whose events are explained. In: the table `[frigate]`. Out: the same, checked, with its secret read.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use ssdcrp::Composite;
use ssdcrp::detect::Model;

use super::delivery::{MqttPlan, answer_timeout, server};
use super::place::FilePlace;
use super::secret;
use super::section::FrigateSection;
use crate::http::HttpServer;
use crate::redact::say;

const TOPIC: &str = "frigate";
const INTERVAL: Duration = Duration::from_secs(1);
const EVENT_INTERVAL: Duration = Duration::from_secs(30);
const PICTURE_BYTES: u64 = 1 << 30;
const PICTURE_FILES: usize = 20_000;
/// A picture and its answer.
const FEWEST_FILES: usize = 2;

/// A Frigate installation, and which of its events are explained.
#[derive(Clone, PartialEq)]
pub struct FrigatePlan {
    /// Its HTTP API.
    pub server: HttpServer,
    /// The path before `/api`.
    pub base: String,
    pub token: Option<String>,
    /// The broker from which its events come, and to which answers go.
    pub broker: MqttPlan,
    /// The first part of its topics.
    topic: String,
    /// Empty: all cameras.
    cameras: Vec<String>,
    /// Empty: all labels.
    labels: Vec<String>,
    /// `None` is the built-in model.
    pub model: Option<PathBuf>,
    pub composite: Option<Composite>,
    /// The score above which a default box is a detection; `None`: as the manifest says.
    pub score: Option<f32>,
    /// The least time between two answers.
    pub interval: Duration,
    /// The least time between two answers to the same event. The answer at the event's end does not wait for it.
    pub event_interval: Duration,
    /// How long Frigate may take to answer.
    pub timeout: Duration,
    pub pictures: Option<PicturesPlan>,
}

/// Where pictures are kept, with their answers.
#[derive(Clone, Debug, PartialEq)]
pub struct PicturesPlan {
    pub folder: PathBuf,
    /// The most that there may be of them.
    pub bytes: u64,
    pub files: usize,
}

impl fmt::Debug for FrigatePlan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.server.authority, self.topic)
    }
}

impl PicturesPlan {
    /// In this folder, with limits on bytes and files as far as they are set.
    ///
    /// # Errors
    /// There is no room for one answer.
    fn new(folder: PathBuf, (bytes, files): (Option<u64>, Option<usize>)) -> Result<Self> {
        let files = files.unwrap_or(PICTURE_FILES);
        ensure!(
            files >= FEWEST_FILES,
            "files: an answer has {FEWEST_FILES}, its picture and itself"
        );
        Ok(Self {
            folder,
            bytes: bytes.unwrap_or(PICTURE_BYTES),
            files,
        })
    }
}

impl FrigatePlan {
    /// Reads the table `[frigate]`; `broker` is that of `[mqtt]`.
    ///
    /// # Errors
    /// The address is not valid, a secret or a certificate is missing, or there is no broker.
    pub fn new(
        section: FrigateSection,
        broker: Option<&MqttPlan>,
        place: &FilePlace,
    ) -> Result<Self> {
        let broker = broker.context(
            "[frigate] needs the broker that Frigate tells its events: write [mqtt] with its address",
        )?;
        let own = (&section.certificate_file, &section.key_file);
        let (server, path) = server(&section.url.text, section.ca_file.as_deref(), own, place)?;
        ensure!(
            !path.contains('?'),
            "url: Frigate is at http://host:5000, without anything that begins with '?'"
        );
        let file = place.secret_file(section.token_file.as_ref());
        let limits = (section.budget, section.files);
        let pictures = section
            .folder
            .map(|folder| PicturesPlan::new(place.path(&folder), limits));
        ensure!(
            pictures.is_some() || limits == (None, None),
            "budget and files: name the folder that they are for"
        );
        let seconds = |given: Option<super::value::Seconds>, own| given.map_or(own, |s| s.0);
        Ok(Self {
            server,
            base: path.trim_end_matches('/').to_owned(),
            token: secret::of("token", section.token.as_ref(), file.as_deref())?,
            broker: broker.clone(),
            topic: (section.topic).map_or_else(|| TOPIC.to_owned(), |topic| topic.0),
            cameras: section.cameras,
            labels: section.labels,
            model: section.model.map(|model| place.path(&model)),
            composite: section.composite,
            score: section.score_threshold.map(|share| share.0),
            interval: seconds(section.interval, INTERVAL),
            event_interval: seconds(section.event_interval, EVENT_INTERVAL),
            timeout: answer_timeout(section.timeout)?,
            pictures: pictures.transpose()?,
        })
    }

    /// Says which labels a model has no class for: their events are never explained.
    pub fn doubt_labels(&self, model: &Model) {
        for label in &self.labels {
            if let Err(error) = model.manifest.labels.find(label) {
                say(format_args!("[frigate] labels: {error:#}"));
            }
        }
    }

    /// The topic where Frigate publishes its events.
    pub fn events_topic(&self) -> String {
        format!("{}/events", self.topic)
    }

    /// Whether both are of one Frigate, whose events come by the same way.
    pub fn is_of_same_frigate(&self, other: &Self) -> bool {
        let place = |plan: &Self| {
            let (server, broker) = (plan.server.authority.clone(), plan.broker.place());
            (server, plan.base.clone(), broker, plan.topic.clone())
        };
        place(self) == place(other)
    }

    /// Whether an object of this label at this camera is to be explained.
    pub fn wants(&self, camera: &str, label: &str) -> bool {
        let has = |list: &[String], name: &str| {
            list.is_empty() || list.iter().any(|wanted| wanted == name)
        };
        has(&self.cameras, camera) && has(&self.labels, label)
    }
}
