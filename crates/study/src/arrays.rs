//! Named tensors in files: safetensors of F32, F64 and I64.

use crate::Refusal;
use mirrorgrad_layers::weights::parse_safetensors;
use mirrorgrad_tensor::Tensor;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;

/// A tensor of one of three types.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Single precision.
    F32(Tensor<f32>),
    /// Double precision.
    F64(Tensor<f64>),
    /// Whole numbers: a shape, and values in row-major order.
    I64(Vec<usize>, Vec<i64>),
}

/// Tensors by name.
pub type Arrays = BTreeMap<String, Array>;

impl Array {
    /// The size along each axis.
    pub fn shape(&self) -> &[usize] {
        match self {
            Self::F32(tensor) => tensor.shape(),
            Self::F64(tensor) => tensor.shape(),
            Self::I64(shape, _) => shape,
        }
    }

    /// The type's name in files.
    pub fn dtype(&self) -> &'static str {
        match self {
            Self::F32(_) => "F32",
            Self::F64(_) => "F64",
            Self::I64(..) => "I64",
        }
    }

    fn to_bytes(&self) -> (Dtype, Vec<u8>) {
        match self {
            Self::F32(tensor) => (Dtype::F32, tensor.to_le_bytes()),
            Self::F64(tensor) => (Dtype::F64, tensor.to_le_bytes()),
            Self::I64(_, values) => {
                (Dtype::I64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        }
    }
}

/// The tensors of a safetensors file.
///
/// # Errors
/// If the bytes are not such a file, a name occurs twice, or a tensor is of another type.
pub fn read(bytes: &[u8]) -> Result<Arrays, Refusal> {
    let file = parse_safetensors(bytes).map_err(|error| Refusal::new(error.to_string()))?;
    let array = |(name, view): (String, TensorView<'_>)| {
        let (shape, data) = (view.shape(), view.data());
        let array = match view.dtype() {
            Dtype::F32 => Array::F32(Tensor::from_le_bytes(shape, data)),
            Dtype::F64 => Array::F64(Tensor::from_le_bytes(shape, data)),
            Dtype::I64 => {
                let values = data.as_chunks().0.iter().copied().map(i64::from_le_bytes);
                Array::I64(shape.to_vec(), values.collect())
            }
            other => {
                let found = format!("{other:?}");
                return Err(Refusal::expected(
                    format!("tensor {name:?}"),
                    "F32, F64 or I64",
                    found,
                ));
            }
        };
        Ok((name, array))
    };
    file.tensors().into_iter().map(array).collect()
}

/// The bytes of a safetensors file.
pub fn write(arrays: &Arrays) -> Vec<u8> {
    let bytes: Vec<_> = arrays.values().map(Array::to_bytes).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), (dtype, bytes))| {
        let view = TensorView::new(*dtype, array.shape().to_vec(), bytes);
        (name, view.expect("an array's bytes fill its shape"))
    });
    safetensors::serialize(views, None).expect("names are unique and sizes small")
}
