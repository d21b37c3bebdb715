//! A new op with gradients of its own: swish, `x · sigmoid(β · x)`, with a β that is learned.
//!
//! `cargo run --release --example 02_new_op`

use mirrorgrad::autograd::{Call, Mismatch, Op, Reads};
use mirrorgrad::prelude::*;
use mirrorgrad::tensor::Element;

/// Operands: x of any shape, and β of one element.
#[derive(Debug)]
struct SwishOp;

impl<T: Element> Op<T> for SwishOp {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].zip(x[1], |x, beta| x / (T::one() + (-beta * x).exp())), ())
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    /// Written in differentiable calls, so it can be differentiated again.
    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let (x, beta) = (call.input(0), call.input(1));
        let s = (&x * &beta).sigmoid();
        let slope = &s - &(&s * &s);
        match i {
            0 => grad * &(s + &x * &beta * slope),
            _ => (grad * &(&x * &x * slope)).sum_to(call.shape(1)),
        }
    }
}

/// `x · sigmoid(β · x)`.
pub fn swish<T: Element>(x: &Var<T>, beta: &Var<T>) -> Var<T> {
    Var::apply(SwishOp, &[x, beta])
}

fn main() -> Result<(), Mismatch> {
    let x = Tensor::from([[-2.0, -0.3, 0.4], [1.1, 2.5, -0.9]]);
    let beta = Tensor::from([1.3]);
    gradcheck(3, |v| swish(&v[0], &v[1]), &[x, beta])?;
    println!("swish: values, gradients and their gradients agree to the third order");
    Ok(())
}
