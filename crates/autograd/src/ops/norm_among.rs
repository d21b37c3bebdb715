//! Batch normalization of a batch in parts.

use crate::{Call, Meeting, Op, Reads, Var};
use mirrorgrad_tensor::{
    Element, Epilogue, NormLayout, NormMoments, NormStats, NormSums, Normalization, Tensor,
};
use std::sync::Arc;

/// The sum over all parts. It is its own adjoint: what each part puts in reaches all, and the gradients of all reach it.
#[derive(Debug)]
struct SumOfAll<T: Element>(Arc<dyn Meeting<T>>);

impl<T: Element> Op<T> for SumOfAll<T> {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let all = self.0.gather(x[0]).into_iter();
        (all.reduce(|sum, part| sum.plus(&part)).expect("one part is this one"), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        sum_of_all(&self.0, grad)
    }
}

fn sum_of_all<T: Element>(meeting: &Arc<dyn Meeting<T>>, x: &Var<T>) -> Var<T> {
    Var::apply(SumOfAll(Arc::clone(meeting)), &[x])
}

/// Operands: input, weight, bias.
#[derive(Debug)]
struct NormalizeAmong<T: Element> {
    norm: Normalization,
    meeting: Arc<dyn Meeting<T>>,
}

impl<T: Element> NormalizeAmong<T> {
    /// The definition, in differentiable calls: what gradients of gradients are taken from.
    fn composed(&self, operands: &[Var<T>], count: T) -> Var<T> {
        let [x, weight, bias] = operands else { unreachable!("there are three operands") };
        let NormLayout { repeats, sets, inner, .. } = self.norm.layout;
        let by_set = x.reshape([repeats, sets, inner]);
        let mean_of_all = |of: &Var<T>| {
            sum_of_all(&self.meeting, &of.sum_axes_keep(&[0, 2])).mul_scalar(count.recip())
        };
        let centred = &by_set - &mean_of_all(&by_set);
        let variance = mean_of_all(&(&centred * &centred));
        let normal = centred / variance.add_scalar(T::of(self.norm.eps)).sqrt();
        let column = [sets, 1];
        let y = (normal * weight.reshape(column) + bias.reshape(column)).reshape(x.shape());
        match self.norm.epilogue {
            Epilogue::Identity => y,
            Epilogue::Relu => y.relu(),
        }
    }
}

impl<T: Element> Op<T> for NormalizeAmong<T> {
    /// The statistics, and the numbers of a channel: of all parts.
    type Saved = (NormStats<T>, T);

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, (NormStats<T>, T)) {
        let own = self.norm.moments(x[0]);
        let all = self.meeting.gather(&own.0).into_iter().map(NormMoments);
        let (stats, count) = NormMoments::joined(all).stats();
        (self.norm.forward_by(x[0], x[1], x[2], &stats), (stats, count))
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, Self::Saved>, grad: &Var<T>) -> Var<T> {
        let &(_, count) = call.saved();
        call.composed_vjp(i, grad, |operands| self.composed(operands, count))
    }

    fn fused(
        &self,
        _: &[bool],
        call: &Call<'_, T, Self::Saved>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let [x, weight, bias] = [0, 1, 2].map(|i| call.value(i));
        let (stats, count) = call.saved();
        let own = self.norm.sums(x, weight, bias, stats, grad);
        let all = NormSums::joined(self.meeting.gather(&own.0).into_iter().map(NormSums));
        let to_x = self.norm.backward_by([x, weight, bias], stats, grad, &all, *count);
        let [to_weight, to_bias] = self.norm.to_weight_and_bias(&own);
        let (to_weight, to_bias) =
            (to_weight.reshape(weight.shape()), to_bias.reshape(bias.shape()));
        Some(vec![Some(to_x), Some(to_weight), Some(to_bias)])
    }
}

/// As [`batch_norm`](super::batch_norm), of a batch of which `x` is one part: mean and variance are those of all parts.
/// Also returns how many numbers of a channel they have together.
///
/// Gradients are those of the sum of what all parts come to: each part finds its own, which add up.
///
/// ```
/// # use mirrorgrad_autograd::{Meeting, Var, ops::batch_norm_among};
/// # use mirrorgrad_tensor::{Epilogue, Tensor};
/// # use std::sync::Arc;
/// # #[derive(Debug)]
/// # struct SecondPart;
/// # impl Meeting<f64> for SecondPart {
/// #     fn place(&self) -> usize {
/// #         1
/// #     }
/// #     fn gather(&self, mine: &Tensor<f64>) -> Vec<Tensor<f64>> {
/// #         // One channel: two numbers of mean 7, both 1 from it.
/// #         vec![Tensor::new([1, 3], [2.0, 7.0, 2.0]), mine.clone()]
/// #     }
/// # }
/// let x = Var::constant([[1.0_f64], [3.0]].into());
/// let (one, zero) = (Var::constant([1.0].into()), Var::constant([0.0].into()));
/// // Another part has 6 and 8.
/// let (_, stats, count) =
///     batch_norm_among(Arc::new(SecondPart), &x, &one, &zero, 0.0, Epilogue::Identity);
/// assert_eq!((stats.mean, count), ([4.5].into(), 4.0));
/// ```
///
/// # Panics
/// If the sizes do not match, or another part has failed.
#[track_caller]
pub fn batch_norm_among<T: Element>(
    meeting: Arc<dyn Meeting<T>>,
    x: &Var<T>,
    weight: &Var<T>,
    bias: &Var<T>,
    eps: f64,
    epilogue: Epilogue,
) -> (Var<T>, NormStats<T>, T) {
    let layout = NormLayout::batch(x.shape());
    layout.check("batch_norm_among", x.value(), [weight.value(), bias.value()]);
    let norm = Normalization { epilogue, ..Normalization::new(layout, eps) };
    let (y, (stats, count)) =
        Var::apply_saving(NormalizeAmong { norm, meeting }, &[x, weight, bias]);
    (y, stats, count)
}
