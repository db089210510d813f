//! Two models side by side: what a candidate detects otherwise than the base, and whether for other reasons.
//!
//! In: two models and photos, one by one ([`Comparer::look`]). Out: a [`ModelComparison`], which a page shows ([`ComparisonPage`]), a program reads as JSON, and limits judge ([`GateLimit`]).
//! `docs/compare.md` defines what is compared.

mod comparer;
mod comparison;
mod gate;
mod matching;
mod object;
mod page;
mod shift;
mod side;
mod similarity;
mod vocabulary;

pub use comparer::Comparer;
pub use comparison::{ComparedPhoto, ModelComparison};
pub use gate::{GateLimit, GateMeasure, GateResult, TruthCounts};
pub use object::{ComparedObject, ObjectChange};
pub use page::ComparisonPage;
pub use shift::ClassShift;
pub use side::{ComparedModel, ObjectAnswer, ObjectSide, OtherDetection};
pub use similarity::MapAgreement;
