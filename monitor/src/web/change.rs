//! What may be changed from the page: a path and a body of JSON in, what is wished out. Who wishes it is looked at by [`Access`](super::access::Access).

use serde::Deserialize;

use ssdcrp::stream::evidence::Mark;

use crate::pointing::Pointing;

/// A wish.
#[derive(Debug, PartialEq)]
pub enum Change {
    /// Somebody points at something in a camera's picture.
    Point { camera: String, pointing: Pointing },
    /// Somebody says something of an event, or takes it back.
    Mark { id: String, mark: Option<Mark> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MarkBody {
    /// It is taken back by `null`, not by nothing.
    #[serde(deserialize_with = "Option::deserialize")]
    mark: Option<Mark>,
}

impl Change {
    /// Whether something can be changed at this path.
    pub fn is_at(path: &str) -> bool {
        place(path).is_some()
    }

    /// Reads a wish; `None` where it is none.
    pub fn parse(path: &str, body: &str) -> Option<Self> {
        let (kind, name) = place(path)?;
        let name = name.to_owned();
        Some(match kind {
            "point" => Self::Point {
                camera: name,
                pointing: serde_json::from_str(body).ok()?,
            },
            _ => {
                let MarkBody { mark } = serde_json::from_str(body).ok()?;
                Self::Mark { id: name, mark }
            }
        })
    }
}

/// What is changed, and of whom: `/stream/NAME/point` and `/event/ID/mark`.
fn place(path: &str) -> Option<(&str, &str)> {
    [("/stream/", "point"), ("/event/", "mark")]
        .into_iter()
        .find_map(|(start, kind)| {
            let (name, end) = path.strip_prefix(start)?.split_once('/')?;
            (end == kind).then_some((kind, name))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_have_a_path_and_a_body_of_their_own() {
        let read = Change::parse;
        let worth = Some(Change::Mark {
            id: "5f-gate-1".to_owned(),
            mark: Some(Mark::Worth),
        });
        assert_eq!(read("/event/5f-gate-1/mark", r#"{"mark":"worth"}"#), worth);
        let back = read("/event/5f-gate-1/mark", r#"{"mark":null}"#);
        assert!(matches!(back, Some(Change::Mark { mark: None, .. })));
        let point = read("/stream/gate/point", r#"{"object":3}"#);
        assert_eq!(
            point,
            Some(Change::Point {
                camera: "gate".to_owned(),
                pointing: Pointing::Object(3)
            })
        );
        for (path, body) in [
            ("/event/5f-gate-1/mark", r#"{"mark":"good"}"#),
            ("/event/5f-gate-1/mark", r#"{"mark":"not","more":1}"#),
            ("/event/5f-gate-1/mark", r#"{"object":3}"#),
            ("/event/5f-gate-1/mark", "{}"),
            ("/stream/gate/point", r#"{"mark":null}"#),
            ("/stream/gate/point/", r#"{"object":3}"#),
            ("/stream/gate", r#"{"object":3}"#),
        ] {
            assert_eq!(read(path, body), None, "{path} {body}");
        }
        assert!(!Change::is_at("/login") && !Change::is_at("/stream/gate/mark"));
    }
}
