//! What a forward pass is for: it decides what dropout and batch normalization do.

use crate::Param;
use mirrorgrad_autograd::Var;
use mirrorgrad_autograd::record::Id;
use mirrorgrad_tensor::Element;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The purpose of a forward pass: an argument, so that it survives threads and shows where it is set.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Draws, Dropout, Mode, Module};
/// let x = Var::constant([1.0_f32; 100].into());
/// let dropout = |mode: Mode| Dropout::new(0.5).forward(&x, &mode);
/// let train = || Mode::Train(Draws::new(0, 0));
/// assert_eq!(dropout(Mode::Eval).value(), x.value());
/// assert_ne!(dropout(train()).value(), x.value());
/// assert_eq!(dropout(train()).value(), dropout(train()).value()); // The same step again.
/// ```
#[derive(Debug)]
pub enum Mode {
    /// To predict: nothing is random, nothing changes.
    Eval,
    /// To train: layers may draw random numbers, and update their running statistics.
    Train(Draws),
    /// To predict, and note every layer's call; see [`summary`](crate::summary).
    Trace(Trace),
    /// To train, and note every layer's call with its result; see [`find_fault`](crate::find_fault).
    Probe(Draws, Trace),
}

impl Mode {
    /// The random numbers to train with; none where the pass is to predict.
    pub fn draws(&self) -> Option<&Draws> {
        match self {
            Self::Train(draws) | Self::Probe(draws, _) => Some(draws),
            Self::Eval | Self::Trace(_) => None,
        }
    }

    /// Notes a layer's call, if calls are traced: its kind, the parameter that tells which layer it
    /// is, its result and how many multiply-adds that took.
    pub fn note<T: Element>(
        &self,
        kind: &'static str,
        param: Option<&Param<T>>,
        result: &Var<T>,
        multiply_adds: usize,
    ) {
        let (trace, kept): (_, Option<Arc<dyn Any + Send + Sync>>) = match self {
            Self::Eval | Self::Train(_) => return,
            Self::Trace(trace) => (trace, None),
            Self::Probe(_, trace) => (trace, Some(Arc::new(result.clone()))),
        };
        let key = param.map(|param| param.var().value().as_slice().as_ptr() as usize);
        let (id, shape) = (result.id(), result.shape().to_vec());
        let mut calls = trace.calls.lock().expect("noting does not panic");
        calls.push(LayerCall { kind, key, id, shape, multiply_adds, kept });
    }

    /// Notes, if calls are traced, where the height and width of a result come from: what the numbers
    /// of one pass do not tell.
    pub fn note_sizes<T: Element>(&self, result: &Var<T>, sizes: Sizes) {
        if let (Self::Trace(trace), Some(id)) = (self, result.id()) {
            trace.sizes.lock().expect("noting does not panic").insert(id, sizes);
        }
    }

    /// Notes that the height and width of a result are those of `other`. Of a size that nothing decides
    /// there is nothing to note.
    pub fn note_like<T: Element>(&self, result: &Var<T>, other: &Var<T>) {
        if let Some(other) = other.id() {
            self.note_sizes(result, Sizes::Like(other));
        }
    }
}

/// The random numbers of one training step: a function of seed and step, so that a step can be
/// repeated exactly.
///
/// ```
/// # use mirrorgrad_layers::Draws;
/// # use mirrorgrad_tensor::Tensor;
/// let noise = |draws: &Draws| Tensor::<f32>::uniform([4], [0.0, 1.0], &mut draws.next_rng());
/// let (step, again) = (Draws::new(7, 3), Draws::new(7, 3));
/// let first = noise(&step);
/// assert_eq!(noise(&again), first);
/// assert_ne!(noise(&again), first); // The next layer draws other numbers,
/// assert_ne!(noise(&Draws::new(7, 4)), first); // and so does the next step.
/// ```
#[derive(Debug)]
pub struct Draws {
    seed: u64,
    step: u64,
    taken: AtomicU64,
}

impl Draws {
    /// The draws of step number `step` of the run with this `seed`.
    pub fn new(seed: u64, step: u64) -> Self {
        Self { seed, step, taken: AtomicU64::new(0) }
    }

    /// A generator for the next layer that asks. Layers ask in the order of the forward pass.
    pub fn next_rng(&self) -> ChaCha8Rng {
        let nth = self.taken.fetch_add(1, Ordering::Relaxed);
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([self.seed, self.step, nth]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        ChaCha8Rng::from_seed(key)
    }
}

/// Where the height and width of a result come from.
///
/// ```
/// # use mirrorgrad_autograd::record::record;
/// # use mirrorgrad_layers::{Interpolation, Mode, Module, Sizes, Trace, Upsample};
/// # use mirrorgrad_tensor::Tensor;
/// let double = Upsample::new(2, Interpolation::Nearest);
/// let mode = Mode::Trace(Trace::default());
/// let picture = Tensor::<f32>::zeros([1, 1, 4, 4]);
/// let (_, y) = record(picture, |x| double.forward(x, &mode));
/// let Mode::Trace(trace) = &mode else { unreachable!() };
/// assert_eq!(trace.sizes()[&y.id().unwrap()], Sizes::Times(2)); // Not just 8 by 8.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// From a window, over an input with so much padding behind, `[vertical, horizontal]`.
    Padded([usize; 2]),
    /// So many times the operand's.
    Times(usize),
    /// They are another variable's.
    Like(Id),
}

/// The calls of one traced forward pass.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{MaxPool2d, Mode, Module, Trace};
/// # use mirrorgrad_tensor::Tensor;
/// let mode = Mode::Trace(Trace::default());
/// MaxPool2d::square(2).forward(&Var::constant(Tensor::<f32>::zeros([1, 1, 6, 8])), &mode);
/// let Mode::Trace(trace) = mode else { unreachable!() };
/// let calls = trace.into_calls();
/// assert_eq!(calls.len(), 1);
/// assert_eq!(calls[0].kind, "MaxPool2d");
/// assert_eq!(calls[0].shape, [1, 1, 3, 4]);
/// ```
#[derive(Debug, Default)]
pub struct Trace {
    calls: Mutex<Vec<LayerCall>>,
    sizes: Mutex<BTreeMap<Id, Sizes>>,
}

/// One traced call of a layer.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Conv2d, Mode, Module, Trace};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let layer = Conv2d::new([3, 8], Window::square(3).padding(1), rng);
/// let mode = Mode::Trace(Trace::default());
/// layer.forward(&Var::constant(Tensor::<f32>::zeros([1, 3, 4, 4])), &mode);
/// let Mode::Trace(trace) = mode else { unreachable!() };
/// let calls = trace.into_calls();
/// assert_eq!((calls[0].kind, calls[0].multiply_adds), ("Conv2d", 8 * 3 * 9 * 16));
/// assert!(calls[0].is_of(layer.weight()));
/// ```
#[derive(Clone, Debug)]
pub struct LayerCall {
    /// The layer's type.
    pub kind: &'static str,
    /// Where its first parameter's numbers lie, which tells the layer apart from others.
    pub(crate) key: Option<usize>,
    /// Its result, if that is tracked.
    pub id: Option<Id>,
    /// The shape of its result.
    pub shape: Vec<usize>,
    /// Multiply-adds it took for each picture of the batch.
    pub multiply_adds: usize,
    /// Its result, a `Var` of the network's precision, where results are kept.
    kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl LayerCall {
    /// Whether the layer was noted under this parameter.
    pub fn is_of<T: Element>(&self, param: &Param<T>) -> bool {
        self.key == Some(param.value().as_slice().as_ptr() as usize)
    }

    /// Its result, if the pass was a [`Mode::Probe`] in this precision.
    pub fn result<T: Element>(&self) -> Option<&Var<T>> {
        self.kept.as_ref()?.downcast_ref()
    }
}

impl Trace {
    /// Where heights and widths come from, by the variable that has them.
    pub fn sizes(&self) -> BTreeMap<Id, Sizes> {
        self.sizes.lock().expect("noting does not panic").clone()
    }

    /// The calls so far, in order.
    pub fn into_calls(self) -> Vec<LayerCall> {
        self.calls.into_inner().expect("noting does not panic")
    }
}
