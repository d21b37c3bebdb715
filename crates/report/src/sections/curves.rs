//! How training went, epoch by epoch.

use crate::chart::{Floor, Line, chart};
use crate::page::{duration, four};
use crate::run::Run;
use maud::{Markup, html};
use mirrorgrad_segment::EpochMetrics;

/// Losses, scores and the learning rate, and a table of the same numbers.
pub fn curves(run: &Run) -> Markup {
    if run.history.is_empty() {
        return html! { p { "No epoch was finished, so there is nothing to draw yet." } };
    }
    let line = |name, colour, value: fn(&EpochMetrics) -> f64| {
        Line::new(name, colour, run.history.iter().map(|epoch| [epoch.epoch as f64, value(epoch)]))
    };
    let losses = [line("training", 1, |e| e.train_loss), line("validation", 0, |e| e.val_loss)];
    let scores = [line("mIoU", 0, |e| e.val_miou), line("pixel acc.", 2, |e| e.val_pixel_accuracy)];
    html! {
        div.charts {
            (chart("Loss: mean cross entropy", Floor::Zero, &losses))
            (chart("Validation scores", Floor::Least, &scores))
            (chart("Learning rate of the last step", Floor::Zero, &[line("rate", 3, |e| e.lr)]))
        }
        details {
            summary { "The same as numbers" }
            div.scroll { (table(run)) }
        }
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
