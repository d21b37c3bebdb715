//! Tools to inspect and compare convolutions and transposed convolutions. A [`Report`] explains one geometry: sizes,
//! the matrix C and its transpose with whole numbers, Cᵀ y computed in four ways, the arguments in every framework, and
//! the phases of the stride.
//!
//! ```
//! use mirrorgrad_study::{Layer, Report, Subject};
//! use mirrorgrad_tensor::Window;
//!
//! let geometry = Window::square(3).stride(2).padding(1).transposed([3, 3])?;
//! let subject = Subject::new(geometry, None, None, None)?;
//! let report = Report::new(Layer::Deconv, &subject, None, None)?;
//! assert!(report.disagree.is_empty(), "the four ways give the same numbers");
//! assert!(report.to_string().contains("relation 1: the stride divides evenly"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! subject                    one geometry with whole numbers
//! sizes, paths               sizes and arguments; Cᵀ y in four ways
//! dialects, health           the arguments in every framework; the phases of the stride
//! report, text, page         all of it as data, as text and as an interactive page
//! plan, operation,           one operation on named tensors: checked, then computed;
//! attributes                 its attributes
//! arrays, npy, npz           named tensors in files: safetensors and NumPy's
//! refusal                    why a request was refused
//! ```
//!
//! [`operate`] runs one operation on tensors from a file, so that it can be compared with any other program.

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
pub use paths::{Columns, Path};
pub use refusal::Refusal;
pub use report::{Matrix, Report};
pub use sizes::Sizes;
pub use subject::{Entry, Subject};
pub use text::Section;

pub use mirrorgrad_tensor::dialect::Layer;
