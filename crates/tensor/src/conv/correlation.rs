//! What a conv and its adjoint have in common: from planes of a source to planes of a result.

use super::Operand;
use super::phases::PhaseAxis;
use super::sizes::Sizes;
use crate::parallel::PRODUCTS;

/// A correlation between pictures. Channels are counted within a group.
pub(super) struct Correlation {
    pub axes: [PhaseAxis; 2],
    /// Planes of the source.
    pub from: usize,
    /// Planes of the result.
    pub to: usize,
    pub groups: usize,
    /// Taps of the window along a row.
    kernel_width: usize,
    /// How far the weights of neighbouring source planes are apart, and of neighbouring result planes.
    weights_pitch: [usize; 2],
}

impl Correlation {
    /// To an output, from an input; or to an input, from an output.
    ///
    /// # Panics
    /// If a weight is missing: that is no correlation.
    pub fn to(missing: Operand, sizes: &Sizes<'_>) -> Self {
        let [inputs, outputs] = [sizes.group_inputs, sizes.group_outputs];
        // How far the weights of neighbouring inputs are apart, and of neighbouring outputs.
        let pitch = [sizes.geometry.taps(), sizes.rows];
        let (axes, [from, to], weights_pitch) = match missing {
            Operand::Output => (PhaseAxis::to_output(sizes.geometry), [inputs, outputs], pitch),
            Operand::Input => {
                (PhaseAxis::to_input(sizes.geometry), [outputs, inputs], [pitch[1], pitch[0]])
            }
            Operand::Weight => unreachable!("a weight is a sum over positions, not a correlation"),
        };
        let kernel_width = sizes.geometry.kernel()[1];
        Self { axes, from, to, groups: sizes.groups, kernel_width, weights_pitch }
    }

    /// Places of one plane of the source, and of the result.
    pub fn areas(&self) -> [usize; 2] {
        let [y, x] = &self.axes;
        [y.source * x.source, y.result * x.result]
    }

    /// About all of it, in the time in which a number is written: each weight meets every place of the smaller side
    /// once.
    pub fn work(&self, samples: usize, weights: usize) -> usize {
        let [source, result] = self.areas();
        let places = samples.div_ceil(self.groups) * source.min(result);
        weights.saturating_mul(places).div_ceil(PRODUCTS)
    }

    /// Where the weight between two planes stands at tap `[vertical, horizontal]`, within a group.
    pub fn weight_at(&self, from: usize, to: usize, [y, x]: [usize; 2]) -> usize {
        let [from_pitch, to_pitch] = self.weights_pitch;
        from * from_pitch + to * to_pitch + y * self.kernel_width + x
    }

    /// The biases of the group that the `nth` result belongs to.
    pub fn bias_of<'a, T>(&self, nth: usize, bias: Option<&'a [T]>) -> Option<&'a [T]> {
        bias.map(|bias| &bias[nth % self.groups * self.to..][..self.to])
    }
}
