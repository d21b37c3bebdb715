//! One number in, one number out, at every place.

use crate::broadcast::{Pairing, broadcast_shape};
use crate::{Element, Tensor, check, parallel};

/// `factor · x`, but 0 where the factor is 0, whatever `x` is: what has no part in a result is selected
/// out of it, since 0 · ∞ is NaN.
///
/// ```
/// # use mirrorgrad_tensor::masked;
/// assert_eq!(masked(3.0, 2.0), 6.0);
/// assert_eq!([masked(f64::INFINITY, 0.0), masked(f64::NAN, 0.0)], [0.0, 0.0]);
/// assert!(masked(0.0, f64::NAN).is_nan());
/// ```
pub fn masked<T: Element>(x: T, factor: T) -> T {
    if factor == T::zero() { T::zero() } else { x * factor }
}

impl<T: Element> Tensor<T> {
    /// `f` of every element.
    pub fn map(&self, f: impl Fn(T) -> T + Send + Sync) -> Self {
        Self::build(self.shape(), |out| {
            parallel::for_each_chunk(out, |at, part| {
                for (o, &v) in part.iter_mut().zip(&self.as_slice()[at..]) {
                    *o = f(v);
                }
            });
        })
    }

    /// `f` of every pair of elements that broadcasting brings together.
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn zip(&self, other: &Self, f: impl Fn(T, T) -> T + Send + Sync) -> Self {
        let shape = check::broadcast("zip", self.shape(), other.shape());
        let pairing = Pairing::new(&shape, [self.shape(), other.shape()]);
        let (left, right) = (self.as_slice(), other.as_slice());
        Self::build(&shape, |out| {
            if pairing.run == out.len() {
                return zip_flat(out, left, right, pairing.moves, &f);
            }
            parallel::for_each_run(out, pairing.run, |at, part| {
                for (i, run) in part.chunks_mut(pairing.run).enumerate() {
                    let [a, b] = pairing.starts(at / pairing.run + i);
                    zip_run(run, &left[a..], &right[b..], pairing.moves, &f);
                }
            });
        })
    }

    /// The sum with a tensor of the same shape, in this one's place if nobody else holds it.
    ///
    /// ```
    /// # use mirrorgrad_tensor::Tensor;
    /// let (x, y) = (Tensor::from([1.0, 2.0]), Tensor::from([0.5, 0.25]));
    /// let kept = x.clone();
    /// assert_eq!(x.plus(&y).plus(&y), Tensor::from([2.0, 2.5]));
    /// assert_eq!(kept, Tensor::from([1.0, 2.0]));
    /// ```
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        check::same_shape("plus", self.shape(), other.shape());
        match self.own_slice_mut() {
            None => self.zip(other, |a, b| a + b),
            Some(own) => {
                parallel::for_each_chunk(own, |at, part| {
                    part.iter_mut().zip(&other.as_slice()[at..]).for_each(|(a, &b)| *a += b);
                });
                self
            }
        }
    }

    /// `f` of every three elements at the same place.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn zip3(&self, b: &Self, c: &Self, f: impl Fn(T, T, T) -> T + Send + Sync) -> Self {
        assert!(
            self.shape() == b.shape() && b.shape() == c.shape(),
            "zip3: shapes {:?}, {:?} and {:?} differ",
            self.shape(),
            b.shape(),
            c.shape()
        );
        Self::build(self.shape(), |out| {
            parallel::for_each_chunk(out, |at, part| {
                let others = b.as_slice()[at..].iter().zip(&c.as_slice()[at..]);
                for ((o, &v), (&b, &c)) in part.iter_mut().zip(&self.as_slice()[at..]).zip(others) {
                    *o = f(v, b, c);
                }
            });
        })
    }

    /// Repeated along new or unit axes. Adjoint: [`Tensor::sum_to`].
    ///
    /// # Panics
    /// If this shape does not broadcast to `shape`.
    #[track_caller]
    pub fn broadcast_to(&self, shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        assert!(
            broadcast_shape(self.shape(), shape).as_deref() == Some(shape),
            "broadcast_to: {:?} does not broadcast to {shape:?}",
            self.shape()
        );
        if self.shape() == shape {
            return self.clone();
        }
        let pairing = Pairing::new(shape, [self.shape(), &[]]);
        Self::build(shape, |out| {
            parallel::for_each_run(out, pairing.run, |at, part| {
                for (i, run) in part.chunks_mut(pairing.run).enumerate() {
                    let [from, _] = pairing.starts(at / pairing.run + i);
                    match pairing.moves[0] {
                        true => run.copy_from_slice(&self.as_slice()[from..from + run.len()]),
                        false => run.fill(self.as_slice()[from]),
                    }
                }
            });
        })
    }

    /// The sum of the products of elements at the same place.
    ///
    /// # Panics
    /// If the shapes differ.
    #[track_caller]
    pub fn dot(&self, other: &Self) -> T {
        check::same_shape("dot", self.shape(), other.shape());
        self.zip(other, |a, b| a * b).sum()
    }
}

fn zip_flat<T: Element>(
    out: &mut [T],
    left: &[T],
    right: &[T],
    moves: [bool; 2],
    f: &(impl Fn(T, T) -> T + Send + Sync),
) {
    parallel::for_each_chunk(out, |at, part| {
        let from = |moves: bool| if moves { at } else { 0 };
        zip_run(part, &left[from(moves[0])..], &right[from(moves[1])..], moves, f);
    });
}

fn zip_run<T: Element>(
    out: &mut [T],
    left: &[T],
    right: &[T],
    moves: [bool; 2],
    f: &impl Fn(T, T) -> T,
) {
    match moves {
        [true, true] => {
            for ((o, &a), &b) in out.iter_mut().zip(left).zip(right) {
                *o = f(a, b);
            }
        }
        [true, false] => out.iter_mut().zip(left).for_each(|(o, &a)| *o = f(a, right[0])),
        [false, true] => out.iter_mut().zip(right).for_each(|(o, &b)| *o = f(left[0], b)),
        [false, false] => {
            if let (Some(&a), Some(&b)) = (left.first(), right.first()) {
                out.fill(f(a, b));
            }
        }
    }
}
