//! What ops do, in words that others can read.

use mirrorgrad_tensor::{AverageCount, Corners, Form, Geometry, NormLayout, PoolIndices};
use std::ops::Range;

/// What a call computes from its operands, with sizes as they were in that call.
///
/// ```
/// # use mirrorgrad_autograd::record::{Description, Function, record};
/// let (recording, _) = record([4.0_f64].into(), |x| x.sqrt().mul_scalar(3.0).add_scalar(1.0));
/// let calls: Vec<_> = recording.steps().iter().filter_map(|step| step.describe()).collect();
/// assert_eq!(calls[0], Description::Function(Function::Sqrt));
/// assert_eq!(calls[1], Description::Affine { slope: 3.0, offset: 0.0 });
/// assert_eq!(calls[2], Description::Affine { slope: 1.0, offset: 1.0 });
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Description {
    /// The sum of two operands, broadcast.
    Add,
    /// The first operand less the second, broadcast.
    Sub,
    /// The product of two operands, broadcast.
    Mul,
    /// The first operand by the second, broadcast.
    Div,
    /// `slope · x + offset`.
    Affine {
        /// The factor.
        slope: f64,
        /// What is added.
        offset: f64,
    },
    /// A function of one number.
    Function(Function),
    /// A convolution: input, weight, perhaps bias.
    Conv(Form),
    /// A transposed convolution: input, weight, perhaps bias.
    ConvTranspose(Form),
    /// The largest pixel under each window.
    MaxPool {
        /// Where the window stands.
        geometry: Geometry,
        /// Where the largest were.
        indices: PoolIndices,
    },
    /// Elements put back to where a pool's largest were, among zeros.
    MaxUnpool {
        /// Where they were.
        indices: PoolIndices,
    },
    /// The mean under each window.
    AveragePool {
        /// Where the window stands.
        geometry: Geometry,
        /// What is divided by.
        count: AverageCount,
    },
    /// The means of so many stretches, `[height, width]`.
    AdaptiveAveragePool {
        /// `[height, width]`.
        to: [usize; 2],
    },
    /// Planes of another size.
    Resize {
        /// The rule between pixels.
        interpolation: Interpolation,
        /// `[height, width]`.
        to: [usize; 2],
    },
    /// Input, weight, bias: numbers normalized set by set.
    Normalize {
        /// What is a set, and which weight each number takes.
        layout: NormLayout,
        /// Added to the variance.
        eps: f64,
    },
    /// The logarithm of the softmax along an axis.
    LogSoftmax {
        /// The axis.
        axis: usize,
    },
    /// Another shape.
    Reshape {
        /// The shape.
        shape: Vec<usize>,
    },
    /// Another order of axes.
    Permute {
        /// Axis `i` of the result is axis `axes[i]` of the operand.
        axes: Vec<usize>,
    },
    /// A block.
    Slice {
        /// Its place along each axis.
        ranges: Vec<Range<usize>>,
    },
    /// Zeros around.
    Pad {
        /// Their numbers before and after, along each axis.
        sides: Vec<[usize; 2]>,
    },
    /// The operands end to end.
    Concat {
        /// The axis.
        axis: usize,
    },
    /// Repeated along new or unit axes.
    Broadcast {
        /// The shape.
        shape: Vec<usize>,
    },
    /// A product of matrices, over the last two axes.
    MatMul,
    /// The sum over axes, which stay with size 1.
    Sum {
        /// The axes.
        axes: Vec<usize>,
    },
    /// The mean over axes, which stay with size 1.
    Mean {
        /// The axes.
        axes: Vec<usize>,
    },
    /// The largest along the last axis, which disappears.
    MaxLast,
}

/// A function of one number.
///
/// ```
/// # use mirrorgrad_autograd::record::{Description, Function, record};
/// let (recording, _) = record([0.5_f64].into(), |x| x.leaky_relu(0.25).powi(-2));
/// let calls: Vec<_> = recording.steps().iter().filter_map(|step| step.describe()).collect();
/// assert_eq!(calls[0], Description::Function(Function::LeakyRelu(0.25)));
/// assert_eq!(calls[1], Description::Function(Function::Power(-2)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Function {
    /// eˣ.
    Exp,
    /// The natural logarithm.
    Ln,
    /// The square root.
    Sqrt,
    /// A power.
    Power(i32),
    /// The absolute value.
    Abs,
    /// The hyperbolic tangent.
    Tanh,
    /// 1 / (1 + e⁻ˣ).
    Sigmoid,
    /// max(x, 0).
    Relu,
    /// x where positive, so much of it elsewhere.
    LeakyRelu(f64),
    /// x between two numbers.
    Clamp(f64, f64),
    /// ln(1 + eˣ).
    Softplus,
    /// The error function.
    Erf,
    /// x · Φ(x).
    Gelu,
}

/// The rule between pixels.
///
/// ```
/// # use mirrorgrad_autograd::ops::upsample_bilinear2d;
/// # use mirrorgrad_autograd::record::{Description, Interpolation, record};
/// # use mirrorgrad_tensor::{Corners, Tensor};
/// let picture = Tensor::<f32>::zeros([1, 3, 4, 4]);
/// let (recording, _) = record(picture, |x| upsample_bilinear2d(x, [8, 6], Corners::HalfPixel));
/// let interpolation = Interpolation::Bilinear(Corners::HalfPixel);
/// let resize = Description::Resize { interpolation, to: [8, 6] };
/// assert_eq!(recording.steps()[0].describe(), Some(resize));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Linear along both axes.
    Bilinear(Corners),
    /// The pixel that covers the place.
    Nearest,
}
