//! NumPy's files of one array, `.npy`: a few words of Python in front of plain numbers.
//!
//! The header is read here: it has three keys, and the crate there is (npyz 0.9) multiplies a forged
//! shape without a check.

use crate::{Array, Refusal};
use mirrorgrad_tensor::Tensor;

const MAGIC: &[u8] = b"\x93NUMPY";
/// The data begin at a multiple of this.
const ALIGNMENT: usize = 64;
/// NumPy's own limit.
const MOST_AXES: usize = 64;

/// The array of an `.npy` file: floats of 4 and 8 bytes, and whole numbers, which become [`Array::I64`].
///
/// ```
/// # use mirrorgrad_study::{Array, from_npy};
/// // As NumPy writes `np.array([[1, 2], [3, 4]], dtype="u1", order="F")`, column by column:
/// let header = "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 2), }";
/// let start = [&b"\x93NUMPY\x01\x00"[..], &[header.len() as u8, 0]].concat();
/// let bytes = [&start[..], header.as_bytes(), &[1, 3, 2, 4]].concat();
/// assert_eq!(from_npy(&bytes)?, Array::I64(vec![2, 2], vec![1, 2, 3, 4]));
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
///
/// # Errors
/// If the bytes are not such a file, as long as its shape says, or hold another type.
pub fn from_npy(bytes: &[u8]) -> Result<Array, Refusal> {
    let Header { kind, big_endian, fortran_order, shape, data } = header(bytes)?;
    let (size, read) = reader(kind)
        .ok_or_else(|| expected("floats of 4 or 8 bytes or whole numbers", format!("{kind:?}")))?;
    let count = shape.iter().try_fold(1_usize, |count, &axis| count.checked_mul(axis));
    let length = count.and_then(|count| count.checked_mul(size));
    if length != Some(data.len()) {
        let wanted = length.map_or("more".to_string(), |length| length.to_string());
        return Err(expected(
            format!("{wanted} bytes for shape {shape:?}"),
            format!("{} bytes", data.len()),
        ));
    }
    let numbers = |at: usize| {
        let mut number = [0; 8];
        number[..size].copy_from_slice(&data[at * size..][..size]);
        if big_endian {
            number[..size].reverse();
        }
        number
    };
    let places = places(&shape, fortran_order);
    Ok(match read {
        Reader::F32 => {
            let values = places.map(|at| f32::from_bits(u64::from_le_bytes(numbers(at)) as u32));
            Array::F32(Tensor::new(&shape, values.collect::<Vec<_>>()))
        }
        Reader::F64 => {
            let values = places.map(|at| f64::from_le_bytes(numbers(at)));
            Array::F64(Tensor::new(&shape, values.collect::<Vec<_>>()))
        }
        Reader::Signed => {
            // Moved to the top and back, so that the sign is repeated.
            let unused = 64 - 8 * size as u32;
            let values = places.map(|at| i64::from_le_bytes(numbers(at)) << unused >> unused);
            let values = values.collect();
            Array::I64(shape, values)
        }
        Reader::Unsigned => {
            let too_large = |_| expected(format!("numbers up to {}", i64::MAX), "a larger one");
            let values = places.map(|at| i64::try_from(u64::from_le_bytes(numbers(at))));
            let values = values.collect::<Result<_, _>>().map_err(too_large)?;
            Array::I64(shape, values)
        }
    })
}

/// The bytes of an `.npy` file.
///
/// ```
/// # use mirrorgrad_study::{Array, from_npy, to_npy};
/// let labels = Array::I64(vec![3], vec![0, -1, 255]);
/// let bytes = to_npy(&labels);
/// assert!(bytes.starts_with(b"\x93NUMPY"));
/// assert_eq!(from_npy(&bytes)?, labels);
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
pub fn to_npy(array: &Array) -> Vec<u8> {
    let (kind, data) = match array {
        Array::F32(tensor) => ("<f4", tensor.to_le_bytes().into_owned()),
        Array::F64(tensor) => ("<f8", tensor.to_le_bytes().into_owned()),
        Array::I64(_, values) => {
            ("<i8", values.iter().flat_map(|value| value.to_le_bytes()).collect())
        }
    };
    // As Python writes a tuple: with a comma behind a single number.
    let sizes = match array.shape() {
        [size] => format!("{size},"),
        sizes => sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(", "),
    };
    let text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let before = MAGIC.len() + 4;
    let length = (before + text.len() + 1).next_multiple_of(ALIGNMENT) - before;
    let mut bytes = [MAGIC, &[1, 0]].concat();
    // At most 64 axes of 20 digits: far below 65,536.
    bytes.extend_from_slice(&(length as u16).to_le_bytes());
    bytes.extend_from_slice(format!("{text:<0$}\n", length - 1).as_bytes());
    bytes.extend_from_slice(&data);
    bytes
}

enum Reader {
    F32,
    F64,
    Signed,
    Unsigned,
}

/// How a type is read, with its bytes, from its letter and size.
fn reader(kind: &str) -> Option<(usize, Reader)> {
    Some(match kind {
        "f4" => (4, Reader::F32),
        "f8" => (8, Reader::F64),
        "i1" => (1, Reader::Signed),
        "i2" => (2, Reader::Signed),
        "i4" => (4, Reader::Signed),
        "i8" => (8, Reader::Signed),
        "u1" => (1, Reader::Unsigned),
        "u2" => (2, Reader::Unsigned),
        "u4" => (4, Reader::Unsigned),
        "u8" => (8, Reader::Unsigned),
        _ => return None,
    })
}

/// Where the elements of an array are stored, in row-major order.
fn places(shape: &[usize], fortran_order: bool) -> impl Iterator<Item = usize> {
    let count: usize = shape.iter().product();
    (0..count).map(move |at| {
        if !fortran_order {
            return at;
        }
        // Columns first: the first axis is the one whose elements are neighbours.
        let (mut place, mut rest, mut stride) = (0, at, count);
        for &size in shape.iter().rev() {
            stride /= size;
            place += rest % size * stride;
            rest /= size;
        }
        place
    })
}

struct Header<'a> {
    kind: &'a str,
    big_endian: bool,
    fortran_order: bool,
    shape: Vec<usize>,
    data: &'a [u8],
}

fn header(bytes: &[u8]) -> Result<Header<'_>, Refusal> {
    let short = || expected("a complete header", "fewer bytes");
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| expected("its first bytes", "others"))?;
    let (&[version, _], rest) = rest.split_first_chunk().ok_or_else(short)?;
    let (length, rest) = match version {
        1 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        2 | 3 => {
            let (length, rest) = rest.split_first_chunk().ok_or_else(short)?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        other => return Err(expected("version 1, 2 or 3", other)),
    };
    let (text, data) = rest.split_at_checked(length).ok_or_else(short)?;
    let text = std::str::from_utf8(text).map_err(|_| expected("a header of text", "bytes"))?;
    let fields = Words(text).fields().ok_or_else(|| {
        expected("a header with descr, fortran_order and shape", format!("{:?}", text.trim_end()))
    })?;
    let (order, kind) = fields.descr.split_at_checked(1).unwrap_or(("", ""));
    let big_endian = match order {
        "<" | "|" => false,
        ">" => true,
        _ => return Err(expected("a type such as '<f4'", format!("{:?}", fields.descr))),
    };
    if fields.shape.len() > MOST_AXES {
        return Err(expected(format!("at most {MOST_AXES} axes"), fields.shape.len()));
    }
    let Fields { fortran_order, shape, .. } = fields;
    Ok(Header { kind, big_endian, fortran_order, shape, data })
}

fn expected(what: impl std::fmt::Display, found: impl std::fmt::Display) -> Refusal {
    Refusal::expected("not an .npy file", what, found)
}

struct Fields<'a> {
    descr: &'a str,
    fortran_order: bool,
    shape: Vec<usize>,
}

/// What is left of a header.
struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    /// `{'descr': .., 'fortran_order': .., 'shape': (..)}` in any order, each once.
    fn fields(mut self) -> Option<Fields<'a>> {
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        self.eat("{").then_some(())?;
        while !self.eat("}") {
            let key = self.string()?;
            self.eat(":").then_some(())?;
            let known = match key {
                "descr" => descr.replace(self.string()?).is_none(),
                "fortran_order" => fortran_order.replace(self.boolean()?).is_none(),
                "shape" => shape.replace(self.shape()?).is_none(),
                _ => false,
            };
            let more = self.eat(",");
            (known && (more || self.0.trim_start().starts_with('}'))).then_some(())?;
        }
        self.0.trim().is_empty().then_some(())?;
        Some(Fields { descr: descr?, fortran_order: fortran_order?, shape: shape? })
    }

    fn eat(&mut self, word: &str) -> bool {
        let rest = self.0.trim_start().strip_prefix(word);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn string(&mut self) -> Option<&'a str> {
        let quote = ["'", "\""].into_iter().find(|quote| self.eat(quote))?;
        let (string, rest) = self.0.split_once(quote)?;
        self.0 = rest;
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        if self.eat("True") { Some(true) } else { self.eat("False").then_some(false) }
    }

    fn shape(&mut self) -> Option<Vec<usize>> {
        let mut shape = Vec::new();
        self.eat("(").then_some(())?;
        while !self.eat(")") {
            let text = self.0.trim_start();
            let end = text.find(|c: char| !c.is_ascii_digit())?;
            shape.push(text[..end].parse().ok()?);
            self.0 = &text[end..];
            let more = self.eat(",");
            (more || self.0.trim_start().starts_with(')')).then_some(())?;
        }
        Some(shape)
    }
}
