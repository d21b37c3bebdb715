//! Nodes and constants with names of their own.

use crate::proto::{AttributeProto, FLOAT, GraphProto, INT64, NodeProto, TensorProto};
use mirrorgrad_tensor::Tensor;
use std::collections::HashMap;

/// A graph that is being written.
#[derive(Default)]
pub(crate) struct Graph {
    pub proto: GraphProto,
    /// How often each name was asked for.
    names: HashMap<String, usize>,
}

impl Graph {
    /// `wanted`, or if it is taken, with a number behind it.
    pub fn name(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_string();
        while self.names.contains_key(&name) {
            let count = self.names.entry(wanted.to_string()).or_default();
            *count += 1;
            name = format!("{wanted}_{}", *count);
        }
        self.names.insert(name.clone(), 1);
        name
    }

    /// Adds a node of the layer `path`, and returns its result's name, which is its own.
    pub fn node(
        &mut self,
        path: &str,
        op: &str,
        inputs: &[&str],
        attribute: Vec<AttributeProto>,
    ) -> String {
        let name = self.name(&within(path, op));
        self.proto.node.push(NodeProto {
            input: inputs.iter().map(|input| input.to_string()).collect(),
            output: vec![name.clone()],
            name: Some(name.clone()),
            op_type: Some(op.to_string()),
            attribute,
        });
        name
    }

    /// Gives the last node another result, and returns its name.
    pub fn second_output(&mut self, what: &str) -> String {
        let last = self.proto.node.last_mut().expect("a node was added");
        let name = format!("{}.{what}", last.output[0]);
        last.output.push(name.clone());
        name
    }

    /// Adds a constant under a name that is its own already.
    pub fn constant(&mut self, name: String, value: &Tensor) -> String {
        let dims = value.shape().iter().map(|&size| size as i64).collect();
        self.initializer(dims, FLOAT, name, value.to_le_bytes().into_owned())
    }

    /// Adds a number.
    pub fn number(&mut self, path: &str, value: f64) -> String {
        let name = self.name(&within(path, "constant"));
        self.constant(name, &Tensor::scalar(value as f32))
    }

    /// Adds a list of whole numbers.
    pub fn integers(&mut self, path: &str, values: &[i64]) -> String {
        let name = self.name(&within(path, "constant"));
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(vec![values.len() as i64], INT64, name, bytes)
    }

    fn initializer(&mut self, dims: Vec<i64>, kind: i32, name: String, bytes: Vec<u8>) -> String {
        self.proto.initializer.push(TensorProto {
            dims,
            data_type: Some(kind),
            name: Some(name.clone()),
            raw_data: Some(bytes),
        });
        name
    }

    /// Gives a value another name wherever it occurs.
    pub fn rename(&mut self, from: &str, to: &str) {
        for node in &mut self.proto.node {
            for name in node.input.iter_mut().chain(&mut node.output) {
                if name == from {
                    *name = to.to_string();
                }
            }
        }
    }
}

/// A name inside a layer.
pub(crate) fn within(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_string() } else { format!("{path}/{name}") }
}

pub(crate) fn int(name: &str, value: usize) -> AttributeProto {
    AttributeProto { i: Some(value as i64), ..attribute(name, 2) }
}

pub(crate) fn float(name: &str, value: f64) -> AttributeProto {
    AttributeProto { f: Some(value as f32), ..attribute(name, 1) }
}

pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto { s: Some(value.as_bytes().to_vec()), ..attribute(name, 3) }
}

pub(crate) fn ints(name: &str, values: impl IntoIterator<Item = usize>) -> AttributeProto {
    let ints = values.into_iter().map(|value| value as i64).collect();
    AttributeProto { ints, ..attribute(name, 7) }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto { name: Some(name.to_string()), r#type: Some(kind), ..AttributeProto::default() }
}
