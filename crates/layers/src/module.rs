//! A function with named parameters.

use crate::{LayerCall, Mode, Param, Trace};
use mirrorgrad_autograd::{Var, no_grad};
use mirrorgrad_tensor::{Element, Tensor};

/// A layer or a network: a function of one variable, with parameters that have names.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Mode, Module, Names, Param, named_params};
/// # use mirrorgrad_tensor::Tensor;
/// struct Scale {
///     factor: Param,
/// }
///
/// impl Module for Scale {
///     fn forward(&self, x: &Var, _: &Mode) -> Var {
///         x * &self.factor.var()
///     }
///     fn visit(&self, names: &mut Names<'_>) {
///         names.param("factor", &self.factor);
///     }
/// }
///
/// let layer = Scale { factor: Param::new(Tensor::scalar(2.0)) };
/// let y = layer.forward(&Var::constant([1.0, 2.0].into()), &Mode::Eval);
/// assert_eq!(y.value(), &[2.0, 4.0].into());
/// assert_eq!(named_params(&layer)[0].0, "factor");
/// ```
pub trait Module<T: Element = f32>: Send + Sync {
    /// The function.
    fn forward(&self, x: &Var<T>, mode: &Mode) -> Var<T>;

    /// Names the parameters and the modules inside; a module without either keeps the default. What is
    /// forgotten here is found by the first step of an [`Optimizer`](crate::optim::Optimizer).
    fn visit(&self, names: &mut Names<'_, T>) {
        let _ = names;
    }
}

/// Collects parameters under their path's name, as `encoder.0.weight`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Linear, Mode, Module, Names, Param, named_params};
/// # use mirrorgrad_tensor::Tensor;
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// # struct Scaled {
/// #     gain: Param,
/// #     inner: Linear,
/// # }
/// impl Module for Scaled {
/// #     fn forward(&self, x: &Var, mode: &Mode) -> Var {
/// #         self.inner.forward(x, mode) * self.gain.var()
/// #     }
///     fn visit(&self, names: &mut Names<'_>) {
///         names.param("gain", &self.gain);
///         names.child("inner", &self.inner);
///     }
/// }
/// # let gain = Param::new(Tensor::scalar(2.0));
/// # let scaled = Scaled { gain, inner: Linear::new([2, 3], rng) };
/// let names: Vec<_> = named_params(&scaled).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["gain", "inner.weight", "inner.bias"]);
/// ```
pub struct Names<'a, T: Element = f32> {
    path: String,
    found: &'a mut Vec<(String, Param<T>)>,
}

impl<T: Element> Names<'_, T> {
    /// Names a parameter of this module.
    pub fn param(&mut self, name: &str, param: &Param<T>) {
        let name = format!("{}{name}", self.path);
        param.call(&name);
        self.found.push((name, param.clone()));
    }

    /// What names begin with here: the path of the module, with a dot behind it unless it is empty.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Names a module inside this one.
    pub fn child(&mut self, name: &str, module: &(impl Module<T> + ?Sized)) {
        let path = format!("{}{name}.", self.path);
        module.visit(&mut Names { path, found: self.found });
    }
}

/// All parameters and buffers of a module, in the order it names them. The names are PyTorch's.
///
/// ```
/// # use mirrorgrad_layers::{BatchNorm2d, named_params};
/// let params = named_params(&BatchNorm2d::<f32>::new(4));
/// let (trained, buffers): (Vec<_>, Vec<_>) =
///     params.into_iter().partition(|(_, param)| param.is_trainable());
/// assert!(trained.iter().map(|(name, _)| name).eq(["weight", "bias"]));
/// assert!(buffers.iter().map(|(name, _)| name).eq(["running_mean", "running_var"]));
/// ```
pub fn named_params<T: Element>(module: &(impl Module<T> + ?Sized)) -> Vec<(String, Param<T>)> {
    let mut found = Vec::new();
    module.visit(&mut Names { path: String::new(), found: &mut found });
    found
}

/// One row of a [`summary`]: a layer's name, its call, and the numbers it trains.
pub type SummaryRow = (String, LayerCall, usize);

/// What every layer does to an input of `shape`: a name (empty for layers without parameters), the
/// call, and how many numbers it trains.
///
/// ```
/// # use mirrorgrad_layers::{Conv2d, MaxPool2d, Sequential, summary};
/// # use mirrorgrad_tensor::Window;
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let net = Sequential::<f32>::new()
///     .with(Conv2d::new([3, 8], Window::square(3).padding(1), rng))
///     .with(MaxPool2d::square(2));
/// let rows = summary(&net, &[1, 3, 16, 16]);
/// let (layer, call, trained) = &rows[0];
/// assert_eq!((layer.as_str(), call.kind, *trained), ("0", "Conv2d", 8 * 27 + 8));
/// assert_eq!(rows[1].1.shape, [1, 8, 8, 8]);
/// ```
///
/// # Panics
/// If the module does not take an input of that shape.
#[track_caller]
pub fn summary<T: Element>(module: &(impl Module<T> + ?Sized), shape: &[usize]) -> Vec<SummaryRow> {
    let mode = Mode::Trace(Trace::default());
    no_grad(|| module.forward(&Var::constant(Tensor::zeros(shape)), &mode));
    let Mode::Trace(trace) = mode else { unreachable!("the mode was set above") };
    let params = named_params(module);
    let row = |call: LayerCall| {
        let layer = layer_of(&call, &params);
        let inside = |name: &str| name.rsplit_once('.').map_or("", |(path, _)| path) == layer;
        let trained = params.iter().filter(|(name, param)| inside(name) && param.is_trainable());
        let count = trained.map(|(_, param)| param.value().len()).sum();
        let count = if layer.is_empty() { 0 } else { count };
        (layer.to_owned(), call, count)
    };
    trace.into_calls().into_iter().map(row).collect()
}

/// The name of the layer that made a call; empty if it has no parameters.
pub(crate) fn layer_of<'a, T: Element>(
    call: &LayerCall,
    params: &'a [(String, Param<T>)],
) -> &'a str {
    let own = params.iter().find(|(_, param)| call.is_of(param));
    own.and_then(|(name, _)| name.rsplit_once('.')).map_or("", |(layer, _)| layer)
}
