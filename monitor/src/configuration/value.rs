//! Values of the configuration that are more than a number or a text: what stands in the file in, what it means out, or why it means nothing.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

use ssdcrp::stream::Polygon;

/// A century: what is longer is a mistake.
const LONGEST_SECONDS: f64 = 3e9;
const LONGEST_NAME: usize = 64;

/// A time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f64")]
pub struct Seconds(pub Duration);

/// A share, 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(try_from = "f32")]
pub struct Share(pub f32);

/// A camera's name, which folders, topics and addresses of the page have too.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct CameraName(String);

/// Corners of a polygon.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Vec<Vec<f32>>")]
pub struct Corners(pub Polygon);

impl TryFrom<f64> for Seconds {
    type Error = String;

    fn try_from(seconds: f64) -> Result<Self, String> {
        match (0.0..=LONGEST_SECONDS).contains(&seconds) {
            true => Ok(Self(Duration::from_secs_f64(seconds))),
            false => Err(format!("expected seconds, 0 or more, found {seconds}")),
        }
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
        // An array of two would drop what it has no room for.
        let point = |corner: Vec<f32>| match corner[..] {
            [x, y] => Ok([x, y]),
            _ => Err(format!("a corner is [x, y], found {corner:?}")),
        };
        let corners: Vec<[f32; 2]> = corners.into_iter().map(point).collect::<Result<_, _>>()?;
        let polygon = Polygon::new(corners).map_err(|error| format!("{error:#}"))?;
        Ok(Self(polygon))
    }
}

/// Reads a text by the type's own grammar.
///
/// # Errors
/// The text is not in it.
pub fn parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(|e| error(&e))
}

/// The same of a list of texts.
///
/// # Errors
/// One of the texts is not in the grammar.
pub fn all_parsed<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let texts = Vec::<String>::deserialize(deserializer)?;
    let values = texts.iter().map(|text| text.parse().map_err(|e| error(&e)));
    values.collect::<Result<_, _>>().map(Some)
}

fn error<E: de::Error>(error: &impl Display) -> E {
    E::custom(format!("{error:#}"))
}
