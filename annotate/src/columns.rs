//! The tables of results: which columns each has, of which type, and which field of an element message fills it.
//!
//! docs/archives.md has the same tables, and a test holds it against these.

/// The type of a column. Every cell may be null: a value that is not known is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellType {
    /// UTF-8.
    Text,
    /// float64.
    Number,
    /// int64.
    Integer,
    /// Yes or no.
    Truth,
}

impl CellType {
    /// As SQL calls it.
    #[cfg(test)]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text => "VARCHAR",
            Self::Number => "DOUBLE",
            Self::Integer => "BIGINT",
            Self::Truth => "BOOLEAN",
        }
    }
}

/// Where a cell comes from; names are those of fields of the element's structures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The input's path.
    Source,
    /// The frame's running time, in seconds.
    Time,
    /// A field of the message, which is one of the frame.
    Frame(&'static str),
    /// A field of the detection.
    Detection(&'static str),
    /// A field of the explanation.
    Explanation(&'static str),
    /// A field of the event.
    Event(&'static str),
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct TableColumn {
    pub name: &'static str,
    pub kind: CellType,
    pub origin: Origin,
}

/// The tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultTable {
    Detections,
    Explanations,
    Events,
}

impl ResultTable {
    pub const ALL: [Self; 3] = [Self::Detections, Self::Explanations, Self::Events];

    /// Also that of the folder with its files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detections => "detections",
            Self::Explanations => "explanations",
            Self::Events => "events",
        }
    }

    pub const fn columns(self) -> &'static [TableColumn] {
        match self {
            Self::Detections => DETECTIONS,
            Self::Explanations => EXPLANATIONS,
            Self::Events => EVENTS,
        }
    }
}

/// One line a column: its name, type and origin.
macro_rules! columns {
    ($($name:literal $kind:ident $origin:ident $(($field:literal))?;)*) => {
        &[$(TableColumn {
            name: $name,
            kind: CellType::$kind,
            origin: Origin::$origin $(($field))?,
        }),*]
    };
}

const DETECTIONS: &[TableColumn] = columns! {
    "source" Text Source;
    "time" Number Time;
    "object" Integer Detection("object");
    "class" Text Detection("label");
    "class_id" Integer Detection("class");
    "score" Number Detection("confidence");
    "runner_up" Text Detection("runner-up");
    "runner_up_score" Number Detection("runner-up-score");
    "x" Integer Detection("x");
    "y" Integer Detection("y");
    "width" Integer Detection("width");
    "height" Integer Detection("height");
    "frame_width" Integer Frame("width");
    "frame_height" Integer Frame("height");
    "default_box" Integer Detection("default-box");
    "unexpected" Truth Detection("unexpected");
    "event" Text Event("kind");
};

const EXPLANATIONS: &[TableColumn] = columns! {
    "source" Text Source;
    "time" Number Time;
    "object" Integer Detection("object");
    "class" Text Detection("label");
    "score" Number Detection("confidence");
    "runner_up" Text Detection("runner-up");
    "question" Text Explanation("words");
    "target" Text Explanation("target");
    "contrast" Text Explanation("contrast");
    "composite" Text Explanation("composite");
    "in_box_share" Number Explanation("in-box-share");
    "positive_share" Number Explanation("positive-share");
    "sum_abs" Number Explanation("sum-abs");
    "completeness" Number Explanation("completeness");
    "centre_x" Number Explanation("centre-x");
    "centre_y" Number Explanation("centre-y");
    "effect" Number Explanation("effect");
    "effect_of_chance" Number Explanation("effect-of-chance");
    "passed" Truth Explanation("checked");
    "event" Text Event("kind");
};

const EVENTS: &[TableColumn] = columns! {
    "source" Text Source;
    "time" Number Time;
    "object" Integer Detection("object");
    "class" Text Detection("label");
    "score" Number Detection("confidence");
    "runner_up" Text Detection("runner-up");
    "runner_up_score" Number Detection("runner-up-score");
    "event" Text Event("kind");
    "severity" Number Event("severity");
    "words" Text Event("words");
    "target" Text Event("target");
    "contrast" Text Event("contrast");
    "x" Integer Detection("x");
    "y" Integer Detection("y");
    "width" Integer Detection("width");
    "height" Integer Detection("height");
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_has_the_same_tables() {
        let page = include_str!("../../docs/archives.md");
        for table in ResultTable::ALL {
            let name = table.name();
            let heading = format!("### {}{}\n", name[..1].to_uppercase(), &name[1..]);
            let (_, section) = page.split_once(&heading).unwrap();
            let rows = section.lines().skip_while(|line| !line.starts_with('|'));
            let rows: Vec<&str> = rows
                .take_while(|line| line.starts_with('|'))
                .skip(2)
                .collect();
            let columns = table.columns();
            assert_eq!(rows.len(), columns.len(), "{name}");
            for (row, column) in rows.iter().zip(columns) {
                let expected = format!("| `{}` | {} | ", column.name, column.kind.name());
                assert!(row.starts_with(&expected), "{expected} in {row}");
            }
        }
    }
}
