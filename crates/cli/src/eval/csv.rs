//! The scores of every picture by itself, as a table of commas.

use crate::Failure;
use mirrorgrad_data::{one_line, write_whole};
use mirrorgrad_train::{Evaluation, RunError};
use std::fmt::Display;
use std::path::Path;

/// Lines of scores, one a picture.
pub struct PerPicture {
    table: csv::Writer<Vec<u8>>,
}

impl PerPicture {
    /// No pictures yet, of networks with these classes.
    pub fn new(classes: &[String]) -> Result<Self, Failure> {
        let mut table = csv::Writer::from_writer(Vec::new());
        let fixed = ["picture", "pixels", "loss", "pixel_accuracy", "miou"].map(str::to_owned);
        let of_classes = classes.iter().map(|class| format!("iou {}", one_line(class)));
        table.write_record(fixed.into_iter().chain(of_classes)).map_err(refused)?;
        Ok(Self { table })
    }

    /// Adds a picture. A class that is neither in it nor predicted has no score.
    pub fn add(&mut self, name: &str, one: &Evaluation) -> Result<(), Failure> {
        let confusion = &one.confusion;
        let (miou, _) = confusion.mean_iou();
        let scores = [one.loss, confusion.pixel_accuracy(), miou].map(|score| score.to_string());
        let fixed = [one_line(name), confusion.total().to_string()].into_iter().chain(scores);
        let iou = confusion.iou().into_iter();
        let iou = iou.map(|iou| iou.map_or(String::new(), |iou| iou.to_string()));
        self.table.write_record(fixed.chain(iou)).map_err(refused)
    }

    /// Writes the file.
    pub fn write(self, path: &Path) -> Result<(), Failure> {
        let bytes = self.table.into_inner().map_err(refused)?;
        Ok(write_whole(path, &bytes).map_err(RunError::from)?)
    }
}

fn refused(why: impl Display) -> Failure {
    Failure::new(format!("--csv: {why}"))
}
