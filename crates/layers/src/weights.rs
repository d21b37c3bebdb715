//! Weights in files: safetensors under PyTorch's names and layouts.

use crate::{Module, named_params};
use mirrorgrad_tensor::{Element, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Why bytes are not the weights of a network.
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The bytes are not a safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(String),
    /// A name occurs twice.
    #[error("tensor {0:?} occurs twice")]
    Duplicate(String),
    /// A tensor is of a type that does not hold real numbers.
    #[error("tensor {name:?}: expected F32 or F64, got {dtype}")]
    Type {
        /// Its name.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// Names that the network has and the file does not, or the other way.
    #[error("the weights are of another network: missing {missing:?}, unknown {unknown:?}")]
    Names {
        /// What the network expects.
        missing: Vec<String>,
        /// What it does not know.
        unknown: Vec<String>,
    },
    /// A tensor has another shape than the network's.
    #[error("tensor {name:?}: expected shape {expected:?}, got {got:?}")]
    Shape {
        /// Its name.
        name: String,
        /// The network's shape.
        expected: Vec<usize>,
        /// The file's shape.
        got: Vec<usize>,
    },
}

/// Tensors by name.
pub type NamedTensors<T> = BTreeMap<String, Tensor<T>>;

/// The values of all parameters and buffers of a module.
pub fn state_dict<T: Element>(module: &(impl Module<T> + ?Sized)) -> NamedTensors<T> {
    named_params(module).into_iter().map(|(name, param)| (name, param.value())).collect()
}

/// Replaces the values of all parameters and buffers of a module; if anything does not fit, of none.
///
/// PyTorch's `num_batches_tracked` counters, which nothing here reads, are passed over.
///
/// # Errors
/// If names are missing or unknown, or a shape differs.
pub fn load_state_dict<T: Element>(
    module: &(impl Module<T> + ?Sized),
    tensors: &NamedTensors<T>,
) -> Result<(), WeightsError> {
    let params = named_params(module);
    let own: HashSet<&str> = params.iter().map(|(name, _)| name.as_str()).collect();
    let missing = params.iter().map(|(name, _)| name).filter(|name| !tensors.contains_key(*name));
    let unknown = tensors.keys().filter(|name| !own.contains(name.as_str()) && !is_counter(name));
    let (missing, unknown): (Vec<_>, Vec<_>) =
        (missing.cloned().collect(), unknown.cloned().collect());
    if !missing.is_empty() || !unknown.is_empty() {
        return Err(WeightsError::Names { missing, unknown });
    }
    for (name, param) in &params {
        let (expected, got) = (param.value().shape().to_vec(), tensors[name].shape().to_vec());
        if expected != got {
            return Err(WeightsError::Shape { name: name.clone(), expected, got });
        }
    }
    params.iter().for_each(|(name, param)| param.set(tensors[name].clone()));
    Ok(())
}

/// Tensors as the bytes of a safetensors file.
pub fn to_safetensors<T: Element>(tensors: &NamedTensors<T>) -> Vec<u8> {
    let dtype = if T::NAME == "f32" { Dtype::F32 } else { Dtype::F64 };
    let bytes: Vec<Vec<u8>> = tensors.values().map(|tensor| tensor.to_le_bytes()).collect();
    let views = tensors.iter().zip(&bytes).map(|((name, tensor), bytes)| {
        let view = TensorView::new(dtype, tensor.shape().to_vec(), bytes);
        (name, view.expect("a tensor's bytes fill its shape"))
    });
    safetensors::serialize(views, None).expect("names are unique and sizes small")
}

/// The tensors of a safetensors file, F32 or F64, in this precision.
///
/// # Errors
/// If the bytes are not such a file, a name occurs twice, or a tensor does not hold real numbers.
pub fn from_safetensors<T: Element>(bytes: &[u8]) -> Result<NamedTensors<T>, WeightsError> {
    let file = parse_safetensors(bytes)?;
    let tensors = file.tensors().into_iter().filter(|(name, _)| !is_counter(name));
    tensors
        .map(|(name, view)| {
            let tensor = match view.dtype() {
                Dtype::F32 => Tensor::<f32>::from_le_bytes(view.shape(), view.data()).cast(),
                Dtype::F64 => Tensor::<f64>::from_le_bytes(view.shape(), view.data()).cast(),
                other => return Err(WeightsError::Type { name, dtype: format!("{other:?}") }),
            };
            Ok((name, tensor))
        })
        .collect()
}

/// A safetensors file whose names are unique, as views of its bytes.
///
/// # Errors
/// If the bytes are not such a file, or a name occurs twice.
pub fn parse_safetensors(bytes: &[u8]) -> Result<SafeTensors<'_>, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| WeightsError::Format(e.to_string()))?;
    check_unique(bytes)?;
    Ok(file)
}

fn is_counter(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
}

/// The reader keeps one of two tensors with one name; here that is an error.
fn check_unique(bytes: &[u8]) -> Result<(), WeightsError> {
    struct Keys;

    impl<'de> Visitor<'de> for Keys {
        type Value = Option<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a table of tensors")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let (mut seen, mut twice) = (HashSet::new(), None);
            while let Some((key, _)) = map.next_entry::<String, IgnoredAny>()? {
                if !seen.insert(key.clone()) {
                    twice = Some(key);
                }
            }
            Ok(twice)
        }
    }

    struct Twice(Option<String>);

    impl<'de> Deserialize<'de> for Twice {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_map(Keys).map(Self)
        }
    }

    // The length and the header were found well-formed when the tensors were read.
    let format = |error: serde_json::Error| WeightsError::Format(error.to_string());
    let (length, rest) = bytes.split_first_chunk().expect("the file was read");
    let header = &rest[..u64::from_le_bytes(*length) as usize];
    match serde_json::from_slice(header).map_err(format)? {
        Twice(Some(name)) => Err(WeightsError::Duplicate(name)),
        Twice(None) => Ok(()),
    }
}
