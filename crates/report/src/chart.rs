//! Lines over epochs, drawn as SVG: axes, points with their values, and each line's name at its end.

mod scale;

use maud::{Markup, html};
use scale::{decimals, ticks};

/// Units of the drawing; on a page it is as wide as there is room.
const WIDTH: f64 = 440.0;
const HEIGHT: f64 = 236.0;
const LEFT: f64 = 46.0;
const RIGHT: f64 = 116.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 34.0;
/// Between the names of two lines.
const LINE_HEIGHT: f64 = 14.0;
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
    let frame = Frame::around(lines, floor);
    html! {
        figure.chart {
            figcaption { (title) }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(spoken(title, lines))
                data-left=(LEFT) data-right=(WIDTH - RIGHT) {
                (frame.grid())
                @for line in lines { (frame.line(line)) }
                (frame.names(lines))
                line.cursor x1="0" x2="0" y1=(TOP) y2=(HEIGHT - BOTTOM) {}
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

/// What part of the world the chart shows.
struct Frame {
    x: [f64; 2],
    y: [f64; 2],
    y_ticks: Vec<f64>,
}

impl Frame {
    fn around(lines: &[Line], floor: Floor) -> Self {
        let points = || lines.iter().flat_map(|line| &line.points);
        let reach = |axis: usize| {
            points().map(|point| point[axis]).fold([f64::MAX, f64::MIN], |[least, most], value| {
                [least.min(value), most.max(value)]
            })
        };
        let [mut x, mut y] =
            if points().next().is_some() { [reach(0), reach(1)] } else { [[1.0, 2.0], [0.0, 1.0]] };
        if x[1] <= x[0] {
            x = [x[0] - 0.5, x[0] + 0.5];
        }
        if floor == Floor::Zero {
            y[0] = y[0].min(0.0);
        }
        if y[1] <= y[0] {
            y = [y[0] - 0.05, y[0] + 0.05];
        }
        let y_ticks = ticks(y, 5);
        let (&first, &last) = y_ticks.first().zip(y_ticks.last()).expect("there is a tick");
        Self { x, y: [first.min(y[0]), last.max(y[1])], y_ticks }
    }

    fn across(&self, x: f64) -> f64 {
        LEFT + (x - self.x[0]) / (self.x[1] - self.x[0]) * (WIDTH - LEFT - RIGHT)
    }

    fn down(&self, y: f64) -> f64 {
        HEIGHT - BOTTOM - (y - self.y[0]) / (self.y[1] - self.y[0]) * (HEIGHT - TOP - BOTTOM)
    }

    fn grid(&self) -> Markup {
        let inside = |tick: &&f64| (self.x[0]..=self.x[1]).contains(tick) && tick.fract() == 0.0;
        let x_ticks = ticks(self.x, 6);
        let digits = decimals(&self.y_ticks);
        html! {
            g.grid {
                @for &tick in &self.y_ticks {
                    @let y = format!("{:.1}", self.down(tick));
                    line x1=(LEFT) x2=(WIDTH - RIGHT) y1=(y) y2=(y) {}
                    text.y x=(LEFT - 7.0) y=(y) dy="0.35em" { (label(tick, digits)) }
                }
                @for &tick in x_ticks.iter().filter(inside) {
                    text.x x=(format!("{:.1}", self.across(tick))) y=(HEIGHT - BOTTOM + 15.0) { (tick) }
                }
                text.x x=(format!("{:.1}", (LEFT + WIDTH - RIGHT) / 2.0)) y=(HEIGHT - 4.0) { "epoch" }
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

    /// Names where the lines end, moved apart where they would lie on each other.
    fn names(&self, lines: &[Line]) -> Markup {
        let ends = lines.iter().filter_map(|line| Some((line, line.points.last()?)));
        let mut places: Vec<(f64, &Line, f64)> =
            ends.map(|(line, &[_, y])| (self.down(y), line, y)).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut least, most) = (TOP, HEIGHT - BOTTOM);
        for place in &mut places {
            place.0 = place.0.max(least);
            least = place.0 + LINE_HEIGHT;
        }
        let mut limit = most;
        for place in places.iter_mut().rev() {
            place.0 = place.0.min(limit);
            limit = place.0 - LINE_HEIGHT;
        }
        html! {
            @for (y, line, value) in places {
                text class=(format!("name {}", line.classes())) x=(WIDTH - RIGHT + 8.0)
                    y=(format!("{y:.1}")) dy="0.35em" {
                    (cut(&line.name)) " "
                    tspan.value { (short(value)) }
                }
            }
        }
    }
}

/// What there is room for.
fn cut(name: &str) -> String {
    if name.chars().count() <= 10 {
        return name.to_owned();
    }
    name.chars().take(9).chain(['…']).collect()
}

fn label(tick: f64, digits: Option<usize>) -> String {
    match digits {
        Some(digits) => format!("{tick:.digits$}"),
        None if tick == 0.0 => "0".to_owned(),
        None => format!("{tick:.0e}"),
    }
}
