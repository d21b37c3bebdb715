//! One module after another.

use crate::{Mode, Module, Names};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::Element;

/// Modules applied one after another; their names are their numbers.
///
/// ```
/// # use mirrorgrad_layers::{Activation, Conv2d, Sequential, named_params};
/// # use mirrorgrad_tensor::Window;
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let net = Sequential::<f32>::new()
///     .with(Conv2d::new([3, 8], Window::square(3).padding(1), rng))
///     .with(Activation::Relu)
///     .with(Conv2d::new([8, 2], Window::square(1), rng));
/// let names: Vec<_> = named_params(&net).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
/// ```
#[derive(Default)]
pub struct Sequential<T: Element = f32> {
    modules: Vec<Box<dyn Module<T>>>,
}

impl<T: Element> Sequential<T> {
    /// No modules yet: the identity.
    pub fn new() -> Self {
        Self { modules: Vec::new() }
    }

    /// With one more module at the end.
    #[must_use]
    pub fn with(mut self, module: impl Module<T> + 'static) -> Self {
        self.modules.push(Box::new(module));
        self
    }
}

impl<T: Element> Module<T> for Sequential<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>, mode: &Mode) -> Var<T> {
        self.modules.iter().fold(x.clone(), |x, module| module.forward(&x, mode))
    }

    fn visit(&self, names: &mut Names<'_, T>) {
        for (i, module) in self.modules.iter().enumerate() {
            names.child(&i.to_string(), module.as_ref());
        }
    }
}
