//! The colours and textures of figures and ground alike.

use rand::{Rng, RngExt};

/// Least distance in RGB between the base colours of two paints of a picture.
const CONTRAST: f32 = 80.0;

/// A colour that varies over the picture by a pattern of two crossed waves: stripes, checks,
/// or a gradient, as their lengths fall out.
pub struct Paint {
    base: [f32; 3],
    tint: [f32; 3],
    /// Direction over wavelength, for each wave.
    waves: [[f32; 2]; 2],
    phases: [f32; 2],
}

impl Paint {
    fn random(rng: &mut impl Rng) -> Self {
        let [c, s] = direction(rng);
        let [p, q] = [1.0 / rng.random_range(6.0..60.0), 1.0 / rng.random_range(6.0..60.0)];
        Self {
            base: std::array::from_fn(|_| rng.random_range(30.0..225.0)),
            tint: std::array::from_fn(|_| rng.random_range(-45.0..45.0)),
            waves: [[c * p, s * p], [-s * q, c * q]],
            phases: [rng.random(), rng.random()],
        }
    }

    /// The colour at a point of the picture.
    pub fn at(&self, [x, y]: [f32; 2]) -> [f32; 3] {
        let wave = |i: usize| {
            let turns = self.waves[i][0] * x + self.waves[i][1] * y + self.phases[i];
            // A triangle wave between -1 and 1.
            4.0 * (turns - turns.floor() - 0.5).abs() - 1.0
        };
        let pattern = wave(0) * wave(1);
        std::array::from_fn(|channel| self.base[channel] + pattern * self.tint[channel])
    }

    fn far_from(&self, other: &Self) -> bool {
        let squares = self.base.iter().zip(&other.base).map(|(a, b)| (a - b) * (a - b));
        squares.sum::<f32>() >= CONTRAST * CONTRAST
    }
}

/// `count` paints, every two of them well apart. They are thrown together until they are: were
/// one chosen first and the others away from it, the ground would have colours of its own.
pub fn paints(count: usize, rng: &mut impl Rng) -> Vec<Paint> {
    loop {
        let paints: Vec<_> = (0..count).map(|_| Paint::random(rng)).collect();
        if paints.iter().enumerate().all(|(i, a)| paints[..i].iter().all(|b| a.far_from(b))) {
            return paints;
        }
    }
}

/// A direction, as cosine and sine, uniform on the circle.
pub fn direction(rng: &mut impl Rng) -> [f32; 2] {
    loop {
        let [x, y]: [f32; 2] = [rng.random_range(-1.0..1.0), rng.random_range(-1.0..1.0)];
        let length = (x * x + y * y).sqrt();
        if (0.1..=1.0).contains(&length) {
            return [x / length, y / length];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Purpose, generator};

    #[test]
    fn directions_have_unit_length() {
        let mut rng = generator(Purpose::Draw, 1, 0, 0);
        for _ in 0..1000 {
            let [c, s] = direction(&mut rng);
            assert!((c * c + s * s - 1.0).abs() < 1e-6);
        }
    }
}
