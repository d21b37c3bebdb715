//! One axis of a correlation as a direct sum of F(4, r).
//!
//! With a stride of 2 the taps of a convolution read every other pixel, and the pixels of its adjoint
//! are reached by every other tap: either is two correlations with stride 1, of half the taps each. In
//! a convolution their results are added; in its adjoint they stand in turns. Each takes 3 + r products
//! for four results instead of 4 · r, so that a 4×4 window with stride 2 has 0.39 of the multiplications,
//! in both directions.

use super::transform::{Side, TILE};
use crate::conv::phases::PhaseAxis;

/// Where the numbers of a part lie along the axis.
#[derive(Clone, Copy, Debug)]
pub(in crate::conv) struct Steps {
    pub start: usize,
    pub pitch: usize,
}

/// A correlation with stride 1 within a tile.
#[derive(Debug)]
pub(in crate::conv) struct Part {
    /// The window's taps, in the order of what they read.
    pub taps: Vec<usize>,
    source: Steps,
    result: Steps,
    /// Products and taps of the parts before.
    before: [usize; 2],
    /// Whether its results are added to those of the parts before.
    pub adds: bool,
}

impl Part {
    /// Where what a transform reads or writes on a side lies within a tile.
    pub fn on(&self, side: Side) -> Steps {
        let adjacent = |start| Steps { start, pitch: 1 };
        match side {
            Side::Source => self.source,
            Side::Places => adjacent(self.before[0]),
            Side::Taps => adjacent(self.before[1]),
            Side::Result => self.result,
        }
    }
}

/// The parts of one axis.
#[derive(Debug)]
pub(in crate::conv) struct Parts {
    pub parts: Vec<Part>,
    /// Source places from one tile to the next.
    pub source_step: usize,
    /// Results from one tile to the next.
    pub result_step: usize,
}

impl Parts {
    /// The parts of an axis whose taps all stand beside each other.
    pub fn of(axis: &PhaseAxis) -> Self {
        let (low, _) = axis.reach();
        let mut parts: Vec<Part> = Vec::new();
        let mut before = [0, 0];
        let phases =
            axis.groups.iter().flat_map(|group| group.phases.iter().map(move |p| (group, p)));
        for (group, phase) in phases {
            let places = group.offsets.iter().map(|offset| (offset - low) as usize);
            let mut reads: Vec<(usize, usize)> = places.zip(phase.taps.iter().copied()).collect();
            reads.sort_unstable();
            for first in 0..axis.step {
                let own = reads.iter().filter(|(place, _)| place % axis.step == first);
                let own: Vec<(usize, usize)> = own.copied().collect();
                let Some(&(start, _)) = own.first() else { continue };
                let result = Steps { start: phase.first, pitch: axis.pitch };
                let taps: Vec<usize> = own.iter().map(|&(_, tap)| tap).collect();
                let adds = parts.iter().any(|part| part.result.start == phase.first);
                let source = Steps { start, pitch: axis.step };
                let after = [before[0] + Side::Places.length(taps.len()), before[1] + taps.len()];
                parts.push(Part { taps, source, result, before, adds });
                before = after;
            }
        }
        Self { parts, source_step: TILE * axis.step, result_step: TILE * axis.pitch }
    }

    /// How much of the axis a tile has on a side.
    pub fn length(&self, side: Side) -> usize {
        let end = |part: &Part| {
            let Steps { start, pitch } = part.on(side);
            start + pitch * (side.length(part.taps.len()) - 1) + 1
        };
        self.parts.iter().map(end).max().unwrap_or(0)
    }

    /// The window's taps, part by part.
    pub fn taps(&self) -> impl Iterator<Item = usize> + Clone + '_ {
        self.parts.iter().flat_map(|part| part.taps.iter().copied())
    }
}
