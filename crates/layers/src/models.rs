//! Segmentation networks.

mod fcn;
mod stage;
mod unet;

pub use fcn::{Fcn, FcnConfig, Upsampling};
pub use stage::DoubleConv;
pub use unet::{UNet, UNetConfig};

use crate::Module;
use mirrorgrad_tensor::Element;

/// A segmentation network: `[batch, inputs, h, w]` to scores `[batch, classes, h, w]`.
pub trait Network<T: Element = f32>: Module<T> {
    /// The smallest height and width that every pool can halve.
    fn smallest_input(&self) -> usize;
}
