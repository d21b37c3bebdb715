//! The validation pictures that went best and worst.

use crate::gallery::{Gallery, Shown, file_name};
use crate::page::{Body, chip, png_uri};
use crate::run::Run;
use crate::sections::classes::looked_at;
use maud::{Markup, PreEscaped, html};
use mirrorgrad_data::{Mask, Picture, palette, to_png};
use std::{io, iter};

/// Longest side of a picture on the page, in its own pixels: the page has all of them in it.
const LONGEST: usize = 1024;
/// Pictures of no longer side than this are drawn as squares of colour, not smoothed.
const LONGEST_OF_SQUARES: usize = 150;
/// What was predicted wrong.
const WRONG: [u8; 3] = [213, 94, 0];
/// What counts for nothing, in stripes.
const IGNORED: [[u8; 3]; 2] = [[150, 158, 168], [178, 185, 194]];

/// Pictures, truths, predictions and errors, a view a piece.
pub fn pictures<'a>(run: &Run, gallery: Option<&'a Gallery>) -> Body<'a> {
    let Some(gallery) = gallery else {
        let none = html! { p { "No picture was evaluated: there is no best checkpoint yet." } };
        return Box::new(iter::once(Ok(none)));
    };
    let ignored = run.config.data.folder.ignored_label();
    let first = head(run, gallery, ignored.is_some());
    let lists = [("Best", 0, &gallery.best), ("Worst", gallery.best.len(), &gallery.worst)];
    let lists = lists.into_iter().filter(|(.., list)| !list.is_empty());
    let lists = lists.flat_map(move |(title, before, list)| {
        let cards = (before..).zip(list).flat_map(move |(n, shown)| card(n, shown, ignored));
        let first = html! { h3 { (title) } (PreEscaped("<div class=\"cards\">")) };
        iter::once(Ok(first)).chain(cards).chain(iter::once(Ok(PreEscaped("</div>".to_owned()))))
    });
    Box::new(iter::once(Ok(first)).chain(lists))
}

/// What is to be known before one looks.
fn head(run: &Run, gallery: &Gallery, ignoring: bool) -> Markup {
    html! {
        p.note {
            (looked_at(gallery)) " A picture's score is the mean IoU over the classes in its truth or its "
            "prediction. A picture opens at its full size"
            @if gallery.best.iter().chain(&gallery.worst).any(|shown| is_large(&shown.sample.picture)) {
                ", or at " (LONGEST) " pixels if a side is longer"
            }
            "."
        }
        p.legend {
            @for class in (0..run.classes.len()).filter(|&class| is_shown(gallery, class)) {
                span { (chip(class)) (run.classes[class]) @if class == 0 { " (transparent)" } }
            }
            span { span.chip style=(rgb(WRONG)) {} "wrong" }
            @if ignoring { span { span.chip style=(rgb(IGNORED[0])) {} "ignored" } }
        }
        @if gallery.best.is_empty() { p { "All pixels of all pictures are ignored." } }
    }
}

fn rgb([r, g, b]: [u8; 3]) -> String {
    format!("background:rgb({r} {g} {b})")
}

/// Whether a class is in one of the masks on the page.
fn is_shown(gallery: &Gallery, class: usize) -> bool {
    let masks = gallery.best.iter().chain(&gallery.worst);
    let mut labels = masks.flat_map(|s| s.sample.mask.labels.iter().chain(&s.prediction.labels));
    labels.any(|&label| usize::from(label) == class)
}

/// A picture's four views. Each is there once, and opens by a link to itself: the style of the page shows what
/// is linked to over everything else.
fn card(
    number: usize,
    shown: &Shown,
    ignored: Option<u8>,
) -> impl Iterator<Item = io::Result<Markup>> {
    let first = html! {
        (PreEscaped(format!("<figure class=\"card\" id=\"card-{number}\">")))
        figcaption {
            span.file { (file_name(&shown.sample)) }
            span.score { "mIoU " (format!("{:.3}", shown.score)) }
        }
        (PreEscaped("<div class=\"four\">"))
    };
    let views = VIEWS.into_iter();
    let views = views.map(move |(what, draw)| view(number, what, shown, draw(shown, ignored)));
    iter::once(Ok(first))
        .chain(views)
        .chain(iter::once(Ok(PreEscaped("</div></figure>".to_owned()))))
}

/// The views of a picture: how each is called and drawn, where the label that is left out is known.
const VIEWS: [(&str, fn(&Shown, Option<u8>) -> Picture); 4] = [
    ("picture", |shown, _| shown.sample.picture.clone()),
    ("truth", |shown, ignored| tinted(&shown.sample.picture, &shown.sample.mask, ignored)),
    ("prediction", |shown, _| tinted(&shown.sample.picture, &shown.prediction, None)),
    ("errors", errors),
];

fn view(number: usize, what: &str, shown: &Shown, picture: Picture) -> io::Result<Markup> {
    let png = to_png(&small(picture)).map_err(io::Error::other)?;
    let sample = &shown.sample;
    let [height, width] = sample.size();
    let (view, of) = (format!("{what}-{number}"), format!("{what} of {}", file_name(sample)));
    Ok(html! {
        div.view id=(view) {
            a.open href=(format!("#{view}")) title="Full size" {
                img.pixels[width.max(height) < LONGEST_OF_SQUARES] src=(png_uri(&png)) alt=(of)
                    width=(width) height=(height);
            }
            a.close href=(format!("#card-{number}")) { "Close" }
            span { (what) }
        }
    })
}

/// The picture in grey with the classes' colours over it, so that they are those of the legend whatever the
/// picture's; label 0, the background by custom, stays clear.
fn tinted(picture: &Picture, mask: &Mask, ignored: Option<u8>) -> Picture {
    let pixels = picture.rgb.chunks_exact(3).zip(&mask.labels).enumerate();
    let rgb = pixels.flat_map(|(i, (pixel, &label))| match label {
        label if Some(label) == ignored => IGNORED[stripe(i, picture.width)],
        0 => [light(pixel); 3],
        label => palette(label).map(|c| ((u32::from(c) * 2 + u32::from(light(pixel))) / 3) as u8),
    });
    Picture { rgb: rgb.collect(), ..*picture }
}

/// The picture in pale grey, what was predicted wrong in a colour.
fn errors(shown: &Shown, ignored: Option<u8>) -> Picture {
    let Shown { sample, prediction, .. } = shown;
    let labels = sample.mask.labels.iter().zip(&prediction.labels);
    let pixels = sample.picture.rgb.chunks_exact(3).zip(labels).enumerate();
    let rgb = pixels.flat_map(|(i, (pixel, (&truth, &predicted)))| match truth == predicted {
        _ if Some(truth) == ignored => IGNORED[stripe(i, sample.picture.width)],
        false => WRONG,
        true => [190 + grey(pixel) / 5; 3],
    });
    Picture { rgb: rgb.collect(), ..sample.picture }
}

/// Grey that no class's colour is darker than.
fn light(pixel: &[u8]) -> u8 {
    110 + grey(pixel) / 2
}

/// How bright the eye takes a pixel to be.
fn grey(pixel: &[u8]) -> u8 {
    let parts = pixel.iter().zip([299, 587, 114]).map(|(&value, part)| u32::from(value) * part);
    (parts.sum::<u32>() / 1000) as u8
}

/// Which of two diagonal stripes pixel `i` is in.
fn stripe(i: usize, width: usize) -> usize {
    (i % width + i / width) / 3 % 2
}

fn is_large(picture: &Picture) -> bool {
    picture.width.max(picture.height) > LONGEST
}

fn small(picture: Picture) -> Picture {
    if !is_large(&picture) {
        return picture;
    }
    let longest = picture.width.max(picture.height);
    picture.resize(picture.size().map(|side| (side * LONGEST / longest).max(1)))
}
