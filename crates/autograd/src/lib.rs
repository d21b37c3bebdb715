//! Numbers with history: values that remember how they were made, and gradients to any order.
//!
//! A [`Var`] is a tensor that may remember the call that made it; an [`Op`] is a function with its
//! gradients. Gradients are written in differentiable calls, so they can be differentiated again.
//!
//! ```
//! use mirrorgrad_autograd::Var;
//! let x = Var::parameter([1.0_f64, 2.0].into());
//! let y = (&x * &x * &x).sum();
//! let slope = y.grad(&[&x]).remove(0); // 3x², itself a variable
//! assert_eq!(slope.value(), &[3.0, 12.0].into());
//! assert_eq!(slope.sum().grad(&[&x])[0].value(), &[6.0, 12.0].into());
//! ```
//!
//! Invariants, as absences: no op holds a variable, accumulates gradients, or asks whether anybody
//! wants them; nothing recurses over the graph; nothing changes a value once it is made.

#![forbid(unsafe_code)]

mod check;
#[cfg(debug_assertions)]
mod compiled;
mod describe;
mod differences;
mod graph;
mod op;
pub mod ops;
pub mod record;
mod sweep;
mod var;

pub use check::{Mismatch, adjoint_check, gradcheck};
pub use op::{Call, Op, Reads};
pub use sweep::Gradients;
pub use var::{NoGradGuard, Var, is_recording, no_grad, no_grad_guard};
