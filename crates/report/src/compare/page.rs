//! A comparison as a page.

use super::{Comparison, Row, short_name, shown_value};
use crate::chart::{Floor, Line, chart};
use crate::page::{Section, chip, counted, duration, four, thousands, write_page};
use crate::run::data;
use maud::{Markup, html};
use mirrorgrad_train::EpochMetrics;
use std::io::{self, Write};

impl Comparison {
    /// Writes the page, as HTML: curves laid over each other, what differs, and the classes side by side.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_page(&self, out: &mut dyn Write) -> io::Result<()> {
        let sections = vec![
            Section::new("runs", "Runs", self.runs()),
            Section::new("curves", "Curves", self.curves()),
            Section::new("settings", "Settings that differ", self.settings()),
            Section::new("classes", "Classes", self.classes()),
        ];
        write_page(out, "Runs compared: mirrorgrad", &self.head(), sections)
    }

    fn head(&self) -> Markup {
        html! {
            h1 { (counted(self.rows.len(), ["run", "runs"])) " side by side" }
            @for caveat in self.caveats() { p.about { (caveat) } }
        }
    }

    fn runs(&self) -> Markup {
        let labels = self.labels();
        let top =
            highest(self.rows.iter().map(|row| row.run.best.as_ref().map(|best| best.val_miou)));
        html! {
            div.scroll {
                table #runs-table {
                    thead { tr {
                        th { "run" } th { "network" } th { "data" } th.number { "best mIoU" } th.number { "at epoch" }
                        th.number { "last mIoU" } th.number { "boundary F" } th.number { "parameters" }
                        th.number { "an epoch" } th.number { "wall time" }
                    } }
                    tbody { @for (i, row) in self.rows.iter().enumerate() { (line(key(i, &labels[i]), row, top)) } }
                }
            }
        }
    }

    fn curves(&self) -> Markup {
        let labels = self.labels();
        let lines = |value: fn(&EpochMetrics) -> f64| -> Vec<Line> {
            let each = self.rows.iter().enumerate();
            each.map(|(i, row)| {
                let history = &row.run.history;
                Line::new(labels[i].clone(), i, history.iter().map(|e| [e.epoch as f64, value(e)]))
            })
            .collect()
        };
        html! {
            p.legend { @for (i, label) in labels.iter().enumerate() { (key(i, label)) } }
            div.charts.two {
                (chart("Validation mIoU", Floor::Least, &lines(|e| e.val_miou)))
                (chart("Validation pixel accuracy", Floor::Least, &lines(|e| e.val_pixel_accuracy)))
                (chart("Validation loss", Floor::Zero, &lines(|e| e.val_loss)))
                (chart("Training loss", Floor::Zero, &lines(|e| e.train_loss)))
            }
        }
    }

    fn settings(&self) -> Markup {
        let labels = self.labels();
        if self.differences.is_empty() {
            return html! { p { "None: the runs have the same configuration." } };
        }
        html! {
            div.scroll {
                table #settings-table {
                    thead { tr {
                        th { "setting" }
                        @for (i, label) in labels.iter().enumerate() { th { (key(i, label)) } }
                    } }
                    tbody {
                        @for (path, values) in &self.differences {
                            tr {
                                th scope="row" title=(path) { (short_name(path, &self.differences)) }
                                @for value in values { td { (shown_value(value.as_ref())) } }
                            }
                        }
                    }
                }
            }
        }
    }

    fn classes(&self) -> Markup {
        let labels = self.labels();
        if !self.same_classes() {
            return html! {
                p { "The runs have different classes, so their numbers are not compared:" }
                ul { @for (row, label) in self.rows.iter().zip(&labels) { li { b { (label) } ": " (row.run.classes.join(", ")) } } }
            };
        }
        let boundary =
            |row: &Row, class: usize| row.measures.as_ref()?.boundary_f.get(class).copied()?;
        let measured = self.rows.iter().any(|row| row.measures.is_some());
        html! {
            p.note { "The best epoch of each run; the highest number of a row is bold." }
            div.beside {
                div {
                    h3 { "IoU" }
                    (self.by_class("iou-table", &|row, class| row.iou(class), &|row| {
                        row.run.best.as_ref().map(|best| best.val_miou)
                    }))
                }
                @if measured {
                    div {
                        h3 { "Boundary F" }
                        (self.by_class("boundary-table", &boundary, &|row| {
                            row.measures.as_ref().map(|measures| measures.mean_boundary_f)
                        }))
                    }
                }
            }
        }
    }

    fn by_class(
        &self,
        id: &str,
        value: &dyn Fn(&Row, usize) -> Option<f64>,
        mean: &dyn Fn(&Row) -> Option<f64>,
    ) -> Markup {
        let classes = self.rows.first().map_or(&[][..], |row| &row.run.classes);
        let labels = self.labels();
        html! {
            div.scroll {
                table id=(id) {
                    thead { tr {
                        th { "class" }
                        @for (i, label) in labels.iter().enumerate() { th.number { (key(i, label)) } }
                    } }
                    tbody {
                        @for (class, name) in classes.iter().enumerate() {
                            tr {
                                th scope="row" { (chip(class)) (name) }
                                (cells(self.rows.iter().map(|row| value(row, class)).collect()))
                            }
                        }
                    }
                    tfoot { tr {
                        th scope="row" { "mean" }
                        (cells(self.rows.iter().map(mean).collect()))
                    } }
                }
            }
        }
    }
}

fn line(key: Markup, row: &Row, top: Option<f64>) -> Markup {
    let run = &row.run;
    let best = run.best.as_ref();
    let miou = best.map(|best| best.val_miou);
    html! {
        tr {
            th scope="row" { (key) }
            td { (run.model()) }
            td { (data(&run.config)) }
            td.number.top[miou.is_some() && miou == top] { (number(miou)) }
            td.number { @match best { Some(best) => { (best.epoch) " of " (run.history.len()) } None => "–" } }
            td.number { (number(run.history.last().map(|last| last.val_miou))) }
            td.number { (number(row.measures.as_ref().map(|measures| measures.mean_boundary_f))) }
            td.number { (thousands(run.parameters as u64)) }
            td.number { (run.seconds_an_epoch().map_or("–".to_owned(), duration)) }
            td.number { (duration(run.seconds())) }
        }
    }
}

/// A run's name in the colour of its lines.
fn key(i: usize, label: &str) -> Markup {
    let colour = format!("c{}", i % crate::chart::COLOURS);
    let dash = format!("d{}", i / crate::chart::COLOURS % 4);
    html! {
        span.key {
            svg class=(format!("swatch {colour} {dash}")) viewBox="0 0 22 8" aria-hidden="true" { polyline points="1,4 21,4" {} }
            (label)
        }
    }
}

fn number(value: Option<f64>) -> String {
    value.map_or("–".to_owned(), four)
}

fn highest(values: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    values.flatten().filter(|value| !value.is_nan()).reduce(f64::max)
}

fn cells(values: Vec<Option<f64>>) -> Markup {
    let top = highest(values.iter().copied());
    html! {
        @for value in values {
            @match value {
                Some(v) => {
                    @let length = format!("--v:{:.2}%", 100.0 * v.clamp(0.0, 1.0));
                    td.number.bar.top[Some(v) == top] style=(length) { (four(v)) }
                }
                None => td.number.none { "–" },
            }
        }
    }
}
