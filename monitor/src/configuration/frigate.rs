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
const BUDGET: u64 = 1 << 30;

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
    /// The folder where pictures are kept, and its largest size in bytes.
    pub pictures: Option<(PathBuf, u64)>,
}

impl fmt::Debug for FrigatePlan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.server.authority, self.topic)
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
        let (server, path) = server(&section.url, section.ca_file.as_deref(), own, place)?;
        ensure!(
            !path.contains('?'),
            "url: Frigate is at http://host:5000, without anything that begins with '?'"
        );
        let file = place.secret_file(section.token_file.as_deref())?;
        let folder = section.folder.map(|folder| place.path(&folder));
        ensure!(
            folder.is_some() || section.budget.is_none(),
            "budget: name the folder that it is for"
        );
        let seconds = |given: Option<super::value::Seconds>, own| given.map_or(own, |s| s.0);
        Ok(Self {
            server,
            base: path.trim_end_matches('/').to_owned(),
            token: secret::of("token", section.token.as_deref(), file.as_deref())?,
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
            pictures: folder.map(|folder| (folder, section.budget.unwrap_or(BUDGET))),
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

    /// Whether an object of this label at this camera is to be explained.
    pub fn wants(&self, camera: &str, label: &str) -> bool {
        let has = |list: &[String], name: &str| {
            list.is_empty() || list.iter().any(|wanted| wanted == name)
        };
        has(&self.cameras, camera) && has(&self.labels, label)
    }
}
