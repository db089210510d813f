//! Values of the configuration that are more than a number or a text. In: the value in the file. Out: its meaning, or why it is not valid.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use ssdcrp::stream::Polygon;

/// About a century; a longer time is a mistake.
const LONGEST_SECONDS: f64 = 3e9;
/// A longer pause between two looks was meant in other units.
const LONGEST_PAUSE: f64 = 86_400.0;
const LONGEST_NAME: usize = 64;
const LONGEST_TOPIC: usize = 200;
/// The longest host name that is allowed (RFC 1035, 2.3.4).
const LONGEST_HOST: usize = 253;
const SMALLEST_QUEUE: u64 = 65_536;

/// A time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Seconds(pub Duration);

/// A time between two looks at a camera, in seconds: no more than a day.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Pause(pub Duration);

/// Where the page is served: an address with its port.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct PageAddress(pub SocketAddr);

/// A share, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f32")]
pub struct Share(pub f32);

/// A camera's name. It is also part of folder names, topics and URLs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct CameraName(String);

/// A polygon, given by its corners.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Vec<f32>>")]
pub struct Corners(pub Polygon);

/// The address of a broker: `mqtt://host`, or `mqtts://host` with TLS, with or without a port.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct BrokerAddress {
    pub host: String,
    pub port: u16,
    pub is_encrypted: bool,
}

/// A host name by which browsers may ask for the page, in lower case.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct HostName(pub String);

/// The first part of MQTT topics: one or several levels.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct TopicName(pub String);

/// The id by which a broker knows a client.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub struct ClientId(pub String);

/// The largest size of a queue, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "u64")]
pub struct QueueBytes(pub u64);

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        match (0.0..=LONGEST_SECONDS).contains(&seconds) {
            true => Ok(Self(Duration::from_secs_f64(seconds))),
            false => Err(format!("expected seconds, 0 or more, found {seconds}")),
        }
    }
}

impl TryFrom<f64> for Pause {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        match (0.0..=LONGEST_PAUSE).contains(&seconds) {
            true => Ok(Self(Duration::from_secs_f64(seconds))),
            false => Err(format!(
                "expected seconds, 0 or more, a day at most, found {seconds}"
            )),
        }
    }
}

impl TryFrom<String> for PageAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| {
            format!("expected an address and a port as 127.0.0.1:8080, found '{text}'")
        })
    }
}

impl TryFrom<f32> for Share {
    type Error = String;

    fn try_from(share: f32) -> Result<Self, String> {
        match (0.0..=1.0).contains(&share) {
            true => Ok(Self(share)),
            false => Err(format!("expected a share, 0 to 1, found {share}")),
        }
    }
}

impl CameraName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CameraName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        match (1..=LONGEST_NAME).contains(&name.len()) && name.chars().all(is_plain) {
            true => Ok(Self(name)),
            false => Err(format!(
                "a camera's name has 1 to {LONGEST_NAME} letters (a to z), digits, '-' and '_', found '{name}'"
            )),
        }
    }
}

impl TryFrom<Vec<Vec<f32>>> for Corners {
    type Error = String;

    fn try_from(corners: Vec<Vec<f32>>) -> Result<Self, String> {
        // Read as an array of two, a longer corner would lose its other numbers unnoticed.
        let point = |corner: Vec<f32>| match corner[..] {
            [x, y] => Ok([x, y]),
            _ => Err(format!("a corner is [x, y], found {corner:?}")),
        };
        let corners: Vec<[f32; 2]> = corners.into_iter().map(point).collect::<Result<_, _>>()?;
        let polygon = Polygon::new(corners).map_err(|error| format!("{error:#}"))?;
        Ok(Self(polygon))
    }
}

impl TryFrom<String> for BrokerAddress {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The text may contain a password, so it is not shown.
        let words = "the address of a broker is mqtt://host or mqtts://host, with :port or without; user and password stand in keys of their own";
        let found = |text: &str| {
            let (scheme, rest) = text.split_once("://")?;
            let (is_encrypted, usual) = match scheme {
                "mqtt" => (false, 1883),
                "mqtts" => (true, 8883),
                _ => return None,
            };
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            let (host, port) = match rest.rsplit_once(':') {
                Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()?),
                _ => (rest, usual),
            };
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
            // An IPv6 address without brackets would lose its end to the port.
            let is_one = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
            let is_host = is_one && !host.is_empty() && host.chars().all(is_plain) && port > 0;
            is_host.then(|| Self {
                host: host.to_owned(),
                port,
                is_encrypted,
            })
        };
        found(&text).ok_or_else(|| words.to_owned())
    }
}

impl TryFrom<String> for HostName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
        let is_part = |part: &str| !part.is_empty() && part.chars().all(is_plain);
        match name.len() <= LONGEST_HOST && name.split('.').all(is_part) {
            true => Ok(Self(name.to_lowercase())),
            false => Err(format!(
                "hosts has names alone, as \"cameras.example\", without https://, port, path or a dot at the end, found '{name}'"
            )),
        }
    }
}

impl TryFrom<String> for TopicName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let has_levels = name.split('/').all(|level| !level.is_empty());
        match has_levels && name.len() <= LONGEST_TOPIC && name.chars().all(is_plain) {
            true => Ok(Self(name)),
            false => Err(format!(
                "a topic has 1 to {LONGEST_TOPIC} letters (a to z), digits, '-', '_' and '.', in levels with '/' between, found '{name}'"
            )),
        }
    }
}

impl TryFrom<String> for ClientId {
    type Error = String;

    fn try_from(id: String) -> Result<Self, String> {
        match (1..=LONGEST_NAME).contains(&id.len()) && id.chars().all(|c| c.is_ascii_graphic()) {
            true => Ok(Self(id)),
            false => Err(format!(
                "a client's id has 1 to {LONGEST_NAME} letters, digits and signs, found '{id}'"
            )),
        }
    }
}

impl TryFrom<u64> for QueueBytes {
    type Error = String;

    fn try_from(bytes: u64) -> Result<Self, String> {
        match bytes >= SMALLEST_QUEUE {
            true => Ok(Self(bytes)),
            false => Err(format!(
                "a queue has {SMALLEST_QUEUE} bytes or more, found {bytes}"
            )),
        }
    }
}

/// Reads a text with the type's own parser.
///
/// # Errors
/// The text cannot be parsed.
pub fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|e| error(&e))
}

/// The same for a list of texts.
///
/// # Errors
/// One of the texts cannot be parsed.
pub fn all_parsed<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let values = texts.iter().map(|text| text.parse().map_err(|e| error(&e)));
    values.collect::<Result<_, _>>().map(Some)
}

/// Reads a path that a file can have.
///
/// # Errors
/// It is no text, or has a character that no path has.
pub fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    let path = String::deserialize(deserializer)?;
    match path.contains('\0') {
        true => Err(de::Error::custom("a path has no character U+0000")),
        false => Ok(path.into()),
    }
}

/// The same of a path that may be missing.
///
/// # Errors
/// As [`folder`].
pub fn path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    folder(deserializer).map(Some)
}

fn error<E: de::Error>(error: &impl Display) -> E {
    E::custom(format!("{error:#}"))
}
