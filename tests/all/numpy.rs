//! NumPy's files: read as NumPy wrote them, written as NumPy writes them, refused where they are not
//! what they say. The files under `golden/numpy` are made by the script beside them.

use mirrorgrad::study::{Array, Arrays, from_npy, from_npz, to_npy, to_npz};
use mirrorgrad::tensor::Tensor;
use std::fs;
use std::path::PathBuf;

const MOST: u64 = 1 << 20;

fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/numpy").join(name);
    fs::read(path).unwrap()
}

/// What the script says an array holds.
fn by_rule(name: &str) -> Array {
    let (shape, whole): (&[usize], Option<i64>) = match name {
        "f4" | "f4_fortran" | "f4_version_2" => (&[2, 3, 4], None),
        "f8" => (&[5], None),
        "f8_big_endian" => (&[3, 2], None),
        "f4_scalar" => (&[], None),
        "f4_empty" => (&[0, 3], None),
        "i8" => (&[2, 2], Some(-4)),
        "i4_big_endian" => (&[3], Some(-4)),
        "i2_fortran" => (&[2, 3], Some(-4)),
        "i1" => (&[4], Some(-4)),
        "u1" => (&[2, 3], Some(0)),
        "u2" | "u4" | "u8" => (&[3], Some(0)),
        other => panic!("no array {other}"),
    };
    match whole {
        Some(first) => {
            let count = shape.iter().product::<usize>() as i64;
            Array::I64(shape.to_vec(), (0..count).map(|i| 3 * i + first).collect())
        }
        None if name.starts_with("f4") => {
            Array::F32(Tensor::from_fn(shape, |i| i as f32 / 4.0 - 1.0))
        }
        None => Array::F64(Tensor::from_fn(shape, |i| i as f64 / 4.0 - 1.0)),
    }
}

const NAMES: [&str; 14] = [
    "f4",
    "f8",
    "f4_fortran",
    "f8_big_endian",
    "f4_scalar",
    "f4_empty",
    "i8",
    "i4_big_endian",
    "i2_fortran",
    "i1",
    "u1",
    "u2",
    "u4",
    "u8",
];

fn all() -> Arrays {
    NAMES.iter().map(|name| (name.to_string(), by_rule(name))).collect()
}

#[track_caller]
fn refused(bytes: &[u8], parts: &[&str]) {
    let says = from_npy(bytes).unwrap_err().to_string();
    for part in parts {
        assert!(says.contains(part), "{says:?} without {part:?}");
    }
}

/// An `.npy` file with this header.
fn with_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

#[test]
fn arrays_are_read_in_every_type_order_and_shape_that_numpy_writes() {
    for name in NAMES.iter().chain(&["f4_version_2"]) {
        let array = from_npy(&golden(&format!("{name}.npy"))).unwrap();
        assert_eq!(array, by_rule(name), "{name}");
    }
}

#[test]
fn arrays_are_written_byte_for_byte_as_numpy_does() {
    for name in ["f4", "f8", "f4_scalar", "f4_empty", "i8"] {
        assert_eq!(to_npy(&by_rule(name)), golden(&format!("{name}.npy")), "{name}");
    }
}

#[test]
fn archives_are_read_packed_and_plain() {
    for name in ["plain.npz", "packed.npz"] {
        assert_eq!(from_npz(&golden(name), MOST).unwrap(), all(), "{name}");
    }
}

#[test]
fn what_is_written_as_an_archive_is_read_again() {
    let bytes = to_npz(&all()).unwrap();
    assert_eq!(from_npz(&bytes, MOST).unwrap(), all());
    assert_eq!(to_npz(&all()).unwrap(), bytes, "the same arrays give the same bytes");
    assert!(from_npz(&to_npz(&Arrays::new()).unwrap(), MOST).unwrap().is_empty());
}

#[test]
fn other_types_are_refused_by_their_names() {
    for (name, kind) in [("bool", "b1"), ("f2", "f2"), ("c8", "c8"), ("text", "U3")] {
        refused(&golden(&format!("refused_{name}.npy")), &["floats of 4 or 8 bytes", kind]);
    }
    refused(&golden("refused_fields.npy"), &["descr"]);
}

#[test]
fn a_file_that_is_cut_short_or_longer_than_its_shape_is_refused_everywhere() {
    for name in ["f4.npy", "i2_fortran.npy", "f4_version_2.npy"] {
        let bytes = golden(name);
        for length in 0..bytes.len() {
            from_npy(&bytes[..length]).unwrap_err();
        }
        refused(&[&bytes[..], &[0]].concat(), &["bytes for shape", "found"]);
    }
    for name in ["plain.npz", "packed.npz"] {
        let bytes = golden(name);
        for length in 0..bytes.len() {
            from_npz(&bytes[..length], MOST).unwrap_err();
        }
    }
}

#[test]
fn a_changed_byte_of_an_archive_may_change_a_name_but_never_a_number() {
    let own = all();
    for name in ["plain.npz", "packed.npz"] {
        let mut bytes = golden(name);
        for at in 0..bytes.len() {
            bytes[at] ^= 0x21;
            for (_, array) in from_npz(&bytes, MOST).unwrap_or_default() {
                assert!(own.values().any(|own| *own == array), "{name} at {at}: {array:?}");
            }
            bytes[at] ^= 0x21;
        }
    }
}

#[test]
fn headers_that_say_too_much_or_too_little_are_refused() {
    let shaped = |shape: &str| {
        with_header(&format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}"), &[])
    };
    assert_eq!(from_npy(&shaped("(0,)")).unwrap(), Array::F32(Tensor::zeros([0])));
    // 2⁶⁴ elements and more, none of which would overflow alone.
    refused(&shaped("(4294967296, 4294967296)"), &["more bytes for shape"]);
    refused(&shaped("(4294967296, 4294967296, 0)"), &["more bytes for shape"]);
    refused(&shaped("(4611686018427387904,)"), &["more bytes for shape"]);
    refused(&shaped("(1073741824,)"), &["4294967296 bytes", "0 bytes"]);
    refused(&shaped(&format!("({})", "1, ".repeat(65))), &["at most 64 axes", "65"]);
    for shape in ["(99999999999999999999,)", "(-1,)", "(1 2)", "(1,", "[1]", "3", "(1.0,)", ""] {
        refused(&shaped(shape), &["descr, fortran_order and shape"]);
    }
    for header in [
        "{}",
        "{'descr': '<f4', 'shape': (0,)}",
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': 0, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,), 'more': 1}",
        "{'descr': '<f4' 'fortran_order': False, 'shape': (0,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0,)} more",
        &"[".repeat(60_000),
        &"{'descr': ".repeat(6_000),
    ] {
        refused(&with_header(header, &[]), &["descr, fortran_order and shape"]);
    }
    for kind in ["", "f4", "=f4", "é4"] {
        let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': (0,)}}");
        refused(&with_header(&header, &[]), &["a type such as '<f4'"]);
    }
    refused(b"\x93NUMPY\x09\x00", &["version 1, 2 or 3", "9"]);
    refused(b"\x93NUMPY\x02\x00\xff\xff\xff\xff", &["a complete header"]);
    refused(&with_header("\u{0}\u{1}", &[]), &["descr"]);
}

#[test]
fn a_number_too_large_for_its_kind_is_refused() {
    let header = "{'descr': '<u8', 'fortran_order': False, 'shape': (1,)}";
    refused(&with_header(header, &u64::MAX.to_le_bytes()), &["9223372036854775807"]);
}

#[test]
fn an_archive_that_holds_more_than_is_allowed_is_refused_before_it_is_unpacked_whole() {
    let zeros = Arrays::from([("zeros".to_string(), Array::F32(Tensor::zeros([1000])))]);
    let bytes = to_npz(&zeros).unwrap();
    let says = from_npz(&bytes, 4000).unwrap_err().to_string();
    assert!(says.contains("at most 4000 bytes unpacked"), "{says}");
    from_npz(&bytes, 4128).unwrap();
    // All of them together, not each.
    let both = Arrays::from(["a", "b"].map(|name| (name.to_string(), zeros["zeros"].clone())));
    from_npz(&to_npz(&both).unwrap(), 4128).unwrap_err();
}

#[test]
fn a_name_that_occurs_twice_or_is_no_arrays_is_refused() {
    let two = Arrays::from(["aaaa", "bbbb"].map(|name| (name.to_string(), by_rule("f8"))));
    let bytes = to_npz(&two).unwrap();
    let replace = |bytes: &[u8], from: &[u8], to: &[u8]| {
        let mut bytes = bytes.to_vec();
        for at in 0..=bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
            }
        }
        bytes
    };
    let says = from_npz(&replace(&bytes, b"bbbb.npy", b"aaaa.npy"), MOST).unwrap_err().to_string();
    assert!(says.contains("twice"), "{says}");
    let says = from_npz(&replace(&bytes, b"bbbb.npy", b"bbbb.txt"), MOST).unwrap_err().to_string();
    assert!(says.contains("bbbb.txt"), "{says}");
}
