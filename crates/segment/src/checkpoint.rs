//! A run's state in a file, from which it goes on bit for bit.
//!
//! ```text
//! magic 8 | format u16 | codec u8 | flags u8 | payload length u64 | blake3 32 | payload
//! ```
//!
//! Numbers are little-endian. The hash covers the header before it and the payload, so that every
//! changed byte is noticed; it speaks of damage, not of who wrote the file. The payload is bincode
//! 1.3.3 (fixed-size integers, little-endian), always read from a slice with its length as the limit.

use crate::{Config, EpochMetrics, RunError};
use bincode::Options;
use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

const MAGIC: &[u8; 8] = b"\x89MIRGRD\n";
const FORMAT: u16 = 1;
/// Bincode 1.3.3 with fixed-size little-endian integers.
const CODEC: u8 = 1;
const HASHED_HEADER: usize = 20;
const HEADER: usize = HASHED_HEADER + 32;
/// Most bytes of a checkpoint that is read.
const MAX_BYTES: u64 = 4 << 30;

/// All that a run needs to go on.
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What the run was started with.
    pub config: Config,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// What tells the run's pictures from others, see [`Dataset::fingerprint`](crate::Dataset).
    pub data: String,
    /// Where the run stands.
    pub progress: Progress,
    /// The epochs so far.
    pub history: Vec<EpochMetrics>,
    /// Parameters and buffers.
    pub weights: NamedTensors<f32>,
    /// What the optimizer remembers.
    pub optimizer: OptimizerState<f32>,
}

/// Where a run stands, between two steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// The epoch the next step belongs to, counted from 0.
    pub epoch: usize,
    /// The number of its batch.
    pub batch: usize,
    /// Steps taken since the start.
    pub step: u64,
    /// The sum of this epoch's losses so far.
    pub loss_sum: f64,
    /// Seconds this epoch has taken so far.
    pub seconds: f64,
    /// The best validation mIoU so far.
    pub best_miou: Option<f64>,
}

/// The payload as it is encoded: names, shapes and numbers, nothing that nests or is empty.
#[derive(Serialize, Deserialize)]
struct Payload {
    config: String,
    classes: Vec<String>,
    data: String,
    progress: Progress,
    history: Vec<EpochMetrics>,
    weights: BTreeMap<String, Values>,
    optimizer_steps: BTreeMap<String, u64>,
    optimizer: BTreeMap<String, Values>,
}

#[derive(Serialize, Deserialize)]
struct Values {
    shape: Vec<usize>,
    values: Vec<f32>,
}

fn codec(limit: u64) -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(limit)
        .reject_trailing_bytes()
}

impl Checkpoint {
    /// The bytes of the file.
    ///
    /// # Errors
    /// If the state is larger than a checkpoint may be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let pack = |tensors: &NamedTensors<f32>| {
            let values =
                |t: &Tensor| Values { shape: t.shape().to_vec(), values: t.as_slice().to_vec() };
            tensors.iter().map(|(name, tensor)| (name.clone(), values(tensor))).collect()
        };
        let payload = Payload {
            config: toml::to_string(&self.config).map_err(|error| error.to_string())?,
            classes: self.classes.clone(),
            data: self.data.clone(),
            progress: self.progress,
            history: self.history.clone(),
            weights: pack(&self.weights),
            optimizer_steps: self.optimizer.steps.clone(),
            optimizer: pack(&self.optimizer.tensors),
        };
        let payload = codec(MAX_BYTES).serialize(&payload).map_err(|error| error.to_string())?;
        let mut bytes = Vec::with_capacity(HEADER + payload.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&[CODEC, 0]);
        bytes.extend_from_slice(&(payload.len() as u64).to_le_bytes());
        let hash = hash(&bytes, &payload);
        bytes.extend_from_slice(&hash);
        bytes.extend_from_slice(&payload);
        Ok(bytes)
    }

    /// The state in the bytes of a file.
    ///
    /// # Errors
    /// A sentence that says what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let Some((header, payload)) = bytes.split_at_checked(HEADER) else {
            return Err(format!("expected a checkpoint, found only {} bytes", bytes.len()));
        };
        let (hashed, expected_hash) = header.split_at(HASHED_HEADER);
        if !hashed.starts_with(MAGIC) {
            return Err("expected a checkpoint, found something else".to_string());
        }
        let number = |range: std::ops::Range<usize>| {
            hashed[range].iter().rev().fold(0_u64, |n, &byte| n << 8 | u64::from(byte))
        };
        let (format, codec_id, length) = (number(8..10), number(10..11), number(12..20));
        if format != u64::from(FORMAT) || codec_id != u64::from(CODEC) {
            return Err(format!(
                "expected checkpoint format {FORMAT} (codec {CODEC}), found {format} (codec \
                 {codec_id}): it is damaged or from another version of mirrorgrad"
            ));
        }
        if length != payload.len() as u64 {
            return Err(format!(
                "expected {length} bytes after the header, found {}: it is cut short or damaged",
                payload.len()
            ));
        }
        if hash(hashed, payload) != *expected_hash {
            return Err("its contents do not match its hash: it is damaged".to_string());
        }
        let payload: Payload =
            codec(payload.len() as u64).deserialize(payload).map_err(|error| error.to_string())?;
        let unpack = |tensors: BTreeMap<String, Values>| {
            let tensor = |(name, Values { shape, values }): (String, Values)| {
                let len = shape.iter().try_fold(1_usize, |len, &size| len.checked_mul(size));
                if len != Some(values.len()) {
                    return Err(format!(
                        "tensor {name:?} of shape {shape:?} has {} values",
                        values.len()
                    ));
                }
                Ok((name, Tensor::new(shape, values)))
            };
            tensors.into_iter().map(tensor).collect::<Result<NamedTensors<f32>, String>>()
        };
        Ok(Self {
            config: toml::from_str(&payload.config).map_err(|error| error.to_string())?,
            classes: payload.classes,
            data: payload.data,
            progress: payload.progress,
            history: payload.history,
            weights: unpack(payload.weights)?,
            optimizer: OptimizerState {
                steps: payload.optimizer_steps,
                tensors: unpack(payload.optimizer)?,
            },
        })
    }

    /// Reads a checkpoint file.
    ///
    /// # Errors
    /// If the file cannot be read or is not an undamaged checkpoint.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let bytes = crate::files::read(path, MAX_BYTES)?;
        Self::from_bytes(&bytes).map_err(|what| RunError::unfit(path, what))
    }
}

fn hash(header: &[u8], payload: &[u8]) -> [u8; 32] {
    *blake3::Hasher::new().update(header).update(payload).finalize().as_bytes()
}
