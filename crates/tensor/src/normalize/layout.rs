//! Which numbers are normalized together.

use crate::{Element, Tensor};

/// Which elements of a tensor are normalized together, and which weight each is multiplied with.
///
/// The tensor is seen as `[repeats, sets, channels, inner]`. Element `(r, s, c, i)` belongs to the
/// set `s` and takes the weight `(s mod period) · channels + c`.
///
/// ```
/// # use mirrorgrad_tensor::NormLayout;
/// let shape = [4, 6, 2, 2];
/// let sizes = |layout: NormLayout| [layout.sets, layout.set_len(), layout.weights()];
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
    /// Sets after which the weights begin anew.
    pub period: usize,
    /// Gains within a set.
    pub channels: usize,
    /// Neighbouring elements that share a weight.
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

    /// The number of weights.
    pub fn weights(&self) -> usize {
        self.period * self.channels
    }

    /// Elements of one set.
    pub fn set_len(&self) -> usize {
        self.repeats * self.row()
    }

    pub(super) fn row(&self) -> usize {
        self.channels * self.inner
    }

    pub(super) fn rows_of<'a, T>(
        &self,
        set: usize,
        x: &'a [T],
    ) -> impl Iterator<Item = &'a [T]> + Clone {
        let (row, sets) = (self.row(), self.sets);
        (0..self.repeats).map(move |repeat| &x[(repeat * sets + set) * row..][..row])
    }

    /// The rows of `out` by set, for tasks that write one set each.
    pub(super) fn rows_by_set<'a, T>(&self, out: &'a mut [T]) -> Vec<Vec<&'a mut [T]>> {
        let mut rows: Vec<_> = (0..self.sets).map(|_| Vec::with_capacity(self.repeats)).collect();
        for (i, row) in out.chunks_exact_mut(self.row().max(1)).enumerate() {
            rows[i % self.sets].push(row);
        }
        rows
    }

    pub(super) fn weights_of<'a, T: Element>(&self, set: usize, weights: &'a Tensor<T>) -> &'a [T] {
        &weights.as_slice()[(set % self.period) * self.channels..][..self.channels]
    }

    /// Refuses operands that are not the layout's, in the name of a function.
    ///
    /// # Panics
    /// If there are other than its numbers, weights or biases.
    #[track_caller]
    pub fn check<T: Element>(&self, name: &str, x: &Tensor<T>, weight_and_bias: [&Tensor<T>; 2]) {
        let (shape, all) = (x.shape(), self.repeats * self.sets * self.row());
        assert!(x.len() == all, "{name}: expected {all} numbers, as in the layout, got {shape:?}");
        for (each, weights) in weight_and_bias.map(|each| (each, self.weights())) {
            assert!(
                each.len() == weights,
                "{name}: expected one weight and one bias per channel, {weights} for {shape:?}, got {:?}",
                each.shape()
            );
        }
    }
}
