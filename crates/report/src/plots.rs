//! A run in pictures: its curves, and what the network sees.

mod sheet;
mod table;

pub use sheet::{batch_sheet, contact_sheet};
pub use table::{table, write_grid};

use crate::chart::{self, Floor, Line};
use mirrorgrad_data::Picture;
use mirrorgrad_train::EpochMetrics;
use plotters::prelude::*;
use std::error::Error;

/// `[width, height]` of the curves' picture.
const CURVES: [u32; 2] = [960, 400];

/// Pixels between the pictures of a grid.
const GAP: usize = 4;

/// Losses, and mIoU with pixel accuracy, over the epochs.
///
/// ```
/// # use mirrorgrad_report::plots::curves;
/// # use mirrorgrad_train::EpochMetrics;
/// let mut history = vec![EpochMetrics::default(); 3];
/// for (epoch, metrics) in (1..).zip(&mut history) {
///     (metrics.epoch, metrics.train_loss) = (epoch, 1.0 / epoch as f64);
/// }
/// let picture = curves(&history)?;
/// assert_eq!(picture.size(), [400, 960]);
/// // The loss in training is drawn in blue.
/// assert!(picture.rgb.chunks(3).any(|pixel| pixel == [31, 119, 180]));
/// # Ok::<(), String>(())
/// ```
///
/// # Errors
/// If the plotter fails.
pub fn curves(history: &[EpochMetrics]) -> Result<Picture, String> {
    register_font()?;
    let [width, height] = CURVES;
    let mut rgb = vec![255; (width * height * 3) as usize];
    draw_curves(&mut rgb, history).map_err(|error| error.to_string())?;
    Ok(Picture { width: width as usize, height: height as usize, rgb })
}

/// Makes the plotter's only font known to it.
fn register_font() -> Result<(), String> {
    use plotters::style::{FontStyle, register_font};
    register_font("sans-serif", FontStyle::Normal, dejavu::sans::regular())
        .map_err(|_| "the font cannot be read".to_string())
}

fn draw_curves<'a>(rgb: &'a mut [u8], history: &[EpochMetrics]) -> Result<(), Box<dyn Error + 'a>> {
    let [width, height] = CURVES;
    let root = BitMapBackend::with_buffer(rgb, (width, height)).into_drawing_area();
    let panels = root.split_evenly((1, 2));
    let line = |name, colour, value: fn(&EpochMetrics) -> f64| {
        Line::new(name, colour, history.iter().map(|epoch| [epoch.epoch as f64, value(epoch)]))
    };
    let losses = [line("training", 0, |m| m.train_loss), line("validation", 1, |m| m.val_loss)];
    chart::draw(&panels[0], "loss", Floor::Zero, &losses)?;
    let scores = [line("mIoU", 0, |m| m.val_miou), line("pixel acc.", 1, |m| m.val_pixel_accuracy)];
    chart::draw(&panels[1], "validation", Floor::Zero, &scores)?;
    Ok(root.present()?)
}
