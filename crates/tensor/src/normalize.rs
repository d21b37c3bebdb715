//! Normalization to mean 0 and variance 1, with gain and bias, in one pass of each direction.
//!
//! Batch, group and layer normalization differ only in which elements share a mean and which share a
//! gain. A [`NormLayout`] says both; one kernel serves all three.

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
    fn check<T: Element>(&self, x: &Tensor<T>, gain: &Tensor<T>) {
        assert_eq!(x.len(), self.repeats * self.sets * self.row(), "norm: layout of another shape");
        assert_eq!(gain.len(), self.gains(), "norm: expected one gain and bias a channel");
    }
}

/// The mean and the (biased) variance of every set, each of shape `[sets]`.
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, Tensor, normalize};
/// let x = Tensor::from([[1.0, 3.0], [4.0, 8.0]]);
/// let layout = NormLayout::layer(x.shape(), &[2]);
/// let (_, stats) = normalize(&layout, &x, &Tensor::ones([2]), &Tensor::zeros([2]), 1e-5);
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

impl<T: Element> NormStats<T> {
    /// Mean and `1 / √(variance + eps)` of a set.
    fn of(&self, set: usize, eps: f64) -> (T, T) {
        let deviation = (self.variance.as_slice()[set] + T::of(eps)).sqrt();
        (self.mean.as_slice()[set], deviation.recip())
    }
}

/// `gain · (x − mean) / √(variance + eps) + bias`, and the statistics it used.
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, Tensor, normalize};
/// // A batch of two, of one channel: mean 6, standard deviation 2.
/// let x = Tensor::from([[4.0], [8.0]]);
/// let (gain, bias) = (Tensor::from([3.0]), Tensor::from([1.0]));
/// let (y, _) = normalize(&NormLayout::batch(x.shape()), &x, &gain, &bias, 0.0);
/// assert_eq!(y, Tensor::from([[1.0 - 3.0], [1.0 + 3.0]]));
/// ```
///
/// # Panics
/// If the layout is of another shape, or gain or bias have other sizes.
#[track_caller]
pub fn normalize<T: Element>(
    layout: &NormLayout,
    x: &Tensor<T>,
    gain: &Tensor<T>,
    bias: &Tensor<T>,
    eps: f64,
) -> (Tensor<T>, NormStats<T>) {
    layout.check(x, gain);
    layout.check(x, bias);
    let (mean, variance): (Vec<T>, Vec<T>) = (0..layout.sets)
        .into_par_iter()
        .with_min_len((parallel::GRAIN / layout.set_len().max(1)).max(1))
        .map(|set| {
            let rows = layout.rows_of(set, x.as_slice()).flat_map(|row| row.chunks(ROW));
            let moments = rows.map(Moments::of).fold(Moments::default(), Moments::join);
            (moments.mean, moments.squares / moments.count)
        })
        .unzip();
    let stats = NormStats {
        mean: Tensor::new([layout.sets], mean),
        variance: Tensor::new([layout.sets], variance),
    };
    let y = Tensor::build(x.shape(), |out| {
        layout.rows_by_set(out).into_par_iter().enumerate().for_each(|(set, rows)| {
            let (mean, scale) = stats.of(set, eps);
            let gains = layout.gains_of(set, gain).iter().zip(layout.gains_of(set, bias));
            for (out, x) in rows.into_iter().zip(layout.rows_of(set, x.as_slice())) {
                let lines = out.chunks_exact_mut(layout.inner).zip(x.chunks_exact(layout.inner));
                for ((out, x), (&gain, &bias)) in lines.zip(gains.clone()) {
                    let (slope, offset) = (gain * scale, bias - gain * scale * mean);
                    out.iter_mut().zip(x).for_each(|(o, &v)| *o = v * slope + offset);
                }
            }
        });
    });
    (y, stats)
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

/// The gradients of [`normalize`] with respect to `x`, `gain` and `bias`, the statistics moving with
/// `x`. With x̂ the normalized input and g = gain · grad, the first is
/// `(g − mean(g) − x̂ · mean(g · x̂)) / √(variance + eps)` (Ioffe & Szegedy 2015, section 3).
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, Tensor, normalize, normalize_backward};
/// let x = Tensor::new([1, 1, 4], [2.0, 2.0, 6.0, 6.0]);
/// let layout = NormLayout::batch(x.shape());
/// # let (gain, bias) = (Tensor::ones([1]), Tensor::zeros([1]));
/// let (_, stats) = normalize(&layout, &x, &gain, &bias, 0.0);
/// let grad = Tensor::new([1, 1, 4], [4.0, 0.0, 0.0, 0.0]);
/// let [to_x, to_gain, to_bias] = normalize_backward(&layout, &x, &gain, &stats, 0.0, &grad);
/// // It sums to 0: a constant added to `x` changes nothing.
/// assert_eq!(to_x.as_slice(), [1.0, -1.0, 0.0, 0.0]);
/// assert_eq!([to_gain.item(), to_bias.item()], [-4.0, 4.0]);
/// ```
///
/// # Panics
/// If the layout is of another shape, or `grad` has another shape than `x`.
#[track_caller]
pub fn normalize_backward<T: Element>(
    layout: &NormLayout,
    x: &Tensor<T>,
    gain: &Tensor<T>,
    stats: &NormStats<T>,
    eps: f64,
    grad: &Tensor<T>,
) -> [Tensor<T>; 3] {
    layout.check(x, gain);
    assert_eq!(x.shape(), grad.shape(), "norm: gradient and input differ in shape");
    if x.is_empty() {
        let zeros = || Tensor::zeros([layout.gains()]);
        return [Tensor::zeros(x.shape()), zeros(), zeros()];
    }
    let count = T::of(layout.set_len() as f64);
    let mut sums: Vec<Vec<[T; 2]>> = Vec::new();
    let to_x = Tensor::build(x.shape(), |out| {
        let rows = layout.rows_by_set(out).into_par_iter().enumerate();
        sums = rows
            .map(|(set, rows)| {
                let (mean, scale) = stats.of(set, eps);
                let pairs =
                    || layout.rows_of(set, x.as_slice()).zip(layout.rows_of(set, grad.as_slice()));
                let sums = channel_sums(layout, pairs(), mean, scale);
                let gains = layout.gains_of(set, gain);
                let mut means = [T::zero(); 2];
                for (sums, &gain) in sums.iter().zip(gains) {
                    means = [means[0] + gain * sums[0], means[1] + gain * sums[1]];
                }
                let [plain, along] = means.map(|sum| sum / count);
                for (out, (x, grad)) in rows.into_iter().zip(pairs()) {
                    let lines = out
                        .chunks_exact_mut(layout.inner)
                        .zip(x.chunks_exact(layout.inner).zip(grad.chunks_exact(layout.inner)));
                    for ((out, (x, grad)), &gain) in lines.zip(gains) {
                        // scale · (gain · grad − plain − (x − mean) · scale · along), regrouped.
                        let (a, b) = (gain * scale, along * scale * scale);
                        let c = b * mean - plain * scale;
                        for ((o, &v), &g) in out.iter_mut().zip(x).zip(grad) {
                            *o = a * g - b * v + c;
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

/// Σ grad and Σ grad · x̂ for every channel of one set.
fn channel_sums<'a, T: Element>(
    layout: &NormLayout,
    pairs: impl Iterator<Item = (&'a [T], &'a [T])>,
    mean: T,
    scale: T,
) -> Vec<[T; 2]> {
    const LANES: usize = 16;
    let mut sums = vec![[T::zero(); 2]; layout.channels];
    for (x, grad) in pairs {
        let lines = x.chunks_exact(layout.inner).zip(grad.chunks_exact(layout.inner));
        for ([plain, along], (x, grad)) in sums.iter_mut().zip(lines) {
            let mut lanes = [[T::zero(); LANES]; 2];
            let ((xs, x_rest), (gs, g_rest)) = (x.as_chunks::<LANES>(), grad.as_chunks::<LANES>());
            for (&v, &g) in x_rest.iter().zip(g_rest) {
                lanes[0][0] += g;
                lanes[1][0] += g * (v - mean);
            }
            for (x, g) in xs.iter().zip(gs) {
                for lane in 0..LANES {
                    lanes[0][lane] += g[lane];
                    lanes[1][lane] += g[lane] * (x[lane] - mean);
                }
            }
            *plain += lanes[0].into_iter().sum();
            *along += scale * lanes[1].into_iter().sum::<T>();
        }
    }
    sums
}
