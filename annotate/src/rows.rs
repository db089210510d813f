//! Element messages in, rows of the tables out: the border where the element's structures become cells. Times become seconds, and of several events of a detection the most severe is named.

use std::collections::HashMap;

use crate::columns::{CellType, Origin, ResultTable, TableColumn};

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    Text(Option<String>),
    Number(Option<f64>),
    Integer(Option<i64>),
    Truth(Option<bool>),
}

/// A row of a table, a cell for each of its columns.
#[derive(Clone, Debug, PartialEq)]
pub struct TableRow {
    pub table: ResultTable,
    pub cells: Vec<Cell>,
}

/// What a row is about.
#[derive(Clone, Copy)]
struct RowSubject<'a> {
    source: &'a str,
    message: &'a gst::StructureRef,
    detection: &'a gst::StructureRef,
    explanation: Option<&'a gst::StructureRef>,
    event: Option<&'a gst::StructureRef>,
}

/// What a message becomes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageRows {
    pub rows: Vec<TableRow>,
    /// Explanations of what was not detected in their frames, for which there are no rows.
    pub without_detection: usize,
}

/// The rows of a message that `source` gave; none of one that is not about detections.
pub fn of_message(source: &str, message: &gst::StructureRef) -> MessageRows {
    match message.name().as_str() {
        "ssdcrp" => of_frame(source, message),
        "ssdcrp-event" => MessageRows {
            rows: of_event(source, message),
            without_detection: 0,
        },
        _ => MessageRows::default(),
    }
}

/// A frame: its detections, and the explanations of those that were selected.
fn of_frame(source: &str, message: &gst::StructureRef) -> MessageRows {
    let [detections, explanations, events] =
        ["detections", "explanations", "events"].map(|name| structures(message, name));
    let mut severest: HashMap<Option<u64>, &gst::Structure> = HashMap::new();
    for event in &events {
        let before = severest.entry(object(event)).or_insert(event);
        if severity(event) > severity(before) {
            *before = event;
        }
    }
    let about = |detection| RowSubject {
        source,
        message,
        detection,
        explanation: None,
        event: None,
    };
    let detected = detections.iter().map(|detection| {
        let event = severest.get(&object(detection));
        RowSubject {
            event: event.map(|event| event.as_ref()),
            ..about(detection)
        }
    });
    let mut rows: Vec<TableRow> = detected
        .map(|subject| subject.row(ResultTable::Detections))
        .collect();
    let find = |wanted| detections.iter().find(|found| object(found) == wanted);
    let explained = explanations.iter().filter_map(|explanation| {
        let subject = RowSubject {
            explanation: Some(explanation),
            ..about(find(object(explanation))?)
        };
        Some(subject.row(ResultTable::Explanations))
    });
    let detected = rows.len();
    rows.extend(explained);
    MessageRows {
        without_detection: explanations.len() - (rows.len() - detected),
        rows,
    }
}

/// An event, which has the fields of its detection, with the answer to its question where there is one.
fn of_event(source: &str, message: &gst::StructureRef) -> Vec<TableRow> {
    let explanation = message.get::<gst::Structure>("explanation").ok();
    let subject = RowSubject {
        source,
        message,
        detection: message,
        explanation: explanation.as_deref(),
        event: Some(message),
    };
    let answer = explanation.as_ref().map(|_| ResultTable::Explanations);
    let tables = std::iter::once(ResultTable::Events).chain(answer);
    tables.map(|table| subject.row(table)).collect()
}

fn structures(message: &gst::StructureRef, name: &str) -> Vec<gst::Structure> {
    let array = message.get::<gst::Array>(name).ok();
    let values = array.iter().flat_map(|array| array.iter());
    values.filter_map(|value| value.get().ok()).collect()
}

fn object(structure: &gst::StructureRef) -> Option<u64> {
    structure.get("object").ok()
}

fn severity(event: &gst::StructureRef) -> f64 {
    event.get("severity").unwrap_or(0.0)
}

impl RowSubject<'_> {
    fn row(&self, table: ResultTable) -> TableRow {
        let cells = table.columns().iter().map(|column| self.cell(column));
        TableRow {
            table,
            cells: cells.collect(),
        }
    }

    fn cell(&self, column: &TableColumn) -> Cell {
        let field = match column.origin {
            Origin::Source => return Cell::Text(Some(self.source.to_owned())),
            Origin::Time => {
                let nanoseconds = self.message.get::<u64>("running-time").ok();
                return Cell::Number(nanoseconds.map(|time| time as f64 / 1e9));
            }
            Origin::Frame(field) => self.message.value(field),
            Origin::Detection(field) => self.detection.value(field),
            Origin::Explanation(field) => match self.explanation {
                Some(explanation) => explanation.value(field),
                None => return empty(column.kind),
            },
            Origin::Event(field) => match self.event {
                Some(event) => event.value(field),
                None => return empty(column.kind),
            },
        };
        field.map_or(empty(column.kind), |value| cell(value, column.kind))
    }
}

fn empty(kind: CellType) -> Cell {
    match kind {
        CellType::Text => Cell::Text(None),
        CellType::Number => Cell::Number(None),
        CellType::Integer => Cell::Integer(None),
        CellType::Truth => Cell::Truth(None),
    }
}

/// A field as a cell; null where it is of another type, or no number.
fn cell(value: &gst::glib::SendValue, kind: CellType) -> Cell {
    match kind {
        CellType::Text => Cell::Text(value.get().ok()),
        CellType::Number => {
            Cell::Number(value.get().ok().filter(|number: &f64| number.is_finite()))
        }
        CellType::Integer => {
            let short = value.get::<u32>().ok().map(i64::from);
            let long = || value.get::<u64>().ok()?.try_into().ok();
            Cell::Integer(short.or_else(long))
        }
        CellType::Truth => Cell::Truth(value.get().ok()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(object: u64, label: &str) -> gst::Structure {
        gst::Structure::builder("detection")
            .field("object", object)
            .field("label", label)
            .field("class", 3_u32)
            .field("confidence", 0.75)
            .field("unexpected", false)
            .build()
    }

    fn get<'a>(row: &'a TableRow, name: &str) -> &'a Cell {
        let columns = row.table.columns();
        let index = columns.iter().position(|column| column.name == name);
        &row.cells[index.unwrap()]
    }

    fn text(words: &str) -> Cell {
        Cell::Text(Some(words.to_owned()))
    }

    #[test]
    fn a_frame_gives_a_row_a_detection_and_one_an_explanation() {
        gst::init().unwrap();
        let event = |kind: &str, severity: f64| {
            gst::Structure::builder("event")
                .field("object", 8_u64)
                .field("kind", kind)
                .field("severity", severity)
                .build()
        };
        let explanation = gst::Structure::builder("explanation")
            .field("object", 8_u64)
            .field("words", "horse")
            .field("in-box-share", 0.5)
            .field("centre-x", f64::NAN)
            .build();
        let mut of_nothing = explanation.clone();
        of_nothing.set("object", 9_u64);
        let message = gst::Structure::builder("ssdcrp")
            .field("running-time", 1_500_000_000_u64)
            .field("width", 768_u32)
            .field(
                "detections",
                gst::Array::new([detection(7, "sheep"), detection(8, "horse")]),
            )
            .field("explanations", gst::Array::new([explanation, of_nothing]))
            .field(
                "events",
                gst::Array::new([
                    event("fragment", 0.2),
                    event("merge", 0.9),
                    event("box-jitter", 0.3),
                ]),
            )
            .build();
        let MessageRows {
            rows,
            without_detection,
        } = of_message("/a.avi", &message);
        assert_eq!(without_detection, 1);
        let [sheep, horse, explained] = &rows[..] else {
            panic!("{rows:#?}")
        };
        assert_eq!(sheep.table, ResultTable::Detections);
        assert_eq!(get(sheep, "source"), &text("/a.avi"));
        assert_eq!(get(sheep, "time"), &Cell::Number(Some(1.5)));
        assert_eq!(get(sheep, "object"), &Cell::Integer(Some(7)));
        assert_eq!(get(sheep, "class_id"), &Cell::Integer(Some(3)));
        assert_eq!(get(sheep, "frame_width"), &Cell::Integer(Some(768)));
        assert_eq!(get(sheep, "unexpected"), &Cell::Truth(Some(false)));
        for unknown in ["runner_up", "event"] {
            assert_eq!(get(sheep, unknown), &Cell::Text(None), "{unknown}");
        }
        assert_eq!(get(horse, "event"), &text("merge"));
        assert_eq!(explained.table, ResultTable::Explanations);
        assert_eq!(get(explained, "class"), &text("horse"));
        assert_eq!(get(explained, "question"), &text("horse"));
        assert_eq!(get(explained, "in_box_share"), &Cell::Number(Some(0.5)));
        for unknown in ["effect", "centre_x"] {
            assert_eq!(get(explained, unknown), &Cell::Number(None), "{unknown}");
        }
        assert_eq!(get(explained, "passed"), &Cell::Truth(None));
        assert_eq!(get(explained, "event"), &Cell::Text(None));
    }

    #[test]
    fn an_event_gives_a_row_and_its_answer_another() {
        gst::init().unwrap();
        let explanation = gst::Structure::builder("explanation")
            .field("words", "sheep rather than horse")
            .field("effect", 0.25)
            .field("checked", true)
            .build();
        let mut message = detection(7, "sheep");
        message.set_name("ssdcrp-event");
        message.set("kind", "ambiguous-class");
        message.set("severity", 0.8);
        let rows = of_message("a", &message).rows;
        let [unanswered] = &rows[..] else {
            panic!("an event without an answer is one row");
        };
        assert_eq!(unanswered.table, ResultTable::Events);
        assert_eq!(get(unanswered, "time"), &Cell::Number(None));
        message.set("explanation", explanation);
        let rows = of_message("a", &message).rows;
        let [event, answer] = &rows[..] else {
            panic!("{rows:#?}")
        };
        assert_eq!(get(event, "severity"), &Cell::Number(Some(0.8)));
        assert_eq!(get(event, "event"), &text("ambiguous-class"));
        assert_eq!(get(answer, "event"), &text("ambiguous-class"));
        assert_eq!(get(answer, "class"), &text("sheep"));
        assert_eq!(get(answer, "passed"), &Cell::Truth(Some(true)));
    }

    #[test]
    fn messages_of_others_give_none() {
        gst::init().unwrap();
        for name in ["ssdcrp-missing", "GstNavigationMessage"] {
            assert_eq!(of_message("a", &gst::Structure::new_empty(name)).rows, []);
        }
    }
}
