//! Augmentation: picture and mask change together, and only as they are told to.

use crate::common::{assert_says, sample};
use mirrorgrad_data::{Augment, Mask, Picture, Sample};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const NONE: Augment = Augment {
    flip: 0.0,
    vertical_flip: 0.0,
    transpose: 0.0,
    scale: [1.0; 2],
    rotate: 0.0,
    crop: None,
    jitter: 0.0,
    hue: 0.0,
    noise: 0.0,
};

/// A sample whose mask can be told from its picture: the label is the red value.
fn legible([height, width]: [usize; 2]) -> Sample {
    let labels: Vec<u8> = (0..height * width).map(|i| (i % 200) as u8).collect();
    let rgb = labels.iter().flat_map(|&label| [label, 0, 0]).collect();
    Sample {
        name: "a.png".to_owned(),
        picture: Picture { width, height, rgb },
        mask: Mask { width, height, labels },
    }
}

fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

#[test]
fn the_default_flips_half_and_does_nothing_else() {
    let (plain, mut flipped) = (sample([5, 7], 3), 0);
    let mirrored = (plain.picture.flip(), plain.mask.flip());
    for seed in 0..400 {
        let new = Augment::default().apply(plain.clone(), None, &mut rng(seed)).unwrap();
        if new != plain {
            assert_eq!((new.picture, new.mask), mirrored);
            flipped += 1;
        }
    }
    assert!((150..250).contains(&flipped), "{flipped}");
}

#[test]
fn crops_take_the_same_part_of_both_and_reach_every_corner() {
    let augment = Augment { flip: 0.5, crop: Some([3, 4]), ..NONE };
    let mut corners = std::collections::BTreeSet::new();
    for seed in 0..400 {
        let new = augment.apply(legible([5, 8]), None, &mut rng(seed)).unwrap();
        assert_eq!(new.size(), [3, 4]);
        let red: Vec<u8> = new.picture.rgb.iter().step_by(3).copied().collect();
        assert_eq!(red, new.mask.labels);
        corners.insert(new.mask.labels.iter().min().copied());
    }
    assert_eq!(corners.len(), 3 * 5);
}

#[test]
fn beyond_the_edge_the_picture_is_grey_and_the_mask_ignored() {
    let augment = Augment { crop: Some([6, 9]), ..NONE };
    let new = augment.apply(legible([4, 9]), Some(255), &mut rng(1)).unwrap();
    let rows: Vec<&[u8]> = new.mask.labels.chunks(9).collect();
    assert_eq!(rows.iter().filter(|row| row.iter().all(|&label| label == 255)).count(), 2);
    for (rgb, &label) in new.picture.rgb.chunks(3).zip(&new.mask.labels) {
        assert_eq!(rgb, if label == 255 { [128; 3] } else { [label, 0, 0] });
    }
    let kept: Vec<u8> = new.mask.labels.iter().copied().filter(|&label| label != 255).collect();
    assert_eq!(kept, legible([4, 9]).mask.labels);
    let error = augment.apply(legible([4, 9]), None, &mut rng(1));
    assert_says(
        error,
        &[&"crop: expected at most 4 high, 9 wide, the smallest size of a.png", &"leave no label"],
    );
}

#[test]
fn a_scaled_sample_keeps_its_size() {
    let augment = Augment { scale: [0.5, 2.0], ..NONE };
    let mut seen = [false; 2];
    for seed in 0..50 {
        let new = augment.apply(legible([10, 12]), Some(255), &mut rng(seed)).unwrap();
        assert_eq!((new.picture.size(), new.mask.size()), ([10, 12], [10, 12]));
        seen[usize::from(new.mask.labels.contains(&255))] = true;
    }
    assert_eq!(seen, [true; 2]);
    let twice = Augment { scale: [2.0; 2], crop: Some([20, 24]), ..NONE };
    let new = twice.apply(legible([10, 12]), None, &mut rng(0)).unwrap();
    assert_eq!(new.mask, legible([10, 12]).mask.resize([20, 24]));
}

#[test]
fn a_scaled_side_is_the_nearest_whole_number_of_pixels() {
    // 5 · 1.3 is 6.5, 9 · 1.3 is 11.7, and 10 · 0.12 is 1.2.
    for (scale, size, scaled) in [(1.3, [5, 9], [7, 12]), (0.12, [10, 3], [1, 1])] {
        let augment = Augment { scale: [scale; 2], crop: Some(scaled), ..NONE };
        let new = augment.apply(sample(size, 4), Some(255), &mut rng(0)).unwrap();
        assert_eq!(new.mask, sample(size, 4).mask.resize(scaled));
        assert_eq!(new.picture, sample(size, 4).picture.resize(scaled));
    }
}

#[test]
fn scales_are_drawn_between_both_ends() {
    for (end, side) in [(0, 4), (u64::MAX, 12)] {
        let augment = Augment { scale: [1.0, 3.0], crop: Some([side; 2]), ..NONE };
        let drawn = augment.apply(legible([4, 4]), Some(255), &mut Fixed(end)).unwrap();
        assert_eq!(drawn.mask, legible([4, 4]).mask.resize([side; 2]));
    }
}

#[test]
fn the_ends_of_every_option_are_allowed() {
    for augment in [
        Augment { flip: 0.0, vertical_flip: 1.0, transpose: 1.0, ..NONE },
        Augment { scale: [0.1, 10.0], ..NONE },
        Augment { rotate: 180.0, hue: 180.0, jitter: 1.0, noise: 255.0, ..NONE },
        Augment { crop: Some([1, 16_384]), ..NONE },
    ] {
        assert!(augment.check().is_ok(), "{augment:?}");
    }
    for augment in
        [Augment { scale: [1.0, 1.0], ..NONE }, Augment { crop: Some([16_385, 1]), ..NONE }]
    {
        assert_eq!(augment.check().is_ok(), augment.crop.is_none(), "{augment:?}");
    }
    for augment in [Augment { scale: [0.09, 1.0], ..NONE }, Augment { scale: [1.0, 10.1], ..NONE }]
    {
        assert_says(augment.check(), &[&"between 0.1 and 10"]);
    }
}

#[test]
fn a_scaled_picture_may_be_as_large_as_pictures_are_and_no_larger() {
    let wide = |width| sample([1, width], 2);
    let augment = |factor| Augment { scale: [factor; 2], crop: Some([1, 1]), ..NONE };
    assert!(augment(8.0).apply(wide(2048), None, &mut rng(0)).is_ok());
    assert_says(augment(8.0).apply(wide(2049), None, &mut rng(0)), &[&"sides of at most 16384"]);
}

#[test]
fn hues_are_turned_about_grey_and_masks_left_alone() {
    // Over hues in steps of 15 degrees, all of one saturation and value (HSV); the picture's last is grey.
    let wheel = |degrees: f64| {
        let side = |centre: f64| {
            let away =
                (degrees - centre).rem_euclid(360.0).min((centre - degrees).rem_euclid(360.0));
            (100.0 * (2.0 - away / 60.0).clamp(0.0, 1.0)) as u8
        };
        [side(0.0), side(120.0), side(240.0)]
    };
    let colours = (0..24).map(|i| wheel(15.0 * f64::from(i))).chain([[77; 3]]);
    let picture = Picture { width: 25, height: 1, rgb: colours.flatten().collect() };
    let plain = Sample { mask: legible([1, 25]).mask, picture, name: "wheel".to_owned() };
    // The angle about the line of greys.
    let angle = |rgb: &[u8]| {
        let [r, g, b] = [0, 1, 2].map(|i| f64::from(rgb[i]));
        (3.0_f64.sqrt() * (g - b)).atan2(2.0 * r - g - b).to_degrees()
    };
    let augment = Augment { hue: 40.0, ..NONE };
    let mut turns = Vec::new();
    for seed in 0..40 {
        let new = augment.apply(plain.clone(), None, &mut rng(seed)).unwrap();
        assert_eq!((&new.mask, &new.picture.rgb[72..]), (&plain.mask, &[77; 3][..]));
        let pairs = new.picture.rgb.chunks(3).zip(plain.picture.rgb.chunks(3)).take(24);
        // A colour that leaves the cube of bytes is cut off, and turns by less or more.
        let whole = pairs.filter(|(new, _)| new.iter().all(|&value| value > 0));
        let by: Vec<f64> = whole
            .map(|(new, old)| (angle(new) - angle(old) + 180.0).rem_euclid(360.0) - 180.0)
            .collect();
        assert!(by.iter().all(|turn| (turn - by[0]).abs() < 1.5), "{by:?}");
        turns.extend(by.first());
    }
    let (least, most) = turns.iter().fold((0.0_f64, 0.0_f64), |(a, b), &t| (a.min(t), b.max(t)));
    assert!((-41.0..-20.0).contains(&least) && (20.0..41.0).contains(&most), "{least} {most}");
}

#[test]
fn jitter_changes_colours_alone() {
    let augment = Augment { jitter: 0.3, ..NONE };
    let (plain, grey) = (sample([6, 6], 4), Picture { width: 2, height: 1, rgb: vec![100; 6] });
    let new = augment.apply(plain.clone(), None, &mut rng(3)).unwrap();
    assert_eq!(new.mask, plain.mask);
    assert_ne!(new.picture, plain.picture);
    for seed in 0..50 {
        // Contrast and saturation leave plain grey; brightness moves it by 0.3 of it at most.
        let mask = Mask { width: 2, height: 1, labels: vec![0; 2] };
        let plain = Sample { name: String::new(), picture: grey.clone(), mask };
        let new = augment.apply(plain, None, &mut rng(seed)).unwrap().picture.rgb;
        assert!(new.iter().all(|&v| v == new[0] && (70..=130).contains(&v)), "{new:?}");
    }
}

#[test]
fn senseless_options_are_refused() {
    let cases = [
        (Augment { flip: 1.5, ..NONE }, "flip: expected a probability, found 1.5"),
        (Augment { vertical_flip: -0.1, ..NONE }, "vertical_flip: expected a probability"),
        (Augment { transpose: 2.0, ..NONE }, "transpose: expected a probability"),
        (Augment { flip: f64::NAN, ..NONE }, "found NaN"),
        (Augment { scale: [2.0, 1.0], ..NONE }, "found 2 and 1"),
        (Augment { scale: [1.0, f64::INFINITY], ..NONE }, "scale: expected"),
        (Augment { crop: Some([0, 4]), ..NONE }, "crop: expected sides of 1 to 16384"),
        (Augment { jitter: -0.1, ..NONE }, "jitter: expected"),
        (Augment { hue: 181.0, ..NONE }, "hue: expected an angle of 0 to 180 degrees, found 181"),
        (Augment { rotate: -1.0, ..NONE }, "rotate: expected an angle of 0 to 180 degrees"),
        (Augment { noise: f64::NAN, ..NONE }, "noise: expected a standard deviation"),
    ];
    for (augment, says) in cases {
        assert_says(augment.check(), &[&says]);
        assert_says(augment.apply(sample([4, 4], 2), None, &mut rng(0)), &[&says]);
    }
}

#[test]
fn without_a_free_label_only_what_leaves_something_empty_is_refused() {
    let turn = Augment { rotate: 40.0, ..NONE };
    let refused = turn.apply(legible([9, 12]), None, &mut rng(0));
    assert_says(
        refused,
        &[&"rotate: expected an angle that leaves no empty corners in a.png", &"leave no label"],
    );
    // By half a turn every pixel comes from inside.
    let half = Augment { rotate: 180.0, ..NONE };
    assert!(half.apply(legible([9, 12]), None, &mut Fixed(0)).is_ok());
    // A crop that fits into the smaller picture, and one that does not.
    let small = Augment { scale: [0.5, 0.5], crop: Some([4, 6]), ..NONE };
    assert!(small.apply(legible([9, 12]), None, &mut rng(0)).is_ok());
    let smaller = Augment { scale: [0.3, 0.3], ..small };
    assert_says(smaller.apply(legible([9, 12]), None, &mut rng(0)), &[&"crop: ", &"no label"]);
}

#[test]
fn flips_and_transposition_together_make_all_eight_turns_of_picture_and_mask_alike() {
    let augment = Augment { flip: 0.5, vertical_flip: 0.5, transpose: 0.5, ..NONE };
    let plain = sample([6, 6], 3);
    // The turns, by where each pixel comes from.
    let turned = |nth: usize| {
        let from = |y: usize, x: usize| {
            let (y, x) = if nth & 1 == 1 { (x, y) } else { (y, x) };
            let (y, x) = if nth & 2 == 2 { (5 - y, x) } else { (y, x) };
            if nth & 4 == 4 { (y, 5 - x) } else { (y, x) }
        };
        let places = (0..36).map(|i| from(i / 6, i % 6)).map(|(y, x)| y * 6 + x);
        places.map(|at| (plain.picture.rgb[3 * at], plain.mask.labels[at])).collect::<Vec<_>>()
    };
    let mut seen = [0; 8];
    for seed in 0..400 {
        let made =
            augment.apply(plain.clone(), None, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
        let red = made.picture.rgb.iter().step_by(3).copied();
        let pairs: Vec<_> = red.zip(made.mask.labels.iter().copied()).collect();
        let which = (0..8).find(|&nth| turned(nth) == pairs).expect("one of the eight");
        seen[which] += 1;
    }
    assert!(seen.iter().all(|&times| times > 20), "{seen:?}");
    let oblong = augment.apply(sample([5, 6], 3), None, &mut ChaCha8Rng::seed_from_u64(0));
    assert!(
        oblong
            .unwrap_err()
            .to_string()
            .starts_with("data.augment.transpose: expected square pictures")
    );
}

#[test]
fn augmentations_that_came_later_leave_the_draws_of_those_before_alone() {
    // BLAKE3 of what the version before them made.
    let rows = [
        (
            Augment::default(),
            None,
            "53068e3095afe3428fce5f5515cdfe660ea33d964c4c293548c4ee353f469ff8",
        ),
        (
            Augment { vertical_flip: 0.5, crop: Some([5, 5]), jitter: 0.3, ..NONE },
            None,
            "30b8b59ee61480afd54e329b02590a5763bc6eba96339d7b8d69f4c534934656",
        ),
        (
            Augment { transpose: 0.5, scale: [0.6, 1.7], crop: Some([6, 6]), jitter: 0.4, ..NONE },
            Some(255),
            "d91093c22511d7a96f94838d485b985b3812116e3818acafc295a61c2b98d9d3",
        ),
    ];
    for (augment, ignored, expected) in rows {
        let mut hasher = blake3::Hasher::new();
        let mut rng = rng(11);
        for _ in 0..20 {
            let new = augment.apply(sample([8, 9], 4), ignored, &mut rng).unwrap();
            hasher.update(&new.picture.rgb).update(&new.mask.labels);
        }
        assert_eq!(hasher.finalize().to_hex().as_str(), expected, "{augment:?}");
    }
}

#[test]
fn a_configuration_from_before_is_read_as_it_was_meant() {
    let old =
        "flip = 0.5\nvertical_flip = 0.0\ntranspose = 0.0\nscale = [1.0, 1.0]\njitter = 0.0\n";
    assert_eq!(toml::from_str::<Augment>(old).unwrap(), Augment::default());
    let (rotate, noise) = (12.5, 4.0);
    let new = Augment { rotate, noise, ..Augment::default() };
    assert_eq!(toml::from_str::<Augment>(&toml::to_string(&new).unwrap()).unwrap(), new);
}

/// `degrees` of the two angles at which a rotation is exact, drawn as an angle of the same size.
fn turned(plain: &Sample, degrees: f64) -> [Sample; 2] {
    let augment = Augment { rotate: degrees, ..NONE };
    // A rotation by any angle is drawn between both ends: these draws are next to them.
    let drawn = |end: u64| {
        let mut rng = Fixed(end);
        augment.apply(plain.clone(), Some(255), &mut rng).unwrap()
    };
    [drawn(0), drawn(u64::MAX)]
}

/// A generator that always draws the same.
struct Fixed(u64);

impl rand::TryRng for Fixed {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.0 as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(self.0 as u8);
        Ok(())
    }
}

#[test]
fn half_a_turn_exchanges_both_ends_of_picture_and_mask() {
    let plain = sample([5, 8], 4);
    for new in turned(&plain, 180.0) {
        assert_eq!(new.picture, plain.picture.flip().flip_vertical());
        assert_eq!(new.mask, plain.mask.flip().flip_vertical());
    }
}

#[test]
fn a_quarter_turn_moves_rows_to_columns() {
    let plain = sample([6, 6], 4);
    let [back, on] = turned(&plain, 90.0);
    // Clockwise: what was on top is on the right.
    assert_eq!(on.mask, plain.mask.transpose().flip());
    assert_eq!(on.picture, plain.picture.transpose().flip());
    assert_eq!(back.mask, plain.mask.transpose().flip_vertical());
    assert_eq!(back.picture, plain.picture.transpose().flip_vertical());
}

#[test]
fn a_small_rotation_moves_both_alike_and_leaves_corners_out() {
    // A ramp: bilinear reading of it is exact, and tells where a pixel came from.
    let (height, width) = (31, 41);
    let ramp = |i: usize| [(6 * (i % width)) as u8, (8 * (i / width)) as u8, 0];
    let plain = Sample {
        name: String::new(),
        picture: Picture { width, height, rgb: (0..height * width).flat_map(ramp).collect() },
        mask: Mask {
            width,
            height,
            labels: (0..height * width).map(|i| (i % width) as u8).collect(),
        },
    };
    let augment = Augment { rotate: 20.0, ..NONE };
    let (mut outside, mut angles) = (0, Vec::new());
    for seed in 0..40 {
        let new = augment.apply(plain.clone(), Some(255), &mut rng(seed)).unwrap();
        assert_eq!(new.size(), plain.size());
        let middle = height / 2 * width + width / 2;
        assert_eq!(new.mask.labels[middle], plain.mask.labels[middle]);
        for (rgb, &label) in new.picture.rgb.chunks(3).zip(&new.mask.labels) {
            if label == 255 {
                assert_eq!(rgb, [128; 3]);
                outside += 1;
            } else {
                // The mask is that of the nearest pixel: half a pixel away at most.
                let apart = f64::from(rgb[0]) / 6.0 - f64::from(label);
                assert!(apart.abs() <= 0.5 + 1.0 / 6.0, "{apart}");
            }
        }
        // Ten pixels right of the middle, a pixel came from 10 sin(angle) below or above it.
        let from = f64::from(new.picture.rgb[3 * (middle + 10) + 1]) / 8.0 - 15.0;
        angles.push((from / 10.0).asin().to_degrees());
    }
    assert!(outside > 0);
    assert!(angles.iter().all(|angle| angle.abs() < 21.0), "{angles:?}");
    assert!(angles.iter().any(|&angle| angle > 10.0) && angles.iter().any(|&angle| angle < -10.0));
}

#[test]
fn noise_has_the_deviation_asked_for_and_leaves_the_mask() {
    let (height, width) = (100, 100);
    let plain = Sample {
        name: String::new(),
        picture: Picture { width, height, rgb: vec![120; 3 * height * width] },
        mask: Mask { width, height, labels: vec![1; height * width] },
    };
    let new = Augment { noise: 6.0, ..NONE }.apply(plain.clone(), None, &mut rng(4)).unwrap();
    assert_eq!(new.mask, plain.mask);
    let apart: Vec<f64> = new.picture.rgb.iter().map(|&value| f64::from(value) - 120.0).collect();
    let mean = apart.iter().sum::<f64>() / apart.len() as f64;
    let deviation = (apart.iter().map(|a| a * a).sum::<f64>() / apart.len() as f64).sqrt();
    // Four standard errors of each over 30,000 numbers; rounding adds 1/12 to the variance.
    assert!(mean.abs() < 0.14 && (deviation - 6.007).abs() < 0.1, "{mean} {deviation}");
    // At both ends levels stay levels.
    let black = Picture { rgb: vec![0; 3 * height * width], ..plain.picture };
    let dark = Sample { picture: black, ..plain };
    let new = Augment { noise: 6.0, ..NONE }.apply(dark, None, &mut rng(4)).unwrap();
    let zeros = new.picture.rgb.iter().filter(|&&value| value == 0).count();
    assert!((14_000..18_000).contains(&zeros) && new.picture.rgb.iter().all(|&value| value < 50));
}
