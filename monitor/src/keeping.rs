//! Whether evidence of a camera's events is kept: what became of that of each event in, what stands in the way at present out.

use serde::Serialize;

use ssdcrp::stream::LeftOut;

use crate::redact::one_line;

/// Why evidence of a camera's events is lost at present.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeepingFault {
    reason: String,
    /// Events without evidence since it began.
    lost: u64,
    /// Whether somebody was told: a disk that is slow now and then is on the page alone.
    #[serde(skip)]
    is_told: bool,
}

/// The fault that there is.
#[derive(Debug, Default)]
pub struct Keeping {
    fault: Option<KeepingFault>,
}

impl Keeping {
    /// Evidence of an event was kept. What to say where it was told that it could not be.
    pub fn kept(&mut self) -> Option<String> {
        let fault = self.fault.take().filter(|fault| fault.is_told)?;
        let of = match fault.lost {
            1 => "that of 1 event is".to_owned(),
            lost => format!("that of {lost} events is"),
        };
        Some(format!("evidence is kept again; {of} lost"))
    }

    /// That of an event was not. What to say where it is the first that cannot be written.
    pub fn left_out(&mut self, why: &LeftOut) -> Option<String> {
        if let LeftOut::PerMinute = why {
            return None;
        }
        let fault = self.fault.get_or_insert_with(|| KeepingFault {
            reason: words(why),
            lost: 0,
            is_told: false,
        });
        fault.lost += 1;
        let is_news = matches!(why, LeftOut::Failed { .. }) && !fault.is_told;
        if is_news {
            fault.is_told = true;
            fault.reason = words(why);
        }
        is_news.then(|| fault.reason.clone())
    }

    pub fn fault(&self) -> Option<&KeepingFault> {
        self.fault.as_ref()
    }
}

/// What becomes of an event's evidence, in words for numbers.
pub const OUTCOMES: [&str; 4] = ["kept", "per-minute", "behind", "failed"];

/// The one of [`OUTCOMES`]; `why` it is left out, if it is.
pub fn outcome(why: Option<&LeftOut>) -> &'static str {
    let place = match why {
        None => 0,
        Some(LeftOut::PerMinute) => 1,
        Some(LeftOut::Behind) => 2,
        Some(LeftOut::Failed { .. }) => 3,
    };
    OUTCOMES[place]
}

/// Why there are no pictures of an event, for people.
pub fn words(why: &LeftOut) -> String {
    match why {
        LeftOut::PerMinute => {
            "its minute had more events than per-minute of [evidence] allows".to_owned()
        }
        LeftOut::Behind => "the disk does not keep up with events, or hangs".to_owned(),
        LeftOut::Failed { error, .. } => one_line(&format!("{error:#}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(words: &'static str) -> LeftOut {
        LeftOut::Failed {
            error: ssdcrp::Error::other(words),
            is_first: false,
        }
    }

    #[test]
    fn a_fault_is_said_once_and_its_end_with_what_it_cost() {
        let mut keeping = Keeping::default();
        assert_eq!(keeping.kept(), None, "nothing was wrong");
        assert_eq!(keeping.left_out(&LeftOut::PerMinute), None);
        assert_eq!(keeping.fault(), None, "the disk has nothing to do with it");
        let said = keeping.left_out(&failed("no space left"));
        assert_eq!(said.as_deref(), Some("no space left"));
        assert_eq!(keeping.left_out(&failed("no space left")), None);
        let fault = keeping.fault().unwrap();
        assert_eq!((fault.reason.as_str(), fault.lost), ("no space left", 2));
        let said = keeping.kept().unwrap();
        assert_eq!(said, "evidence is kept again; that of 2 events is lost");
        assert!(keeping.fault().is_none() && keeping.kept().is_none());
        // A disk that is slow for a moment.
        assert_eq!(keeping.left_out(&LeftOut::Behind), None);
        assert!(
            keeping
                .fault()
                .is_some_and(|fault| fault.reason.contains("or hangs"))
        );
        assert_eq!((keeping.kept(), keeping.fault()), (None, None));
    }

    #[test]
    fn what_is_left_out_has_a_reason() {
        let why = LeftOut::PerMinute;
        assert_eq!(outcome(Some(&why)), "per-minute");
        assert!(words(&why).contains("per-minute of [evidence]"));
        assert_eq!(words(&failed("a\nb")), "a\\nb");
        assert_eq!(outcome(None), "kept");
    }
}
