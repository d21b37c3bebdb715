//! Groups of one plane: shifted planes, scaled and added, without a product of matrices.

use super::Form;
use crate::{Element, Tensor};
use rayon::prelude::*;

/// Each map is a sum of shifted copies of its image.
pub(super) fn map<T: Element>(
    form: &Form<'_>,
    image: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let (geometry, stride) = (form.geometry, form.geometry.axes()[1].stride);
    out.par_chunks_exact_mut(geometry.spots()).enumerate().for_each(|(nth, out)| {
        let (image, weight) = (form.image_of(nth, image), &form.weight_of(nth, weight));
        out.fill(bias.map_or(T::zero(), |bias| form.bias_of(nth, bias)[0]));
        geometry.walk(0..geometry.spots(), |tap, run, pixel| {
            let (weight, out) = (weight[[0, tap]], &mut out[run]);
            match stride {
                1 => out.iter_mut().zip(&image[pixel..]).for_each(|(o, &v)| *o += weight * v),
                _ => out
                    .iter_mut()
                    .zip(image[pixel..].iter().step_by(stride))
                    .for_each(|(o, &v)| *o += weight * v),
            }
        });
    });
}

/// Each image is a sum of shifted copies of its map.
pub(super) fn image<T: Element>(
    form: &Form<'_>,
    map: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let (geometry, stride) = (form.geometry, form.geometry.axes()[1].stride);
    out.par_chunks_exact_mut(geometry.pixels()).enumerate().for_each(|(nth, out)| {
        let (map, weight) = (form.map_of(nth, map), &form.weight_of(nth, weight));
        out.fill(bias.map_or(T::zero(), |bias| form.bias_of(nth, bias)[0]));
        geometry.walk(0..geometry.spots(), |tap, run, pixel| {
            let (weight, map) = (weight[[0, tap]], &map[run]);
            match stride {
                1 => out[pixel..].iter_mut().zip(map).for_each(|(o, &v)| *o += weight * v),
                _ => out[pixel..]
                    .iter_mut()
                    .step_by(stride)
                    .zip(map)
                    .for_each(|(o, &v)| *o += weight * v),
            }
        });
    });
}

/// Each weight is the scalar product of a map and a shifted image, summed over the batch.
pub(super) fn weight<T: Element>(
    form: &Form<'_>,
    batch: usize,
    image: &Tensor<T>,
    map: &Tensor<T>,
    out: &mut [T],
) {
    let (geometry, stride) = (form.geometry, form.geometry.axes()[1].stride);
    out.par_chunks_exact_mut(geometry.taps()).enumerate().for_each(|(group, out)| {
        out.fill(T::zero());
        for n in 0..batch {
            let nth = n * form.groups + group;
            let (image, map) = (form.image_of(nth, image), form.map_of(nth, map));
            geometry.walk(0..geometry.spots(), |tap, run, pixel| {
                let map = &map[run];
                out[tap] += match stride {
                    1 => dot(map, &image[pixel..pixel + map.len()]),
                    _ => map
                        .iter()
                        .zip(image[pixel..].iter().step_by(stride))
                        .map(|(&y, &x)| y * x)
                        .sum(),
                };
            });
        }
    });
}

/// The scalar product of two rows, in eight lanes that the compiler can keep in one register.
fn dot<T: Element>(a: &[T], b: &[T]) -> T {
    let mut lanes = [T::zero(); 8];
    let (a, b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: T = a.remainder().iter().zip(b.remainder()).map(|(&a, &b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..8 {
            lanes[lane] += a[lane] * b[lane];
        }
    }
    lanes.into_iter().sum::<T>() + rest
}
