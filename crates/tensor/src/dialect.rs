//! The same layer in every framework's words.
//!
//! A convolution means the same everywhere: where the window stands is only said in different words.
//! Each file here is one framework: what its arguments mean, how they are read from common [`Words`], and
//! how a geometry is said in them (its [`Dialect`]); PyTorch's are those of [`Window`](crate::Window). All
//! lead to a [`Geometry`](crate::Geometry), and two layers are the same exactly where their geometries are
//! equal.
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
mod framework;
pub mod jax;
pub mod keras;
mod layout;
mod mxnet;
pub mod onnx;
mod pytorch;
pub mod tensorflow;
mod words;

pub use caffe::{Caffe, CoordinateMap};
pub use chainer::Chainer;
pub use framework::{Dialect, FRAMEWORKS, Framework, Said};
pub use jax::Jax;
pub use keras::Keras;
pub use layout::WeightLayout;
pub use mxnet::MxNet;
pub use onnx::Onnx;
pub use pytorch::PyTorch;
pub use tensorflow::TensorFlow;
pub use words::{GivenPadding, Layer, Wanted, Words, WordsError};
