//! Relevance by the definition, the slow way: every product z_ij a number, every R_j divided among its inputs one by one.
//!
//! In: a [`Net`](crate::net::Net), a rule for each layer, relevance at the heads. Out: relevance of the picture. What an operator is to relevance says
//! [`meaning`]; the rest follows from that. Formulas: docs/method.md.

mod attention;
mod elementwise;
mod forward;
mod layers;
mod meaning;
mod moves;
mod number;
mod relevance;
mod rescaled;
mod rules;

pub use forward::Slow;
pub use meaning::{joined_pad, takes_constants};
