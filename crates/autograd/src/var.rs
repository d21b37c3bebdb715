//! A value that may remember how it was made.

use crate::Op;
use crate::graph::{Kept, Node, Recorded};
use mirrorgrad_tensor::{Element, Tensor};
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

/// A tensor that may remember the call that made it. Cloning shares both.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// let (x, a) = (Var::parameter([1.0_f64, 2.0].into()), Var::constant([10.0_f64].into()));
/// let y = (&x * &x + &a).sum();
/// assert_eq!(y.value().item(), 25.0);
/// assert_eq!(y.grad(&[&x])[0].value(), &[2.0, 4.0].into());
/// assert!(y.is_tracked() && !a.is_tracked() && !y.detach().is_tracked());
/// assert_eq!(format!("{x:?}"), "Tensor<f64>[2] [1.0, 2.0] (parameter)");
/// ```
#[derive(Clone)]
pub struct Var<T: Element = f32> {
    value: Tensor<T>,
    node: Option<Arc<Node<T>>>,
}

/// Which calls of a thread are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recording {
    /// None.
    Nothing,
    /// Those that gradients can be asked of, with what the gradients read.
    Gradients,
    /// Those that depend on the leaf `input`, which all older variables do not.
    Trace { input: u64 },
}

thread_local!(static RECORDING: Cell<Recording> = const { Cell::new(Recording::Gradients) });

/// Runs `f` without recording on this thread. The previous mode returns even if `f` panics.
///
/// ```
/// # use mirrorgrad_autograd::{Var, no_grad};
/// let x = Var::parameter([0.0_f64].into());
/// assert!(x.exp().is_tracked());
/// let y = no_grad(|| x.exp());
/// assert_eq!(y.value(), &[1.0].into());
/// assert!(!y.is_tracked()); // And the graph keeps nothing for it.
/// ```
pub fn no_grad<R>(f: impl FnOnce() -> R) -> R {
    with_recording(Recording::Nothing, f)
}

/// Stops recording on this thread until the guard is dropped: [`no_grad`] for code that is no closure.
///
/// ```
/// # use mirrorgrad_autograd::{Var, no_grad_guard};
/// let x = Var::parameter([0.0_f64].into());
/// let guard = no_grad_guard();
/// assert!(!x.exp().is_tracked());
/// drop(guard);
/// assert!(x.exp().is_tracked());
/// ```
#[must_use = "recording goes on when the guard is dropped"]
pub fn no_grad_guard() -> NoGradGuard {
    NoGradGuard { _restore: Restore::after(Recording::Nothing) }
}

/// Calls on its thread are not recorded while it lives; see [`no_grad_guard`].
///
/// ```
/// # use mirrorgrad_autograd::{NoGradGuard, is_recording, no_grad_guard};
/// let outer: NoGradGuard = no_grad_guard();
/// drop(no_grad_guard());
/// assert!(!is_recording()); // The outer one still lives.
/// ```
#[derive(Debug)]
pub struct NoGradGuard {
    _restore: Restore,
}

/// Whether calls on this thread are recorded so that they can be differentiated.
///
/// ```
/// # use mirrorgrad_autograd::{is_recording, no_grad};
/// assert!(is_recording());
/// assert!(!no_grad(is_recording));
/// // Another thread has a mode of its own.
/// assert!(no_grad(|| std::thread::spawn(is_recording).join().unwrap()));
/// ```
pub fn is_recording() -> bool {
    RECORDING.get() == Recording::Gradients
}

/// Whether all steps are recorded, to be read: those too that change nothing for a picture of this size.
pub(crate) fn is_traced() -> bool {
    matches!(RECORDING.get(), Recording::Trace { .. })
}

pub(crate) fn with_recording<R>(recording: Recording, f: impl FnOnce() -> R) -> R {
    let _restore = Restore::after(recording);
    f()
}

/// Sets back what is recorded, when it is dropped; on the thread it was made on.
#[derive(Debug)]
struct Restore {
    before: Recording,
    stays: PhantomData<*const ()>,
}

impl Restore {
    fn after(recording: Recording) -> Self {
        Self { before: RECORDING.replace(recording), stays: PhantomData }
    }
}

impl Drop for Restore {
    fn drop(&mut self) {
        RECORDING.set(self.before);
    }
}

impl<T: Element> Var<T> {
    /// A leaf of the graph, which gradients can be asked for.
    pub fn parameter(value: Tensor<T>) -> Self {
        Self { value, node: Some(Node::leaf()) }
    }

    /// A value without history.
    pub fn constant(value: Tensor<T>) -> Self {
        Self { value, node: None }
    }

    /// The numbers.
    pub fn value(&self) -> &Tensor<T> {
        &self.value
    }

    /// The size along each axis.
    pub fn shape(&self) -> &[usize] {
        self.value.shape()
    }

    /// Whether gradients flow to or through this variable.
    pub fn is_tracked(&self) -> bool {
        self.node.is_some()
    }

    /// The same numbers without their history.
    pub fn detach(&self) -> Self {
        Self::constant(self.value.clone())
    }

    /// Calls `op`, and records the call if it may be differentiated.
    #[track_caller]
    pub fn apply<O: Op<T>>(op: O, inputs: &[&Var<T>]) -> Self {
        Self::apply_saving(op, inputs).0
    }

    /// As [`Var::apply`], and returns what the op saved as well.
    #[track_caller]
    pub fn apply_saving<O: Op<T>>(op: O, inputs: &[&Var<T>]) -> (Self, O::Saved) {
        let (value, saved) = op.forward(&Self::values(inputs));
        let kept = Kept::of(RECORDING.get(), op.reads(), inputs, &value);
        let node = kept.map(|kept| {
            let saved = saved.clone();
            Node::call(kept, Box::new(Recorded { op, saved }))
        });
        (Self { value, node }, saved)
    }

    fn values<'a>(inputs: &[&'a Self]) -> Vec<&'a Tensor<T>> {
        inputs.iter().map(|input| input.value()).collect()
    }

    pub(crate) fn depends_on(&self, input: u64) -> bool {
        self.node.as_ref().is_some_and(|node| node.depends_on(input))
    }

    pub(crate) fn with_node(value: Tensor<T>, node: Option<Arc<Node<T>>>) -> Self {
        Self { value, node }
    }

    pub(crate) fn node(&self) -> Option<&Arc<Node<T>>> {
        self.node.as_ref()
    }

    pub(crate) fn into_value(self) -> Tensor<T> {
        self.value
    }

    pub(crate) fn into_node(self) -> Option<Arc<Node<T>>> {
        self.node
    }
}

/// Shows the value and the call that made it, not the graph behind.
impl<T: Element> fmt::Debug for Var<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)?;
        match self.node.as_deref() {
            None => write!(f, " (constant)"),
            Some(Node { record: None, .. }) => write!(f, " (parameter)"),
            Some(Node { record: Some(call), .. }) => write!(f, " by {call:?}"),
        }
    }
}
