//! Many numbers in, one out.

use crate::{Element, Indices, Tensor, check, parallel};

impl<T: Element> Tensor<T> {
    /// The sum of all elements.
    pub fn sum(&self) -> T {
        let values = self.as_slice();
        parallel::sum_blocks(
            values.len(),
            |range| parallel::sum_lanes(&values[range], |v| v),
            |a, b| a + b,
        )
        .unwrap_or_else(T::zero)
    }

    /// The mean of all elements; NaN when there are none.
    pub fn mean(&self) -> T {
        self.sum() / T::of(self.len() as f64)
    }

    /// Sums over `axes`, which disappear.
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn sum_axes(&self, axes: &[usize]) -> Self {
        let kept = (0..self.rank()).filter(|axis| !axes.contains(axis));
        let shape: Vec<usize> = kept.map(|axis| self.shape()[axis]).collect();
        self.sum_kept("sum_axes", axes).reshape(shape)
    }

    /// Sums over `axes`, which stay with size 1. Adjoint: [`Tensor::broadcast_to`].
    ///
    /// # Panics
    /// If an axis does not exist or is named twice.
    #[track_caller]
    pub fn sum_axes_keep(&self, axes: &[usize]) -> Self {
        self.sum_kept("sum_axes_keep", axes)
    }

    #[track_caller]
    fn sum_kept(&self, name: &str, axes: &[usize]) -> Self {
        check::axes(name, axes, self.shape());
        let size = |(axis, &size)| if axes.contains(&axis) { 1 } else { size };
        let reduced: Vec<usize> = self.shape().iter().enumerate().map(size).collect();
        let mut sum = self.clone();
        // Neighbouring axes are summed together, the last ones first: they are contiguous.
        let mut end = self.rank();
        while end > 0 {
            let mut start = end;
            while start > 0 && axes.contains(&(start - 1)) {
                start -= 1;
            }
            if start < end {
                sum = sum_middle(&sum, start, end);
            }
            end = start.max(1) - 1;
        }
        sum.reshape(reduced)
    }

    /// Sums along the axes that broadcasting from `shape` repeated. Adjoint:
    /// [`Tensor::broadcast_to`].
    ///
    /// # Panics
    /// If `shape` does not broadcast to this tensor's shape.
    #[track_caller]
    pub fn sum_to(&self, shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        if self.shape() == shape {
            return self.clone();
        }
        assert!(
            crate::broadcast_shape(shape, self.shape()).as_deref() == Some(self.shape()),
            "sum_to: {shape:?} does not broadcast to {:?}",
            self.shape()
        );
        let new = self.rank() - shape.len();
        let repeated =
            |axis: &usize| *axis < new || (shape[*axis - new] == 1 && self.shape()[*axis] != 1);
        let axes: Vec<usize> = (0..self.rank()).filter(repeated).collect();
        self.sum_axes(&axes).reshape(shape)
    }

    /// The largest element along the last axis and where it stands in the whole tensor, counted in
    /// row-major order. NaN is larger than every number; of equals, the first is taken.
    ///
    /// # Panics
    /// If there is no last axis or it is empty.
    #[track_caller]
    pub fn max_last(&self) -> (Self, Indices) {
        let Some((&n, outer)) = self.shape().split_last() else {
            panic!("max_last: expected at least one axis, got shape []")
        };
        assert!(n > 0, "max_last: the axis is empty in shape {:?}", self.shape());
        let mut places = Vec::with_capacity(self.len() / n);
        for (row, values) in self.as_slice().chunks_exact(n).enumerate() {
            let mut best = 0;
            for (i, &value) in values.iter().enumerate() {
                if value > values[best] || (value.is_nan() && !values[best].is_nan()) {
                    best = i;
                }
            }
            places.push(row * n + best);
        }
        let values = places.iter().map(|&i| self.as_slice()[i]).collect::<Vec<_>>();
        (Self::new(outer, values), Indices::new(outer, places))
    }
}

/// Sums over the neighbouring axes `start..end`, leaving one of size 1 in each one's place.
fn sum_middle<T: Element>(x: &Tensor<T>, start: usize, end: usize) -> Tensor<T> {
    let size = |range: std::ops::Range<usize>| x.shape()[range].iter().product::<usize>();
    let (middle, inner) = (size(start..end), size(end..x.rank()));
    let mut shape = x.shape().to_vec();
    shape[start..end].fill(1);
    if inner == 1 && start == 0 {
        return Tensor::full(shape, x.sum());
    }
    let from = x.as_slice();
    Tensor::build(shape, |out| {
        if inner == 1 {
            // Runs of a length that makes one chunk as much work as any other chunk elsewhere.
            parallel::for_each_block(out, middle, |at, part| {
                for (row, o) in part.iter_mut().enumerate() {
                    let row = (at + row) * middle;
                    *o = parallel::sum_lanes(&from[row..row + middle], |v| v);
                }
            });
        } else {
            parallel::for_each_run(out, inner, |at, part| {
                for (row, sums) in part.chunks_mut(inner).enumerate() {
                    let block = (at / inner + row) * middle * inner;
                    sum_rows(sums, &from[block..block + middle * inner]);
                }
            });
        }
    })
}

/// Sums rows of the length of `sums`, in blocks whose sums are added in their order: one long sum would
/// lose small terms.
fn sum_rows<T: Element>(sums: &mut [T], rows: &[T]) {
    const ROWS: usize = 1024;
    sums.fill(T::zero());
    let mut block_sums = vec![T::zero(); sums.len()];
    for block in rows.chunks(ROWS * sums.len()) {
        block_sums.fill(T::zero());
        for row in block.chunks_exact(sums.len()) {
            block_sums.iter_mut().zip(row).for_each(|(sum, &v)| *sum += v);
        }
        sums.iter_mut().zip(&block_sums).for_each(|(sum, &v)| *sum += v);
    }
}
