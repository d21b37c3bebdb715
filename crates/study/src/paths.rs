//! Cᵀ y by four ways that share nothing but the question.

use crate::Subject;
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_tensor::Tensor;

/// A way to compute Cᵀ y.
///
/// ```
/// # use mirrorgrad_study::{Path, Subject};
/// # use mirrorgrad_tensor::Window;
/// let geometry = Window::new([1, 2]).transposed([1, 2])?;
/// let subject = Subject::new(geometry, None, Some(vec![3, 4]), Some(vec![1, 2]))?;
/// for path in Path::ALL {
///     assert_eq!(path.transposed(&subject), [3, 2 * 3 + 4, 2 * 4], "{}", path.name());
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// C written down as a matrix, entry by entry, and multiplied from the left by y.
    Dense,
    /// A product of the weight with the output, and its columns reshaped, added and cropped.
    Columns,
    /// Zeros between the output's positions, then a convolution of stride 1 with the weight turned around.
    ZeroInsertion,
    /// The gradient of a convolution with respect to its input, by this framework's kernels.
    Autograd,
}

impl Path {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Dense, Self::Columns, Self::ZeroInsertion, Self::Autograd];

    /// A name for people and options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dense => "dense",
            Self::Columns => "columns",
            Self::ZeroInsertion => "zeros",
            Self::Autograd => "autograd",
        }
    }

    /// Cᵀ y, `[height, width]` in row-major order.
    pub fn transposed(self, subject: &Subject) -> Vec<i64> {
        match self {
            Self::Dense => dense(subject),
            Self::Columns => Columns::of(subject).cropped,
            Self::ZeroInsertion => zero_insertion(subject),
            Self::Autograd => autograd(subject),
        }
    }
}

/// What four results say: those that are not as the majority's.
pub(crate) fn dissenters(results: &[(Path, Vec<i64>)]) -> Vec<Path> {
    let agree = |result: &Vec<i64>| results.iter().filter(|(_, other)| other == result).count();
    let most = results.iter().max_by_key(|(_, result)| agree(result)).map(|(_, result)| result);
    let differs = |(_, result): &&(Path, Vec<i64>)| Some(result) != most;
    results.iter().filter(differs).map(|(path, _)| *path).collect()
}

fn dense(subject: &Subject) -> Vec<i64> {
    let (positions, pixels) = (subject.output.len(), subject.input.len());
    let mut c = vec![vec![0; pixels]; positions];
    for entry in subject.entries() {
        c[entry.position][entry.pixel] += subject.weight[entry.tap];
    }
    (0..pixels)
        .map(|pixel| {
            (0..positions).map(|position| c[position][pixel] * subject.output[position]).sum()
        })
        .collect()
}

/// The stages of gemm and col2im.
///
/// ```
/// # use mirrorgrad_study::{Columns, Subject};
/// # use mirrorgrad_tensor::Window;
/// let geometry = Window { pad_before: [0, 1], ..Window::new([1, 2]) }.transposed([1, 2])?;
/// let subject = Subject::new(geometry, None, Some(vec![3, 4]), Some(vec![1, 2]))?;
/// let columns = Columns::of(&subject);
/// assert_eq!(columns.product, [[3, 4], [6, 8]]);
/// assert_eq!(columns.full, [[3, 4 + 6, 8]]);
/// // The padding in front takes the first pixel away.
/// assert_eq!(columns.cropped, [10, 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Columns {
    /// w yᵀ: a row a tap, a column a position. Each column is a window's worth of pixels.
    pub product: Vec<Vec<i64>>,
    /// The columns, reshaped to windows and added where they stand.
    pub full: Vec<Vec<i64>>,
    /// What is left of that when the padding is cropped, in row-major order.
    pub cropped: Vec<i64>,
}

impl Columns {
    /// Of Cᵀ y.
    pub fn of(subject: &Subject) -> Self {
        let [y, x] = subject.geometry.axes();
        let product: Vec<Vec<i64>> = subject
            .weight
            .iter()
            .map(|w| subject.output.iter().map(|value| w * value).collect())
            .collect();
        let mut full = vec![vec![0; x.full()]; y.full()];
        for (tap, row) in product.iter().enumerate() {
            for (position, value) in row.iter().enumerate() {
                let down = y.stride * (position / x.output) + y.dilation * (tap / x.kernel);
                let right = x.stride * (position % x.output) + x.dilation * (tap % x.kernel);
                full[down][right] += value;
            }
        }
        let at = |row: usize, column: usize| {
            let line = full.get(row + y.pad_before);
            line.and_then(|line| line.get(column + x.pad_before)).copied().unwrap_or(0)
        };
        let cropped = (0..y.input * x.input).map(|i| at(i / x.input, i % x.input)).collect();
        Self { product, full, cropped }
    }
}

fn zero_insertion(subject: &Subject) -> Vec<i64> {
    let [y, x] = subject.geometry.axes();
    let [extent_y, extent_x] = [y, x].map(|axis| axis.extent());
    // The output spread out, with as many zeros around it as the window can hang over.
    let (height, width) = (y.full() + extent_y - 1, x.full() + extent_x - 1);
    let mut spread = vec![vec![0; width]; height];
    for (position, value) in subject.output.iter().enumerate() {
        let (down, right) = (y.stride * (position / x.output), x.stride * (position % x.output));
        spread[down + extent_y - 1][right + extent_x - 1] = *value;
    }
    // The weight with its holes, turned around.
    let mut turned = vec![vec![0; extent_x]; extent_y];
    for (tap, w) in subject.weight.iter().enumerate() {
        let (down, right) = (y.dilation * (tap / x.kernel), x.dilation * (tap % x.kernel));
        turned[extent_y - 1 - down][extent_x - 1 - right] = *w;
    }
    let convolved = |row: usize, column: usize| -> i64 {
        if row >= y.full() || column >= x.full() {
            return 0; // Output padding: beyond every window.
        }
        let products = turned.iter().zip(&spread[row..]).flat_map(|(turned, spread)| {
            turned.iter().zip(&spread[column..]).map(|(w, value)| w * value)
        });
        products.sum()
    };
    (0..y.input * x.input)
        .map(|i| convolved(i / x.input + y.pad_before, i % x.input + x.pad_before))
        .collect()
}

fn autograd(subject: &Subject) -> Vec<i64> {
    let planes = |[height, width]: [usize; 2], values: &[i64]| {
        Tensor::from_fn([1, 1, height, width], |i| values[i] as f64)
    };
    let geometry = subject.geometry;
    let x = Var::parameter(planes(geometry.input(), &subject.input));
    let w = Var::constant(planes(geometry.kernel(), &subject.weight));
    let y = Var::constant(planes(geometry.output(), &subject.output));
    let gradient = ops::conv2d(geometry, &x, &w, None).grad_with(&y, &[&x]).remove(0);
    gradient.value().as_slice().iter().map(|&value| value as i64).collect()
}

#[cfg(test)]
mod tests {
    use super::{Path, dissenters};

    #[test]
    fn the_ways_that_differ_from_most_dissent() {
        let mut results = Path::ALL.map(|path| (path, vec![3_i64, 10, 8]));
        assert!(dissenters(&results).is_empty());
        results[2].1[0] = 4;
        assert_eq!(dissenters(&results), [Path::ZeroInsertion]);
    }
}
