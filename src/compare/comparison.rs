//! What came out of a comparison, for programs: the JSON of `ssdcrp compare`.

use serde::Serialize;

use super::gate::{GateResult, TruthCounts};
use super::object::{ComparedObject, ObjectChange};
use super::shift::ClassShift;

/// A photo with its objects.
#[derive(Clone, Debug, Serialize)]
pub struct ComparedPhoto {
    /// What it is called.
    pub photo: String,
    /// What both models say of it.
    pub objects: Vec<ComparedObject>,
}

/// Two models compared.
#[derive(Clone, Debug, Serialize)]
pub struct ModelComparison {
    /// The base's name.
    pub base: String,
    /// The candidate's.
    pub candidate: String,
    /// What of the models' classes is likely not meant so.
    pub warnings: Vec<String>,
    /// Photo by photo.
    pub photos: Vec<ComparedPhoto>,
    /// All classes together, then each.
    pub shifts: Vec<ClassShift>,
    /// Beside annotations, where there are any.
    pub truth: Option<TruthCounts>,
    /// Limits, and whether they are kept.
    pub gate: Vec<GateResult>,
}

impl ModelComparison {
    /// Whether all limits are kept.
    pub fn passed(&self) -> bool {
        self.gate.iter().all(|result| result.passed)
    }

    /// How many objects there are of a change.
    pub fn count(&self, change: ObjectChange) -> usize {
        self.shifts.first().map_or(0, |all| all.count(change))
    }
}
