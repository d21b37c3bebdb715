//! Segmentation networks.

mod fcn;
mod norm;
mod stage;
mod unet;

pub use fcn::{Fcn, FcnConfig, Upsampling};
pub use norm::Norm;
pub use stage::DoubleConv;
pub use unet::{UNet, UNetConfig};

use crate::Module;
use mirrorgrad_tensor::Element;

/// A segmentation network: `[batch, inputs, h, w]` to scores `[batch, classes, h, w]`.
///
/// ```
/// # use mirrorgrad_layers::models::{Fcn, FcnConfig, Network, UNet, UNetConfig};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let widths = vec![4, 8, 16];
/// let unet = UNet::<f32>::new(&UNetConfig { widths: widths.clone(), ..UNetConfig::new(2) }, rng);
/// let fcn = Fcn::<f32>::new(&FcnConfig { widths, ..FcnConfig::new(2) }, rng);
/// let networks: [Box<dyn Network>; 2] = [Box::new(unet), Box::new(fcn)];
/// assert_eq!(networks.map(|network| network.smallest_input()), [4, 8]); // Two pools and three.
/// ```
pub trait Network<T: Element = f32>: Module<T> {
    /// The smallest height and width that every pool can halve.
    fn smallest_input(&self) -> usize;
}
