//! A method's maps beside those of a network whose weights are randomised: one record for each picture, which the table and the JSON file both take.

use serde::{Deserialize, Serialize};
use ssdcrp::evaluate::sanity::Stage;

/// What became of a method's map when the weights were randomised.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Randomisation {
    pub method: String,
    pub image: String,
    pub default_box: usize,
    pub stages: Vec<Stage>,
}
