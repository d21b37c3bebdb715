//! The block that encoders and decoders are made of.

use crate::{BatchNorm2d, Conv2d, Init, Mode, Module, Names};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, Window};
use rand::Rng;

/// Two 3x3 convolutions, each followed by batch normalization (if wanted) and a relu. Keeps height
/// and width.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Mode, Module, models::DoubleConv, named_params};
/// # use mirrorgrad_tensor::Tensor;
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let block = DoubleConv::new([3, 8], true, rng);
/// let y = block.forward(&Var::constant(Tensor::<f32>::ones([1, 3, 5, 7])), &Mode::Eval);
/// assert_eq!(y.shape(), [1, 8, 5, 7]);
/// assert!(y.value().as_slice().iter().all(|&v| v >= 0.0));
/// assert_eq!(named_params(&block).len(), 10); // Two weights, and four tensors for each norm.
/// ```
#[derive(Debug)]
pub struct DoubleConv<T: Element = f32> {
    conv1: Conv2d<T>,
    norm1: Option<BatchNorm2d<T>>,
    conv2: Conv2d<T>,
    norm2: Option<BatchNorm2d<T>>,
}

impl<T: Element> DoubleConv<T> {
    /// From `inputs` channels to `outputs`.
    ///
    /// # Panics
    /// If a number of channels is 0.
    #[track_caller]
    pub fn new([inputs, outputs]: [usize; 2], batch_norm: bool, rng: &mut impl Rng) -> Self {
        assert!(
            inputs > 0 && outputs > 0,
            "double_conv: expected at least one channel on both sides, got {inputs} and {outputs}"
        );
        let mut conv = |channels| {
            let conv = Conv2d::new(channels, Window::square(3).padding(1), rng);
            let conv = conv.init(Init::KaimingNormal, rng);
            if batch_norm { conv.without_bias() } else { conv }
        };
        let norm = || batch_norm.then(|| BatchNorm2d::new(outputs).with_relu());
        Self {
            conv1: conv([inputs, outputs]),
            norm1: norm(),
            conv2: conv([outputs, outputs]),
            norm2: norm(),
        }
    }
}

impl<T: Element> Module<T> for DoubleConv<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>, mode: &Mode) -> Var<T> {
        let mut x = x.clone();
        for (conv, norm) in [(&self.conv1, &self.norm1), (&self.conv2, &self.norm2)] {
            x = conv.forward(&x, mode);
            x = match norm {
                Some(norm) => norm.forward(&x, mode),
                None => x.relu(),
            };
        }
        x
    }

    fn visit(&self, names: &mut Names<'_, T>) {
        names.child("conv1", &self.conv1);
        self.norm1.iter().for_each(|norm| names.child("norm1", norm));
        names.child("conv2", &self.conv2);
        self.norm2.iter().for_each(|norm| names.child("norm2", norm));
    }
}
