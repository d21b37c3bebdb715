//! How much of a network's scores is a checkerboard.
//!
//! Upsampling by a stride s can only leave a regular pattern at the frequencies 2π(a/s, b/s), where the
//! spectra of learned upsampling are known to peak (Zhang, Karaman & Chang 2019; Durall, Keuper & Keuper
//! 2020). At these frequencies, the energy of a map is the variance of its s·s phase means: of the mean
//! over all pixels whose row and column leave one pair of rests by s. The index is its share of the
//! map's whole variance: 1 for a pure checkerboard, 0 for a map that treats all phases alike (that the
//! gains of a kernel's phases be equal is the condition of Sugawara, Shiota & Kiya 2019), and
//! (s² − 1) / (N − 1) on average for N pixels of white noise.

use mirrorgrad_tensor::Tensor;

/// Sums over maps: variance between phases, and all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Checkerboard {
    stride: usize,
    between: f64,
    total: f64,
    /// Σ of what noise of the same variance would have between its phases.
    noise: f64,
}

impl Checkerboard {
    /// Sums of nothing yet, for patterns of period `stride`.
    ///
    /// # Panics
    /// If the stride is 0.
    #[track_caller]
    pub fn new(stride: usize) -> Self {
        assert!(stride > 0, "checkerboard: expected a stride of at least 1");
        Self { stride, between: 0.0, total: 0.0, noise: 0.0 }
    }

    /// The period.
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// Adds the scores of pictures, `[batch, classes, height, width]`, each class's plane for itself. What
    /// is added to all classes of a pixel changes no prediction, so it is taken away first.
    pub fn add(&mut self, scores: &Tensor) {
        let [_, classes, height, width] = scores.dims();
        let pixels = height * width;
        let mut centred = vec![0.0; pixels];
        for picture in scores.as_slice().chunks_exact((classes * pixels).max(1)) {
            let mut common = vec![0.0; pixels];
            for plane in picture.chunks_exact(pixels) {
                common.iter_mut().zip(plane).for_each(|(sum, &score)| *sum += f64::from(score));
            }
            for plane in picture.chunks_exact(pixels) {
                for ((value, &score), sum) in centred.iter_mut().zip(plane).zip(&common) {
                    *value = f64::from(score) - sum / classes as f64;
                }
                self.add_plane(&centred, width);
            }
        }
    }

    /// Adds one centred, row by row.
    fn add_plane(&mut self, plane: &[f64], width: usize) {
        let (s, pixels) = (self.stride, plane.len() as f64);
        let mut phases = vec![(0.0, 0.0); s * s];
        for (row, line) in plane.chunks_exact(width).enumerate() {
            for (column, value) in line.iter().enumerate() {
                let (sum, count) = &mut phases[row % s * s + column % s];
                *sum += value;
                *count += 1.0;
            }
        }
        let mean = plane.iter().sum::<f64>() / pixels;
        let seen = phases.iter().filter(|(_, count)| *count > 0.0);
        let between = seen.map(|(sum, count)| count * (sum / count - mean).powi(2)).sum::<f64>();
        let total = plane.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        self.between += between;
        self.total += total;
        if pixels > 1.0 {
            self.noise += total * ((s * s) as f64 - 1.0) / (pixels - 1.0);
        }
    }

    /// The share of the variance that phases explain; `None` of maps that do not vary.
    pub fn index(&self) -> Option<f64> {
        (self.total > 0.0).then(|| self.between / self.total)
    }

    /// The [`index`](Self::index) that white noise would have.
    pub fn of_noise(&self) -> Option<f64> {
        (self.total > 0.0).then(|| self.noise / self.total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::TAU;

    /// A map as the scores of two classes: centred, they are half of it and half of its negative.
    fn of(size: [usize; 2], stride: usize, f: impl Fn(usize, usize) -> f64) -> Checkerboard {
        let [height, width] = size;
        let scores = Tensor::from_fn([1, 2, height, width], |i| {
            let pixel = i % (height * width);
            if i < height * width { f(pixel / width, pixel % width) as f32 } else { 0.0 }
        });
        let mut board = Checkerboard::new(stride);
        board.add(&scores);
        board
    }

    fn noise(y: usize, x: usize) -> f64 {
        ((y * 31 + x * 17) * 7919 % 101) as f64 / 101.0
    }

    #[test]
    fn columns_that_alternate_are_a_checkerboard_and_wider_ones_are_none() {
        let index = |scores: [f32; 8]| {
            let mut board = Checkerboard::new(2);
            board.add(&Tensor::new([1, 2, 2, 4], [scores, [0.0; 8]].as_flattened()));
            board.index()
        };
        assert_eq!(index([1.0, 0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 1.0]), Some(1.0));
        assert_eq!(index([1.0, 1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0]), Some(0.0));
    }

    #[test]
    fn a_checkerboard_is_all_checkerboard_and_a_ramp_of_blocks_is_none() {
        let board = of([8, 12], 2, |y, x| if (y + x) % 2 == 0 { 3.0 } else { -1.0 });
        assert!((board.index().unwrap() - 1.0).abs() < 1e-12);
        let blocks = of([8, 12], 2, |y, x| (y / 2 * 5 + x / 2) as f64);
        assert!(blocks.index().unwrap() < 1e-12);
        assert_eq!(of([8, 12], 2, |_, _| 5.0).index(), None);
    }

    #[test]
    fn the_index_is_the_spectrums_share_at_the_strides_frequencies() {
        let ([height, width], stride) = ([6, 12], 3);
        let board = of([height, width], stride, noise);
        // The discrete Fourier transform by its definition.
        let energy = |a: usize, b: usize| {
            let (mut re, mut im) = (0.0, 0.0);
            for (y, x) in (0..height * width).map(|i| (i / width, i % width)) {
                let turn = (a * y) as f64 / height as f64 + (b * x) as f64 / width as f64;
                re += f64::from(noise(y, x) as f32) * (TAU * turn).cos();
                im += f64::from(noise(y, x) as f32) * (TAU * turn).sin();
            }
            re * re + im * im
        };
        let (mut at_stride, mut all) = (0.0, 0.0);
        for (a, b) in (1..height * width).map(|i| (i / width, i % width)) {
            let own = a.is_multiple_of(height / stride) && b.is_multiple_of(width / stride);
            at_stride += if own { energy(a, b) } else { 0.0 };
            all += energy(a, b);
        }
        assert!((board.index().unwrap() - at_stride / all).abs() < 1e-9);
        assert!((board.of_noise().unwrap() - 8.0 / 71.0).abs() < 1e-12);
    }
}
