//! Immutable tensors and the kernels that compute on them, without gradients. A convolution, a transposed convolution
//! and their weight gradients are one trilinear [`Form`], solved for each of its three operands:
//!
//! ```text
//! F(x, w, y) = Σ y[n, o, position] · w[o, c, tap] · x[n, c, pixel(position, tap)]
//! ```
//!
//! ```
//! use mirrorgrad_tensor::{Form, Operand, Tensor, Window};
//!
//! let geometry = Window::square(3).stride(2).padding(1).conv([4, 4])?;
//! let form = Form::new(geometry, 1);
//! let x = Tensor::<f64>::from_fn([1, 1, 4, 4], |i| i as f64);
//! let w = Tensor::from_fn([1, 1, 3, 3], |i| 1.0 - i as f64);
//! let y = Tensor::from_fn([1, 1, 2, 2], |i| 2.0 + i as f64);
//!
//! let convolution = form.solve(Operand::Output, [&x, &w], None);
//! let transposed = form.solve(Operand::Input, [&y, &w], None);
//! // C and Cᵀ are adjoint: ⟨C x, y⟩ = ⟨x, Cᵀ y⟩.
//! assert_eq!(convolution.dot(&y), transposed.dot(&x));
//! # Ok::<(), mirrorgrad_tensor::GeometryError>(())
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! element, buffer, tensor        a number; reused, aligned memory; a tensor
//! elementwise, broadcast,        functions of one number; NumPy's broadcasting;
//! reduce, layout, indices        sums and maxima; reshape, permute, pad; gather and scatter
//! matmul, exponential, random    matrix products; exponentials of many numbers; random numbers
//! check                          shape errors, all in one format
//! geometry                       sizes, kernel, stride, dilation and padding of a convolution
//! conv_spec, window, dialect/    from arguments to a geometry: PyTorch's, and seven other frameworks'
//! form                           the trilinear form
//! conv/                          its algorithms: plain, direct, depthwise, winograd
//! pooling, resample, normalize,  max pools; interpolation and average pools; batch, group and layer norm;
//! softmax, pixel_loss            log-softmax; cross entropy and focal loss
//! parallel                       work cut for threads, by shape alone
//! machine/                       instruction sets, registers, the micro-kernel, memory: all unsafe code
//! ```
//!
//! Features, both on by default; results have the same bits with and without them:
//!
//! | feature   | on                                                  | off                               |
//! |-----------|-----------------------------------------------------|-----------------------------------|
//! | `threads` | kernels run on rayon's threads                      | on the caller's thread, in order  |
//! | `arena`   | large buffers come from maps that stay (`memmap2`)  | from the system's allocator       |
//!
//! With `default-features = false` the crate, `mirrorgrad-autograd` and `mirrorgrad-layers`, which pass the features
//! on, build for `wasm32-unknown-unknown`.
//!
//! Every linear function has its adjoint in the same file; gradients need nothing else. Results have the same bits for
//! any number of threads, because work is cut by shape.

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
pub use normalize::{Epilogue, NormLayout, NormMoments, NormStats, NormSums, Normalization};
pub use parallel::for_each_chunk;
pub use pixel_loss::{ClassTargets, PixelLoss, TargetError};
pub use pooling::{
    PoolIndices, check_pool, max_pool, plane_gather, plane_scatter, plane_scatter_add,
};
pub use resample::{AverageCount, Corners, Resample, SparseRows};
pub use softmax::{log_softmax, log_softmax_backward};
pub use tensor::Tensor;
pub use window::{Rounding, Window};
