//! What every program uses, for both types of numbers: nothing calls it, but what it names is compiled in this crate
//! and shared by all that are built on it without full optimization, as tests are, instead of once in each of them.

use crate::Var;
use crate::ops::{self, Reduction};
use mirrorgrad_tensor::{
    AverageCount, ClassTargets, Corners, Element, Epilogue, Form, Indices, PixelLoss, PoolIndices,
    Tensor,
};

#[used]
static F32: fn(Operands<'_, f32>) = every_op;
#[used]
static F64: fn(Operands<'_, f64>) = every_op;

struct Operands<'a, T: Element> {
    x: &'a Var<T>,
    y: &'a Var<T>,
    factors: &'a Tensor<T>,
    form: Form,
    positions: &'a Indices,
    places: &'a PoolIndices,
    targets: &'a ClassTargets,
    loss: &'a PixelLoss<T>,
}

fn every_op<T: Element>(operands: Operands<'_, T>) {
    let Operands { x, y, factors, form, positions, places, targets, loss } = operands;
    let reduction = Reduction::Mean;
    drop([x + y, x - y, x * y, x / y, -x, x.mul_scalar(T::one()), x.add_scalar(T::one())]);
    drop([x.exp(), x.ln(), x.sqrt(), x.powi(2), x.tanh(), x.sigmoid(), x.gelu(), x.erf()]);
    drop([x.softplus(), x.abs(), x.relu(), x.leaky_relu(T::one()), x.clamp(T::zero(), T::one())]);
    drop([x.sum(), x.sum_axes(&[]), x.mean(), x.mean_axes(&[]), x.var_axes(&[], 0), x.max()]);
    drop([x.max_axes(&[]), x.broadcast_to(&[]), x.sum_to(&[]), x.log_softmax(0), x.softmax(0)]);
    drop([x.reshape([]), x.permute(&[]), x.slice(&[]), x.pad(&[]), x.mask(factors), x.matmul(x)]);
    drop([x.gather(0, positions), x.scatter_add(0, positions, &[]), ops::concat(&[x], 0)]);
    drop([ops::conv2d(form, x, x, None), ops::conv_transpose2d(form, x, x, None)]);
    drop([ops::conv_weight2d(form, x, x), ops::max_pool2d(form.geometry(), x).0]);
    drop([ops::max_unpool2d(x, places), ops::adaptive_avg_pool2d(x, [1, 1])]);
    drop(ops::avg_pool2d(form.geometry(), x, AverageCount::ExcludePadding));
    drop([
        ops::upsample_bilinear2d(x, [1; 2], Corners::Aligned),
        ops::upsample_nearest2d(x, [1; 2]),
    ]);
    drop(ops::batch_norm(x, x, x, 0.0, Epilogue::Identity));
    drop([ops::group_norm(1, x, x, x, 0.0), ops::layer_norm(x, x, x, 0.0)]);
    drop([ops::cross_entropy(x, targets, loss, reduction), ops::dice_loss(x, targets, 0.0)]);
    drop([ops::binary_cross_entropy_with_logits(x, x, reduction), ops::mse_loss(x, x, reduction)]);
    drop(x.grad(&[x]));
    drop(x.clone().backward());
}
