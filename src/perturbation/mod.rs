//! Taking parts of a picture away: blocks of it, replaced by a blurred copy.
//!
//! In: a picture, and a relevance map that says which parts matter. Out: the picture without the first or last of them. Whoever wants to know what an explanation is worth asks the
//! network again with that.

mod blocks;
mod blur;

pub use blocks::{BLOCK, Blocks, First};
pub use blur::{SIGMA, blurred};
