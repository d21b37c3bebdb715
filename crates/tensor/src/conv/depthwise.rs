//! Groups of one plane: shifted planes, scaled and added, without a product of matrices.

use super::sizes::Sizes;
use crate::parallel::prelude::*;
use crate::{Element, Tensor};

/// Each output is a sum of shifted copies of its input.
pub(super) fn output<T: Element>(
    sizes: &Sizes<'_>,
    [input, weight]: [&Tensor<T>; 2],
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let (geometry, stride) = (sizes.geometry, sizes.geometry.axes()[1].stride);
    let planes = out.par_chunks_exact_mut(geometry.positions()).enumerate();
    planes.sharing(sizes.work()).for_each(|(nth, out)| {
        let (input, weight) = (sizes.input_of(nth, input), &sizes.weight_of(nth, weight));
        out.fill(bias.map_or(T::zero(), |bias| sizes.bias_of(nth, bias)[0]));
        geometry.walk(0..geometry.positions(), |tap, run, pixel| {
            let (weight, out) = (weight[[0, tap]], &mut out[run]);
            match stride {
                1 => out.iter_mut().zip(&input[pixel..]).for_each(|(o, &v)| *o += weight * v),
                _ => out
                    .iter_mut()
                    .zip(input[pixel..].iter().step_by(stride))
                    .for_each(|(o, &v)| *o += weight * v),
            }
        });
    });
}

/// Each input is a sum of shifted copies of its output.
pub(super) fn input<T: Element>(
    sizes: &Sizes<'_>,
    [output, weight]: [&Tensor<T>; 2],
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let (geometry, stride) = (sizes.geometry, sizes.geometry.axes()[1].stride);
    let planes = out.par_chunks_exact_mut(geometry.pixels()).enumerate();
    planes.sharing(sizes.work()).for_each(|(nth, out)| {
        let (output, weight) = (sizes.output_of(nth, output), &sizes.weight_of(nth, weight));
        out.fill(bias.map_or(T::zero(), |bias| sizes.bias_of(nth, bias)[0]));
        geometry.walk(0..geometry.positions(), |tap, run, pixel| {
            let (weight, output) = (weight[[0, tap]], &output[run]);
            match stride {
                1 => out[pixel..].iter_mut().zip(output).for_each(|(o, &v)| *o += weight * v),
                _ => out[pixel..]
                    .iter_mut()
                    .step_by(stride)
                    .zip(output)
                    .for_each(|(o, &v)| *o += weight * v),
            }
        });
    });
}

/// Each weight is the scalar product of an output and a shifted input, summed over the batch.
pub(super) fn weight<T: Element>(
    sizes: &Sizes<'_>,
    [input, output]: [&Tensor<T>; 2],
    out: &mut [T],
) {
    let (geometry, stride) = (sizes.geometry, sizes.geometry.axes()[1].stride);
    let kernels = out.par_chunks_exact_mut(geometry.taps()).enumerate();
    kernels.sharing(sizes.work()).for_each(|(group, out)| {
        out.fill(T::zero());
        for n in 0..sizes.batch {
            let nth = n * sizes.groups + group;
            let (input, output) = (sizes.input_of(nth, input), sizes.output_of(nth, output));
            geometry.walk(0..geometry.positions(), |tap, run, pixel| {
                let output = &output[run];
                out[tap] += match stride {
                    1 => dot(output, &input[pixel..pixel + output.len()]),
                    _ => output
                        .iter()
                        .zip(input[pixel..].iter().step_by(stride))
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
