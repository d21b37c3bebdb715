//! Automatic differentiation: values that record how they were computed, with gradients of any order. A [`Var`] is a
//! tensor that may record the call that made it; an [`Op`] is a function with its gradients, written in differentiable
//! calls.
//!
//! ```
//! use mirrorgrad_autograd::Var;
//!
//! let x = Var::parameter([1.0_f64, 2.0].into());
//! let y = (&x * &x * &x).sum();
//! let slope = y.grad(&[&x]).remove(0); // 3x², itself a variable
//! assert_eq!(slope.value(), &[3.0, 12.0].into());
//! assert_eq!(slope.sum().grad(&[&x])[0].value(), &[6.0, 12.0].into());
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! op, var, graph       a differentiable function; a value; the recorded calls
//! sweep                the backward pass
//! ops/                 the functions, one file per family: value, gradients, public function
//! ops/conv             convolution, transposed convolution and weight gradient: one op
//! meeting              parts of a batch that are computed side by side
//! check, differences   gradcheck and adjoint_check; finite differences
//! record, describe     one computation as a list of steps; what ops do, for exporters
//! compiled             ops compiled once for f32 and f64, so that tests build faster
//! ```
//!
//! What does not exist here: no op holds a variable, accumulates gradients or asks whether gradients are wanted. No
//! function recurses over the graph. No value changes after it is made.
//!
//! Features `threads` and `arena`, both on by default, are those of [`mirrorgrad_tensor`].

#![forbid(unsafe_code)]

mod check;
#[cfg(all(debug_assertions, not(test)))]
mod compiled;
mod describe;
mod differences;
mod graph;
mod meeting;
mod op;
pub mod ops;
pub mod record;
mod sweep;
mod var;

pub use check::{Mismatch, adjoint_check, gradcheck};
pub use meeting::Meeting;
pub use op::{Call, Op, Reads};
pub use sweep::Gradients;
pub use var::{NoGradGuard, Var, is_recording, no_grad, no_grad_guard};
