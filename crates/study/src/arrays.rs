//! Named tensors in files: safetensors of F32, F64 and I64.

use crate::Refusal;
use mirrorgrad_layers::weights::{parse_safetensors, short};
use mirrorgrad_tensor::Tensor;
use safetensors::tensor::{Dtype, TensorView};
use std::collections::BTreeMap;

/// A tensor of one of three types.
///
/// ```
/// # use mirrorgrad_study::Array;
/// # use mirrorgrad_tensor::Tensor;
/// let picture = Array::F32(Tensor::zeros([1, 3, 8, 8]));
/// assert_eq!((picture.dtype(), picture.shape()), ("F32", &[1, 3, 8, 8][..]));
/// let labels = Array::I64(vec![2], vec![0, 255]);
/// assert_eq!((labels.dtype(), labels.shape()), ("I64", &[2][..]));
/// ```
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
///
/// ```
/// # use mirrorgrad_study::{Array, Arrays};
/// # use mirrorgrad_tensor::Tensor;
/// let planes = |channels: usize| Array::F32(Tensor::zeros([1, channels, 8, 8]));
/// let mut arrays = Arrays::from([("input".to_owned(), planes(3))]);
/// arrays.insert("grad_output".to_owned(), planes(4));
/// assert_eq!(arrays["input"].shape(), [1, 3, 8, 8]);
/// assert_eq!(arrays.keys().collect::<Vec<_>>(), ["grad_output", "input"]);
/// ```
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
            Self::F32(tensor) => (Dtype::F32, tensor.to_le_bytes().into_owned()),
            Self::F64(tensor) => (Dtype::F64, tensor.to_le_bytes().into_owned()),
            Self::I64(_, values) => {
                (Dtype::I64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
            }
        }
    }
}

/// The tensors of a safetensors file.
///
/// ```
/// # use mirrorgrad_study::{Array, Arrays, arrays};
/// let labels = Array::I64(vec![2, 1], vec![0, 3]);
/// let bytes = arrays::write(&Arrays::from([("target".to_owned(), labels)]));
/// assert_eq!(arrays::read(&bytes)?["target"].shape(), [2, 1]);
/// let cut = arrays::read(&bytes[..20]).unwrap_err().to_string();
/// assert!(cut.starts_with("not a safetensors file"), "{cut}");
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
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
                    format!("tensor {:?}", short(&name)),
                    "F32, F64 or I64",
                    found,
                ));
            }
        };
        Ok((name, array))
    };
    let mut tensors = file.tensors();
    // Of several faults, the same one is told each time.
    tensors.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    tensors.into_iter().map(array).collect()
}

/// The bytes of a safetensors file.
///
/// ```
/// # use mirrorgrad_study::{Array, Arrays, arrays};
/// # use mirrorgrad_tensor::Tensor;
/// let input = Array::F64(Tensor::from([0.1, 0.2]));
/// let named = Arrays::from([("input".to_owned(), input)]);
/// assert_eq!(arrays::read(&arrays::write(&named))?, named);
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
pub fn write(arrays: &Arrays) -> Vec<u8> {
    let bytes: Vec<_> = arrays.values().map(Array::to_bytes).collect();
    let views = arrays.iter().zip(&bytes).map(|((name, array), (dtype, bytes))| {
        let view = TensorView::new(*dtype, array.shape().to_vec(), bytes);
        (name, view.expect("an array's bytes fill its shape"))
    });
    safetensors::serialize(views, None).expect("names are unique and sizes small")
}

#[cfg(test)]
mod tests {
    use super::read;
    use crate::operate;
    use std::fmt::Write;

    /// A safetensors file of empty tensors.
    fn empty(count: usize) -> Vec<u8> {
        let mut header = String::from("{");
        for i in 0..count {
            let comma = if i == 0 { "" } else { "," };
            write!(header, r#"{comma}"t{i}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#)
                .unwrap();
        }
        header += "}";
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat()
    }

    #[test]
    fn a_header_full_of_empty_tensors_is_refused_in_a_short_line_with_their_number() {
        // Of a million, this takes seconds if it is linear, and hours if it is not.
        let arrays = read(&empty(30_000)).unwrap();
        let says = operate("conv2d", "{}", &arrays).unwrap_err().to_string();
        assert_eq!(says, r#"tensors: expected one called "input", found none"#);
        let mut arrays = arrays;
        arrays.insert("input".to_owned(), arrays["t0"].clone());
        arrays.insert("weight".to_owned(), arrays["t0"].clone());
        let says = operate("conv2d", "{}", &arrays).unwrap_err().to_string();
        assert!(says.ends_with(r#"found 30002, "t0" among them"#), "{says}");
    }

    #[test]
    fn a_name_of_any_length_is_told_by_its_beginning() {
        let name = "n".repeat(1 << 20);
        let header = format!(r#"{{"{name}":{{"dtype":"BOOL","shape":[0],"data_offsets":[0,0]}}}}"#);
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes()].concat();
        let says = read(&bytes).unwrap_err().to_string();
        assert!(says.len() < 200 && says.contains("expected F32, F64 or I64"), "{says}");
    }
}
