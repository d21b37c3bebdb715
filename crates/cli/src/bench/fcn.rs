//! Network H.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::{
    Activation, Conv2d, ConvTranspose2d, MaxPool2d, Mode, Module, Names, Sequential,
};
use mirrorgrad_tensor::Window;
use rand_chacha::ChaCha8Rng;

/// Classes that the network tells apart.
pub const CLASSES: usize = 5;

/// The network that peers are compared by: three stages, scores of the second and third pool, each
/// deconvolved to the picture's size and added.
pub struct NetworkH {
    second: Sequential,
    third: Sequential,
    score_second: Conv2d,
    score_third: Conv2d,
    up_third: ConvTranspose2d,
    up_both: ConvTranspose2d,
}

impl NetworkH {
    /// The network whose first stage has `width` channels, each other stage twice as many as the one
    /// before.
    pub fn new(width: usize, rng: &mut ChaCha8Rng) -> Self {
        let three = Window::square(3).padding(1);
        let mut stage = |net: Sequential, from, to| {
            net.with(Conv2d::new([from, to], three, rng))
                .with(Activation::Relu)
                .with(Conv2d::new([to, to], three, rng))
                .with(Activation::Relu)
                .with(MaxPool2d::square(2))
        };
        let first = stage(Sequential::new(), 3, width);
        let second = stage(first, width, 2 * width);
        let third = stage(Sequential::new(), 2 * width, 4 * width);
        let one = Window::square(1);
        let double = Window::square(4).stride(2).padding(1);
        let quadruple = Window::square(8).stride(4).padding(2);
        Self {
            second,
            third,
            score_second: Conv2d::new([2 * width, CLASSES], one, rng),
            score_third: Conv2d::new([4 * width, CLASSES], one, rng),
            up_third: ConvTranspose2d::new([CLASSES; 2], double, rng),
            up_both: ConvTranspose2d::new([CLASSES; 2], quadruple, rng),
        }
    }
}

impl Module for NetworkH {
    fn forward(&self, x: &Var, mode: &Mode) -> Var {
        let second = self.second.forward(x, mode);
        let third = self.third.forward(&second, mode);
        let deep = self.up_third.forward(&self.score_third.forward(&third, mode), mode);
        self.up_both.forward(&(deep + self.score_second.forward(&second, mode)), mode)
    }

    fn visit(&self, names: &mut Names<'_>) {
        names.child("second", &self.second);
        names.child("third", &self.third);
        names.child("score_second", &self.score_second);
        names.child("score_third", &self.score_third);
        names.child("up_third", &self.up_third);
        names.child("up_both", &self.up_both);
    }
}
