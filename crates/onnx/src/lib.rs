//! Networks written down as ONNX files, for other programs to run.
//!
//! There is no list of networks or layers here. [`export`] runs the network and reads the
//! [record](mirrorgrad_autograd::record) of what it did: a layer made of existing ops can be exported the
//! day it is written. What does not depend on the picture is written as its value, so a batch
//! normalization becomes a product and a sum.
//!
//! Batch, height and width stay open. A record has the sizes of one picture in it, so several are made, of
//! pictures of several sizes: a size that differs between them is written as what it is of an earlier
//! one, a half, the double, three pixels less. What resizes an image is told by layers
//! ([`Mode::note_sizes`](mirrorgrad_layers::Mode::note_sizes)). That nothing was forgotten is checked: the
//! file is made from every record, and if it is not the same file, there is none.
//!
//! ```
//! # use mirrorgrad_layers::{Activation, Conv2d, Sequential};
//! # use mirrorgrad_onnx::{Interface, export};
//! # use mirrorgrad_tensor::Window;
//! # use rand::SeedableRng;
//! # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
//! let network = Sequential::new()
//!     .with(Conv2d::new([3, 8], Window::square(3).padding(1), rng))
//!     .with(Activation::Relu);
//! let bytes = export(&network, &Interface::new(3))?;
//! # assert!(bytes.len() > 4 * 8 * 27);
//! # Ok::<(), mirrorgrad_onnx::ExportError>(())
//! ```

#![forbid(unsafe_code)]

mod error;
mod export;
mod function;
mod graph;
mod place;
pub mod proto;
mod shape;
mod shapes;
mod sizes;
mod spatial;
mod write;

pub use error::ExportError;
pub use export::{Interface, OPSET, export};
