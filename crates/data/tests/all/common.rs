//! Files made by hand, and the message of a failure.

pub mod files;
pub mod place;

use std::fmt::Display;

use mirrorgrad_data::{DataError, Mask, Message, Picture, Sample};

/// What a PNG's header says.
#[derive(Clone, Copy)]
pub struct Header {
    pub width: u32,
    pub height: u32,
    /// 1, 2, 4, 8 or 16.
    pub bits: u8,
    /// 0 grey, 2 RGB, 3 palette, 4 grey with alpha, 6 RGBA.
    pub colour: u8,
    pub interlaced: bool,
}

impl Header {
    pub fn grey(width: u32, height: u32) -> Self {
        Self { width, height, bits: 8, colour: 0, interlaced: false }
    }
}

/// A PNG as the standard describes it, its `values` (one a pixel) uncompressed.
pub fn png(header: Header, values: &[u8]) -> Vec<u8> {
    let Header { width, height, bits, .. } = header;
    let passes: &[[u32; 4]] = if header.interlaced {
        // First column and row, and the steps between columns and rows.
        &[
            [0, 0, 8, 8],
            [4, 0, 8, 8],
            [0, 4, 4, 8],
            [2, 0, 4, 4],
            [0, 2, 2, 4],
            [1, 0, 2, 2],
            [0, 1, 1, 2],
        ]
    } else {
        &[[0, 0, 1, 1]]
    };
    let mut rows = Vec::new();
    for &[left, top, across, down] in passes {
        for y in (top..height).step_by(down as usize) {
            let columns = (left..width).step_by(across as usize);
            let row: Vec<u8> = columns.map(|x| values[(y * width + x) as usize]).collect();
            if !row.is_empty() {
                rows.push(0); // no filter
                rows.extend(pack(&row, bits));
            }
        }
    }
    png_of(header, &rows)
}

/// A PNG of rows that are already laid out, each after its filter byte.
pub fn png_of(header: Header, rows: &[u8]) -> Vec<u8> {
    let mut head = [header.width.to_be_bytes(), header.height.to_be_bytes()].concat();
    head.extend([header.bits, header.colour, 0, 0, u8::from(header.interlaced)]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    file.extend(chunk(b"IHDR", &head));
    if header.colour == 3 {
        let colours: Vec<u8> = (0..3 << header.bits.min(8)).map(|i| (i * 7 % 256) as u8).collect();
        file.extend(chunk(b"PLTE", &colours));
    }
    file.extend(chunk(b"IDAT", &stored(rows)));
    file.extend(chunk(b"IEND", &[]));
    file
}

fn pack(row: &[u8], bits: u8) -> Vec<u8> {
    let per_byte = usize::from(8 / bits);
    let byte = |values: &[u8]| {
        let placed = values.iter().zip(1..).map(|(value, n)| value << (8 - n * bits));
        placed.fold(0, |byte, value| byte | value)
    };
    row.chunks(per_byte).map(byte).collect()
}

/// A part of a PNG, under its checksum.
pub fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [kind.as_slice(), data].concat();
    let length = (data.len() as u32).to_be_bytes();
    [&length, body.as_slice(), &crc32(&body).to_be_bytes()].concat()
}

/// A zlib stream of one stored block.
fn stored(data: &[u8]) -> Vec<u8> {
    let length = data.len() as u16;
    let mut stream = vec![0x78, 0x01, 1];
    stream.extend([length.to_le_bytes(), (!length).to_le_bytes()].concat());
    stream.extend(data);
    let (a, b) = data.iter().fold((1_u32, 0_u32), |(a, b), &byte| {
        let a = (a + u32::from(byte)) % 65521;
        (a, (b + a) % 65521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}

fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(!0, |crc, &byte| {
        let mix = |crc: u32, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
        (0..8).fold(crc ^ u32::from(byte), mix)
    })
}

/// A JPEG of a smooth picture.
pub fn jpeg(width: u32, height: u32) -> Vec<u8> {
    let image = image::RgbImage::from_fn(width, height, |x, y| {
        image::Rgb([(x * 5 % 256) as u8, (y * 7 % 256) as u8, 90])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// A sample whose every pixel has values of its own, the mask's being below `classes`.
pub fn sample([height, width]: [usize; 2], classes: usize) -> Sample {
    let rgb = (0..3 * height * width).map(|i| (i * 37 % 251) as u8).collect();
    let labels = (0..height * width).map(|i| (i * 7 % classes) as u8).collect();
    Sample {
        name: "made".to_owned(),
        picture: Picture { width, height, rgb },
        mask: Mask { width, height, labels },
    }
}

/// Messages in the library's words.
pub fn lines(messages: &[Message]) -> Vec<String> {
    messages.iter().map(Message::to_string).collect()
}

/// Asserts that `result` is an error of one line that has all `parts` in it.
#[track_caller]
pub fn assert_says<T>(result: Result<T, DataError>, parts: &[&dyn Display]) {
    let Err(error) = result else { panic!("no error") };
    let message = error.to_string();
    assert_eq!(message.lines().count(), 1, "{message}");
    for part in parts {
        assert!(message.contains(&part.to_string()), "{message:?} without {:?}", part.to_string());
    }
}

/// Decodes a picture with one byte damaged, for each of these places: what comes of it is an error or whole.
#[track_caller]
pub fn assert_survives_damage(
    whole: &[u8],
    places: impl Iterator<Item = usize>,
    decode: impl Fn(&[u8]) -> Result<Picture, DataError>,
) {
    for (at, damage) in places.flat_map(|at| [1, 0x80, 0xff].map(|damage| (at, damage))) {
        let mut bytes = whole.to_vec();
        bytes[at] ^= damage;
        if let Ok(picture) = decode(&bytes) {
            assert_eq!(picture.rgb.len(), 3 * picture.width * picture.height, "{damage} at {at}");
        }
    }
}
