//! What a forward pass is for: it decides what dropout and batch normalization do.

use crate::Param;
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::Element;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// The purpose of a forward pass: an argument, so that it survives threads and shows where it is set.
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
        let shape = result.shape().to_vec();
        let mut calls = trace.calls.lock().expect("noting does not panic");
        calls.push(LayerCall { kind, key, shape, multiply_adds, kept });
    }
}

/// The random numbers of one training step: a function of seed and step, so that a step can be
/// repeated exactly.
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

/// The calls of one traced forward pass.
#[derive(Debug, Default)]
pub struct Trace {
    calls: Mutex<Vec<LayerCall>>,
}

/// One traced call of a layer.
#[derive(Clone, Debug)]
pub struct LayerCall {
    /// The layer's type.
    pub kind: &'static str,
    /// Where its first parameter's numbers lie, which tells the layer apart from others.
    pub(crate) key: Option<usize>,
    /// The shape of its result.
    pub shape: Vec<usize>,
    /// Multiply-adds it took for each picture of the batch.
    pub multiply_adds: usize,
    /// Its result, a `Var` of the network's precision, where results are kept.
    kept: Option<Arc<dyn Any + Send + Sync>>,
}

impl LayerCall {
    /// Its result, if the pass was a [`Mode::Probe`] in this precision.
    pub fn result<T: Element>(&self) -> Option<&Var<T>> {
        self.kept.as_ref()?.downcast_ref()
    }
}

impl Trace {
    /// The calls so far, in order.
    pub fn into_calls(self) -> Vec<LayerCall> {
        self.calls.into_inner().expect("noting does not panic")
    }
}
