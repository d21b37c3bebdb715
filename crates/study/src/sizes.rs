//! What sizes go with what arguments.

use mirrorgrad_tensor::{Axis, Window};
use serde::Serialize;

/// How input and output sizes belong together along one axis.
///
/// ```
/// # use mirrorgrad_study::Sizes;
/// # use mirrorgrad_tensor::Window;
/// let [axis, _] = Window::square(3).stride(2).padding(1).conv([6, 6])?.axes();
/// let sizes = Sizes::of(&axis);
/// assert_eq!(sizes.down, "⌊(6 + 1 + 1 − 3) / 2⌋ + 1 = 3");
/// assert_eq!(sizes.up, "2·(3 − 1) + 3 − 1 − 1 + 1 = 6");
/// // An input of 5 has the same output, and nothing left over.
/// assert_eq!((sizes.rest, sizes.inputs), (1, [5, 6]));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sizes {
    /// Pixels.
    #[serde(rename = "image")]
    pub input: usize,
    /// Positions.
    #[serde(rename = "map")]
    pub output: usize,
    /// Padding behind the input that goes with it.
    pub behind: usize,
    /// From input to output, with numbers.
    pub down: String,
    /// From output to input, with numbers.
    pub up: String,
    /// Pixels left over behind the last whole stride: the output padding that leads back here.
    pub rest: usize,
    /// The article's relation: 1 where nothing is left over, 2 where something is.
    pub relation: usize,
    /// The smallest and the largest input that a convolution takes to this output.
    #[serde(rename = "images")]
    pub inputs: [usize; 2],
}

impl Sizes {
    /// Of one axis.
    pub fn of(axis: &Axis) -> Self {
        let Axis { input, output, kernel, stride, dilation, pad_before } = *axis;
        let full = axis.full();
        // Padding behind as in front where that leads here, as PyTorch's words and the article's have it;
        // else what is cut there, and none where rows are added.
        let symmetric = input + 2 * pad_before;
        let behind = match (full..full + stride).contains(&symmetric) {
            true => pad_before,
            false => full.saturating_sub(pad_before + input),
        };
        let rest = input + pad_before + behind - full;
        let k = if dilation == 1 {
            format!("{kernel}")
        } else {
            format!("({dilation}·({kernel} − 1) + 1)")
        };
        Self {
            input,
            output,
            behind,
            down: format!("⌊({input} + {pad_before} + {behind} − {k}) / {stride}⌋ + 1 = {output}"),
            up: format!(
                "{stride}·({output} − 1) + {k} − {pad_before} − {behind} + {rest} = {input}"
            ),
            rest,
            relation: if rest == 0 { 1 } else { 2 },
            inputs: {
                let smallest = full.saturating_sub(pad_before + behind).max(1);
                [smallest, (full + stride - 1).saturating_sub(pad_before + behind)]
            },
        }
    }
}

/// Square arguments that take one size to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Arguments {
    /// Taps.
    pub kernel: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Padding on both sides.
    pub padding: usize,
    /// Rows that a transposed convolution adds.
    pub output_padding: usize,
}

/// Kernels that are searched through.
const LARGEST_KERNEL: usize = 9;

/// Every kernel of up to 9 taps, stride, padding under the kernel and output padding under the stride
/// with which a transposed convolution takes `output` to `input`: then the convolution takes it back.
fn arguments(input: usize, output: usize) -> Vec<Arguments> {
    let mut found = Vec::new();
    for kernel in 1..=LARGEST_KERNEL {
        // Of a single position every stride is as good as another.
        let strides = if output == 1 { 1..=1 } else { 1..=input + 2 * kernel };
        for stride in strides {
            let leading = |padding| Arguments::leading(input, output, [kernel, stride, padding]);
            found.extend((0..kernel).filter_map(leading));
        }
    }
    found
}

impl Arguments {
    /// Every one of [`arguments`], and the axis's own where it is none of those searched through: a stride
    /// behind a single position, a larger kernel, more padding. None of its own has an axis with dilation, or
    /// with padding that differs between its sides.
    pub fn of(axis: &Axis) -> Vec<Self> {
        let mut all = arguments(axis.input, axis.output);
        let words = [axis.kernel, axis.stride, axis.pad_before];
        let own = Self::leading(axis.input, axis.output, words).filter(|_| axis.dilation == 1);
        if let Some(own) = own.filter(|own| !all.contains(own)) {
            let place = all.partition_point(|other| other.words() < own.words());
            all.insert(place, own);
        }
        all
    }

    fn words(&self) -> [usize; 3] {
        [self.kernel, self.stride, self.padding]
    }

    /// With the output padding that leads from `output` to `input`, if there is one.
    fn leading(input: usize, output: usize, [kernel, stride, padding]: [usize; 3]) -> Option<Self> {
        let window = Window::square(kernel).stride(stride).padding(padding);
        let geometry = window.transposed_to([output; 2], [input; 2]).ok()?;
        (window.conv([input; 2]) == Ok(geometry)).then(|| {
            let [axis, _] = geometry.axes();
            let output_padding = input + 2 * padding - axis.full();
            Self { kernel, stride, padding, output_padding }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Arguments, LARGEST_KERNEL, arguments};
    use mirrorgrad_tensor::Window;

    #[test]
    fn every_set_of_arguments_leads_there_and_back() {
        let doubling = arguments(6, 3);
        for &Arguments { kernel, stride, padding, output_padding } in &doubling {
            let window = Window::square(kernel).stride(stride).padding(padding);
            let up = window.output_padding([output_padding; 2]).transposed([3, 3]).unwrap();
            assert_eq!((up.input(), window.conv([6, 6]).unwrap().output()), ([6, 6], [3, 3]));
        }
        let has = |kernel, stride, padding, output_padding| {
            doubling.contains(&Arguments { kernel, stride, padding, output_padding })
        };
        assert!(has(2, 2, 0, 0) && has(3, 2, 1, 1) && has(4, 2, 1, 0));
        // This one makes 5 of 3.
        assert!(!has(3, 2, 1, 0));
    }

    #[test]
    fn larger_kernels_than_the_largest_are_not_searched_through() {
        // Without padding, a single position makes as many pixels as its window has taps.
        assert_eq!(arguments(LARGEST_KERNEL, 1).len(), 1);
        assert!(arguments(LARGEST_KERNEL + 1, 1).is_empty());
    }

    #[test]
    fn an_axis_has_its_own_arguments_though_they_are_not_searched_through() {
        let [axis, _] = Window::square(3).stride(2).conv([4, 4]).unwrap().axes();
        let own = Arguments { kernel: 3, stride: 2, padding: 0, output_padding: 1 };
        assert!(Arguments::of(&axis).contains(&own) && !arguments(4, 1).contains(&own));
    }

    #[test]
    fn the_arguments_that_were_asked_for_are_among_those_that_do_the_same() {
        let cases = [
            (Window::square(3).stride(2), 4),              // A single position.
            (Window::square(2).stride(5), 2),              // As small a picture.
            (Window::square(11).stride(2).padding(2), 20), // A larger kernel than is searched through.
            (Window::square(1).padding(3), 4),             // More padding.
            (Window::square(3).stride(2).padding(1), 6),
        ];
        for (window, input) in cases {
            let [axis, _] = window.conv([input; 2]).unwrap().axes();
            let all = Arguments::of(&axis);
            let asked = [axis.kernel, axis.stride, axis.pad_before];
            let same = all.iter().filter(|other| other.words() == asked);
            assert_eq!(same.count(), 1, "{window:?} on {input}");
            assert!(all.is_sorted_by_key(Arguments::words), "{all:?}");
        }
    }
}
