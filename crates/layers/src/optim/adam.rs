//! Adam and AdamW.

use super::{Optimizer, OptimizerState, for_each_gradient};
use crate::Params;
use crate::weights::NamedTensors;
use mirrorgrad_tensor::Element;
use std::collections::BTreeMap;

/// Steps scaled by running averages of the gradient and its square (Kingma & Ba 2015), as PyTorch's
/// `Adam` and `AdamW`.
///
/// ```
/// # use mirrorgrad_layers::{Param, Params};
/// # use mirrorgrad_layers::optim::{Adam, Optimizer};
/// let params = Params::from_iter([("w".to_owned(), Param::new([1.0_f64, 1.0].into()))]);
/// let gradients = [("w".to_owned(), [0.001, -1000.0].into())].into();
/// Adam::<f64>::new(0.0).descend(&params, &gradients, 0.1);
/// // The first step is as long as the learning rate, however large the gradient.
/// let w = params[0].1.value();
/// assert!((w.at(&[0]) - 0.9).abs() < 1e-5 && (w.at(&[1]) - 1.1).abs() < 1e-5);
/// ```
#[derive(Clone, Debug)]
pub struct Adam<T: Element = f32> {
    betas: [f64; 2],
    eps: f64,
    decay: Decay,
    state: OptimizerState<T>,
}

/// How parameters are pulled towards 0.
#[derive(Clone, Copy, Debug)]
enum Decay {
    /// Through the gradient.
    Coupled(f64),
    /// Beside it (Loshchilov & Hutter 2019).
    Decoupled(f64),
}

impl<T: Element> Adam<T> {
    /// Adam: the weight decay is added to the gradient.
    pub fn new(weight_decay: f64) -> Self {
        Self::with(Decay::Coupled(weight_decay))
    }

    /// AdamW: the weight decay acts on the parameter itself.
    pub fn adamw(weight_decay: f64) -> Self {
        Self::with(Decay::Decoupled(weight_decay))
    }

    fn with(decay: Decay) -> Self {
        let state = OptimizerState { steps: BTreeMap::new(), tensors: BTreeMap::new() };
        Self { betas: [0.9, 0.999], eps: 1e-8, decay, state }
    }

    /// With another ε, what is added to the root of the averaged square, than 1e-8.
    #[must_use]
    pub fn eps(self, eps: f64) -> Self {
        Self { eps, ..self }
    }

    /// With other decay rates of the two averages than 0.9 and 0.999.
    #[must_use]
    pub fn betas(self, betas: [f64; 2]) -> Self {
        Self { betas, ..self }
    }
}

impl<T: Element> Optimizer<T> for Adam<T> {
    fn descend(&mut self, params: &Params<T>, gradients: &NamedTensors<T>, lr: f64) -> Vec<String> {
        let [b1, b2] = self.betas.map(T::of);
        let [rest1, rest2] = self.betas.map(|beta| T::of(1.0 - beta));
        let eps = T::of(self.eps);
        let (pull, shrink) = match self.decay {
            Decay::Coupled(decay) => (T::of(decay), T::one()),
            Decay::Decoupled(decay) => (T::zero(), T::of(1.0 - lr * decay)),
        };
        for_each_gradient(params, gradients, |name, param, grad| {
            let steps = self.state.steps.entry(name.to_string()).or_default();
            *steps += 1;
            // Both averages begin at 0; dividing by 1 − βⁿ makes up for it.
            let [first, second] = self.betas.map(|beta| 1.0 - beta.powf(*steps as f64));
            let (size, root) = (T::of(lr / first), T::of(second.sqrt()));
            let value = param.value();
            let grad = value.zip(grad, |p, g| g + pull * p);
            let mean = self.state.take("exp_avg", name, &value);
            let mean = mean.zip(&grad, |m, g| b1 * m + rest1 * g);
            let square = self.state.take("exp_avg_sq", name, &value);
            let square = square.zip(&grad, |v, g| b2 * v + rest2 * g * g);
            param.set(
                value.zip3(&mean, &square, |p, m, v| {
                    p * shrink - size * m / (v.sqrt() / root + eps)
                }),
            );
            self.state.put("exp_avg", name, mean);
            self.state.put("exp_avg_sq", name, square);
        })
    }

    fn state(&self) -> &OptimizerState<T> {
        &self.state
    }

    fn restore(&mut self, state: OptimizerState<T>) {
        self.state = state;
    }
}
