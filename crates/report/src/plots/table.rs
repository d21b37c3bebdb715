//! Rows of pictures, side by side on white.

use super::GAP;
use mirrorgrad_data::{DataError, Dataset, Mask, Picture, Sample, colours, tall};
use mirrorgrad_train::RunError;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError};
use std::io::{self, Write};
use std::path::Path;

/// Longest side of a picture in a table.
const LONGEST: usize = 512;

/// Writes a PNG with a row for each of the first samples, `most` of them: picture, truth and what `predict` makes of
/// it, side by side; larger pictures are made smaller. One row is held at a time.
///
/// ```
/// # use mirrorgrad_data::{Dataset, Shapes, decode_picture};
/// # use mirrorgrad_report::plots::write_grid;
/// # use std::path::Path;
/// let mut png = Vec::new();
/// write_grid(&Shapes::new(0, 9), 2, |sample| Ok(sample.mask.clone()), &mut png)?;
/// let picture = decode_picture(&png, Path::new("grid.png"))?;
/// // Two rows of three cells of 64 by 64 pixels, and 4 around each.
/// assert_eq!(picture.size(), [4 + 2 * (64 + 4), 4 + 3 * (64 + 4)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it cannot be written. If a sample is broken or cannot be predicted, a [`RunError`] inside.
pub fn write_grid(
    samples: &dyn Dataset,
    most: usize,
    predict: impl Fn(&Sample) -> Result<Mask, RunError>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let inside = |error: RunError| io::Error::other(error);
    let size = |i| samples.size(i).map(fit).map_err(|error| inside(error.into()));
    let sizes = (0..samples.len().min(most)).map(size).collect::<io::Result<Vec<_>>>()?;
    let ruling = Ruling { columns: 3, widest: widest(sizes.iter().copied()) };
    let [width, height] = [ruling.width(), ruling.height(sizes.iter().map(|size| size[0]))];
    let mut encoder = Encoder::new(out, width as u32, height as u32);
    encoder.set_color(ColorType::Rgb);
    encoder.set_depth(BitDepth::Eight);
    encoder.set_compression(Compression::Fast);
    let mut writer = encoder.write_header().map_err(as_io)?;
    let mut stream = writer.stream_writer().map_err(as_io)?;
    stream.write_all(&ruling.gap().rgb)?;
    for (i, &size) in sizes.iter().enumerate() {
        let sample = samples.sample(i).map_err(|error| inside(error.into()))?;
        if fit(sample.size()) != size {
            let changed = DataError::unfit(
                Path::new(&sample.name),
                "its size of before",
                tall(sample.size()),
            );
            return Err(inside(changed.into()));
        }
        let predicted = predict(&sample).map_err(inside)?;
        let cells = [colours(&sample.mask), colours(&predicted)].map(small);
        let row = ruling.row(&[&[small(sample.picture)], &cells[..]].concat(), size[0]);
        stream.write_all(&row.rgb)?;
    }
    stream.finish().map_err(as_io)?;
    writer.finish().map_err(as_io)
}

fn as_io(error: EncodingError) -> io::Error {
    match error {
        EncodingError::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// Rows of pictures, those of a row of one size, side by side on white; larger ones are made smaller.
///
/// ```
/// # use mirrorgrad_data::Picture;
/// # use mirrorgrad_report::plots::table;
/// let cell = |grey| Picture { width: 2, height: 1, rgb: vec![grey; 6] };
/// let picture = table(vec![vec![cell(0), cell(128)], vec![cell(200)]]);
/// assert_eq!(picture.size(), [4 + 2 * (1 + 4), 4 + 2 * (2 + 4)]);
/// assert_eq!(picture.crop([4, 10], [1, 2]), cell(128));
/// ```
pub fn table(rows: Vec<Vec<Picture>>) -> Picture {
    let rows: Vec<Vec<Picture>> =
        rows.into_iter().map(|row| row.into_iter().map(small).collect()).collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let ruling = Ruling { columns, widest: widest(rows.iter().flatten().map(Picture::size)) };
    let tall = |row: &Vec<Picture>| row.iter().map(|cell| cell.height).max().unwrap_or(0);
    let mut rgb = ruling.gap().rgb;
    rows.iter().for_each(|row| rgb.extend(ruling.row(row, tall(row)).rgb));
    Picture { width: ruling.width(), height: ruling.height(rows.iter().map(tall)), rgb }
}

/// How a table is ruled: columns of one width, and a gap around each cell.
struct Ruling {
    columns: usize,
    widest: usize,
}

impl Ruling {
    fn width(&self) -> usize {
        GAP + self.columns * (self.widest + GAP)
    }

    fn height(&self, rows: impl Iterator<Item = usize>) -> usize {
        GAP + rows.map(|tall| tall + GAP).sum::<usize>()
    }

    fn white(&self, height: usize) -> Picture {
        let width = self.width();
        Picture { width, height, rgb: vec![255; 3 * width * height] }
    }

    /// What is above the first row.
    fn gap(&self) -> Picture {
        self.white(GAP)
    }

    /// A row `tall` pixels high, and the gap under it.
    fn row(&self, cells: &[Picture], tall: usize) -> Picture {
        let mut row = self.white(tall + GAP);
        for (column, cell) in cells.iter().enumerate() {
            row.paste(cell, [0, GAP + column * (self.widest + GAP)]);
        }
        row
    }
}

fn widest(sizes: impl Iterator<Item = [usize; 2]>) -> usize {
    sizes.map(|[_, width]| width).max().unwrap_or(1)
}

/// `[height, width]` of a picture in a table.
fn fit(size: [usize; 2]) -> [usize; 2] {
    let longest = size[0].max(size[1]);
    if longest <= LONGEST { size } else { size.map(|side| (side * LONGEST / longest).max(1)) }
}

fn small(picture: Picture) -> Picture {
    match fit(picture.size()) {
        size if size == picture.size() => picture,
        size => picture.resize(size),
    }
}
