//! What was taken for what.

use crate::gallery::Gallery;
use crate::page::{chip, thousands};
use crate::run::Run;
use maud::{Markup, html};

/// With more classes, the cells have no room for numbers.
const MOST_WITH_NUMBERS: usize = 16;
/// Confusions that are told in words.
const TOLD: usize = 5;

/// The matrix as a heat map, each row adding up to 100 %.
pub fn confusion(run: &Run, gallery: Option<&Gallery>) -> Markup {
    let Some(gallery) = gallery else {
        return html! { p { "Nothing was measured: there is no best checkpoint yet." } };
    };
    let classes = 0..run.classes.len();
    let count = |truth, class| gallery.confusion.count(truth, class);
    let row = |truth| classes.clone().map(|class| count(truth, class)).sum::<u64>();
    let rows: Vec<u64> = classes.clone().map(row).collect();
    let share = |truth: usize, class| {
        (rows[truth] > 0).then(|| count(truth, class) as f64 / rows[truth] as f64)
    };
    let crowded = run.classes.len() > MOST_WITH_NUMBERS;
    html! {
        p.note { "One row per true class, in percent of its pixels; the diagonal is correct." }
        div.scroll {
            table.heat.crowded[crowded] #matrix {
                thead { tr {
                    th.corner { "true ↓ predicted →" }
                    @for name in &run.classes { th.top { div { (name) } } }
                    th.number { "pixels" }
                } }
                tbody {
                    @for (truth, name) in run.classes.iter().enumerate() {
                        tr {
                            th scope="row" { (chip(truth)) (name) }
                            @for (class, other) in run.classes.iter().enumerate() {
                                @let title = format!("{name} predicted as {other}: {} pixels",
                                    thousands(count(truth, class)));
                                (cell(share(truth, class), &title, truth == class, crowded))
                            }
                            td.number { (thousands(rows[truth])) }
                        }
                    }
                }
            }
        }
        (most_confused(run, &share))
    }
}

fn cell(share: Option<f64>, title: &str, right: bool, crowded: bool) -> Markup {
    let Some(share) = share else { return html! { td.none title=(title) { "–" } } };
    let percent = 100.0 * share;
    let kind = match (right, share > 0.55) {
        (true, true) => "right strong",
        (true, false) => "right",
        (false, true) => "wrong strong",
        (false, false) => "wrong",
    };
    // Small confusions are what one looks for: the colour grows with the root.
    let depth = format!("--v:{:.1}%", 100.0 * share.sqrt());
    html! {
        td class=(kind) style=(depth) title=(title) { @if !crowded { (format!("{percent:.1}")) } }
    }
}

/// The largest confusions in words.
fn most_confused(run: &Run, share: &impl Fn(usize, usize) -> Option<f64>) -> Markup {
    let n = run.classes.len();
    let pairs = (0..n * n).map(|i| (i / n, i % n)).filter(|(truth, class)| truth != class);
    let mut pairs: Vec<(f64, usize, usize)> = pairs
        .filter_map(|(truth, class)| Some((share(truth, class)?, truth, class)))
        .filter(|(share, ..)| *share >= 0.0005)
        .collect();
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then((a.1, a.2).cmp(&(b.1, b.2))));
    html! {
        @if !pairs.is_empty() {
            p { "Most often confused: "
                @for (i, &(share, truth, class)) in pairs.iter().take(TOLD).enumerate() {
                    @if i > 0 { "; " }
                    (format!("{:.1} % of ", 100.0 * share)) b { (run.classes[truth]) } " predicted as "
                    b { (run.classes[class]) }
                }
                "."
            }
        }
    }
}
