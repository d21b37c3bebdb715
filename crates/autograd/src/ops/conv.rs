//! Convolution, transposed convolution and their gradients: one op.
//!
//! A [`Form`] is linear in input, weight and output. Each function here solves it for the operand that is missing.
//! In its derivative, **the operand asked for becomes the missing one, and the gradient takes the missing one's
//! place**: no derivative of any order leaves the three.

use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Form, Operand, Tensor};

#[derive(Debug)]
struct Conv {
    form: Form,
    missing: Operand,
}

/// Position of the optional bias among the operands: what a solution begins with.
const BIAS: usize = 2;

impl<T: Element> Op<T> for Conv {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (self.form.solve(self.missing, [x[0], x[1]], x.get(BIAS).copied()), ())
    }

    fn reads(&self) -> Reads {
        Reads::first(2)
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        if i == BIAS {
            return grad.sum_axes(&[0, 2, 3]);
        }
        let asked = self.missing.others()[i];
        let [first, second] = asked
            .others()
            .map(|operand| if operand == self.missing { grad.clone() } else { call.input(1 - i) });
        solve(&self.form, asked, [&first, &second], None)
    }

    fn fused(
        &self,
        wanted: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        // A convolution's weight and bias are found together, since both read its output.
        if self.missing != Operand::Output || wanted.get(BIAS) != Some(&true) || !wanted[1] {
            return None;
        }
        let input = wanted[0].then(|| self.form.solve(Operand::Input, [grad, call.value(1)], None));
        let (weight, bias) = self.form.solve_weight_and_bias([call.value(0), grad]);
        Some(vec![input, Some(weight), Some(bias)])
    }

    fn describe(&self, _: &()) -> Option<Description> {
        match self.missing {
            Operand::Output => Some(Description::Conv(self.form)),
            Operand::Input => Some(Description::ConvTranspose(self.form)),
            Operand::Weight => None,
        }
    }
}

#[track_caller]
fn solve<T: Element>(
    form: &Form,
    missing: Operand,
    [first, second]: [&Var<T>; 2],
    bias: Option<&Var<T>>,
) -> Var<T> {
    let name = match missing {
        Operand::Output => "conv2d",
        Operand::Input => "conv_transpose2d",
        Operand::Weight => "conv_weight2d",
    };
    form.check(name, missing, [first.shape(), second.shape()], bias.map(Var::shape));
    let op = Conv { form: *form, missing };
    match bias {
        Some(bias) => Var::apply(op, &[first, second, bias]),
        None => Var::apply(op, &[first, second]),
    }
}

/// The convolution of an input. `x: [batch, inputs, height, width]`, `weight: [outputs, inputs / groups, kh, kw]`,
/// `bias: [outputs]`, result `[batch, outputs, output height, output width]`. The form is a [`Geometry`], or has
/// groups.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::conv2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).conv([1, 4])?;
/// let x = Var::constant(Tensor::new([1, 1, 1, 4], [1.0_f64, 2.0, 4.0, 8.0]));
/// let weight = Var::constant(Tensor::new([1, 1, 1, 2], [-1.0_f64, 1.0]));
/// let y = conv2d(geometry, &x, &weight, None);
/// assert_eq!(y.shape(), [1, 1, 1, 3]);
/// assert_eq!(y.value().as_slice(), [1.0, 2.0, 4.0]); // The window is not flipped.
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// [`Geometry`]: mirrorgrad_tensor::Geometry
///
/// # Panics
/// If the shapes do not fit the form.
#[track_caller]
pub fn conv2d<T: Element>(
    form: impl Into<Form>,
    x: &Var<T>,
    weight: &Var<T>,
    bias: Option<&Var<T>>,
) -> Var<T> {
    solve(&form.into(), Operand::Output, [x, weight], bias)
}

/// The transposed convolution: what [`conv2d`] does to gradients of its input.
/// `y: [batch, in, output height, output width]`, `weight: [in, out / groups, kh, kw]`, `bias: [out]`, result
/// `[batch, out, height, width]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::ops::{conv_transpose2d, conv2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).stride(2).conv([1, 5])?;
/// let y = Var::constant(Tensor::new([1, 1, 1, 2], [1.0_f64, 10.0]));
/// let weight = Var::constant(Tensor::new([1, 1, 1, 2], [2.0_f64, 3.0]));
/// let up = conv_transpose2d(geometry, &y, &weight, None);
/// assert_eq!(up.value().as_slice(), [2.0, 3.0, 20.0, 30.0, 0.0]);
/// let x = Var::parameter(Tensor::zeros([1, 1, 1, 5]));
/// let grads = conv2d(geometry, &x, &weight, None).grad_with(&y, &[&x]);
/// assert_eq!(grads[0].value(), up.value());
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the shapes do not fit the form.
#[track_caller]
pub fn conv_transpose2d<T: Element>(
    form: impl Into<Form>,
    y: &Var<T>,
    weight: &Var<T>,
    bias: Option<&Var<T>>,
) -> Var<T> {
    solve(&form.into(), Operand::Input, [y, weight], bias)
}

/// The weight that a pair of input and output asks for: what both layers do to gradients of their weight.
/// `x: [batch, inputs, height, width]`, `y: [batch, outputs, output height, output width]`, result
/// `[outputs, inputs / groups, kh, kw]`.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::conv_weight2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).conv([1, 4])?;
/// let x = Var::constant(Tensor::new([1, 1, 1, 4], [1.0_f64, 2.0, 4.0, 8.0]));
/// let y = Var::constant(Tensor::new([1, 1, 1, 3], [1.0_f64, 0.0, 10.0]));
/// let weight = conv_weight2d(geometry, &x, &y);
/// assert_eq!(weight.shape(), [1, 1, 1, 2]);
/// assert_eq!(weight.value().as_slice(), [41.0, 82.0]); // 1 · 1 + 10 · 4 and 1 · 2 + 10 · 8
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the shapes do not fit the form.
#[track_caller]
pub fn conv_weight2d<T: Element>(form: impl Into<Form>, x: &Var<T>, y: &Var<T>) -> Var<T> {
    solve(&form.into(), Operand::Weight, [x, y], None)
}
