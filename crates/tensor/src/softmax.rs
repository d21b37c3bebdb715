//! The logarithm of the softmax, along any axis.

use crate::parallel::run_tasks;
use crate::{Element, Tensor, check};

/// `x − ln Σ exp x`, the sum over `axis`. Computed from the largest element, so that nothing
/// overflows.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, log_softmax};
/// let y = log_softmax(&Tensor::<f64>::from([[0.0, 0.0], [1000.0, 0.0]]), 1);
/// assert!((y.at(&[0, 0]) - 0.5_f64.ln()).abs() < 1e-12);
/// // Although the exponential of 1000 is too large for a number.
/// assert_eq!(y.slice(&[1..2, 0..2]), Tensor::from([[0.0, -1000.0]]));
/// ```
///
/// # Panics
/// If the axis does not exist.
#[track_caller]
pub fn log_softmax<T: Element>(x: &Tensor<T>, axis: usize) -> Tensor<T> {
    check::axes("log_softmax", &[axis], x.shape());
    let places = Places::along(x.shape(), axis);
    places.build(x.shape(), |batch, first, out| {
        let line = |class| places.line(x.as_slice(), batch, class, first);
        let log_sum = log_sum_exp(out.len(), line);
        for (class, out) in out.iter_mut().enumerate() {
            for ((o, &v), &log_sum) in out.iter_mut().zip(line(class)).zip(&log_sum) {
                *o = v - log_sum;
            }
        }
    })
}

/// The gradient of [`log_softmax`] at the result `y`: `grad − exp(y) · Σ grad`.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, log_softmax, log_softmax_backward};
/// let y = log_softmax(&Tensor::<f64>::zeros([1, 2]), 1);
/// let grad = log_softmax_backward(&y, &Tensor::from([[1.0, 0.0]]), 1);
/// // The target less the softmax, which is one half each.
/// assert!((grad.at(&[0, 0]) - (1.0 - 0.5)).abs() < 1e-12);
/// assert!((grad.at(&[0, 1]) - (0.0 - 0.5)).abs() < 1e-12);
/// ```
///
/// # Panics
/// If the shapes differ.
#[track_caller]
pub fn log_softmax_backward<T: Element>(y: &Tensor<T>, grad: &Tensor<T>, axis: usize) -> Tensor<T> {
    check::same_shape("log_softmax_backward", y.shape(), grad.shape());
    check::axes("log_softmax_backward", &[axis], y.shape());
    let places = Places::along(y.shape(), axis);
    places.build(y.shape(), |batch, first, out| {
        let (y, grad) = (y.as_slice(), grad.as_slice());
        let mut sums = vec![T::zero(); out[0].len()];
        for class in 0..out.len() {
            sums.iter_mut()
                .zip(places.line(grad, batch, class, first))
                .for_each(|(sum, &g)| *sum += g);
        }
        for (class, out) in out.iter_mut().enumerate() {
            out.copy_from_slice(places.line(y, batch, class, first));
            T::exp_in_place(out);
            let terms = places.line(grad, batch, class, first).iter().zip(&sums);
            out.iter_mut().zip(terms).for_each(|(o, (&g, &sum))| *o = g - *o * sum);
        }
    })
}

/// `ln Σ exp x` over `classes` lines of a block, for every place of it.
pub(crate) fn log_sum_exp<'a, T: Element>(
    classes: usize,
    line: impl Fn(usize) -> &'a [T],
) -> Vec<T> {
    let mut largest = line(0).to_vec();
    for class in 1..classes {
        for (max, &v) in largest.iter_mut().zip(line(class)) {
            *max = if (v > *max) | v.is_nan() { v } else { *max };
        }
    }
    let mut sums = vec![T::zero(); largest.len()];
    let mut terms = sums.clone();
    for class in 0..classes {
        for ((term, &v), &max) in terms.iter_mut().zip(line(class)).zip(&largest) {
            *term = v - max;
        }
        T::exp_in_place(&mut terms);
        sums.iter_mut().zip(&terms).for_each(|(sum, &term)| *sum += term);
    }
    sums.into_iter().zip(largest).map(|(sum, max)| max + sum.ln()).collect()
}

/// A tensor seen as `[batch, classes, places]`, worked on in blocks of neighbouring places: the loops
/// run along places, so that they vectorize and no axis has to be moved.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    pub classes: usize,
    pub places: usize,
}

impl Places {
    const BLOCK: usize = 512;

    /// With the classes along `axis`, which exists.
    pub fn along(shape: &[usize], axis: usize) -> Self {
        Self { classes: shape[axis], places: shape[axis + 1..].iter().product() }
    }

    /// The numbers of one class in the block that begins at place `first`.
    pub fn line<'a, T>(&self, x: &'a [T], batch: usize, class: usize, first: usize) -> &'a [T] {
        let end = (first + Self::BLOCK).min(self.places);
        let line = (batch * self.classes + class) * self.places;
        &x[line + first..line + end]
    }

    /// A tensor of `shape`, `[batch, classes, places]`, written block by block: `write(batch, first,
    /// lines)` gets one line for each class.
    pub fn build<T: Element>(
        &self,
        shape: &[usize],
        write: impl Fn(usize, usize, &mut [&mut [T]]) + Send + Sync,
    ) -> Tensor<T> {
        Tensor::build(shape, |out| {
            let blocks = self.places.div_ceil(Self::BLOCK).max(1);
            let work = out.len();
            let mut tasks: Vec<Vec<&mut [T]>> = Vec::new();
            for (nth, line) in out.chunks_exact_mut(self.places.max(1)).enumerate() {
                let first = nth / self.classes * blocks;
                for (block, part) in line.chunks_mut(Self::BLOCK).enumerate() {
                    if tasks.len() <= first + block {
                        tasks.push(Vec::with_capacity(self.classes));
                    }
                    tasks[first + block].push(part);
                }
            }
            run_tasks(tasks, work, &|nth, mut lines| {
                write(nth / blocks, nth % blocks * Self::BLOCK, &mut lines);
            });
        })
    }
}
