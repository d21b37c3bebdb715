//! Small runs on small pictures, and a page's tables as text.

use image::{GrayImage, Luma, Rgb, RgbImage};
use mirrorgrad_data::Dataset;
use mirrorgrad_train::{Config, EpochMetrics, RunFolder, Trainer, validation_set};
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempDir;

/// A class whose name is an attack on a page.
pub const HOSTILE: &str = "<script>alert('class')</script>";
/// The stem of a picture's name that is another.
const HOSTILE_FILE: &str = "<img src=x onerror=alert(1)>&";
/// Epochs of a small run: enough to tell the classes apart a little.
pub const EPOCHS: usize = 10;
/// Labels that count for nothing.
pub const IGNORED: u8 = 255;

/// Eight pictures to train on and five to validate on, 16 by 20: bright and dark blocks on grey, a column of
/// ignored pixels on the left.
pub fn data(dir: &Path, classes: &[&str]) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("classes.txt"), classes.join("\n")).unwrap();
    for (part, count, seed) in [("train", 8, 0), ("val", 5, 40)] {
        for index in 0..count {
            let (picture, mask) = sample(seed + index);
            let stem =
                if index == 1 { format!("{index}{HOSTILE_FILE}") } else { index.to_string() };
            for kind in ["images", "masks"] {
                fs::create_dir_all(dir.join(part).join(kind)).unwrap();
            }
            picture.save(dir.join(part).join(format!("images/{stem}.png"))).unwrap();
            mask.save(dir.join(part).join(format!("masks/{stem}.png"))).unwrap();
        }
    }
}

fn sample(seed: u32) -> (RgbImage, GrayImage) {
    let mut picture =
        RgbImage::from_fn(20, 16, |x, y| Rgb([(110 + (x * 7 + y * 5 + seed) % 30) as u8; 3]));
    let mut mask = GrayImage::from_fn(20, 16, |x, _| Luma([if x == 0 { IGNORED } else { 0 }]));
    for label in [1_u32, 2] {
        let (left, top) = (1 + (seed * 5 + label * 7) % 12, (seed * 3 + label * 5) % 9);
        for (x, y) in (0..42).map(|i| (left + i % 6, top + i / 6)) {
            picture.put_pixel(x, y, Rgb([if label == 1 { 230 } else { 20 }; 3]));
            mask.put_pixel(x, y, Luma([label as u8]));
        }
    }
    (picture, mask)
}

/// What every small run is.
pub fn config(data: &Path) -> Config {
    let mut config = Config::default();
    config.data.dir = Some(data.to_owned());
    config.data.folder.ignore_index = Some(IGNORED);
    config.model.widths = vec![3, 4];
    config.training.epochs = EPOCHS;
    config.training.batch = 2;
    config.training.lr = 0.03;
    config.training.warmup = 0;
    config
}

/// A run from beginning to end.
pub fn train(dir: &Path, config: &Config) -> RunFolder {
    let folder = RunFolder::create(dir).unwrap();
    Trainer::new(config.clone()).unwrap().run(&folder, &mut ()).unwrap();
    folder
}

/// A finished run with its data, in a folder that goes away.
pub struct Made {
    pub dir: TempDir,
    pub folder: RunFolder,
    pub config: Config,
}

impl Made {
    pub fn new(change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        data(&dir.path().join("data"), &["ground", HOSTILE, "dark"]);
        let mut config = config(&dir.path().join("data"));
        change(&mut config);
        let folder = train(&dir.path().join("run"), &config);
        Self { dir, folder, config }
    }

    pub fn validation(&self) -> Arc<dyn Dataset> {
        validation_set(&self.config).unwrap()
    }

    /// The page that [`mirrorgrad_report::write`] leaves.
    pub fn page(&self) -> String {
        mirrorgrad_report::write(&self.folder, &self.validation()).unwrap();
        fs::read_to_string(self.folder.path().join("report.html")).unwrap()
    }

    pub fn history(&self) -> Vec<EpochMetrics> {
        let text = fs::read_to_string(self.folder.path().join("metrics.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

/// What a table says, row by row, without its tags.
pub fn table(page: &str, id: &str) -> Vec<Vec<String>> {
    let start = page.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no table {id}"));
    let table = page[start..].split("</table>").next().unwrap();
    let rows = table.split("<tr").skip(1);
    rows.map(|row| row.split("</th>").flat_map(|part| part.split("</td>")).map(text).collect())
        .collect()
}

/// The text of a piece of a page, which may begin in the middle of a tag.
pub fn text(html: &str) -> String {
    let inside = html.split('<').map(|part| part.split_once('>').map_or("", |(_, text)| text));
    let text: String = inside.collect();
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"");
    text.replace("&amp;", "&").trim().to_owned()
}

/// The text that is written.
pub fn written(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}
