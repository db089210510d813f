//! What somebody points at in a camera's picture: a request's words in, what the engine's picking is told out. It is the way that the element's navigation events take.

use serde::{Deserialize, Deserializer, de};

use ssdcrp::geometry::Size;
use ssdcrp::stream::Picking;

/// A wish of somebody who looks.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Pointing {
    /// Explain the smallest object at a place x, y in shares of the picture; if that is explained already, let go.
    Place(#[serde(deserialize_with = "in_picture")] [f32; 2]),
    /// Explain why nothing is found there.
    Missing(#[serde(deserialize_with = "in_picture")] [f32; 2]),
    /// Explain the object with this number; if it is explained already, let go.
    Object(u64),
    /// Explain what is explained where nobody points.
    Release(Released),
}

/// Says no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {}

/// Reads a place in the picture.
fn in_picture<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[f32; 2], D::Error> {
    let place = <[f32; 2]>::deserialize(deserializer)?;
    match place.iter().all(|share| (0.0..=1.0).contains(share)) {
        true => Ok(place),
        false => Err(de::Error::custom(
            "a place has shares of the picture, 0 to 1",
        )),
    }
}

impl Pointing {
    /// Tells the picking of a stream with frames of this size.
    pub fn tell(self, picking: &mut Picking, frame: Size) {
        let pixels = |[x, y]: [f32; 2]| [x * frame.width as f32, y * frame.height as f32];
        match self {
            Self::Place(place) => drop(picking.press(pixels(place))),
            Self::Missing(place) => drop(picking.press_missing(pixels(place))),
            Self::Object(object) => drop(picking.pick(object)),
            Self::Release(_) => drop(picking.release()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_nothing_else() {
        let read = |text: &str| serde_json::from_str::<Pointing>(text).ok();
        for (text, wish) in [
            (r#"{"place":[0.5,1]}"#, Pointing::Place([0.5, 1.0])),
            (r#"{"missing":[0,0.25]}"#, Pointing::Missing([0.0, 0.25])),
            (r#"{"object":7}"#, Pointing::Object(7)),
            (r#"{"release":{}}"#, Pointing::Release(Released {})),
        ] {
            assert_eq!(read(text), Some(wish), "{text}");
        }
        for text in [
            "",
            "{}",
            r#"{"place":[0.5]}"#,
            r#"{"place":[0.5,1.5]}"#,
            r#"{"missing":[-0.5,0]}"#,
            r#"{"place":["0","1"]}"#,
            r#"{"object":-1}"#,
            r#"{"object":1,"release":{}}"#,
            r#"{"release":{"more":1}}"#,
            r#""release""#,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
