//! Rows to columns, through registers where the machine has eight lanes for it.

use super::isa::Routine;
use super::lanes::Lanes;
use crate::Element;
use ndarray::{ArrayView2, ArrayViewMut2};

/// `to[j, i] = from[i, j]`. The rows of `from` and of `to` may be any distance apart, and the elements
/// in a row of `to` as well; it is fastest where they are neighbours.
///
/// # Panics
/// If the sizes do not match.
pub(crate) fn transpose<T: Element>(from: ArrayView2<'_, T>, to: ArrayViewMut2<'_, T>) {
    let (rows, columns) = from.dim();
    assert_eq!(to.dim(), (columns, rows), "transpose: sizes that match");
    T::dispatch(Transpose { from, to });
}

struct Transpose<'a, T> {
    from: ArrayView2<'a, T>,
    to: ArrayViewMut2<'a, T>,
}

/// Sides of a block that goes through registers.
const BLOCK: usize = 8;

impl<T: Element> Routine<T> for Transpose<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let Self { from, mut to } = self;
        let (rows, columns) = from.dim();
        let ([from_row, from_column], [to_row, to_column]) =
            ([from.strides()[0], from.strides()[1]], [to.strides()[0], to.strides()[1]]);
        let neighbours = from_column == 1 && to_column == 1;
        let (source, target) = (from.as_ptr(), to.as_mut_ptr());
        // SAFETY: an element (i, j) of a view lies at its pointer plus i and j times the strides. All
        // i are below `rows` and all j below `columns`, and `to` is exclusively borrowed.
        unsafe {
            let from_at = |i: usize, j: usize| {
                source.offset(i as isize * from_row + j as isize * from_column)
            };
            let to_at =
                |j: usize, i: usize| target.offset(j as isize * to_row + i as isize * to_column);
            // Along the rows that are far apart, so that few of their cache lines are open at a time.
            let along_to = to_row.abs() > from_row.abs();
            let [outer, inner] = if along_to { [columns, rows] } else { [rows, columns] };
            for outer in (0..outer).step_by(BLOCK) {
                for inner in (0..inner).step_by(BLOCK) {
                    let [i, j] = if along_to { [inner, outer] } else { [outer, inner] };
                    let whole = i + BLOCK <= rows && j + BLOCK <= columns;
                    if whole
                        && neighbours
                        && lanes.transpose(from_at(i, j), from_row, to_at(j, i), to_row)
                    {
                        continue;
                    }
                    for j in j..columns.min(j + BLOCK) {
                        for i in i..rows.min(i + BLOCK) {
                            *to_at(j, i) = *from_at(i, j);
                        }
                    }
                }
            }
        }
    }
}
