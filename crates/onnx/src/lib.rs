//! ONNX export of networks. There is no list of networks or layers: [`export`] runs the network and writes down the
//! [record](mirrorgrad_autograd::record) of what it did, so a new layer made of existing ops can be exported at once.
//!
//! ```
//! # use mirrorgrad_layers::{Activation, Conv2d, Sequential};
//! # use mirrorgrad_onnx::{Interface, export};
//! # use mirrorgrad_tensor::Window;
//! # let rng = &mut mirrorgrad_layers::seeded(0);
//! let network = Sequential::new()
//!     .with(Conv2d::new([3, 8], Window::square(3).padding(1), rng))
//!     .with(Activation::Relu);
//! let bytes = export(&network, &Interface::new(3))?;
//! # assert!(bytes.len() > 4 * 8 * 27);
//! # Ok::<(), mirrorgrad_onnx::ExportError>(())
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! export                    runs the network on batches of several sizes, compares the records, writes the file
//! write                     a step as nodes
//! function, shape, spatial  steps by kind: functions of one number; shapes; height and width
//! sizes, shapes             a size as a function of an earlier one; the shapes of all records
//! graph, place              nodes and constants with unique names; names from layer paths
//! proto                     the messages of onnx.proto that are written
//! error                     what cannot be exported
//! ```
//!
//! Values that do not depend on the input are written as constants, so a batch normalization becomes a multiplication
//! and an addition. Batch, height and width stay variable. A record contains the sizes of one input, so several are
//! made: a size that differs between them is written as a function of an earlier size, such as half, twice, or three
//! pixels less. Layers that resize declare their sizes ([`Pass::record_sizes`](mirrorgrad_layers::Pass::record_sizes)).
//! The file is made from every record; if the files differ, the export is refused.

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
