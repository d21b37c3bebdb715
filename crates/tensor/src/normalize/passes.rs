//! The passes over memory: a set at a time, so that what is read twice is near the second time.

use super::{NormLayout, NormStats, Normalization};
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
                let moments = self.moments_of(set, x);
                let (mean, variance) = (moments.mean, moments.squares / moments.count);
                let lines = self.lines(set, weight, bias, mean, variance);
                self.write_set(epilogue, set, &lines, x, rows);
                (mean, variance)
            });
            (mean, variance) = found.into_iter().unzip();
        });
        let [mean, variance] = [mean, variance].map(|of| Tensor::new([layout.sets], of));
        (y, NormStats { mean, variance })
    }

    /// By statistics that are known.
    pub(super) fn forward_then_by<T: Element>(
        &self,
        epilogue: impl Function<T>,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
    ) -> Tensor<T> {
        Tensor::build(x.shape(), |out| {
            run_tasks(self.layout.rows_by_set(out), x.len(), &|set, rows| {
                let [mean, variance] = stats.of_set(set);
                let lines = self.lines(set, weight, bias, mean, variance);
                self.write_set(epilogue, set, &lines, x, rows);
            });
        })
    }

    pub(super) fn moments_of<T: Element>(&self, set: usize, x: &Tensor<T>) -> Moments<T> {
        let rows = self.layout.rows_of(set, x.as_slice());
        let parts = rows.flat_map(|row| row.chunks(ROW));
        parts.map(Moments::of).fold(Moments::default(), Moments::join)
    }

    fn write_set<T: Element>(
        &self,
        epilogue: impl Function<T>,
        set: usize,
        lines: &[Line<T>],
        x: &Tensor<T>,
        out: Vec<&mut [T]>,
    ) {
        let inner = self.layout.inner;
        for (out, x) in out.into_iter().zip(self.layout.rows_of(set, x.as_slice())) {
            let channels = out.chunks_exact_mut(inner).zip(x.chunks_exact(inner));
            for ((out, x), line) in channels.zip(lines) {
                out.iter_mut().zip(x).for_each(|(o, &v)| *o = epilogue.value(line.at(v)));
            }
        }
    }

    pub(super) fn backward_then<T: Element>(
        &self,
        epilogue: impl Function<T>,
        of: &Backward<'_, T>,
    ) -> [Tensor<T>; 3] {
        let count = T::of(self.layout.set_len() as f64);
        let mut sums: Vec<Vec<[T; 2]>> = Vec::new();
        let to_x = Tensor::build(of.x.shape(), |out| {
            sums = run_tasks(self.layout.rows_by_set(out), of.x.len(), &|set, rows| {
                let sums = self.sums_of(epilogue, set, of);
                self.write_gradient(epilogue, set, of, &sums, count, rows);
                sums
            });
        });
        let [to_weight, to_bias] = self.gradients_of_weights(&sums);
        [to_x, to_weight, to_bias]
    }

    /// By sums over `count` numbers of each set, of which those of `x` are some.
    pub(super) fn backward_then_by<T: Element>(
        &self,
        epilogue: impl Function<T>,
        of: &Backward<'_, T>,
        sums: &[Vec<[T; 2]>],
        count: T,
    ) -> Tensor<T> {
        Tensor::build(of.x.shape(), |out| {
            run_tasks(self.layout.rows_by_set(out), of.x.len(), &|set, rows| {
                self.write_gradient(epilogue, set, of, &sums[set], count, rows);
            });
        })
    }

    /// Σ g and Σ g · x̂ for every channel of every set, with g the gradient that reaches the normalized number.
    pub(super) fn sums_then<T: Element>(
        &self,
        epilogue: impl Function<T>,
        of: &Backward<'_, T>,
    ) -> Vec<Vec<[T; 2]>> {
        let sets = (0..self.layout.sets).collect();
        run_tasks(sets, of.x.len(), &|_, set| self.sums_of(epilogue, set, of))
    }

    fn sums_of<T: Element>(
        &self,
        epilogue: impl Function<T>,
        set: usize,
        of: &Backward<'_, T>,
    ) -> Vec<[T; 2]> {
        let [mean, variance] = of.stats.of_set(set);
        let lines = self.lines(set, of.weight, of.bias, mean, variance);
        let pairs = of.pairs(&self.layout, set);
        line_sums(epilogue, self.layout.inner, &lines, pairs, mean, self.scale(variance))
    }

    fn write_gradient<T: Element>(
        &self,
        epilogue: impl Function<T>,
        set: usize,
        of: &Backward<'_, T>,
        sums: &[[T; 2]],
        count: T,
        rows: Vec<&mut [T]>,
    ) {
        let layout = &self.layout;
        let [mean, variance] = of.stats.of_set(set);
        let scale = self.scale(variance);
        let lines = self.lines(set, of.weight, of.bias, mean, variance);
        let mut means = [T::zero(); 2];
        for (sums, &weight) in sums.iter().zip(layout.weights_of(set, of.weight)) {
            means = [means[0] + weight * sums[0], means[1] + weight * sums[1]];
        }
        let [plain, along] = means.map(|sum| sum / count);
        // scale · (weight · grad − plain − (x − mean) · scale · along), regrouped.
        let b = along * scale * scale;
        let c = b * mean - plain * scale;
        for (out, (x, grad)) in rows.into_iter().zip(of.pairs(layout, set)) {
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
    }

    /// The gradients to weight and bias, from the sums of every set.
    pub(super) fn gradients_of_weights<T: Element>(&self, sums: &[Vec<[T; 2]>]) -> [Tensor<T>; 2] {
        let layout = &self.layout;
        let mut to_weight = vec![T::zero(); layout.weights()];
        let mut to_bias = to_weight.clone();
        for (set, sums) in sums.iter().enumerate() {
            let first = (set % layout.period) * layout.channels;
            for (channel, &[plain, along]) in sums.iter().enumerate() {
                to_bias[first + channel] += plain;
                to_weight[first + channel] += along;
            }
        }
        [to_weight, to_bias].map(|of| Tensor::new([layout.weights()], of))
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

/// What a way back is found from.
pub(super) struct Backward<'a, T: Element> {
    pub x: &'a Tensor<T>,
    pub weight: &'a Tensor<T>,
    pub bias: &'a Tensor<T>,
    pub stats: &'a NormStats<T>,
    pub grad: &'a Tensor<T>,
}

impl<'a, T: Element> Backward<'a, T> {
    /// The rows of a set, and the gradients that reach them.
    fn pairs<'l>(
        &self,
        layout: &'l NormLayout,
        set: usize,
    ) -> impl Iterator<Item = (&'a [T], &'a [T])> + use<'a, 'l, T> {
        layout.rows_of(set, self.x.as_slice()).zip(layout.rows_of(set, self.grad.as_slice()))
    }
}

/// Elements that fit the first cache, to be read twice.
const ROW: usize = 4096;

/// Mean and summed squared distances of some numbers: found in one pass over memory.
#[derive(Clone, Copy, Default)]
pub(super) struct Moments<T> {
    pub count: T,
    pub mean: T,
    pub squares: T,
}

impl<T: Element> Moments<T> {
    fn of(values: &[T]) -> Self {
        let count = T::of(values.len() as f64);
        let mean = sum_lanes(values, |v| v) / count;
        Self { count, mean, squares: sum_lanes(values, |v| (v - mean) * (v - mean)) }
    }

    /// Those of both together (Chan, Golub & LeVeque 1979).
    pub fn join(self, other: Self) -> Self {
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
