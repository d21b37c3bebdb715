//! Convolution and transposed convolution: the two layers of one form.

use crate::place::Place;
use crate::{Init, Module, Param, Pass, Sizes, Visitor};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_tensor::{ConvSpec, Element, Form, Geometry, Tensor, concat};
use rand::Rng;
use std::sync::Arc;

/// A convolution with learned weight: `[batch, in, h, w] -> [batch, out, out_h, out_w]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Conv2d, Module, Pass};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let layer = Conv2d::new([3, 16], Window::square(3).stride(2).padding(1), rng);
/// let y = layer.forward(&Var::constant(Tensor::<f32>::zeros([1, 3, 9, 12])), &Pass::eval());
/// assert_eq!(y.shape(), [1, 16, 5, 6]);
/// ```
#[derive(Debug)]
pub struct Conv2d<T: Element = f32> {
    parts: Parts<T>,
}

impl<T: Element> Conv2d<T> {
    /// From `[inputs, outputs]` channels, with PyTorch's default initialization. The window is a
    /// [`Window`](mirrorgrad_tensor::Window), or the words of another framework's
    /// [`dialect`](mirrorgrad_tensor::dialect).
    ///
    /// # Panics
    /// If a number of channels is 0.
    #[track_caller]
    pub fn new(channels: [usize; 2], window: impl ConvSpec + 'static, rng: &mut impl Rng) -> Self {
        Self::grouped(channels, window, 1, rng)
    }

    /// With channels in `groups` that do not mix.
    ///
    /// # Panics
    /// If a number of channels is 0, or the groups do not divide both.
    #[track_caller]
    pub fn grouped(
        [inputs, outputs]: [usize; 2],
        window: impl ConvSpec + 'static,
        groups: usize,
        rng: &mut impl Rng,
    ) -> Self {
        Self { parts: Parts::new([outputs, inputs], outputs, window, groups, rng) }
    }

    /// Without bias: for a layer that a normalization follows.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { parts: self.parts.without_bias() }
    }

    /// With a weight drawn by `init` and, if there is a bias, zeros for it.
    #[must_use]
    pub fn init(self, init: Init, rng: &mut impl Rng) -> Self {
        self.parts.draw(init, rng);
        self
    }

    /// The weight, `[outputs, inputs / groups, kh, kw]`.
    pub fn weight(&self) -> &Param<T> {
        &self.parts.weight
    }
}

impl<T: Element> Module<T> for Conv2d<T> {
    /// # Panics
    /// If the window does not fit the input or the channels are not the layer's.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let Parts { weight, bias, window, groups } = &self.parts;
        let place = Place::new("conv2d", pass);
        let size = place.input_size(Some(weight.value().shape()[1] * groups), x);
        let form = Form::new(place.fit(window.conv(size)), *groups);
        let bias = bias.as_ref().map(Param::var);
        let y = ops::conv2d(form, x, &weight.var(), bias.as_ref());
        if let Some(after) = window.pad_after() {
            pass.record_sizes(&y, Sizes::Padded(after));
        }
        pass.record("Conv2d", &y, form.multiply_adds(weight.value().shape()));
        y
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        self.parts.visit(visitor);
    }
}

/// A transposed convolution with learned weight, `[in, out / groups, kh, kw]`: what [`Conv2d`] does
/// to gradients. `[batch, in, h, w] -> [batch, out, out_h, out_w]`.
///
/// Several output sizes belong to one input size; [`ConvTranspose2d::forward_like`] makes the one that
/// is wanted.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::ConvTranspose2d;
/// # use mirrorgrad_layers::Pass;
/// # use mirrorgrad_tensor::{Tensor, Window};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let up = ConvTranspose2d::new([8, 4], Window::square(4).stride(2).padding(1), rng);
/// let skip = Var::constant(Tensor::<f32>::zeros([1, 2, 45, 61]));
/// let pooled = Var::constant(Tensor::zeros([1, 8, 22, 30]));
/// assert_eq!(up.forward_like(&pooled, &skip, &Pass::eval()).shape(), [1, 4, 45, 61]);
/// ```
#[derive(Debug)]
pub struct ConvTranspose2d<T: Element = f32> {
    parts: Parts<T>,
}

impl<T: Element> ConvTranspose2d<T> {
    /// From `[inputs, outputs]` channels, with PyTorch's default initialization. The window is a
    /// [`Window`](mirrorgrad_tensor::Window), or the words of another framework's
    /// [`dialect`](mirrorgrad_tensor::dialect).
    ///
    /// # Panics
    /// If a number of channels is 0.
    #[track_caller]
    pub fn new(channels: [usize; 2], window: impl ConvSpec + 'static, rng: &mut impl Rng) -> Self {
        Self::grouped(channels, window, 1, rng)
    }

    /// With channels in `groups` that do not mix.
    ///
    /// # Panics
    /// If a number of channels is 0, or the groups do not divide both.
    #[track_caller]
    pub fn grouped(
        [inputs, outputs]: [usize; 2],
        window: impl ConvSpec + 'static,
        groups: usize,
        rng: &mut impl Rng,
    ) -> Self {
        Self { parts: Parts::new([inputs, outputs], outputs, window, groups, rng) }
    }

    /// Without bias.
    #[must_use]
    pub fn without_bias(self) -> Self {
        Self { parts: self.parts.without_bias() }
    }

    /// With a weight drawn by `init` and, if there is a bias, zeros for it.
    #[must_use]
    pub fn init(self, init: Init, rng: &mut impl Rng) -> Self {
        self.parts.draw(init, rng);
        self
    }

    /// The weight, `[inputs, outputs / groups, kh, kw]`.
    pub fn weight(&self) -> &Param<T> {
        &self.parts.weight
    }

    /// Upsamples `x` to exactly the height and width of `skip`.
    ///
    /// # Panics
    /// If no output padding leads there, or the channels are not the layer's.
    #[track_caller]
    pub fn forward_like(&self, x: &Var<T>, skip: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let place = Place::new(CONV_TRANSPOSE, pass);
        let (from, to) = (place.input_size(self.inputs(), x), place.input_size(None, skip));
        let y = self.run(place.fit(self.parts.window.transposed_to(from, to)), x, pass);
        pass.record_like(&y, skip);
        y
    }

    fn inputs(&self) -> Option<usize> {
        self.parts.weight.value().shape().first().copied()
    }

    #[track_caller]
    fn run(&self, geometry: Geometry, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let Parts { weight, bias, groups, .. } = &self.parts;
        let form = Form::new(geometry, *groups);
        let bias = bias.as_ref().map(Param::var);
        let y = ops::conv_transpose2d(form, x, &weight.var(), bias.as_ref());
        let work = form.multiply_adds(weight.value().shape());
        pass.record("ConvTranspose2d", &y, work);
        y
    }
}

impl<T: Element> Module<T> for ConvTranspose2d<T> {
    /// # Panics
    /// If the padding leaves nothing, the output padding is not legal, or the channels are not the
    /// layer's.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let place = Place::new(CONV_TRANSPOSE, pass);
        let geometry = place.fit(self.parts.window.transposed(place.input_size(self.inputs(), x)));
        self.run(geometry, x, pass)
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        self.parts.visit(visitor);
    }
}

/// The transposed layer as messages name it.
const CONV_TRANSPOSE: &str = "conv_transpose2d";

/// What both layers are made of: one weight, read from either side.
#[derive(Debug)]
struct Parts<T: Element> {
    weight: Param<T>,
    bias: Option<Param<T>>,
    window: Arc<dyn ConvSpec>,
    groups: usize,
}

impl<T: Element> Parts<T> {
    /// A weight of `rows`, each with a group's share of `columns`, and a bias for each output.
    #[track_caller]
    fn new(
        [rows, columns]: [usize; 2],
        outputs: usize,
        window: impl ConvSpec + 'static,
        groups: usize,
        rng: &mut impl Rng,
    ) -> Self {
        assert!(
            groups > 0 && rows.is_multiple_of(groups) && columns.is_multiple_of(groups),
            "conv: {groups} groups do not divide {rows} and {columns} channels: expected a common divisor"
        );
        assert!(
            rows > 0 && columns > 0,
            "conv: expected at least one channel on both sides, got {rows} and {columns}"
        );
        let [height, width] = window.kernel_size();
        let shape = [rows, columns / groups, height, width];
        let weight = Param::new(Init::PyTorch.weight(&shape, rng));
        let bias = Some(Param::new(Init::bias(&shape, outputs, rng)));
        Self { weight, bias, window: Arc::new(window), groups }
    }

    fn without_bias(self) -> Self {
        Self { bias: None, ..self }
    }

    fn draw(&self, init: Init, rng: &mut impl Rng) {
        let shape = self.weight.value().shape().to_vec();
        self.weight.set(match init {
            // Each group is a layer of its own.
            Init::Bilinear => {
                let own = init.weight(&[&[shape[0] / self.groups], &shape[1..]].concat(), rng);
                concat(&vec![&own; self.groups], 0)
            }
            _ => init.weight(&shape, rng),
        });
        if let Some(bias) = &self.bias {
            bias.set(Tensor::zeros(bias.value().shape()));
        }
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        visitor.param("weight", &self.weight);
        if let Some(bias) = &self.bias {
            visitor.param("bias", bias);
        }
    }
}
