//! A picture and its mask, and what may be done to them without a file.
//!
//! Sizes are `[height, width]` throughout; pixels lie row by row from the top.

use image::imageops::{self, FilterType};
use image::{GrayImage, RgbImage};

/// A colour picture.
///
/// ```
/// # use mirrorgrad_data::Picture;
/// let picture = Picture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
/// assert_eq!(picture.flip().rgb, [0, 0, 255, 255, 0, 0]);
/// assert_eq!(picture.crop([0, 1], [1, 1]).rgb, [0, 0, 255]);
/// assert_eq!(picture.transpose().size(), [2, 1]);
/// assert_eq!(picture.resize([32, 48]).size(), [32, 48]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// Red, green and blue of each pixel: `[height, width, 3]`, from 0 to 255.
    pub rgb: Vec<u8>,
}

/// The class of every pixel.
///
/// ```
/// # use mirrorgrad_data::Mask;
/// # use std::path::Path;
/// let mask = Mask { width: 2, height: 1, labels: vec![0, 3] };
/// // Labels are never mixed.
/// assert_eq!(mask.resize([1, 4]).labels, [0, 0, 3, 3]);
/// assert_eq!(mask.flip().labels, [3, 0]);
/// assert!(mask.check_labels(3, None, Path::new("mask.png")).is_err());
/// assert!(mask.check_labels(4, None, Path::new("mask.png")).is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Pixels in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The label of each pixel: `[height, width]`.
    pub labels: Vec<u8>,
}

/// A picture with its mask, both of one size.
///
/// ```
/// # use mirrorgrad_data::{Dataset, Shapes};
/// let sample = Shapes::train(0).sample(0)?;
/// assert_eq!(sample.size(), [64, 64]);
/// let small = sample.resize([32, 48]);
/// assert_eq!([small.picture.size(), small.mask.size()], [[32, 48], [32, 48]]);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// What to call it in messages: the picture's file.
    pub name: String,
    /// What the network sees.
    pub picture: Picture,
    /// What it should say.
    pub mask: Mask,
}

impl Sample {
    /// `[height, width]` of picture and mask.
    pub fn size(&self) -> [usize; 2] {
        self.picture.size()
    }

    /// Picture and mask resized together.
    ///
    /// # Panics
    /// If a side is 0.
    #[track_caller]
    #[must_use]
    pub fn resize(self, size: [usize; 2]) -> Self {
        if self.size() == size {
            return self;
        }
        Self { name: self.name, picture: self.picture.resize(size), mask: self.mask.resize(size) }
    }
}

impl Picture {
    /// `[height, width]`.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// Copies `other` to where its top left corner is at `[top, left]`.
    ///
    /// # Panics
    /// If it is not all inside.
    #[track_caller]
    pub fn paste(&mut self, other: &Self, [top, left]: [usize; 2]) {
        for (y, row) in other.rgb.chunks_exact(3 * other.width).enumerate() {
            let start = 3 * ((top + y) * self.width + left);
            self.rgb[start..start + row.len()].copy_from_slice(row);
        }
    }

    /// The picture in another size, bilinear: a triangle filter, widened when it shrinks.
    ///
    /// # Panics
    /// If a side is 0, or `rgb` is not as long as the size says.
    #[track_caller]
    #[must_use]
    pub fn resize(&self, size: [usize; 2]) -> Self {
        let [height, width] = checked(size);
        let image = RgbImage::from_raw(self.width as u32, self.height as u32, self.rgb.clone())
            .expect("a picture has three bytes a pixel");
        let image = imageops::resize(&image, width as u32, height as u32, FilterType::Triangle);
        Self { width, height, rgb: image.into_raw() }
    }

    /// The part of `size` whose top left pixel is `corner` (row, column).
    ///
    /// # Panics
    /// If it is not all inside.
    #[track_caller]
    #[must_use]
    pub fn crop(&self, corner: [usize; 2], size: [usize; 2]) -> Self {
        self.window(inside(self.size(), corner, size), size, [0; 3])
    }

    /// The picture with left and right exchanged.
    #[must_use]
    pub fn flip(&self) -> Self {
        Self { rgb: flip::<3>(&self.rgb, self.width), ..*self }
    }

    /// The picture with top and bottom exchanged.
    #[must_use]
    pub fn flip_vertical(&self) -> Self {
        Self { rgb: flip_rows(&self.rgb, 3 * self.width), ..*self }
    }

    /// The picture with rows and columns exchanged.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let rgb = transpose::<3>(&self.rgb, self.width);
        Self { width: self.height, height: self.width, rgb }
    }

    /// As [`crop`](Self::crop), with `fill` for what is outside.
    pub(crate) fn window(&self, corner: [isize; 2], size: [usize; 2], fill: [u8; 3]) -> Self {
        let [height, width] = size;
        Self { width, height, rgb: window(&self.rgb, self.size(), corner, size, fill) }
    }
}

impl Mask {
    /// `[height, width]`.
    pub fn size(&self) -> [usize; 2] {
        [self.height, self.width]
    }

    /// The mask in another size: each pixel's label is that of the nearest old pixel.
    ///
    /// # Panics
    /// If a side is 0, or `labels` is not as long as the size says.
    #[track_caller]
    #[must_use]
    pub fn resize(&self, size: [usize; 2]) -> Self {
        let [height, width] = checked(size);
        let image = GrayImage::from_raw(self.width as u32, self.height as u32, self.labels.clone())
            .expect("a mask has one byte a pixel");
        let image = imageops::resize(&image, width as u32, height as u32, FilterType::Nearest);
        Self { width, height, labels: image.into_raw() }
    }

    /// The part of `size` whose top left pixel is `corner` (row, column).
    ///
    /// # Panics
    /// If it is not all inside.
    #[track_caller]
    #[must_use]
    pub fn crop(&self, corner: [usize; 2], size: [usize; 2]) -> Self {
        self.window(inside(self.size(), corner, size), size, 0)
    }

    /// The mask with left and right exchanged.
    #[must_use]
    pub fn flip(&self) -> Self {
        Self { labels: flip::<1>(&self.labels, self.width), ..*self }
    }

    /// The mask with top and bottom exchanged.
    #[must_use]
    pub fn flip_vertical(&self) -> Self {
        Self { labels: flip_rows(&self.labels, self.width), ..*self }
    }

    /// The mask with rows and columns exchanged.
    #[must_use]
    pub fn transpose(&self) -> Self {
        let labels = transpose::<1>(&self.labels, self.width);
        Self { width: self.height, height: self.width, labels }
    }

    /// As [`crop`](Self::crop), with `fill` for what is outside.
    pub(crate) fn window(&self, corner: [isize; 2], size: [usize; 2], fill: u8) -> Self {
        let [height, width] = size;
        Self { width, height, labels: window(&self.labels, self.size(), corner, size, [fill]) }
    }
}

#[track_caller]
fn checked(size: [usize; 2]) -> [usize; 2] {
    assert!(size[0] > 0 && size[1] > 0, "resize: expected sides of at least 1, found {size:?}");
    size
}

#[track_caller]
fn inside(outer: [usize; 2], corner: [usize; 2], size: [usize; 2]) -> [isize; 2] {
    let fits = |axis: usize| corner[axis] + size[axis] <= outer[axis];
    assert!(fits(0) && fits(1), "crop: {size:?} from {corner:?} is not inside {outer:?}");
    corner.map(|at| at as isize)
}

fn flip<const CHANNELS: usize>(bytes: &[u8], width: usize) -> Vec<u8> {
    let rows = bytes.as_chunks::<CHANNELS>().0.chunks(width);
    rows.flat_map(|row| row.iter().rev()).flatten().copied().collect()
}

fn flip_rows(bytes: &[u8], row: usize) -> Vec<u8> {
    bytes.chunks(row.max(1)).rev().flatten().copied().collect()
}

fn transpose<const CHANNELS: usize>(bytes: &[u8], width: usize) -> Vec<u8> {
    let pixels = bytes.as_chunks::<CHANNELS>().0;
    let columns = (0..width).flat_map(|column| pixels[column..].iter().step_by(width));
    columns.flatten().copied().collect()
}

fn window<const CHANNELS: usize>(
    bytes: &[u8],
    [old_height, old_width]: [usize; 2],
    [top, left]: [isize; 2],
    [height, width]: [usize; 2],
    fill: [u8; CHANNELS],
) -> Vec<u8> {
    let old = bytes.as_chunks::<CHANNELS>().0;
    let mut new = vec![fill; height * width];
    // The new columns that have an old one.
    let columns = -left.min(0)..(old_width as isize - left).min(width as isize);
    for (row, new) in new.chunks_exact_mut(width).enumerate() {
        let y = top + row as isize;
        if (0..old_height as isize).contains(&y) && !columns.is_empty() {
            let from = y as usize * old_width + (left + columns.start) as usize;
            let new = &mut new[columns.start as usize..columns.end as usize];
            new.copy_from_slice(&old[from..from + new.len()]);
        }
    }
    new.into_flattened()
}
