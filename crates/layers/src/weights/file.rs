//! Safetensors files: tensors to bytes and back.

use super::{NamedTensors, WeightsError, is_counter, short};
use half::{bf16, f16};
use mirrorgrad_tensor::{Element, Tensor};
use safetensors::tensor::{Dtype, SafeTensors, TensorView, View};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

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
    let entries = tensors.iter().map(|(name, tensor)| (name, Entry(tensor)));
    safetensors::serialize(entries, None).expect("names are unique and sizes small")
}

/// A tensor, whose bytes are not copied before they are written.
struct Entry<'a, T: Element>(&'a Tensor<T>);

impl<T: Element> View for Entry<'_, T> {
    fn dtype(&self) -> Dtype {
        if T::NAME == "f32" { Dtype::F32 } else { Dtype::F64 }
    }

    fn shape(&self) -> &[usize] {
        self.0.shape()
    }

    fn data(&self) -> Cow<'_, [u8]> {
        self.0.to_le_bytes()
    }

    fn data_len(&self) -> usize {
        self.0.len() * size_of::<T>()
    }
}

/// The tensors of a safetensors file, F16, BF16, F32 or F64, in this precision.
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
                Dtype::F16 => widened(&view, |bytes| f16::from_le_bytes(bytes).to_f32()),
                Dtype::BF16 => widened(&view, |bytes| bf16::from_le_bytes(bytes).to_f32()),
                other => return Err(WeightsError::Type { name, dtype: format!("{other:?}") }),
            };
            Ok((name, tensor))
        })
        .collect()
}

/// Numbers of two bytes each; every one is a number of single precision too.
fn widened<T: Element>(view: &TensorView<'_>, number: impl Fn([u8; 2]) -> f32) -> Tensor<T> {
    let (numbers, _) = view.data().as_chunks();
    let numbers = numbers.iter().map(|&bytes| number(bytes));
    Tensor::<f32>::new(view.shape(), numbers.collect::<Vec<_>>()).cast()
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
    let file = SafeTensors::deserialize(bytes)
        .map_err(|error| WeightsError::Format(short(&error.to_string())))?;
    check_unique(bytes)?;
    Ok(file)
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
