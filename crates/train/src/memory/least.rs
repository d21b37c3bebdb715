//! What a network needs at the least, known before any of it is there.

use super::Largest;
use crate::Config;
use crate::config::{MOST_CHANNELS, ModelConfig, ModelKind};
use mirrorgrad_layers::models::Upsampling;

/// Numbers of the weights of the 3x3 convolutions, of which all other layers together have less:
/// known before any of them is there.
pub(crate) fn least_weights(model: &ModelConfig) -> usize {
    let double = |from: usize, to: usize| 9 * (from * to + to * to);
    let widths = model.widths.iter().map(|&width| width.min(MOST_CHANNELS));
    let above = std::iter::once(3).chain(widths.clone());
    let stages = above.zip(widths.clone()).map(|(from, to)| double(from, to)).sum::<usize>();
    let decoders = match (model.kind, model.upsample) {
        (ModelKind::Unet, upsample) => {
            let steps = widths.clone().zip(widths.skip(1));
            let up = |above, below| if upsample == Upsampling::Deconv { above } else { below };
            steps.map(|(above, below)| double(above + up(above, below), above)).sum()
        }
        (_, Upsampling::Unpool) => {
            let to = widths.clone().take(1).chain(widths.clone());
            to.zip(widths).map(|(to, from)| double(from, to)).sum()
        }
        _ => 0,
    };
    stages + decoders
}

/// Bytes of what a network has to have at the least: its weights, their gradients, and what the optimizer
/// remembers. Known before any of them is there.
///
/// ```
/// # use mirrorgrad_train::{Config, least_bytes};
/// let mut config = Config::default();
/// config.model.widths = vec![2];
/// // Two windows of 3 by 3, from three channels to two and from two to two, and four numbers for each.
/// assert_eq!(least_bytes(&config), 4 * 4 * (9 * 3 * 2 + 9 * 2 * 2));
/// ```
pub fn least_bytes(config: &Config) -> usize {
    let each = size_of::<f32>() * (2 + config.training.optimizer.numbers_kept());
    least_weights(&config.model).saturating_mul(each)
}

/// Whether a run could need more than `most` bytes at all, by a generous guess that costs nothing: forty
/// values of every pixel and channel of every stage, and four times what the network has to have.
///
/// ```
/// # use mirrorgrad_train::{Config, Largest, may_need_more};
/// let mut config = Config::default();
/// let of = |config: &Config, side| may_need_more(config, Largest::of_all(config, [side; 2]), 1 << 30);
/// assert!(!of(&config, 64));
/// assert!(of(&config, 1024));
/// config.model.widths = vec![1024; 4];
/// assert!(of(&config, 64));
/// ```
pub fn may_need_more(config: &Config, largest: Largest, most: usize) -> bool {
    let stages = config.model.widths.iter().enumerate();
    // A stage has a quarter of the pixels of the one before.
    let channels: f64 = stages.map(|(i, &width)| width as f64 / 4_f64.powi(i as i32)).sum();
    let activations = 40.0 * size_of::<f32>() as f64 * channels * largest.pixels(config);
    activations + 4.0 * least_bytes(config) as f64 > most as f64
}
