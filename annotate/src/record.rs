//! The record of an input: how its file was when it was read, and what has become of it.

use std::fs;
use std::io::{ErrorKind, Result};
use std::path::Path;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// How a file was when it was read: one that has changed since is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputStamp {
    pub bytes: u64,
    /// Nanoseconds since 1970 in UTC.
    pub modified: u64,
}

impl InputStamp {
    /// How a file is now.
    ///
    /// # Errors
    /// It is not there, or no regular file.
    pub fn of(path: &Path) -> Result<Self> {
        let found = fs::metadata(path)?;
        if !found.is_file() {
            return Err(ErrorKind::InvalidInput.into());
        }
        let modified = found.modified()?.duration_since(UNIX_EPOCH);
        Ok(Self {
            bytes: found.len(),
            modified: modified.map_or(0, |since| since.as_nanos().try_into().unwrap_or(u64::MAX)),
        })
    }
}

/// What has become of an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputRecord {
    pub source: String,
    /// Missing where the file was not there.
    #[serde(flatten)]
    pub stamp: Option<InputStamp>,
    #[serde(flatten)]
    pub outcome: InputOutcome,
}

/// How it went.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum InputOutcome {
    Done(InputSummary),
    Failed { error: String },
}

/// What was found in an input, and by what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct InputSummary {
    pub frames: u64,
    /// Frames that could not be read, and passed without a result.
    pub frames_damaged: u64,
    pub detections: u64,
    pub explanations: u64,
    pub events: u64,
    /// Of the events; missing where evidence is not wanted.
    #[serde(flatten)]
    pub evidence: Option<EvidenceCounts>,
    /// What GStreamer warned of, each once.
    pub warnings: Vec<String>,
    /// Which decoded it.
    pub gstreamer: String,
    /// Which ran the networks.
    pub onnx_runtime: String,
}

/// Of how many events there is evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceCounts {
    /// Events that lie in the folder.
    pub evidence_kept: u64,
    /// All others: there were more than the limits allow.
    pub evidence_left_out: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let evidence = EvidenceCounts {
            evidence_kept: 3,
            evidence_left_out: 1,
        };
        let summary = |evidence| InputSummary {
            frames: 12,
            warnings: vec!["late".to_owned()],
            evidence,
            ..InputSummary::default()
        };
        let failed = InputOutcome::Failed {
            error: "no video".to_owned(),
        };
        let stamp = InputStamp {
            bytes: 7,
            modified: 1 << 60,
        };
        for (outcome, stamp) in [
            (InputOutcome::Done(summary(Some(evidence))), Some(stamp)),
            (InputOutcome::Done(summary(None)), Some(stamp)),
            (failed, None),
        ] {
            let record = InputRecord {
                source: "/a.mp4".to_owned(),
                stamp,
                outcome,
            };
            let text = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<InputRecord>(&text).unwrap(), record);
        }
    }
}
