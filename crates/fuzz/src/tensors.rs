//! Named tensors, and what is asked of them.

use mirrorgrad_layers::weights::from_safetensors;
use mirrorgrad_study::{Array, Arrays, arrays, from_npy, from_npz, operate, to_npy, to_npz, work};
use mirrorgrad_tensor::Tensor;

/// Most multiply-adds of an operation that is done, not only planned.
const MOST_WORK: u128 = 100_000;

/// A safetensors file, as weights and as the operands of an operation.
///
/// # Panics
/// If one that was read is not read again after it was written.
pub fn safetensors(bytes: &[u8]) {
    let _ = from_safetensors::<f32>(bytes);
    if let Ok(read) = arrays::read(bytes) {
        let again = arrays::read(&arrays::write(&read)).expect("what was written can be read");
        assert!(again.keys().eq(read.keys()));
    }
}

/// An operation's name, ` f64` for double precision, and after a line break its attributes in JSON.
/// Small requests are done, with their gradients.
///
/// # Panics
/// If a request that was accepted is refused once it is to be done.
pub fn op(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((name, attributes)) = text.split_once('\n') else { return };
    let (name, double) = match name.strip_suffix(" f64") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let mut inputs = operands(name, double);
    if !work(name, attributes, &inputs).is_ok_and(|work| work <= MOST_WORK) {
        return;
    }
    let mut made = operate(name, attributes, &inputs).expect("the request was accepted");
    let output = made.remove("output").expect("every operation has an output");
    inputs.insert("grad_output".into(), output);
    let _ = operate(name, attributes, &inputs);
}

/// Tensors that an operation takes.
fn operands(name: &str, double: bool) -> Arrays {
    let float = |shape: &[usize]| {
        let tensor = Tensor::<f64>::from_fn(shape, |i| ((i * 7 % 11) as f64 - 5.0) / 4.0);
        if double { Array::F64(tensor) } else { Array::F32(tensor.cast()) }
    };
    let whole = |shape: &[usize]| {
        let len: usize = shape.iter().product();
        Array::I64(shape.to_vec(), (0..len as i64).map(|i| i % 3).collect())
    };
    let map = [1, 4, 5, 6];
    let mut operands = vec![("input", float(&map))];
    match name {
        "conv2d" | "conv_transpose2d" => {
            operands.extend([("weight", float(&[4, 2, 3, 2]))]);
        }
        "batch_norm2d" | "group_norm" => operands.extend([("weight", float(&[4]))]),
        "cross_entropy2d" => operands.extend([("target", whole(&[1, 5, 6]))]),
        "max_unpool2d" => operands.extend([("indices", whole(&map))]),
        _ => {}
    }
    operands.into_iter().map(|(name, array)| (name.to_owned(), array)).collect()
}

/// The most bytes that the arrays of an archive may have together.
const MOST_ARRAYS: u64 = 16 << 20;

/// A NumPy array.
///
/// # Panics
/// If an array that was read is not read again from what is written of it.
pub fn npy(bytes: &[u8]) {
    let Ok(array) = from_npy(bytes) else { return };
    let written = to_npy(&array);
    // Bytes are compared, since not every number equals itself.
    let again = from_npy(&written).expect("what was written can be read");
    assert_eq!(to_npy(&again), written);
}

/// A NumPy archive.
///
/// # Panics
/// If arrays that were read are not read again from what is written of them.
pub fn npz(bytes: &[u8]) {
    let Ok(arrays) = from_npz(bytes, MOST_ARRAYS) else { return };
    let Ok(written) = to_npz(&arrays) else { return };
    let again = from_npz(&written, MOST_ARRAYS).expect("what was written can be read");
    assert!(again.keys().eq(arrays.keys()), "names stay");
}
