//! A network whose answers are known: class 1 where red is over a half, class 0 elsewhere.

use mirrorgrad_layers::Params;
use mirrorgrad_layers::models::{Network, Norm};
use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_layers::weights::state_dict;
use mirrorgrad_tensor::Tensor;
use mirrorgrad_train::{Checkpoint, Config, Progress};

pub const CLASSES: usize = 3;

pub fn config() -> Config {
    let mut config = Config::default();
    config.model.widths = vec![2];
    config.model.norm = Norm::None;
    config
}

/// Two convolutions hand the red channel on, and the skip makes it the score of class 1: the larger
/// of 0 and (red / 255 − 1 / 2) · 4. All other scores are 0.
pub fn network() -> Box<dyn Network> {
    let network = config().network(CLASSES);
    for (name, param) in Params::of(&*network) {
        // The middle tap of the first input's filter for the first output; class 1's own weight.
        let one = match name.as_str() {
            "stages.0.conv1.weight" | "stages.0.conv2.weight" => Some(4),
            "skips.0.weight" => Some(2),
            _ => None,
        };
        let value = |i| if Some(i) == one { 1.0 } else { 0.0 };
        param.set(Tensor::from_fn(param.value().shape(), value));
    }
    network
}

pub fn checkpoint(config: Config) -> Checkpoint {
    Checkpoint {
        config,
        classes: ["dark", "bright", "other"].map(String::from).to_vec(),
        data: String::new(),
        progress: Progress::default(),
        history: Vec::new(),
        weights: state_dict(&*network()),
        optimizer: OptimizerState::default(),
    }
}
