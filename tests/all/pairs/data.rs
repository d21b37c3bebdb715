//! Tiny data sets of every kind that settings speak of.

use image::{GrayImage, Luma, Rgb, RgbImage};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The data sets, in folders of their names.
pub const SETS: [&str; 5] = ["parts", "edged", "whole", "ends", "coloured"];
/// The stored values of the classes in `ends`.
pub const ENDS: [u8; 3] = [0, 128, 255];
const COLOURS: [[u8; 3]; 3] = [[0, 0, 0], [200, 0, 0], [0, 0, 200]];
const SIDE: u32 = 16;

/// Where the data sets lie.
pub struct Place(TempDir);

impl Place {
    pub fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for name in SETS {
            place.draw(name);
        }
        let colours = COLOURS.iter().zip(["ground", "bright", "dark"]);
        let lines = colours.map(|([r, g, b], name)| format!("{r} {g} {b} {name}\n"));
        fs::write(place.0.path().join("colours.txt"), lines.collect::<String>()).unwrap();
        // Weights to start from.
        let sets = ["model.widths=[4, 4]", "training.epochs=1", "training.batch=2"];
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        command.args(["train", "--out", "first", "--data", "parts"]).current_dir(place.0.path());
        command.args(sets.iter().flat_map(|set| ["--set", set]));
        assert!(command.output().unwrap().status.success());
        place
    }

    /// A name in it, from wherever a command runs.
    pub fn at(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    /// A picture to predict.
    pub fn photo(&self) -> String {
        self.at("photo.png")
    }

    /// Five pictures to train on and two to validate on; of `whole`, seven that are not divided.
    fn draw(&self, name: &str) {
        let dir = self.0.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        if name != "coloured" {
            fs::write(dir.join("classes.txt"), "ground\nbright\ndark\n").unwrap();
        }
        picture(9).save(self.photo()).unwrap();
        for number in 0..7 {
            let part = match name {
                "whole" => dir.clone(),
                _ => dir.join(if number < 5 { "train" } else { "val" }),
            };
            for kind in ["images", "masks"] {
                fs::create_dir_all(part.join(kind)).unwrap();
            }
            picture(number).save(part.join(format!("images/{number}.png"))).unwrap();
            mask(name, number, &part.join(format!("masks/{number}.png")));
        }
    }
}

/// The class of a pixel: bands, each picture's its own.
fn class(number: u32, x: u32, y: u32) -> usize {
    ((x + (number + 1) * y + number) / 5 % 3) as usize
}

fn picture(number: u32) -> RgbImage {
    RgbImage::from_fn(SIDE, SIDE, |x, y| {
        let base = [100, 200, 20][class(number, x, y)];
        Rgb([0, 1, 2].map(|channel| base + ((x * 7 + y * 11 + channel * 5 + number) % 30) as u8))
    })
}

fn mask(name: &str, number: u32, path: &Path) {
    if name == "coloured" {
        let colour = |x, y| Rgb(COLOURS[class(number, x, y)]);
        return RgbImage::from_fn(SIDE, SIDE, colour).save(path).unwrap();
    }
    let label = |x, y| match (name, class(number, x, y)) {
        ("edged", _) if x == 0 => 255,
        ("ends", class) => ENDS[class],
        (_, class) => class as u8,
    };
    GrayImage::from_fn(SIDE, SIDE, |x, y| Luma([label(x, y)])).save(path).unwrap();
}
