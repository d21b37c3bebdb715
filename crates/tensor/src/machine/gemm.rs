//! Matrix products, by the `matrixmultiply` crate. The pointers handed over are those of views that
//! ndarray has checked.

use ndarray::{ArrayView2, ArrayViewMut2};

/// A type for which `matrixmultiply` has a kernel.
pub trait Gemm: Sized {
    /// `c = alpha · a · b + beta · c`; a `beta` of zero overwrites `c` without reading it.
    ///
    /// # Panics
    /// If the sizes do not match.
    #[doc(hidden)]
    fn gemm(
        alpha: Self,
        a: ArrayView2<'_, Self>,
        b: ArrayView2<'_, Self>,
        beta: Self,
        c: ArrayViewMut2<'_, Self>,
    );
}

macro_rules! gemm_by {
    ($element:ty, $kernel:path) => {
        impl Gemm for $element {
            fn gemm(
                alpha: Self,
                a: ArrayView2<'_, Self>,
                b: ArrayView2<'_, Self>,
                beta: Self,
                mut c: ArrayViewMut2<'_, Self>,
            ) {
                let ((m, k), (inner, n)) = (a.dim(), b.dim());
                assert!(
                    k == inner && c.dim() == (m, n),
                    "gemm: {m}x{k} times {inner}x{n} into {:?}",
                    c.dim()
                );
                let (a_strides, b_strides) = (a.strides(), b.strides());
                let c_strides = [c.strides()[0], c.strides()[1]];
                // SAFETY: every element (i, j) of a view lies at pointer + i·stride₀ + j·stride₁ and
                // may be read for the view's lifetime; those of `c` are distinct and exclusively
                // borrowed. The sizes were checked above.
                unsafe {
                    $kernel(
                        m,
                        k,
                        n,
                        alpha,
                        a.as_ptr(),
                        a_strides[0],
                        a_strides[1],
                        b.as_ptr(),
                        b_strides[0],
                        b_strides[1],
                        beta,
                        c.as_mut_ptr(),
                        c_strides[0],
                        c_strides[1],
                    );
                }
            }
        }
    };
}

gemm_by!(f32, matrixmultiply::sgemm);
gemm_by!(f64, matrixmultiply::dgemm);
