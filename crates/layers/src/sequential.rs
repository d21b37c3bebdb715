//! One module after another.

use crate::place::Inside;
use crate::{Mode, Module, Names, named_params};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::Element;
use std::sync::{Arc, PoisonError, RwLock};

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
    modules: Vec<Box<dyn Part<T>>>,
    /// Its path with a dot behind it, as it was named last.
    path: RwLock<Arc<str>>,
}

/// A module in a box, which a panic's line finds its way through: it is a caller's, whom `dyn` forgets
/// unless the trait itself says so.
trait Part<T: Element>: Module<T> {
    #[track_caller]
    fn run(&self, x: &Var<T>, mode: &Mode) -> Var<T>;
}

impl<T: Element, M: Module<T>> Part<T> for M {
    fn run(&self, x: &Var<T>, mode: &Mode) -> Var<T> {
        self.forward(x, mode)
    }
}

impl<T: Element> Sequential<T> {
    /// No modules yet: the identity.
    pub fn new() -> Self {
        Self { modules: Vec::new(), path: RwLock::default() }
    }

    /// With one more module at the end.
    #[must_use]
    pub fn with(mut self, module: impl Module<T> + 'static) -> Self {
        self.modules.push(Box::new(module));
        named_params(&self); // Layers know their place from the beginning.
        self
    }
}

impl<T: Element> Module<T> for Sequential<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>, mode: &Mode) -> Var<T> {
        let path = Arc::clone(&self.path.read().unwrap_or_else(PoisonError::into_inner));
        let mut x = x.clone();
        for (i, module) in self.modules.iter().enumerate() {
            let _inside = Inside::part(&path, i);
            x = module.run(&x, mode);
        }
        x
    }

    fn visit(&self, names: &mut Names<'_, T>) {
        *self.path.write().unwrap_or_else(PoisonError::into_inner) = names.path().into();
        for (i, module) in self.modules.iter().enumerate() {
            names.child(&i.to_string(), module.as_ref());
        }
    }
}
