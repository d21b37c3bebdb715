//! Whether a transposed convolution treats all its pixels alike.
//!
//! Pixels a stride apart see the same taps; the pixels between them see others. Each of those phases has
//! its number of taps, and the sum of their weights is its gain: what becomes of an output of ones. Where
//! the numbers differ, the picture has a checkerboard to unlearn; where one is 0, pixels stay empty
//! (Odena, Dumoulin & Olah 2016).

use mirrorgrad_tensor::{Axis, Geometry, Tensor};
use serde::Serialize;

/// The phases of one geometry, and the gains of a weight in them.
///
/// ```
/// # use mirrorgrad_study::Health;
/// # use mirrorgrad_tensor::Window;
/// let upsampling = |kernel| Window::square(kernel).stride(2).padding(1).transposed([3, 3]);
/// // A kernel of 3 meets some pixels with one tap and others with two or four.
/// assert_eq!(Health::of(&upsampling(3)?, &[0.5; 9]).taps, [[1, 2], [2, 4]]);
/// let even = Health::of(&upsampling(4)?, &[0.5; 16]);
/// assert_eq!(even.taps, [[4, 4], [4, 4]]);
/// assert_eq!(even.gain, [[2.0, 2.0], [2.0, 2.0]]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Health {
    /// Taps that reach each phase, `[vertical stride, horizontal stride]`.
    pub taps: Vec<Vec<usize>>,
    /// The sum of those taps' weights.
    pub gain: Vec<Vec<f64>>,
    /// What that means.
    pub verdict: Verdict,
}

/// What the numbers of taps mean.
///
/// ```
/// # use mirrorgrad_study::{Health, Verdict};
/// # use mirrorgrad_tensor::{GeometryError, Window};
/// let verdict = |kernel: usize, stride: usize| {
///     let geometry = Window::square(kernel).stride(stride).transposed([3, 3])?;
///     Ok::<_, GeometryError>(Health::of(&geometry, &vec![1.0; kernel * kernel]).verdict)
/// };
/// assert_eq!(verdict(4, 2)?, Verdict::Even);
/// assert_eq!(verdict(3, 2)?, Verdict::Uneven);
/// assert_eq!(verdict(2, 3)?, Verdict::Dead);
/// let one_spot = Window::square(3).stride(2).transposed([1, 1])?;
/// assert_eq!(Health::of(&one_spot, &[1.0; 9]).verdict, Verdict::Single);
/// # Ok::<(), GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Every phase has as many taps.
    Even,
    /// Some phases have more taps than others: a checkerboard pattern until training removes it.
    Uneven,
    /// Some phases have none: their pixels are always empty.
    Dead,
    /// There is a single window, which overlaps with none: no phase comes again.
    Single,
}

/// The phases of one channel's filter in a trained weight.
///
/// ```
/// # use mirrorgrad_study::filters;
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::square(2).stride(2).transposed([3, 3])?;
/// let filter = |taps: [f64; 4]| filters(&geometry, &Tensor::new([1, 1, 2, 2], taps)).remove(0);
/// assert_eq!(filter([2.0; 4]).unevenness, Some(0.0));
/// // Gains from 1 to 3, about a mean of 2.
/// let uneven = filter([1.0, 2.0, 2.0, 3.0]);
/// assert_eq!(uneven.health.gain, [[1.0, 2.0], [2.0, 3.0]]);
/// assert_eq!(uneven.unevenness, Some(1.0));
/// // About zero there is no mean to be relative to.
/// assert_eq!(filter([-1.0, 2.0, 2.0, -2.5]).unevenness, None);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FilterHealth {
    /// The input and output channel.
    pub channel: usize,
    /// Its phases.
    pub health: Health,
    /// How far the gains of its phases are apart, relative to their mean: the checkerboard that is left.
    /// `None` where gains lie on both sides of zero, or are all zero: their mean is no measure of them then.
    pub unevenness: Option<f64>,
}

/// The filters by which each channel of a transposed convolution's weight `[in, out / groups, kh, kw]`
/// reaches itself.
///
/// ```
/// # use mirrorgrad_study::filters;
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::square(2).stride(2).transposed([3, 3])?;
/// let weight = Tensor::from_fn([2, 2, 2, 2], |i| i as f64);
/// let filters = filters(&geometry, &weight);
/// // Of four filters, those from channel 0 to 0 and from 1 to 1; each phase has one tap.
/// assert_eq!(filters[0].health.gain, [[0.0, 1.0], [2.0, 3.0]]);
/// assert_eq!(filters[1].health.gain, [[12.0, 13.0], [14.0, 15.0]]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the weight has other taps than the geometry.
pub fn filters(geometry: &Geometry, weight: &Tensor<f64>) -> Vec<FilterHealth> {
    let [inputs, outputs, _, _] = weight.dims();
    let taps = geometry.taps();
    let of = |channel: usize| {
        // Of a depthwise weight, the only output is the channel itself.
        let filter = channel * outputs + channel % outputs;
        let health = Health::of(geometry, &weight.as_slice()[filter * taps..][..taps]);
        let gains = || health.gain.iter().flatten().copied();
        let mean = gains().sum::<f64>() / gains().count() as f64;
        let (least, most) = (gains().fold(f64::MAX, f64::min), gains().fold(f64::MIN, f64::max));
        let one_sided = (least >= 0.0 || most <= 0.0) && mean != 0.0;
        let unevenness = one_sided.then(|| (most - least) / mean.abs());
        FilterHealth { channel, unevenness, health }
    };
    let channels = if outputs == 1 { inputs } else { inputs.min(outputs) };
    (0..channels).map(of).collect()
}

impl Health {
    /// Of a weight `[kernel height, kernel width]` in row-major order; phases count from the input's
    /// first pixel.
    ///
    /// # Panics
    /// If the weight has another size than the geometry's kernel.
    pub fn of(geometry: &Geometry, weight: &[f64]) -> Self {
        assert_eq!(weight.len(), geometry.taps(), "health: the weight has another kernel");
        let [y, x] = geometry.axes();
        let mut taps = vec![vec![0; x.stride]; y.stride];
        let mut gain = vec![vec![0.0; x.stride]; y.stride];
        for (tap, w) in weight.iter().enumerate() {
            // pixel = stride · position + dilation · tap − before, of which only the rest by the stride
            // tells the phase.
            let phase = |axis: Axis, tap: usize| {
                let rest = axis.pad_before % axis.stride;
                (axis.dilation * tap + axis.stride - rest) % axis.stride
            };
            let (row, column) = (phase(y, tap / x.kernel), phase(x, tap % x.kernel));
            taps[row][column] += 1;
            gain[row][column] += w;
        }
        let verdict = match geometry.axes().iter().filter(|axis| axis.output > 1).map(even).max() {
            None => Verdict::Single,
            Some(verdict) => verdict,
        };
        Self { taps, gain, verdict }
    }
}

/// Whether the phases along one axis, on which there are several positions, have as many taps. Across axes, the
/// taps of a phase are a product.
fn even(axis: &Axis) -> Verdict {
    let mut taps = vec![0; axis.stride];
    (0..axis.kernel).for_each(|tap| taps[axis.dilation * tap % axis.stride] += 1);
    match (taps.iter().min(), taps.iter().max()) {
        (Some(0), _) => Verdict::Dead,
        (least, most) if least == most => Verdict::Even,
        _ => Verdict::Uneven,
    }
}

#[cfg(test)]
mod tests {
    use super::{Health, Verdict};
    use mirrorgrad_tensor::Window;

    #[test]
    fn only_windows_that_overlap_leave_a_checkerboard() {
        let verdict = |window: Window, output: [usize; 2]| {
            let geometry = window.transposed(output).unwrap();
            Health::of(&geometry, &vec![1.0; geometry.taps()]).verdict
        };
        let three = Window::square(3).stride(2);
        assert_eq!(verdict(three, [1, 1]), Verdict::Single);
        assert_eq!(verdict(three, [1, 2]), Verdict::Uneven);
        assert_eq!(verdict(three, [3, 3]), Verdict::Uneven);
        // Along the axis of three positions the stride divides the kernel.
        let uneven = Window { stride: [2, 2], ..Window::new([3, 4]) };
        assert_eq!(verdict(uneven, [1, 3]), Verdict::Even);
        assert_eq!(verdict(uneven, [3, 1]), Verdict::Uneven);
        let dead = Window { stride: [2, 3], ..Window::new([4, 2]) };
        assert_eq!(verdict(dead, [3, 1]), Verdict::Even);
        assert_eq!(verdict(dead, [3, 3]), Verdict::Dead);
        assert_eq!(verdict(Window::square(4).stride(2), [3, 3]), Verdict::Even);
    }
}
