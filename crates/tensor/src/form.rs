//! The convolution form: the one function behind a convolution, a transposed convolution and their gradients.
//!
//! ```text
//! F(x, w, y) = Σ y[n, o, position] · w[o, c, tap] · x[n, c, pixel(position, tap)]
//! ```
//!
//! It is linear in the input x, the weight w and the output y. Solved for the operand that is missing, it is
//!
//! | missing | what that is                      | computed as                      |
//! |---------|-----------------------------------|----------------------------------|
//! | output  | the convolution                   | `weight · im2col(input)`         |
//! | input   | the transposed convolution        | `col2im(weightᵀ · output)`       |
//! | weight  | the gradient of both's weight     | `output · im2col(input)ᵀ`        |
//!
//! and each is the derivative of the other two.

use crate::conv::{Call, Sizes, solve};
use crate::{ConvAlgorithm, Element, Geometry, Operand, Tensor};

/// The trilinear form of a geometry, with channels in groups that do not mix.
///
/// Weights are `[outputs, inputs / groups, kernel height, kernel width]` in the convolution's sense, so a transposed
/// layer's weight reads `[in, out / groups, ..]`, and the same buffer given to both makes them exact adjoints.
///
/// ```
/// # use mirrorgrad_tensor::{Form, Operand, Tensor, Window};
/// let form = Form::new(Window::new([1, 2]).conv([1, 3])?, 1);
/// let x = Tensor::new([1, 1, 1, 3], [1.0, 4.0, 9.0]);
/// let w = Tensor::new([1, 1, 1, 2], [-1.0, 1.0]);
/// // Each pixel from the one on its right: the kernel is not turned around.
/// let conv = form.solve(Operand::Output, [&x, &w], None);
/// assert_eq!(conv.as_slice(), [3.0, 5.0]);
/// // F(x, w, y) by each of its three solutions.
/// let y = Tensor::new([1, 1, 1, 2], [1.0, 2.0]);
/// let transposed = form.solve(Operand::Input, [&y, &w], None);
/// let weight = form.solve(Operand::Weight, [&x, &y], None);
/// assert_eq!(transposed.as_slice(), [-1.0, -1.0, 2.0]);
/// assert_eq!(weight.as_slice(), [1.0 + 2.0 * 4.0, 4.0 + 2.0 * 9.0]);
/// assert_eq!([conv.dot(&y), transposed.dot(&x), weight.dot(&w)], [13.0; 3]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    geometry: Geometry,
    groups: usize,
}

impl Form {
    /// Of a geometry, with channels in so many groups.
    pub const fn new(geometry: Geometry, groups: usize) -> Self {
        Self { geometry, groups }
    }

    /// How the window meets the input.
    pub const fn geometry(&self) -> &Geometry {
        &self.geometry
    }

    /// Groups of channels that do not mix.
    pub const fn groups(&self) -> usize {
        self.groups
    }

    /// Finds the `missing` operand from the two `known` ones, given as [`Operand::others`] names them. A bias, one
    /// number a channel of what is found, is what an output or an input begins with.
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn solve<T: Element>(
        &self,
        missing: Operand,
        known: [&Tensor<T>; 2],
        bias: Option<&Tensor<T>>,
    ) -> Tensor<T> {
        let sizes = &self.sizes("Form::solve", missing, known, bias);
        self.fill(self.fastest(missing, sizes), sizes, missing, known, bias, None)
    }

    /// As [`solve`](Self::solve), by an algorithm of the caller's choice.
    ///
    /// # Panics
    /// If the shapes do not fit, or the algorithm does not take them.
    #[track_caller]
    pub fn solve_by<T: Element>(
        &self,
        algorithm: ConvAlgorithm,
        missing: Operand,
        known: [&Tensor<T>; 2],
        bias: Option<&Tensor<T>>,
    ) -> Tensor<T> {
        let sizes = &self.sizes("Form::solve_by", missing, known, bias);
        self.check_takes("Form::solve_by", algorithm, sizes);
        self.fill(algorithm, sizes, missing, known, bias, None)
    }

    /// Finds the weight, and the sums of the output over batch and positions, `[outputs]`, in the same pass: what a
    /// layer with a bias does to gradients.
    ///
    /// ```
    /// # use mirrorgrad_tensor::{Form, Operand, Tensor, Window};
    /// let form = Form::new(Window::new([1, 2]).conv([1, 3])?, 1);
    /// let input = Tensor::new([1, 1, 1, 3], [1.0, 4.0, 9.0]);
    /// let output = Tensor::new([1, 1, 1, 2], [1.0, 2.0]);
    /// let (weight, bias) = form.solve_weight_and_bias([&input, &output]);
    /// assert_eq!(weight, form.solve(Operand::Weight, [&input, &output], None));
    /// assert_eq!(bias, Tensor::from([1.0 + 2.0]));
    /// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
    /// ```
    ///
    /// # Panics
    /// If the shapes do not fit.
    #[track_caller]
    pub fn solve_weight_and_bias<T: Element>(
        &self,
        known: [&Tensor<T>; 2],
    ) -> (Tensor<T>, Tensor<T>) {
        let missing = Operand::Weight;
        let sizes = &self.sizes("Form::solve_weight_and_bias", missing, known, None);
        self.with_bias(self.fastest(missing, sizes), sizes, known)
    }

    /// As [`solve_weight_and_bias`](Self::solve_weight_and_bias), by an algorithm of the caller's choice.
    ///
    /// # Panics
    /// If the shapes do not fit, or the algorithm does not take them.
    #[track_caller]
    pub fn solve_weight_and_bias_by<T: Element>(
        &self,
        algorithm: ConvAlgorithm,
        known: [&Tensor<T>; 2],
    ) -> (Tensor<T>, Tensor<T>) {
        let name = "Form::solve_weight_and_bias_by";
        let sizes = &self.sizes(name, Operand::Weight, known, None);
        self.check_takes(name, algorithm, sizes);
        self.with_bias(algorithm, sizes, known)
    }

    /// Refuses shapes that do not fit, as the solutions do, in the name of a function that will ask for one.
    ///
    /// ```
    /// # use mirrorgrad_tensor::{Form, Operand, Window};
    /// let form = Form::new(Window::square(3).padding(1).conv([8, 8])?, 1);
    /// let (input, weight) = ([2, 3, 8, 8], [16, 3, 3, 3]);
    /// form.check("conv2d", Operand::Output, [&input, &weight], Some(&[16]));
    /// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
    /// ```
    ///
    /// # Panics
    /// If they do not fit.
    #[track_caller]
    pub fn check(
        &self,
        name: &'static str,
        missing: Operand,
        known: [&[usize]; 2],
        bias: Option<&[usize]>,
    ) {
        Sizes::of(name, &self.geometry, self.groups, missing, known, bias);
    }

    /// Multiply-adds that one picture takes with a weight of this shape, whichever operand is found: each weight
    /// meets every output position once. More than a `usize` can hold is told as the most that it can.
    ///
    /// ```
    /// # use mirrorgrad_tensor::{Form, Window};
    /// let form = Form::new(Window::square(3).padding(1).conv([8, 8])?, 1);
    /// assert_eq!(form.multiply_adds(&[16, 3, 3, 3]), 16 * 3 * 9 * 64);
    /// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
    /// ```
    pub fn multiply_adds(&self, weight: &[usize]) -> usize {
        weight.iter().fold(self.geometry.positions(), |terms, &size| terms.saturating_mul(size))
    }

    #[track_caller]
    fn sizes<T: Element>(
        &self,
        name: &'static str,
        missing: Operand,
        known: [&Tensor<T>; 2],
        bias: Option<&Tensor<T>>,
    ) -> Sizes<'_> {
        let shapes = known.map(Tensor::shape);
        Sizes::of(name, &self.geometry, self.groups, missing, shapes, bias.map(Tensor::shape))
    }

    #[track_caller]
    fn fastest(&self, missing: Operand, sizes: &Sizes<'_>) -> ConvAlgorithm {
        let weight = sizes.shape(Operand::Weight);
        ConvAlgorithm::fastest(&self.geometry, self.groups, missing, &weight)
    }

    #[track_caller]
    fn check_takes(&self, name: &str, algorithm: ConvAlgorithm, sizes: &Sizes<'_>) {
        let (weight, groups) = (sizes.shape(Operand::Weight), self.groups);
        assert!(
            algorithm.takes(&self.geometry, groups, &weight),
            "{name}: the {algorithm} algorithm does not support a weight of shape {weight:?} in {groups} groups"
        );
    }

    fn with_bias<T: Element>(
        &self,
        algorithm: ConvAlgorithm,
        sizes: &Sizes<'_>,
        known: [&Tensor<T>; 2],
    ) -> (Tensor<T>, Tensor<T>) {
        let mut totals = vec![T::zero(); sizes.outputs];
        let weight = self.fill(algorithm, sizes, Operand::Weight, known, None, Some(&mut totals));
        (weight, Tensor::new([sizes.outputs], totals))
    }

    fn fill<T: Element>(
        &self,
        algorithm: ConvAlgorithm,
        sizes: &Sizes<'_>,
        missing: Operand,
        known: [&Tensor<T>; 2],
        bias: Option<&Tensor<T>>,
        totals: Option<&mut [T]>,
    ) -> Tensor<T> {
        Tensor::build(sizes.shape(missing), |out| {
            solve(algorithm, sizes, Call { missing, known, bias, out, totals });
        })
    }
}

impl From<Geometry> for Form {
    /// With all channels in one group.
    fn from(geometry: Geometry) -> Self {
        Self::new(geometry, 1)
    }
}
