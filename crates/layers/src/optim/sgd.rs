//! Stochastic gradient descent.

use super::{Optimizer, OptimizerState, for_each_gradient};
use crate::Params;
use crate::weights::NamedTensors;
use mirrorgrad_tensor::Element;
use std::collections::BTreeMap;

/// Gradient descent with momentum, as PyTorch's `SGD`: with g the gradient plus `weight_decay · p`,
/// `v ← momentum · v + g`, and `p ← p − lr · v`, or `p − lr · (g + momentum · v)` with Nesterov.
///
/// ```
/// # use mirrorgrad_layers::{Param, Params};
/// # use mirrorgrad_layers::optim::{Optimizer, Sgd};
/// let params = Params::from_iter([("w".to_owned(), Param::new([1.0_f64].into()))]);
/// let gradients = [("w".to_owned(), [1.0].into())].into();
/// let mut sgd = Sgd::<f64>::new(0.5);
/// for want in [0.75, 0.375] {
///     sgd.descend(&params, &gradients, 0.25); // The slope is 1; v is 1, then 1.5.
///     assert_eq!(params[0].1.value().item(), want);
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Sgd<T: Element = f32> {
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    state: OptimizerState<T>,
}

impl<T: Element> Sgd<T> {
    /// Without weight decay; a momentum of 0 remembers nothing.
    pub fn new(momentum: f64) -> Self {
        let state = OptimizerState { steps: BTreeMap::new(), tensors: BTreeMap::new() };
        Self { momentum, weight_decay: 0.0, nesterov: false, state }
    }

    /// With a pull of every parameter towards 0.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f64) -> Self {
        Self { weight_decay, ..self }
    }

    /// Looking ahead by one momentum step (Sutskever et al. 2013).
    #[must_use]
    pub fn nesterov(self) -> Self {
        Self { nesterov: true, ..self }
    }
}

impl<T: Element> Optimizer<T> for Sgd<T> {
    fn descend(&mut self, params: &Params<T>, gradients: &NamedTensors<T>, lr: f64) -> Vec<String> {
        let (lr, momentum, decay) = (T::of(lr), T::of(self.momentum), T::of(self.weight_decay));
        for_each_gradient(params, gradients, |name, param, grad| {
            let value = param.value();
            if self.momentum == 0.0 {
                param.set(value.zip(grad, |p, g| p - lr * (g + decay * p)));
                return;
            }
            let velocity = self.state.take("momentum_buffer", name, &value);
            let velocity = velocity.zip3(grad, &value, |v, g, p| momentum * v + g + decay * p);
            param.set(match self.nesterov {
                true => {
                    value.zip3(grad, &velocity, |p, g, v| p - lr * (g + decay * p + momentum * v))
                }
                false => value.zip(&velocity, |p, v| p - lr * v),
            });
            self.state.put("momentum_buffer", name, velocity);
        })
    }

    fn state(&self) -> &OptimizerState<T> {
        &self.state
    }

    fn restore(&mut self, state: OptimizerState<T>) {
        self.state = state;
    }
}
