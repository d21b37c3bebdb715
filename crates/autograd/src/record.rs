//! The record of one computation, to be read: how a network gets written down in another language.
//!
//! What depends on the input is a [`Step`]; all else has a value already and is a constant of the steps
//! that read it, however it was computed.
//!
//! ```
//! use mirrorgrad_autograd::record::{Description, Source, record};
//! use mirrorgrad_autograd::Var;
//!
//! let weight = Var::parameter([2.0_f64, 3.0].into());
//! let (recording, y) = record([1.0, 1.0].into(), |x| (x * &(&weight * &weight)).relu());
//! let descriptions: Vec<_> = recording.steps().iter().map(|step| step.describe()).collect();
//! assert!(matches!(descriptions[..], [Some(Description::Mul), Some(Description::Function(_))]));
//! let Source::Constant(square) = recording.steps()[0].operand(1) else { panic!("it is known") };
//! assert_eq!(square, &[4.0, 9.0].into());
//! assert_eq!(y.value(), &[4.0, 9.0].into());
//! ```

use crate::graph::{Node, Operand, Record};
use crate::var::{Recording as Mode, with_recording};
use crate::{Var, describe};
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

pub use crate::graph::Id;
pub use describe::{Description, Function, Interpolation};

/// What a computation did to its input.
///
/// ```
/// # use mirrorgrad_autograd::record::record;
/// let (recording, y) = record([1.0_f64, -2.0].into(), |x| x.relu().mul_scalar(3.0));
/// let [relu, scale] = recording.steps() else { panic!("there are two calls") };
/// assert!(recording.input() < relu.id());
/// assert_eq!(Some(scale.id()), y.id());
/// ```
pub struct Recording<T: Element = f32> {
    input: Id,
    steps: Vec<Step<T>>,
}

/// One call whose result depends on the input.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::record::{Description, record};
/// let weight = Var::constant([[1.0_f64], [2.0]].into());
/// let (recording, _) = record([[3.0_f64, 4.0]].into(), |x| x.matmul(&weight));
/// let step = &recording.steps()[0];
/// assert_eq!(step.describe(), Some(Description::MatMul));
/// assert_eq!(step.operands(), 2);
/// assert_eq!(step.shape(1), [2, 1]);
/// assert_eq!(step.name(), "MatMul");
/// ```
pub struct Step<T: Element = f32> {
    node: Arc<Node<T>>,
}

/// Where an operand comes from.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::record::{Source, record};
/// let bias = Var::parameter([10.0_f64].into());
/// let (recording, _) = record([1.0_f64].into(), |x| x + &bias);
/// let sum = &recording.steps()[0];
/// assert!(matches!(sum.operand(0), Source::Step(id) if id == recording.input()));
/// assert!(matches!(sum.operand(1), Source::Constant(value) if value == bias.value()));
/// ```
#[derive(Debug)]
pub enum Source<'a, T: Element> {
    /// The input, or the result of an earlier step.
    Step(Id),
    /// A value that does not depend on the input.
    Constant(&'a Tensor<T>),
}

/// Computes `f(input)`, and returns the steps from the input to its result beside that. There are none
/// if the result does not depend on the input.
///
/// Inside, only these steps are recorded, and their operands' values are let go of: nothing can be
/// differentiated.
///
/// ```
/// # use mirrorgrad_autograd::record::record;
/// let (recording, y) = record([3.0_f64].into(), |x| (x * x).sqrt());
/// assert_eq!(y.value(), &[3.0].into());
/// assert_eq!(recording.steps().len(), 2);
/// let (recording, _) = record([3.0_f64].into(), |x| x.detach());
/// assert!(recording.steps().is_empty());
/// ```
pub fn record<T: Element>(
    input: Tensor<T>,
    f: impl FnOnce(&Var<T>) -> Var<T>,
) -> (Recording<T>, Var<T>) {
    let x = Var::parameter(input);
    let input = x.id().expect("a parameter is tracked");
    let y = with_recording(Mode::Trace { input: input.number() }, || f(&x));
    let mut found = BTreeMap::new();
    let mut pending: Vec<_> = y.node().cloned().into_iter().collect();
    while let Some(node) = pending.pop() {
        if let Some(record) = node.record.as_ref().filter(|_| node.depends_on(input.number())) {
            if !found.contains_key(&node.id) {
                pending.extend(record.operands.iter().filter_map(|operand| operand.node.clone()));
            }
            found.insert(node.id, node);
        }
    }
    let steps = found.into_values().map(|node| Step { node }).collect();
    (Recording { input, steps }, y)
}

impl<T: Element> Recording<T> {
    /// The input.
    pub fn input(&self) -> Id {
        self.input
    }

    /// The calls between the input and the result, in an order in which they can be made.
    pub fn steps(&self) -> &[Step<T>] {
        &self.steps
    }
}

impl<T: Element> Step<T> {
    /// The result.
    pub fn id(&self) -> Id {
        Id::of(&self.node)
    }

    /// The op's name.
    pub fn name(&self) -> &'static str {
        self.record().name()
    }

    /// What the call does; `None` for an op that does not say.
    pub fn describe(&self) -> Option<Description> {
        self.record().describe()
    }

    /// The number of operands.
    pub fn operands(&self) -> usize {
        self.record().operands.len()
    }

    /// Operand `i`.
    ///
    /// # Panics
    /// If there are fewer.
    #[track_caller]
    pub fn operand(&self, i: usize) -> Source<'_, T> {
        let operand = self.operand_at(i);
        match (&operand.value, &operand.node) {
            (Some(value), _) => Source::Constant(value),
            (None, Some(node)) => Source::Step(Id::of(node)),
            (None, None) => unreachable!("what does not depend on the input keeps its value"),
        }
    }

    /// The shape of operand `i`.
    ///
    /// # Panics
    /// If there are fewer.
    #[track_caller]
    pub fn shape(&self, i: usize) -> &[usize] {
        &self.operand_at(i).shape
    }

    #[track_caller]
    fn operand_at(&self, i: usize) -> &Operand<T> {
        let operands = &self.record().operands;
        assert!(i < operands.len(), "step: expected an operand under {}, got {i}", operands.len());
        &operands[i]
    }

    fn record(&self) -> &Record<T> {
        self.node.record.as_ref().expect("a step is a call")
    }
}

/// Shows the op, as [`Var`] does.
impl<T: Element> fmt::Debug for Step<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.record().fmt(f)
    }
}

impl<T: Element> Var<T> {
    /// What tells this variable from all others, if it is tracked.
    pub fn id(&self) -> Option<Id> {
        self.node().map(|node| Id::of(node))
    }
}
