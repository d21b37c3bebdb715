//! What a differentiable function is.

use crate::Var;
use crate::graph::{Node, Operand};
use crate::record::Description;
use crate::var::{Recording, with_recording};
use mirrorgrad_tensor::{Element, Tensor};
use std::fmt::Debug;
use std::sync::Arc;

/// A differentiable function: its value and its gradients, as plain data.
///
/// Fields are hyperparameters (sizes, choices, index tables), never variables: the graph keeps the
/// operands and hands them in, so that no op can keep its own result alive.
///
/// ```
/// use mirrorgrad_autograd::{Call, Op, Var, gradcheck};
/// use mirrorgrad_tensor::Tensor;
///
/// #[derive(Debug)]
/// struct Cube;
///
/// impl Op<f64> for Cube {
///     type Saved = ();
///     fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
///         (x[0].map(|v| v * v * v), ())
///     }
///     fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
///         let x = call.input(0);
///         grad * &(&x * &x).mul_scalar(3.0)
///     }
/// }
///
/// let cube = |v: &[Var<f64>]| Var::apply(Cube, &[&v[0]]);
/// gradcheck(3, cube, &[[0.5, -1.5, 2.0].into()]).unwrap();
/// ```
pub trait Op<T: Element>: Debug + Send + Sync + 'static {
    /// What `forward` keeps for the gradients beside operands and output: statistics, positions.
    type Saved: Clone + Debug + Send + Sync + 'static;

    /// The value of the function, and what the gradients will want to see again.
    fn forward(&self, inputs: &[&Tensor<T>]) -> (Tensor<T>, Self::Saved);

    /// Which operands the gradients read, and whether they read the output. The graph keeps those
    /// and lets go of the rest.
    fn reads(&self) -> Reads {
        Reads::ALL
    }

    /// The gradient with respect to operand `i`, given the gradient of the output: written in
    /// differentiable calls, which makes it differentiable in turn.
    fn vjp(&self, i: usize, call: &Call<'_, T, Self::Saved>, grad: &Var<T>) -> Var<T>;

    /// All wanted gradients as plain numbers, where one kernel does it faster than [`Op::vjp`]. It
    /// is called when nobody will differentiate again, and must give the same numbers.
    fn fused(
        &self,
        wanted: &[bool],
        call: &Call<'_, T, Self::Saved>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let _ = (wanted, call, grad);
        None
    }

    /// The op's name in messages: its type's, unless it goes by another.
    fn name(&self) -> &'static str {
        type_name::<Self>()
    }

    /// What a call does, for whoever writes a computation down in another language; `None` if there
    /// are no words for it.
    fn describe(&self, saved: &Self::Saved) -> Option<Description> {
        let _ = saved;
        None
    }
}

/// The name of a type, without its path and its parameters.
pub(crate) fn type_name<T: ?Sized>() -> &'static str {
    last_word(std::any::type_name::<T>())
}

fn last_word(path: &'static str) -> &'static str {
    let path = path.split('<').next().unwrap_or_default();
    path.rsplit("::").next().unwrap_or_default()
}

/// Which of an op's operands (and whether its output) its gradients read.
///
/// ```
/// # use mirrorgrad_autograd::Reads;
/// let convolution = Reads::first(2); // Image and weight, but not the bias.
/// assert!(convolution.reads_input(0) && convolution.reads_input(1));
/// assert!(!convolution.reads_input(2) && !convolution.reads_output());
/// assert!(Reads::OUTPUT.reads_output() && !Reads::OUTPUT.reads_input(0));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reads {
    operands: u32,
    output: bool,
}

impl Reads {
    /// Neither operands nor the output.
    pub const NOTHING: Self = Self { operands: 0, output: false };
    /// The output alone.
    pub const OUTPUT: Self = Self { operands: 0, output: true };
    /// Every operand.
    pub const INPUTS: Self = Self { operands: u32::MAX, output: false };
    /// Every operand and the output.
    pub const ALL: Self = Self { operands: u32::MAX, output: true };

    /// The first `count` operands, of which there are under 32.
    ///
    /// # Panics
    /// If there are more.
    #[track_caller]
    pub const fn first(count: u32) -> Self {
        assert!(count < 32, "first: expected under 32 operands, got more");
        Self { operands: (1 << count) - 1, output: false }
    }

    /// Whether the gradients read operand `i`.
    pub const fn reads_input(self, i: usize) -> bool {
        // All operands behind the 31st share its bit.
        self.operands >> (if i < 31 { i } else { 31 }) & 1 == 1
    }

    /// Whether the gradients read the output.
    pub const fn reads_output(self) -> bool {
        self.output
    }
}

/// A call of an op as its gradients see it.
///
/// ```
/// # use mirrorgrad_autograd::{Call, Op, Reads, Var};
/// # use mirrorgrad_tensor::Tensor;
/// # #[derive(Debug)]
/// # struct Sqrt;
/// impl Op<f64> for Sqrt {
/// #     type Saved = ();
/// #     fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
/// #         (x[0].map(f64::sqrt), ())
/// #     }
/// #     fn reads(&self) -> Reads {
/// #         Reads::OUTPUT
/// #     }
///     fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
///         (grad / &call.output()).mul_scalar(0.5) // The slope is 1 / 2√x.
///     }
/// }
/// let x = Var::parameter([4.0_f64, 16.0].into());
/// let slope = Var::apply(Sqrt, &[&x]).sum().grad(&[&x]).remove(0);
/// assert_eq!(slope.value(), &[0.25, 0.125].into());
/// ```
pub struct Call<'a, T: Element, S> {
    pub(crate) node: &'a Arc<Node<T>>,
    pub(crate) operands: &'a [Operand<T>],
    pub(crate) output: Option<&'a Tensor<T>>,
    pub(crate) saved: &'a S,
}

impl<T: Element, S> Call<'_, T, S> {
    /// Operand `i`, as a variable with its history.
    ///
    /// # Panics
    /// If the op did not declare that it reads the operand.
    #[track_caller]
    pub fn input(&self, i: usize) -> Var<T> {
        Var::with_node(self.value(i).clone(), self.operand(i).node.clone())
    }

    /// The gradient of ⟨y, grad⟩ with respect to operand `i`, where `y` is the op's value composed of
    /// other calls by `compose`: how an op with fused kernels gets its differentiable gradient. Also where
    /// nobody records, `compose` is recorded.
    ///
    /// # Panics
    /// If the op did not declare that it reads every operand.
    pub fn composed_vjp(
        &self,
        i: usize,
        grad: &Var<T>,
        compose: impl FnOnce(&[Var<T>]) -> Var<T>,
    ) -> Var<T> {
        // Variables of their own: one operand may be made of another, and that way is the sweep's, not
        // this op's. Behind them lies the history, so the gradient can be differentiated again.
        let compose = || {
            let own: Vec<Var<T>> = (0..self.operands()).map(|i| self.input(i).renewed()).collect();
            (compose(&own), own)
        };
        let (y, own) = with_recording(Recording::Gradients, compose);
        y.grad_with(grad, &[&own[i]]).remove(0)
    }

    /// The numbers of operand `i`.
    ///
    /// # Panics
    /// If the op did not declare that it reads the operand.
    #[track_caller]
    pub fn value(&self, i: usize) -> &Tensor<T> {
        self.operand(i).value.as_ref().expect("an op's gradients read what `reads` declares")
    }

    /// The shape of operand `i`, which is kept in any case.
    ///
    /// # Panics
    /// If there are fewer operands.
    #[track_caller]
    pub fn shape(&self, i: usize) -> &[usize] {
        &self.operand(i).shape
    }

    #[track_caller]
    fn operand(&self, i: usize) -> &Operand<T> {
        let count = self.operands.len();
        assert!(i < count, "call: expected an operand under {count}, got {i}");
        &self.operands[i]
    }

    /// The number of operands.
    pub fn operands(&self) -> usize {
        self.operands.len()
    }

    /// The output, as a variable with its history.
    ///
    /// # Panics
    /// If the op did not declare that it reads the output.
    #[track_caller]
    pub fn output(&self) -> Var<T> {
        Var::with_node(self.output_value().clone(), Some(Arc::clone(self.node)))
    }

    /// The numbers of the output.
    ///
    /// # Panics
    /// If the op did not declare that it reads the output.
    #[track_caller]
    pub fn output_value(&self) -> &Tensor<T> {
        self.output.expect("an op's gradients read what `reads` declares")
    }

    /// What `forward` saved.
    pub fn saved(&self) -> &S {
        self.saved
    }
}
