//! Products of matrices, and of stacks of them.

use crate::parallel::prelude::*;
use crate::parallel::{PRODUCTS, for_each_plane};
use crate::{Element, Tensor, broadcast_shape};
use ndarray::{ArrayView2, ArrayViewMut2, Axis};

/// Rows of a product computed by one task.
const ROWS: usize = 128;

impl<T: Element> Tensor<T> {
    /// The matrix product over the last two axes; axes before them broadcast.
    /// `[.., m, k] · [.., k, n] -> [.., m, n]`.
    ///
    /// # Panics
    /// If a tensor has under two axes, the inner sizes differ, or the outer axes do not broadcast.
    #[track_caller]
    pub fn matmul(&self, other: &Self) -> Self {
        let (a, b) = (self.shape(), other.shape());
        let ([left @ .., m, k], [right @ .., inner, n]) = (a, b) else {
            panic!("matmul: {a:?} and {b:?} do not multiply")
        };
        let (m, k, n) = (*m, *k, *n);
        let Some(batch) = broadcast_shape(left, right).filter(|_| k == *inner) else {
            panic!("matmul: {a:?} and {b:?} do not multiply")
        };
        let operands = [
            self.broadcast_to([&batch[..], &[m, k]].concat()),
            other.broadcast_to([&batch[..], &[k, n]].concat()),
        ];
        Self::build([&batch[..], &[m, n]].concat(), |out| {
            if m * n == 0 {
                return;
            }
            let work = (out.len() * k).div_ceil(PRODUCTS);
            for_each_plane(out, m * n, work, &|i, out| {
                let a = matrix([m, k], &operands[0].as_slice()[i * m * k..]);
                let b = matrix([k, n], &operands[1].as_slice()[i * k * n..]);
                let mut c = matrix_mut([m, n], out);
                let tasks: Vec<_> = a
                    .axis_chunks_iter(Axis(0), ROWS)
                    .zip(c.axis_chunks_iter_mut(Axis(0), ROWS))
                    .collect();
                let work = (m * n * k).div_ceil(PRODUCTS);
                let tasks = tasks.into_par_iter().sharing(work);
                tasks.for_each(|(a, c)| T::gemm(T::one(), a, b, T::zero(), c));
            });
        })
    }
}

/// The first `rows · columns` numbers of `data` as a matrix.
pub(crate) fn matrix<T>([rows, columns]: [usize; 2], data: &[T]) -> ArrayView2<'_, T> {
    ArrayView2::from_shape((rows, columns), &data[..rows * columns]).expect("the sizes match")
}

/// The first `rows · columns` numbers of `data` as a matrix to write to.
pub(crate) fn matrix_mut<T>([rows, columns]: [usize; 2], data: &mut [T]) -> ArrayViewMut2<'_, T> {
    ArrayViewMut2::from_shape((rows, columns), &mut data[..rows * columns])
        .expect("the sizes match")
}
