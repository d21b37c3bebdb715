//! What a checkpoint must be beyond well-formed: what no run can have been in is refused, before it
//! is written and after it was read.

use super::{Checkpoint, Progress};
use crate::{EpochMetrics, TrainingConfig};
use mirrorgrad_data::{DataError, Message};
use mirrorgrad_layers::weights::check_finite;

/// Most classes a label of 8 bits can tell apart.
const MAX_CLASSES: usize = 256;

/// Refuses a state that no run can be in.
pub fn check(checkpoint: &Checkpoint) -> Result<(), Message> {
    let Checkpoint { config, classes, progress, history, weights, .. } = checkpoint;
    let of_configuration =
        |error: DataError| Message::from("its configuration: ").and(error.message());
    config.check().map_err(of_configuration)?;
    check_classes(classes)?;
    check_progress(progress, &config.training)?;
    check_history(history, progress)?;
    // The optimizer's numbers may be infinite: Adam divides by the root of a square that overflowed, and
    // goes on.
    check_finite(weights).map_err(|error| error.to_string().into())
}

fn check_classes(classes: &[String]) -> Result<(), String> {
    if !(1..=MAX_CLASSES).contains(&classes.len()) {
        return Err(format!("expected 1 to {MAX_CLASSES} classes, found {}", classes.len()));
    }
    let twice = |&(label, class): &(usize, &String)| classes[..label].contains(class);
    match classes.iter().enumerate().find(twice) {
        None => Ok(()),
        Some((_, class)) => Err(format!("expected each class once, found {class:?} twice")),
    }
}

fn check_progress(progress: &Progress, training: &TrainingConfig) -> Result<(), String> {
    let epochs = training.epochs;
    let &Progress { epoch, batch, step, loss_sum, seconds, best_miou, .. } = progress;
    if epoch > epochs {
        return Err(format!("expected at most {epochs} finished epochs, found {epoch}"));
    }
    // An epoch has a step or more, and so many batches are one.
    let within = batch.div_ceil(training.passes());
    let least = (epoch as u64).saturating_add(within as u64);
    if step < least {
        return Err(format!(
            "expected {least} steps or more in {epoch} epochs and {batch} batches, found {step}"
        ));
    }
    if !loss_sum.is_finite() {
        return Err(format!("expected a finite sum of losses, found {loss_sum}"));
    }
    if !(seconds >= 0.0 && seconds.is_finite()) {
        return Err(format!("expected seconds of at least 0, found {seconds}"));
    }
    match best_miou {
        Some(miou) if !(0.0..=1.0).contains(&miou) => {
            Err(format!("expected a best mIoU from 0 to 1, found {miou}"))
        }
        _ => Ok(()),
    }
}

/// Metrics themselves may be anything that was measured; their epochs grow.
fn check_history(history: &[EpochMetrics], progress: &Progress) -> Result<(), String> {
    let mut last = 0;
    for EpochMetrics { epoch, .. } in history {
        if !(last + 1..=progress.epoch).contains(epoch) {
            let finished = progress.epoch;
            return Err(format!(
                "expected metrics of an epoch after {last} and up to {finished}, found epoch {epoch}"
            ));
        }
        last = *epoch;
    }
    Ok(())
}
