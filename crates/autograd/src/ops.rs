//! The differentiable functions, one file a family: value, gradients, public function.
//!
//! Most are methods of [`Var`](crate::Var); those with several operands of equal standing are
//! functions here.

mod arithmetic;
mod conv;
mod dice;
mod focal;
mod index;
mod layout;
mod loss;
mod mask;
mod matmul;
mod norm;
mod norm_among;
mod piecewise;
mod pointwise;
mod pool;
mod reduce;
mod resample;
mod softmax;

pub use conv::{conv_transpose2d, conv_weight2d, conv2d};
pub use dice::dice_loss;
pub use layout::concat;
pub use loss::{Reduction, binary_cross_entropy_with_logits, cross_entropy, mse_loss};
pub use norm::{batch_norm, group_norm, layer_norm};
pub use norm_among::batch_norm_among;
pub use pool::{adaptive_avg_pool2d, avg_pool2d, max_pool2d, max_unpool2d};
pub use resample::{resample, upsample_bilinear2d, upsample_nearest2d};
