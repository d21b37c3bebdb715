//! What ops and their gradients are, against definitions and differences.

mod check;
mod common;
mod definitions;
mod extremes;
mod graph;
mod levels;
mod norm_among;
mod ops;
mod record;
