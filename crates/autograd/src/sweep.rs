//! The way back: from a value to all it was made of, newest call first.

use crate::graph::Node;
use crate::record::Id;
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
        assert!(own == got, "grad_with: expected a cotangent of shape {own:?}, got {got:?}");
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
                    found.insert(node.id, grad);
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
        let mut found = BTreeMap::new();
        self.backward_each(|id, gradient| drop(found.insert(id, gradient)));
        Gradients(found)
    }

    /// As [`backward`](Self::backward), but hands each gradient to `ready` as soon as it is complete, while others are
    /// still to be found: those of the last layers first, in the order of [`parameters`](Self::parameters).
    ///
    /// ```
    /// # use mirrorgrad_autograd::Var;
    /// let [first, last] = [2.0_f64, 5.0].map(|value| Var::parameter([value].into()));
    /// let loss = (&(&first * &first) * &last).sum();
    /// let (order, mut found) = (loss.parameters(), Vec::new());
    /// loss.backward_each(|id, gradient| found.push((id, gradient.item())));
    /// assert_eq!(order, [last.id().unwrap(), first.id().unwrap()]);
    /// assert_eq!(found, [(order[0], 4.0), (order[1], 20.0)]);
    /// ```
    ///
    /// # Panics
    /// As [`backward`](Self::backward).
    #[track_caller]
    pub fn backward_each(self, mut ready: impl FnMut(Id, Tensor<T>)) {
        self.check_scalar("backward");
        let seed = Var::constant(Tensor::ones(self.shape()));
        let root = self
            .into_node()
            .expect("backward: expected a value that depends on a parameter, got a constant");
        no_grad(|| {
            sweep(root, seed, 0, |node, grad| {
                if node.record.is_none() {
                    ready(Id::of(node), grad.into_value());
                }
            });
        });
    }

    /// The parameters that this value depends on, in the order in which [`backward`](Self::backward) completes their
    /// gradients.
    pub fn parameters(&self) -> Vec<Id> {
        let Some(root) = self.node() else { return Vec::new() };
        let readers = Readers::of(root, 0);
        let root_alone = root.record.is_none().then(|| Id::of(root));
        let completed = readers.leaves_of.into_values().rev().flatten();
        root_alone.into_iter().chain(completed.map(Id::from_number)).collect()
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

/// Visits `root` and all it was made of down to the id `oldest`, with each one's gradient: calls from the newest on, and
/// a leaf as soon as the last call that reads it has been. Gradients that arrive at one place by several ways are added
/// here and nowhere else.
fn sweep<T: Element>(
    root: Arc<Node<T>>,
    seed: Var<T>,
    oldest: u64,
    mut visit: impl FnMut(&Node<T>, Var<T>),
) {
    let readers = Readers::of(&root, oldest);
    let mut pending = BTreeMap::from([(root.id, (root, seed))]);
    while let Some((id, (node, grad))) = pending.pop_last() {
        if id < oldest {
            break;
        }
        visit(&node, grad.clone());
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
        for leaf in readers.of_none_after(id) {
            if let Some((leaf, grad)) = pending.remove(leaf) {
                visit(&leaf, grad);
            }
        }
    }
}

/// The calls that read leaves, and no older call does: when one has passed gradients on, those of the leaves are complete.
struct Readers {
    leaves_of: BTreeMap<u64, Vec<u64>>,
}

impl Readers {
    /// Of the calls that `root` was made of, itself one, newer than `oldest`.
    fn of<T: Element>(root: &Arc<Node<T>>, oldest: u64) -> Self {
        let mut reader_of = BTreeMap::new();
        let (mut met, mut pending) = (BTreeSet::from([root.id]), vec![root]);
        while let Some(node) = pending.pop() {
            let operands = node.record.iter().flat_map(|record| &record.operands);
            for parent in operands.filter_map(|operand| operand.node.as_ref()) {
                if parent.record.is_none() {
                    let reader = reader_of.entry(parent.id).or_insert(node.id);
                    *reader = node.id.min(*reader);
                } else if parent.id > oldest && met.insert(parent.id) {
                    pending.push(parent);
                }
            }
        }
        let mut leaves_of: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (leaf, reader) in reader_of {
            leaves_of.entry(reader).or_default().push(leaf);
        }
        Self { leaves_of }
    }

    /// The leaves that no call older than this one reads.
    fn of_none_after(&self, call: u64) -> &[u64] {
        self.leaves_of.get(&call).map_or(&[], |leaves| leaves)
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

/// What [`Var::backward`] found: a gradient for every parameter that was reached. It iterates over
/// `(id, gradient)`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// let (w, other) = (Var::parameter([3.0_f64, 4.0].into()), Var::parameter([1.0].into()));
/// let grads = (&w * &w).sum().backward();
/// assert_eq!(grads.get(&w), Some(&[6.0, 8.0].into()));
/// assert_eq!(grads.get(&other), None); // The sum did not depend on it.
/// assert!(grads.into_iter().map(|(id, _)| Some(id)).eq([w.id()]));
/// ```
#[derive(Clone, Debug)]
pub struct Gradients<T: Element = f32>(BTreeMap<Id, Tensor<T>>);

impl<T: Element> Gradients<T> {
    /// The gradient with respect to `parameter`; `None` if the value did not depend on it.
    pub fn get(&self, parameter: &Var<T>) -> Option<&Tensor<T>> {
        self.0.get(&parameter.id()?)
    }
}

impl<T: Element> IntoIterator for Gradients<T> {
    type Item = (Id, Tensor<T>);
    type IntoIter = std::collections::btree_map::IntoIter<Id, Tensor<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
