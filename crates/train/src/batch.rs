//! From samples to what a network sees, and from what it says to labels.

use mirrorgrad_data::Sample;
use mirrorgrad_tensor::{ClassTargets, TargetError, Tensor};

/// Samples of one size as tensors: pictures `[batch, 3, height, width]`, and the class of every pixel.
///
/// ```
/// # use mirrorgrad_data::{Mask, Picture, Sample};
/// # use mirrorgrad_train::batch::to_tensors;
/// let picture = Picture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
/// let mask = Mask { width: 2, height: 1, labels: vec![1, 255] };
/// let sample = Sample { name: "red and blue".to_owned(), picture, mask };
/// let (x, targets) = to_tensors(&[sample], 2, Some(255))?;
/// // The planes of red, green and blue.
/// assert_eq!(x.as_slice(), [2.0, -2.0, -2.0, -2.0, -2.0, 2.0]);
/// assert_eq!(targets.iter().collect::<Vec<_>>(), [Some(1), None]);
/// # Ok::<(), mirrorgrad_tensor::TargetError>(())
/// ```
///
/// # Errors
/// If a label is neither below `classes` nor the one to ignore.
///
/// # Panics
/// If there are no samples.
pub fn to_tensors(
    samples: &[Sample],
    classes: usize,
    ignore_index: Option<u8>,
) -> Result<(Tensor, ClassTargets), TargetError> {
    let [height, width] = samples[0].size();
    let planes = Tensor::build([samples.len(), 3, height, width], |out| {
        for (out, sample) in out.chunks_exact_mut(3 * height * width).zip(samples) {
            write_planes(&sample.picture.rgb, out);
        }
    });
    let labels = samples.iter().flat_map(|sample| &sample.mask.labels);
    let targets = ClassTargets::new(
        [samples.len(), height, width],
        labels.map(|&label| i64::from(label)),
        classes,
        ignore_index.map(i64::from),
    )?;
    Ok((planes, targets))
}

/// One picture as a batch, `[1, 3, height, width]`.
///
/// ```
/// # use mirrorgrad_data::Picture;
/// # use mirrorgrad_train::batch::to_tensor;
/// let picture = Picture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
/// let x = to_tensor(&picture);
/// assert_eq!(x.shape(), [1, 3, 1, 2]);
/// assert_eq!([x.at(&[0, 0, 0, 0]), x.at(&[0, 0, 0, 1])], [2.0, -2.0]);
/// ```
pub fn to_tensor(picture: &mirrorgrad_data::Picture) -> Tensor {
    Tensor::build([1, 3, picture.height, picture.width], |out| write_planes(&picture.rgb, out))
}

/// What is subtracted from a channel between 0 and 1 before the network sees it.
///
/// ```
/// # use mirrorgrad_data::Picture;
/// # use mirrorgrad_train::batch::{DEVIATION, MEAN, to_tensor};
/// let black = Picture { width: 1, height: 1, rgb: vec![0, 0, 0] };
/// assert_eq!(to_tensor(&black).as_slice(), [-MEAN / DEVIATION; 3]);
/// ```
pub const MEAN: f32 = 0.5;
/// What it is then divided by.
///
/// ```
/// # use mirrorgrad_data::Picture;
/// # use mirrorgrad_train::batch::{DEVIATION, MEAN, to_tensor};
/// let picture = Picture { width: 1, height: 1, rgb: vec![0, 51, 255] };
/// let x = to_tensor(&picture);
/// let byte = |value: &f32| (255.0 * (DEVIATION * value + MEAN)).round() as u8;
/// assert_eq!(x.as_slice().iter().map(byte).collect::<Vec<_>>(), picture.rgb);
/// ```
pub const DEVIATION: f32 = 0.25;

/// Separates interleaved bytes into planes, 0 to 255 becoming −2 to 2.
fn write_planes(rgb: &[u8], out: &mut [f32]) {
    let pixels = rgb.len() / 3;
    for (channel, plane) in out.chunks_exact_mut(pixels).enumerate() {
        let values = rgb[channel..].iter().step_by(3);
        let normalize = |v: u8| (f32::from(v) / 255.0 - MEAN) / DEVIATION;
        plane.iter_mut().zip(values).for_each(|(p, &v)| *p = normalize(v));
    }
}

/// The class with the highest score at every pixel: `[batch, classes, ..]` to labels in row-major
/// order. Of equals, the first.
///
/// ```
/// # use mirrorgrad_train::batch::highest_scores;
/// # use mirrorgrad_tensor::Tensor;
/// // Two classes at three pixels.
/// let scores = Tensor::new([1, 2, 1, 3], [0.5, 2.0, -1.0, 1.5, 1.0, -1.0]);
/// assert_eq!(highest_scores(&scores), [1, 0, 0]);
/// ```
///
/// # Panics
/// If there are more than 256 classes.
pub fn highest_scores(scores: &Tensor) -> Vec<u8> {
    let (batch, classes) = (scores.shape()[0], scores.shape()[1]);
    assert!((1..=256).contains(&classes), "labels have 8 bits, there are {classes} classes");
    let places = scores.len() / (batch * classes).max(1);
    let mut labels = vec![0_u8; batch * places];
    let mut best = vec![0.0_f32; places];
    for (picture, labels) in
        scores.as_slice().chunks_exact(classes * places).zip(labels.chunks_exact_mut(places))
    {
        best.copy_from_slice(&picture[..places]);
        for (class, plane) in picture.chunks_exact(places).enumerate().skip(1) {
            for ((label, best), &score) in labels.iter_mut().zip(&mut best).zip(plane) {
                if score > *best {
                    (*best, *label) = (score, class as u8);
                }
            }
        }
    }
    labels
}
