//! Normalization to mean 0 and variance 1, with gain and bias, a set at a time in each direction.
//!
//! Batch, group and layer normalization differ only in which elements share a mean and which share a
//! gain. A [`NormLayout`] says both; one kernel serves all three. A relu behind it is done in passing
//! ([`After`]): the numbers are as near as they will be.

use crate::parallel::sum_lanes;
use crate::{Element, Tensor, parallel};
use rayon::prelude::*;

/// Which elements of a tensor are normalized together, and which gain each is multiplied with.
///
/// The tensor is seen as `[repeats, sets, channels, inner]`. Element `(r, s, c, i)` belongs to the
/// set `s` and takes the gain `(s mod period) · channels + c`.
///
/// ```
/// # use mirrorgrad_tensor::NormLayout;
/// let shape = [4, 6, 2, 2];
/// let sizes = |layout: NormLayout| [layout.sets, layout.set_len(), layout.gains()];
/// assert_eq!(sizes(NormLayout::batch(&shape)), [6, 4 * 2 * 2, 6]);
/// assert_eq!(sizes(NormLayout::group(&shape, 2)), [4 * 2, 3 * 2 * 2, 6]);
/// assert_eq!(sizes(NormLayout::layer(&shape, &[6, 2, 2])), [4, 6 * 2 * 2, 6 * 2 * 2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NormLayout {
    /// Places where each set appears again (the batch, for batch normalization).
    pub repeats: usize,
    /// Sets with a mean and a variance of their own.
    pub sets: usize,
    /// Sets after which the gains begin anew.
    pub period: usize,
    /// Gains within a set.
    pub channels: usize,
    /// Neighbouring elements that share a gain.
    pub inner: usize,
}

impl NormLayout {
    /// One set a channel of `[batch, channels, ..]`.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn batch(shape: &[usize]) -> Self {
        let &[repeats, sets, ref inner @ ..] = shape else {
            panic!("batch_norm: expected [batch, channels, ..], got {shape:?}")
        };
        Self { repeats, sets, period: sets, channels: 1, inner: inner.iter().product() }
    }

    /// One set a picture and group of channels of `[batch, channels, ..]`.
    ///
    /// # Panics
    /// If there are fewer than two axes or the groups do not divide the channels.
    #[track_caller]
    pub fn group(shape: &[usize], groups: usize) -> Self {
        let &[batch, channels, ref inner @ ..] = shape else {
            panic!("group_norm: expected [batch, channels, ..], got {shape:?}")
        };
        assert!(
            groups > 0 && channels % groups == 0,
            "group_norm: {groups} groups do not divide the {channels} channels of {shape:?}"
        );
        Self {
            repeats: 1,
            sets: batch * groups,
            period: groups,
            channels: channels / groups,
            inner: inner.iter().product(),
        }
    }

    /// One set for each block of the trailing axes of sizes `normalized`.
    ///
    /// # Panics
    /// If the shape does not end with them.
    #[track_caller]
    pub fn layer(shape: &[usize], normalized: &[usize]) -> Self {
        assert!(
            shape.ends_with(normalized),
            "layer_norm: shape {shape:?} does not end with {normalized:?}"
        );
        let channels = normalized.iter().product::<usize>();
        let sets = shape[..shape.len() - normalized.len()].iter().product();
        Self { repeats: 1, sets, period: 1, channels, inner: 1 }
    }

    /// The number of gains.
    pub fn gains(&self) -> usize {
        self.period * self.channels
    }

    /// Elements of one set.
    pub fn set_len(&self) -> usize {
        self.repeats * self.row()
    }

    fn row(&self) -> usize {
        self.channels * self.inner
    }

    fn rows_of<'a, T>(&self, set: usize, x: &'a [T]) -> impl Iterator<Item = &'a [T]> + Clone {
        let (row, sets) = (self.row(), self.sets);
        (0..self.repeats).map(move |repeat| &x[(repeat * sets + set) * row..][..row])
    }

    /// The rows of `out` by set, for tasks that write one set each.
    fn rows_by_set<'a, T>(&self, out: &'a mut [T]) -> Vec<Vec<&'a mut [T]>> {
        let mut rows: Vec<_> = (0..self.sets).map(|_| Vec::with_capacity(self.repeats)).collect();
        for (i, row) in out.chunks_exact_mut(self.row().max(1)).enumerate() {
            rows[i % self.sets].push(row);
        }
        rows
    }

    fn gains_of<'a, T: Element>(&self, set: usize, gains: &'a Tensor<T>) -> &'a [T] {
        &gains.as_slice()[(set % self.period) * self.channels..][..self.channels]
    }

    #[track_caller]
    fn check<T: Element>(&self, x: &Tensor<T>, gain_and_bias: [&Tensor<T>; 2]) {
        assert_eq!(x.len(), self.repeats * self.sets * self.row(), "norm: layout of another shape");
        for each in gain_and_bias {
            assert_eq!(each.len(), self.gains(), "norm: expected one gain and bias a channel");
        }
    }
}

/// The mean and the (biased) variance of every set, each of shape `[sets]`.
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, Normalization, Tensor};
/// let x = Tensor::from([[1.0, 3.0], [4.0, 8.0]]);
/// let norm = Normalization::new(NormLayout::layer(x.shape(), &[2]), 1e-5);
/// let (_, stats) = norm.forward(&x, &Tensor::ones([2]), &Tensor::zeros([2]));
/// assert_eq!(stats.mean, Tensor::from([2.0, 6.0]));
/// assert_eq!(stats.variance, Tensor::from([1.0, 4.0]));
/// ```
#[derive(Clone, Debug)]
pub struct NormStats<T: Element> {
    /// Means.
    pub mean: Tensor<T>,
    /// Mean squared distances from the mean.
    pub variance: Tensor<T>,
}

/// What becomes of a number once it is normalized, in the same pass.
///
/// ```
/// # use mirrorgrad_tensor::{After, NormLayout, Normalization, Tensor};
/// let x = Tensor::from([[4.0], [8.0]]);
/// let norm = Normalization::new(NormLayout::batch(x.shape()), 0.0);
/// let of = |after| Normalization { after, ..norm }.forward(&x, &[1.0].into(), &[0.5].into()).0;
/// assert_eq!(of(After::Nothing), Tensor::from([[-0.5], [1.5]]));
/// assert_eq!(of(After::Relu), Tensor::from([[0.0], [1.5]]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum After {
    /// It stays as it is.
    #[default]
    Nothing,
    /// max(·, 0).
    Relu,
}

/// A normalization: what is normalized together, and how.
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, Normalization, Tensor};
/// // A batch of two, of one channel: mean 6, standard deviation 2.
/// let x = Tensor::from([[4.0], [8.0]]);
/// let (gain, bias) = (Tensor::from([3.0]), Tensor::from([1.0]));
/// let norm = Normalization::new(NormLayout::batch(x.shape()), 0.0);
/// let (y, stats) = norm.forward(&x, &gain, &bias);
/// assert_eq!(y, Tensor::from([[1.0 - 3.0], [1.0 + 3.0]]));
/// // A constant added to `x` changes nothing, and two numbers become -1 and 1, whatever they are.
/// let grad = Tensor::from([[5.0], [0.0]]);
/// let [to_x, to_gain, to_bias] = norm.backward(&x, &gain, &bias, &stats, &grad);
/// assert_eq!(to_x, Tensor::from([[0.0], [0.0]]));
/// assert_eq!([to_gain.item(), to_bias.item()], [-5.0, 5.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Which elements share a mean, and which a gain.
    pub layout: NormLayout,
    /// Added to the variance.
    pub eps: f64,
    /// What follows in the same pass.
    pub after: After,
}

impl Normalization {
    /// With nothing after it.
    pub fn new(layout: NormLayout, eps: f64) -> Self {
        Self { layout, eps, after: After::Nothing }
    }

    /// `gain · (x − mean) / √(variance + eps) + bias`, and the statistics it used.
    ///
    /// # Panics
    /// If the layout is of another shape, or gain or bias have other sizes.
    #[track_caller]
    pub fn forward<T: Element>(
        &self,
        x: &Tensor<T>,
        gain: &Tensor<T>,
        bias: &Tensor<T>,
    ) -> (Tensor<T>, NormStats<T>) {
        self.layout.check(x, [gain, bias]);
        match self.after {
            After::Nothing => self.forward_then(AsItIs, x, gain, bias),
            After::Relu => self.forward_then(Relu, x, gain, bias),
        }
    }

    /// The gradients of [`forward`](Self::forward) with respect to `x`, `gain` and `bias`, the statistics
    /// moving with `x`. With x̂ the normalized input and g = gain · grad, the first is
    /// `(g − mean(g) − x̂ · mean(g · x̂)) / √(variance + eps)` (Ioffe & Szegedy 2015, section 3).
    ///
    /// # Panics
    /// If the layout is of another shape, or `grad` has another shape than `x`.
    #[track_caller]
    pub fn backward<T: Element>(
        &self,
        x: &Tensor<T>,
        gain: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
        grad: &Tensor<T>,
    ) -> [Tensor<T>; 3] {
        self.layout.check(x, [gain, bias]);
        assert_eq!(x.shape(), grad.shape(), "norm: gradient and input differ in shape");
        if x.is_empty() {
            let zeros = || Tensor::zeros([self.layout.gains()]);
            return [Tensor::zeros(x.shape()), zeros(), zeros()];
        }
        match self.after {
            After::Nothing => self.backward_then(AsItIs, x, gain, bias, stats, grad),
            After::Relu => self.backward_then(Relu, x, gain, bias, stats, grad),
        }
    }

    /// A set at a time, so that it is read a second time while it is near.
    fn forward_then<T: Element>(
        &self,
        finish: impl Finish<T>,
        x: &Tensor<T>,
        gain: &Tensor<T>,
        bias: &Tensor<T>,
    ) -> (Tensor<T>, NormStats<T>) {
        let layout = &self.layout;
        let (mut mean, mut variance) = (Vec::new(), Vec::new());
        let y = Tensor::build(x.shape(), |out| {
            let sets = layout.rows_by_set(out).into_par_iter().enumerate();
            (mean, variance) = sets
                .with_min_len((parallel::GRAIN / layout.set_len().max(1)).max(1))
                .map(|(set, rows)| {
                    let parts = layout.rows_of(set, x.as_slice()).flat_map(|row| row.chunks(ROW));
                    let moments = parts.map(Moments::of).fold(Moments::default(), Moments::join);
                    let (mean, variance) = (moments.mean, moments.squares / moments.count);
                    let lines = self.lines(set, gain, bias, mean, variance);
                    for (out, x) in rows.into_iter().zip(layout.rows_of(set, x.as_slice())) {
                        let channels =
                            out.chunks_exact_mut(layout.inner).zip(x.chunks_exact(layout.inner));
                        for ((out, x), line) in channels.zip(&lines) {
                            out.iter_mut().zip(x).for_each(|(o, &v)| *o = finish.value(line.at(v)));
                        }
                    }
                    (mean, variance)
                })
                .unzip();
        });
        let [mean, variance] = [mean, variance].map(|of| Tensor::new([layout.sets], of));
        (y, NormStats { mean, variance })
    }

    fn backward_then<T: Element>(
        &self,
        finish: impl Finish<T>,
        x: &Tensor<T>,
        gain: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
        grad: &Tensor<T>,
    ) -> [Tensor<T>; 3] {
        let layout = &self.layout;
        let count = T::of(layout.set_len() as f64);
        let mut sums: Vec<Vec<[T; 2]>> = Vec::new();
        let to_x = Tensor::build(x.shape(), |out| {
            let rows = layout.rows_by_set(out).into_par_iter().enumerate();
            sums = rows
                .map(|(set, rows)| {
                    let [mean, variance] =
                        [&stats.mean, &stats.variance].map(|stat| stat.as_slice()[set]);
                    let scale = self.scale(variance);
                    let lines = self.lines(set, gain, bias, mean, variance);
                    let pairs = || {
                        layout.rows_of(set, x.as_slice()).zip(layout.rows_of(set, grad.as_slice()))
                    };
                    let sums = line_sums(finish, layout.inner, &lines, pairs(), mean, scale);
                    let gains = layout.gains_of(set, gain);
                    let mut means = [T::zero(); 2];
                    for (sums, &gain) in sums.iter().zip(gains) {
                        means = [means[0] + gain * sums[0], means[1] + gain * sums[1]];
                    }
                    let [plain, along] = means.map(|sum| sum / count);
                    // scale · (gain · grad − plain − (x − mean) · scale · along), regrouped.
                    let b = along * scale * scale;
                    let c = b * mean - plain * scale;
                    for (out, (x, grad)) in rows.into_iter().zip(pairs()) {
                        let channels = out
                            .chunks_exact_mut(layout.inner)
                            .zip(x.chunks_exact(layout.inner).zip(grad.chunks_exact(layout.inner)));
                        for ((out, (x, grad)), line) in channels.zip(&lines) {
                            let a = line.slope;
                            for ((o, &v), &g) in out.iter_mut().zip(x).zip(grad) {
                                *o = a * (g * finish.slope(line.at(v))) - b * v + c;
                            }
                        }
                    }
                    sums
                })
                .collect();
        });
        let mut to_gain = vec![T::zero(); layout.gains()];
        let mut to_bias = to_gain.clone();
        for (set, sums) in sums.iter().enumerate() {
            let first = (set % layout.period) * layout.channels;
            for (channel, &[plain, along]) in sums.iter().enumerate() {
                to_bias[first + channel] += plain;
                to_gain[first + channel] += along;
            }
        }
        [to_x, Tensor::new([layout.gains()], to_gain), Tensor::new([layout.gains()], to_bias)]
    }

    fn scale<T: Element>(&self, variance: T) -> T {
        (variance + T::of(self.eps)).sqrt().recip()
    }

    /// What each channel of a set does to a number.
    fn lines<T: Element>(
        &self,
        set: usize,
        gain: &Tensor<T>,
        bias: &Tensor<T>,
        mean: T,
        variance: T,
    ) -> Vec<Line<T>> {
        let scale = self.scale(variance);
        let gains = self.layout.gains_of(set, gain).iter().zip(self.layout.gains_of(set, bias));
        gains
            .map(|(&gain, &bias)| Line { slope: gain * scale, offset: bias - gain * scale * mean })
            .collect()
    }
}

/// Normalization of one channel, with gain and bias.
struct Line<T> {
    slope: T,
    offset: T,
}

impl<T: Element> Line<T> {
    fn at(&self, v: T) -> T {
        v * self.slope + self.offset
    }
}

/// [`After`] as a type, so that each has loops of its own.
trait Finish<T>: Copy + Send + Sync {
    fn value(self, y: T) -> T;

    /// The derivative of the value.
    fn slope(self, y: T) -> T;
}

#[derive(Clone, Copy)]
struct AsItIs;

impl<T: Element> Finish<T> for AsItIs {
    fn value(self, y: T) -> T {
        y
    }

    fn slope(self, _: T) -> T {
        T::one()
    }
}

#[derive(Clone, Copy)]
struct Relu;

impl<T: Element> Finish<T> for Relu {
    /// NaN stays NaN.
    fn value(self, y: T) -> T {
        if y < T::zero() { T::zero() } else { y }
    }

    fn slope(self, y: T) -> T {
        if y > T::zero() { T::one() } else { T::zero() }
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
    finish: impl Finish<T>,
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
                let g = g * finish.slope(line.at(v));
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
