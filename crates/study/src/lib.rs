//! The symmetry of convolution and transposed convolution, to be looked at and compared.
//!
//! [`operate`] does one operation on tensors from a file, so that anyone can hold it against any other
//! program. A [`Report`] says all there is to say about one geometry: its sizes, the matrix C and its
//! transpose with whole numbers in them ([`Subject`]), Cᵀ y by four ways, the same layer in every
//! framework's words, and whether it treats all pixels alike.

#![forbid(unsafe_code)]

pub mod arrays;
mod attributes;
mod dialects;
mod health;
mod npy;
mod npz;
mod operation;
mod page;
mod paths;
mod plan;
mod refusal;
mod report;
mod sizes;
mod subject;
mod text;

pub use arrays::{Array, Arrays};
pub use dialects::{Saying, sayings};
pub use health::{FilterHealth, Health, Verdict, filters};
pub use npy::{from_npy, to_npy};
pub use npz::{from_npz, to_npz};
pub use operation::{operate, work};
pub use paths::{Columns, Path, dissenters};
pub use refusal::Refusal;
pub use report::{Explanation, Matrix, Report, Stages, Way};
pub use sizes::{Arguments, LARGEST_KERNEL, Sizes, arguments};
pub use subject::{Entry, LARGEST, Subject};
pub use text::Section;

pub use mirrorgrad_tensor::dialect::Layer;
