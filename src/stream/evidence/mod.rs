//! Evidence of events, for people to look at later: records and pictures in, a folder out that is whole at every moment.
//!
//! A [`Store`] keeps for each event its frame, the frame with everything drawn over it and the heatmap alone as PNG, and a line in `events.jsonl` that names them. A
//! file appears under its name when all of it is on the disk; pictures come before the line that names them, and go after it. What a process that was killed left
//! behind besides is removed when the folder is opened again. The oldest events make room for new ones. What people say of the events is beside them in `marks.jsonl` ([`Marks`]).
//!
//! Writing waits for the disk: a thread that must not wait hands a [`Case`] to one that may (in `src/stream/worker.rs`).

mod case;
mod mark;
mod pictures;
mod record;
mod store;

pub use case::Case;
pub use mark::{Mark, Marks};
pub use pictures::Pictures;
pub use record::{EventRecord, Record, Records};
#[doc(hidden)]
pub use record::{LINES, PICTURES, is_own_file, picture};
pub use store::{Limits, Store};
