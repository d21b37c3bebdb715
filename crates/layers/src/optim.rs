//! Optimizers: how gradients move parameters.

mod adam;
mod sgd;

pub use adam::Adam;
pub use sgd::Sgd;

use crate::weights::NamedTensors;
use crate::{Contribution, Param, Params};
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::BTreeMap;

/// Moves parameters by their gradients, and remembers what it needs for the next step.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::optim::{Optimizer, Sgd};
/// # use mirrorgrad_layers::{Draws, Linear, Module, Params, Pass};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let net = Linear::new([1, 1], rng);
/// let params = Params::of(&net);
/// let (x, pass) = (Var::constant([[3.0_f32]].into()), Pass::train(Draws::new(0, 0)));
/// let loss = net.forward(&x, &pass).sum();
/// let before = params.values();
/// let mut optimizer: Box<dyn Optimizer> = Box::new(Sgd::new(0.0));
/// optimizer.step(&params, &params.backward(loss, pass), 0.25);
/// assert_eq!(params.values()["weight"].item(), before["weight"].item() - 0.25 * 3.0);
/// ```
pub trait Optimizer<T: Element = f32>: Send + Sync {
    /// Moves every trainable parameter that has a gradient, at learning rate `lr`. Returns the names
    /// of those that have none: the loss did not depend on them.
    fn descend(&mut self, params: &Params<T>, gradients: &NamedTensors<T>, lr: f64) -> Vec<String>;

    /// A training step: parameters by [`Optimizer::descend`], and running averages by what the forward
    /// passes observed. To move a part of a network alone, remove the other gradients before.
    ///
    /// # Panics
    /// If a running average is none of `params`; see [`Params::update`].
    #[track_caller]
    fn step(&mut self, params: &Params<T>, step: &Contribution<T>, lr: f64) -> Vec<String> {
        params.update(&step.updates);
        self.descend(params, &step.gradients, lr)
    }

    /// All that the optimizer remembers.
    fn state(&self) -> &OptimizerState<T>;

    /// Goes on from what another of the same kind remembered.
    fn restore(&mut self, state: OptimizerState<T>);
}

/// What an optimizer remembers between steps.
///
/// ```
/// # use mirrorgrad_layers::optim::{Optimizer, Sgd};
/// # use mirrorgrad_layers::{Param, Params};
/// let params = Params::from_iter([("w".to_owned(), Param::new([1.0_f64].into()))]);
/// let gradients = [("w".to_owned(), [1.0].into())].into();
/// let (mut sgd, mut another) = (Sgd::<f64>::new(0.5), Sgd::<f64>::new(0.5));
/// sgd.descend(&params, &gradients, 0.25);
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
fn for_each_gradient<T: Element>(
    params: &Params<T>,
    gradients: &NamedTensors<T>,
    mut each: impl FnMut(&str, &Param<T>, &Tensor<T>),
) -> Vec<String> {
    let mut unreached = Vec::new();
    for (name, param) in params.trainable() {
        match gradients.get(name) {
            Some(gradient) => each(name, param, gradient),
            None => unreached.push(name.clone()),
        }
    }
    unreached
}

/// Scales all gradients down so that their common Euclidean norm is at most `limit`. Also returns the
/// norm they had; one that is not finite is left to the caller to judge, and nothing is scaled.
///
/// ```
/// # use mirrorgrad_layers::Contribution;
/// # use mirrorgrad_layers::optim::clip_grad_norm;
/// let gradients = [("w".to_owned(), [6.0_f64, 8.0].into())].into();
/// let (step, norm) = clip_grad_norm(Contribution::new(25.0, gradients, vec![]), 5.0);
/// assert_eq!(norm, 10.0);
/// assert_eq!(step.gradients["w"], [3.0, 4.0].into());
/// assert_eq!(step.loss, 25.0);
/// ```
pub fn clip_grad_norm<T: Element>(step: Contribution<T>, limit: f64) -> (Contribution<T>, f64) {
    let norm = step.norm().as_f64();
    let clipped = norm.is_finite() && norm > limit;
    (if clipped { step.with_gradients_scaled(limit / norm) } else { step }, norm)
}
