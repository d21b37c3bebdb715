//! Normalization over more than one tensor: sets whose numbers are shared out to several, each of which has some.

use super::passes::{Backward, Identity, Moments, Relu};
use super::{Epilogue, NormStats, Normalization};
use crate::parallel::run_tasks;
use crate::{Element, Tensor, check};

/// How many numbers each set has, their mean and their summed squared distances from it: `[sets, 3]`.
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, NormMoments, Normalization};
/// let norm = Normalization::new(NormLayout::batch(&[2, 1]), 0.0);
/// let of = |numbers: [f64; 2]| norm.moments(&[[numbers[0]], [numbers[1]]].into());
/// let all = NormMoments::joined([of([1.0, 3.0]), of([5.0, 7.0])]);
/// let (stats, count) = all.stats();
/// assert_eq!((stats.mean, stats.variance, count), ([4.0].into(), [5.0].into(), 4.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NormMoments<T: Element>(pub Tensor<T>);

impl<T: Element> NormMoments<T> {
    /// Those of all together: neighbours are joined, then neighbouring pairs, and so on, so that the bits depend on
    /// their number alone.
    ///
    /// # Panics
    /// If there are none, or of other sets.
    #[track_caller]
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Self {
        let all: Vec<Self> = all.into_iter().collect();
        check_alike("norm moments", all.first().map(|first| &first.0), all.iter().map(|of| &of.0));
        let join = |left: Self, right: Self| {
            let both = left.rows().zip(right.rows());
            let rows = both.map(|(left, right)| left.join(right)).collect::<Vec<_>>();
            Self::of(&rows)
        };
        by_tree(all, join)
    }

    /// Mean and biased variance of each set, and how many numbers it has.
    pub fn stats(&self) -> (NormStats<T>, T) {
        let rows: Vec<_> = self.rows().collect();
        let of = |value: fn(&Moments<T>) -> T| {
            Tensor::new([rows.len()], rows.iter().map(value).collect::<Vec<_>>())
        };
        let stats = NormStats { mean: of(|m| m.mean), variance: of(|m| m.squares / m.count) };
        (stats, rows.first().map_or(T::zero(), |row| row.count))
    }

    fn rows(&self) -> impl Iterator<Item = Moments<T>> {
        let (rows, _) = self.0.as_slice().as_chunks();
        rows.iter().map(|&[count, mean, squares]| Moments { count, mean, squares })
    }

    fn of(rows: &[Moments<T>]) -> Self {
        let numbers = rows.iter().flat_map(|row| [row.count, row.mean, row.squares]);
        Self(Tensor::new([rows.len(), 3], numbers.collect::<Vec<_>>()))
    }
}

/// Of each channel of each set, Σ g and Σ g · x̂ over its numbers x̂ and the gradients g that reach them:
/// `[sets, channels, 2]`.
///
/// ```
/// # use mirrorgrad_tensor::{NormSums, Tensor};
/// let of = |plain: f64, along: f64| NormSums(Tensor::new([1, 1, 2], [plain, along]));
/// assert_eq!(NormSums::joined([of(1.0, 2.0), of(3.0, 4.0)]), of(4.0, 6.0));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct NormSums<T: Element>(pub Tensor<T>);

impl<T: Element> NormSums<T> {
    /// Those of all together, in the order of [`NormMoments::joined`].
    ///
    /// # Panics
    /// If there are none, or of other sets.
    #[track_caller]
    pub fn joined(all: impl IntoIterator<Item = Self>) -> Self {
        let all: Vec<Self> = all.into_iter().collect();
        check_alike("norm sums", all.first().map(|first| &first.0), all.iter().map(|of| &of.0));
        by_tree(all, |left, right| Self(left.0.plus(&right.0)))
    }

    fn by_set(&self) -> Vec<Vec<[T; 2]>> {
        let channels = self.0.shape()[1];
        let (pairs, _) = self.0.as_slice().as_chunks();
        pairs.chunks(channels.max(1)).map(<[_]>::to_vec).collect()
    }
}

/// Refuses none, and tensors of different shapes.
#[track_caller]
fn check_alike<'a, T: Element>(
    name: &str,
    first: Option<&Tensor<T>>,
    all: impl Iterator<Item = &'a Tensor<T>>,
) {
    let Some(first) = first else { panic!("{name}: expected one or more, got none") };
    for other in all {
        check::same_shape(name, first.shape(), other.shape());
    }
}

/// One out of all: neighbours, then neighbouring pairs, and so on.
fn by_tree<V>(mut all: Vec<V>, join: impl Fn(V, V) -> V) -> V {
    while all.len() > 1 {
        let mut from = all.into_iter();
        all = Vec::new();
        while let Some(left) = from.next() {
            all.push(match from.next() {
                Some(right) => join(left, right),
                None => left,
            });
        }
    }
    all.remove(0)
}

impl Normalization {
    /// What a tensor adds to the statistics of its sets.
    ///
    /// # Panics
    /// If it is not the layout's.
    #[track_caller]
    pub fn moments<T: Element>(&self, x: &Tensor<T>) -> NormMoments<T> {
        let ones = Tensor::ones([self.layout.weights()]);
        self.layout.check("norm", x, [&ones, &ones]);
        let sets = (0..self.layout.sets).collect();
        NormMoments::of(&run_tasks(sets, x.len(), &|_, set| self.moments_of(set, x)))
    }

    /// As [`forward`](Self::forward), by statistics that were found before.
    ///
    /// # Panics
    /// If the operands or the statistics are not the layout's.
    #[track_caller]
    pub fn forward_by<T: Element>(
        &self,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
    ) -> Tensor<T> {
        self.check_all(x, weight, bias, stats);
        match self.epilogue {
            Epilogue::Identity => self.forward_then_by(Identity, x, weight, bias, stats),
            Epilogue::Relu => self.forward_then_by(Relu, x, weight, bias, stats),
        }
    }

    /// What a tensor adds to the sums that gradients need.
    ///
    /// # Panics
    /// If the operands, the statistics or the gradient are not the layout's.
    #[track_caller]
    pub fn sums<T: Element>(
        &self,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
        grad: &Tensor<T>,
    ) -> NormSums<T> {
        self.check_all(x, weight, bias, stats);
        check::same_shape("norm", x.shape(), grad.shape());
        let of = Backward { x, weight, bias, stats, grad };
        let sums = match self.epilogue {
            Epilogue::Identity => self.sums_then(Identity, &of),
            Epilogue::Relu => self.sums_then(Relu, &of),
        };
        let numbers: Vec<T> = sums.into_iter().flatten().flatten().collect();
        NormSums(Tensor::new([self.layout.sets, self.layout.channels, 2], numbers))
    }

    /// The gradient to `x`, by the sums over all `count` numbers of each set.
    ///
    /// # Panics
    /// If the operands, the statistics, the gradient or the sums are not the layout's.
    #[track_caller]
    pub fn backward_by<T: Element>(
        &self,
        [x, weight, bias]: [&Tensor<T>; 3],
        stats: &NormStats<T>,
        grad: &Tensor<T>,
        all: &NormSums<T>,
        count: T,
    ) -> Tensor<T> {
        self.check_all(x, weight, bias, stats);
        check::same_shape("norm", x.shape(), grad.shape());
        check::same_shape("norm", &[self.layout.sets, self.layout.channels, 2], all.0.shape());
        let of = Backward { x, weight, bias, stats, grad };
        let all = all.by_set();
        match self.epilogue {
            Epilogue::Identity => self.backward_then_by(Identity, &of, &all, count),
            Epilogue::Relu => self.backward_then_by(Relu, &of, &all, count),
        }
    }

    /// The gradients to weight and bias that a tensor's own sums are.
    ///
    /// # Panics
    /// If the sums are not the layout's.
    #[track_caller]
    pub fn to_weight_and_bias<T: Element>(&self, own: &NormSums<T>) -> [Tensor<T>; 2] {
        check::same_shape("norm", &[self.layout.sets, self.layout.channels, 2], own.0.shape());
        self.gradients_of_weights(&own.by_set())
    }
}
