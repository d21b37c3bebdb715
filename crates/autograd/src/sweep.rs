//! The way back: from a value to all it was made of, newest call first.

use crate::graph::Node;
use crate::var::{Var, is_recording, no_grad};
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl<T: Element> Var<T> {
    /// The gradients of this single number with respect to each of `wrt`, themselves differentiable.
    /// A variable that this one does not depend on has a gradient of zeros.
    ///
    /// # Panics
    /// If this is not one number, or one of `wrt` is not tracked: its gradient does not exist.
    #[track_caller]
    pub fn grad(&self, wrt: &[&Var<T>]) -> Vec<Var<T>> {
        self.check_scalar("grad");
        self.grad_with(&Var::constant(Tensor::ones(self.shape())), wrt)
    }

    /// The gradients of ⟨self, cotangent⟩ with respect to each of `wrt`, differentiable also in the
    /// cotangent.
    ///
    /// # Panics
    /// If the cotangent has another shape, or one of `wrt` is not tracked.
    #[track_caller]
    pub fn grad_with(&self, cotangent: &Var<T>, wrt: &[&Var<T>]) -> Vec<Var<T>> {
        let (own, got) = (self.shape(), cotangent.shape());
        assert!(own == got, "grad_with: cotangent of another shape: expected {own:?}, got {got:?}");
        let ids: Vec<u64> = wrt.iter().filter_map(|v| Some(v.node()?.id)).collect();
        if let Some(untracked) = wrt.iter().find(|v| !v.is_tracked()) {
            let shape = untracked.shape();
            panic!("grad: asked for the gradient of an untracked variable, of shape {shape:?}");
        }
        let wanted: BTreeSet<u64> = ids.iter().copied().collect();
        let mut found = BTreeMap::new();
        // Nothing older than the oldest wanted variable can lead to one.
        if let (Some(root), Some(&oldest)) = (self.node(), wanted.first()) {
            sweep(Arc::clone(root), cotangent.clone(), oldest, |node, grad| {
                if wanted.contains(&node.id) {
                    found.insert(node.id, grad.clone());
                }
            });
        }
        let zeros = |v: &Var<T>| Var::constant(Tensor::zeros(v.shape()));
        ids.iter()
            .zip(wrt)
            .map(|(id, v)| found.get(id).cloned().unwrap_or_else(|| zeros(v)))
            .collect()
    }

    /// The gradients of this single number with respect to every parameter it depends on, as plain
    /// tensors. The graph is freed as the sweep passes, unless somebody else holds on to it.
    ///
    /// # Panics
    /// If this is not one number, or depends on no parameter (it was computed under
    /// [`no_grad`](crate::no_grad), or from constants).
    #[track_caller]
    pub fn backward(self) -> Gradients<T> {
        self.check_scalar("backward");
        let seed = Var::constant(Tensor::ones(self.shape()));
        let root = self.into_node().expect("backward: the value depends on no parameter");
        let mut found = BTreeMap::new();
        no_grad(|| {
            sweep(root, seed, 0, |node, grad| {
                if node.record.is_none() {
                    found.insert(node.id, grad.value().clone());
                }
            });
        });
        Gradients(found)
    }

    #[track_caller]
    fn check_scalar(&self, name: &str) {
        assert!(
            self.value().len() == 1,
            "{name}: expected a single number, got shape {:?}; see grad_with",
            self.shape()
        );
    }
}

/// Visits `root` and all it was made of down to the id `oldest`, with each one's gradient.
/// Gradients that arrive at one place by several ways are added here and nowhere else.
fn sweep<T: Element>(
    root: Arc<Node<T>>,
    seed: Var<T>,
    oldest: u64,
    mut visit: impl FnMut(&Node<T>, &Var<T>),
) {
    let mut pending = BTreeMap::from([(root.id, (root, seed))]);
    while let Some((id, (node, grad))) = pending.pop_last() {
        if id < oldest {
            break;
        }
        visit(&node, &grad);
        if id == oldest {
            break; // What this one was made of, nobody wants.
        }
        let Some(record) = &node.record else { continue };
        for (operand, part) in record.operands.iter().zip(parts(&node, grad)) {
            let (Some(parent), Some(part)) = (&operand.node, part) else { continue };
            debug_assert_eq!(*part.shape(), *operand.shape, "{record:?}");
            let total = match pending.remove(&parent.id) {
                Some((_, sum)) if is_recording() => sum + part,
                Some((_, sum)) => Var::constant(sum.into_value().plus(part.value())),
                None => part,
            };
            pending.insert(parent.id, (Arc::clone(parent), total));
        }
    }
}

/// The gradients that one call passes on to its operands.
fn parts<T: Element>(node: &Arc<Node<T>>, grad: Var<T>) -> Vec<Option<Var<T>>> {
    let record = node.record.as_ref().expect("only calls pass gradients on");
    let wanted: Vec<bool> = record.operands.iter().map(|operand| operand.node.is_some()).collect();
    if !is_recording()
        && let Some(parts) = record.fused(&wanted, node, grad.value())
    {
        return parts.into_iter().map(|part| part.map(Var::constant)).collect();
    }
    let vjp = |(i, &wanted): (usize, &bool)| wanted.then(|| record.vjp(i, node, &grad));
    wanted.iter().enumerate().map(vjp).collect()
}

/// What [`Var::backward`] found: a gradient for every parameter that was reached.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// let w = Var::parameter([3.0_f64, 4.0].into());
/// let grads = (&w * &w).sum().backward();
/// assert_eq!(grads.get(&w), Some(&[6.0, 8.0].into()));
/// assert_eq!(grads.norm(), 10.0);
/// assert_eq!(grads.scaled(0.5).plus(&grads).norm(), 15.0);
/// let other = Var::parameter([1.0].into());
/// assert_eq!(grads.get(&other), None); // The sum did not depend on it.
/// assert_eq!(grads.except(&[&other]), [&[6.0, 8.0].into()]);
/// assert_eq!(grads.only(&[&other]).norm(), 0.0);
/// ```
#[derive(Clone, Debug)]
pub struct Gradients<T: Element = f32>(BTreeMap<u64, Tensor<T>>);

impl<T: Element> Gradients<T> {
    /// The gradient with respect to `parameter`; `None` if the value did not depend on it.
    pub fn get(&self, parameter: &Var<T>) -> Option<&Tensor<T>> {
        self.0.get(&parameter.node()?.id)
    }

    /// The Euclidean norm of all gradients together, the same bits whenever each parameter was set.
    pub fn norm(&self) -> T {
        let mut squares: Vec<T> = self.0.values().map(|grad| grad.dot(grad)).collect();
        // In an order that the numbers have by themselves: ids tell which parameter was set last.
        squares.sort_by(|a, b| a.as_f64().total_cmp(&b.as_f64()));
        squares.into_iter().sum::<T>().sqrt()
    }

    /// The gradients of these parameters alone.
    #[must_use]
    pub fn only(&self, parameters: &[&Var<T>]) -> Self {
        let ids = parameters.iter().filter_map(|parameter| Some(parameter.node()?.id));
        Self(ids.filter_map(|id| Some((id, self.0.get(&id)?.clone()))).collect())
    }

    /// The gradients of all parameters but these: of those that somebody forgot, or left out.
    pub fn except(&self, parameters: &[&Var<T>]) -> Vec<&Tensor<T>> {
        let known: BTreeSet<u64> =
            parameters.iter().filter_map(|parameter| Some(parameter.node()?.id)).collect();
        self.0.iter().filter(|(id, _)| !known.contains(id)).map(|(_, grad)| grad).collect()
    }

    /// All gradients times `factor`.
    pub fn scaled(&self, factor: T) -> Self {
        Self(self.0.iter().map(|(id, grad)| (*id, grad.map(|g| g * factor))).collect())
    }

    /// The gradients of the sum of what these and `other` are the gradients of.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (id, more) in &other.0 {
            let sum = match self.0.remove(id) {
                Some(grad) => grad.plus(more),
                None => more.clone(),
            };
            self.0.insert(*id, sum);
        }
        self
    }
}
