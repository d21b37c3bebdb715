//! What pages and comparisons say.

mod common;
mod compare;
mod look;
mod plots;
mod report;
mod sheets;
