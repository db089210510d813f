//! Charts: numbers in, drawings as SVG out, by themselves or inside of a page. What stands in a chart is for whoever draws it; here are the scales and the pen.

mod drawing;
mod log_scale;

pub use drawing::{Anchor, Drawing, Paint};
pub use log_scale::LogScale;
