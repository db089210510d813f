//! What a stream has done so far, in numbers.

use std::time::Duration;

/// Counts since the start of a stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamStats {
    /// Frames that were searched for objects, whether any were found or not.
    pub detected: u64,
    /// Detections that were explained, for events and otherwise.
    pub explained: u64,
    /// Time that explanations took.
    pub explaining: Duration,
    /// Time that the last one took; several that were asked for at once are one.
    pub last_explanation: Duration,
    /// Explanations that were checked.
    pub checked: u64,
    /// Events that were raised.
    pub events: u64,
    /// Events of which evidence was kept.
    pub evidence_kept: u64,
    /// Events of which evidence was left out: they came faster than the disk or the limit allows, or could not be written.
    pub evidence_left_out: u64,
}

impl StreamStats {
    /// So many detections were explained at once.
    pub(super) fn explained(&mut self, count: usize, took: Duration) {
        self.explained += count as u64;
        self.explaining += took;
        self.last_explanation = took;
    }
}
