//! Both ways between input and output as correlations: every place of the result reads its sources at offsets.
//!
//! The pixels that the adjoint adds to fall into as many phases, along each axis, as the stride is
//! long. Within a phase every pixel gets its terms from the same taps at the same offsets, so what
//! col2im would add up in memory is one more sum inside the product, and what is left of it is the
//! interleaving of the phases. For stride 1 there is one phase and nothing to interleave.

use crate::{Axis, Geometry};
use std::collections::BTreeMap;

/// One axis of a correlation: the place `phase.first + apart · q` of the result reads the sources
/// `step · q + offset`, for the offsets of its group.
#[derive(Debug)]
pub(super) struct PhaseAxis {
    /// Places of the source.
    pub source: usize,
    /// Places of the result.
    pub result: usize,
    /// How far neighbours of a phase are apart in the result.
    pub pitch: usize,
    /// How far they are apart in the source.
    pub step: usize,
    pub groups: Vec<PhaseGroup>,
}

/// Phases that read the same offsets.
#[derive(Debug)]
pub(super) struct PhaseGroup {
    /// Ascending with the taps in a convolution, descending in its adjoint.
    pub offsets: Vec<isize>,
    pub phases: Vec<Phase>,
}

#[derive(Debug)]
pub(super) struct Phase {
    /// The first place of the result.
    pub first: usize,
    /// The window's tap at each of the group's offsets.
    pub taps: Vec<usize>,
}

impl PhaseAxis {
    /// From pixels to positions: a single phase.
    fn forward(axis: &Axis) -> Self {
        // A tap that never meets the input reads nothing but zeros.
        let taps: Vec<usize> =
            (0..axis.kernel).filter(|&tap| !axis.positions_inside(tap).is_empty()).collect();
        let offset = |&tap: &usize| (axis.dilation * tap) as isize - axis.pad_before as isize;
        let offsets = taps.iter().map(offset).collect();
        Self {
            source: axis.input,
            result: axis.output,
            pitch: 1,
            step: axis.stride,
            groups: vec![PhaseGroup { offsets, phases: vec![Phase { first: 0, taps }] }],
        }
    }

    /// From positions to pixels: pixel = stride · q + first reads the positions
    /// q + (first + before − dilation · tap) / stride, for the taps where that is whole.
    fn adjoint(axis: &Axis) -> Self {
        let stride = axis.stride as isize;
        let phases = axis.stride.min(axis.input);
        let mut found: Vec<PhaseGroup> = Vec::with_capacity(phases);
        for first in 0..phases {
            let phase = Phase { first, taps: Vec::new() };
            found.push(PhaseGroup { offsets: Vec::new(), phases: vec![phase] });
        }
        for tap in 0..axis.kernel {
            let place = (axis.dilation * tap) as isize - axis.pad_before as isize;
            let first = place.rem_euclid(stride) as usize;
            if first >= phases {
                continue;
            }
            let offset = (first as isize - place) / stride;
            let last = ((axis.input - 1 - first) / axis.stride) as isize;
            if offset + last >= 0 && offset < axis.output as isize {
                found[first].offsets.push(offset);
                found[first].phases[0].taps.push(tap);
            }
        }
        let mut groups: Vec<PhaseGroup> = Vec::new();
        let mut nth_of = BTreeMap::new();
        for PhaseGroup { offsets, phases } in found {
            let nth = *nth_of.entry(offsets.clone()).or_insert(groups.len());
            match groups.get_mut(nth) {
                Some(group) => group.phases.extend(phases),
                None => groups.push(PhaseGroup { offsets, phases }),
            }
        }
        Self { source: axis.output, result: axis.input, pitch: axis.stride, step: 1, groups }
    }

    /// Of the correlation from an input to an output.
    pub fn to_output(geometry: &Geometry) -> [Self; 2] {
        geometry.axes().map(|axis| Self::forward(&axis))
    }

    /// Of the correlation from an output to an input.
    pub fn to_input(geometry: &Geometry) -> [Self; 2] {
        geometry.axes().map(|axis| Self::adjoint(&axis))
    }

    /// Places of the longest phase.
    pub fn places(&self) -> usize {
        self.result.div_ceil(self.pitch)
    }

    /// The number of phases.
    pub fn phases(&self) -> usize {
        self.groups.iter().map(|group| group.phases.len()).sum()
    }

    /// The offsets that are read first and last, over all groups.
    pub fn reach(&self) -> (isize, isize) {
        let offsets = || self.groups.iter().flat_map(|group| &group.offsets).copied();
        (offsets().min().unwrap_or(0), offsets().max().unwrap_or(0))
    }

    /// The source places that `count` places of the phases read, from the `first` on: where they
    /// begin, and how many there are.
    pub fn region(&self, first: usize, count: usize) -> (isize, usize) {
        let (low, high) = self.reach();
        let length = self.step * (count - 1) + (high - low) as usize + 1;
        ((self.step * first) as isize + low, length)
    }
}
