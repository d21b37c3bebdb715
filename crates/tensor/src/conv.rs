//! How the form is computed: the algorithms, and what they are made of.
//!
//! [`Form`](crate::Form) is what they solve; `algorithm` takes one of `plain`, `direct`, `depthwise` and
//! `winograd`, each of which finds an output, an input and a weight.

mod algorithm;
mod columns;
mod correlation;
mod depthwise;
mod direct;
mod operand;
mod panels;
mod partial;
mod phases;
mod plain;
mod sizes;
mod stage;
mod winograd;

pub(crate) use algorithm::{Call, solve};
pub use algorithm::{ConvAlgorithm, ConvAlgorithmError};
pub use operand::Operand;
pub(crate) use sizes::Sizes;
