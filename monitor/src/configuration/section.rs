//! The tables of `monitor.toml`, as they are written. `[defaults]` has values for all cameras that do not set their own.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use ssdcrp::Composite;
use ssdcrp::runtime::ExecutionProvider;
use ssdcrp::stream::monitor::EventKind;

use super::expanded::Expanded;
use super::value::{
    BrokerAddress, CameraName, ClientId, Corners, HostName, PageAddress, Pause, QueueBytes,
    Seconds, Share, TopicName, all_parsed, folder, parsed, path,
};
use crate::options::LOCAL_PAGE;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct FileSection {
    pub page: Option<Spanned<PageSection>>,
    pub networks: NetworksSection,
    pub evidence: Option<EvidenceSection>,
    pub mqtt: Option<Spanned<MqttSection>>,
    pub webhook: Option<Spanned<WebhookSection>>,
    pub frigate: Option<Spanned<FrigateSection>>,
    pub queue: QueueSection,
    pub defaults: Option<Spanned<CameraSection>>,
    pub camera: Vec<Spanned<CameraSection>>,
}

/// `[page]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct PageSection {
    pub address: PageAddress,
    pub token: Option<Expanded>,
    pub token_file: Option<Expanded>,
    pub hosts: Vec<HostName>,
}

impl Default for PageSection {
    fn default() -> Self {
        Self {
            address: PageAddress(LOCAL_PAGE),
            token: None,
            token_file: None,
            hosts: Vec::new(),
        }
    }
}

/// `[networks]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct NetworksSection {
    pub threads: usize,
    #[serde(deserialize_with = "parsed")]
    pub execution_provider: Option<ExecutionProvider>,
}

/// `[evidence]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EvidenceSection {
    #[serde(deserialize_with = "folder")]
    pub folder: PathBuf,
    pub budget: Option<u64>,
    pub per_minute: Option<usize>,
}

/// `[mqtt]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct MqttSection {
    pub address: BrokerAddress,
    pub user: Option<Expanded>,
    pub password: Option<Expanded>,
    pub password_file: Option<Expanded>,
    pub client_id: Option<ClientId>,
    pub topic: Option<TopicName>,
    pub detections: Option<bool>,
    pub detections_interval: Option<Seconds>,
    pub retry_at_most: Option<Seconds>,
    pub home_assistant: Option<TopicName>,
    #[serde(default, deserialize_with = "path")]
    pub ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "path")]
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<Expanded>,
}

/// `[webhook]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebhookSection {
    pub url: Expanded,
    pub secret: Option<Expanded>,
    pub secret_file: Option<Expanded>,
    pub answers: Option<bool>,
    pub timeout: Option<Seconds>,
    pub retry_at_most: Option<Seconds>,
    #[serde(default, deserialize_with = "path")]
    pub ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "path")]
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<Expanded>,
}

/// `[frigate]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FrigateSection {
    pub url: Expanded,
    pub token: Option<Expanded>,
    pub token_file: Option<Expanded>,
    pub topic: Option<TopicName>,
    #[serde(default)]
    pub cameras: Vec<String>,
    #[serde(default)]
    pub labels: Vec<String>,
    #[serde(default, deserialize_with = "path")]
    pub model: Option<PathBuf>,
    #[serde(default, deserialize_with = "parsed")]
    pub composite: Option<Composite>,
    pub score_threshold: Option<Share>,
    pub interval: Option<Seconds>,
    pub event_interval: Option<Seconds>,
    pub timeout: Option<Seconds>,
    #[serde(default, deserialize_with = "path")]
    pub folder: Option<PathBuf>,
    pub budget: Option<u64>,
    pub files: Option<usize>,
    #[serde(default, deserialize_with = "path")]
    pub ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "path")]
    pub certificate_file: Option<PathBuf>,
    pub key_file: Option<Expanded>,
}

/// `[queue]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct QueueSection {
    #[serde(default, deserialize_with = "path")]
    pub folder: Option<PathBuf>,
    pub events: Option<NonZeroUsize>,
    pub bytes: Option<QueueBytes>,
}

/// `[[camera]]` and `[defaults]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct CameraSection {
    pub name: Option<CameraName>,
    pub source: Option<Expanded>,
    pub user: Option<Expanded>,
    pub password_file: Option<Expanded>,
    pub repeat: Option<bool>,
    pub frame_timeout: Option<Seconds>,
    pub retry_at_most: Option<Seconds>,
    #[serde(default, deserialize_with = "path")]
    pub model: Option<PathBuf>,
    #[serde(deserialize_with = "parsed")]
    pub composite: Option<Composite>,
    pub score_threshold: Option<Share>,
    pub iou_threshold: Option<Share>,
    pub expected_classes: Option<Spanned<Vec<String>>>,
    pub detect_interval: Option<Pause>,
    pub explain_interval: Option<Seconds>,
    pub check_explanations: Option<bool>,
    pub zones: Option<Vec<ZoneSection>>,
    pub masks: Option<Vec<Corners>>,
    pub events: EventsSection,
}

/// An entry of `zones`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZoneSection {
    pub kind: ZoneKind,
    pub corners: Corners,
}

/// What a zone is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ZoneKind {
    Explain,
    Ignore,
    Alarm,
}

/// `[camera.events]` and `[defaults.events]`
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct EventsSection {
    #[serde(deserialize_with = "all_parsed")]
    pub kinds: Option<Vec<EventKind>>,
    pub ambiguous_class: Option<Share>,
    pub class_flicker: Option<Seconds>,
    pub box_jitter: Option<Share>,
    pub fragment: Option<Share>,
    pub merge: Option<Share>,
    pub low_confidence: Option<Share>,
    pub confirm: Option<Seconds>,
    pub cooldown: Option<Seconds>,
}

impl CameraSection {
    /// This camera, with the values of `defaults` for all keys that it does not set.
    pub fn or(self, defaults: &Self) -> Self {
        let or = |own: &Option<Expanded>, other: &Option<Expanded>| own.clone().or(other.clone());
        Self {
            user: or(&self.user, &defaults.user),
            password_file: or(&self.password_file, &defaults.password_file),
            repeat: self.repeat.or(defaults.repeat),
            frame_timeout: self.frame_timeout.or(defaults.frame_timeout),
            retry_at_most: self.retry_at_most.or(defaults.retry_at_most),
            model: self.model.or_else(|| defaults.model.clone()),
            composite: self.composite.or_else(|| defaults.composite.clone()),
            score_threshold: self.score_threshold.or(defaults.score_threshold),
            iou_threshold: self.iou_threshold.or(defaults.iou_threshold),
            expected_classes: (self.expected_classes).or_else(|| defaults.expected_classes.clone()),
            detect_interval: self.detect_interval.or(defaults.detect_interval),
            explain_interval: self.explain_interval.or(defaults.explain_interval),
            check_explanations: self.check_explanations.or(defaults.check_explanations),
            zones: self.zones.or_else(|| defaults.zones.clone()),
            masks: self.masks.or_else(|| defaults.masks.clone()),
            events: self.events.or(&defaults.events),
            ..self
        }
    }
}

impl EventsSection {
    fn or(self, defaults: &Self) -> Self {
        Self {
            kinds: self.kinds.or_else(|| defaults.kinds.clone()),
            ambiguous_class: self.ambiguous_class.or(defaults.ambiguous_class),
            class_flicker: self.class_flicker.or(defaults.class_flicker),
            box_jitter: self.box_jitter.or(defaults.box_jitter),
            fragment: self.fragment.or(defaults.fragment),
            merge: self.merge.or(defaults.merge),
            low_confidence: self.low_confidence.or(defaults.low_confidence),
            confirm: self.confirm.or(defaults.confirm),
            cooldown: self.cooldown.or(defaults.cooldown),
        }
    }
}
