//! Where everything in a chart is.

use super::scale::{decimals, ticks};
use super::{Floor, Line};

/// How large a drawing is, and what of it is around the lines.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
    /// Between the names of two lines.
    pub line_height: f64,
}

/// What part of the world a chart shows, and where.
pub struct Frame {
    pub room: Room,
    x: [f64; 2],
    y: [f64; 2],
    y_ticks: Vec<f64>,
}

impl Frame {
    /// With room for all points of these lines.
    pub fn around(room: Room, lines: &[Line], floor: Floor) -> Self {
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
        Self { room, x, y: [first.min(y[0]), last.max(y[1])], y_ticks }
    }

    /// Where an epoch is.
    pub fn across(&self, x: f64) -> f64 {
        let Room { width, left, right, .. } = self.room;
        left + (x - self.x[0]) / (self.x[1] - self.x[0]) * (width - left - right)
    }

    /// Where a value is.
    pub fn down(&self, y: f64) -> f64 {
        let Room { height, top, bottom, .. } = self.room;
        height - bottom - (y - self.y[0]) / (self.y[1] - self.y[0]) * (height - top - bottom)
    }

    /// Round values, each in words.
    pub fn y_ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let digits = decimals(&self.y_ticks);
        self.y_ticks.iter().map(move |&tick| (tick, label(tick, digits)))
    }

    /// Round epochs.
    pub fn x_ticks(&self) -> impl Iterator<Item = f64> {
        let inside = |tick: &f64| (self.x[0]..=self.x[1]).contains(tick) && tick.fract() == 0.0;
        ticks(self.x, 6).into_iter().filter(inside)
    }

    /// The last value of each line and where its name is: where the line ends, moved apart where names would lie on
    /// each other.
    pub fn ends<'a>(&self, lines: &'a [Line]) -> Vec<(f64, &'a Line, f64)> {
        let Room { height, top, bottom, line_height, .. } = self.room;
        let ends = lines.iter().filter_map(|line| Some((line, line.points.last()?)));
        let mut places: Vec<(f64, &Line, f64)> =
            ends.map(|(line, &[_, y])| (self.down(y), line, y)).collect();
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut least, most) = (top, height - bottom);
        for place in &mut places {
            place.0 = place.0.max(least);
            least = place.0 + line_height;
        }
        let mut limit = most;
        for place in places.iter_mut().rev() {
            place.0 = place.0.min(limit);
            limit = place.0 - line_height;
        }
        places
    }
}

/// What there is room for.
pub fn cut(name: &str) -> String {
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
