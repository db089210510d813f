//! How cost grows with the engine's work: `cargo bench --bench growth`. What grows with the video is a bench of the element's.
//!
//! The time of an explanation against the number of its targets, and what is detected and explained in a second against the number of streams of one session. All rows of either take turns. `ROUNDS`
//! says how often (default 5 for targets, 2 for streams), `DURATION` (default 5) for how many seconds streams are watched. The exponent k is that of cost = c·work^k, fitted.

mod streams;
mod targets;

use std::sync::Arc;

use anyhow::Result;
use ssdcrp::detect::Model;

fn main() -> Result<()> {
    let model = Arc::new(Model::built_in()?);
    targets::measure(&model)?;
    streams::measure(&model)
}
