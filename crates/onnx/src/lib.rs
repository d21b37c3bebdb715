//! Networks written down as ONNX files, for other programs to run.
//!
//! There is no list of networks or layers here. [`export`] runs the network and reads the
//! [record](mirrorgrad_autograd::record) of what it did: a layer made of existing ops can be exported the
//! day it is written. What does not depend on the picture is written as its value, so a batch
//! normalization becomes a product and a sum.
//!
//! Batch, height and width stay open. A record has the sizes of one picture in it, and numbers do not
//! tell where they come from; layers do ([`Mode::note_sizes`](mirrorgrad_layers::Mode::note_sizes)). That
//! nothing was forgotten is checked: the file is made from two batches of different sizes, and if it is
//! not the same file, there is none.
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
mod spatial;
mod write;

pub use error::ExportError;
pub use export::{Interface, OPSET, export};
