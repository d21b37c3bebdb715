//! What a conv and its adjoint have in common: from planes of a source to planes of a result.

use super::Form;
use super::phases::PhaseAxis;

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
    weights_apart: [usize; 2],
}

impl Correlation {
    /// From an image to a map.
    pub fn of_conv(form: &Form<'_>) -> Self {
        Self {
            axes: PhaseAxis::of_conv(form.geometry),
            from: form.group_inputs,
            to: form.group_outputs,
            groups: form.groups,
            kernel_width: form.geometry.kernel()[1],
            weights_apart: [form.geometry.taps(), form.lines],
        }
    }

    /// From a map to an image.
    pub fn of_adjoint(form: &Form<'_>) -> Self {
        Self {
            axes: PhaseAxis::of_adjoint(form.geometry),
            from: form.group_outputs,
            to: form.group_inputs,
            groups: form.groups,
            kernel_width: form.geometry.kernel()[1],
            weights_apart: [form.lines, form.geometry.taps()],
        }
    }

    /// Places of one plane of the source, and of the result.
    pub fn areas(&self) -> [usize; 2] {
        let [y, x] = &self.axes;
        [y.source * x.source, y.result * x.result]
    }

    /// Where the weight between two planes stands at tap `[vertical, horizontal]`, within a group.
    pub fn weight_at(&self, from: usize, to: usize, [y, x]: [usize; 2]) -> usize {
        let [from_apart, to_apart] = self.weights_apart;
        from * from_apart + to * to_apart + y * self.kernel_width + x
    }

    /// The biases of the group that the `nth` result belongs to.
    pub fn bias_of<'a, T>(&self, nth: usize, bias: Option<&'a [T]>) -> Option<&'a [T]> {
        bias.map(|bias| &bias[nth % self.groups * self.to..][..self.to])
    }
}
