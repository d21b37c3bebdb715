//! Lines over epochs: axes, points with their values, and each line's name at its end. A frame says where all of it
//! is; it is drawn as SVG on pages and as pixels in files.

mod frame;
mod pixels;
mod scale;

use frame::{Frame, Room, cut};
use maud::{Markup, html};
pub use pixels::draw;

/// The drawing on a page, where it is as wide as there is room.
const ROOM: Room = Room {
    width: 440.0,
    height: 236.0,
    left: 46.0,
    right: 116.0,
    top: 12.0,
    bottom: 34.0,
    line_height: 14.0,
};
/// Lines of more points are drawn without them.
const MOST_MARKS: usize = 40;
/// Colours and dashes of the style sheet.
pub const COLOURS: usize = 8;

/// A line over the epochs.
pub struct Line {
    /// What it is of.
    pub name: String,
    /// Which colour, from 0 on; they repeat with another dash.
    pub colour: usize,
    /// `[epoch, value]`, those that are finite.
    pub points: Vec<[f64; 2]>,
}

impl Line {
    /// From values by epoch, of which those that are no numbers are left out.
    pub fn new(
        name: impl Into<String>,
        colour: usize,
        points: impl IntoIterator<Item = [f64; 2]>,
    ) -> Self {
        let points = points.into_iter().filter(|point| point[1].is_finite()).collect();
        Self { name: name.into(), colour, points }
    }

    fn classes(&self) -> String {
        let dash = self.colour / COLOURS % 4;
        format!("c{} d{dash}", self.colour % COLOURS)
    }
}

/// How far a chart goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Floor {
    /// To zero.
    Zero,
    /// To just under the least value, for shares that differ little.
    Least,
}

/// Draws lines in one frame.
pub fn chart(title: &str, floor: Floor, lines: &[Line]) -> Markup {
    let frame = Frame::around(ROOM, lines, floor);
    let Room { width, height, left, right, top, bottom, .. } = ROOM;
    html! {
        figure.chart {
            figcaption { (title) }
            svg viewBox=(format!("0 0 {width} {height}")) role="img" aria-label=(spoken(title, lines))
                data-left=(left) data-right=(width - right) {
                (frame.grid())
                @for line in lines { (frame.line(line)) }
                (frame.names(lines))
                line.cursor x1="0" x2="0" y1=(top) y2=(height - bottom) {}
            }
        }
    }
}

/// A line without a frame, for a table.
pub fn sparkline(values: &[Option<f64>]) -> Markup {
    let points: Vec<String> = values
        .iter()
        .enumerate()
        .filter_map(|(i, value)| {
            let x = 2.0 + 76.0 * i as f64 / (values.len().max(2) - 1) as f64;
            Some(format!("{x:.1},{:.1}", 18.0 - 16.0 * (*value)?.clamp(0.0, 1.0)))
        })
        .collect();
    html! {
        svg.spark viewBox="0 0 80 20" aria-hidden="true" {
            line.base x1="2" x2="78" y1="18" y2="18" {}
            @if points.len() > 1 { polyline.c0 points=(points.join(" ")) {} }
            @if let Some((x, y)) = points.last().and_then(|point| point.split_once(',')) {
                circle.c0 cx=(x) cy=(y) r="2" {}
            }
        }
    }
}

/// What the picture shows, for who cannot see it.
fn spoken(title: &str, lines: &[Line]) -> String {
    let ends = lines.iter().filter_map(|line| {
        Some(format!(
            "{} from {} to {}",
            line.name,
            short(line.points.first()?[1]),
            short(line.points.last()?[1])
        ))
    });
    format!("{title} over the epochs: {}", ends.collect::<Vec<_>>().join(", "))
}

/// A value with as many digits as tell something.
pub fn short(value: f64) -> String {
    match value.abs() {
        0.0 => "0".to_owned(),
        size if size < 0.001 => format!("{value:.1e}"),
        size if size < 10.0 => format!("{value:.3}"),
        _ => format!("{value:.1}"),
    }
}

impl Frame {
    fn grid(&self) -> Markup {
        let Room { width, height, left, right, bottom, .. } = self.room;
        html! {
            g.grid {
                @for (tick, words) in self.y_ticks() {
                    @let y = format!("{:.1}", self.down(tick));
                    line x1=(left) x2=(width - right) y1=(y) y2=(y) {}
                    text.y x=(left - 7.0) y=(y) dy="0.35em" { (words) }
                }
                @for tick in self.x_ticks() {
                    text.x x=(format!("{:.1}", self.across(tick))) y=(height - bottom + 15.0) { (tick) }
                }
                text.x x=(format!("{:.1}", (left + width - right) / 2.0)) y=(height - 4.0) { "epoch" }
            }
        }
    }

    fn line(&self, line: &Line) -> Markup {
        let place = |[x, y]: [f64; 2]| format!("{:.1},{:.1}", self.across(x), self.down(y));
        let points: Vec<String> = line.points.iter().map(|&point| place(point)).collect();
        let crowded = line.points.len() > MOST_MARKS;
        html! {
            g class=(line.classes()) {
                polyline points=(points.join(" ")) {}
                g class=(if crowded { "marks crowded" } else { "marks" }) {
                    @for &[x, y] in &line.points {
                        circle cx=(format!("{:.1}", self.across(x))) cy=(format!("{:.1}", self.down(y))) r="3"
                            data-x=(x) data-name=(line.name) data-value=(short(y)) {
                            title { "epoch " (x) ", " (line.name) " " (short(y)) }
                        }
                    }
                }
            }
        }
    }

    fn names(&self, lines: &[Line]) -> Markup {
        html! {
            @for (y, line, value) in self.ends(lines) {
                text class=(format!("name {}", line.classes())) x=(self.room.width - self.room.right + 8.0)
                    y=(format!("{y:.1}")) dy="0.35em" {
                    (cut(&line.name)) " "
                    tspan.value { (short(value)) }
                }
            }
        }
    }
}
