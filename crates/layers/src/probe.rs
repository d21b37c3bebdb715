//! Where in a network a number was lost.

use crate::module::layer_of;
use crate::{Draws, LayerCall, Module, Params, Pass};
use mirrorgrad_autograd::{Var, no_grad};
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::BTreeSet;
use std::fmt;

/// The first place in a training step whose numbers are not finite.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Direction, Draws, Fault, Linear, Sequential};
/// # use mirrorgrad_layers::{Params, find_fault};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let (first, second) = (Linear::new([2, 3], rng), Linear::new([3, 1], rng));
/// let net = Sequential::<f32>::new().with(first).with(second);
/// Params::of(&net)[3].1.set([f32::INFINITY].into()); // The second layer's bias.
/// let x = Var::constant([[1.0_f32, 2.0]].into());
/// let fault = find_fault(&net, &x, Draws::new(0, 0), |y| y.sum());
/// let (layer, value) = ("1".to_string(), f64::INFINITY);
/// assert_eq!(fault, Some(Fault { layer, direction: Direction::Forward, value }));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The layer: its path, as `stages.0.conv1`; of a layer without parameters its kind and where it is
    /// called, as `MaxPool2d at stages.0`; `loss` for what is made of the scores.
    pub layer: String,
    /// On the way there or back.
    pub direction: Direction,
    /// The number.
    pub value: f64,
}

/// Which way a value travels.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Direction, Draws, Linear, Sequential, find_fault};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let net = Sequential::<f32>::new().with(Linear::new([2, 1], rng));
/// let x = Var::constant([[1.0_f32, 2.0]].into());
/// // At 0 the root is finite, but its slope is not.
/// let fault = find_fault(&net, &x, Draws::new(0, 0), |y| (y - y).sqrt().sum());
/// let found = fault.map(|fault| (fault.layer, fault.direction));
/// assert_eq!(found, Some(("0".to_string(), Direction::Backward)));
/// assert_eq!(Direction::Backward.to_string(), "backward");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// The layer's result.
    Forward,
    /// The gradient that arrives at the layer's result, or that the layer finds for its parameters.
    Backward,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forward => "forward",
            Self::Backward => "backward",
        })
    }
}

/// Repeats a training step, `loss` of the module's result for `x` with these draws, and looks at every
/// layer's result in turn, then at the gradients on their way back: the first that are not finite.
/// `None` if all are. Watching every step would cost time; a step that went wrong is repeated exactly.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Draws, Linear, Sequential, find_fault};
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let net = Sequential::<f32>::new().with(Linear::new([2, 1], rng));
/// let x = Var::constant(Tensor::<f32>::ones([4, 2]));
/// assert_eq!(find_fault(&net, &x, Draws::new(0, 0), |y| y.mean()), None);
/// let fault = find_fault(&net, &x, Draws::new(0, 0), |y| y.mean().add_scalar(f32::INFINITY));
/// assert_eq!(fault.map(|fault| fault.layer), Some("loss".to_string()));
/// ```
pub fn find_fault<T: Element>(
    module: &(impl Module<T> + ?Sized),
    x: &Var<T>,
    draws: Draws,
    loss: impl FnOnce(&Var<T>) -> Var<T>,
) -> Option<Fault> {
    let pass = Pass::train(draws).traced_with_results();
    let loss = loss(&module.forward(x, &pass));
    let params = Params::of(module);
    let with_params: BTreeSet<&str> = params.iter().map(|(name, _)| layer_of(name)).collect();
    let place = |call: &LayerCall<T>| match call.path.as_str() {
        path if with_params.contains(path) => path.to_owned(),
        "" => call.kind.to_owned(),
        path => format!("{} at {path}", call.kind),
    };
    let calls = pass.calls();
    let results: Vec<(String, &Var<T>)> =
        calls.iter().filter_map(|call| Some((place(call), call.result.as_ref()?))).collect();
    let fault = |layer: &str, direction, tensor: &Tensor<T>| {
        let value = tensor.as_slice().iter().find(|value| !value.is_finite())?.as_f64();
        Some(Fault { layer: layer.to_owned(), direction, value })
    };
    let forward = results.iter().find_map(|(layer, y)| fault(layer, Direction::Forward, y.value()));
    if let Some(fault) = forward.or_else(|| fault("loss", Direction::Forward, loss.value())) {
        return Some(fault);
    }
    let tracked: Vec<_> = results.iter().filter(|(_, y)| y.is_tracked()).collect();
    let wanted: Vec<&Var<T>> = tracked.iter().map(|(_, y)| *y).collect();
    let grads = no_grad(|| loss.grad(&wanted));
    let mut back = tracked.iter().zip(&grads).rev();
    let at_results =
        back.find_map(|((layer, _), grad)| fault(layer, Direction::Backward, grad.value()));
    at_results.or_else(|| {
        let trained = params.iter().filter(|(_, param)| param.is_trainable());
        let (names, vars): (Vec<_>, Vec<_>) =
            trained.map(|(name, param)| (name, param.var())).unzip();
        let grads = no_grad(|| loss.grad(&vars.iter().collect::<Vec<_>>()));
        let mut each = names.iter().zip(&grads);
        each.find_map(|(name, grad)| fault(name, Direction::Backward, grad.value()))
    })
}
