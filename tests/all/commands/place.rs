//! A folder that has what pages take for granted: small drawn data, and runs on them.

use crate::folder;
use image::{GrayImage, Luma, Rgb, RgbImage};
use mirrorgrad::study::{Array, arrays};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// What goes over the settings of a page.
pub const SHORT: [&str; 4] =
    ["training.epochs=1", "training.limit_batches=1", "training.batch=2", NARROW];
/// A network that is small.
pub const NARROW: &str = "model.widths=[2, 3]";
/// Height and width of the photos: both are sides that no pool halves evenly.
pub const PHOTO: [u32; 2] = [131, 163];

/// Where the commands of a page are run.
pub struct Place(pub TempDir);

impl Place {
    pub fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a command says, which finds faults or none.
    #[track_caller]
    pub fn said(&self, words: &[impl AsRef<str>], faulty: bool) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        command.args(words.iter().map(AsRef::as_ref)).current_dir(self.0.path());
        let output = command.output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        assert_eq!(output.status.code(), Some(i32::from(faulty)), "{words:?}: {said}");
        said
    }

    fn train(&self, more: &[&str]) {
        let short = SHORT.into_iter().flat_map(|set| ["--set", set]);
        let words = ["train", "--data", "mine", "--ignore-index", "255"].into_iter();
        self.said(&words.chain(more.iter().copied()).chain(short).collect::<Vec<_>>(), false);
    }

    /// Makes what a page takes for granted, if it is of that name and not there yet.
    pub fn provide(&self, name: &str) {
        if self.at(name).exists() {
            return;
        }
        match name {
            "mine" | "moved" => folder::write(&self.at(name), false),
            "mine.toml" => {
                self.provide("mine");
                let settings = "[data]\ndir = 'mine'\n[data.folder]\nignore_index = 255\n";
                fs::write(self.at(name), settings).unwrap();
            }
            "voc" => self.labelled(name, &["JPEGImages", "SegmentationClass"]),
            "CamVid" => self.labelled(name, &["train", "trainannot"]),
            // Masks of 0 and 255, as many programs write two classes.
            "cars" => {
                let dir = self.at(name);
                for kind in ["images", "masks"] {
                    fs::create_dir_all(dir.join(kind)).unwrap();
                }
                fs::write(dir.join("classes.txt"), "other\ncar\n").unwrap();
                for number in 0..5 {
                    photo(number).save(dir.join(format!("images/{number}.png"))).unwrap();
                    let mask = |x, y| Luma([if (x + y) / 20 % 3 == number % 3 { 255 } else { 0 }]);
                    let mask = GrayImage::from_fn(PHOTO[1], PHOTO[0], mask);
                    mask.save(dir.join(format!("masks/{number}.png"))).unwrap();
                }
            }
            "photo.jpg" | "photo.png" => photo(0).save(self.at(name)).unwrap(),
            "run" | "other" | "runs/mine" | "runs/001" | "runs/002" => {
                self.provide("mine");
                self.train(&["--out", name]);
            }
            "model.safetensors" => {
                self.provide("mine");
                self.train(&["--model", "unet", "--out", "unet"]);
                fs::rename(self.at("unet").join(name), self.at(name)).unwrap();
            }
            "theirs/model.safetensors" => {
                self.provide("run");
                fs::create_dir(self.at("theirs")).unwrap();
                for file in ["model.safetensors", "config.toml", "classes.txt"] {
                    fs::copy(self.at("run").join(file), self.at("theirs").join(file)).unwrap();
                }
            }
            "in.safetensors" => {
                let ones = |shape: [usize; 4]| mirrorgrad::tensor::Tensor::<f64>::ones(shape);
                let tensors = [("input", ones([1, 1, 3, 3])), ("weight", ones([1, 1, 3, 3]))];
                let tensors = tensors.map(|(name, t)| (name.to_owned(), Array::F64(t)));
                fs::write(self.at(name), arrays::write(&tensors.into_iter().collect())).unwrap();
            }
            _ => {}
        }
    }

    /// A data set laid out as VOC's or, in folders of that name, as CamVid's: two pictures a part.
    fn labelled(&self, name: &str, [pictures, masks]: &[&str; 2]) {
        let voc = *pictures == "JPEGImages";
        for (part, first) in [("train", 0), ("val", 2)] {
            let named = |folder: &str| match voc {
                true => self.at(name).join(folder),
                false => self.at(name).join(folder.replace("train", part)),
            };
            let [pictures, masks] = [named(pictures), named(masks)];
            for folder in [&pictures, &masks] {
                fs::create_dir_all(folder).unwrap();
            }
            for number in first..first + 2 {
                let kind = if voc { "jpg" } else { "png" };
                photo(number).save(pictures.join(format!("{number}.{kind}"))).unwrap();
                let mask = |x, y| Luma([u8::from((x + y) / 20 % 3 == number % 3)]);
                let mask = GrayImage::from_fn(PHOTO[1], PHOTO[0], mask);
                mask.save(masks.join(format!("{number}.png"))).unwrap();
            }
            if voc {
                let lists = self.at(name).join("ImageSets/Segmentation");
                fs::create_dir_all(&lists).unwrap();
                fs::write(lists.join(format!("{part}.txt")), format!("{first}\n{}\n", first + 1))
                    .unwrap();
            }
        }
    }
}

fn photo(number: u32) -> RgbImage {
    RgbImage::from_fn(PHOTO[1], PHOTO[0], |x, y| {
        let value = if (x + y) / 20 % 3 == number % 3 { 200 } else { 60 };
        Rgb([(value + (x * 7 + y * 13) % 40) as u8; 3])
    })
}
