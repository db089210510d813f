//! Evidence of events, for people to look at later: records and pictures in, a folder out that is whole at every moment.
//!
//! A [`Store`] keeps for each event its frame, the frame with everything drawn over it and the heatmap alone as PNG, and a line in `events.jsonl` that names them. A
//! file appears under its name when all of it is on the disk; pictures come before the line that names them, and go after it. What a process that was killed left
//! behind besides is removed when the folder is opened again. The oldest events make room for new ones.
//!
//! Writing waits for the disk: a thread that must not wait hands a [`Case`] to one that may (in `src/stream/worker.rs`).

mod case;
mod pictures;
mod record;
mod store;

pub use case::Case;
pub use pictures::Pictures;
#[doc(hidden)]
pub use record::LINES;
pub use record::{EventRecord, Record, Records};
pub use store::{Limits, Store};
