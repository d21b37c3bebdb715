//! Normalization layers.

use crate::place::Place;
use crate::{Module, Param, Pass, Visitor};
use mirrorgrad_autograd::{Meeting, Var, ops};
use mirrorgrad_tensor::{Element, Epilogue, NormStats, Tensor};
use std::sync::Arc;

/// PyTorch's default ε.
const EPS: f64 = 1e-5;

/// Normalizes each channel over the batch while training, and by running statistics while predicting
/// (Ioffe & Szegedy 2015). `[batch, channels, h, w]` to the same.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{BatchNorm2d, Draws, Module, Params, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// let layer = BatchNorm2d::new(1);
/// let x = Var::constant(Tensor::new([2, 1, 1, 1], [4.0_f64, 6.0]));
/// let pass = Pass::train(Draws::new(0, 0));
/// let y = layer.forward(&x, &pass);
/// assert!(y.value().sum().abs() < 1e-12);
/// let params = Params::of(&layer);
/// params.update(&pass.finish());
/// assert_eq!(params.values()["running_mean"], [0.5].into()); // A tenth of the way to 5.
/// ```
#[derive(Debug)]
pub struct BatchNorm2d<T: Element = f32> {
    weight: Param<T>,
    bias: Param<T>,
    running_mean: Param<T>,
    running_var: Param<T>,
    momentum: f64,
    epilogue: Epilogue,
}

impl<T: Element> BatchNorm2d<T> {
    /// For `channels`, with PyTorch's defaults: ε 1e-5, and a tenth of each batch's statistics goes
    /// into the running ones.
    pub fn new(channels: usize) -> Self {
        Self {
            weight: Param::new(Tensor::ones([channels])),
            bias: Param::new(Tensor::zeros([channels])),
            running_mean: Param::buffer(Tensor::zeros([channels])),
            running_var: Param::buffer(Tensor::ones([channels])),
            momentum: 0.1,
            epilogue: Epilogue::Identity,
        }
    }

    /// With a function behind it, in the same pass through memory.
    #[must_use]
    pub fn epilogue(self, epilogue: Epilogue) -> Self {
        Self { epilogue, ..self }
    }

    /// Tells the pass a batch's statistics; the variance as an unbiased estimate.
    fn observe(&self, stats: NormStats<T>, count: usize, pass: &Pass<T>) {
        if count == 0 {
            return; // Nothing has no statistics.
        }
        let unbiased = T::of(count as f64 / (count - 1) as f64);
        pass.update("running_mean", stats.mean, self.momentum);
        pass.update("running_var", stats.variance.map(|v| v * unbiased), self.momentum);
    }

    /// By the statistics of a batch of which `x` is a part; and how many numbers a channel has in all of it.
    fn among(&self, meeting: &Arc<dyn Meeting<T>>, x: &Var<T>, pass: &Pass<T>) -> (Var<T>, usize) {
        let ([weight, bias], all) =
            ([&self.weight, &self.bias].map(Param::var), Arc::clone(meeting));
        let (y, stats, count) = ops::batch_norm_among(all, x, &weight, &bias, EPS, self.epilogue);
        let count = count.as_f64() as usize;
        // One part observes for all; one number has no variance, and is refused.
        if meeting.place() == 0 && count != 1 {
            self.observe(stats, count, pass);
        }
        (y, count)
    }

    fn by_running_statistics(&self, x: &Var<T>) -> Var<T> {
        let deviation = self.running_var.var().add_scalar(T::of(EPS)).sqrt();
        let slope = self.weight.var() / deviation;
        let offset = self.bias.var() - self.running_mean.var() * &slope;
        let column = [slope.value().len(), 1, 1];
        let y = x * &slope.reshape(column) + offset.reshape(column);
        match self.epilogue {
            Epilogue::Identity => y,
            Epilogue::Relu => y.relu(),
        }
    }
}

impl<T: Element> Module<T> for BatchNorm2d<T> {
    /// # Panics
    /// If `x` does not have four axes, or has other than the layer's channels; while training, also if a
    /// channel has one value alone.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let (place, channels) = (Place::new("batch_norm", pass), self.weight.value().len());
        place.input_size(Some(channels), x);
        let y = if pass.draws().is_some() {
            let found = pass.meeting().map(|meeting| self.among(meeting, x, pass));
            let count = match &found {
                Some((_, count)) => *count,
                None => x.value().len() / channels.max(1),
            };
            if count == 1 {
                let shape = x.shape();
                place.refuse(format_args!(
                    "expected more than one value per channel when training, got {shape:?}"
                ));
            }
            match found {
                Some((y, _)) => y,
                None => {
                    let (weight, bias) = (self.weight.var(), self.bias.var());
                    let (y, stats) = ops::batch_norm(x, &weight, &bias, EPS, self.epilogue);
                    self.observe(stats, count, pass);
                    y
                }
            }
        } else {
            self.by_running_statistics(x)
        };
        pass.record("BatchNorm2d", &y, 0);
        y
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.param("weight", &self.weight);
        visitor.param("bias", &self.bias);
        visitor.param("running_mean", &self.running_mean);
        visitor.param("running_var", &self.running_var);
    }
}

/// Normalizes each group of channels of each picture (Wu & He 2018). `[batch, channels, h, w]` to the
/// same.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{GroupNorm, Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// let layer = GroupNorm::new(2, 4);
/// let x = Var::constant(Tensor::new([1, 4, 1, 1], [1.0_f64, 3.0, 10.0, 14.0]));
/// let y = layer.forward(&x, &Pass::eval());
/// let want = Tensor::new([1, 4, 1, 1], [-1.0_f64, 1.0, -1.0, 1.0]);
/// let distance = y.value().zip(&want, |a, b| (a - b).abs());
/// assert!(distance.as_slice().iter().all(|&d| d < 1e-5)); // Not 0, because of ε.
/// ```
#[derive(Debug)]
pub struct GroupNorm<T: Element = f32> {
    weight: Param<T>,
    bias: Param<T>,
    groups: usize,
}

impl<T: Element> GroupNorm<T> {
    /// For `channels` in `groups`.
    ///
    /// # Panics
    /// If the groups do not divide the channels.
    #[track_caller]
    pub fn new(groups: usize, channels: usize) -> Self {
        assert!(
            groups > 0 && channels.is_multiple_of(groups),
            "group_norm: {groups} groups do not divide {channels} channels: expected a divisor"
        );
        let (weight, bias) = (Tensor::ones([channels]), Tensor::zeros([channels]));
        Self { weight: Param::new(weight), bias: Param::new(bias), groups }
    }
}

impl<T: Element> Module<T> for GroupNorm<T> {
    /// # Panics
    /// If there are other than the layer's channels.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let (shape, channels) = (x.shape(), self.weight.value().len());
        if shape.get(1) != Some(&channels) {
            Place::new("group_norm", pass)
                .refuse(format_args!("expected a shape [batch, {channels}, ..], got {shape:?}"));
        }
        let y = ops::group_norm(self.groups, x, &self.weight.var(), &self.bias.var(), EPS);
        pass.record("GroupNorm", &y, 0);
        y
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.param("weight", &self.weight);
        visitor.param("bias", &self.bias);
    }
}
