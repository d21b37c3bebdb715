//! The validation pictures that went best and worst.

use crate::gallery::{Gallery, Shown, file_name};
use crate::page::{chip, data_uri};
use crate::run::Run;
use crate::sections::classes::looked_at;
use maud::{Markup, html};
use mirrorgrad_segment::{Mask, Picture, palette};

/// Longest side of a picture on the page, in its own pixels.
const LONGEST: usize = 224;
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
    let cards = |list: &[Shown]| -> Result<Vec<Markup>, String> {
        list.iter().map(|shown| card(shown, ignored)).collect()
    };
    let (best, worst) = (cards(&gallery.best)?, cards(&gallery.worst)?);
    let classes: Vec<usize> = (0..run.classes.len()).filter(|&c| is_shown(gallery, c)).collect();
    Ok(html! {
        p.note {
            (looked_at(gallery)) " A picture's score is the mean IoU of the classes that are in it or were "
            "found in it."
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

fn card(shown: &Shown, ignored: Option<u8>) -> Result<Markup, String> {
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
        figure.card {
            figcaption { span.file { (name) } span.score { "mIoU " (format!("{score:.3}")) } }
            div.four {
                @for (what, uri) in pictures {
                    div {
                        img.pixels[width.max(height) < 2 * LONGEST / 3] src=(uri) alt=(format!("{what} of {name}"))
                            width=(width) height=(height);
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

fn small(picture: Picture) -> Picture {
    let longest = picture.width.max(picture.height);
    if longest <= LONGEST {
        return picture;
    }
    picture.resize(picture.size().map(|side| (side * LONGEST / longest).max(1)))
}
