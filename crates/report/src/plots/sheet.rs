//! Many samples on one sheet: each picture beside itself with its mask laid over.

use super::{GAP, register_font};
use mirrorgrad_data::{Picture, Sample, one_line, overlay, palette};
use plotters::prelude::*;
use std::path::Path;

/// Longest side of a picture of a batch.
const OF_BATCH: usize = 256;
/// Longest side of a picture on a contact sheet.
const OF_CONTACT: usize = 160;
/// Samples side by side on a contact sheet.
const ACROSS: usize = 3;
/// Height of a line of text, in pixels, and of its letters.
const LINE: usize = 18;
const LETTERS: u32 = 13;
/// How far above, in pixels.
const RAISED: i32 = 3;
/// Entries of a legend side by side.
const LEGEND_ACROSS: usize = 5;
/// Most letters of a name in a legend, and of a sample's.
const MOST_IN_LEGEND: usize = 22;
const MOST_OF_NAME: usize = 44;

/// A batch as a network gets it, in as many columns as rows or one less: each picture, and beside it
/// the picture with its mask's colours. Larger ones are made smaller.
///
/// ```
/// # use mirrorgrad_data::{Dataset, Shapes};
/// # use mirrorgrad_report::plots::batch_sheet;
/// let shapes = Shapes::new(0, 4);
/// let samples = (0..4).map(|index| shapes.sample(index)).collect::<Result<Vec<_>, _>>()?;
/// let sheet = batch_sheet(&samples);
/// // Two rows of two samples, each of them twice.
/// assert_eq!(sheet.size(), [4 + 2 * (64 + 4), 4 + 2 * 2 * (64 + 4)]);
/// assert_eq!(sheet.crop([4, 4], [64, 64]), samples[0].picture);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
pub fn batch_sheet(samples: &[Sample]) -> Picture {
    let across = samples.len().isqrt().max(1);
    sheet(samples, across, OF_BATCH, 0).0
}

/// As [`batch_sheet`], smaller and with names, and with a legend of the classes.
///
/// ```
/// # use mirrorgrad_data::{Dataset, Shapes, palette};
/// # use mirrorgrad_report::plots::contact_sheet;
/// let shapes = Shapes::new(0, 1);
/// let sheet = contact_sheet(&[shapes.sample(0)?], shapes.classes(), None)?;
/// // The legend has a square in the colour of each figure.
/// for label in 1..5 {
///     assert!(sheet.rgb.chunks(3).any(|pixel| pixel == palette(label)), "{label}");
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the plotter fails.
pub fn contact_sheet(
    samples: &[Sample],
    classes: &[String],
    ignore_index: Option<u8>,
) -> Result<Picture, String> {
    let (mut sheet, corners) = sheet(samples, ACROSS, OF_CONTACT, LINE);
    let name = |sample: &Sample| {
        let stem = Path::new(&sample.name).file_stem().unwrap_or_default();
        shortened(&stem.to_string_lossy(), MOST_OF_NAME)
    };
    let mut texts: Vec<(String, [usize; 2])> =
        samples.iter().map(name).zip(corners.iter().copied()).collect();
    let ignored = ignore_index.map(|label| (label, format!("{label} ignored")));
    let named = (0..=255).zip(classes).filter(|(label, _)| Some(*label) != ignore_index);
    let named = named.map(|(label, name)| {
        let clear = if label == 0 { " (clear)" } else { "" };
        (label, format!("{label} {}{clear}", shortened(name, MOST_IN_LEGEND)))
    });
    let entries: Vec<_> = named.chain(ignored).collect();
    let top = sheet.height;
    sheet.height += entries.len().div_ceil(LEGEND_ACROSS) * LINE + GAP;
    sheet.rgb.resize(3 * sheet.width * sheet.height, 255);
    for (i, (label, text)) in entries.into_iter().enumerate() {
        let left = GAP + i % LEGEND_ACROSS * (sheet.width - GAP) / LEGEND_ACROSS;
        let top = top + i / LEGEND_ACROSS * LINE;
        let side = LINE - GAP;
        let rgb = palette(label).repeat(side * side);
        sheet.paste(&Picture { width: side, height: side, rgb }, [top, left]);
        texts.push((text, [top, left + side + GAP]));
    }
    write(&mut sheet, &texts)?;
    Ok(sheet)
}

/// Samples in rows of `across`, each under `head` empty pixels, and the corners of these.
fn sheet(
    samples: &[Sample],
    across: usize,
    longest: usize,
    head: usize,
) -> (Picture, Vec<[usize; 2]>) {
    let cells: Vec<[Picture; 2]> = samples.iter().map(|sample| cell(sample, longest)).collect();
    let side =
        |side: fn(&Picture) -> usize| cells.iter().map(|cell| side(&cell[0])).max().unwrap_or(1);
    // Text needs room, however small the pictures.
    let widest = if head > 0 { longest } else { side(|picture| picture.width) };
    let step = [head + side(|picture| picture.height) + GAP, 2 * (widest + GAP)];
    let width = GAP + across * step[1];
    let height = GAP + cells.len().div_ceil(across) * step[0];
    let mut sheet = Picture { width, height, rgb: vec![255; 3 * width * height] };
    let mut corners = Vec::with_capacity(cells.len());
    for (i, [picture, overlaid]) in cells.iter().enumerate() {
        let [top, left] = [GAP + i / across * step[0], GAP + i % across * step[1]];
        corners.push([top, left]);
        sheet.paste(picture, [top + head, left]);
        sheet.paste(overlaid, [top + head, left + widest + GAP]);
    }
    (sheet, corners)
}

fn cell(sample: &Sample, longest: usize) -> [Picture; 2] {
    let now = sample.picture.width.max(sample.picture.height);
    let size = sample.size().map(|side| (side * longest / now).max(1));
    let small = if now > longest { sample.clone().resize(size) } else { sample.clone() };
    let overlaid = overlay(&small.picture, &small.mask);
    [small.picture, overlaid]
}

/// The end of a long name tells more than its beginning.
fn shortened(name: &str, most: usize) -> String {
    let name = one_line(name);
    match name.chars().count().checked_sub(most) {
        None | Some(0) => name,
        Some(more) => {
            name.chars().skip(more + 1).fold("…".to_owned(), |name, c| name + &c.to_string())
        }
    }
}

/// Writes each text with its top left corner at `[top, left]`.
fn write(sheet: &mut Picture, texts: &[(String, [usize; 2])]) -> Result<(), String> {
    register_font()?;
    let size = (sheet.width as u32, sheet.height as u32);
    let area = BitMapBackend::with_buffer(&mut sheet.rgb, size).into_drawing_area();
    for (text, [top, left]) in texts {
        // Letters stand a little above where they are put.
        let place = (*left as i32, *top as i32 + RAISED);
        let text = Text::new(text.as_str(), place, ("sans-serif", LETTERS));
        area.draw(&text).map_err(|error| error.to_string())?;
    }
    area.present().map_err(|error| error.to_string())
}
