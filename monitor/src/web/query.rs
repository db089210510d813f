//! A request's query: `camera=gate&words=a+person` in, filters of events out.

use percent_encoding::percent_decode_str;

use crate::event_log::EventFilter;

/// Events of one answer, at the most and where nothing is said.
const MOST_EVENTS: usize = 200;
const EVENTS: usize = 50;
/// Words that are looked for.
const MOST_WORDS: usize = 20;

/// What is asked of the list.
#[derive(Debug, PartialEq)]
pub struct ListQuery {
    pub filter: EventFilter,
    /// Events that are older than this one.
    pub before: Option<String>,
    /// No more than so many.
    pub most: usize,
}

/// No more of a text than anybody looks for.
fn first_words(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().take(MOST_WORDS).collect();
    words.join(" ")
}

impl ListQuery {
    /// Reads a query. What is not known in it is nothing to the list.
    pub fn parse(query: Option<&str>) -> Self {
        let mut read = Self {
            filter: EventFilter::default(),
            before: None,
            most: EVENTS,
        };
        let pairs = query.unwrap_or_default().split('&');
        for (name, value) in pairs.filter_map(|pair| pair.split_once('=')) {
            let value = value.replace('+', " ");
            let value = percent_decode_str(&value).decode_utf8_lossy().into_owned();
            let filter = &mut read.filter;
            match name {
                "camera" => filter.camera = value,
                "class" => filter.class = value,
                "kind" => filter.kind = value,
                "mark" => filter.mark = value,
                "from" => filter.from = value,
                "to" => filter.to = value,
                // Each of them is looked for in every event.
                "words" => filter.words = first_words(&value),
                "before" => read.before = Some(value).filter(|id| !id.is_empty()),
                "limit" => read.most = value.parse().unwrap_or(EVENTS).min(MOST_EVENTS),
                _ => {}
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_read_as_browsers_write_it() {
        let query = "camera=gate&words=a+person%2C+or%20%3F&from=2026-01-01T00%3A00%3A00Z&before=5f-gate-1&limit=9999&x=1&y";
        let read = ListQuery::parse(Some(query));
        let filter = EventFilter {
            camera: "gate".to_owned(),
            words: "a person, or ?".to_owned(),
            from: "2026-01-01T00:00:00Z".to_owned(),
            ..EventFilter::default()
        };
        assert_eq!((read.filter, read.most), (filter, MOST_EVENTS));
        assert_eq!(read.before.as_deref(), Some("5f-gate-1"));
        let none = ListQuery::parse(None);
        assert_eq!(none, ListQuery::parse(Some("limit=many&before=&class=")));
        assert_eq!(none.most, EVENTS);
        let many = ListQuery::parse(Some(&format!("words={}", "a+".repeat(5000))));
        assert_eq!(many.filter.words.split(' ').count(), MOST_WORDS);
        let damaged = ListQuery::parse(Some("words=%ff%zz%"));
        assert_eq!(damaged.filter.words, "\u{fffd}%zz%");
    }
}
