//! Where in a network a number was lost.

use crate::module::layer_of;
use crate::{Draws, LayerCall, Mode, Module, Trace, named_params};
use mirrorgrad_autograd::{Var, no_grad};
use mirrorgrad_tensor::{Element, Tensor};
use std::fmt;

/// The first place in a training step whose numbers are not finite.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Direction, Draws, Fault, Linear, Sequential};
/// # use mirrorgrad_layers::{find_fault, named_params};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let (first, second) = (Linear::new([2, 3], rng), Linear::new([3, 1], rng));
/// let net = Sequential::<f32>::new().with(first).with(second);
/// named_params(&net)[3].1.set([f32::INFINITY].into()); // The second layer's bias.
/// let x = Var::constant([[1.0_f32, 2.0]].into());
/// let fault = find_fault(&net, &x, Draws::new(0, 0), |y| y.sum());
/// let (layer, value) = ("1".to_string(), f64::INFINITY);
/// assert_eq!(fault, Some(Fault { layer, direction: Direction::Forward, value }));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// The layer: its path, as `stages.0.conv1`; of a layer without parameters its kind and the layer
    /// before it; `loss` for what is made of the scores.
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
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
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
/// As in any training step, running statistics follow the batch.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Draws, Linear, Sequential, find_fault};
/// # use mirrorgrad_tensor::Tensor;
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let net = Sequential::<f32>::new().with(Linear::new([2, 1], rng));
/// let x = Var::constant(Tensor::<f32>::ones([4, 2]));
/// assert_eq!(find_fault(&net, &x, Draws::new(0, 0), |y| y.mean()), None);
/// let fault = find_fault(&net, &x, Draws::new(0, 0), |y| y.mean().shift(f32::INFINITY));
/// assert_eq!(fault.map(|fault| fault.layer), Some("loss".to_string()));
/// ```
pub fn find_fault<T: Element>(
    module: &(impl Module<T> + ?Sized),
    x: &Var<T>,
    draws: Draws,
    loss: impl FnOnce(&Var<T>) -> Var<T>,
) -> Option<Fault> {
    let mode = Mode::Probe(draws, Trace::default());
    let loss = loss(&module.forward(x, &mode));
    let Mode::Probe(_, trace) = mode else { unreachable!("the mode was set above") };
    let (params, calls) = (named_params(module), trace.into_calls());
    let results: Vec<(String, &Var<T>)> = calls
        .iter()
        .scan(String::new(), |last, call| Some((place(call, layer_of(call, &params), last), call)))
        .filter_map(|(layer, call)| Some((layer, call.result()?)))
        .collect();
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

/// How a call is named, and remembers the last layer that had a name.
fn place(call: &LayerCall, layer: &str, last: &mut String) -> String {
    if layer.is_empty() {
        return format!("{} after {last}", call.kind);
    }
    layer.clone_into(last);
    layer.to_owned()
}
