//! The record of calls. A node owns its parents and the values its gradients read, nothing else.

use crate::describe::Description;
use crate::var::Recording;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Tensor};
use std::fmt::{self, Debug};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells a variable from all others. Later variables have greater ids.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// let x = Var::parameter([0.0_f64].into());
/// let y = x.exp();
/// assert!(x.id() < y.id());
/// assert_eq!(x.id(), x.clone().id());
/// assert_eq!(y.detach().id(), None); // It is not tracked.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(u64);

impl Id {
    /// Of the variable at this place.
    pub(crate) fn of<T: Element>(node: &Node<T>) -> Self {
        Self(node.id)
    }

    pub(crate) fn from_number(number: u64) -> Self {
        Self(number)
    }

    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// A place in the graph: a leaf, or a recorded call.
pub(crate) struct Node<T: Element> {
    /// Grows along every edge, so descending ids are a topological order.
    pub id: u64,
    /// The call that made the value; a leaf has none.
    pub record: Option<Record<T>>,
}

/// A call, with as much of it as its gradients need.
pub(crate) struct Record<T: Element> {
    pub operands: Vec<Operand<T>>,
    output: Option<Tensor<T>>,
    function: Box<dyn Function<T>>,
}

/// What the graph keeps of a call's values.
pub(crate) struct Kept<T: Element> {
    operands: Vec<Operand<T>>,
    output: Option<Tensor<T>>,
}

/// An operand of a call.
pub(crate) struct Operand<T: Element> {
    /// Where it came from, if gradients flow there.
    pub node: Option<Arc<Node<T>>>,
    /// Its value, if the gradients read it.
    pub value: Option<Tensor<T>>,
    pub shape: Box<[usize]>,
}

impl<T: Element> Node<T> {
    pub fn leaf() -> Arc<Self> {
        Self::new(None)
    }

    /// A call of `function`, of which this is kept.
    pub fn call(kept: Kept<T>, function: Box<dyn Function<T>>) -> Arc<Self> {
        Self::new(Some(Record { operands: kept.operands, output: kept.output, function }))
    }

    /// Whether this is the leaf `input`, or a step recorded since.
    pub fn depends_on(&self, input: u64) -> bool {
        self.id == input || self.id > input && self.record.is_some()
    }

    fn new(record: Option<Record<T>>) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), record })
    }
}

impl<T: Element> Kept<T> {
    /// What is kept of a call whose gradients read this, if the call is recorded.
    pub fn of(
        recording: Recording,
        reads: Reads,
        inputs: &[&Var<T>],
        output: &Tensor<T>,
    ) -> Option<Self> {
        match recording {
            Recording::Gradients if inputs.iter().any(|x| x.is_tracked()) => {
                let operand = |(i, input): (usize, &&Var<T>)| Operand {
                    node: input.node().cloned(),
                    value: reads.reads_input(i).then(|| input.value().clone()),
                    shape: input.shape().into(),
                };
                let operands = inputs.iter().enumerate().map(operand).collect();
                Some(Self { operands, output: reads.reads_output().then(|| output.clone()) })
            }
            Recording::Trace { input } if inputs.iter().any(|x| x.depends_on(input)) => {
                // Of the operands, those are kept that do not depend on the input.
                let operand = |x: &&Var<T>| {
                    let depends = x.depends_on(input);
                    let node = x.node().filter(|_| depends).cloned();
                    let value = (!depends).then(|| x.value().clone());
                    Operand { node, value, shape: x.shape().into() }
                };
                Some(Self { operands: inputs.iter().map(operand).collect(), output: None })
            }
            _ => None,
        }
    }
}

impl<T: Element> Record<T> {
    /// See [`Op::vjp`].
    pub fn vjp(&self, i: usize, node: &Arc<Node<T>>, grad: &Var<T>) -> Var<T> {
        self.function.vjp(i, self.call(node), grad)
    }

    /// See [`Op::fused`].
    pub fn fused(
        &self,
        wanted: &[bool],
        node: &Arc<Node<T>>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        self.function.fused(wanted, self.call(node), grad)
    }

    /// See [`Op::name`].
    pub fn name(&self) -> &'static str {
        self.function.name()
    }

    /// See [`Op::describe`].
    pub fn describe(&self) -> Option<Description> {
        self.function.describe()
    }

    fn call<'a>(&'a self, node: &'a Arc<Node<T>>) -> Call<'a, T, ()> {
        Call { node, operands: &self.operands, output: self.output.as_ref(), saved: &() }
    }
}

impl<T: Element> Debug for Record<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.function.fmt(f)
    }
}

/// An op and what it saved, with both types hidden, so that what is done for every op is compiled once.
pub(crate) trait Function<T: Element>: Debug + Send + Sync {
    fn vjp(&self, i: usize, call: Call<'_, T, ()>, grad: &Var<T>) -> Var<T>;
    fn fused(
        &self,
        wanted: &[bool],
        call: Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>>;
    fn name(&self) -> &'static str;
    fn describe(&self) -> Option<Description>;
}

/// An op that was called, and what it saved.
pub(crate) struct Recorded<O, S> {
    pub op: O,
    pub saved: S,
}

impl<O: Debug, S> Debug for Recorded<O, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.op.fmt(f)
    }
}

impl<T: Element, O: Op<T>> Function<T> for Recorded<O, O::Saved> {
    fn vjp(&self, i: usize, call: Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        self.op.vjp(i, &self.with_saved(call), grad)
    }

    fn fused(
        &self,
        wanted: &[bool],
        call: Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        self.op.fused(wanted, &self.with_saved(call), grad)
    }

    fn name(&self) -> &'static str {
        self.op.name()
    }

    fn describe(&self) -> Option<Description> {
        self.op.describe(&self.saved)
    }
}

impl<O, S> Recorded<O, S> {
    fn with_saved<'a, T: Element>(&'a self, call: Call<'a, T, ()>) -> Call<'a, T, S> {
        Call { node: call.node, operands: call.operands, output: call.output, saved: &self.saved }
    }
}

/// Unlinks the graph with a stack of its own, so that a long graph cannot overflow the thread's.
impl<T: Element> Drop for Node<T> {
    fn drop(&mut self) {
        let parents = |node: &mut Self| {
            let record = node.record.take();
            record.into_iter().flat_map(|record| record.operands).filter_map(|operand| operand.node)
        };
        let mut orphans: Vec<Arc<Self>> = parents(self).collect();
        while let Some(node) = orphans.pop() {
            if let Some(mut node) = Arc::into_inner(node) {
                orphans.extend(parents(&mut node));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ops::{conv2d, max_pool2d};
    use crate::{Var, no_grad};
    use mirrorgrad_tensor::{Tensor, Window};

    /// Which operands' values, and whether the output's, the graph keeps for a call.
    fn kept(y: &Var<f64>) -> (Vec<bool>, bool) {
        let record = y.node().and_then(|node| node.record.as_ref()).expect("y is a recorded call");
        let operands = record.operands.iter().map(|operand| operand.value.is_some()).collect();
        (operands, record.output.is_some())
    }

    #[test]
    fn the_graph_keeps_what_gradients_read_and_nothing_else() {
        let x = Var::parameter(Tensor::ones([1, 1, 4, 4]));
        let bias = Var::parameter(Tensor::ones([1]));
        let pool = Window::square(2).pool([4, 4]).unwrap();
        let point = Window::square(1).conv([4, 4]).unwrap();
        let weight = Var::constant(Tensor::ones([1, 1, 1, 1]));
        for (y, want) in [
            (&x + &x, (vec![false; 2], false)),
            (&x * &x, (vec![true; 2], false)),
            (x.relu(), (vec![false], true)),
            (x.exp(), (vec![false], true)),
            (x.leaky_relu(0.1), (vec![true], false)),
            (x.sum_axes_keep(&[0]), (vec![false], false)),
            (x.log_softmax(1), (vec![false], true)),
            (max_pool2d(&pool, &x).0, (vec![false], false)),
            (conv2d(point, &x, &weight, Some(&bias)), (vec![true, true, false], false)),
        ] {
            assert_eq!(kept(&y), want, "{y:?}");
        }
    }

    #[test]
    fn a_call_is_recorded_only_where_a_gradient_can_be_asked_for() {
        let (x, constant) =
            (Var::parameter(Tensor::<f64>::ones([1])), Var::constant(Tensor::ones([1])));
        assert!((&constant + &constant).node().is_none());
        assert!(no_grad(|| &x + &x).node().is_none());
        let y = &x + &constant;
        let record =
            y.node().and_then(|node| node.record.as_ref()).expect("one operand is tracked");
        assert!(record.operands[0].node.is_some() && record.operands[1].node.is_none());
    }
}
