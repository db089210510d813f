//! Frigate's HTTP API: an event in, its snapshot, and what is known of the network that raised it, out.
//!
//! Source: Frigate's documentation, "HTTP API", <https://docs.frigate.video/integrations/api/>: `/api/config`, `/api/events/ID`, `/api/events/ID/snapshot.jpg` and `…/snapshot-clean.webp`,
//! which was `…/snapshot-clean.png` before version 0.17.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL};
use hyper::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::event::{FrigateEvent, Phase};
use crate::configuration::FrigatePlan;
use crate::http::may_go_away;

/// A JPEG of 8K has 10 MB.
const LONGEST_PICTURE: usize = 32 << 20;
const LONGEST_CONFIG: usize = 16 << 20;
const LONGEST_EVENT: usize = 4 << 20;
/// The saved snapshot without anything drawn into it: of version 0.17, and of versions before.
const CLEAN_COPIES: [&str; 2] = ["snapshot-clean.webp", "snapshot-clean.png"];
/// A snapshot may not be there yet when its event is told.
const PAUSES: [Duration; 3] = [
    Duration::from_secs(1),
    Duration::from_secs(2),
    Duration::from_secs(4),
];

/// What of Frigate's configuration is needed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct FrigateConfig {
    #[serde(default, deserialize_with = "each")]
    pub cameras: BTreeMap<String, FrigateCamera>,
    #[serde(default, deserialize_with = "each")]
    pub detectors: BTreeMap<String, FrigateDetector>,
    #[serde(default, deserialize_with = "or_default")]
    pub model: FrigateModel,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct FrigateCamera {
    /// `None` where Frigate does not say it.
    #[serde(default, deserialize_with = "or_default")]
    pub detect: Option<DetectSize>,
}

/// The pictures that boxes are told in.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct DetectSize {
    pub width: f32,
    pub height: f32,
}

impl DetectSize {
    /// Whether a picture has this size.
    pub fn is(self, (width, height): (u32, u32)) -> bool {
        self.width == width as f32 && self.height == height as f32
    }
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct FrigateDetector {
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct FrigateModel {
    /// The network's file on Frigate's computer.
    pub path: Option<String>,
}

/// What Frigate keeps of an event besides.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct StoredEvent {
    /// MD5 of the network's file, of the first of the detectors.
    pub model_hash: Option<String>,
    pub detector_type: Option<String>,
}

/// Reads a value that counts as absent where it is not as Frigate documents it: the rest is read.
fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Reads an object; of its values each counts as absent where it is not as documented.
fn each<'de, D, T>(deserializer: D) -> Result<BTreeMap<String, T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let entries: BTreeMap<String, Value> = or_default(deserializer)?;
    let read = |value| serde_json::from_value(value).unwrap_or_default();
    let entries = entries.into_iter();
    Ok(entries.map(|(name, value)| (name, read(value))).collect())
}

/// The picture of an event.
pub struct Snapshot {
    pub bytes: Bytes,
    /// Whether Frigate has drawn nothing into it: no box, no time. `false` where it may have.
    pub is_clean: bool,
}

/// Why there is no answer.
#[derive(Debug)]
struct Refusal {
    words: String,
    /// Whether it may be there later.
    may_come: bool,
    is_missing: bool,
}

/// Asks Frigate.
pub struct FrigateApi<'a>(pub &'a FrigatePlan);

impl FrigateApi<'_> {
    /// Its configuration.
    ///
    /// # Errors
    /// It is not there, or is no Frigate.
    pub async fn config(&self) -> Result<FrigateConfig> {
        self.read("/api/config", LONGEST_CONFIG).await
    }

    /// What it keeps of an event.
    ///
    /// # Errors
    /// As [`FrigateApi::config`]; and it keeps nothing of an event that has just begun.
    pub async fn stored(&self, event: &FrigateEvent) -> Result<StoredEvent> {
        let path = format!("/api/events/{}", event.id);
        self.read(&path, LONGEST_EVENT).await
    }

    /// An event's picture, as large as `detect` says. Where it is not there yet it is tried again.
    ///
    /// # Errors
    /// It is not there after several tries, or will never be.
    pub async fn snapshot(&self, event: &FrigateEvent) -> Result<Snapshot> {
        let mut pauses = PAUSES.into_iter();
        loop {
            match self.one_snapshot(event).await {
                Ok(snapshot) => return Ok(snapshot),
                Err(refusal) => match pauses.next().filter(|_| refusal.may_come) {
                    Some(pause) => sleep(pause).await,
                    None => anyhow::bail!(refusal.words),
                },
            }
        }
    }

    async fn one_snapshot(&self, event: &FrigateEvent) -> Result<Snapshot, Refusal> {
        let path = |name: &str| format!("/api/events/{}/{name}", event.id);
        if event.phase == Phase::End {
            // What is saved of an event that is over has what its configuration draws into it.
            for name in CLEAN_COPIES {
                match self.get(&path(name), LONGEST_PICTURE).await {
                    Ok(answer) => {
                        return Ok(Snapshot {
                            bytes: answer.into_body(),
                            is_clean: true,
                        });
                    }
                    Err(refusal) if refusal.is_missing => {}
                    Err(refusal) => return Err(refusal),
                }
            }
        }
        // These count while the object is followed; what is saved afterwards comes as it is.
        let target = path("snapshot.jpg?bbox=0&timestamp=0&crop=0&quality=100");
        let answer = self.get(&target, LONGEST_PICTURE).await?;
        let kept = answer.headers().get(CACHE_CONTROL);
        let is_made = kept.is_some_and(|kept| kept.as_bytes() == b"no-store");
        Ok(Snapshot {
            bytes: answer.into_body(),
            is_clean: is_made,
        })
    }

    async fn read<T: DeserializeOwned>(&self, path: &str, most: usize) -> Result<T> {
        let answer = self.get(path, most).await;
        let answer = answer.map_err(|refusal| anyhow::anyhow!(refusal.words))?;
        let words = || format!("what Frigate answers at {path} is not what its documentation says");
        serde_json::from_slice(answer.body()).with_context(words)
    }

    async fn get(&self, path: &str, most: usize) -> Result<Response<Bytes>, Refusal> {
        let plan = self.0;
        let ask = async {
            let mut request = (plan.server).request(Method::GET, &format!("{}{path}", plan.base));
            if let Some(token) = &plan.token {
                request = request.header(AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(Full::new(Bytes::new()))?;
            plan.server.ask(request, Some(most)).await
        };
        let at = |words: String| format!("{}: {words}", plan.server.authority);
        match timeout(plan.timeout, ask).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => Ok(answer),
            Ok(Ok(answer)) => {
                let status = answer.status();
                let why = match status.is_redirection() {
                    true => ", and redirects are not followed",
                    false => "",
                };
                Err(Refusal {
                    words: at(format!("status {status}{why}")),
                    may_come: may_go_away(status) || status == StatusCode::NOT_FOUND,
                    is_missing: status == StatusCode::NOT_FOUND,
                })
            }
            Ok(Err(error)) => Err(Refusal {
                words: at(format!("{error:#}")),
                may_come: true,
                is_missing: false,
            }),
            Err(_) => Err(Refusal {
                words: at(format!("no answer for {} s", plan.timeout.as_secs_f32())),
                may_come: true,
                is_missing: false,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_camera_that_is_not_as_it_should_be_costs_no_other() {
        let text = r#"{"cameras": {"gate": {"detect": {"width": 1280, "height": 720}},
            "new": {"detect": {"width": null, "height": null}}, "bare": {}, "none": null},
            "detectors": {"one": {"type": "edgetpu"}, "two": {"device": "usb"}, "three": 3}, "model": null}"#;
        let config: FrigateConfig = serde_json::from_str(text).unwrap();
        let (width, height) = (1280.0, 720.0);
        let sizes = config.cameras.values().map(|camera| camera.detect);
        let sizes: Vec<_> = sizes.flatten().collect();
        assert_eq!(sizes, [DetectSize { width, height }]);
        assert_eq!(config.cameras.len(), 4);
        let kinds = config.detectors.values();
        let kinds: Vec<&String> = kinds.flat_map(|detector| &detector.kind).collect();
        assert_eq!(kinds, ["edgetpu"]);
        let nothing = r#"{"cameras": null}"#;
        let config: FrigateConfig = serde_json::from_str(nothing).unwrap();
        assert!(config.cameras.is_empty());
    }
}
