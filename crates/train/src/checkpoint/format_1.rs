//! Checkpoints of format 1, which had progress and metrics as bare numbers: a file for what was, not
//! to be changed.

use super::payload::{StoredTensors, from_bincode, in_order};
use super::{Checkpoint, Progress};
use crate::EpochMetrics;
use mirrorgrad_layers::optim::OptimizerState;
use serde::Deserialize;
use std::io::Read;

#[derive(Deserialize)]
struct Payload {
    config: String,
    classes: Vec<String>,
    data: String,
    progress: OldProgress,
    history: Vec<OldEpoch>,
    weights: StoredTensors,
    optimizer_steps: Vec<(String, u64)>,
    optimizer: StoredTensors,
}

#[derive(Deserialize)]
struct OldProgress {
    epoch: usize,
    batch: usize,
    step: u64,
    loss_sum: f64,
    seconds: f64,
    best_miou: Option<f64>,
}

#[derive(Deserialize)]
struct OldEpoch {
    epoch: usize,
    train_loss: f64,
    val_loss: f64,
    val_miou: f64,
    val_pixel_accuracy: f64,
    val_iou: Vec<Option<f64>>,
    lr: f64,
    seconds: f64,
    weights_hash: String,
}

/// The state in a payload of `len` bytes.
pub fn decode(payload: impl Read, len: u64) -> Result<Checkpoint, String> {
    let payload: Payload = from_bincode(payload, len)?;
    Ok(Checkpoint {
        config: toml::from_str(&payload.config)
            .map_err(|error| format!("its configuration: {}", error.message()))?,
        classes: payload.classes,
        data: payload.data,
        progress: progress(&payload.progress),
        history: payload.history.into_iter().map(epoch).collect(),
        weights: payload.weights.0,
        optimizer: OptimizerState {
            steps: in_order(payload.optimizer_steps)?,
            tensors: payload.optimizer.0,
        },
    })
}

fn progress(old: &OldProgress) -> Progress {
    let OldProgress { epoch, batch, step, loss_sum, seconds, best_miou } = *old;
    Progress { epoch, batch, step, loss_sum, seconds, best_miou }
}

fn epoch(old: OldEpoch) -> EpochMetrics {
    EpochMetrics {
        epoch: old.epoch,
        train_loss: old.train_loss,
        val_loss: old.val_loss,
        val_miou: old.val_miou,
        val_pixel_accuracy: old.val_pixel_accuracy,
        val_iou: old.val_iou,
        lr: old.lr,
        seconds: old.seconds,
        weights_hash: old.weights_hash,
        ..EpochMetrics::default()
    }
}
