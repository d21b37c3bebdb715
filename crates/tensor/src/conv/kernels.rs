//! What each path computes, for each type of number: compiled here, once, instead of in every crate that
//! calls it.

use super::correlation::Correlation;
use super::{Form, Path, depthwise, direct_weight, few, plain, winograd};
use crate::{Element, Tensor};

/// A number type that the three maps are compiled for. The shapes have been checked.
pub trait Kernels: Sized {
    /// Fills `[batch, outputs, map height, map width]`.
    #[doc(hidden)]
    fn map(path: Path, form: &Form<'_>, operands: Operands<'_, Self>, out: &mut [Self])
    where
        Self: Element;

    /// Fills `[batch, inputs, height, width]`.
    #[doc(hidden)]
    fn image(path: Path, form: &Form<'_>, operands: Operands<'_, Self>, out: &mut [Self])
    where
        Self: Element;

    /// Fills `[outputs, inputs / groups, kh, kw]` from an image and a map; and `[outputs]`, where it is
    /// asked for, with the map's sums.
    #[doc(hidden)]
    fn weight(
        path: Path,
        form: &Form<'_>,
        ends: [&Tensor<Self>; 2],
        out: &mut [Self],
        totals: Option<&mut [Self]>,
    ) where
        Self: Element;
}

/// What a map or an image is computed from: the other of the two, a weight and a bias.
#[derive(Clone, Copy)]
pub struct Operands<'a, T: Element> {
    pub source: &'a Tensor<T>,
    pub weight: &'a Tensor<T>,
    pub bias: Option<&'a Tensor<T>>,
}

macro_rules! kernels_for {
    ($($number:ty),*) => {$(
        impl Kernels for $number {
            fn map(path: Path, form: &Form<'_>, operands: Operands<'_, Self>, out: &mut [Self]) {
                map(path, form, operands, out);
            }

            fn image(path: Path, form: &Form<'_>, operands: Operands<'_, Self>, out: &mut [Self]) {
                image(path, form, operands, out);
            }

            fn weight(
                path: Path,
                form: &Form<'_>,
                ends: [&Tensor<Self>; 2],
                out: &mut [Self],
                totals: Option<&mut [Self]>,
            ) {
                weight(path, form, ends, out, totals);
            }
        }
    )*};
}

kernels_for!(f32, f64);

fn map<T: Element>(path: Path, form: &Form<'_>, operands: Operands<'_, T>, out: &mut [T]) {
    let Operands { source, weight, bias } = operands;
    match path {
        Path::Plain => plain::map(form, source, weight, bias, out),
        Path::Depthwise => depthwise::map(form, source, weight, bias, out),
        Path::Direct => correlate(&Correlation::of_conv(form), operands, out),
        Path::Winograd => {
            winograd::run(&Correlation::of_conv(form), source, weight, bias, out);
        }
    }
}

fn image<T: Element>(path: Path, form: &Form<'_>, operands: Operands<'_, T>, out: &mut [T]) {
    let Operands { source, weight, bias } = operands;
    match path {
        Path::Plain => plain::image(form, source, weight, bias, out),
        Path::Depthwise => depthwise::image(form, source, weight, bias, out),
        Path::Direct => correlate(&Correlation::of_adjoint(form), operands, out),
        Path::Winograd => {
            winograd::run(&Correlation::of_adjoint(form), source, weight, bias, out);
        }
    }
}

fn weight<T: Element>(
    path: Path,
    form: &Form<'_>,
    ends: [&Tensor<T>; 2],
    out: &mut [T],
    totals: Option<&mut [T]>,
) {
    let [image, map] = ends;
    let batch = image.shape()[0];
    match path {
        Path::Plain => {
            plain::weight(form, batch, image, map, out);
            sum_planes(map, totals);
        }
        Path::Depthwise => {
            depthwise::weight(form, batch, image, map, out);
            sum_planes(map, totals);
        }
        Path::Direct => direct_weight::weight(form, batch, ends, out, totals),
        Path::Winograd => winograd::weight(form, batch, ends, out, totals),
    }
}

/// The map's sums in a pass of their own.
pub(super) fn sum_planes<T: Element>(map: &Tensor<T>, totals: Option<&mut [T]>) {
    if let Some(totals) = totals {
        totals.copy_from_slice(map.sum_axes(&[0, 2, 3], false).as_slice());
    }
}

/// The direct path's two ways to compute a correlation.
fn correlate<T: Element>(correlation: &Correlation, operands: Operands<'_, T>, out: &mut [T]) {
    let Operands { source, weight, bias } = operands;
    if few::pays(correlation) {
        few::run(correlation, source, weight, bias, out);
    } else {
        correlation.run(source, weight, bias, out);
    }
}
