//! Pictures are read alike for training and for predicting.

use crate::bright;
use crate::common::Place;
use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, Rgb, RgbImage};
use mirrorgrad_data::{
    Census, DataError, Dataset, Folder, FolderOptions, PictureRules, RangeByName, Split, ValueRange,
};
use mirrorgrad_train::{Config, Predictor};
use std::io::Cursor;

#[track_caller]
fn assert_refused(config: &Config, says: &str) {
    let refused = config.check().unwrap_err().to_string();
    assert!(refused.contains(says), "{refused}");
}

#[test]
fn a_range_is_for_pictures_from_files() {
    let mut config = Config::default();
    config.data.folder.range = Some(ValueRange::Named(RangeByName::Percentile));
    assert_refused(&config, "data.folder.range needs data.dir");
    config.data.folder = FolderOptions { orient: true, ..FolderOptions::default() };
    assert_refused(&config, "data.folder.orient needs data.dir");
}

#[test]
fn training_and_predicting_see_the_same_picture() {
    let place = Place::of("sky\nroad\n");
    let numbers = ImageBuffer::<Luma<u16>, _>::from_raw(3, 1, vec![0, 2040, 4080]).unwrap();
    let mut png = Cursor::new(Vec::new());
    DynamicImage::from(numbers).write_to(&mut png, ImageFormat::Png).unwrap();
    place.put("images/a.png", &png.into_inner());
    place.mask("masks/a.png", [1, 3], &[0, 1, 0]);
    let range = Some(ValueRange::Given([0, 4080]));
    let options = FolderOptions { range, ..FolderOptions::default() };
    let trained =
        Folder::open(place.path(), Split::All, &options).unwrap().sample(0).unwrap().picture;
    assert_eq!(trained.rgb, [0, 0, 0, 128, 128, 128, 255, 255, 255]);
    let mut config = bright::config();
    config.data.dir = Some(place.path().to_owned());
    config.data.folder = options.clone();
    let predictor = Predictor::new(bright::checkpoint(config)).unwrap();
    assert_eq!(predictor.read_picture(&place.at("images/a.png")).unwrap(), trained);
    let census = Census::take(place.path(), &options, &|_| ()).unwrap();
    assert_eq!(census.examples(1).unwrap()[0].picture, trained);
}

#[test]
fn predicting_turns_the_picture_whatever_training_did() -> Result<(), DataError> {
    let predictor = Predictor::new(bright::checkpoint(bright::config())).unwrap();
    let place = Place::of("sky\nroad\n");
    // EXIF data of one entry, the orientation: a quarter turn.
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    exif.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0, 0, 0]);
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif).unwrap();
    let image = RgbImage::from_fn(40, 24, |x, y| Rgb([(x * 6) as u8, (y * 10) as u8, 0]));
    DynamicImage::from(image).write_with_encoder(encoder).unwrap();
    place.put("images/a.png", &png);
    let picture = predictor.read_picture(&place.at("images/a.png"))?;
    let upright = PictureRules { range: None, orient: true };
    assert_eq!(picture, upright.read(&place.at("images/a.png"))?);
    assert_eq!(predictor.predict("a", &picture).unwrap().size(), [40, 24]);
    Ok(())
}
