//! Convolution, transposed convolution and their gradients: one op.
//!
//! The form F(x, w, y) = Σ y · w · x is linear in image, weight and map. Each function here solves it
//! for the missing operand, and the gradients of each are the other two:
//!
//! | missing | function           | gradient to its first | gradient to its second |
//! |---------|--------------------|-----------------------|------------------------|
//! | map     | conv2d(x, w)       | conv_transpose2d(g, w)| conv_weight2d(x, g)    |
//! | image   | conv_transpose2d(y, w) | conv2d(g, w)      | conv_weight2d(g, y)    |
//! | weight  | conv_weight2d(x, y)| conv_transpose2d(y, g)| conv2d(x, g)           |
//!
//! The gradient arrives in the missing operand's place, and the operand asked for becomes the missing
//! one. No derivative of any order leaves the table.

use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{self as tensor, Element, Geometry, Operand, Tensor};

#[derive(Debug)]
struct Conv {
    geometry: Geometry,
    groups: usize,
    missing: Operand,
}

/// Position of the optional bias among the operands: what a solution starts from.
const BIAS: usize = 2;

impl<T: Element> Op<T> for Conv {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let (g, n, bias) = (&self.geometry, self.groups, x.get(BIAS).copied());
        let value = match self.missing {
            Operand::Map => tensor::conv(g, n, x[0], x[1], bias),
            Operand::Image => tensor::conv_adjoint(g, n, x[0], x[1], bias),
            Operand::Weight => tensor::conv_weight(g, n, x[0], x[1]),
        };
        (value, ())
    }

    fn reads(&self) -> Reads {
        Reads::first(2)
    }

    fn fused(
        &self,
        wanted: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        // A convolution's weight and bias are asked for by the same map.
        if self.missing != Operand::Map || wanted.get(BIAS) != Some(&true) || !wanted[1] {
            return None;
        }
        let (g, n) = (&self.geometry, self.groups);
        let image = wanted[0].then(|| tensor::conv_adjoint(g, n, grad, call.value(1), None));
        let (weight, bias) = tensor::conv_weight_bias(g, n, call.value(0), grad);
        Some(vec![image, Some(weight), Some(bias)])
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let (g, n) = (&self.geometry, self.groups);
        match (self.missing, i) {
            (_, BIAS) => grad.sum_axes(&[0, 2, 3]),
            (Operand::Map, 0) => conv_transpose2d(g, n, grad, &call.input(1), None),
            (Operand::Map, _) => conv_weight2d(g, n, &call.input(0), grad),
            (Operand::Image, 0) => conv2d(g, n, grad, &call.input(1), None),
            (Operand::Image, _) => conv_weight2d(g, n, grad, &call.input(0)),
            (Operand::Weight, 0) => conv_transpose2d(g, n, &call.input(1), grad, None),
            (Operand::Weight, _) => conv2d(g, n, &call.input(0), grad, None),
        }
    }

    fn describe(&self, _: &()) -> Option<Description> {
        let Self { geometry, groups, missing } = *self;
        match missing {
            Operand::Map => Some(Description::Conv { geometry, groups }),
            Operand::Image => Some(Description::ConvTranspose { geometry, groups }),
            Operand::Weight => None,
        }
    }
}

/// The convolution of an image. `x: [batch, inputs, height, width]`,
/// `weight: [outputs, inputs / groups, kh, kw]`, `bias: [outputs]`, result
/// `[batch, outputs, map height, map width]`.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::conv2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).over([1, 4])?;
/// let x = Var::constant(Tensor::new([1, 1, 1, 4], [1.0_f64, 2.0, 4.0, 8.0]));
/// let weight = Var::constant(Tensor::new([1, 1, 1, 2], [-1.0_f64, 1.0]));
/// let y = conv2d(&geometry, 1, &x, &weight, None);
/// assert_eq!(y.shape(), [1, 1, 1, 3]);
/// assert_eq!(y.value().as_slice(), [1.0, 2.0, 4.0]); // The window is not flipped.
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the shapes do not fit the geometry and the groups.
#[track_caller]
pub fn conv2d<T: Element>(
    geometry: &Geometry,
    groups: usize,
    x: &Var<T>,
    weight: &Var<T>,
    bias: Option<&Var<T>>,
) -> Var<T> {
    solve("conv2d", geometry, groups, Operand::Map, [x, weight], bias)
}

/// The transposed convolution of a map: what [`conv2d`] does to gradients of its image.
/// `y: [batch, in, map height, map width]`, `weight: [in, out / groups, kh, kw]`, `bias: [out]`,
/// result `[batch, out, height, width]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::ops::{conv_transpose2d, conv2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).stride(2).over([1, 5])?;
/// let y = Var::constant(Tensor::new([1, 1, 1, 2], [1.0_f64, 10.0]));
/// let weight = Var::constant(Tensor::new([1, 1, 1, 2], [2.0_f64, 3.0]));
/// let image = conv_transpose2d(&geometry, 1, &y, &weight, None);
/// assert_eq!(image.value().as_slice(), [2.0, 3.0, 20.0, 30.0, 0.0]);
/// let x = Var::parameter(Tensor::zeros([1, 1, 1, 5]));
/// let grads = conv2d(&geometry, 1, &x, &weight, None).grad_with(&y, &[&x]);
/// assert_eq!(grads[0].value(), image.value());
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the shapes do not fit the geometry and the groups.
#[track_caller]
pub fn conv_transpose2d<T: Element>(
    geometry: &Geometry,
    groups: usize,
    y: &Var<T>,
    weight: &Var<T>,
    bias: Option<&Var<T>>,
) -> Var<T> {
    solve("conv_transpose2d", geometry, groups, Operand::Image, [y, weight], bias)
}

/// The weight that a pair of image and map asks for: what both layers do to gradients of their
/// weight. `x: [batch, inputs, height, width]`, `y: [batch, outputs, map height, map width]`, result
/// `[outputs, inputs / groups, kh, kw]`.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::conv_weight2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).over([1, 4])?;
/// let x = Var::constant(Tensor::new([1, 1, 1, 4], [1.0_f64, 2.0, 4.0, 8.0]));
/// let y = Var::constant(Tensor::new([1, 1, 1, 3], [1.0_f64, 0.0, 10.0]));
/// let weight = conv_weight2d(&geometry, 1, &x, &y);
/// assert_eq!(weight.shape(), [1, 1, 1, 2]);
/// assert_eq!(weight.value().as_slice(), [41.0, 82.0]); // 1 · 1 + 10 · 4 and 1 · 2 + 10 · 8
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the shapes do not fit the geometry and the groups.
#[track_caller]
pub fn conv_weight2d<T: Element>(
    geometry: &Geometry,
    groups: usize,
    x: &Var<T>,
    y: &Var<T>,
) -> Var<T> {
    solve("conv_weight2d", geometry, groups, Operand::Weight, [x, y], None)
}

#[track_caller]
fn solve<T: Element>(
    name: &'static str,
    geometry: &Geometry,
    groups: usize,
    missing: Operand,
    [first, second]: [&Var<T>; 2],
    bias: Option<&Var<T>>,
) -> Var<T> {
    let (known, bias_shape) = ([first.shape(), second.shape()], bias.map(Var::shape));
    tensor::check_conv(name, geometry, groups, missing, known, bias_shape);
    let op = Conv { geometry: *geometry, groups, missing };
    match bias {
        Some(bias) => Var::apply(op, &[first, second, bias]),
        None => Var::apply(op, &[first, second]),
    }
}
