//! The report: photos in; an HTML page out that shows what was detected, what looks wrong about it, and why the network said so, and a record of all of it for machines.
//!
//! Where there is ground truth, the page also says of what kind the errors are, and what speaks for the wrong class where classes are confused.
//!
//! A [`Reporter`] looks at photos and at frames of events that were kept one by one ([`Reporter::look`]), or is told what an earlier run has seen there ([`Reporter::recall`]). Then it
//! shows those objects that look most wrong, and explains the first of them ([`Reporter::explain`]). Of each photo it keeps boxes and scores; what is shown is read once more. Pictures are
//! in the page or in files beside it ([`PagePictures`]).

mod card;
mod chart;
mod comparison;
mod confused;
mod css_rect;
mod event;
mod explanations;
mod finish;
mod forward_passes;
mod missed;
mod options;
mod page;
mod page_maker;
mod page_pictures;
#[cfg(feature = "compare")]
pub(crate) mod parts;
mod photo;
mod photo_detections;
mod picture;
mod record;
mod reporter;
mod suspicion;
mod view;

pub use finish::FinishedReport;
pub use options::{ReportOptions, ReportWatcher};
pub use page::Page;
#[doc(hidden)]
pub use page::counted;
#[doc(hidden)]
pub use page_pictures::is_page_picture;
pub use page_pictures::{PagePictures, PictureFiles};
pub use photo::PhotoSource;
pub use photo_detections::PhotoDetections;
pub use record::{ItemCheck, ItemEvent, ItemRunnerUp, RecordedTruth, ReportItem, ReportRecord};
pub use reporter::Reporter;

#[cfg(test)]
mod tests;
