//! What the learned deconvolutions became.

use crate::gallery::Gallery;
use crate::kernels::{Channel, Deconvolution};
use crate::page::{counted, facts, png_uri};
use crate::run::Run;
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use maud::{Markup, html};
use mirrorgrad_study::{FilterHealth, Verdict};

/// About the side of a heat map.
const SIDE: usize = 96;
/// Kernels of more taps are drawn without numbers.
const MOST_WITH_NUMBERS: usize = 36;
/// Kernels of more taps are drawn as a picture, whose pixels tell nothing of themselves: a page of a hundred
/// thousand squares is one that no browser likes.
const MOST_SQUARES: usize = 256;
/// What is above zero and what is below, in a picture, on whatever ground.
const PLUS: [u8; 3] = [0x1f, 0x7f, 0xc0];
const MINUS: [u8; 3] = [0xd0, 0x60, 0x10];

/// Every transposed convolution with its first kernels, and the pattern in the network's scores.
pub fn kernels(run: &Run, layers: Option<&[Deconvolution]>, gallery: Option<&Gallery>) -> Markup {
    html! {
        @match layers {
            None => p { "There is no best checkpoint yet, so there are no learned kernels to look at." },
            Some([]) => p {
                "This network has no transposed convolution: its upsampling is fixed, so training cannot make a "
                "kernel uneven."
            },
            Some(layers) => {
                p.note {
                    "For each layer, from the last to the first: the kernels that connect the first channels to "
                    "themselves, now and, unless they were read from a file, before the first step. With a stride "
                    "s, the output pixels fall into s × s phases, which different taps (kernel elements) reach; "
                    "the sum of the taps of a phase is its gain. Where gains differ, a constant input gives a "
                    "checkerboard (Odena et al. 2016)."
                }
                @for layer in layers { (drawn(run, layer)) }
            },
        }
        @if let Some(gallery) = gallery { (in_scores(gallery)) }
    }
}

fn drawn(run: &Run, layer: &Deconvolution) -> Markup {
    let [inputs, outputs, height, width] = layer.shape;
    // Where channels are classes, they have names.
    let named = inputs == run.classes.len() && (outputs == inputs || outputs == 1);
    let name = |channel: usize| match named {
        true => run.classes[channel].clone(),
        false => format!("channel {channel}"),
    };
    let taps = layer.channels.iter().flat_map(|c| c.before.iter().flatten().chain(&c.after));
    let most = taps.fold(f64::MIN_POSITIVE, |most, tap| most.max(tap.abs()));
    html! {
        article.layer {
            h3 { code { (layer.name) } " " span.shape {
                (inputs) " × " (outputs) " kernels of " (height) " × " (width) ", stride " (layer.stride)
            } }
            p { (verdict(layer)) }
            details {
                summary { (how_many(layer)) }
                div.kernels {
                    @for (channel, filter) in layer.channels.iter().zip(&layer.health) {
                        figure.kernel {
                            figcaption { (name(channel.number)) }
                            div.pair {
                                @if let Some(before) = &channel.before {
                                    (kernel_heat_map("initial", before, [height, width], most))
                                }
                                (kernel_heat_map("trained", &channel.after, [height, width], most))
                                (gains(filter))
                            }
                            p.likeness { (likeness(channel)) }
                        }
                    }
                }
            }
        }
    }
}

/// Which kernels are folded away.
fn how_many(layer: &Deconvolution) -> String {
    let (shown, all) = (layer.channels.len(), layer.health.len());
    match shown < all {
        true => format!("Kernels of the first {shown} of {all} channels"),
        false => format!("Kernels of {}", counted(all, ["channel", "channels"])),
    }
}

fn verdict(layer: &Deconvolution) -> Markup {
    let health = layer.health.first().map(|filter| &filter.health);
    let taps: Vec<usize> = health.iter().flat_map(|h| h.taps.iter().flatten().copied()).collect();
    let (least, most) = taps.iter().fold((usize::MAX, 0), |(l, m), &n| (l.min(n), m.max(n)));
    let (class, word, why) = match health.map(|health| health.verdict) {
        Some(Verdict::Even) => (
            "good",
            "Even taps:",
            match most {
                1 => format!("one reaches each of the {} phases.", taps.len()),
                _ => format!("{most} reach each of the {} phases.", taps.len()),
            },
        ),
        Some(Verdict::Uneven) => (
            "warn",
            "Uneven taps:",
            format!(
                "{least} to {most} reach a phase; a checkerboard pattern until training removes it."
            ),
        ),
        Some(Verdict::Dead) => (
            "bad",
            "Dead phases:",
            "no tap reaches some phases; their pixels stay empty.".to_owned(),
        ),
        Some(Verdict::Single) => ("good", "Single:", "only one window, so no overlap.".to_owned()),
        None => ("warn", "Unknown:", "the layer connects no channel to itself.".to_owned()),
    };
    html! {
        b class=(class) { (word) } " " (why) " " (index(layer)) " For a constant input, "
        (percent(layer.pattern)) " of the output's energy is a pattern. " (percent(layer.own)) " of the weight's "
        "energy is in the kernels that connect a channel to itself."
    }
}

/// How far apart gains are, of the channels where that is a number.
fn index(layer: &Deconvolution) -> Markup {
    let known = layer.health.iter().filter_map(|filter| filter.unevenness);
    let most = known.clone().fold(0.0, f64::max);
    let (all, around) = (layer.health.len(), layer.health.len() - known.count());
    let Some(mean) = layer.unevenness() else {
        return html! {
            @if all > 0 {
                "There is no checkerboard index: the gains of every channel's phases are around zero, so they "
                "have no mean to compare with."
            }
        };
    };
    html! {
        "Checkerboard index " b { (percent(mean)) }
        ": the spread of the gains of a channel's phases, relative to their mean, averaged over "
        @if around > 0 { (all - around) " of " (all) " channels (" } @else { "the channels (" }
        (percent(most)) " at most)"
        @if around > 0 {
            "; those of the other " (around) " are around zero, so they have no mean to compare with"
        }
        "."
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

fn likeness(channel: &Channel) -> String {
    let show = |value: Option<f64>| {
        value.map_or("–".to_owned(), |value| format!("{value:.3}").replace('-', "−"))
    };
    let (start, bilinear) = (show(channel.likeness), show(channel.bilinear));
    match channel.before {
        Some(_) => {
            format!("cosine similarity to its initial values {start}, to bilinear {bilinear}")
        }
        None => {
            format!("initialized from the weights file; cosine similarity to bilinear {bilinear}")
        }
    }
}

/// The side of a cell, so that all heat maps are as large as a 4 × 4 one.
fn cell(cells: usize) -> usize {
    (SIDE / cells.max(1)).max(2)
}

fn kernel_heat_map(what: &str, kernel: &[f64], sides: [usize; 2], most: f64) -> Markup {
    let taps: Vec<_> = kernel.iter().map(|&tap| (tap, tap / most)).collect();
    let [height, width] = sides;
    html! {
        div.map {
            (heat(&format!("{what}, {height} × {width} taps"), &taps, sides))
            span { (what) }
        }
    }
}

/// Cells, each with its value and its part of the deepest.
fn heat(label: &str, cells: &[(f64, f64)], [rows, columns]: [usize; 2]) -> Markup {
    let numbers = cells.len() <= MOST_WITH_NUMBERS;
    let cell = cell(rows.max(columns));
    let (width, height) = (columns * cell, rows * cell);
    html! {
        @if cells.len() > MOST_SQUARES {
            img.pixels src=(pixels(cells, [rows, columns])) width=(width) height=(height) alt=(label);
        } @else {
            svg viewBox=(format!("0 0 {width} {height}")) width=(width) height=(height) role="img"
                aria-label=(label) {
                @for (i, &(value, depth)) in cells.iter().enumerate() {
                    (square([i / columns, i % columns], cell, value, depth, numbers))
                }
            }
        }
    }
}

/// A picture of cells, a pixel each.
fn pixels(cells: &[(f64, f64)], [rows, columns]: [usize; 2]) -> String {
    let pixel = |&(_, depth): &(f64, f64)| {
        let [r, g, b] = if depth < 0.0 { MINUS } else { PLUS };
        [r, g, b, (255.0 * depth.abs().min(1.0)).round() as u8]
    };
    let pixels: Vec<u8> = cells.iter().flat_map(pixel).collect();
    let mut png = Vec::new();
    PngEncoder::new(&mut png)
        .write_image(&pixels, columns as u32, rows as u32, ExtendedColorType::Rgba8)
        .expect("there are as many cells as the sides say");
    png_uri(&png)
}

/// A cell: blue above zero, orange below, as deep as `part` of the deepest.
fn square([row, column]: [usize; 2], cell: usize, value: f64, depth: f64, number: bool) -> Markup {
    let sign = if depth < 0.0 { "minus" } else { "plus" };
    let (x, y) = (column * cell, row * cell);
    html! {
        g class=(sign) style=(format!("--v:{:.1}%", 100.0 * depth.abs().min(1.0))) {
            rect x=(x) y=(y) width=(cell) height=(cell) { title { (format!("{value:.4}")) } }
            @if number {
                text x=(x + cell / 2) y=(y + cell / 2) dy="0.35em" { (tap_text(value)) }
            }
        }
    }
}

/// Two digits: what there is room for.
fn tap_text(value: f64) -> String {
    let text = format!("{value:.2}");
    match text.as_str() {
        "0.00" | "-0.00" => "0".to_owned(),
        _ => text.replacen("0.", ".", 1).replace('-', "−"),
    }
}

/// The gains of a kernel's phases, coloured by how far they are from their mean.
fn gains(filter: &FilterHealth) -> Markup {
    let gain = &filter.health.gain;
    let (rows, columns) = (gain.len(), gain.first().map_or(0, Vec::len));
    let all = || gain.iter().flatten().copied();
    let mean = all().sum::<f64>() / (rows * columns).max(1) as f64;
    // A tenth of the mean away is as deep as a colour gets.
    let deviation = |gain: f64| (gain - mean) / mean.abs().max(f64::MIN_POSITIVE) / 0.1;
    let gains: Vec<_> = all().map(|gain| (gain, deviation(gain).clamp(-1.0, 1.0))).collect();
    html! {
        div.map {
            (heat("gains of the phases", &gains, [rows, columns]))
            span {
                "gains, "
                @match filter.unevenness {
                    Some(share) => { (percent(share)) " spread" }
                    None => "around zero",
                }
            }
        }
    }
}

fn in_scores(gallery: &Gallery) -> Markup {
    let board = &gallery.checkerboard;
    let (Some(index), Some(noise)) = (board.index(), board.of_noise()) else {
        return html! { p { "The network's scores do not vary, so there is no pattern in them." } };
    };
    let s = board.stride();
    html! {
        h3 { "In the scores" }
        (facts(&[
            ("checkerboard", format!("{:.4} % of the scores' variance", 100.0 * index)),
            ("white noise would have", format!("{:.4} %", 100.0 * noise)),
        ]))
        p.note {
            "The share of the variance of a class's scores that a pixel's row and column modulo " (s) " explain: "
            "the energy of their spectrum at the frequencies of the artefacts of a stride of " (s) " (Zhang et "
            "al. 2019, Durall et al. 2020). Smooth scores are below white noise; a visible pattern is far above "
            "it."
        }
    }
}
