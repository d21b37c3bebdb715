//! Weights in files: safetensors under PyTorch's names and layouts.

mod shown;

pub use shown::{few, short};

use crate::{Module, named_params};
use mirrorgrad_tensor::{Element, Tensor};
use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::collections::{BTreeMap, HashSet};
use std::fmt;

/// Why bytes are not the weights of a network.
///
/// ```
/// # use mirrorgrad_layers::Linear;
/// # use mirrorgrad_layers::weights::{WeightsError, load_state_dict, state_dict};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let (small, large) = (Linear::<f32>::new([2, 3], rng), Linear::<f32>::new([2, 4], rng));
/// let error = load_state_dict(&large, &state_dict(&small)).unwrap_err();
/// assert!(matches!(&error, WeightsError::Shape { name, .. } if name == "weight"));
/// assert_eq!(error.to_string(), r#"tensor "weight": expected shape [4, 2], got [3, 2]"#);
/// ```
#[derive(Debug, thiserror::Error)]
pub enum WeightsError {
    /// The bytes are not a safetensors file.
    #[error("not a safetensors file: {0}")]
    Format(String),
    /// A name occurs twice.
    #[error("tensor {:?} occurs twice", short(.0))]
    Duplicate(String),
    /// A tensor is of a type that does not hold real numbers.
    #[error("tensor {:?}: expected F32 or F64, got {dtype}", short(name))]
    Type {
        /// Its name.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// Names that the network has and the file does not, or the other way.
    #[error(
        "the weights are of another network: missing {}, unknown {}",
        few(missing),
        few(unknown)
    )]
    Names {
        /// What the network expects.
        missing: Vec<String>,
        /// What it does not know.
        unknown: Vec<String>,
    },
    /// A tensor has another shape than the network's.
    #[error("tensor {:?}: expected shape {expected:?}, got {got:?}", short(name))]
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
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::weights::{NamedTensors, load_state_dict, state_dict};
/// # use mirrorgrad_layers::{Linear, Mode, Module};
/// # use mirrorgrad_tensor::Tensor;
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let layer = Linear::<f32>::new([2, 3], rng);
/// let mut weights: NamedTensors<f32> = state_dict(&layer);
/// weights.insert("bias".to_string(), [1.0, 2.0, 3.0].into());
/// load_state_dict(&layer, &weights)?;
/// let y = layer.forward(&Var::constant(Tensor::zeros([1, 2])), &Mode::Eval);
/// assert_eq!(y.value(), &[[1.0, 2.0, 3.0]].into());
/// # Ok::<(), mirrorgrad_layers::weights::WeightsError>(())
/// ```
pub type NamedTensors<T> = BTreeMap<String, Tensor<T>>;

/// The values of all parameters and buffers of a module.
///
/// ```
/// # use mirrorgrad_layers::{Linear, weights::state_dict};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let weights = state_dict(&Linear::<f32>::new([2, 3], rng));
/// assert!(weights.keys().eq(["bias", "weight"]));
/// assert_eq!(weights["weight"].shape(), [3, 2]);
/// ```
pub fn state_dict<T: Element>(module: &(impl Module<T> + ?Sized)) -> NamedTensors<T> {
    named_params(module).into_iter().map(|(name, param)| (name, param.value())).collect()
}

/// Replaces the values of all parameters and buffers of a module; if anything does not fit, of none.
///
/// PyTorch's `num_batches_tracked` counters, which nothing here reads, are passed over.
///
/// ```
/// # use mirrorgrad_layers::Linear;
/// # use mirrorgrad_layers::weights::{load_state_dict, state_dict};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let (from, to) = (Linear::<f32>::new([2, 3], rng), Linear::<f32>::new([2, 3], rng));
/// assert_ne!(state_dict(&to), state_dict(&from));
/// load_state_dict(&to, &state_dict(&from))?;
/// assert_eq!(state_dict(&to), state_dict(&from));
/// # Ok::<(), mirrorgrad_layers::weights::WeightsError>(())
/// ```
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
///
/// ```
/// # use mirrorgrad_layers::weights::{NamedTensors, from_safetensors, to_safetensors};
/// let bias = ("bias".to_string(), [1.0_f32, 2.0].into());
/// let tensors: NamedTensors<f32> = NamedTensors::from([bias]);
/// let bytes = to_safetensors(&tensors);
/// assert!(bytes.ends_with(&[1.0_f32.to_le_bytes(), 2.0_f32.to_le_bytes()].concat()));
/// assert_eq!(from_safetensors::<f32>(&bytes)?, tensors);
/// # Ok::<(), mirrorgrad_layers::weights::WeightsError>(())
/// ```
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
/// ```
/// # use mirrorgrad_layers::weights::{NamedTensors, from_safetensors, to_safetensors};
/// let bias = ("bias".to_string(), [0.5_f32, 2.0].into());
/// let single: NamedTensors<f32> = NamedTensors::from([bias]);
/// let double = from_safetensors::<f64>(&to_safetensors(&single))?;
/// assert_eq!(double["bias"], [0.5_f64, 2.0].into());
/// let error = from_safetensors::<f32>(b"not such a file").unwrap_err();
/// assert!(error.to_string().starts_with("not a safetensors file: "));
/// # Ok::<(), mirrorgrad_layers::weights::WeightsError>(())
/// ```
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
/// ```
/// # use mirrorgrad_layers::weights::{WeightsError, parse_safetensors};
/// # let file = |header: &str| {
/// #     [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 4]].concat()
/// # };
/// let entry = r#""p":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#;
/// let (once, twice) = (file(&format!("{{{entry}}}")), file(&format!("{{{entry},{entry}}}")));
/// assert_eq!(parse_safetensors(&once)?.names(), ["p"]);
/// assert!(matches!(parse_safetensors(&twice), Err(WeightsError::Duplicate(name)) if name == "p"));
/// # Ok::<(), mirrorgrad_layers::weights::WeightsError>(())
/// ```
///
/// # Errors
/// If the bytes are not such a file, or a name occurs twice.
pub fn parse_safetensors(bytes: &[u8]) -> Result<SafeTensors<'_>, WeightsError> {
    let format = |error: SafeTensorError| WeightsError::Format(short(&error.to_string()));
    let file = SafeTensors::deserialize(bytes).map_err(format)?;
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
