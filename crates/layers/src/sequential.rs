//! One module after another.

use crate::{Module, Pass, Visitor};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::Element;

/// Modules applied one after another; their names are their numbers.
///
/// ```
/// # use mirrorgrad_layers::{Activation, Conv2d, Params, Sequential};
/// # use mirrorgrad_tensor::Window;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let net = Sequential::<f32>::new()
///     .with(Conv2d::new([3, 8], Window::square(3).padding(1), rng))
///     .with(Activation::Relu)
///     .with(Conv2d::new([8, 2], Window::square(1), rng));
/// let names: Vec<_> = Params::of(&net).into_iter().map(|(name, _)| name).collect();
/// assert_eq!(names, ["0.weight", "0.bias", "2.weight", "2.bias"]);
/// ```
#[derive(Default)]
pub struct Sequential<T: Element = f32> {
    modules: Vec<Box<dyn Part<T>>>,
}

/// A module in a box, which a panic's line finds its way through: it is a caller's, whom `dyn` forgets
/// unless the trait itself says so.
trait Part<T: Element>: Module<T> {
    #[track_caller]
    fn run(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T>;
}

impl<T: Element, M: Module<T>> Part<T> for M {
    fn run(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        self.forward(x, pass)
    }
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
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let mut x = x.clone();
        for (i, module) in self.modules.iter().enumerate() {
            x = module.run(&x, &pass.child(i));
        }
        x
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        for (i, module) in self.modules.iter().enumerate() {
            visitor.child(i, module.as_ref());
        }
    }
}
