//! All parameters of a network, by name.

use crate::weights::NamedTensors;
use crate::{Contribution, Module, Param, Pass, Update, Visitor};
use mirrorgrad_autograd::Var;
use mirrorgrad_autograd::record::Id;
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

/// All parameters and buffers of a module with their names, which are PyTorch's, in the order in which
/// the module names them. A list of `(name, parameter)`.
///
/// ```
/// # use mirrorgrad_layers::{BatchNorm2d, Params};
/// let params = Params::of(&BatchNorm2d::<f32>::new(4));
/// let names: Vec<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
/// assert_eq!(names, ["weight", "bias", "running_mean", "running_var"]);
/// assert_eq!(params.trainable().count(), 2); // The others are buffers.
/// assert_eq!(params.values()["running_var"], [1.0; 4].into());
/// ```
#[derive(Clone, Debug)]
pub struct Params<T: Element = f32> {
    named: Vec<(String, Param<T>)>,
}

/// Gradients of unnamed parameters that a message shows.
const SHOWN: usize = 6;

impl<T: Element> Params<T> {
    /// Those of a module.
    pub fn of(module: &(impl Module<T> + ?Sized)) -> Self {
        let mut named = Vec::new();
        module.visit(&mut Visitor::new(&mut named));
        Self { named }
    }

    /// The parameter of this name.
    pub fn get(&self, name: &str) -> Option<&Param<T>> {
        self.named.iter().find(|(own, _)| own == name).map(|(_, param)| param)
    }

    /// Those that gradients reach. A parameter with two names is here once, under its first.
    pub fn trainable(&self) -> impl Iterator<Item = &(String, Param<T>)> {
        // Places are told apart by their variables, before anybody replaces one.
        let mut seen = BTreeSet::new();
        let trainable = self.named.iter().filter(|(_, param)| param.is_trainable());
        let distinct: Vec<_> = trainable.filter(|(_, p)| seen.insert(p.var().id())).collect();
        distinct.into_iter()
    }

    /// How many numbers gradients reach.
    pub fn trainable_len(&self) -> usize {
        self.trainable().map(|(_, param)| param.value().len()).sum()
    }

    /// All values.
    pub fn values(&self) -> NamedTensors<T> {
        self.named.iter().map(|(name, param)| (name.clone(), param.value())).collect()
    }

    /// The way back of a training step: the gradients of `loss`, and what the forward `pass` observed.
    /// The graph is freed.
    ///
    /// ```
    /// # use mirrorgrad_autograd::Var;
    /// # use mirrorgrad_layers::{Draws, Linear, Module, Params, Pass};
    /// # let rng = &mut mirrorgrad_layers::seeded(0);
    /// let net = Linear::new([2, 1], rng);
    /// let pass = Pass::train(Draws::new(0, 0));
    /// let y = net.forward(&Var::constant([[3.0_f32, 4.0]].into()), &pass);
    /// let step = Params::of(&net).backward(y.sum(), pass);
    /// assert_eq!(step.gradients["weight"], [[3.0, 4.0]].into());
    /// assert_eq!(step.gradients["bias"], [1.0].into());
    /// ```
    ///
    /// # Panics
    /// If `loss` is not one number or depends on no parameter, or if it depends on one that is not here:
    /// of a layer that its module forgets to name in [`Module::visit`], which would be neither trained nor
    /// saved.
    #[track_caller]
    pub fn backward(&self, loss: Var<T>, pass: Pass<T>) -> Contribution<T> {
        let value = loss.value().clone();
        let mut gradients = NamedTensors::new();
        self.backward_each(loss, |name, gradient| drop(gradients.insert(name.into(), gradient)));
        Contribution::new(value.item(), gradients, pass.finish())
    }

    /// Hands each parameter's gradient to `ready` as soon as it is complete, in the order of [`reached`](Self::reached);
    /// what the pass observed stays there.
    ///
    /// ```
    /// # use mirrorgrad_autograd::Var;
    /// # use mirrorgrad_layers::{Linear, Module, Params, Pass, Sequential};
    /// # let rng = &mut mirrorgrad_layers::seeded(0);
    /// let net = Sequential::new().with(Linear::new([2, 3], rng)).with(Linear::new([3, 1], rng));
    /// let loss = net.forward(&Var::constant([[3.0_f32, 4.0]].into()), &Pass::eval()).sum();
    /// let params = Params::of(&net);
    /// let (names, mut found) = (params.reached(&loss), Vec::new());
    /// params.backward_each(loss, |name, _| found.push(name.to_owned()));
    /// assert_eq!(found, names);
    /// assert_eq!((&found[0][..2], &found[3][..2]), ("1.", "0."));
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[track_caller]
    pub fn backward_each(&self, loss: Var<T>, mut ready: impl FnMut(&str, Tensor<T>)) {
        let (names, mut others) = (self.trainable_names(), BTreeMap::new());
        loss.backward_each(|id, gradient| match names.get(&id) {
            Some(name) => ready(name, gradient),
            None => drop(others.insert(id, gradient)),
        });
        self.refuse_unnamed(&others.into_values().collect::<Vec<_>>());
    }

    /// The names of the trained parameters that a value depends on, in the order in which
    /// [`backward_each`](Self::backward_each) completes their gradients.
    pub fn reached(&self, value: &Var<T>) -> Vec<String> {
        let names = self.trainable_names();
        let named = |id| names.get(&id).map(|&name| name.to_owned());
        value.parameters().into_iter().filter_map(named).collect()
    }

    fn trainable_names(&self) -> BTreeMap<Id, &str> {
        self.trainable()
            .filter_map(|(name, param)| Some((param.var().id()?, name.as_str())))
            .collect()
    }

    /// Moves running averages towards what a pass observed, in order.
    ///
    /// # Panics
    /// If an average is not here (a module calls a part of its own without [`Pass::child`]), or has another
    /// shape.
    #[track_caller]
    pub fn update(&self, updates: &[Update<T>]) {
        for Update { name, observed, momentum } in updates {
            let Some(param) = self.get(name) else {
                panic!(
                    "update: expected the name of a parameter, got {name:?}: does a module call its submodules \
                     without `pass.child(name)`?"
                )
            };
            let (own, got) = (param.value(), observed.shape());
            assert!(own.shape() == got, "update: {name}: expected {:?}, got {got:?}", own.shape());
            let part = T::of(*momentum);
            param.set(own.zip(observed, |old, new| old + part * (new - old)));
        }
    }

    #[track_caller]
    fn refuse_unnamed(&self, others: &[Tensor<T>]) {
        if others.is_empty() {
            return;
        }
        let shapes: Vec<_> = others.iter().take(SHOWN).map(Tensor::shape).collect();
        panic!(
            "backward: expected gradients of only the {} named parameters, got {} of others, of shapes \
             {shapes:?}{}: is a layer forgotten in `visit`? Name it there with `visitor.child`, a \
             parameter with `visitor.param`",
            self.named.len(),
            others.len(),
            if others.len() > SHOWN { " and more" } else { "" },
        );
    }
}

impl<T: Element> FromIterator<(String, Param<T>)> for Params<T> {
    fn from_iter<I: IntoIterator<Item = (String, Param<T>)>>(named: I) -> Self {
        Self { named: named.into_iter().collect() }
    }
}

impl<T: Element> Deref for Params<T> {
    type Target = [(String, Param<T>)];

    fn deref(&self) -> &Self::Target {
        &self.named
    }
}

impl<T: Element> IntoIterator for Params<T> {
    type Item = (String, Param<T>);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.named.into_iter()
    }
}

impl<'a, T: Element> IntoIterator for &'a Params<T> {
    type Item = &'a (String, Param<T>);
    type IntoIter = std::slice::Iter<'a, (String, Param<T>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.named.iter()
    }
}
