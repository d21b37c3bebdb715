//! Numbers without history: immutable tensors and the kernels that act on them.
//!
//! Read in this order: an [`Element`] is a number, a [`Tensor`] holds numbers, a [`Geometry`] says
//! how a sliding window meets an input, and a [`Form`] is the one trilinear form
//!
//! ```text
//! F(x, w, y) = Σ y[n, o, position] · w[o, c, tap] · x[n, c, pixel(position, tap)]
//! ```
//!
//! which is solved for each of its three operands. Nothing here knows that gradients exist, but every linear
//! function has its adjoint beside it, and that is all a gradient will need.
//!
//! Results are the same bits whatever the number of threads: work is cut by shape, never by thread.

#![deny(unsafe_code)]

mod broadcast;
mod buffer;
pub mod check;
mod conv;
mod conv_spec;
pub mod dialect;
mod element;
mod elementwise;
mod exponential;
mod form;
mod geometry;
mod indices;
mod layout;
mod machine;
mod matmul;
mod normalize;
mod parallel;
mod pixel_loss;
mod pooling;
mod random;
mod reduce;
mod resample;
mod softmax;
mod tensor;
mod window;

pub use broadcast::broadcast_shape;
pub use buffer::peak_bytes;
pub use conv::{ConvAlgorithm, ConvAlgorithmError, Operand};
pub use conv_spec::{ConvSpec, Kernel, OddSide, Same, cropped, legal};
pub use element::Element;
pub use elementwise::masked;
pub use form::Form;
pub use geometry::{Axis, Geometry, GeometryError};
pub use indices::Indices;
pub use layout::concat;
pub use machine::allocator::Allocator;
pub use machine::isa::{Isa, IsaError};
pub use machine::peak::peak_gflops;
pub use normalize::{Epilogue, NormLayout, NormStats, Normalization};
pub use parallel::for_each_chunk;
pub use pixel_loss::{ClassTargets, PixelLoss, TargetError};
pub use pooling::{
    PoolIndices, check_pool, max_pool, plane_gather, plane_scatter, plane_scatter_add,
};
pub use resample::{AverageCount, Corners, Resample, SparseRows};
pub use softmax::{log_softmax, log_softmax_backward};
pub use tensor::Tensor;
pub use window::{Rounding, Window};
