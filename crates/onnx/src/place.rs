//! Where in a network a step or a constant belongs: names that people know.

use mirrorgrad_autograd::record::{Id, Source, Step};
use mirrorgrad_layers::{LayerCall, Module, Params};
use mirrorgrad_tensor::Tensor;
use std::collections::BTreeMap;

/// The names of a network's parts.
pub(crate) struct Places {
    params: Params,
    calls: Vec<LayerCall>,
    /// The layer of every step so far.
    paths: BTreeMap<Id, String>,
}

impl Places {
    pub fn new(module: &(impl Module + ?Sized), calls: Vec<LayerCall>) -> Self {
        Self { params: Params::of(module), calls, paths: BTreeMap::new() }
    }

    /// The name of the parameter that a value is.
    pub fn param(&self, value: &Tensor) -> Option<&str> {
        let is = |own: Tensor| own.shape() == value.shape() && own.ptr_eq(value);
        let found = self.params.iter().find(|(_, param)| is(param.value()));
        found.map(|(name, _)| name.as_str())
    }

    /// The layer that a step belongs to: of a parameter that it reads, or if it reads other constants,
    /// the next that was recorded. Any other step is named after what it works on.
    pub fn path(&mut self, step: &Step) -> String {
        let (mut reads_constants, mut before) = (false, None);
        let mut own = None;
        for i in 0..step.operands() {
            match step.operand(i) {
                Source::Constant(value) => {
                    reads_constants = true;
                    own = own.or_else(|| self.param(value).map(layer));
                }
                Source::Step(id) => before = before.or(Some(id)),
            }
        }
        if own.is_none() && reads_constants {
            own = self.recorded_next(step.id());
        }
        let inherited = || before.and_then(|id| self.paths.get(&id).cloned());
        let path = own.or_else(inherited).unwrap_or_default();
        self.paths.insert(step.id(), path.clone());
        path
    }

    /// The layer whose call was recorded next, if it has parameters.
    fn recorded_next(&self, id: Id) -> Option<String> {
        let call = self.calls.iter().find(|call| call.id >= Some(id))?;
        let has_params = self.params.iter().any(|(name, _)| layer(name) == call.path);
        has_params.then(|| call.path.clone())
    }
}

/// The path of the layer that a parameter's name begins with.
fn layer(name: &str) -> String {
    name.rsplit_once('.').map_or("", |(path, _)| path).to_string()
}
