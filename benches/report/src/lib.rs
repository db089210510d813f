//! What the benches measured, as one report.
//!
//! ```text
//! samples → Record → a line of JSON in the file that BENCH_OUT names → Report → Markdown, JSON; two of them → a comparison
//! ```
//!
//! Benches print each [`Record`] for whoever watches, and [`keep`](Record::keep) it. The program of this crate makes the report of all that were kept, or holds it against another one.
#![forbid(unsafe_code)]

mod compare;
mod cpu;
mod growth;
mod machine;
mod markdown;
mod memory;
mod quantiles;
mod record;
mod report;
mod setting;

pub use compare::comparison;
pub use cpu::cpu_time;
pub use growth::exponent;
pub use machine::Machine;
pub use markdown::document;
pub use memory::resident;
pub use quantiles::Quartiles;
pub use record::{Aim, OUT, Record};
pub use report::Report;
pub use setting::setting;
