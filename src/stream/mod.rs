//! A video's worth of detection and explanation, without GStreamer.
//!
//! In: pictures with a time ([`StreamFrame`]), and what is asked of them ([`settings`]). Out: what frames show ([`Shown`]), and [`News`] for the stream's owner ([`Host`]): what was seen
//! ([`Observation`]), why ([`ExplainedObject`]), and what looks wrong ([`ObservedEvent`]).
//!
//! A [`Session`] is one model at work, for one or many [`Stream`]s. A frame goes through `observation` (known objects by `tracking`, events by [`monitor`], what is explained by
//! [`selection`] and `picking`, how often by `rate_limiter`), `explaining`, `checking` (which explanation is checked next), `display` (what is known at the moment) and `drawing` (where heatmaps follow their objects by
//! `anchoring`); [`evidence`] keeps events on the disk. `worker` keeps all of that off the thread that carries the video.

mod anchoring;
mod answering;
mod checking;
mod detecting;
mod display;
mod drawing;
pub mod evidence;
mod explaining;
mod frame;
mod frame_clock;
mod host;
mod jobs;
pub mod monitor;
mod observation;
mod picking;
mod rate_limiter;
mod room;
pub mod selection;
mod session;
pub mod settings;
mod shared;
mod staleness;
mod state;
mod stats;
mod tracking;
mod upstream;
mod worker;
mod zones;

pub use display::View;
pub use explaining::{ExplainedMiss, ExplainedObject};
pub use frame::{FrameInfo, FrameTime};
pub use host::{Host, LeftOut, News};
pub use observation::{Observation, ObservedEvent};
pub use picking::{Picking, Placed};
pub use rate_limiter::RateLimiter;
pub use session::{Pacing, Session, Stream};
pub use shared::{Disagreement, SharedSessions};
pub use staleness::visibility;
pub use state::{Sampler, Shown, StreamFrame};
pub use stats::StreamStats;
pub use tracking::{Tracked, Tracker, same_detections, whole_pixels};
pub use upstream::{Unmatched, UnmatchedReason, UpstreamDetection, UpstreamMatch};
pub use zones::{Polygon, Zones};
