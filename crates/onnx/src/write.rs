//! Steps written as nodes.

use crate::function::{self, affine};
use crate::graph::{Graph, float, int, ints, within};
use crate::place::Places;
use crate::shapes::Shapes;
use crate::{ExportError, Interface};
use mirrorgrad_autograd::record::{Description, Id, Source, Step};
use mirrorgrad_layers::Sizes;
use mirrorgrad_tensor::{NormLayout, PoolIndices, Tensor};
use std::collections::{BTreeMap, HashMap};

/// A graph, and where the values of a record are in it.
pub(crate) struct Writer<'a> {
    pub graph: Graph,
    places: Places,
    sizes: &'a BTreeMap<Id, Sizes>,
    /// Of the picture and all steps, for pictures of several sizes.
    pub shapes: &'a Shapes,
    values: BTreeMap<Id, String>,
    /// The values by position: the picture, then the steps' results so far.
    pub written_steps: Vec<String>,
    /// Parameters that are in the graph, and what they are called there.
    written: HashMap<String, String>,
    /// Pools whose indices are read again; without a value until they are written.
    pub pools: Vec<(PoolIndices, Option<Pool>)>,
}

/// Values of a pool.
#[derive(Clone)]
pub(crate) struct Pool {
    /// What was pooled.
    pub input: String,
    /// Where in it the largest were.
    pub indices: String,
}

/// A step that is being written.
pub(crate) struct Call<'a> {
    pub step: &'a Step,
    /// The same step for every picture that was watched.
    steps: Vec<&'a Step>,
    /// Where its result stands.
    pub position: usize,
    /// Where its first operand stands, unless that is a constant.
    pub operand: Option<usize>,
    pub path: String,
    pub inputs: Vec<String>,
    /// Where its height and width come from, if that was noted.
    pub sizes: Option<Sizes>,
}

impl Call<'_> {
    /// The operands' names.
    pub fn inputs(&self) -> Vec<&str> {
        self.inputs.iter().map(String::as_str).collect()
    }

    /// The shape of operand `i`, for every picture.
    pub fn shapes(&self, i: usize) -> Vec<&[usize]> {
        self.steps.iter().map(|step| step.shape(i)).collect()
    }

    /// What every picture's description says.
    pub fn each<R>(&self, of: impl Fn(Description) -> Option<R>) -> Vec<R> {
        self.steps.iter().filter_map(|step| of(step.describe()?)).collect()
    }

    /// Refuses a list of sizes that follows from none before it.
    pub fn refuse_sizes(&self, what: &str, sizes: &[i64]) -> ExportError {
        self.refuse(format!(
            "expected {what} that follows from earlier sizes, found {sizes:?} for pictures of several sizes"
        ))
    }

    pub fn refuse(&self, what: impl Into<String>) -> ExportError {
        let place = within(&self.path, self.step.name());
        ExportError::Use { place, what: what.into() }
    }
}

impl<'a> Writer<'a> {
    /// Of a record that begins with `input`; no value but those of the interface will have their names.
    pub fn new(
        places: Places,
        sizes: &'a BTreeMap<Id, Sizes>,
        shapes: &'a Shapes,
        interface: &Interface,
        input: Id,
    ) -> Self {
        let mut graph = Graph::default();
        let name = graph.name(&interface.input);
        graph.name(&interface.output);
        Self {
            graph,
            places,
            sizes,
            shapes,
            values: BTreeMap::from([(input, name.clone())]),
            written_steps: vec![name],
            written: HashMap::new(),
            pools: Vec::new(),
        }
    }

    /// Writes a step whose operands were written before; `steps` are the same for every picture.
    pub fn step(&mut self, step: &Step, steps: Vec<&Step>) -> Result<(), ExportError> {
        let path = self.places.path(step);
        let position = self.written_steps.len();
        let operand = match (step.operands() > 0).then(|| step.operand(0)) {
            Some(Source::Step(id)) => self.values.keys().position(|key| *key == id),
            _ => None,
        };
        let inputs = (0..step.operands()).map(|i| self.operand(&path, step.operand(i))).collect();
        let sizes = self.sizes.get(&step.id()).copied();
        let call = Call { step, steps, position, operand, path, inputs, sizes };
        let value = self.call(&call)?;
        self.written_steps.push(value.clone());
        self.values.insert(step.id(), value);
        Ok(())
    }

    /// The name of a variable that was written.
    pub fn value(&self, id: Id) -> Option<&str> {
        self.values.get(&id).map(String::as_str)
    }

    fn operand(&mut self, path: &str, source: Source<'_, f32>) -> String {
        match source {
            Source::Step(id) => self.values[&id].clone(),
            Source::Constant(value) => match self.places.param(value).map(str::to_string) {
                Some(param) => match self.written.get(&param) {
                    Some(name) => name.clone(),
                    None => {
                        let name = self.graph.name(&param);
                        self.written.insert(param, name.clone());
                        self.graph.constant(name, value)
                    }
                },
                None => {
                    let name = self.graph.name(&within(path, "constant"));
                    self.graph.constant(name, value)
                }
            },
        }
    }

    fn call(&mut self, call: &Call<'_>) -> Result<String, ExportError> {
        let (path, inputs) = (call.path.as_str(), call.inputs());
        let unknown = || ExportError::Op {
            place: if path.is_empty() { "the network".to_string() } else { path.to_string() },
            op: call.step.name().to_string(),
        };
        let graph = &mut self.graph;
        Ok(match call.step.describe().ok_or_else(unknown)? {
            Description::Add => graph.node(path, "Add", &inputs, vec![]),
            Description::Sub => graph.node(path, "Sub", &inputs, vec![]),
            Description::Mul => graph.node(path, "Mul", &inputs, vec![]),
            Description::Div => graph.node(path, "Div", &inputs, vec![]),
            Description::MatMul => graph.node(path, "MatMul", &inputs, vec![]),
            Description::Affine { slope, offset } => {
                affine(graph, path, [slope, offset], inputs[0])
            }
            Description::Function(function) => {
                function::write(graph, path, function, inputs[0]).ok_or_else(unknown)?
            }
            Description::Conv(form) => self.conv(call, &form)?,
            Description::ConvTranspose(form) => self.conv_transpose(call, &form)?,
            Description::MaxPool { geometry, indices } => {
                self.max_pool(call, &geometry, &indices)?
            }
            Description::MaxUnpool { indices } => self.max_unpool(call, &indices)?,
            Description::AveragePool { geometry, count } => {
                self.average_pool(call, &geometry, count)?
            }
            Description::AdaptiveAveragePool { to: [1, 1] } => {
                graph.node(path, "GlobalAveragePool", &inputs, vec![])
            }
            Description::Resize { interpolation, to } => self.resize(call, interpolation, to)?,
            Description::Normalize { layout, eps } => self.normalize(call, &layout, eps)?,
            Description::LogSoftmax { axis } => {
                graph.node(path, "LogSoftmax", &inputs, vec![int("axis", axis)])
            }
            Description::Reshape { .. } => self.reshape(call)?,
            Description::Permute { axes } => {
                graph.node(path, "Transpose", &inputs, vec![ints("perm", axes)])
            }
            Description::Slice { .. } => self.slice(call)?,
            Description::Pad { .. } => self.pad(call)?,
            Description::Concat { axis } => {
                graph.node(path, "Concat", &inputs, vec![int("axis", axis)])
            }
            Description::Broadcast { .. } => self.broadcast(call)?,
            Description::Sum { axes } => {
                let axes: Vec<_> = axes.iter().map(|&axis| axis as i64).collect();
                let axes = graph.integers(path, &axes);
                graph.node(path, "ReduceSum", &[inputs[0], &axes], vec![int("keepdims", 1)])
            }
            Description::Mean { axes } => graph.node(
                path,
                "ReduceMean",
                &inputs,
                vec![ints("axes", axes), int("keepdims", 1)],
            ),
            Description::MaxLast => {
                let last = call.step.shape(0).len() - 1;
                let attributes = vec![ints("axes", [last]), int("keepdims", 0)];
                graph.node(path, "ReduceMax", &inputs, attributes)
            }
            _ => return Err(unknown()),
        })
    }

    /// Group and layer normalization. By the statistics of a batch nothing is normalized in evaluation.
    fn normalize(
        &mut self,
        call: &Call<'_>,
        layout: &NormLayout,
        eps: f64,
    ) -> Result<String, ExportError> {
        let NormLayout { repeats, sets, period: groups, inner, .. } = *layout;
        let (path, graph, inputs) = (&call.path, &mut self.graph, call.inputs());
        let (x, weight) = (call.step.shape(0), call.step.shape(1));
        if repeats == 1 && groups == 1 && inner == 1 && x.ends_with(weight) {
            let axis = x.len() - weight.len();
            let attributes = vec![int("axis", axis), float("epsilon", eps)];
            return Ok(graph.node(path, "LayerNormalization", &inputs, attributes));
        }
        if repeats != 1 || sets != x[0] * groups {
            return Err(call.refuse("expected a group or layer normalization, found another"));
        }
        // Groups as the channels of an instance normalization without weights; then each channel's own.
        let by_group = graph.integers(path, &[0, groups as i64, -1]);
        let flat = graph.node(path, "Reshape", &[inputs[0], &by_group], vec![]);
        let [one, zero] = [Tensor::ones([groups]), Tensor::zeros([groups])].map(|value| {
            let name = graph.name(&within(path, "constant"));
            graph.constant(name, &value)
        });
        let eps = vec![float("epsilon", eps)];
        let normal = graph.node(path, "InstanceNormalization", &[&flat, &one, &zero], eps);
        let shape = graph.node(path, "Shape", &inputs[..1], vec![]);
        let mut value = graph.node(path, "Reshape", &[&normal, &shape], vec![]);
        let places = graph.integers(path, &(1..x.len() as i64 - 1).collect::<Vec<_>>());
        for (op, own) in [("Mul", inputs[1]), ("Add", inputs[2])] {
            let column = graph.node(path, "Unsqueeze", &[own, &places], vec![]);
            value = graph.node(path, op, &[&value, &column], vec![]);
        }
        Ok(value)
    }
}
