//! Weights in files: safetensors under PyTorch's names and layouts.

mod file;
mod names;
mod shown;

pub use file::{from_safetensors, parse_safetensors, to_safetensors};
pub use names::{check_names, some_of, take_off_prefix};
pub use shown::short;

use crate::{Module, Params};
use mirrorgrad_tensor::{Element, Tensor};
use names::unfit;
use std::collections::{BTreeMap, BTreeSet};

/// Why bytes are not the weights of a network.
///
/// ```
/// # use mirrorgrad_layers::Linear;
/// # use mirrorgrad_layers::weights::{WeightsError, load_state_dict, state_dict};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
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
    #[error("tensor {:?}: expected F16, BF16, F32 or F64, got {dtype}", short(name))]
    Type {
        /// Its name.
        name: String,
        /// Its type.
        dtype: String,
    },
    /// Visitor that the network has and the file does not, or the other way.
    #[error("{}", unfit(.missing, .unknown))]
    Visitor {
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
    /// There are fewer numbers than the network has.
    #[error("expected at least {least} numbers in the weights of this network, found {found}")]
    TooFew {
        /// How many the network has at least.
        least: usize,
        /// How many there are.
        found: usize,
    },
    /// A tensor has a number that is infinite or NaN.
    #[error("tensor {:?}: expected finite numbers, found {value}", short(name))]
    NotFinite {
        /// Its name.
        name: String,
        /// The first such number.
        value: f64,
    },
}

/// Tensors by name.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::weights::{NamedTensors, load_state_dict, state_dict};
/// # use mirrorgrad_layers::{Linear, Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let layer = Linear::<f32>::new([2, 3], rng);
/// let mut weights: NamedTensors<f32> = state_dict(&layer);
/// weights.insert("bias".to_string(), [1.0, 2.0, 3.0].into());
/// load_state_dict(&layer, &weights)?;
/// let y = layer.forward(&Var::constant(Tensor::zeros([1, 2])), &Pass::eval());
/// assert_eq!(y.value(), &[[1.0, 2.0, 3.0]].into());
/// # Ok::<(), mirrorgrad_layers::weights::WeightsError>(())
/// ```
pub type NamedTensors<T> = BTreeMap<String, Tensor<T>>;

/// The values of all parameters and buffers of a module.
///
/// ```
/// # use mirrorgrad_layers::{Linear, weights::state_dict};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let weights = state_dict(&Linear::<f32>::new([2, 3], rng));
/// assert!(weights.keys().eq(["bias", "weight"]));
/// assert_eq!(weights["weight"].shape(), [3, 2]);
/// ```
pub fn state_dict<T: Element>(module: &(impl Module<T> + ?Sized)) -> NamedTensors<T> {
    Params::of(module).values()
}

/// Replaces the values of all parameters and buffers of a module; if anything does not fit, of none.
///
/// PyTorch's `num_batches_tracked` counters, which nothing here reads, are ignored.
///
/// ```
/// # use mirrorgrad_layers::Linear;
/// # use mirrorgrad_layers::weights::{load_state_dict, state_dict};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
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
    let params = Params::of(module);
    let own: BTreeSet<String> = params.iter().map(|(name, _)| name.clone()).collect();
    check_names(&own, tensors)?;
    for (name, param) in &params {
        let (expected, got) = (param.value().shape().to_vec(), tensors[name].shape().to_vec());
        if expected != got {
            return Err(WeightsError::Shape { name: name.clone(), expected, got });
        }
    }
    params.iter().for_each(|(name, param)| param.set(tensors[name].clone()));
    Ok(())
}

/// Refuses tensors with a number that is infinite or NaN: no network computes with them, and a diverged run
/// leaves them.
///
/// ```
/// # use mirrorgrad_layers::weights::{NamedTensors, check_finite};
/// let mut weights: NamedTensors<f32> = NamedTensors::from([("bias".to_owned(), [1.0].into())]);
/// assert!(check_finite(&weights).is_ok());
/// weights.insert("weight".to_owned(), [0.5, f32::NAN].into());
/// let error = check_finite(&weights).unwrap_err().to_string();
/// assert_eq!(error, r#"tensor "weight": expected finite numbers, found NaN"#);
/// ```
///
/// # Errors
/// The first such tensor, by its name.
pub fn check_finite<T: Element>(tensors: &NamedTensors<T>) -> Result<(), WeightsError> {
    for (name, tensor) in tensors {
        if let Some(value) = tensor.as_slice().iter().find(|value| !value.is_finite()) {
            return Err(WeightsError::NotFinite { name: name.clone(), value: value.as_f64() });
        }
    }
    Ok(())
}

/// Whether a tensor is one of PyTorch's counters of batches.
fn is_counter(name: &str) -> bool {
    name.ends_with("num_batches_tracked")
}
