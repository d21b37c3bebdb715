//! A run in pictures: its curves, and what the network sees.

mod sheet;

pub use sheet::{batch_sheet, contact_sheet};

use crate::predict::colours;
use crate::{EpochMetrics, Picture, Sample};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use plotters::prelude::SeriesLabelPosition::{LowerRight, UpperRight};
use plotters::prelude::*;
use std::error::Error;

/// `[width, height]` of the curves' picture.
const CURVES: [u32; 2] = [960, 400];

/// Pixels between the pictures of a grid.
const GAP: usize = 4;

/// The bytes of a PNG file.
///
/// ```
/// # use mirrorgrad_segment::{Picture, decode_picture, plots::to_png};
/// # use std::path::Path;
/// let picture = Picture { width: 1, height: 2, rgb: vec![10, 20, 30, 40, 50, 60] };
/// let bytes = to_png(&picture)?;
/// assert!(bytes.starts_with(b"\x89PNG"));
/// assert_eq!(decode_picture(&bytes, Path::new("a.png"))?, picture);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a side is 0 or the sizes do not fit.
pub fn to_png(picture: &Picture) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width as u32, picture.height as u32);
    PngEncoder::new(&mut bytes).write_image(
        &picture.rgb,
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}

/// Losses, and mIoU with pixel accuracy, over the epochs.
///
/// ```
/// # use mirrorgrad_segment::{EpochMetrics, plots::curves};
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

/// Longest side of a picture in a grid.
const LONGEST: usize = 512;

/// Rows of picture, truth and prediction, side by side; larger pictures are made smaller.
///
/// ```
/// # use mirrorgrad_segment::{Dataset, Shapes, plots::grid};
/// let sample = Shapes::new(0, 1).sample(0)?;
/// let predicted = sample.mask.clone();
/// let picture = grid(&[(sample, predicted)]);
/// // Three cells of 64 by 64 pixels, and 4 around each.
/// assert_eq!(picture.size(), [4 + (64 + 4), 4 + 3 * (64 + 4)]);
/// # Ok::<(), mirrorgrad_segment::DataError>(())
/// ```
pub fn grid(rows: &[(Sample, crate::Mask)]) -> Picture {
    let row = |(sample, predicted): &(Sample, crate::Mask)| {
        vec![sample.picture.clone(), colours(&sample.mask), colours(predicted)]
    };
    table(rows.iter().map(row).collect())
}

/// Rows of pictures, those of a row of one size, side by side on white; larger ones are made smaller.
///
/// ```
/// # use mirrorgrad_segment::{Picture, plots::table};
/// let cell = |grey| Picture { width: 2, height: 1, rgb: vec![grey; 6] };
/// let picture = table(vec![vec![cell(0), cell(128)], vec![cell(200)]]);
/// assert_eq!(picture.size(), [4 + 2 * (1 + 4), 4 + 2 * (2 + 4)]);
/// assert_eq!(picture.crop([4, 10], [1, 2]), cell(128));
/// ```
pub fn table(rows: Vec<Vec<Picture>>) -> Picture {
    let rows: Vec<Vec<Picture>> =
        rows.into_iter().map(|row| row.into_iter().map(small).collect()).collect();
    let cells = || rows.iter().flatten();
    let widest = cells().map(|cell| cell.width).max().unwrap_or(1);
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let tall = |row: &Vec<Picture>| row.iter().map(|cell| cell.height).max().unwrap_or(0);
    let width = GAP + columns * (widest + GAP);
    let height = GAP + rows.iter().map(|row| tall(row) + GAP).sum::<usize>();
    let mut table = Picture { width, height, rgb: vec![255; width * height * 3] };
    let mut top = GAP;
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            table.paste(cell, [top, GAP + column * (widest + GAP)]);
        }
        top += tall(row) + GAP;
    }
    table
}

fn small(picture: Picture) -> Picture {
    let longest = picture.width.max(picture.height);
    if longest <= LONGEST {
        return picture;
    }
    picture.resize(picture.size().map(|side| (side * LONGEST / longest).max(1)))
}

impl Picture {
    /// Copies `other` to where its top left corner is at `[top, left]`.
    fn paste(&mut self, other: &Picture, [top, left]: [usize; 2]) {
        for (y, row) in other.rgb.chunks_exact(3 * other.width).enumerate() {
            let start = 3 * ((top + y) * self.width + left);
            self.rgb[start..start + row.len()].copy_from_slice(row);
        }
    }
}
