//! How long it took.

use crate::page::{duration, facts};
use crate::run::Run;
use maud::{Markup, html};

/// Seconds an epoch and pictures a second; `training` and `validation` are numbers of pictures, where known.
pub fn time(run: &Run, training: Option<usize>, validation: usize) -> Markup {
    let Some(epoch) = run.seconds_an_epoch() else {
        return html! { p { "No epoch was finished." } };
    };
    let all = run.history.iter().map(|epoch| epoch.seconds);
    let (least, most) =
        all.fold((f64::MAX, 0.0_f64), |(l, m), seconds| (l.min(seconds), m.max(seconds)));
    let mut list = vec![
        ("wall time", duration(run.seconds())),
        (
            "an epoch",
            format!("{} (median; {} to {})", duration(epoch), duration(least), duration(most)),
        ),
    ];
    if let Some(share) = run.validating() {
        list.push(("of which validating", format!("{:.1} %", 100.0 * share)));
    }
    if let Some(training) = training.filter(|_| epoch > 0.0) {
        let each = format!("{training} to train on, {validation} to validate on");
        list.push(("pictures in an epoch", each));
        list.push(("pictures a second", format!("{:.1}", (training + validation) as f64 / epoch)));
    }
    let waited = run.waited();
    if !waited.is_empty() {
        let of_rank =
            |(rank, seconds): (usize, &f64)| format!("rank {rank} {}", duration(*seconds));
        let each: Vec<_> = waited.iter().enumerate().map(of_rank).collect();
        list.push(("waiting for other ranks", each.join(", ")));
    }
    html! { (facts(&list)) p.note { "An epoch's time is that of training and validating together." } }
}
