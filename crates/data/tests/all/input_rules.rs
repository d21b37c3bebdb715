//! What is refused of pictures, masks, lists and options, and in which words: a test for each rule.

use crate::common::files::encoded;
use crate::common::place::Place;
use crate::common::{Header, assert_says, jpeg, png, png_of};
use image::{DynamicImage, ImageFormat};
use mirrorgrad_data::{DataError, Dataset, FolderOptions, Layout, Picture, Split, decode_picture};
use std::fs;
use std::io::Cursor;
use std::path::Path;

fn options() -> FolderOptions {
    FolderOptions::default()
}

/// What becomes of a sample whose picture is `bytes`.
fn with_picture(bytes: &[u8]) -> Result<Vec<u8>, DataError> {
    let place = Place::pair();
    place.put("images/a.jpg", bytes);
    place.labels(&options())
}

/// What becomes of a sample whose mask is `bytes`.
fn with_mask(bytes: &[u8], options: &FolderOptions) -> Result<Vec<u8>, DataError> {
    let place = Place::pair();
    place.put("masks/a.png", bytes);
    place.labels(options)
}

/// What becomes of a directory read by a list of one line.
fn with_line(line: &str) -> Result<Vec<u8>, DataError> {
    let place = Place::pair();
    place.put("train.txt", format!("images/a.jpg masks/a.png\n\n{line}\n").as_bytes());
    place.labels(&options())
}

/// What becomes of a mask with this table: all of it is 0 0 0, but 1 2 3 at the places `[x, y]`.
fn with_colour(places: &[[usize; 2]], table: &str) -> Result<Vec<u8>, DataError> {
    let place = Place::pair();
    fs::remove_file(place.at("classes.txt")).unwrap();
    place.put("colours.txt", table.as_bytes());
    // Two rows of a filter byte and three pixels of three bytes.
    let mut rows = vec![0; 2 * 10];
    for &[x, y] in places {
        rows[10 * y + 1 + 3 * x..][..3].copy_from_slice(&[1, 2, 3]);
    }
    place.put("masks/a.png", &png_of(Header { colour: 2, ..Header::grey(3, 2) }, &rows));
    place.labels(&options())
}

/// What becomes of a mask with 1 2 3 at its last pixel, with this table.
fn with_table(table: &str) -> Result<Vec<u8>, DataError> {
    with_colour(&[[2, 1]], table)
}

fn header(colour: u8, bits: u8) -> Header {
    Header { colour, bits, ..Header::grey(3, 2) }
}

fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"\xff\xe1\x00\x22Exif\0\0MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    exif.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
    let plain = jpeg(3, 2);
    [&plain[..2], &exif, &plain[2..]].concat()
}

// Pictures.

#[test]
fn a_png_bomb_is_refused_as_a_picture() {
    let file = png_of(Header { width: 60_000, height: 60_000, ..Header::grey(1, 1) }, &[0; 2]);
    let says = "a.jpg: expected sides of 1 to 16384 and at most 64000000 pixels, found 60000 high";
    assert_says(with_picture(&file), &[&says]);
}

#[test]
fn a_jpeg_bomb_is_refused() {
    let mut file = jpeg(8, 8);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    file[frame + 5..frame + 9].fill(0xff);
    let says = "a.jpg: expected sides of 1 to 16384 and at most 64000000 pixels, found 65535 high";
    assert_says(with_picture(&file), &[&says]);
}

#[test]
fn a_picture_of_more_than_64_million_pixels_is_refused() {
    let file = png_of(Header { width: 16_000, height: 16_000, ..Header::grey(1, 1) }, &[0; 2]);
    let says = "at most 64000000 pixels, found 16000 high, 16000 wide";
    assert_says(with_picture(&file), &[&"a.jpg: expected sides of 1 to 16384", &says]);
}

#[test]
fn a_jpeg_without_its_end_is_refused() {
    let whole = jpeg(40, 24);
    assert_says(with_picture(&whole[..whole.len() - 20]), &[&"found a JPEG without its end"]);
}

#[test]
fn a_jpeg_cut_and_then_closed_is_refused() {
    let whole = jpeg(40, 24);
    let closed = [&whole[..whole.len() - 60], &[0xff, 0xd9]].concat();
    assert_says(with_picture(&closed), &[&"found a JPEG that ends before all its pixels"]);
}

#[test]
fn a_closed_cut_is_found_wherever_it_is_made() {
    let decode = |bytes: &[u8]| decode_picture(bytes, Path::new("a.jpg"));
    let whole = jpeg(57, 43);
    let picture = decode(&whole).unwrap();
    let scan = whole.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap() + 14;
    let (mut refused, mut same) = (0, 0);
    for cut in scan..whole.len() - 2 {
        match decode(&[&whole[..cut], &[0xff, 0xd9]].concat()) {
            Err(_) => refused += 1,
            // Only bits that fill the last byte up were missing.
            Ok(read) => {
                assert!(read == picture && cut + 4 > whole.len(), "{cut}");
                same += 1;
            }
        }
    }
    assert!(refused > 200 && same <= 2, "{refused} {same}");
}

#[test]
fn what_follows_a_jpegs_end_or_precedes_it_is_no_fault() {
    let whole = jpeg(40, 24);
    let picture = decode_picture(&whole, Path::new("a.jpg")).unwrap();
    let end = whole.len() - 2;
    for file in [
        [&whole, b"a second picture or a camera's notes".as_slice()].concat(),
        [&whole[..end], &[0x55; 9], &whole[end..]].concat(),
        [&whole[..2], &[0xff, 0xfe, 0, 6, 0xff, 0xd9, 0xff, 0xd9], &whole[2..]].concat(),
    ] {
        assert_eq!(decode_picture(&file, Path::new("a.jpg")).unwrap(), picture);
    }
}

#[test]
fn a_png_cut_short_is_refused() {
    let whole = png(Header::grey(3, 2), &[9; 6]);
    assert_says(
        with_picture(&whole[..whole.len() - 24]),
        &[&"a complete JPEG, PNG", &"end of file"],
    );
}

#[test]
fn a_gif_named_jpg_is_read() {
    let rgb = DynamicImage::new_rgb8(3, 2);
    assert!(with_picture(&encoded(&rgb, ImageFormat::Gif)).is_ok());
}

#[test]
fn a_gif_without_a_picture_is_refused() {
    let says = "a.jpg: expected a complete JPEG, PNG, BMP, GIF, TIFF or WebP picture, found ";
    assert_says(with_picture(b"GIF89a\x01\0\x01\0\0\0\0;"), &[&says]);
}

#[test]
fn a_phones_heic_is_refused_with_what_to_do() {
    let says = "found HEIC, which is not read; convert it to PNG or JPEG";
    assert_says(with_picture(b"\0\0\0\x14ftypheic\0\0\0\0mif1"), &[&"a.jpg", &says]);
}

#[test]
fn a_png_named_jpg_is_read() {
    assert!(with_picture(&png(Header::grey(3, 2), &[9; 6])).is_ok());
}

#[test]
fn a_page_of_text_named_jpg_is_refused() {
    let says = "found no known picture format";
    assert_says(with_picture(b"<!DOCTYPE html><title>404</title>"), &[&"a.jpg", &says]);
}

#[test]
fn an_empty_picture_is_refused() {
    assert_says(with_picture(b""), &[&"a.jpg", &"found no known picture format"]);
}

#[test]
fn a_picture_with_an_exif_orientation_is_refused() {
    let says = "a.jpg: expected an upright picture, found EXIF orientation 6; save it rotated";
    assert_says(with_picture(&exif(6)), &[&says]);
}

#[test]
fn a_picture_whose_exif_says_upright_is_read() {
    assert!(with_picture(&exif(1)).is_ok());
}

#[test]
fn a_directory_named_like_a_picture_is_refused() {
    let place = Place::pair();
    fs::remove_file(place.at("images/a.jpg")).unwrap();
    fs::create_dir(place.at("images/a.jpg")).unwrap();
    assert_says(place.labels(&options()), &[&"a.jpg: expected a file, found a directory"]);
}

// Masks.

#[test]
fn a_png_bomb_is_refused_as_a_mask() {
    let file = png_of(Header { width: 60_000, height: 60_000, ..Header::grey(1, 1) }, &[0; 2]);
    let says = "a.png: expected sides of 1 to 16384 and at most 64000000 pixels, found 60000 high";
    assert_says(with_mask(&file, &options()), &[&says]);
}

#[test]
fn a_mask_cut_short_is_refused() {
    let whole = png(Header::grey(3, 2), &[0; 6]);
    let cut = &whole[..whole.len() - 6];
    assert_says(with_mask(cut, &options()), &[&"a.png: expected a mask"]);
}

#[test]
fn a_jpeg_is_no_mask() {
    let says = "a.png: expected a mask: a PNG, GIF, BMP or TIFF with palette or grey pixels";
    let found = "found a JPEG, whose compression changes values";
    assert_says(with_mask(&jpeg(3, 2), &options()), &[&says, &found]);
}

#[test]
fn a_mask_of_more_than_8_bits_hold_is_refused() {
    let mut rows = vec![0; 14];
    rows[10] = 1;
    let says = "found 256 at (x=1, y=1), in 16 bits";
    let error = with_mask(&png_of(header(0, 16), &rows), &options());
    assert_says(error, &[&"a.png: expected a mask", &says]);
}

#[test]
fn a_mask_of_16_bits_is_read_where_8_would_hold_it() {
    let mut rows = vec![0; 14];
    rows[11] = 1;
    assert_eq!(with_mask(&png_of(header(0, 16), &rows), &options()).unwrap(), [0, 0, 0, 0, 1, 0]);
}

#[test]
fn a_mask_in_colours_needs_a_table() {
    let mut rows = vec![0; 20];
    rows[4] = 5;
    let found = "found the colour 5 0 0 at (x=1, y=0); define what each colour means in colours.txt, in lines such as \
                 5 0 0 NAME";
    let error = with_mask(&png_of(header(2, 8), &rows), &options());
    assert_says(error, &[&"a.png: expected a mask", &found]);
}

#[test]
fn a_mask_whose_channels_are_equal_needs_none() {
    let mut rows = vec![0; 20];
    rows[4..7].fill(1);
    assert_eq!(with_mask(&png_of(header(2, 8), &rows), &options()).unwrap(), [0, 1, 0, 0, 0, 0]);
}

#[test]
fn a_mask_that_is_not_opaque_is_refused_with_the_place() {
    let says = "found a transparent pixel at (x=0, y=0), which has no value";
    for (colour, bytes) in [(6, 26), (4, 14)] {
        let error = with_mask(&png_of(header(colour, 8), &vec![0; bytes]), &options());
        assert_says(error, &[&"a.png: expected a mask", &says]);
    }
}

#[test]
fn a_mask_of_another_size_is_refused() {
    let says = "a.png: expected 2 high, 3 wide, like ";
    let file = png(Header::grey(2, 3), &[0; 6]);
    assert_says(with_mask(&file, &options()), &[&says, &"a.jpg, found 3 high, 2 wide"]);
}

#[test]
fn a_label_that_is_no_class_is_refused_with_its_place() {
    let file = png(Header::grey(3, 2), &[0, 1, 1, 0, 37, 0]);
    let says = "a.png: expected labels below 2, the number of classes, found 37 at (x=1, y=1); if 37 marks \
                pixels to ignore, set data.folder.ignore_index = 37";
    assert_says(with_mask(&file, &options()), &[&says]);
}

#[test]
fn only_the_ignored_label_may_be_no_class() {
    let file = png(Header::grey(3, 2), &[0, 1, 1, 11, 37, 0]);
    let options = FolderOptions { ignore_index: Some(11), ..options() };
    let says =
        "found 37 at (x=1, y=1); of other values only 11 is allowed, by data.folder.ignore_index";
    assert_says(with_mask(&file, &options), &[&says]);
}

#[test]
fn a_mask_of_0_and_255_says_how_to_read_it() {
    let file = png(Header::grey(3, 2), &[0, 0, 255, 0, 255, 0]);
    let says = "found 255 at (x=2, y=0); for masks with only 0 and 255, set data.folder.mask_values = [0, 255]";
    assert_says(with_mask(&file, &options()), &[&says]);
    let options = FolderOptions { mask_values: Some(vec![0, 255]), ..options() };
    assert_eq!(with_mask(&file, &options).unwrap(), [0, 0, 1, 0, 1, 0]);
}

#[test]
fn a_value_that_was_not_declared_is_refused_with_its_place() {
    let options = FolderOptions { mask_values: Some(vec![10, 20]), ..options() };
    let file = png(Header::grey(3, 2), &[10, 20, 20, 10, 10, 0]);
    let says =
        "a.png: expected the values 10, 20, which mean labels from 0 on, found 0 at (x=2, y=1)";
    assert_says(with_mask(&file, &options), &[&says]);
}

#[test]
fn beside_declared_values_the_ignored_one_may_stand_and_is_no_class() {
    // 1 would be the label of a class.
    for (ignored, label) in [(1, 255), (0, 255), (7, 7), (255, 255)] {
        let (mask_values, ignore_index) = (Some(vec![10, 20]), Some(ignored));
        let options = FolderOptions { mask_values, ignore_index, ..options() };
        let file = png(Header::grey(3, 2), &[10, 20, 20, 10, 10, ignored]);
        assert_eq!(with_mask(&file, &options).unwrap(), [0, 1, 1, 0, 0, label]);
        assert_eq!(options.ignored_label(), Some(label));
        // What was resolved is resolved to itself.
        let place = Place::pair();
        let resolved = options.resolve(place.path()).unwrap();
        assert_eq!(resolved.ignore_index, Some(ignored));
        assert_eq!(resolved.resolve(place.path()).unwrap(), resolved);
    }
}

#[test]
fn a_value_is_a_class_or_left_out() {
    let (mask_values, ignore_index) = (Some(vec![10, 20]), Some(20));
    let options = FolderOptions { mask_values, ignore_index, ..options() };
    let file = png(Header::grey(3, 2), &[10; 6]);
    let says = "data.folder.ignore_index: expected a number that no class has, found 20";
    assert_says(with_mask(&file, &options), &[&says]);
}

#[test]
fn there_must_be_a_value_for_each_class_and_each_once() {
    let file = png(Header::grey(3, 2), &[0; 6]);
    for (values, found) in
        [(vec![0], "1 of them"), (vec![0, 1, 2], "3 of them"), (vec![7, 7], "7 twice")]
    {
        let options = FolderOptions { mask_values: Some(values), ..options() };
        let says = format!(
            "data.folder.mask_values: expected 2 values, one for each class, all different, found {found}"
        );
        assert_says(with_mask(&file, &options), &[&says]);
    }
}

// Tables of colours.

#[test]
fn a_colour_that_the_table_lacks_is_refused_with_its_first_place() {
    let table = "0 0 0 sky\n9 9 9 road\n";
    let cases: [(&[[usize; 2]], &str); 5] = [
        (&[[0, 0]], "(x=0, y=0)"),
        (&[[2, 0]], "(x=2, y=0)"),
        (&[[0, 1]], "(x=0, y=1)"),
        (&[[2, 1]], "(x=2, y=1)"),
        (&[[2, 1], [1, 1]], "(x=1, y=1)"),
    ];
    for (places, at) in cases {
        let says = format!(
            "colours.txt, found 1 2 3 at {at}; define it there, in a line such as 1 2 3 NAME"
        );
        let error = with_colour(places, table);
        assert_says(error, &[&"a.png: expected the colours of ", &says]);
    }
    assert_eq!(with_colour(&[], table).unwrap(), [0; 6]);
    assert_eq!(with_table("0 0 0 sky\n1 2 3 road\n").unwrap(), [0, 0, 0, 0, 0, 1]);
}

#[test]
fn a_line_that_is_no_colour_is_refused_with_its_number() {
    for line in ["sky", "1 2", "1 2 256 sky", "-1 2 3 sky", "1 2 x sky", "1,2,3 sky"] {
        let error = with_table(&format!("# a comment\n1 2 3 road\n{line}\n"));
        let says = "colours.txt:3: expected red, green, blue from 0 to 255 and the name of a class";
        assert_says(error, &[&says, &format!("found {line}")]);
    }
}

#[test]
fn a_colour_stands_once_in_a_table() {
    let error = with_table("1 2 3 road\n1 2 3 sky\n");
    assert_says(error, &[&"colours.txt:2", &"found the colour 1 2 3 again"]);
}

#[test]
fn a_table_without_classes_is_refused() {
    assert_says(with_table("1 2 3\n"), &[&"colours.txt: expected lines of", &"found 0 classes"]);
}

#[test]
fn a_table_must_name_the_classes_that_classes_txt_names() {
    let place = Place::pair();
    place.put("colours.txt", b"0 0 0 sky\n1 1 1 street\n");
    let says = r#"found ["sky", "street"]"#;
    assert_says(place.labels(&options()), &[&"colours.txt: expected the classes of", &says]);
}

#[test]
fn colours_and_values_exclude_each_other() {
    let place = Place::pair();
    place.put("colours.txt", b"0 0 0 sky\n1 1 1 road\n");
    let options = FolderOptions { mask_values: Some(vec![0, 1]), ..options() };
    let says = "colours.txt defines the colours of the classes, found some";
    assert_says(place.labels(&options), &[&"data.folder.mask_values: expected none", &says]);
}

#[test]
fn a_table_that_is_asked_for_must_be_there() {
    let options = FolderOptions { mask_colours: Some("/no/such/table".into()), ..options() };
    assert_says(Place::pair().labels(&options), &[&"/no/such/table: cannot be read"]);
}

// Lists.

#[test]
fn a_line_of_a_list_has_a_picture_and_its_mask() {
    let expected = "train.txt:3: expected a picture and its mask, separated by a tab or spaces";
    assert_says(with_line("images/a.jpg"), &[&expected, &"found 1 word: images/a.jpg"]);
    assert_says(with_line("a b c"), &[&expected, &"found 3 words: a b c"]);
}

#[test]
fn a_list_may_not_lead_up() {
    let error = with_line("../a.jpg masks/a.png");
    assert_says(error, &[&"train.txt:3: expected the path of a file inside", &"which is outside"]);
    let error = with_line("images/../../a.jpg masks/a.png");
    assert_says(error, &[&"train.txt:3", &"which is outside"]);
}

#[test]
fn a_list_may_not_have_absolute_paths() {
    let error = with_line("/etc/hostname masks/a.png");
    assert_says(error, &[&"train.txt:3", &r#"found "/etc/hostname", which is outside"#]);
}

#[cfg(unix)]
#[test]
fn a_list_may_not_follow_links_out() {
    use std::os::unix::fs::symlink;
    let (place, other) = (Place::pair(), Place::pair());
    symlink(other.at("images"), place.at("elsewhere")).unwrap();
    symlink(other.at("masks/a.png"), place.at("masks/b.png")).unwrap();
    for line in ["elsewhere/a.jpg masks/a.png", "images/a.jpg masks/b.png"] {
        place.put("train.txt", line.as_bytes());
        assert_says(place.labels(&options()), &[&"train.txt:1", &"a link to"]);
    }
}

#[test]
fn a_file_that_a_list_names_must_be_there() {
    let error = with_line("images/b.jpg masks/a.png");
    assert_says(error, &[&"train.txt:3", &r#"found "images/b.jpg": No such file"#]);
    let error = with_line("images/a.jpg masks/b.png");
    assert_says(error, &[&"train.txt:3", &r#"found "masks/b.png": No such file"#]);
}

#[test]
fn a_list_names_each_picture_once() {
    let error = with_line("images/a.jpg masks/a.png");
    assert_says(error, &[&"train.txt:3: expected each picture once", &"again, as in line 1"]);
}

#[test]
fn an_empty_list_is_refused() {
    let place = Place::pair();
    place.put("train.txt", b"\n \n");
    let says = "train.txt: expected lines with pictures, found none";
    assert_says(place.labels(&options()), &[&says]);
}

#[test]
fn a_list_of_bytes_that_are_no_text_is_refused_with_its_line() {
    let place = Place::pair();
    place.put("train.txt", b"images/a.jpg masks/a.png\n\xff\xfe\n");
    assert_says(place.labels(&options()), &[&"train.txt:2: expected text, found bytes"]);
}

#[test]
fn a_name_with_control_characters_stays_in_one_line() {
    let error = with_line("im\u{1b}[2Jages/a.jpg masks/a.png");
    assert_says(error, &[&"train.txt:3", &r"\u{1b}[2J"]);
}

// Directories.

#[test]
fn what_a_directory_was_taken_for_is_told() {
    let place = Place::pair();
    place.put("train.txt", b"a\n");
    let says = "layout list was detected by train.txt: data.folder.layout selects another";
    assert_says(place.labels(&options()), &[&"train.txt:1", &says]);
    let asked = FolderOptions { layout: Some(Layout::Folders), ..options() };
    assert!(place.labels(&asked).is_ok());
}

#[test]
fn a_directory_of_no_layout_is_refused() {
    let place = Place::empty();
    place.put("readme.txt", b"");
    let says = "expected images and masks in it, or train and val with images and masks in each, or \
                train.txt and val.txt that list them";
    assert_says(
        place.labels(&options()),
        &[&place.path().display(), &says, &"found none of these"],
    );
}

#[test]
fn a_layout_that_is_asked_for_must_be_there() {
    let asked = FolderOptions { layout: Some(Layout::Voc), ..options() };
    assert_says(Place::pair().labels(&asked), &[&"found none for layout voc"]);
}

#[test]
fn a_part_that_is_not_there_is_refused() {
    let error = Place::pair().open(Split::Test, &options());
    assert_says(error, &[&"expected a test split, found none for layout folders"]);
}

#[test]
fn a_picture_is_eight_bits_of_three_channels_whatever_its_file() {
    let grey = DynamicImage::new_luma16(3, 2);
    let mut bytes = Cursor::new(Vec::new());
    grey.write_to(&mut bytes, ImageFormat::Png).unwrap();
    let picture = decode_picture(&bytes.into_inner(), Path::new("a.png")).unwrap();
    assert_eq!(picture, Picture { width: 3, height: 2, rgb: vec![0; 18] });
}

#[test]
fn stored_values_near_to_declared_ones_mean_what_these_mean_where_that_is_asked_for() {
    let file = png(Header::grey(3, 2), &[0, 127, 128, 254, 255, 7]);
    let declared = FolderOptions { mask_values: Some(vec![0, 255]), ..FolderOptions::default() };
    let nearest = FolderOptions { nearest_value: true, ..declared.clone() };
    assert_eq!(with_mask(&file, &nearest).unwrap(), [0, 0, 1, 1, 1, 0]);
    // Of two as near, the lower; and the ignored value attracts as the others do.
    let options = FolderOptions { mask_values: Some(vec![0, 254]), ..nearest.clone() };
    assert_eq!(with_mask(&file, &options).unwrap(), [0, 0, 1, 1, 1, 0]);
    let ignoring = FolderOptions { ignore_index: Some(127), ..nearest };
    assert_eq!(with_mask(&file, &ignoring).unwrap(), [0, 127, 127, 1, 1, 0]);
    assert_says(with_mask(&file, &declared), &[&"found 127 at (x=1, y=0)"]);
    let alone = FolderOptions { nearest_value: true, ..FolderOptions::default() };
    assert_says(
        with_mask(&file, &alone),
        &[&"data.folder.nearest_value needs data.folder.mask_values"],
    );
}

#[test]
fn mostly_declared_values_are_told_from_others() {
    let mut values = vec![0; 60];
    values.extend([255; 39]);
    values.push(90);
    let file = png(Header::grey(10, 10), &values);
    let place = Place::pair();
    place.put("images/a.jpg", &jpeg(10, 10));
    place.put("masks/a.png", &file);
    let options = FolderOptions { mask_values: Some(vec![0, 255]), ..FolderOptions::default() };
    assert_says(
        place.labels(&options),
        &[&"1.0 % of its pixels have other values", &"data.folder.nearest_value = true"],
    );
}

#[test]
fn declared_values_need_no_names() {
    let place = Place::pair();
    fs::remove_file(place.at("classes.txt")).unwrap();
    place.mask("masks/a.png", &[0, 255, 0, 255, 9, 9]);
    let options = FolderOptions {
        mask_values: Some(vec![0, 255]),
        ignore_index: Some(9),
        ..FolderOptions::default()
    };
    let folder = place.open(Split::All, &options).unwrap();
    assert_eq!(folder.classes(), ["0", "1"]);
    assert_eq!(place.labels(&options).unwrap(), [0, 1, 0, 1, 9, 9]);
    let ways = "the masks hold 0, 9 and 255: write 3 names into it and set data.folder.mask_values = [0, 9, 255], or \
                set data.folder.mask_values = [0, 9, 255] without a file, for the class names 0 to 2";
    assert_says(place.open(Split::All, &FolderOptions::default()), &[&ways]);
    let ignoring = FolderOptions { ignore_index: Some(9), ..FolderOptions::default() };
    assert_says(place.open(Split::All, &ignoring), &[&"the masks hold 0 and 255: write 2 names"]);
}
