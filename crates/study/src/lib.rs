//! The symmetry of convolution and transposed convolution, to be looked at and compared.
//!
//! [`operate`] does one operation on tensors from a file, so that anyone can hold it against any other
//! program.

#![forbid(unsafe_code)]

pub mod arrays;
mod attributes;
mod operation;
mod plan;
mod refusal;

pub use arrays::{Array, Arrays};
pub use operation::operate;
pub use refusal::Refusal;
