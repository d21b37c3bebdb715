//! A function with named parameters.

use crate::{LayerCall, Param, Params, Pass};
use mirrorgrad_autograd::{Var, no_grad};
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::BTreeMap;
use std::fmt::Display;

/// A layer or a network: a function of one variable, with parameters that have names.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Module, Param, Params, Pass, Visitor};
/// # use mirrorgrad_tensor::Tensor;
/// struct Scale {
///     factor: Param,
/// }
///
/// impl Module for Scale {
///     fn forward(&self, x: &Var, _: &Pass) -> Var {
///         x * &self.factor.var()
///     }
///     fn visit(&self, visitor: &mut Visitor<'_>) {
///         visitor.param("factor", &self.factor);
///     }
/// }
///
/// let layer = Scale { factor: Param::new(Tensor::scalar(2.0)) };
/// let y = layer.forward(&Var::constant([1.0, 2.0].into()), &Pass::eval());
/// assert_eq!(y.value(), &[2.0, 4.0].into());
/// assert_eq!(Params::of(&layer)[0].0, "factor");
/// ```
pub trait Module<T: Element = f32>: Send + Sync {
    /// The function.
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T>;

    /// Names the parameters and the modules inside; a module without either keeps the default. What is
    /// forgotten here is found by the first [`Params::backward`].
    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        let _ = visitor;
    }
}

/// Collects parameters under their path's name, as `encoder.0.weight`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Linear, Module, Param, Params, Pass, Visitor};
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// # struct Scaled {
/// #     gain: Param,
/// #     inner: Linear,
/// # }
/// impl Module for Scaled {
///     fn forward(&self, x: &Var, pass: &Pass) -> Var {
///         self.inner.forward(x, &pass.child("inner")) * self.gain.var()
///     }
///     fn visit(&self, visitor: &mut Visitor<'_>) {
///         visitor.param("gain", &self.gain);
///         visitor.child("inner", &self.inner);
///     }
/// }
/// # let gain = Param::new(Tensor::scalar(2.0));
/// # let scaled = Scaled { gain, inner: Linear::new([2, 3], rng) };
/// let names: Vec<_> = Params::of(&scaled).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["gain", "inner.weight", "inner.bias"]);
/// ```
pub struct Visitor<'a, T: Element = f32> {
    /// What names begin with here: the path of the module with a dot behind it, or nothing.
    prefix: String,
    found: &'a mut Vec<(String, Param<T>)>,
}

impl<'a, T: Element> Visitor<'a, T> {
    pub(crate) fn new(found: &'a mut Vec<(String, Param<T>)>) -> Self {
        Self { prefix: String::new(), found }
    }

    /// Names a parameter of this module.
    pub fn param(&mut self, name: &str, param: &Param<T>) {
        self.found.push((format!("{}{name}", self.prefix), param.clone()));
    }

    /// Names a module inside this one. Its forward is called with [`Pass::child`] of the same name.
    pub fn child(&mut self, name: impl Display, module: &(impl Module<T> + ?Sized)) {
        let prefix = format!("{}{name}.", self.prefix);
        module.visit(&mut Visitor { prefix, found: self.found });
    }
}

/// What every layer does to an input of `shape`: its call, and how many numbers it trains.
///
/// ```
/// # use mirrorgrad_layers::{Conv2d, MaxPool2d, Sequential, summary};
/// # use mirrorgrad_tensor::Window;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let net = Sequential::<f32>::new()
///     .with(Conv2d::new([3, 8], Window::square(3).padding(1), rng))
///     .with(MaxPool2d::square(2));
/// let rows = summary(&net, &[1, 3, 16, 16]);
/// let (call, trained) = &rows[0];
/// assert_eq!((call.path.as_str(), call.kind, *trained), ("0", "Conv2d", 8 * 27 + 8));
/// assert_eq!(rows[1].0.shape, [1, 8, 8, 8]);
/// ```
///
/// # Panics
/// If the module does not take an input of that shape.
#[track_caller]
pub fn summary<T: Element>(
    module: &(impl Module<T> + ?Sized),
    shape: &[usize],
) -> Vec<(LayerCall<T>, usize)> {
    let pass = Pass::eval().traced();
    no_grad(|| module.forward(&Var::constant(Tensor::zeros(shape)), &pass));
    // What a layer trains is counted at its first call.
    let mut trained: BTreeMap<String, usize> = BTreeMap::new();
    for (name, param) in Params::of(module).trainable() {
        *trained.entry(layer_of(name).to_owned()).or_default() += param.value().len();
    }
    let row = |call: LayerCall<T>| {
        let count = trained.remove(&call.path).unwrap_or_default();
        (call, count)
    };
    pass.calls().into_iter().map(row).collect()
}

/// The path of the layer that has a parameter of this name; empty for a module without parts.
pub(crate) fn layer_of(name: &str) -> &str {
    name.rsplit_once('.').map_or("", |(layer, _)| layer)
}
