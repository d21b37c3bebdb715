//! How each class did.

use crate::chart::sparkline;
use crate::gallery::Gallery;
use crate::page::{bar, chip, four};
use crate::run::Run;
use maud::{Markup, html};
use mirrorgrad_train::Confusion;

/// One row a class, and their means.
pub fn classes(run: &Run, gallery: Option<&Gallery>) -> Markup {
    let Some(gallery) = gallery else {
        return html! { p { "Nothing was measured: there is no best checkpoint yet." } };
    };
    let shares = Shares::of(&gallery.confusion);
    let (iou, dice) = (gallery.confusion.iou(), gallery.confusion.dice());
    let (boundary, (mean_boundary, _)) = (gallery.boundary.f(), gallery.boundary.mean_f());
    let (miou, averaged) = gallery.confusion.mean_iou();
    let over_epochs = |class: usize| -> Vec<Option<f64>> {
        run.history.iter().map(|epoch| epoch.val_iou.get(class).copied().flatten()).collect()
    };
    html! {
        p.note { (looked_at(gallery)) " The best weights, class by class." }
        div.scroll {
            table #classes-table {
                thead { tr {
                    th { "class" } th.number { "IoU" } th { "over epochs" } th.number { "Dice" }
                    th.number { "recall" } th.number { "precision" } th.number { "boundary F" }
                    th.number { "share of pixels" }
                } }
                tbody {
                    @for (class, name) in run.classes.iter().enumerate() {
                        tr {
                            th scope="row" { (chip(class)) (name) }
                            (bar(iou[class]))
                            td { (sparkline(&over_epochs(class))) }
                            (bar(dice[class])) (bar(shares.recall[class])) (bar(shares.precision[class]))
                            (bar(boundary[class])) (bar(shares.pixels[class]))
                        }
                    }
                }
                tfoot { tr {
                    th scope="row" { "mean of " (averaged) }
                    td.number { (four(miou)) } td {}
                    (mean(&dice)) (mean(&shares.recall)) (mean(&shares.precision))
                    td.number { (four(mean_boundary)) } td {}
                } }
            }
        }
        p.note {
            "IoU: correct pixels over the union of truth and prediction. Dice: twice the correct pixels over the "
            "sum of both. Recall: the share of the class that was predicted. Precision: the share of the "
            "prediction that is correct. Boundary F: outlines that match within 0.0075 of the diagonal (Csurka et "
            "al. 2013). A dash: the class is in neither truth nor prediction."
        }
    }
}

/// How many pictures the numbers are of.
pub fn looked_at(gallery: &Gallery) -> String {
    match (gallery.looked_at, gallery.of) {
        (looked_at, of) if looked_at < of => {
            format!("{looked_at} of {of} validation pictures were evaluated, at even distances.")
        }
        (_, 1) => "The only validation picture was evaluated.".to_owned(),
        (_, of) => format!("All {of} validation pictures were evaluated."),
    }
}

fn mean(values: &[Option<f64>]) -> Markup {
    let (sum, count) = values.iter().flatten().fold((0.0, 0), |(s, n), value| (s + value, n + 1));
    html! { td.number { (four(sum / f64::from(count.max(1)))) } }
}

/// Shares of each class.
struct Shares {
    recall: Vec<Option<f64>>,
    precision: Vec<Option<f64>>,
    pixels: Vec<Option<f64>>,
}

impl Shares {
    fn of(confusion: &Confusion) -> Self {
        let classes = 0..confusion.classes();
        let row = |class| classes.clone().map(|p| confusion.count(class, p)).sum::<u64>();
        let column = |class| classes.clone().map(|t| confusion.count(t, class)).sum::<u64>();
        let ratio = |part: u64, whole: u64| (whole > 0).then(|| part as f64 / whole as f64);
        Self {
            recall: classes.clone().map(|c| ratio(confusion.count(c, c), row(c))).collect(),
            precision: classes.clone().map(|c| ratio(confusion.count(c, c), column(c))).collect(),
            pixels: classes.clone().map(|c| ratio(row(c), confusion.total())).collect(),
        }
    }
}
