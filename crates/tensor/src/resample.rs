//! Resizing and averaging: linear maps that act on rows and columns of a plane independently.
//!
//! Bilinear and nearest interpolation, average pooling and adaptive average pooling differ only in
//! which pixels of one axis make up each position, and with what weights. [`SparseRows`] holds that for
//! one axis; a [`Resample`] applies one to the columns and one to the rows of every plane, and its
//! adjoint is the same with both transposed.

mod choices;

pub use choices::{AverageCount, Corners};

use crate::buffer::Buffer;
use crate::machine::isa::Routine;
use crate::machine::lanes::Lanes;
use crate::machine::stream::{copy_past_caches, is_large};
use crate::machine::transpose::transpose;
use crate::matmul::{matrix, matrix_mut};
use crate::parallel::for_each_plane;
use crate::{Axis, Element, Geometry, Tensor, check};
use std::sync::Arc;

/// A sparse matrix by rows: for each result, the sources it reads and their weights.
///
/// ```
/// # use mirrorgrad_tensor::{Corners, SparseRows};
/// let rows = SparseRows::linear(2, 4, Corners::HalfPixel);
/// assert_eq!([rows.columns(), rows.rows()], [2, 4]);
/// // The second of four pixels lies a quarter of the way between the two.
/// assert_eq!(rows.row(1), [(0, 0.75), (1, 0.25)]);
/// assert_eq!(rows.transposed().row(0), [(0, 1.0), (1, 0.75), (2, 0.25)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct SparseRows {
    columns: usize,
    /// Where each row's entries begin, and where the last one's end.
    starts: Vec<usize>,
    entries: Vec<(usize, f64)>,
}

impl SparseRows {
    /// A matrix of `columns` columns whose `i`th row holds the entries `row(i)`, for `i < rows`.
    ///
    /// # Panics
    /// If a size is 0 or an entry lies outside.
    #[track_caller]
    pub fn new(sizes: [usize; 2], row: impl Fn(usize) -> Vec<(usize, f64)>) -> Self {
        Self::named("SparseRows::new", sizes, row)
    }

    /// As [`SparseRows::new`], in the name of another function.
    #[track_caller]
    fn named(
        name: &str,
        [rows, columns]: [usize; 2],
        row: impl Fn(usize) -> Vec<(usize, f64)>,
    ) -> Self {
        assert!(
            rows > 0 && columns > 0,
            "{name}: expected sizes of at least 1, got {columns} to {rows}"
        );
        let (mut starts, mut entries) = (vec![0], Vec::new());
        for i in 0..rows {
            entries.extend(row(i).into_iter().filter(|(_, weight)| *weight != 0.0));
            starts.push(entries.len());
        }
        if let Some((column, _)) = entries.iter().find(|(column, _)| *column >= columns) {
            panic!("{name}: an entry lies outside: expected under {columns}, got {column}");
        }
        Self { columns, starts, entries }
    }

    /// Linear interpolation from `from` pixels to `to`, as PyTorch's `interpolate` with
    /// `mode="bilinear"` and a given size: the source of `x` is `x · (from − 1) / (to − 1)` where corners
    /// are aligned, else `max(0, (x + ½) · from / to − ½)` (aten/src/ATen/native/UpSample.h).
    ///
    /// # Panics
    /// If a size is 0.
    #[track_caller]
    pub fn linear(from: usize, to: usize, corners: Corners) -> Self {
        let source = |x: usize| match corners {
            Corners::Aligned if to <= 1 => 0.0,
            Corners::Aligned => (from - 1) as f64 / (to - 1) as f64 * x as f64,
            Corners::HalfPixel => (from as f64 / to as f64 * (x as f64 + 0.5) - 0.5).max(0.0),
        };
        Self::named("linear", [to, from], |x| {
            let place = source(x);
            let left = (place as usize).min(from - 1);
            let right = (left + 1).min(from - 1);
            let part = place - left as f64;
            if left == right { vec![(left, 1.0)] } else { vec![(left, 1.0 - part), (right, part)] }
        })
    }

    /// Nearest-neighbour interpolation: `x` reads `⌊x · from / to⌋`, as PyTorch's `mode="nearest"`.
    ///
    /// # Panics
    /// If a size is 0.
    #[track_caller]
    pub fn nearest(from: usize, to: usize) -> Self {
        Self::named("nearest", [to, from], |x| vec![(x * from / to, 1.0)])
    }

    /// Averages of the pixels under a sliding window.
    #[track_caller]
    pub fn average(axis: &Axis) -> Self {
        Self::named("average", [axis.output, axis.input], |position| {
            let pixels = pixels_under(axis, position);
            let share = 1.0 / pixels.len() as f64;
            pixels.into_iter().map(|pixel| (pixel, share)).collect()
        })
    }

    /// Averages of what is under a sliding window, pixels and padding, of which there are up to `pad_after`
    /// zeros behind the input: PyTorch's `count_include_pad`.
    #[track_caller]
    pub fn average_with_padding(axis: &Axis, pad_after: usize) -> Self {
        let end = axis.pad_before + axis.input + pad_after;
        Self::named("average", [axis.output, axis.input], |position| {
            let place = |tap: &usize| axis.stride * position + axis.dilation * tap;
            let share = 1.0 / (0..axis.kernel).filter(|tap| place(tap) < end).count() as f64;
            pixels_under(axis, position).into_iter().map(|pixel| (pixel, share)).collect()
        })
    }

    /// Averages over `to` ranges that cover `from` pixels, the `i`th from `⌊i · from / to⌋` to
    /// `⌈(i + 1) · from / to⌉`, as PyTorch's adaptive pools.
    ///
    /// # Panics
    /// If a size is 0.
    #[track_caller]
    pub fn adaptive_average(from: usize, to: usize) -> Self {
        Self::named("adaptive_average", [to, from], |i| {
            let range = i * from / to..((i + 1) * from).div_ceil(to);
            let weight = 1.0 / range.len() as f64;
            range.map(|pixel| (pixel, weight)).collect()
        })
    }

    /// The number of results.
    pub fn rows(&self) -> usize {
        self.starts.len() - 1
    }

    /// The number of sources.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The entries of a row: source and weight.
    ///
    /// # Panics
    /// If there are fewer rows.
    #[track_caller]
    pub fn row(&self, row: usize) -> &[(usize, f64)] {
        assert!(row < self.rows(), "row: expected under {}, got {row}", self.rows());
        &self.entries[self.starts[row]..self.starts[row + 1]]
    }

    /// Rows and columns exchanged.
    pub fn transposed(&self) -> Self {
        let mut rows = vec![Vec::new(); self.columns];
        for row in 0..self.rows() {
            for &(column, weight) in self.row(row) {
                rows[column].push((row, weight));
            }
        }
        Self::new([self.columns, self.rows()], |row| rows[row].clone())
    }
}

/// The pixels under the window at a position of an axis.
fn pixels_under(axis: &Axis, position: usize) -> Vec<usize> {
    (0..axis.kernel).filter_map(|tap| axis.pixel(position, tap)).collect()
}

/// A linear map of planes that treats the two axes independently, together with its adjoint.
///
/// ```
/// # use mirrorgrad_tensor::{Corners, Resample, Tensor};
/// let double = Resample::bilinear([1, 2], [1, 4], Corners::HalfPixel);
/// let y = double.apply(&Tensor::new([1, 1, 1, 2], [0.0, 4.0]));
/// assert_eq!(y.as_slice(), [0.0, 1.0, 3.0, 4.0]);
/// // The adjoint gives each pixel as much as it has given.
/// let back = double.adjoint().apply(&Tensor::<f32>::ones([1, 1, 1, 4]));
/// assert_eq!(back.as_slice(), [2.0, 2.0]);
/// ```
#[derive(Clone, Debug)]
pub struct Resample {
    axes: Arc<[SparseRows; 2]>,
    transposed: Arc<[SparseRows; 2]>,
}

impl Resample {
    /// The map that applies `vertical` to columns and `horizontal` to rows.
    pub fn new(vertical: SparseRows, horizontal: SparseRows) -> Self {
        let transposed = [vertical.transposed(), horizontal.transposed()];
        Self { axes: Arc::new([vertical, horizontal]), transposed: Arc::new(transposed) }
    }

    /// Bilinear interpolation between sizes `[height, width]`; see [`SparseRows::linear`].
    ///
    /// # Panics
    /// If a size is 0.
    #[track_caller]
    pub fn bilinear(from: [usize; 2], to: [usize; 2], corners: Corners) -> Self {
        check::sizes("bilinear", from, to);
        let [y, x] = [0, 1].map(|i| SparseRows::linear(from[i], to[i], corners));
        Self::new(y, x)
    }

    /// Nearest-neighbour interpolation; see [`SparseRows::nearest`].
    ///
    /// # Panics
    /// If a size is 0.
    #[track_caller]
    pub fn nearest(from: [usize; 2], to: [usize; 2]) -> Self {
        check::sizes("nearest", from, to);
        let [y, x] = [0, 1].map(|i| SparseRows::nearest(from[i], to[i]));
        Self::new(y, x)
    }

    /// Average pooling; see [`SparseRows::average`].
    #[track_caller]
    pub fn average_pool(geometry: &Geometry, count: AverageCount) -> Self {
        let axes = geometry.axes();
        let [y, x] = [0, 1].map(|i| match count {
            AverageCount::IncludePadding { pad_after } => {
                SparseRows::average_with_padding(&axes[i], pad_after[i])
            }
            AverageCount::ExcludePadding => SparseRows::average(&axes[i]),
        });
        Self::new(y, x)
    }

    /// Adaptive average pooling; see [`SparseRows::adaptive_average`].
    ///
    /// # Panics
    /// If a size is 0.
    #[track_caller]
    pub fn adaptive_average_pool(from: [usize; 2], to: [usize; 2]) -> Self {
        check::sizes("adaptive_average_pool", from, to);
        let [y, x] = [0, 1].map(|i| SparseRows::adaptive_average(from[i], to[i]));
        Self::new(y, x)
    }

    /// The adjoint map.
    pub fn adjoint(&self) -> Self {
        Self { axes: Arc::clone(&self.transposed), transposed: Arc::clone(&self.axes) }
    }

    /// `[height, width]` that the map reads.
    pub fn from(&self) -> [usize; 2] {
        [self.axes[0].columns(), self.axes[1].columns()]
    }

    /// `[height, width]` that the map makes.
    pub fn to(&self) -> [usize; 2] {
        [self.axes[0].rows(), self.axes[1].rows()]
    }

    /// Applies the map to the planes of `x: [batch, channels, height, width]`.
    ///
    /// # Panics
    /// If the planes have another size than [`Resample::from`].
    #[track_caller]
    pub fn apply<T: Element>(&self, x: &Tensor<T>) -> Tensor<T> {
        let [batch, channels, height, width] = check::dims("resample", x.shape());
        let from = self.from();
        assert!(
            [height, width] == from,
            "resample: the planes have another size: expected {from:?}, got {:?}",
            x.shape()
        );
        let [to_height, to_width] = self.to();
        let (vertical, horizontal) =
            (Weights::<T>::of(&self.axes[0]), Weights::<T>::of(&self.axes[1]));
        Tensor::build([batch, channels, to_height, to_width], |out| {
            let large = is_large::<T>(out.len());
            let work = out.len() + x.len();
            for_each_plane(out, to_height * to_width, work, &|nth, out| {
                let plane = &x.as_slice()[nth * height * width..][..height * width];
                // Along the rows first if there are fewer of them before than after.
                let write = |out: &mut [T]| {
                    if height <= to_height {
                        let mut wide = Buffer::scratch(height * to_width);
                        horizontal.apply_to_rows(plane, &mut wide);
                        vertical.apply(&wide, out);
                    } else {
                        let mut short = Buffer::scratch(to_height * width);
                        vertical.apply(plane, &mut short);
                        horizontal.apply_to_rows(&short, out);
                    }
                };
                if large {
                    let mut scratch = Buffer::scratch(out.len());
                    write(&mut scratch);
                    copy_past_caches(&scratch, out);
                } else {
                    write(out);
                }
            });
        })
    }
}

/// Rows that are turned into columns together.
const ROWS: usize = 32;

/// A [`SparseRows`] with its weights in the precision of one call.
struct Weights<'a, T> {
    rows: &'a SparseRows,
    entries: Vec<(usize, T)>,
}

impl<'a, T: Element> Weights<'a, T> {
    fn of(rows: &'a SparseRows) -> Self {
        let entries = rows.entries.iter().map(|&(at, weight)| (at, T::of(weight))).collect();
        Self { rows, entries }
    }

    fn row(&self, row: usize) -> &[(usize, T)] {
        &self.entries[self.rows.starts[row]..self.rows.starts[row + 1]]
    }

    /// Combines the rows of `from` to those of `to`, all of the same length.
    fn apply(&self, from: &[T], to: &mut [T]) {
        T::dispatch(Combine { weights: self, from, to });
    }

    /// Combines the elements of every row of `from` to those of `to`: a block of rows at a time,
    /// turned so that they lie side by side.
    fn apply_to_rows(&self, from: &[T], to: &mut [T]) {
        let (width, to_width) = (self.rows.columns(), self.rows.rows());
        let blocks = from.chunks(ROWS * width).zip(to.chunks_mut(ROWS * to_width));
        for (from, to) in blocks {
            let rows = from.len() / width;
            let (mut turned, mut done) =
                (Buffer::scratch(rows * width), Buffer::scratch(rows * to_width));
            transpose(matrix([rows, width], from), matrix_mut([width, rows], &mut turned));
            self.apply(&turned, &mut done);
            transpose(matrix([to_width, rows], &done), matrix_mut([rows, to_width], to));
        }
    }
}

/// Each row of `to` as a combination of rows of `from`.
struct Combine<'a, T> {
    weights: &'a Weights<'a, T>,
    from: &'a [T],
    to: &'a mut [T],
}

impl<T: Element> Routine<T> for Combine<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let length = self.from.len() / self.weights.rows.columns();
        for (nth, to) in self.to.chunks_exact_mut(length).enumerate() {
            let row = self.weights.row(nth);
            if row.is_empty() {
                to.fill(T::zero());
            }
            for (nth, entries) in row.chunks(4).enumerate() {
                let adds = nth > 0;
                match *entries {
                    [a] => combine::<T, L, 1>(lanes, [a], self.from, to, adds),
                    [a, b] => combine::<T, L, 2>(lanes, [a, b], self.from, to, adds),
                    [a, b, c] => combine::<T, L, 3>(lanes, [a, b, c], self.from, to, adds),
                    [a, b, c, d] => combine::<T, L, 4>(lanes, [a, b, c, d], self.from, to, adds),
                    _ => unreachable!("chunks hold one to four"),
                }
            }
        }
    }
}

/// A row as a combination of `N` others, or that added to it.
// Loops instead of closures over arrays, which would not be compiled for the instruction set.
#[inline(always)]
fn combine<T: Element, L: Lanes<T>, const N: usize>(
    lanes: L,
    entries: [(usize, T); N],
    from: &[T],
    to: &mut [T],
    adds: bool,
) {
    let (length, zero) = (to.len(), lanes.splat(T::zero()));
    let (mut rows, mut weights) = ([from; N], [zero; N]);
    for n in 0..N {
        let (source, weight) = entries[n];
        rows[n] = &from[source * length..][..length];
        weights[n] = lanes.splat(weight);
    }
    let whole = length / L::COUNT * L::COUNT;
    for at in (0..whole).step_by(L::COUNT) {
        let mut sum = if adds { lanes.read(&to[at..]) } else { zero };
        for n in 0..N {
            sum = lanes.mul_add(weights[n], lanes.read(&rows[n][at..]), sum);
        }
        lanes.write(&mut to[at..], sum);
    }
    for (at, to) in to.iter_mut().enumerate().skip(whole) {
        let mut sum = if adds { *to } else { T::zero() };
        for n in 0..N {
            sum += entries[n].1 * rows[n][at];
        }
        *to = sum;
    }
}
