//! The validation pictures that went best and worst.

use crate::gallery::{Gallery, Shown, file_name};
use crate::page::{chip, data_uri};
use crate::run::Run;
use crate::sections::classes::looked_at;
use maud::{Markup, html};
use mirrorgrad_segment::{Mask, Picture, palette};

/// Longest side of a picture on the page, in its own pixels: the page has all of them in it.
const LONGEST: usize = 1024;
/// Pictures of no longer side than this are drawn as squares of colour, not smoothed.
const LONGEST_OF_SQUARES: usize = 150;
/// What was predicted wrong.
const WRONG: [u8; 3] = [213, 94, 0];
/// What counts for nothing, in stripes.
const IGNORED: [[u8; 3]; 2] = [[150, 158, 168], [178, 185, 194]];

/// Pictures, truths, predictions and errors.
///
/// # Errors
/// If a picture cannot be written.
pub fn pictures(run: &Run, gallery: Option<&Gallery>) -> Result<Markup, String> {
    let Some(gallery) = gallery else {
        return Ok(html! { p { "No picture was looked at: there is no best checkpoint yet." } });
    };
    let ignored = run.config.data.folder.ignored_label();
    let shown = gallery.best.iter().chain(&gallery.worst).enumerate();
    let cards = shown.map(|(number, shown)| card(number, shown, ignored));
    let cards = cards.collect::<Result<Vec<_>, _>>()?;
    let (best, worst) = cards.split_at(gallery.best.len());
    let classes: Vec<usize> = (0..run.classes.len()).filter(|&c| is_shown(gallery, c)).collect();
    Ok(html! {
        p.note {
            (looked_at(gallery)) " A picture's score is the mean IoU of the classes that are in it or were "
            "found in it. A picture opens at its full size"
            @if gallery.best.iter().chain(&gallery.worst).any(|shown| is_large(&shown.sample.picture)) {
                ", or at " (LONGEST) " pixels if a side is longer"
            }
            "."
        }
        p.legend {
            @for class in classes {
                span { (chip(class)) (run.classes[class]) @if class == 0 { " (left clear)" } }
            }
            span { span.chip style=(rgb(WRONG)) {} "wrong" }
            @if ignored.is_some() { span { span.chip style=(rgb(IGNORED[0])) {} "not counted" } }
        }
        @if best.is_empty() { p { "There is no picture with a pixel that counts." } }
        @if !best.is_empty() { h3 { "Best" } div.cards { @for card in best { (card) } } }
        @if !worst.is_empty() { h3 { "Worst" } div.cards { @for card in worst { (card) } } }
    })
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
fn card(number: usize, shown: &Shown, ignored: Option<u8>) -> Result<Markup, String> {
    let Shown { sample, prediction, score, .. } = shown;
    let name = file_name(sample);
    let [height, width] = sample.size();
    let pictures = [
        ("picture", sample.picture.clone()),
        ("truth", tinted(&sample.picture, &sample.mask, ignored)),
        ("prediction", tinted(&sample.picture, prediction, None)),
        ("errors", errors(shown, ignored)),
    ];
    let pictures = pictures.map(|(what, picture)| Ok((what, data_uri(&small(picture))?)));
    let pictures = pictures.into_iter().collect::<Result<Vec<_>, String>>()?;
    Ok(html! {
        @let card = format!("card-{number}");
        figure.card id=(card) {
            figcaption { span.file { (name) } span.score { "mIoU " (format!("{score:.3}")) } }
            div.four {
                @for (what, uri) in pictures {
                    @let (view, of) = (format!("{what}-{number}"), format!("{what} of {name}"));
                    div.view id=(view) {
                        a.open href=(format!("#{view}")) title="Full size" {
                            img.pixels[width.max(height) < LONGEST_OF_SQUARES] src=(uri) alt=(of)
                                width=(width) height=(height);
                        }
                        a.close href=(format!("#{card}")) { "Close" }
                        span { (what) }
                    }
                }
            }
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
