//! A look at what commands make.

use super::lines::option;
use super::place::{NARROW, PHOTO, Place, SHORT};
use mirrorgrad::layers::weights::from_safetensors;
use mirrorgrad::study::{Array, arrays};
use prost::Message;
use std::fs;

impl Place {
    /// Runs a command of a page, and looks at what it makes.
    pub fn run(&self, words: &[String], faulty: bool) {
        let makes = ["--out", "--sheet", "--html", "--show-batch"];
        for (i, word) in words.iter().enumerate() {
            let made = i > 0 && makes.contains(&words[i - 1].as_str());
            if !made {
                self.provide(word);
            }
        }
        let mut given = words.to_vec();
        // A run that goes on has its own settings, and help has none.
        if words[0] == "train" && !words.iter().any(|word| word == "--resume" || word == "--help") {
            given.extend(SHORT.iter().flat_map(|set| ["--set", set]).map(String::from));
        }
        // What is measured of a network is measured of a small one.
        if ["summary", "plan"].contains(&words[0].as_str()) && words[1].starts_with("--") {
            given.extend(["--set", NARROW].map(String::from));
        }
        if let Some(repeat) = words.iter().position(|word| word == "--repeat") {
            given[repeat + 1] = "1".to_owned();
        }
        let said = self.said(&given, faulty);
        let says = match words[0].as_str() {
            "train" if words[1..] == ["--help"] => "Usage: mirrorgrad train",
            "train" => return self.trained(words, &said),
            "check-data" if faulty => " faults",
            "check-data" => "no faults",
            "eval" => "mIoU ",
            "predict" => return self.predicted(words),
            "compare" => "mIoU",
            "export" => return self.whole(&words[2]),
            "summary" => "million multiply-adds per picture",
            "study" if words[1] == "health" => "taps by phase",
            "study" if words.contains(&"--html".to_owned()) => "",
            "study" => "1. Sizes",
            "op" => return self.computed(words),
            "report" => {
                let page = option(words, "--out").map(String::from);
                return self.whole(&page.unwrap_or(format!("{}/report.html", words[1])));
            }
            "bench" => "ms",
            "plan" if words.contains(&"--json".to_owned()) => "\"efficiency\":",
            "plan" => "batch for 80%",
            unknown => panic!("nothing looks at what `{unknown}` makes"),
        };
        assert!(said.contains(says), "{words:?}: {said}");
        for name in makes.iter().filter_map(|made| option(words, made)) {
            self.whole(name);
        }
    }

    fn trained(&self, words: &[String], said: &str) {
        if let Some(sheet) = option(words, "--show-batch") {
            return self.whole(sheet);
        }
        if words.contains(&"--fast-dev-run".to_owned()) {
            assert!(said.contains("everything works"), "{said}");
            return;
        }
        let folder = said.lines().find_map(|line| line.strip_prefix("run folder ")).unwrap();
        assert_eq!(folder, option(words, "--out").unwrap_or(folder));
        for file in ["model.safetensors", "report.html", "grid.png", "curves.png"] {
            self.whole(&format!("{folder}/{file}"));
        }
    }

    fn predicted(&self, words: &[String]) {
        let masks = option(words, "--out").unwrap();
        let has = |name: &str| words.contains(&name.to_owned());
        let files: &[&str] = match (has("--raw"), has("--scores")) {
            (true, _) => &["photo.png"],
            (_, true) => &["photo.npy"],
            _ => &["photo_mask.png", "photo_overlay.png"],
        };
        for file in files {
            self.whole(&format!("{masks}/{file}"));
            if file.ends_with(".png") {
                let size = image::image_dimensions(self.at(masks).join(file)).unwrap();
                assert_eq!(size, (PHOTO[1], PHOTO[0]), "{words:?}");
            }
        }
    }

    fn computed(&self, words: &[String]) {
        let made = fs::read(self.at(option(words, "--out").unwrap())).unwrap();
        let made = arrays::read(&made).unwrap();
        let Array::F64(output) = &made["output"] else { panic!("{made:?}") };
        // The page asks for six by six pixels, to each of which a tap of the nine or more came.
        assert_eq!(output.shape(), [1, 1, 6, 6]);
        assert!(output.as_slice().iter().all(|&value| value >= 1.0));
    }

    /// Asserts that a file is there and is what its name says.
    fn whole(&self, name: &str) {
        let path = self.at(name);
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{name}: {error}"));
        let is = match path.extension().and_then(|extension| extension.to_str()).unwrap() {
            "png" => image::load_from_memory(&bytes).is_ok(),
            "html" => bytes.trim_ascii_end().ends_with(b"</html>"),
            "safetensors" => !from_safetensors::<f32>(&bytes).unwrap().is_empty(),
            "npy" => bytes.starts_with(b"\x93NUMPY"),
            "npz" => bytes.starts_with(b"PK\x03\x04"),
            "onnx" => mirrorgrad::onnx::proto::ModelProto::decode(&*bytes)
                .is_ok_and(|model| model.graph.is_some()),
            unknown => panic!("nothing looks into a {unknown}"),
        };
        assert!(is, "{name}: {} bytes that are no such file", bytes.len());
    }
}
