//! What is told of an epoch, and how a network does on a data set.

use crate::batch::{highest_scores, to_tensors};
use crate::{Confusion, Loader, RunError};
use mirrorgrad_autograd::{Var, no_grad, ops};
use mirrorgrad_layers::Mode;
use mirrorgrad_layers::models::Network;
use mirrorgrad_tensor::PixelLoss;
use serde::{Deserialize, Serialize};

/// One line of `metrics.jsonl`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochMetrics {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The mean of the training losses of its steps.
    pub train_loss: f64,
    /// The mean loss over the validation pixels.
    pub val_loss: f64,
    /// The mean intersection over union of the classes present.
    pub val_miou: f64,
    /// The share of validation pixels classified right.
    pub val_pixel_accuracy: f64,
    /// The intersection over union of each class, null for one that is nowhere.
    pub val_iou: Vec<Option<f64>>,
    /// The learning rate of its last step.
    pub lr: f64,
    /// Seconds of training and validating.
    pub seconds: f64,
    /// BLAKE3 of the weights' safetensors file.
    pub weights_hash: String,
}

/// How a network does on a data set.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// The mean cross entropy over all counted pixels.
    pub loss: f64,
    /// True against predicted classes.
    pub confusion: Confusion,
}

/// Lets a network predict a whole data set.
///
/// # Errors
/// If a sample is broken, or too small for the network.
pub fn evaluate(network: &dyn Network, loader: &Loader) -> Result<Evaluation, RunError> {
    let classes = loader.dataset.classes().len();
    let mut confusion = Confusion::new(classes);
    let (mut loss_sum, mut counted) = (0.0, 0_usize);
    for samples in loader.epoch(0) {
        let samples = samples?;
        check_size(network, &samples[0].name, samples[0].size())?;
        let (x, targets) = to_tensors(&samples, classes, loader.ignore_index)?;
        let scores = no_grad(|| network.forward(&Var::constant(x), &Mode::Eval));
        let loss = ops::cross_entropy(
            &scores.detach(),
            &targets,
            &PixelLoss::default(),
            ops::Reduction::Sum,
        );
        loss_sum += f64::from(loss.value().item());
        counted += targets.iter().flatten().count();
        let truth: Vec<u8> =
            samples.iter().flat_map(|sample| sample.mask.labels.iter().copied()).collect();
        confusion.add(&truth, &highest_scores(scores.value()), loader.ignore_index)?;
    }
    Ok(Evaluation { loss: loss_sum / counted.max(1) as f64, confusion })
}

/// Refuses a picture that the network's pools would halve to nothing.
///
/// # Errors
/// If it is too small.
pub fn check_size(network: &dyn Network, name: &str, size: [usize; 2]) -> Result<(), RunError> {
    let least = network.smallest_input();
    if size.iter().all(|&side| side >= least) {
        return Ok(());
    }
    Err(RunError::TooSmall { name: name.to_string(), least, size })
}
