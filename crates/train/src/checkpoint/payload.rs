//! What a checkpoint file of format 2 holds: bincode of texts, lists and numbers.
//!
//! Configuration, progress and metrics are texts that name what they hold, so that a new metric
//! needs no new format. Always read from a slice with its length as the limit; nothing nests, and
//! no element of a list is empty, which would take no bytes and any time.

use super::{Checkpoint, MAX_BYTES};
use crate::codec::codec;
use crate::metrics::{from_json_lines, to_json_lines};
use bincode::Options;
use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_tensor::Tensor;
use serde::de::{Deserializer, Error, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Read, Write};

/// What is written. Numbers are borrowed: a checkpoint takes no memory on its way to the disk.
#[derive(Serialize)]
pub struct Payload<'a> {
    /// TOML.
    config: String,
    classes: &'a [String],
    data: &'a str,
    /// A JSON object.
    progress: String,
    /// JSON objects, one a line, as in `metrics.jsonl`.
    history: String,
    weights: Vec<Entry<'a>>,
    optimizer_steps: Vec<(&'a str, u64)>,
    optimizer: Vec<Entry<'a>>,
}

/// A tensor's name, shape and values. Entries are in the order of their names.
type Entry<'a> = (&'a str, &'a [usize], &'a [f32]);

/// What is read, value for value what is written.
#[derive(Deserialize)]
struct Stored {
    config: String,
    classes: Vec<String>,
    data: String,
    progress: String,
    history: String,
    weights: StoredTensors,
    optimizer_steps: Vec<(String, u64)>,
    optimizer: StoredTensors,
}

/// The tensors of a list whose names grow, so that none is there twice. Each becomes a tensor before the next
/// is read.
pub struct StoredTensors(pub NamedTensors<f32>);

impl<'a> Payload<'a> {
    /// Of a checkpoint.
    pub fn of(checkpoint: &'a Checkpoint) -> Result<Self, String> {
        let Checkpoint { config, classes, data, progress, history, weights, optimizer } =
            checkpoint;
        let text = to_json_lines(history);
        // Better a run that ends than one that cannot be resumed.
        from_json_lines(&text)?;
        let steps = optimizer.steps.iter();
        Ok(Self {
            config: config.to_toml().map_err(|error| format!("its configuration: {error}"))?,
            classes,
            data,
            progress: serde_json::to_string(progress).map_err(|error| error.to_string())?,
            history: text,
            weights: entries(weights),
            optimizer_steps: steps.map(|(name, &steps)| (&**name, steps)).collect(),
            optimizer: entries(&optimizer.tensors),
        })
    }

    /// The bytes that it is.
    pub fn len(&self) -> Result<u64, String> {
        codec(MAX_BYTES).serialized_size(self).map_err(|error| error.to_string())
    }

    /// Writes its bytes, few at a time.
    pub fn write(&self, to: impl Write) -> io::Result<()> {
        codec(MAX_BYTES).serialize_into(to, self).map_err(|error| match *error {
            bincode::ErrorKind::Io(error) => error,
            other => io::Error::other(other),
        })
    }
}

fn entries(tensors: &NamedTensors<f32>) -> Vec<Entry<'_>> {
    let entry = |(name, tensor)| (String::as_str(name), Tensor::shape(tensor), tensor.as_slice());
    tensors.iter().map(entry).collect()
}

/// The state in a payload of `len` bytes.
pub fn decode(payload: impl Read, len: u64) -> Result<Checkpoint, String> {
    let stored: Stored = from_bincode(payload, len)?;
    Ok(Checkpoint {
        config: toml::from_str(&stored.config)
            .map_err(|error| format!("its configuration: {}", error.message()))?,
        classes: stored.classes,
        data: stored.data,
        progress: serde_json::from_str(&stored.progress)
            .map_err(|error| format!("its progress: {error}"))?,
        history: from_json_lines(&stored.history)?,
        weights: stored.weights.0,
        optimizer: OptimizerState {
            steps: in_order(stored.optimizer_steps)?,
            tensors: stored.optimizer.0,
        },
    })
}

/// What a payload of any format holds, which ends with it.
pub fn from_bincode<T: for<'a> Deserialize<'a>>(payload: impl Read, len: u64) -> Result<T, String> {
    let none =
        |why: &dyn fmt::Display| format!("its contents are not those of a checkpoint: {why}");
    let mut payload = payload.take(len);
    let value = codec(len).deserialize_from(&mut payload).map_err(|error| match *error {
        bincode::ErrorKind::Custom(what) => what,
        other => none(&other),
    })?;
    match payload.limit() {
        0 => Ok(value),
        rest => Err(none(&format_args!("{rest} bytes follow its contents"))),
    }
}

impl<'de> Deserialize<'de> for StoredTensors {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(TensorsVisitor)
    }
}

struct TensorsVisitor;

impl<'de> Visitor<'de> for TensorsVisitor {
    type Value = StoredTensors;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of tensors")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<StoredTensors, A::Error> {
        let mut tensors = NamedTensors::new();
        while let Some((name, shape, values)) =
            entries.next_element::<(String, Vec<usize>, Vec<f32>)>()?
        {
            let len = shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size));
            if len != Some(values.len()) {
                return Err(A::Error::custom(format!(
                    "tensor {name:?} of shape {shape:?} has {} values",
                    values.len()
                )));
            }
            insert_last(&mut tensors, name, Tensor::new(shape, values))
                .map_err(A::Error::custom)?;
        }
        Ok(StoredTensors(tensors))
    }
}

/// The counts of a list whose names grow.
pub fn in_order(entries: Vec<(String, u64)>) -> Result<BTreeMap<String, u64>, String> {
    let mut counts = BTreeMap::new();
    entries.into_iter().try_for_each(|(name, steps)| insert_last(&mut counts, name, steps))?;
    Ok(counts)
}

/// Refuses a name that is not behind all that are there.
fn insert_last<T>(map: &mut BTreeMap<String, T>, name: String, value: T) -> Result<(), String> {
    match map.last_key_value() {
        Some((last, _)) if *last >= name => {
            Err(format!("expected tensor names in order, each once, found {name:?} after {last:?}"))
        }
        _ => {
            map.insert(name, value);
            Ok(())
        }
    }
}
