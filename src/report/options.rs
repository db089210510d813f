//! What is to be reported, and who follows how a report is made.

use crate::detect::{ClassId, Thresholds};
use crate::stream::monitor::EventThresholds;
use crate::truth::Truth;

/// What is to be reported.
#[derive(Clone, Debug)]
pub struct ReportOptions {
    /// What becomes a detection.
    pub thresholds: Thresholds,
    /// What looks wrong.
    pub monitor: EventThresholds,
    /// Classes that every object is also asked about: what would speak for them?
    pub what_if: Vec<ClassId>,
    /// What is really on the photos.
    pub truth: Option<Truth>,
    /// Whether the explanations that are seen at once are checked, which takes ten forward passes for each.
    pub check: bool,
    /// How many objects the page shows, those that look most wrong, and how many that were missed.
    pub most: usize,
    /// How many of these it explains.
    pub explain: usize,
    /// Whether only errors are reported: where a photo is annotated what the annotations say is one, elsewhere what raises an event.
    pub errors_only: bool,
}

/// Follows the explanations of a report.
pub trait ReportWatcher {
    /// The next explanation is of an object on the photo of that name. `false`: it is not to be made, nor any that comes after it, of which it is not asked any more.
    fn begins(&mut self, photo: &str) -> bool;
}

impl<F: FnMut(&str) -> bool> ReportWatcher for F {
    fn begins(&mut self, photo: &str) -> bool {
        self(photo)
    }
}
