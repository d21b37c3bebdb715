//! The passes over memory: a set at a time, so that what is read twice is near the second time.

use super::{NormStats, Normalization};
use crate::parallel::{run_tasks, sum_lanes};
use crate::{Element, Tensor};

impl Normalization {
    /// A set at a time, so that it is read a second time while it is near.
    pub(super) fn forward_then<T: Element>(
        &self,
        epilogue: impl Function<T>,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
    ) -> (Tensor<T>, NormStats<T>) {
        let layout = &self.layout;
        let (mut mean, mut variance) = (Vec::new(), Vec::new());
        let y = Tensor::build(x.shape(), |out| {
            let found = run_tasks(layout.rows_by_set(out), x.len(), &|set, rows| {
                let parts = layout.rows_of(set, x.as_slice()).flat_map(|row| row.chunks(ROW));
                let moments = parts.map(Moments::of).fold(Moments::default(), Moments::join);
                let (mean, variance) = (moments.mean, moments.squares / moments.count);
                let lines = self.lines(set, weight, bias, mean, variance);
                for (out, x) in rows.into_iter().zip(layout.rows_of(set, x.as_slice())) {
                    let channels =
                        out.chunks_exact_mut(layout.inner).zip(x.chunks_exact(layout.inner));
                    for ((out, x), line) in channels.zip(&lines) {
                        out.iter_mut().zip(x).for_each(|(o, &v)| *o = epilogue.value(line.at(v)));
                    }
                }
                (mean, variance)
            });
            (mean, variance) = found.into_iter().unzip();
        });
        let [mean, variance] = [mean, variance].map(|of| Tensor::new([layout.sets], of));
        (y, NormStats { mean, variance })
    }

    pub(super) fn backward_then<T: Element>(
        &self,
        epilogue: impl Function<T>,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
        grad: &Tensor<T>,
    ) -> [Tensor<T>; 3] {
        let layout = &self.layout;
        let count = T::of(layout.set_len() as f64);
        let mut sums: Vec<Vec<[T; 2]>> = Vec::new();
        let to_x = Tensor::build(x.shape(), |out| {
            sums = run_tasks(layout.rows_by_set(out), x.len(), &|set, rows| {
                let [mean, variance] =
                    [&stats.mean, &stats.variance].map(|stat| stat.as_slice()[set]);
                let scale = self.scale(variance);
                let lines = self.lines(set, weight, bias, mean, variance);
                let pairs =
                    || layout.rows_of(set, x.as_slice()).zip(layout.rows_of(set, grad.as_slice()));
                let sums = line_sums(epilogue, layout.inner, &lines, pairs(), mean, scale);
                let weights = layout.weights_of(set, weight);
                let mut means = [T::zero(); 2];
                for (sums, &weight) in sums.iter().zip(weights) {
                    means = [means[0] + weight * sums[0], means[1] + weight * sums[1]];
                }
                let [plain, along] = means.map(|sum| sum / count);
                // scale · (weight · grad − plain − (x − mean) · scale · along), regrouped.
                let b = along * scale * scale;
                let c = b * mean - plain * scale;
                for (out, (x, grad)) in rows.into_iter().zip(pairs()) {
                    let channels = out
                        .chunks_exact_mut(layout.inner)
                        .zip(x.chunks_exact(layout.inner).zip(grad.chunks_exact(layout.inner)));
                    for ((out, (x, grad)), line) in channels.zip(&lines) {
                        let a = line.slope;
                        for ((o, &v), &g) in out.iter_mut().zip(x).zip(grad) {
                            *o = a * epilogue.pass(g, line.at(v)) - b * v + c;
                        }
                    }
                }
                sums
            });
        });
        let mut to_weight = vec![T::zero(); layout.weights()];
        let mut to_bias = to_weight.clone();
        for (set, sums) in sums.iter().enumerate() {
            let first = (set % layout.period) * layout.channels;
            for (channel, &[plain, along]) in sums.iter().enumerate() {
                to_bias[first + channel] += plain;
                to_weight[first + channel] += along;
            }
        }
        [to_x, Tensor::new([layout.weights()], to_weight), Tensor::new([layout.weights()], to_bias)]
    }

    fn scale<T: Element>(&self, variance: T) -> T {
        (variance + T::of(self.eps)).sqrt().recip()
    }

    /// What each channel of a set does to a number.
    fn lines<T: Element>(
        &self,
        set: usize,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
        mean: T,
        variance: T,
    ) -> Vec<Line<T>> {
        let scale = self.scale(variance);
        let weights =
            self.layout.weights_of(set, weight).iter().zip(self.layout.weights_of(set, bias));
        weights
            .map(|(&weight, &bias)| Line {
                slope: weight * scale,
                offset: bias - weight * scale * mean,
            })
            .collect()
    }
}

/// Normalization of one channel, with weight and bias.
struct Line<T> {
    slope: T,
    offset: T,
}

impl<T: Element> Line<T> {
    fn at(&self, v: T) -> T {
        v * self.slope + self.offset
    }
}

/// [`Epilogue`](super::Epilogue) as a type, so that each has loops of its own.
pub(super) trait Function<T>: Copy + Send + Sync {
    fn value(self, y: T) -> T;

    /// The gradient `g` of the value as it passes on to `y`.
    fn pass(self, g: T, y: T) -> T;
}

#[derive(Clone, Copy)]
pub(super) struct Identity;

impl<T: Element> Function<T> for Identity {
    fn value(self, y: T) -> T {
        y
    }

    fn pass(self, g: T, _: T) -> T {
        g
    }
}

#[derive(Clone, Copy)]
pub(super) struct Relu;

impl<T: Element> Function<T> for Relu {
    /// NaN stays NaN.
    fn value(self, y: T) -> T {
        if y < T::zero() { T::zero() } else { y }
    }

    /// Selected, not multiplied: 0 · ∞ would be NaN.
    fn pass(self, g: T, y: T) -> T {
        let passed = if y > T::zero() { g } else { T::zero() };
        if y.is_nan() { y } else { passed }
    }
}

/// Elements that fit the first cache, to be read twice.
const ROW: usize = 4096;

/// Mean and summed squared distances of some numbers: found in one pass over memory.
#[derive(Clone, Copy, Default)]
struct Moments<T> {
    count: T,
    mean: T,
    squares: T,
}

impl<T: Element> Moments<T> {
    fn of(values: &[T]) -> Self {
        let count = T::of(values.len() as f64);
        let mean = sum_lanes(values, |v| v) / count;
        Self { count, mean, squares: sum_lanes(values, |v| (v - mean) * (v - mean)) }
    }

    /// Those of both together (Chan, Golub & LeVeque 1979).
    fn join(self, other: Self) -> Self {
        let count = self.count + other.count;
        let (step, part) = (other.mean - self.mean, other.count / count);
        Self {
            count,
            mean: self.mean + step * part,
            squares: self.squares + other.squares + step * step * self.count * part,
        }
    }
}

/// Σ g and Σ g · x̂ for every channel of one set, with g the gradient that reaches the normalized number.
fn line_sums<'a, T: Element>(
    epilogue: impl Function<T>,
    inner: usize,
    lines: &[Line<T>],
    pairs: impl Iterator<Item = (&'a [T], &'a [T])>,
    mean: T,
    scale: T,
) -> Vec<[T; 2]> {
    const LANES: usize = 16;
    let mut sums = vec![[T::zero(); 2]; lines.len()];
    for (x, grad) in pairs {
        let channels = x.chunks_exact(inner).zip(grad.chunks_exact(inner));
        for (([plain, along], line), (x, grad)) in sums.iter_mut().zip(lines).zip(channels) {
            let mut lanes = [[T::zero(); LANES]; 2];
            let mut add = |lane: usize, v: T, g: T| {
                let g = epilogue.pass(g, line.at(v));
                lanes[0][lane] += g;
                lanes[1][lane] += g * (v - mean);
            };
            let ((xs, x_rest), (gs, g_rest)) = (x.as_chunks::<LANES>(), grad.as_chunks::<LANES>());
            x_rest.iter().zip(g_rest).for_each(|(&v, &g)| add(0, v, g));
            for (x, g) in xs.iter().zip(gs) {
                (0..LANES).for_each(|lane| add(lane, x[lane], g[lane]));
            }
            *plain += lanes[0].into_iter().sum();
            *along += scale * lanes[1].into_iter().sum::<T>();
        }
    }
    sums
}
