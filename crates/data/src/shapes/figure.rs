//! The outlines of the figures.

use std::f32::consts::FRAC_1_SQRT_2;

use rand::{Rng, RngExt};

use super::paint::direction;

/// What can be drawn, in the order of the labels from 1 on.
#[derive(Clone, Copy, Debug)]
pub enum Figure {
    Disc,
    Square,
    Triangle,
    Ring,
}

impl Figure {
    pub const ALL: [Self; 4] = [Self::Disc, Self::Square, Self::Triangle, Self::Ring];

    /// The least and the greatest radius of the circle around the figure for which all its
    /// widths, in whatever direction, are between 6 and 28 pixels.
    fn radii(self) -> [f32; 2] {
        match self {
            Self::Disc | Self::Ring => [3.0, 14.0],
            Self::Square => [4.25, 14.0],  // 3√2, half of 28
            Self::Triangle => [4.0, 16.1], // heights of 6, sides of 28
        }
    }

    /// How far the point `[u, v]` is outside the figure in a circle of `radius`: negative
    /// inside, and within a pixel of the edge the signed distance from it.
    fn outside(self, radius: f32, [u, v]: [f32; 2]) -> f32 {
        let from_centre = (u * u + v * v).sqrt();
        match self {
            Self::Disc => from_centre - radius,
            Self::Square => u.abs().max(v.abs()) - radius * FRAC_1_SQRT_2,
            Self::Triangle => v.max(u.abs() * 0.75_f32.sqrt() - v * 0.5) - radius * 0.5,
            Self::Ring => (from_centre - radius * 0.725).abs() - radius * 0.275,
        }
    }
}

/// A figure with its size, place and rotation.
pub struct Placed {
    pub figure: Figure,
    pub radius: f32,
    pub centre: [f32; 2],
    turn: [f32; 2],
}

impl Placed {
    /// A figure that is all inside a picture of `side` by `side` pixels.
    pub fn random(side: usize, rng: &mut impl Rng) -> Self {
        let figure = Figure::ALL[rng.random_range(0..Figure::ALL.len())];
        let [least, most] = figure.radii();
        // The largest of three draws: with it the figures cover a fifth of the picture.
        let draw = [rng.random(), rng.random(), rng.random::<f32>()];
        let radius = least + (most - least) * draw.into_iter().fold(0.0, f32::max);
        let mut place = || rng.random_range(radius..side as f32 - radius);
        let centre = [place(), place()];
        Self { figure, radius, centre, turn: direction(rng) }
    }

    /// [`Figure::outside`] for a point of the picture.
    pub fn outside(&self, [x, y]: [f32; 2]) -> f32 {
        let [dx, dy] = [x - self.centre[0], y - self.centre[1]];
        let [c, s] = self.turn;
        self.figure.outside(self.radius, [c * dx + s * dy, c * dy - s * dx])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_figure_is_6_to_28_across_in_every_direction() {
        for figure in Figure::ALL {
            let [least, most] = figure.radii();
            let (narrowest, widest) = (widths(figure, least)[0], widths(figure, most)[1]);
            assert!((5.9..6.2).contains(&narrowest), "{figure:?} of {narrowest}");
            assert!((27.8..28.1).contains(&widest), "{figure:?} of {widest}");
        }
    }

    /// The least and greatest distance of two parallel lines around a figure, by trying points.
    fn widths(figure: Figure, radius: f32) -> [f32; 2] {
        let at = |step: i32| step as f32 * radius / 200.0;
        let grid = (-205..=205).flat_map(|i| (-205..=205).map(move |j| [at(i), at(j)]));
        let points: Vec<_> = grid.filter(|&point| figure.outside(radius, point) <= 0.0).collect();
        let mut widths = [f32::MAX, 0.0];
        for degrees in (0..180).step_by(3) {
            let (s, c) = (degrees as f32).to_radians().sin_cos();
            let along = points.iter().map(|[u, v]| c * u + s * v);
            let [low, high] = along.fold([0.0_f32; 2], |[low, high], t| [low.min(t), high.max(t)]);
            widths = [widths[0].min(high - low), widths[1].max(high - low)];
        }
        widths
    }
}
