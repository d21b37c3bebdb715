//! What a checkpoint file of format 2 holds: bincode of texts, lists and numbers.
//!
//! Configuration, progress and metrics are texts that name what they hold, so that a new metric
//! needs no new format. Always read from a slice with its length as the limit; nothing nests, and
//! no element of a list is empty, which would take no bytes and any time.

use super::{Checkpoint, MAX_BYTES};
use crate::metrics::{from_json_lines, to_json_lines};
use bincode::Options;
use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Serialize, Deserialize)]
struct Payload<'a> {
    /// TOML.
    config: String,
    classes: Cow<'a, [String]>,
    data: Cow<'a, str>,
    /// A JSON object.
    progress: String,
    /// JSON objects, one a line, as in `metrics.jsonl`.
    history: String,
    weights: Vec<Entry<'a>>,
    optimizer_steps: Vec<(Cow<'a, str>, u64)>,
    optimizer: Vec<Entry<'a>>,
}

/// A tensor and its name. Entries are in the order of their names.
#[derive(Serialize, Deserialize)]
pub struct Entry<'a> {
    name: Cow<'a, str>,
    shape: Cow<'a, [usize]>,
    values: Cow<'a, [f32]>,
}

/// The bounded codec of all formats.
pub fn codec(limit: u64) -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(limit)
        .reject_trailing_bytes()
}

/// Writes a checkpoint's payload after what is in `bytes`.
pub fn encode(checkpoint: &Checkpoint, bytes: &mut Vec<u8>) -> Result<(), String> {
    let Checkpoint { config, classes, data, progress, history, weights, optimizer } = checkpoint;
    let text = to_json_lines(history);
    // Better a run that ends than one that cannot be resumed.
    from_json_lines(&text)?;
    let steps = optimizer.steps.iter();
    let payload = Payload {
        config: toml::to_string(config).map_err(|error| format!("its configuration: {error}"))?,
        classes: Cow::Borrowed(classes),
        data: Cow::Borrowed(data),
        progress: serde_json::to_string(progress).map_err(|error| error.to_string())?,
        history: text,
        weights: pack(weights),
        optimizer_steps: steps.map(|(name, &steps)| (Cow::Borrowed(&**name), steps)).collect(),
        optimizer: pack(&optimizer.tensors),
    };
    let told = |error: bincode::Error| error.to_string();
    let size = codec(MAX_BYTES).serialized_size(&payload).map_err(told)?;
    bytes.reserve_exact(usize::try_from(size).map_err(|error| error.to_string())?);
    codec(MAX_BYTES).serialize_into(bytes, &payload).map_err(told)
}

/// The state in a payload.
pub fn decode(payload: &[u8]) -> Result<Checkpoint, String> {
    let payload: Payload<'_> = from_bincode(payload)?;
    Ok(Checkpoint {
        config: toml::from_str(&payload.config)
            .map_err(|error| format!("its configuration: {}", error.message()))?,
        classes: payload.classes.into_owned(),
        data: payload.data.into_owned(),
        progress: serde_json::from_str(&payload.progress)
            .map_err(|error| format!("its progress: {error}"))?,
        history: from_json_lines(&payload.history)?,
        weights: unpack(payload.weights)?,
        optimizer: OptimizerState {
            steps: unpack_steps(payload.optimizer_steps)?,
            tensors: unpack(payload.optimizer)?,
        },
    })
}

/// What a payload of any format holds.
pub fn from_bincode<'a, T: Deserialize<'a>>(payload: &'a [u8]) -> Result<T, String> {
    let told = |error: bincode::Error| format!("its contents are no checkpoint's: {error}");
    codec(payload.len() as u64).deserialize(payload).map_err(told)
}

fn pack(tensors: &NamedTensors<f32>) -> Vec<Entry<'_>> {
    let entries = tensors.iter().map(|(name, tensor)| Entry {
        name: Cow::Borrowed(name),
        shape: Cow::Borrowed(tensor.shape()),
        values: Cow::Borrowed(tensor.as_slice()),
    });
    entries.collect()
}

/// The tensors of a list whose names grow, so that none is there twice.
pub fn unpack(entries: Vec<Entry<'_>>) -> Result<NamedTensors<f32>, String> {
    check_order(entries.iter().map(|entry| &*entry.name))?;
    let tensor = |Entry { name, shape, values }: Entry<'_>| {
        let len = shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size));
        if len != Some(values.len()) {
            return Err(format!("tensor {name:?} of shape {shape:?} has {} values", values.len()));
        }
        Ok((name.into_owned(), Tensor::new(&*shape, &*values)))
    };
    entries.into_iter().map(tensor).collect()
}

/// The counts of a list whose names grow.
pub fn unpack_steps(entries: Vec<(Cow<'_, str>, u64)>) -> Result<BTreeMap<String, u64>, String> {
    check_order(entries.iter().map(|(name, _)| &**name))?;
    Ok(entries.into_iter().map(|(name, steps)| (name.into_owned(), steps)).collect())
}

fn check_order<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Result<(), String> {
    match names.clone().zip(names.skip(1)).find(|(first, second)| first >= second) {
        None => Ok(()),
        Some((first, second)) => {
            Err(format!("expected names in order, each once, found {second:?} after {first:?}"))
        }
    }
}
