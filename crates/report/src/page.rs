//! What every page is: one file, no resource from elsewhere, readable without a script.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use mirrorgrad_data::palette;
use std::io::{self, Write};

/// Nothing may be loaded, whatever a page has in it.
const POLICY: &str =
    "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// A section: where it can be jumped to, its heading, and what it says.
pub struct Section<'a> {
    /// Its name within the page.
    pub id: &'static str,
    /// Its heading.
    pub title: &'static str,
    /// What it says.
    pub body: Body<'a>,
}

/// What a section says, piece by piece: pictures take much room as text, and one at a time is enough of them.
pub type Body<'a> = Box<dyn Iterator<Item = io::Result<Markup>> + 'a>;

impl Section<'_> {
    /// Of one piece.
    pub fn new(id: &'static str, title: &'static str, body: Markup) -> Self {
        Self { id, title, body: Box::new(std::iter::once(Ok(body))) }
    }
}

/// Writes a whole page.
///
/// # Errors
/// If it cannot be written, or a piece of a section is none.
pub fn write_page(
    out: &mut dyn Write,
    title: &str,
    head: &Markup,
    sections: Vec<Section>,
) -> io::Result<()> {
    let first = html! {
        (DOCTYPE)
        (PreEscaped("<html lang=\"en\">"))
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            link rel="icon" href="data:,";
            title { (title) }
            style { (PreEscaped(include_str!("page/style.css"))) }
        }
        (PreEscaped("<body>"))
        header {
            (head)
            nav {
                @for section in &sections { a href=(format!("#{}", section.id)) { (section.title) } }
            }
        }
        (PreEscaped("<main>"))
    };
    let last = html! {
        (PreEscaped("</main>"))
        footer { "Written by mirrorgrad " (env!("CARGO_PKG_VERSION")) "." }
        script { (PreEscaped(include_str!("page/hover.js"))) }
        (PreEscaped("</body></html>"))
    };
    let mut write = |piece: Markup| out.write_all(piece.0.as_bytes());
    write(first)?;
    for Section { id, title, mut body } in sections {
        write(html! { (PreEscaped(format!("<section id=\"{id}\">"))) h2 { (title) } })?;
        body.try_for_each(|piece| write(piece?))?;
        write(html! { (PreEscaped("</section>")) })?;
    }
    write(last)
}

/// A number with what it is.
pub fn tile(value: &str, what: &str, more: &str) -> Markup {
    html! {
        div.tile {
            div.what { (what) }
            div.value { (value) }
            div.more { (more) }
        }
    }
}

/// Names and values, one pair a line.
pub fn facts(facts: &[(&str, String)]) -> Markup {
    html! {
        dl.facts { @for (name, value) in facts { div { dt { (name) } dd { (value) } } } }
    }
}

/// A share as a table has it.
pub fn four(value: f64) -> String {
    format!("{value:.4}")
}

/// A cell with a share: the number, over a bar as long.
pub fn bar(value: Option<f64>) -> Markup {
    match value {
        Some(value) => {
            let length = format!("--v:{:.2}%", 100.0 * value.clamp(0.0, 1.0));
            html! { td.number.bar style=(length) { (four(value)) } }
        }
        None => html! { td.number.none { "–" } },
    }
}

/// The colour of a class, to stand before its name.
pub fn chip(class: usize) -> Markup {
    let [r, g, b] = u8::try_from(class).map_or([0; 3], palette);
    html! { span.chip style=(format!("background:rgb({r} {g} {b})")) {} }
}

/// Seconds as people say them.
pub fn duration(seconds: f64) -> String {
    if !(0.0..1e15).contains(&seconds) {
        return "–".to_owned();
    }
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 120.0 => format!("{s:.1} s"),
        s => {
            let whole = s.round() as u64;
            let (hours, minutes, seconds) = (whole / 3600, whole / 60 % 60, whole % 60);
            match hours {
                0 => format!("{minutes} min {seconds} s"),
                _ => format!("{hours} h {minutes} min"),
            }
        }
    }
}

/// A whole number and what it counts, by its words for one and for several.
pub fn counted(number: usize, [one, several]: [&str; 2]) -> String {
    format!("{number} {}", if number == 1 { one } else { several })
}

/// A whole number with its thousands apart.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The bytes of a PNG as an address that holds all of them.
pub fn png_uri(png: &[u8]) -> String {
    format!("data:image/png;base64,{}", BASE64_STANDARD.encode(png))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_as_people_write_them() {
        let numbers = [0, 999, 1000, 1_234_567].map(thousands);
        assert_eq!(numbers, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0, 1, 2].map(|n| counted(n, ["class", "classes"])),
            ["0 classes", "1 class", "2 classes"]
        );
        let durations = [0.5, 65.0, 150.4, 7260.0, f64::NAN].map(duration);
        assert_eq!(durations, ["0.50 s", "65.0 s", "2 min 30 s", "2 h 1 min", "–"]);
    }
}
