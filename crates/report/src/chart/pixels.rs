//! Charts as pixels.

use super::frame::{Frame, Room, cut};
use super::{Floor, Line, short};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;

/// The colours of lines, in turn.
const COLOURS: [RGBColor; 2] = [RGBColor(31, 119, 180), RGBColor(214, 90, 20)];
const GRID: RGBColor = RGBColor(221, 221, 221);
const TITLE: u32 = 18;
const LETTERS: u32 = 13;

/// Draws lines in one frame, under a title, on all of `area`.
pub fn draw<'a>(
    area: &DrawingArea<BitMapBackend<'a>, Shift>,
    title: &str,
    floor: Floor,
    lines: &[Line],
) -> Result<(), Box<dyn Error + 'a>> {
    let [width, height] = <[u32; 2]>::from(area.dim_in_pixel()).map(f64::from);
    let room = Room {
        width,
        height,
        left: 62.0,
        right: 130.0,
        top: 44.0,
        bottom: 48.0,
        line_height: 16.0,
    };
    let frame = Frame::around(room, lines, floor);
    let text = |words: &str, [x, y]: [f64; 2], style: TextStyle<'_>| {
        area.draw(&Text::new(words.to_owned(), (x as i32, y as i32), style))
    };
    let style = |size: u32, [h, v]: [Place; 2]| {
        ("sans-serif", size).into_font().into_text_style(area).pos(Pos::new(h.across(), v.down()))
    };
    let middle = (room.left + width - room.right) / 2.0;
    text(title, [middle, 14.0], style(TITLE, [Place::Middle, Place::Start]))?;
    for (tick, words) in frame.y_ticks() {
        let y = frame.down(tick);
        let ends = [room.left, width - room.right].map(|x| (x as i32, y as i32));
        area.draw(&PathElement::new(ends, GRID))?;
        text(&words, [room.left - 8.0, y], style(LETTERS, [Place::End, Place::Middle]))?;
    }
    let under = height - room.bottom;
    for tick in frame.x_ticks() {
        let place = [frame.across(tick), under + 6.0];
        text(&tick.to_string(), place, style(LETTERS, [Place::Middle, Place::Start]))?;
    }
    text("epoch", [middle, under + 26.0], style(LETTERS, [Place::Middle, Place::Start]))?;
    let colour = |line: &Line| COLOURS[line.colour % COLOURS.len()];
    for line in lines {
        let place = |&[x, y]: &[f64; 2]| (frame.across(x) as i32, frame.down(y) as i32);
        let points: Vec<_> = line.points.iter().map(place).collect();
        area.draw(&PathElement::new(points.clone(), colour(line).stroke_width(2)))?;
        for point in points {
            area.draw(&Circle::new(point, 3, colour(line).filled()))?;
        }
    }
    for (y, line, value) in frame.ends(lines) {
        let (words, colour) = (format!("{} {}", cut(&line.name), short(value)), colour(line));
        let style = style(LETTERS, [Place::Start, Place::Middle]).color(&colour);
        text(&words, [width - room.right + 8.0, y], style)?;
    }
    Ok(())
}

/// Which part of a text is at the place that it is drawn at.
#[derive(Clone, Copy)]
enum Place {
    Start,
    Middle,
    End,
}

impl Place {
    fn across(self) -> HPos {
        match self {
            Self::Start => HPos::Left,
            Self::Middle => HPos::Center,
            Self::End => HPos::Right,
        }
    }

    fn down(self) -> VPos {
        match self {
            Self::Start => VPos::Top,
            Self::Middle => VPos::Center,
            Self::End => VPos::Bottom,
        }
    }
}
