//! A small directory of pictures and masks: bright and dark blocks on grey ground.

use image::{GrayImage, Luma, Rgb, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Height and width of the pictures: no power of two divides both often.
pub const SIZE: [u32; 2] = [24, 28];

/// A folder that goes away, with what [`write`] leaves in it.
pub fn data(edged: bool) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), edged);
    dir
}

/// `train` with twelve pictures, `val` with four, and `classes.txt` with three classes. Pixels on
/// the left edge are labelled 255, for `--ignore-index`, if `edged`.
pub fn write(dir: &Path, edged: bool) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("classes.txt"), "ground\nbright\ndark\n").unwrap();
    for (part, count, seed) in [("train", 12, 0), ("val", 4, 100)] {
        for index in 0..count {
            let (picture, mut mask) = sample(seed + index);
            if edged {
                (0..SIZE[0]).for_each(|y| mask.put_pixel(0, y, Luma([255])));
            }
            let stem = format!("{part}/{{}}/{index:02}.png");
            save(&dir.join(stem.replace("{}", "images")), |path| picture.save(path));
            save(&dir.join(stem.replace("{}", "masks")), |path| mask.save(path));
        }
    }
}

fn save(path: &Path, write: impl Fn(&PathBuf) -> image::ImageResult<()>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    write(&path.to_owned()).unwrap();
}

fn sample(seed: u64) -> (RgbImage, GrayImage) {
    let rng = &mut ChaCha8Rng::seed_from_u64(seed);
    let [height, width] = SIZE;
    let mut picture =
        RgbImage::from_fn(width, height, |_, _| Rgb([(); 3].map(|()| rng.random_range(100..150))));
    let mut mask = GrayImage::new(width, height);
    for label in [1_u8, 2] {
        let (left, top) = (rng.random_range(0..width - 8), rng.random_range(0..height - 8));
        for (x, y) in (0..64).map(|i| (left + i % 8, top + i / 8)) {
            let base = if label == 1 { 200 } else { 20 };
            picture.put_pixel(x, y, Rgb([(); 3].map(|()| base + rng.random_range(0..40))));
            mask.put_pixel(x, y, Luma([label]));
        }
    }
    (picture, mask)
}
