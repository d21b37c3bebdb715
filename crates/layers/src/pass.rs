//! One forward pass: what it is for, where in the network it stands, and what it finds out.

use crate::trace::{Keep, Trace};
use crate::{Draws, LayerCall, Sizes};
use mirrorgrad_autograd::record::Id;
use mirrorgrad_autograd::{Meeting, Var};
use mirrorgrad_tensor::{Element, Tensor};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A forward pass of a network: to predict or to train. A layer's forward changes no parameter: what
/// batch normalization observes comes out of the pass as [`Update`]s, by name.
///
/// It is handed from module to module; [`Pass::child`] is the same pass inside a part of the network.
///
/// ```
/// # use mirrorgrad_autograd::{Meeting, Var};
/// # use mirrorgrad_layers::{Draws, Dropout, Module, Pass};
/// let x = Var::constant([1.0_f32; 100].into());
/// let dropout = |pass: &Pass| Dropout::new(0.5).forward(&x, pass);
/// let train = || Pass::train(Draws::new(0, 0));
/// assert_eq!(dropout(&Pass::eval()).value(), x.value());
/// assert_ne!(dropout(&train()).value(), x.value());
/// assert_eq!(dropout(&train()).value(), dropout(&train()).value()); // The same step again.
/// ```
#[derive(Clone, Debug)]
pub struct Pass<T: Element = f32> {
    /// Of the part of the network that runs.
    path: String,
    /// None where the pass is to predict.
    draws: Option<Arc<Draws>>,
    meeting: Option<Arc<dyn Meeting<T>>>,
    updates: Arc<Mutex<Vec<Update<T>>>>,
    trace: Option<Arc<Mutex<Trace<T>>>>,
}

/// One step of a running average: `value ← value + momentum · (observed − value)`.
///
/// ```
/// # use mirrorgrad_autograd::{Meeting, Var};
/// # use mirrorgrad_layers::{BatchNorm2d, Draws, Module, Params, Pass, Sequential, Update};
/// # use mirrorgrad_tensor::Tensor;
/// let net = Sequential::<f64>::new().with(BatchNorm2d::new(1));
/// let pass = Pass::train(Draws::new(0, 0));
/// net.forward(&Var::constant(Tensor::new([2, 1, 1, 1], [4.0, 6.0])), &pass);
/// let updates = pass.finish();
/// let mean = Update { name: "0.running_mean".into(), observed: [5.0].into(), momentum: 0.1 };
/// assert_eq!(updates[0], mean);
/// let params = Params::of(&net);
/// params.update(&updates);
/// assert_eq!(params.get("0.running_mean").unwrap().value(), [0.5].into());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Update<T: Element = f32> {
    /// The parameter's name.
    pub name: String,
    /// What this pass observed.
    pub observed: Tensor<T>,
    /// How far the average moves towards it, from 0 to 1.
    pub momentum: f64,
}

impl<T: Element> Pass<T> {
    /// To predict: nothing is random, nothing is to be updated.
    pub fn eval() -> Self {
        Self {
            path: String::new(),
            draws: None,
            meeting: None,
            updates: Arc::default(),
            trace: None,
        }
    }

    /// To train: layers draw their random numbers from `draws` and observe running statistics.
    pub fn train(draws: Draws) -> Self {
        Self { draws: Some(Arc::new(draws)), ..Self::eval() }
    }

    /// The pass of one part of a batch, beside those of the others: a batch norm has the statistics of all.
    ///
    /// ```
    /// # use mirrorgrad_autograd::{Meeting, Var};
    /// # use mirrorgrad_layers::{BatchNorm2d, Draws, Module, Pass};
    /// # use mirrorgrad_tensor::Tensor;
    /// # use std::sync::Arc;
    /// # #[derive(Debug)]
    /// # struct Alone;
    /// # impl Meeting<f32> for Alone {
    /// #     fn place(&self) -> usize {
    /// #         0
    /// #     }
    /// #     fn gather(&self, mine: &Tensor<f32>) -> Vec<Tensor<f32>> {
    /// #         vec![mine.clone()]
    /// #     }
    /// # }
    /// let norm: BatchNorm2d = BatchNorm2d::new(1);
    /// let x = Var::constant(Tensor::new([1, 1, 1, 2], [1.0, 3.0]));
    /// let pass = Pass::train(Draws::new(0, 0)).among(Arc::new(Alone));
    /// let y = norm.forward(&x, &pass);
    /// assert!((y.value().as_slice()[1] - 1.0).abs() < 1e-4);
    /// ```
    #[must_use]
    pub fn among(self, meeting: Arc<dyn Meeting<T>>) -> Self {
        Self { meeting: Some(meeting), ..self }
    }

    /// The other parts of the batch, if statistics are those of all.
    pub fn meeting(&self) -> Option<&Arc<dyn Meeting<T>>> {
        self.meeting.as_ref()
    }

    /// Records every layer's call; see [`Pass::calls`].
    #[must_use]
    pub fn traced(self) -> Self {
        self.with_trace(Keep::Shapes)
    }

    /// Records every layer's call with its result, which stays in memory as long.
    #[must_use]
    pub fn traced_with_results(self) -> Self {
        self.with_trace(Keep::Results)
    }

    fn with_trace(self, keep: Keep) -> Self {
        Self { trace: Some(Arc::new(Mutex::new(Trace::keeping(keep)))), ..self }
    }

    /// The same pass inside the part of this module that [`Module::visit`](crate::Module::visit) calls
    /// `name`.
    #[must_use]
    pub fn child(&self, name: impl Display) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_string(),
            path => format!("{path}.{name}"),
        };
        Self { path, ..self.clone() }
    }

    /// Where in the network this is, as `encoder.0`; empty for the network itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The random numbers to train with; `None` where the pass is to predict.
    pub fn draws(&self) -> Option<&Draws> {
        self.draws.as_deref()
    }

    /// Says that the running average `name` of this module shall move towards `observed`.
    pub fn update(&self, name: &str, observed: Tensor<T>, momentum: f64) {
        let name = self.child(name).path;
        locked(&self.updates).push(Update { name, observed, momentum });
    }

    /// What running averages are to be moved by, in the order of the calls.
    #[must_use = "running statistics stay as they are unless they are updated"]
    pub fn finish(self) -> Vec<Update<T>> {
        std::mem::take(&mut locked(&self.updates))
    }

    /// Records the call of a layer of this `kind`, if the pass is traced.
    pub fn record(&self, kind: &'static str, result: &Var<T>, multiply_adds: usize) {
        let Some(mut trace) = self.trace() else { return };
        let kept = (trace.keep == Keep::Results).then(|| result.clone());
        let (path, id, shape) = (self.path.clone(), result.id(), result.shape().to_vec());
        trace.calls.push(LayerCall { path, kind, id, shape, multiply_adds, result: kept });
    }

    /// Records, if the pass is traced, where the height and width of a result come from: what the
    /// numbers of one pass do not tell.
    pub fn record_sizes(&self, result: &Var<T>, sizes: Sizes) {
        if let (Some(mut trace), Some(id)) = (self.trace(), result.id()) {
            trace.sizes.insert(id, sizes);
        }
    }

    /// Records that the height and width of a result are those of `other`, unless nothing decides them.
    pub fn record_like(&self, result: &Var<T>, other: &Var<T>) {
        if let Some(other) = other.id() {
            self.record_sizes(result, Sizes::Like(other));
        }
    }

    /// The layers' calls so far, in order; none if the pass is not traced.
    pub fn calls(&self) -> Vec<LayerCall<T>> {
        self.trace().map_or(Vec::new(), |trace| trace.calls.clone())
    }

    /// Where heights and widths come from, by the variable that has them.
    pub fn sizes(&self) -> BTreeMap<Id, Sizes> {
        self.trace().map_or(BTreeMap::new(), |trace| trace.sizes.clone())
    }

    fn trace(&self) -> Option<MutexGuard<'_, Trace<T>>> {
        self.trace.as_deref().map(locked)
    }
}

/// A list that is only added to is whole even after a panic.
fn locked<V>(list: &Mutex<V>) -> MutexGuard<'_, V> {
    list.lock().unwrap_or_else(PoisonError::into_inner)
}
