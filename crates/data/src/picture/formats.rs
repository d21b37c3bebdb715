//! The formats that pictures come in: how the content tells each, and how names of its files end.

use std::path::Path;

use image::ImageFormat;

/// A format of pictures.
///
/// ```
/// # use mirrorgrad_data::PictureFormat;
/// # use std::path::Path;
/// assert_eq!(PictureFormat::of_name(Path::new("cat.TIF")), Some(PictureFormat::Tiff));
/// // What a file is, its content tells.
/// assert_eq!(PictureFormat::of_content(b"GIF89a.."), Some(PictureFormat::Gif));
/// assert!(PictureFormat::Gif.is_read() && !PictureFormat::Heic.is_read());
/// assert_eq!(PictureFormat::of_name(Path::new("Thumbs.db")), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
    /// Windows bitmaps.
    Bmp,
    /// GIF.
    Gif,
    /// TIFF.
    Tiff,
    /// WebP.
    WebP,
    /// What phones write; it is known, and not read.
    Heic,
    /// AVIF; it is known, and not read.
    Avif,
    /// JPEG 2000; it is known, and not read.
    Jpeg2000,
    /// JPEG XL; it is known, and not read.
    JpegXl,
}

impl PictureFormat {
    /// All of them, those that are read first.
    pub const ALL: [Self; 10] = [
        Self::Jpeg,
        Self::Png,
        Self::Bmp,
        Self::Gif,
        Self::Tiff,
        Self::WebP,
        Self::Heic,
        Self::Avif,
        Self::Jpeg2000,
        Self::JpegXl,
    ];

    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jpeg => "JPEG",
            Self::Png => "PNG",
            Self::Bmp => "BMP",
            Self::Gif => "GIF",
            Self::Tiff => "TIFF",
            Self::WebP => "WebP",
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Jpeg2000 => "JPEG 2000",
            Self::JpegXl => "JPEG XL",
        }
    }

    /// How names of its files end, in small letters, the most frequent first.
    pub fn extensions(self) -> &'static [&'static str] {
        match self {
            Self::Jpeg => &["jpg", "jpeg", "jpe", "jfif"],
            Self::Png => &["png"],
            Self::Bmp => &["bmp", "dib"],
            Self::Gif => &["gif"],
            Self::Tiff => &["tif", "tiff"],
            Self::WebP => &["webp"],
            Self::Heic => &["heic", "heif", "hif"],
            Self::Avif => &["avif"],
            Self::Jpeg2000 => &["jp2", "j2k"],
            Self::JpegXl => &["jxl"],
        }
    }

    /// Whether its pictures can be read.
    pub fn is_read(self) -> bool {
        self.decoded_as().is_some()
    }

    /// The format that the name of a file promises, in letters of any case.
    pub fn of_name(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        Self::ALL.into_iter().find(|format| format.extensions().contains(&extension.as_str()))
    }

    /// The format that begins so.
    pub fn of_content(bytes: &[u8]) -> Option<Self> {
        if let Some(format) = of_boxes(bytes) {
            return Some(format);
        }
        let decoded = image::guess_format(bytes).ok()?;
        Self::ALL.into_iter().find(|format| format.decoded_as() == Some(decoded))
    }

    /// What decodes it.
    pub(super) fn decoded_as(self) -> Option<ImageFormat> {
        match self {
            Self::Jpeg => Some(ImageFormat::Jpeg),
            Self::Png => Some(ImageFormat::Png),
            Self::Bmp => Some(ImageFormat::Bmp),
            Self::Gif => Some(ImageFormat::Gif),
            Self::Tiff => Some(ImageFormat::Tiff),
            Self::WebP => Some(ImageFormat::WebP),
            Self::Heic | Self::Avif | Self::Jpeg2000 | Self::JpegXl => None,
        }
    }
}

/// The format of a file in boxes, each behind its length and its name, or of a bare stream of such a format.
fn of_boxes(bytes: &[u8]) -> Option<PictureFormat> {
    match bytes {
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..] => {
            return Some(PictureFormat::JpegXl);
        }
        [0xff, 0x4f, 0xff, 0x51, ..] | [0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] => {
            return Some(PictureFormat::Jpeg2000);
        }
        _ => {}
    }
    let (length, rest) = bytes.split_first_chunk()?;
    let names = rest.strip_prefix(b"ftyp")?;
    let names = &names[..names.len().min((u32::from_be_bytes(*length) as usize).saturating_sub(8))];
    // The file's own brand, a version, and the brands that it can be read as.
    let mut brands = names.as_chunks::<4>().0.iter();
    brands.find_map(|brand| match brand {
        b"avif" | b"avis" => Some(PictureFormat::Avif),
        b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" => Some(PictureFormat::Heic),
        _ => None,
    })
}
