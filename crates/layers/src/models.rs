//! Segmentation networks.

mod fcn;
mod stage;

pub use fcn::{Fcn, FcnConfig, Upsampling};
pub use stage::DoubleConv;
