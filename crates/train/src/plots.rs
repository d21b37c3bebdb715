//! A run in pictures: its curves, and what the network sees.

mod sheet;
mod table;

pub use sheet::{batch_sheet, contact_sheet};
pub use table::{table, write_grid};

use crate::EpochMetrics;
use mirrorgrad_data::Picture;
use plotters::prelude::SeriesLabelPosition::{LowerRight, UpperRight};
use plotters::prelude::*;
use std::error::Error;

/// `[width, height]` of the curves' picture.
const CURVES: [u32; 2] = [960, 400];

/// Pixels between the pictures of a grid.
const GAP: usize = 4;

/// Losses, and mIoU with pixel accuracy, over the epochs.
///
/// ```
/// # use mirrorgrad_train::{EpochMetrics, plots::curves};
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
    let losses = history.iter().flat_map(|m| [m.train_loss, m.val_loss]);
    let top = losses.filter(|loss| loss.is_finite()).fold(f64::MIN_POSITIVE, f64::max);
    let losses: [Curve; 2] = [("training", |m| m.train_loss), ("validation", |m| m.val_loss)];
    // Losses fall and scores rise: the names stand where the lines do not end.
    panel(&panels[0], ("loss", UpperRight), 1.05 * top, history, &losses)?;
    let scores: [Curve; 2] =
        [("mIoU", |m| m.val_miou), ("pixel accuracy", |m| m.val_pixel_accuracy)];
    panel(&panels[1], ("validation", LowerRight), 1.0, history, &scores)?;
    Ok(root.present()?)
}

/// A line of a panel: its name, and its value in each epoch.
type Curve = (&'static str, fn(&EpochMetrics) -> f64);

fn panel<'a>(
    area: &DrawingArea<BitMapBackend<'a>, plotters::coord::Shift>,
    (title, names): (&str, SeriesLabelPosition),
    top: f64,
    history: &[EpochMetrics],
    lines: &[Curve],
) -> Result<(), Box<dyn Error + 'a>> {
    let epochs = history.len().max(2) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 18))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(44)
        .build_cartesian_2d(1.0..epochs, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("epoch")
        .x_labels(history.len().clamp(2, 10))
        .x_label_formatter(&|epoch| format!("{epoch:.0}"))
        .label_style(("sans-serif", 13))
        .light_line_style(WHITE.mix(0.0))
        .draw()?;
    for (&(name, value), colour) in
        lines.iter().zip([RGBColor(31, 119, 180), RGBColor(214, 90, 20)])
    {
        let points = history.iter().map(|m| (m.epoch as f64, value(m)));
        let points: Vec<_> = points.filter(|(_, y)| y.is_finite()).collect();
        let marks = points.iter().map(|&point| Circle::new(point, 3, colour.filled()));
        chart.draw_series(marks.collect::<Vec<_>>())?;
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .position(names)
        .label_font(("sans-serif", 13))
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.3))
        .draw()?;
    Ok(())
}
