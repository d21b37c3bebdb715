//! Optimizers: how gradients move parameters.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::Param;
use mirrorgrad_autograd::{Gradients, Var};
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::BTreeMap;

/// Moves parameters by their gradients, and remembers what it needs for the next step.
///
/// ```
/// # use mirrorgrad_layers::Param;
/// # use mirrorgrad_layers::optim::{Optimizer, Sgd};
/// let (used, unused) = (Param::new([1.0_f64].into()), Param::new([5.0_f64].into()));
/// let params = [("used".to_string(), used.clone()), ("unused".to_string(), unused)];
/// let grads = (used.var() * used.var()).sum().backward();
/// let mut optimizer: Box<dyn Optimizer<f64>> = Box::new(Sgd::<f64>::new(0.0));
/// assert_eq!(optimizer.step(&params, &grads, 0.25), ["unused"]);
/// assert_eq!(used.value(), [0.5].into()); // 1 − 0.25 · 2
/// ```
pub trait Optimizer<T: Element = f32>: Send {
    /// Moves every trainable parameter that has a gradient, at learning rate `lr`. Returns the names
    /// of those that have none: the loss did not depend on them.
    ///
    /// # Panics
    /// If there is a gradient that is of none of them: of a layer that its module forgets to name in
    /// [`visit`](crate::Module::visit), which would neither be trained nor saved. To move a part of a
    /// network alone, give [`Gradients::only`] its part.
    #[track_caller]
    fn step(&mut self, params: &[(String, Param<T>)], grads: &Gradients<T>, lr: f64)
    -> Vec<String>;

    /// All that the optimizer remembers.
    fn state(&self) -> &OptimizerState<T>;

    /// Goes on from what another of the same kind remembered.
    fn restore(&mut self, state: OptimizerState<T>);
}

/// What an optimizer remembers between steps.
///
/// ```
/// # use mirrorgrad_layers::Param;
/// # use mirrorgrad_layers::optim::{Optimizer, Sgd};
/// let params = [("w".to_string(), Param::new([1.0_f64].into()))];
/// let grads = params[0].1.var().sum().backward();
/// let (mut sgd, mut another) = (Sgd::<f64>::new(0.5), Sgd::<f64>::new(0.5));
/// sgd.step(&params, &grads, 0.25);
/// assert_eq!(sgd.state().tensors["momentum_buffer.w"], [1.0].into());
/// another.restore(sgd.state().clone()); // It goes on from there.
/// assert_eq!(another.state(), sgd.state());
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptimizerState<T: Element = f32> {
    /// Steps that each parameter has taken, by its name, where the optimizer counts them.
    pub steps: BTreeMap<String, u64>,
    /// Averages, under `kind.parameter name`.
    pub tensors: BTreeMap<String, Tensor<T>>,
}

impl<T: Element> OptimizerState<T> {
    /// The named tensor, zeros of `like`'s shape if there is none yet.
    fn take(&mut self, kind: &str, name: &str, like: &Tensor<T>) -> Tensor<T> {
        let found = self.tensors.remove(&format!("{kind}.{name}"));
        found.unwrap_or_else(|| Tensor::zeros(like.shape()))
    }

    fn put(&mut self, kind: &str, name: &str, tensor: Tensor<T>) {
        self.tensors.insert(format!("{kind}.{name}"), tensor);
    }
}

/// Calls `each(name, parameter, gradient)` for the trainable parameters with a gradient, and returns
/// the names of the others.
#[track_caller]
fn for_each_gradient<T: Element>(
    params: &[(String, Param<T>)],
    grads: &Gradients<T>,
    mut each: impl FnMut(&str, &Param<T>, &Tensor<T>),
) -> Vec<String> {
    check_named(params, grads);
    let mut unreached = Vec::new();
    for (i, (name, param)) in params.iter().enumerate().filter(|(_, (_, p))| p.is_trainable()) {
        // A place with two names moves once, under its first.
        if params[..i].iter().any(|(_, other)| other.is(param)) {
            continue;
        }
        match grads.get(&param.var()) {
            Some(grad) => each(name, param, grad),
            None => unreached.push(name.clone()),
        }
    }
    unreached
}

/// Shapes that a message shows.
const SHOWN: usize = 6;

/// Every gradient is of a parameter that has a name.
#[track_caller]
fn check_named<T: Element>(params: &[(String, Param<T>)], grads: &Gradients<T>) {
    let named: Vec<Var<T>> = params.iter().map(|(_, param)| param.var()).collect();
    let others = grads.except(&named.iter().collect::<Vec<_>>());
    if others.is_empty() {
        return;
    }
    let shapes: Vec<_> = others.iter().take(SHOWN).map(|grad| grad.shape()).collect();
    panic!(
        "step: expected gradients of the {} named parameters alone, got {} of others, of shapes \
         {shapes:?}{}: is a layer forgotten in `visit`? Name it there with `names.child`, a parameter \
         with `names.param`; or keep what is to be moved with `Gradients::only`",
        params.len(),
        others.len(),
        if others.len() > SHOWN { " and more" } else { "" },
    );
}

/// Scales all gradients down so that their common Euclidean norm is at most `limit`. Also returns the
/// norm they had; one that is not finite is left to the caller to judge, and nothing is scaled.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::optim::clip_grad_norm;
/// let w = Var::parameter([3.0_f64, 4.0].into());
/// let (grads, norm) = clip_grad_norm((&w * &w).sum().backward(), 5.0);
/// assert_eq!(norm, 10.0);
/// assert_eq!(grads.get(&w), Some(&[3.0, 4.0].into())); // Half of 6 and 8.
/// ```
pub fn clip_grad_norm<T: Element>(grads: Gradients<T>, limit: f64) -> (Gradients<T>, f64) {
    let norm = grads.norm().as_f64();
    let clipped = norm.is_finite() && norm > limit;
    (if clipped { grads.scaled(T::of(limit / norm)) } else { grads }, norm)
}
