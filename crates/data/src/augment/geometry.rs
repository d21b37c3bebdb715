//! Changes of place, which move a picture and its mask by one map.

use rand::{Rng, RngExt};

use crate::{Mask, Picture, Sample};

/// Where a crop of `wanted` begins on a side of `side`: anywhere that leaves the smaller of the
/// two all inside the larger.
pub fn place(side: usize, wanted: usize, rng: &mut impl Rng) -> isize {
    let spare = side as i64 - wanted as i64;
    rng.random_range(spare.min(0)..=spare.max(0)) as isize
}

/// A sample turned about its centre, clockwise as it is seen, by an angle in degrees. Pixels that come
/// from outside are `grey`, and `empty` in the mask; nothing comes of it if there are some and no such label.
pub fn rotate(sample: &Sample, degrees: f64, grey: [u8; 3], empty: Option<u8>) -> Option<Sample> {
    let Sample { name, picture, mask } = sample;
    let (height, width) = (picture.height, picture.width);
    let radians = degrees.to_radians();
    // One library's sine, so that all machines turn alike.
    let (sin, cos) = (libm::sin(radians), libm::cos(radians));
    let [middle_y, middle_x] = [height, width].map(|side| (side as f64 - 1.0) / 2.0);
    let mut rgb = Vec::with_capacity(picture.rgb.len());
    let mut labels = Vec::with_capacity(mask.labels.len());
    for row in 0..height {
        let y = row as f64 - middle_y;
        for column in 0..width {
            let x = column as f64 - middle_x;
            let from = [middle_y + cos * y - sin * x, middle_x + cos * x + sin * y];
            match nearest(from, [height, width]) {
                Some([near_y, near_x]) => {
                    rgb.extend(between(picture, from));
                    labels.push(mask.labels[near_y * width + near_x]);
                }
                None => {
                    rgb.extend(grey);
                    labels.push(empty?);
                }
            }
        }
    }
    Some(Sample {
        name: name.clone(),
        picture: Picture { width, height, rgb },
        mask: Mask { width, height, labels },
    })
}

/// The pixel in which a place lies, if it is inside. Pixel `i` reaches from `i - 1/2` to `i + 1/2`.
fn nearest(place: [f64; 2], size: [usize; 2]) -> Option<[usize; 2]> {
    let rounded = place.map(|at| (at + 0.5).floor());
    let inside = rounded.iter().zip(size).all(|(&at, side)| at >= 0.0 && at < side as f64);
    inside.then(|| rounded.map(|at| at as usize))
}

/// A picture's colour at a place between pixels, bilinear; beyond the outermost centres it is theirs.
fn between(picture: &Picture, [y, x]: [f64; 2]) -> [u8; 3] {
    let neighbours = |at: f64, side: usize| {
        let at = at.clamp(0.0, side as f64 - 1.0);
        let low = at.floor() as usize;
        (low, (low + 1).min(side - 1), (at - at.floor()) as f32)
    };
    let (top, bottom, down) = neighbours(y, picture.height);
    let (left, right, across) = neighbours(x, picture.width);
    let value = |row: usize, column: usize, channel: usize| {
        f32::from(picture.rgb[3 * (row * picture.width + column) + channel])
    };
    std::array::from_fn(|channel| {
        let along = |row| {
            let (a, b) = (value(row, left, channel), value(row, right, channel));
            a + across * (b - a)
        };
        let (above, below) = (along(top), along(bottom));
        (above + down * (below - above) + 0.5) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;
    use std::collections::BTreeSet;

    #[test]
    fn a_crop_begins_wherever_one_is_all_inside_the_other_and_nowhere_else() {
        let rng = &mut ChaCha8Rng::seed_from_u64(0);
        for (side, wanted, expected) in [(5, 3, 0..=2), (3, 5, -2..=0), (4, 4, 0..=0)] {
            let seen: BTreeSet<isize> = (0..200).map(|_| place(side, wanted, rng)).collect();
            assert_eq!(seen, expected.collect(), "{wanted} of {side}");
        }
    }

    #[test]
    fn a_rotation_reads_each_pixel_where_it_came_from() {
        let (height, width) = (7, 10);
        let rgb: Vec<u8> = (0..3 * height * width).map(|i| (i * 83 % 256) as u8).collect();
        let labels: Vec<u8> = (0..height * width).map(|i| i as u8).collect();
        let plain = Sample {
            name: "a".to_owned(),
            picture: Picture { width, height, rgb: rgb.clone() },
            mask: Mask { width, height, labels },
        };
        let (mut inside, mut outside) = (0, 0);
        for degrees in [0.0_f64, 3.0, 37.0, -64.0, 110.0] {
            let turned = rotate(&plain, degrees, [9, 8, 7], Some(255)).unwrap();
            let (sin, cos) = degrees.to_radians().sin_cos();
            for (i, (row, column)) in (0..height * width).map(|i| (i, (i / width, i % width))) {
                // Back by the angle, about the middle of the picture, y downwards.
                let (y, x) = (row as f64 - 3.0, column as f64 - 4.5);
                let (y, x) = (3.0 - sin * x + cos * y, 4.5 + cos * x + sin * y);
                let covers = |pixel: usize, at: f64| (pixel as f64 - at).abs();
                let within = (0..height * width)
                    .find(|p| covers(p / width, y) < 0.5 && covers(p % width, x) < 0.5);
                let found = &turned.picture.rgb[3 * i..][..3];
                let Some(source) = within else {
                    assert_eq!((turned.mask.labels[i], found), (255, &[9, 8, 7][..]));
                    outside += 1;
                    continue;
                };
                inside += 1;
                assert_eq!(usize::from(turned.mask.labels[i]), source, "{degrees}");
                // Bilinear: every pixel by how near it is, the outermost ones as far as the edge.
                let (y, x) = (y.clamp(0.0, 6.0), x.clamp(0.0, 9.0));
                let near = |pixel: usize, at: f64| (1.0 - covers(pixel, at)).max(0.0);
                for (channel, &found) in found.iter().enumerate() {
                    let parts = (0..height * width).map(|p| {
                        near(p / width, y) * near(p % width, x) * f64::from(rgb[3 * p + channel])
                    });
                    let exact: f64 = parts.sum();
                    assert!((f64::from(found) - exact).abs() < 0.501, "{found} for {exact}");
                }
            }
        }
        assert!(inside > 200 && outside > 40, "{inside} and {outside}");
    }

    #[test]
    fn a_pixel_has_the_places_from_half_a_pixel_before_it_to_half_a_pixel_behind() {
        let near = |y, x| nearest([y, x], [3, 2]);
        // On the border between two pixels the later one is read, from both sides of 0.
        assert_eq!(near(0.5, -0.5), Some([1, 0]));
        assert_eq!(near(1.5, 0.5), Some([2, 1]));
        assert_eq!(near(0.49, 0.51), Some([0, 1]));
        assert_eq!(near(2.0, 1.0), Some([2, 1]));
        // The last border belongs to nobody, and nothing lies before the first.
        assert_eq!([near(2.5, 0.0), near(0.0, 1.5)], [None; 2]);
        assert_eq!([near(-0.51, 0.0), near(0.0, -0.51)], [None; 2]);
    }

    #[test]
    fn a_colour_between_pixels_is_rounded_to_the_nearest_half_up() {
        let rgb = vec![0, 10, 100, 1, 13, 101, 4, 10, 100, 5, 13, 101];
        let picture = Picture { width: 2, height: 2, rgb };
        assert_eq!(between(&picture, [0.0, 0.0]), [0, 10, 100]);
        assert_eq!(between(&picture, [0.0, 0.5]), [1, 12, 101]); // 0.5, 11.5 and 100.5
        assert_eq!(between(&picture, [0.0, 0.25]), [0, 11, 100]); // 0.25, 10.75 and 100.25
        assert_eq!(between(&picture, [0.25, 0.0]), [1, 10, 100]);
        assert_eq!(between(&picture, [0.5, 1.0]), [3, 13, 101]);
        // Beyond the outermost centres it is theirs.
        assert_eq!(between(&picture, [-0.5, 1.5]), [1, 13, 101]);
        assert_eq!(between(&picture, [1.5, -0.5]), [4, 10, 100]);
    }
}
