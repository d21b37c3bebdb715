//! How training went, epoch by epoch.

use crate::chart::{Floor, Line, chart};
use crate::page::{duration, four};
use crate::run::Run;
use maud::{Markup, html};
use mirrorgrad_train::{EpochMetrics, LossKind, TrainingConfig};

/// Losses, scores and the learning rate, and a table of the same numbers.
pub(crate) fn curves(run: &Run) -> Markup {
    if run.history.is_empty() {
        return html! { p { "No epoch is finished, so there is nothing to plot yet." } };
    }
    let line = |name, colour, value: fn(&EpochMetrics) -> f64| {
        Line::new(name, colour, run.history.iter().map(|epoch| [epoch.epoch as f64, value(epoch)]))
    };
    let losses = [line("training", 1, |e| e.train_loss), line("validation", 0, |e| e.val_loss)];
    let scores = [line("mIoU", 0, |e| e.val_miou), line("pixel acc.", 2, |e| e.val_pixel_accuracy)];
    html! {
        div.charts {
            (chart(&title(&run.config.training), Floor::Zero, &losses))
            (chart("Validation scores", Floor::Least, &scores))
            (chart("Learning rate of the last step", Floor::Zero, &[line("rate", 3, |e| e.lr)]))
        }
        details {
            summary { "The same as numbers" }
            div.scroll { (table(run)) }
        }
    }
}

/// What both losses are: validating takes plain cross entropy, whatever training makes small.
fn title(training: &TrainingConfig) -> String {
    let name = match training.loss {
        LossKind::CrossEntropy => "cross entropy",
        LossKind::Focal => "focal loss",
        LossKind::Dice => "Dice loss",
        LossKind::CrossEntropyDice => "cross entropy plus Dice loss",
    };
    // The Dice loss knows neither weights nor smoothing.
    let by_pixel = training.loss != LossKind::Dice;
    let weighted = by_pixel && training.class_weights.is_some();
    let smoothed = by_pixel && training.label_smoothing > 0.0;
    let words = [(weighted, "class-weighted"), (smoothed, "label-smoothed"), (true, name)];
    let words = words.into_iter().filter_map(|(said, word)| said.then_some(word));
    match words.collect::<Vec<_>>().join(" ").as_str() {
        "cross entropy" => "Loss: mean cross entropy".to_owned(),
        trained => format!("Loss: {trained} in training, cross entropy in validation"),
    }
}

fn table(run: &Run) -> Markup {
    let best = run.best.as_ref().map(|best| best.epoch);
    html! {
        table #epochs {
            thead { tr {
                th.number { "epoch" } th.number { "training loss" } th.number { "validation loss" }
                th.number { "mIoU" } th.number { "pixel accuracy" } th.number { "learning rate" }
                th.number { "time" }
            } }
            tbody {
                @for epoch in &run.history {
                    tr.best[best == Some(epoch.epoch)] {
                        td.number { (epoch.epoch) }
                        td.number { (four(epoch.train_loss)) }
                        td.number { (four(epoch.val_loss)) }
                        td.number { (four(epoch.val_miou)) }
                        td.number { (four(epoch.val_pixel_accuracy)) }
                        td.number { (format!("{:.2e}", epoch.lr)) }
                        td.number { (duration(epoch.seconds)) }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_train::ClassWeights;

    #[test]
    fn the_title_says_what_training_made_small() {
        let title = |change: fn(&mut TrainingConfig)| {
            let mut training = TrainingConfig::default();
            change(&mut training);
            title(&training)
        };
        let unlike = |loss: &str| format!("Loss: {loss} in training, cross entropy in validation");
        assert_eq!(title(|_| {}), "Loss: mean cross entropy");
        assert_eq!(title(|t| t.loss = LossKind::Focal), unlike("focal loss"));
        assert_eq!(title(|t| t.label_smoothing = 0.1), unlike("label-smoothed cross entropy"));
        let both = title(|t| {
            t.loss = LossKind::CrossEntropyDice;
            t.class_weights = Some(ClassWeights::Given(vec![1.0, 2.0]));
        });
        assert_eq!(both, unlike("class-weighted cross entropy plus Dice loss"));
        let dice = title(|t| (t.loss, t.label_smoothing) = (LossKind::Dice, 0.1));
        assert_eq!(dice, unlike("Dice loss"));
    }
}
