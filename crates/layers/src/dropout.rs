//! Dropout: parts of the signal are silenced while training, and their gradients with them, infinite ones
//! too.

use crate::place::Place;
use crate::{Draws, Module, Pass};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, Tensor};

/// Zeroes each element with probability `p` while training, and scales the rest by 1 / (1 − p)
/// (Srivastava et al. 2014).
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Draws, Dropout, Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// let (layer, x) = (Dropout::new(0.5), Var::constant(Tensor::<f32>::ones([1000])));
/// let y = layer.forward(&x, &Pass::train(Draws::new(0, 0)));
/// assert!(y.value().as_slice().iter().all(|&v| v == 0.0 || v == 2.0));
/// assert!((y.value().mean() - 1.0).abs() < 0.2); // The mean stays where it was.
/// assert_eq!(layer.forward(&x, &Pass::eval()).value(), x.value());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout {
    keep: f64,
}

/// Zeroes whole channels of each picture with probability `p` while training, and scales the rest by
/// 1 / (1 − p) (Tompson et al. 2015).
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Draws, Dropout2d, Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// let x = Var::constant(Tensor::<f32>::ones([4, 8, 3, 3]));
/// let y = Dropout2d::new(0.5).forward(&x, &Pass::train(Draws::new(0, 0)));
/// let mut planes = y.value().as_slice().chunks(9);
/// assert!(planes.clone().any(|plane| plane == [0.0; 9]));
/// assert!(planes.all(|plane| plane == [0.0; 9] || plane == [2.0; 9]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dropout2d {
    keep: f64,
}

impl Dropout {
    /// With probability `p` of silence.
    ///
    /// # Panics
    /// If `p` is not in 0..1.
    #[track_caller]
    pub fn new(p: f64) -> Self {
        Self { keep: keep(p) }
    }
}

impl Dropout2d {
    /// With probability `p` of silence.
    ///
    /// # Panics
    /// If `p` is not in 0..1.
    #[track_caller]
    pub fn new(p: f64) -> Self {
        Self { keep: keep(p) }
    }
}

#[track_caller]
fn keep(p: f64) -> f64 {
    assert!((0.0..1.0).contains(&p), "dropout: expected a probability in 0..1, got {p}");
    1.0 - p
}

/// `x` times a mask of 0 and 1 / keep of the given shape.
fn silence<T: Element>(x: &Var<T>, shape: &[usize], keep: f64, draws: &Draws) -> Var<T> {
    let mask: Tensor<T> = Tensor::bernoulli(shape, keep, &mut draws.next_rng());
    x.mask(&mask.map(|v| v * T::of(keep.recip())))
}

impl<T: Element> Module<T> for Dropout {
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        match pass.draws() {
            Some(draws) => silence(x, x.shape(), self.keep, draws),
            None => x.clone(),
        }
    }
}

impl<T: Element> Module<T> for Dropout2d {
    /// # Panics
    /// If `x` does not have four axes.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        Place::new("dropout2d", pass).input_size(None, x);
        match pass.draws() {
            Some(draws) => {
                let places = [x.shape()[0], x.shape()[1], 1, 1];
                silence(x, &places, self.keep, draws)
            }
            None => x.clone(),
        }
    }
}
