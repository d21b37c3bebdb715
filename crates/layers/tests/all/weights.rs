//! Weights to files and back, and what is refused.

use mirrorgrad_layers::models::{Fcn, FcnConfig};
use mirrorgrad_layers::weights::{
    NamedTensors, WeightsError, from_safetensors, load_state_dict, state_dict, take_off_prefix,
    to_safetensors,
};
use mirrorgrad_layers::{Conv2d, Linear};
use mirrorgrad_tensor::{Element, Tensor, Window};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use safetensors::tensor::Dtype;
use std::collections::BTreeSet;

fn network<T: Element>(seed: u64) -> Fcn<T> {
    let config = FcnConfig { widths: vec![2, 3], ..FcnConfig::new(2) };
    Fcn::new(&config, &mut ChaCha8Rng::seed_from_u64(seed))
}

fn linear(seed: u64) -> Linear<f64> {
    Linear::new([2, 1], &mut ChaCha8Rng::seed_from_u64(seed))
}

/// A file by hand: its header as JSON, then bytes.
fn file(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[track_caller]
fn read(header: &str, data: &[u8]) -> Result<NamedTensors<f32>, WeightsError> {
    from_safetensors(&file(header, data))
}

fn round_trip<T: Element>() {
    let (from, to) = (network::<T>(1), network::<T>(2));
    assert_ne!(state_dict(&from), state_dict(&to));
    let bytes = to_safetensors(&state_dict(&from));
    load_state_dict(&to, &from_safetensors(&bytes).unwrap()).unwrap();
    assert_eq!(state_dict(&from), state_dict(&to));
    assert_eq!(to_safetensors(&state_dict(&to)), bytes);
}

#[test]
fn weights_come_back_bit_for_bit_in_both_precisions() {
    round_trip::<f32>();
    round_trip::<f64>();
    let odd = [f64::MIN_POSITIVE / 8.0, -0.0, f64::INFINITY, 0.1].into();
    let tensors = NamedTensors::from([("odd".to_string(), odd)]);
    let back = from_safetensors::<f64>(&to_safetensors(&tensors)).unwrap();
    let bits = |tensors: &NamedTensors<f64>| {
        tensors["odd"].as_slice().iter().map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&back), bits(&tensors));
}

#[test]
fn files_are_safetensors_in_row_major_order() {
    let layer = linear(1);
    let tensors = state_dict(&layer);
    let bytes = to_safetensors(&tensors);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(file.len(), 2);
    let weight = file.tensor("weight").unwrap();
    assert_eq!((weight.dtype(), weight.shape()), (Dtype::F64, [1, 2].as_slice()));
    let expected: Vec<u8> =
        tensors["weight"].as_slice().iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(weight.data(), expected);
}

#[test]
fn either_precision_reads_the_others_files() {
    let single = NamedTensors::from([("p".to_string(), Tensor::from([0.1_f32, -3.5]))]);
    let widened = from_safetensors::<f64>(&to_safetensors(&single)).unwrap();
    assert_eq!(widened["p"], [f64::from(0.1_f32), -3.5].into());
    let double = NamedTensors::from([("p".to_string(), Tensor::from([0.1_f64, -3.5]))]);
    assert_eq!(from_safetensors::<f32>(&to_safetensors(&double)).unwrap(), single);
}

#[test]
fn pytorchs_counters_are_passed_over() {
    let header = r#"{"norm.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[0,8]},
        "p":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}}"#;
    let data = [7_i64.to_le_bytes().as_slice(), &2.5_f32.to_le_bytes()].concat();
    let read = read(header, &data).unwrap();
    assert_eq!(read, NamedTensors::from([("p".to_string(), [2.5].into())]));
    let (net, mut tensors) = (network::<f32>(1), state_dict(&network::<f32>(2)));
    let counter = "stages.0.norm1.num_batches_tracked".to_string();
    tensors.insert(counter.clone(), Tensor::scalar(9.0));
    load_state_dict(&net, &tensors).unwrap();
    tensors.remove(&counter);
    assert_eq!(state_dict(&net), tensors);
}

#[test]
fn a_name_that_occurs_twice_is_refused() {
    let entry = |name: &str, from: usize| {
        format!(r#""{name}":{{"dtype":"F32","shape":[1],"data_offsets":[{from},{}]}}"#, from + 4)
    };
    let twice = read(&format!("{{{},{}}}", entry("p", 0), entry("p", 0)), &[0; 4]);
    assert!(matches!(twice, Err(WeightsError::Duplicate(name)) if name == "p"));
    assert!(read(&format!("{{{},{}}}", entry("p", 0), entry("p", 4)), &[0; 8]).is_err());
    // The same name in another spelling.
    let escaped = read(&format!("{{{},{}}}", entry("p", 0), entry(r"\u0070", 0)), &[0; 4]);
    assert!(matches!(escaped, Err(WeightsError::Duplicate(_))));
    assert!(read(&format!("{{{},{}}}", entry("p", 0), entry("q", 4)), &[0; 8]).is_ok());
}

#[test]
fn tensors_that_hold_no_real_numbers_are_refused() {
    for (kind, size) in [("I64", 8), ("F8_E4M3", 1), ("BOOL", 1), ("U8", 1)] {
        let header =
            format!(r#"{{"p":{{"dtype":"{kind}","shape":[1],"data_offsets":[0,{size}]}}}}"#);
        let error = read(&header, &vec![0; size]).unwrap_err();
        let expected = format!("tensor \"p\": expected F16, BF16, F32 or F64, got {kind}");
        assert_eq!(error.to_string(), expected);
    }
}

/// Every pattern of two bytes as a tensor of this type, in the order of the patterns.
fn every_half(kind: &str) -> Tensor {
    let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
    let header =
        format!(r#"{{"p":{{"dtype":"{kind}","shape":[256,256],"data_offsets":[0,131072]}}}}"#);
    let tensor = read(&header, &bytes).unwrap().remove("p").unwrap();
    assert_eq!(tensor.shape(), [256, 256]);
    tensor
}

#[test]
fn half_precision_is_widened_to_the_value() {
    // IEEE 754: a sign, five bits of exponent, ten of fraction; the least exponent has no hidden bit.
    let value = |bits: u16| {
        let (exponent, fraction) = (i32::from(bits >> 10 & 31), f64::from(bits & 1023));
        let size = match exponent {
            0 => fraction / 1024.0 * 2_f64.powi(-14),
            31 if fraction == 0.0 => f64::INFINITY,
            31 => f64::NAN,
            _ => (1.0 + fraction / 1024.0) * 2_f64.powi(exponent - 15),
        };
        if bits >> 15 == 0 { size } else { -size }
    };
    for (bits, &found) in (0..=u16::MAX).zip(every_half("F16").as_slice()) {
        let (found, expected) = (f64::from(found), value(bits));
        let same = found == expected && found.is_sign_negative() == expected.is_sign_negative();
        assert!(same || found.is_nan() && expected.is_nan(), "{bits:#06x}: {found}");
    }
    // The upper half of a single.
    for (bits, &found) in (0..=u16::MAX).zip(every_half("BF16").as_slice()) {
        let expected = f32::from_bits(u32::from(bits) << 16);
        let same = found.to_bits() == expected.to_bits();
        assert!(same || found.is_nan() && expected.is_nan(), "{bits:#06x}: {found}");
    }
}

#[test]
fn what_stands_before_all_names_is_taken_off_and_nothing_else() {
    let own: BTreeSet<String> = state_dict(&network::<f32>(1)).into_keys().collect();
    let named = |name: &dyn Fn(&str) -> String| -> NamedTensors<f32> {
        let tensors = state_dict(&network::<f32>(1)).into_iter();
        tensors.map(|(old, tensor)| (name(&old), tensor)).collect()
    };
    for prefix in ["module.", "_orig_mod.module.", "model.net.", "student.ema.model."] {
        let mut tensors = named(&|name| format!("{prefix}{name}"));
        assert_eq!(take_off_prefix(&own, &mut tensors).as_deref(), Some(prefix));
        assert_eq!(tensors, named(&str::to_owned));
    }
    let part = |name: &str| match name.starts_with("stages") {
        true => format!("module.{name}"),
        false => name.to_owned(),
    };
    let kept: [&dyn Fn(&str) -> String; 3] =
        [&str::to_owned, &part, &|name| format!("module{name}")];
    for name in kept {
        let mut tensors = named(name);
        assert_eq!(take_off_prefix(&own, &mut tensors), None);
        assert_eq!(tensors, named(name));
    }
    // One tensor of a network whose names begin alike: its own beginning stays.
    let own = ["net.bias".to_owned(), "net.weight".to_owned()].into();
    let mut tensors: NamedTensors<f32> = [("net.bias".to_owned(), [1.0].into())].into();
    assert_eq!(take_off_prefix(&own, &mut tensors), None);
    assert!(tensors.contains_key("net.bias"));
}

#[test]
fn names_that_do_not_fit_are_told_in_a_line_of_bounded_length() {
    let entry = |i| format!(r#""t{i:06}":{{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}"#);
    let entries: Vec<_> = (0..100_000).map(entry).collect();
    let many = read(&format!("{{{}}}", entries.join(",")), &[]).unwrap();
    let error = load_state_dict(&network::<f32>(1), &many).unwrap_err().to_string();
    assert!(error.contains(r#"unknown "t000000", "t000001", "#), "{error}");
    assert!(error.ends_with("and 99992 more") && error.len() < 500, "{error}");
}

#[test]
fn shapes_beyond_their_bytes_are_refused() {
    for (shape, end, len) in [
        ("[2]", 4, 4),
        ("[1]", 4, 8),
        ("[1]", 8, 4),
        ("[18446744073709551615,2]", 4, 4),
        ("[4294967296,4294967296]", 0, 0),
        ("[-1]", 4, 4),
    ] {
        let header =
            format!(r#"{{"p":{{"dtype":"F32","shape":{shape},"data_offsets":[0,{end}]}}}}"#);
        assert!(read(&header, &vec![0; len]).is_err(), "{shape} in {len} bytes");
    }
}

#[test]
fn weights_that_do_not_fit_change_nothing() {
    let layer = linear(1);
    let before = state_dict(&layer);
    let other = state_dict(&linear(2));
    let without = |name: &str| {
        let mut tensors = other.clone();
        tensors.remove(name);
        tensors
    };
    let with = |name: &str, tensor: Tensor<f64>| {
        let mut tensors = other.clone();
        tensors.insert(name.to_string(), tensor);
        tensors
    };
    let cases = [
        (without("weight"), r#"not the network's: missing "weight""#),
        (with("extra", Tensor::zeros([1])), r#"not the network's: unknown "extra""#),
        (with("bias", Tensor::zeros([2])), r#"tensor "bias": expected shape [1], got [2]"#),
        (with("weight", Tensor::zeros([2, 1])), r#"tensor "weight": expected shape [1, 2], got"#),
    ];
    for (tensors, says) in cases {
        let error = load_state_dict(&layer, &tensors).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
        assert_eq!(state_dict(&layer), before);
    }
    load_state_dict(&layer, &other).unwrap();
    assert_eq!(state_dict(&layer), other);
}

#[test]
fn loading_goes_into_the_network_that_optimizers_hold() {
    let conv = Conv2d::<f32>::new([1, 1], Window::square(1), &mut ChaCha8Rng::seed_from_u64(0));
    let weight = conv.weight().clone();
    let tensors = NamedTensors::from([
        ("weight".to_string(), Tensor::full([1, 1, 1, 1], 3.0)),
        ("bias".to_string(), Tensor::full([1], 4.0)),
    ]);
    load_state_dict(&conv, &tensors).unwrap();
    assert_eq!(weight.value().item(), 3.0);
    assert!(weight.var().is_tracked());
}

#[test]
fn a_file_cut_short_anywhere_is_refused() {
    let bytes = to_safetensors(&state_dict(&linear(1)));
    assert!(from_safetensors::<f64>(&bytes).is_ok());
    for len in 0..bytes.len() {
        assert!(from_safetensors::<f64>(&bytes[..len]).is_err(), "{len} of {}", bytes.len());
    }
    assert!(from_safetensors::<f64>(&[&bytes[..], &[0]].concat()).is_err());
}

#[test]
fn a_file_with_a_changed_bit_is_read_or_refused_and_never_panics() {
    let layer = linear(1);
    let bytes = to_safetensors(&state_dict(&layer));
    let mut refused = 0;
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            let read = from_safetensors(&bytes);
            refused += usize::from(read.is_err());
            if let Ok(tensors) = read {
                let _ = load_state_dict(&layer, &tensors);
            }
        }
    }
    assert!(refused > 400, "{refused} of {}", 8 * bytes.len());
}
