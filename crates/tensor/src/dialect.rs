//! The same layer in every framework's words.
//!
//! A convolution means the same everywhere: where the window stands is only said in different words.
//! Each file here is one framework's words and the [`ConvSpec`](crate::ConvSpec) that they follow; PyTorch's
//! are [`Window`](crate::Window) itself. Every rule leads to a [`Geometry`](crate::Geometry), and two
//! layers are the same exactly where their geometries are equal.
//!
//! ```
//! use mirrorgrad_tensor::{ConvSpec, Window, dialect::{TensorFlow, tensorflow::Padding}};
//!
//! // A transposed convolution of kernel 3 and stride 2 that doubles 3x3, said by two frameworks:
//! let tensorflow = TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], Padding::Same) };
//! let pytorch = Window::square(3).stride(2).padding(1).output_padding([1, 1]);
//! let [theirs, ours] = [tensorflow.transposed([3, 3])?, pytorch.transposed([3, 3])?];
//!
//! // The shapes agree, the pixels do not: they crop the odd row on opposite sides.
//! assert_eq!(theirs.input(), ours.input());
//! assert_eq!([theirs.axes()[0].pad_before, ours.axes()[0].pad_before], [0, 1]);
//! # Ok::<(), mirrorgrad_tensor::GeometryError>(())
//! ```

mod caffe;
mod chainer;
pub mod jax;
pub mod keras;
mod layout;
mod mxnet;
pub mod onnx;
pub mod tensorflow;

pub use caffe::{Caffe, CoordinateMap};
pub use chainer::Chainer;
pub use jax::Jax;
pub use keras::Keras;
pub use layout::WeightLayout;
pub use mxnet::MxNet;
pub use onnx::Onnx;
pub use tensorflow::TensorFlow;
