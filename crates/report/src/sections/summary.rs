//! The run in a line, and its few greatest numbers.

use crate::gallery::Gallery;
use crate::page::{counted, duration, thousands, tile};
use crate::run::{Run, data};
use maud::{Markup, html};

/// The head of the page.
pub fn summary(run: &Run, gallery: Option<&Gallery>) -> Markup {
    let done = run.history.last().map_or(0, |epoch| epoch.epoch);
    let wanted = run.config.training.epochs;
    html! {
        h1 { "Run " (run.name) }
        p.about {
            (run.model()) ", " (counted(run.classes.len(), ["class", "classes"])) ", " (data(&run.config)) ", "
            @match &run.best {
                Some(best) => { "best validation mIoU " (format!("{:.4}", best.val_miou)) " at epoch " (best.epoch)
                    " of " (wanted) ", " span.whole { (duration(run.seconds())) } }
                None => "no epoch finished yet",
            }
            @if done < wanted { " (stopped after " (done) ")" }
        }
        // Why is not said here: it names where on the machine the folder lies.
        @if run.notice.is_some() {
            p.about.warn { "The last checkpoint is missing or damaged: this report uses the previous one." }
        }
        @if let Some(best) = &run.best {
            div.tiles {
                (tile(&format!("{:.3}", best.val_miou), "mIoU", &format!("best, epoch {}", best.epoch)))
                (tile(&format!("{:.3}", best.val_pixel_accuracy), "pixel accuracy", "at that epoch"))
                @if let Some(gallery) = gallery {
                    @let (f, classes) = gallery.boundary.mean_f();
                    (tile(&format!("{f:.3}"), "boundary F", &format!("mean of {}", counted(classes, ["class", "classes"]))))
                }
                (tile(&thousands(run.parameters as u64), "parameters", "trained"))
                (tile(&duration(run.seconds()), "wall time", &counted(done, ["epoch", "epochs"])))
            }
        }
    }
}
