//! What options allow: faulty files left out, and links that lead out.

use crate::common::place::Place;
use crate::common::{assert_says, jpeg, lines};
use mirrorgrad_data::{Census, Folder, FolderOptions, Split};
use std::fs;

fn skipping() -> FolderOptions {
    FolderOptions { skip_faulty: true, ..FolderOptions::default() }
}

/// Six pairs, of which one picture is no picture, one mask has another size and one has a label too many;
/// and a picture without a mask.
fn faulty() -> Place {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    for stem in ["a", "b", "c", "d", "e", "f", "g"] {
        place.picture(&format!("images/{stem}.jpg"));
        place.mask(&format!("masks/{stem}.png"), &[0, 1, 0, 1, 0, 1]);
    }
    place.put("images/b.jpg", b"<html>");
    place.put("images/c.jpg", &jpeg(4, 4));
    place.mask("masks/d.png", &[0, 1, 2, 0, 0, 0]);
    fs::remove_file(place.at("masks/g.png")).unwrap();
    place
}

#[test]
fn faulty_pairs_are_left_out_where_that_is_asked_for_and_each_is_told_of() {
    let place = faulty();
    assert!(place.open(Split::All, &FolderOptions::default()).is_err());
    assert_eq!(place.stems(Split::All, &skipping()).unwrap(), ["a", "e", "f"]);
    let notes = lines(&Folder::notes(place.path(), &skipping()).unwrap());
    assert_eq!(notes[0], "4 faults skipped, since data.folder.skip_faulty = true is set");
    for (note, says) in notes[1..].iter().zip(["g.jpg", "b.jpg", "c.png", "d.png"]) {
        assert!(note.starts_with("skipped: ") && note.contains(says), "{note} without {says}");
    }
    assert_eq!(notes.len(), 5);
    let census = Census::take(place.path(), &skipping(), &|_| ()).unwrap();
    assert!(
        census.faults.is_empty() && lines(&census.notes).starts_with(&notes),
        "{:?}",
        census.notes
    );
    assert_eq!((census.splits[0].pictures, census.splits[0].faulty), (3, 0));
    // Divided as it is trained on.
    let halved = FolderOptions { validation_split: Some(0.4), ..skipping() };
    let census = Census::take(place.path(), &halved, &|_| ()).unwrap();
    assert_eq!((census.splits[0].pictures, census.splits[1].pictures), (2, 1));
    assert_eq!(place.stems(Split::Train, &halved).unwrap().len(), 2);
}

#[test]
fn a_run_goes_on_without_what_it_began_without() {
    let place = faulty();
    let resolved = skipping().resolve(place.path()).unwrap();
    let names = ["images/b.jpg", "images/c.jpg", "images/d.jpg"].map(String::from);
    assert_eq!(resolved.faulty.as_deref(), Some(names.as_slice()));
    assert_eq!(resolved.resolve(place.path()).unwrap(), resolved);
    assert_eq!(
        toml::from_str::<FolderOptions>(&toml::to_string(&resolved).unwrap()).unwrap(),
        resolved
    );
    // One is mended since then, and would be read now.
    place.mask("masks/d.png", &[0; 6]);
    assert_eq!(place.stems(Split::All, &resolved).unwrap(), ["a", "e", "f"]);
    assert_eq!(place.stems(Split::All, &skipping()).unwrap(), ["a", "d", "e", "f"]);
    assert_eq!(resolved.elsewhere().faulty, None);
}

#[test]
fn a_part_to_test_on_that_has_no_masks_keeps_nobody_from_training() {
    let place = faulty();
    fs::create_dir(place.at("train")).unwrap();
    for dir in ["images", "masks"] {
        fs::rename(place.at(dir), place.at("train").join(dir)).unwrap();
    }
    place.picture("test/images/a.jpg");
    let resolved = skipping().resolve(place.path()).unwrap();
    assert_eq!(resolved.faulty.as_ref().map(Vec::len), Some(3));
    assert_eq!(place.stems(Split::All, &resolved).unwrap(), ["a", "e", "f"]);
    assert_eq!(Folder::notes(place.path(), &resolved).unwrap().len(), 5);
    assert_says(place.open(Split::Test, &resolved), &[&"test/masks", &"cannot be read"]);
}

#[test]
fn of_faults_alone_no_run_can_be_made() {
    let place = Place::pair();
    place.put("images/a.jpg", b"<html>");
    assert_says(place.open(Split::All, &skipping()), &[&"a.jpg: expected a complete JPEG, PNG"]);
    let census = Census::take(place.path(), &skipping(), &|_| ()).unwrap();
    assert_eq!(census.faults.len(), 1);
}

#[cfg(unix)]
#[test]
fn links_to_a_store_are_followed_where_that_is_asked_for_and_the_message_says_so() {
    use std::os::unix::fs::symlink;
    let (place, store) = (Place::pair(), Place::pair());
    for name in ["images/a.jpg", "masks/a.png"] {
        fs::remove_file(place.at(name)).unwrap();
        symlink(store.at(name), place.at(name)).unwrap();
    }
    let following = FolderOptions { follow_links: true, ..FolderOptions::default() };
    let says = "a link to ";
    let option = "; data.folder.follow_links = true allows it";
    assert_says(place.labels(&FolderOptions::default()), &[&says, &option]);
    assert_eq!(place.labels(&following).unwrap(), [0, 1, 0, 1, 0, 1]);
    place.put("train.txt", b"images/a.jpg masks/a.png\n");
    assert_says(place.labels(&FolderOptions::default()), &[&says, &option]);
    assert_eq!(place.labels(&following).unwrap(), [0, 1, 0, 1, 0, 1]);
    // A name that leads out is none of a link.
    place.put("train.txt", b"../images/a.jpg masks/a.png\n");
    assert_says(place.labels(&following), &[&"which is outside"]);
    // Whole directories may be links, and a link to nowhere is no picture.
    fs::remove_file(place.at("train.txt")).unwrap();
    fs::remove_dir_all(place.at("images")).unwrap();
    symlink(store.at("images"), place.at("images")).unwrap();
    assert_eq!(place.labels(&following).unwrap(), [0, 1, 0, 1, 0, 1]);
    symlink("/no/such/file", store.at("images/b.jpg")).unwrap();
    assert_says(place.labels(&following), &[&"b.jpg: cannot be read"]);
}
