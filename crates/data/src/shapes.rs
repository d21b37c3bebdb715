//! A data set drawn by the program itself: textured figures on textured ground.
//!
//! Nothing but a figure's outline tells its class. The paints of a picture, the ground's and
//! each figure's, are drawn together from one exchangeable distribution, so a pixel's colour
//! says nothing of its label, and a network must look at a neighbourhood as wide as a figure.
//!
//! Only sums, products and square roots are used, which IEEE arithmetic rounds in one way: the
//! pictures are the same bits on every machine.

mod figure;
mod paint;

use rand::{Rng, RngExt};

use self::figure::{Figure, Placed};
use self::paint::{Paint, paints};
use crate::random::{Purpose, generator};
use crate::{DataError, Dataset, Mask, Picture, Sample};

const SIDE: usize = 64;
const MOST_FIGURES: usize = 5;
/// Standard deviation of the noise on each channel of each pixel.
const NOISE: f32 = 12.0;

/// The procedural data set: 64x64 pictures of 1 to 5 figures (3 on average), 6 to 28 pixels
/// across whatever their rotation, later ones over earlier ones, covering a fifth of the
/// picture on average. The classes are background, disc, square, triangle and ring.
///
/// ```
/// # use mirrorgrad_data::{Dataset, Shapes};
/// let shapes = Shapes::train(7);
/// assert_eq!(shapes.classes(), ["background", "disc", "square", "triangle", "ring"]);
/// // The seed and the number alone decide what a picture is.
/// assert_eq!(shapes.sample(1)?, Shapes::new(7, 10).sample(1)?);
/// assert_ne!(shapes.sample(1)?.picture, shapes.sample(2)?.picture);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Shapes {
    seed: u64,
    len: usize,
    classes: Vec<String>,
}

impl Shapes {
    /// `len` pictures; number `i` depends on `seed` and `i` alone.
    pub fn new(seed: u64, len: usize) -> Self {
        let figures = Figure::ALL.map(|figure| format!("{figure:?}").to_lowercase());
        let classes = ["background".to_owned()].into_iter().chain(figures).collect();
        Self { seed, len, classes }
    }

    /// The 2,000 pictures to train on.
    pub fn train(seed: u64) -> Self {
        Self::new(seed, 2000)
    }

    /// The 500 pictures to validate on, from another seed than [`train`](Self::train)'s: the
    /// complement of its bits.
    pub fn validation(seed: u64) -> Self {
        Self::new(!seed, 500)
    }
}

impl Dataset for Shapes {
    fn len(&self) -> usize {
        self.len
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn fingerprint(&self) -> String {
        format!("{} shapes of seed {}", self.len, self.seed)
    }

    fn size(&self, _: usize) -> Result<[usize; 2], DataError> {
        Ok([SIDE; 2])
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        assert!(index < self.len, "shapes: sample {index} of {}", self.len);
        let mut rng = generator(Purpose::Draw, self.seed, 0, index);
        let mut canvas = Canvas::new();
        let figures = rng.random_range(1..=MOST_FIGURES);
        let paints = paints(figures + 1, &mut rng);
        canvas.fill(&paints[0]);
        for paint in &paints[1..] {
            canvas.draw(&Placed::random(SIDE, &mut rng), paint);
        }
        Ok(canvas.finish(format!("shapes {index} of seed {}", self.seed), &mut rng))
    }
}

/// A picture in the making, row by row.
struct Canvas {
    colours: Vec<[f32; 3]>,
    labels: Vec<u8>,
}

impl Canvas {
    fn new() -> Self {
        Self { colours: vec![[0.0; 3]; SIDE * SIDE], labels: vec![0; SIDE * SIDE] }
    }

    fn fill(&mut self, paint: &Paint) {
        for (pixel, colour) in self.colours.iter_mut().enumerate() {
            *colour = paint.at(centre(pixel % SIDE, pixel / SIDE));
        }
    }

    /// Paints a figure. A pixel on its edge has a mixed colour and the label of its centre.
    fn draw(&mut self, placed: &Placed, paint: &Paint) {
        let label = placed.figure as u8 + 1;
        let reach = |at: f32| {
            let [low, high] = [at - placed.radius - 1.0, at + placed.radius + 1.0];
            low.max(0.0) as usize..(high as usize + 1).min(SIDE)
        };
        for y in reach(placed.centre[1]) {
            for x in reach(placed.centre[0]) {
                let point = centre(x, y);
                let outside = placed.outside(point);
                let share = (0.5 - outside).clamp(0.0, 1.0);
                let pixel = y * SIDE + x;
                for (old, new) in self.colours[pixel].iter_mut().zip(paint.at(point)) {
                    *old += share * (new - *old);
                }
                if outside < 0.0 {
                    self.labels[pixel] = label;
                }
            }
        }
    }

    fn finish(self, name: String, rng: &mut impl Rng) -> Sample {
        // Four uniform bytes add up to nearly a normal variable, of mean 510 and this deviation.
        let deviation = (4.0 * (256.0 * 256.0 - 1.0) / 12.0_f32).sqrt();
        let noise = || {
            let sum: u16 = rng.next_u32().to_le_bytes().into_iter().map(u16::from).sum();
            (f32::from(sum) - 510.0) * (NOISE / deviation)
        };
        let noises = std::iter::repeat_with(noise);
        let channels = self.colours.as_flattened().iter().zip(noises);
        let rgb = channels.map(|(value, noise)| (value + noise + 0.5) as u8).collect();
        Sample {
            name,
            picture: Picture { width: SIDE, height: SIDE, rgb },
            mask: Mask { width: SIDE, height: SIDE, labels: self.labels },
        }
    }
}

/// The middle of a pixel.
fn centre(x: usize, y: usize) -> [f32; 2] {
    [x as f32 + 0.5, y as f32 + 0.5]
}
