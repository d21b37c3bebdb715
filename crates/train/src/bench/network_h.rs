//! Network H.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::{
    Activation, Conv2d, ConvTranspose2d, MaxPool2d, Module, Pass, Sequential, Visitor, seeded,
};
use mirrorgrad_tensor::Window;

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
    pub fn new(width: usize) -> Self {
        let rng = &mut seeded(0);
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
    fn forward(&self, x: &Var, pass: &Pass) -> Var {
        let second = self.second.forward(x, &pass.child("second"));
        let third = self.third.forward(&second, &pass.child("third"));
        let deep = self.score_third.forward(&third, &pass.child("score_third"));
        let deep = self.up_third.forward(&deep, &pass.child("up_third"));
        let both = deep + self.score_second.forward(&second, &pass.child("score_second"));
        self.up_both.forward(&both, &pass.child("up_both"))
    }

    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child("second", &self.second);
        visitor.child("third", &self.third);
        visitor.child("score_second", &self.score_second);
        visitor.child("score_third", &self.score_third);
        visitor.child("up_third", &self.up_third);
        visitor.child("up_both", &self.up_both);
    }
}
