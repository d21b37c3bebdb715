//! Steps written as nodes.

use crate::function::{self, affine};
use crate::graph::{Graph, float, int, ints, within};
use crate::place::Places;
use crate::{ExportError, Interface};
use mirrorgrad_autograd::record::{Description, Id, Source, Step};
use mirrorgrad_layers::{Module, Sizes, Trace};
use mirrorgrad_tensor::{NormLayout, Tensor};
use std::collections::{BTreeMap, HashMap};

/// A graph, and where the values of a record are in it.
pub(crate) struct Writer {
    pub graph: Graph,
    places: Places,
    sizes: BTreeMap<Id, Sizes>,
    values: BTreeMap<Id, String>,
    /// Parameters that are in the graph, and what they are called there.
    written: HashMap<String, String>,
    /// Pools whose indices are read again, by where these lie.
    pub pools: HashMap<usize, Option<Pool>>,
}

/// Values of a pool.
#[derive(Clone)]
pub(crate) struct Pool {
    /// What was pooled.
    pub image: String,
    /// Where in it the largest were.
    pub indices: String,
}

/// A step that is being written.
pub(crate) struct Call<'a> {
    pub step: &'a Step,
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

    pub fn refuse(&self, what: impl Into<String>) -> ExportError {
        let place = within(&self.path, &op_name(self.step));
        ExportError::Use { place, what: what.into() }
    }
}

/// The name of a step's op, without what is in it. A function of one number goes by its own name.
fn op_name(step: &Step) -> String {
    let shown = format!("{step:?}");
    let shown = shown.strip_prefix("Map(").unwrap_or(&shown);
    shown.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default().to_string()
}

impl Writer {
    /// Of a record that begins with `input`; no value but those of the interface will have their names.
    pub fn new(
        module: &(impl Module + ?Sized),
        trace: Trace,
        interface: &Interface,
        input: Id,
    ) -> Self {
        let mut graph = Graph::default();
        let name = graph.name(&interface.input);
        graph.name(&interface.output);
        let sizes = trace.sizes();
        Self {
            graph,
            places: Places::new(module, trace.into_calls()),
            sizes,
            values: BTreeMap::from([(input, name)]),
            written: HashMap::new(),
            pools: HashMap::new(),
        }
    }

    /// Writes a step whose operands were written before.
    pub fn step(&mut self, step: &Step) -> Result<(), ExportError> {
        let path = self.places.path(step);
        let inputs = (0..step.operands()).map(|i| self.operand(&path, step.operand(i))).collect();
        let sizes = self.sizes.get(&step.id()).copied();
        let call = Call { step, path, inputs, sizes };
        let value = self.call(&call)?;
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
            op: op_name(call.step),
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
            Description::Conv { geometry, groups } => self.conv(call, &geometry, groups)?,
            Description::ConvTranspose { geometry, groups } => {
                self.conv_transpose(call, &geometry, groups)?
            }
            Description::MaxPool { geometry, indices } => {
                self.max_pool(call, &geometry, &indices)?
            }
            Description::MaxUnpool { indices } => self.max_unpool(call, &indices)?,
            Description::AveragePool { geometry, after, count_include_pad } => {
                self.average_pool(call, &geometry, after, count_include_pad)?
            }
            Description::AdaptiveAveragePool { to: [1, 1] } => {
                graph.node(path, "GlobalAveragePool", &inputs, vec![])
            }
            Description::Resize { interpolation, to } => self.resize(call, interpolation, to)?,
            Description::Normalize { layout, eps } => self.normalize(call, &layout, eps)?,
            Description::LogSoftmax { axis } => {
                graph.node(path, "LogSoftmax", &inputs, vec![int("axis", axis)])
            }
            Description::Reshape { shape } => self.reshape(call, &shape),
            Description::Permute { axes } => {
                graph.node(path, "Transpose", &inputs, vec![ints("perm", axes)])
            }
            Description::Slice { ranges } => {
                let shape = call.step.shape(0);
                let cut = ranges.iter().zip(shape).enumerate();
                let cut = cut.filter(|(_, (range, size))| **range != (0..**size));
                let (axes, ranges): (Vec<_>, Vec<_>) =
                    cut.map(|(axis, (range, _))| (axis as i64, range)).unzip();
                if axes.is_empty() {
                    return Ok(call.inputs[0].clone());
                }
                let starts: Vec<_> = ranges.iter().map(|range| range.start as i64).collect();
                let ends: Vec<_> = ranges.iter().map(|range| range.end as i64).collect();
                let [starts, ends, axes] =
                    [starts, ends, axes].map(|list| graph.integers(path, &list));
                graph.node(path, "Slice", &[inputs[0], &starts, &ends, &axes], vec![])
            }
            Description::Pad { sides } => {
                let pads = [0, 1].map(|end| sides.iter().map(move |side| side[end] as i64));
                let pads = graph.integers(path, &pads.into_iter().flatten().collect::<Vec<_>>());
                graph.node(path, "Pad", &[inputs[0], &pads], vec![])
            }
            Description::Concat { axis } => {
                graph.node(path, "Concat", &inputs, vec![int("axis", axis)])
            }
            Description::Broadcast { shape } => {
                let own = call.step.shape(0);
                let added = shape.len() - own.len();
                // Where the operand has the size already, 1 means to keep it.
                let size = |(axis, &size): (usize, &usize)| match axis.checked_sub(added) {
                    Some(axis) if own[axis] == size => 1,
                    _ => size as i64,
                };
                let shape: Vec<_> = shape.iter().enumerate().map(size).collect();
                let shape = graph.integers(path, &shape);
                graph.node(path, "Expand", &[inputs[0], &shape], vec![])
            }
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

    /// Another shape, in terms that hold for other sizes where there are such terms: unit axes that come
    /// or go; else axes that stay as they are, and one that takes what is left.
    fn reshape(&mut self, call: &Call<'_>, to: &[usize]) -> String {
        let (path, graph, from) = (&call.path, &mut self.graph, call.step.shape(0));
        let long = |shape: &[usize]| -> Vec<_> {
            shape.iter().copied().filter(|&size| size != 1).collect()
        };
        let unit = |shape: &[usize]| -> Vec<_> {
            (0..shape.len()).filter(|&axis| shape[axis] == 1).map(|axis| axis as i64).collect()
        };
        if long(from) == long(to) {
            let mut value = call.inputs[0].clone();
            for (op, axes) in [("Squeeze", unit(from)), ("Unsqueeze", unit(to))] {
                if !axes.is_empty() {
                    let axes = graph.integers(path, &axes);
                    value = graph.node(path, op, &[&value, &axes], vec![]);
                }
            }
            return value;
        }
        let kept = from.iter().zip(to).take_while(|(from, to)| from == to).count();
        let size = |(axis, &size): (usize, &usize)| match axis {
            axis if axis < kept => 0,
            axis if axis + 1 == to.len() => -1,
            _ => size as i64,
        };
        let shape: Vec<_> = to.iter().enumerate().map(size).collect();
        let shape = graph.integers(path, &shape);
        graph.node(path, "Reshape", &[&call.inputs[0], &shape], vec![])
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
        let (x, gain) = (call.step.shape(0), call.step.shape(1));
        if repeats == 1 && groups == 1 && inner == 1 && x.ends_with(gain) {
            let axis = x.len() - gain.len();
            let attributes = vec![int("axis", axis), float("epsilon", eps)];
            return Ok(graph.node(path, "LayerNormalization", &inputs, attributes));
        }
        if repeats != 1 || sets != x[0] * groups {
            return Err(call.refuse("expected a group or layer normalization, found another"));
        }
        // Groups as the channels of an instance normalization without gains; then each channel's own.
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
