//! A comparison on a terminal.

use super::{Comparison, Row, short_name, shown_value};
use crate::page::{duration, thousands};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use mirrorgrad_data::one_line;

impl Comparison {
    /// A table with a line for each run, and what keeps the numbers from being compared. `width` is the
    /// terminal's, if there is one.
    pub fn text(&self, width: Option<u16>) -> String {
        let mut head = vec!["run".to_owned()];
        head.extend(self.differences.keys().map(|p| short_name(p, &self.differences).to_owned()));
        let first_number = head.len();
        let measures =
            ["best mIoU", "epoch", "last mIoU", "boundary F", "parameters", "s/epoch", "time"];
        head.extend(measures.map(String::from));
        let rows = self.rows.iter().enumerate().map(|(i, row)| {
            let mut cells = vec![row.name()];
            cells.extend(self.differences.values().map(|values| shown_value(values[i].as_ref())));
            cells.extend(numbers(row));
            cells
        });
        let mut text = aligned(head, rows.collect(), first_number, width);
        for caveat in self.caveats() {
            text += &format!("\n\n{caveat}");
        }
        text
    }

    /// The IoU of every class in the best epoch, a line for each class and a column for each run; nothing if
    /// the runs have different classes.
    pub fn classes_text(&self, width: Option<u16>) -> Option<String> {
        let classes = self.same_classes().then(|| self.rows.first())??.run.classes.clone();
        let head = std::iter::once("class IoU".to_owned()).chain(self.rows.iter().map(Row::name));
        let rows = classes.iter().enumerate().map(|(class, name)| {
            let iou = self.rows.iter().map(|row| share(row.iou(class)));
            std::iter::once(one_line(name)).chain(iou).collect()
        });
        Some(aligned(head.collect(), rows.collect(), 1, width))
    }
}

impl Row {
    /// The IoU of a class in the best epoch.
    pub fn iou(&self, class: usize) -> Option<f64> {
        self.run.best.as_ref()?.val_iou.get(class).copied().flatten()
    }
}

fn numbers(row: &Row) -> [String; 7] {
    let Row { run, measures, .. } = row;
    let best = run.best.as_ref();
    [
        share(best.map(|best| best.val_miou)),
        best.map_or("–".to_owned(), |best| format!("{}/{}", best.epoch, run.history.len())),
        share(run.history.last().map(|last| last.val_miou)),
        share(measures.as_ref().map(|measures| measures.mean_boundary_f)),
        thousands(run.parameters as u64),
        run.seconds_an_epoch().map_or("–".to_owned(), |seconds| format!("{seconds:.2}")),
        duration(run.seconds()),
    ]
}

fn share(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.4}"))
}

/// Words to the left and, from column `first_number` on, numbers to the right.
fn aligned(
    head: Vec<String>,
    rows: Vec<Vec<String>>,
    first_number: usize,
    width: Option<u16>,
) -> String {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(head).add_rows(rows);
    if let Some(width) = width {
        table.set_width(width).set_content_arrangement(ContentArrangement::Dynamic);
    }
    for column in table.column_iter_mut().skip(first_number) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    let lines: Vec<String> = table.lines().map(|line| line.trim_end().to_owned()).collect();
    lines.join("\n")
}
