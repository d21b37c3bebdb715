//! The algorithms that solve the form, and which one is taken.

use super::correlation::Correlation;
use super::partial::sum_planes;
use super::phases::PhaseAxis;
use super::sizes::Sizes;
use super::{Operand, depthwise, direct, plain, winograd};
use crate::{Element, Geometry, Tensor};
use std::any::Any;
use std::fmt;
use std::sync::OnceLock;

/// An algorithm that solves the convolution form for each of its operands. All give the same numbers up to rounding,
/// and each gives the same bits whatever the number of threads.
///
/// ```
/// # use mirrorgrad_tensor::{ConvAlgorithm, Form, Operand, Tensor, Window};
/// let form = Form::new(Window::square(3).padding(1).conv([8, 8])?, 1);
/// let input = Tensor::<f64>::from_fn([1, 2, 8, 8], |i| (i % 7) as f64);
/// let weight = Tensor::<f64>::from_fn([2, 2, 3, 3], |i| (i % 5) as f64);
/// let by = |algorithm| form.solve_by(algorithm, Operand::Output, [&input, &weight], None);
/// let apart = by(ConvAlgorithm::Plain).zip(&by(ConvAlgorithm::Winograd), |a, b| (a - b).abs());
/// assert!(apart.sum() < 1e-6);
/// // That one is for groups of a single plane.
/// assert!(!ConvAlgorithm::Depthwise.takes(form.geometry(), 1, weight.shape()));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConvAlgorithm {
    /// im2col, matrixmultiply, col2im: for every geometry, and the oracle of the others.
    Plain,
    /// Products that read the picture itself: where the few pixels that a row of positions reads lie close
    /// enough together to be copied.
    Direct,
    /// Shifted planes, scaled and added: where every group has one plane on either side.
    Depthwise,
    /// Transformed tiles of 4×4 positions, with a quarter to a half of the multiplications: windows without
    /// dilation whose stride is 1 or 2 and whose taps overlap, each position with at most two others.
    Winograd,
}

/// A name in `MIRRORGRAD_CONV` that is of no algorithm.
///
/// ```
/// # use mirrorgrad_tensor::ConvAlgorithm;
/// # use std::{env, process::Command};
/// # if env::var("MIRRORGRAD_CONV").as_deref() != Ok("fft") {
/// #     // This program once more, with the variable set.
/// #     let program = env::current_exe().expect("a program has a path");
/// #     let status = Command::new(program).env("MIRRORGRAD_CONV", "fft").status();
/// #     assert!(status.expect("it starts again").success());
/// #     return;
/// # }
/// // In a process that was started with MIRRORGRAD_CONV=fft:
/// let error = ConvAlgorithm::chosen().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"MIRRORGRAD_CONV is "fft": expected plain, direct, depthwise or winograd"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MIRRORGRAD_CONV is {0:?}: expected plain, direct, depthwise or winograd")]
pub struct ConvAlgorithmError(String);

impl ConvAlgorithm {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Direct, Self::Depthwise, Self::Winograd];

    /// The algorithm that `MIRRORGRAD_CONV` names, if it is set: it is taken wherever it can be, and the
    /// direct one elsewhere, or the plain one. Looked up once.
    ///
    /// # Errors
    /// If the variable names none.
    pub fn chosen() -> Result<Option<Self>, ConvAlgorithmError> {
        static CHOSEN: OnceLock<Result<Option<ConvAlgorithm>, ConvAlgorithmError>> =
            OnceLock::new();
        CHOSEN
            .get_or_init(|| match std::env::var_os("MIRRORGRAD_CONV") {
                None => Ok(None),
                Some(name) => {
                    let named =
                        Self::ALL.into_iter().find(|algorithm| name == *algorithm.to_string());
                    let error = || ConvAlgorithmError(name.to_string_lossy().into_owned());
                    named.map(Some).ok_or_else(error)
                }
            })
            .clone()
    }

    /// The fastest algorithm that finds the `missing` operand, for a geometry and a weight's shape; or the chosen one.
    ///
    /// # Panics
    /// If `MIRRORGRAD_CONV` names none; see [`ConvAlgorithm::chosen`].
    #[track_caller]
    pub fn fastest(geometry: &Geometry, groups: usize, missing: Operand, weight: &[usize]) -> Self {
        let chosen = match Self::chosen() {
            Ok(chosen) => chosen,
            Err(error) => panic!("{error}"),
        };
        // Behind a stride, a weight's transform is six to nine times its size: too much to be added to for every
        // few tiles.
        let transforms =
            missing != Operand::Weight || geometry.axes().iter().all(|a| a.stride == 1);
        match chosen {
            // Whoever takes the weight says what it should be.
            _ if weight.len() != 4 => Self::Plain,
            Some(algorithm) if algorithm.takes(geometry, groups, weight) => algorithm,
            _ if !Self::Direct.takes(geometry, groups, weight) => Self::Plain,
            Some(_) => Self::Direct,
            None if Self::Depthwise.takes(geometry, groups, weight) => Self::Depthwise,
            None if winograd::is_profitable(geometry, [weight[0] / groups.max(1), weight[1]]) => {
                if transforms {
                    Self::Winograd
                } else {
                    Self::Direct
                }
            }
            None if phase_pairs(geometry) > MOST_PAIRS => Self::Plain,
            None => Self::Direct,
        }
    }

    /// Whether the algorithm can be taken for a weight of shape `[outputs, inputs / groups, kh, kw]`.
    pub fn takes(self, geometry: &Geometry, groups: usize, weight: &[usize]) -> bool {
        match self {
            Self::Plain => true,
            Self::Direct => {
                let most = MOST_READ.max(MOST_FOR_A_TAP.saturating_mul(geometry.taps()));
                least_read(geometry) <= most.min(u32::MAX as usize)
            }
            Self::Depthwise => groups > 1 && weight.starts_with(&[groups, 1]),
            Self::Winograd => geometry.axes().iter().all(winograd::takes),
        }
    }
}

/// What is known of a call, and where the missing operand goes. The shapes have been checked.
pub(crate) struct Call<'a, T: Element> {
    pub missing: Operand,
    pub known: [&'a Tensor<T>; 2],
    /// What a solution starts from, a number a channel.
    pub bias: Option<&'a Tensor<T>>,
    pub out: &'a mut [T],
    /// Beside a weight: the sums of the output over batch and positions, a number a channel.
    pub totals: Option<&'a mut [T]>,
}

impl<'a, T: Element> Call<'a, T> {
    /// The same call, if its numbers are of this type.
    fn of<U: Element>(self) -> Result<Call<'a, U>, Self> {
        let Self { missing, known, bias, out, totals } = self;
        fn tensor<T: Element, U: Element>(tensor: &Tensor<T>) -> Option<&Tensor<U>> {
            (tensor as &dyn Any).downcast_ref()
        }
        match known.map(tensor) {
            [Some(first), Some(second)] => Ok(Call {
                missing,
                known: [first, second],
                bias: bias.and_then(tensor),
                out: bytemuck::cast_slice_mut(out),
                totals: totals.map(bytemuck::cast_slice_mut),
            }),
            _ => Err(Self { missing, known, bias, out, totals }),
        }
    }
}

/// Finds the missing operand. It is compiled here, for each type of number: generic all the way up, it would be
/// compiled again in every crate that calls it.
pub(crate) fn solve<T: Element>(algorithm: ConvAlgorithm, sizes: &Sizes<'_>, call: Call<'_, T>) {
    match call.of() {
        Ok(call) => solve_f32(algorithm, sizes, call),
        Err(call) => match call.of() {
            Ok(call) => solve_f64(algorithm, sizes, call),
            Err(_) => unreachable!("there are two types of numbers"),
        },
    }
}

fn solve_f32(algorithm: ConvAlgorithm, sizes: &Sizes<'_>, call: Call<'_, f32>) {
    compute(algorithm, sizes, call);
}

fn solve_f64(algorithm: ConvAlgorithm, sizes: &Sizes<'_>, call: Call<'_, f64>) {
    compute(algorithm, sizes, call);
}

fn compute<T: Element>(algorithm: ConvAlgorithm, sizes: &Sizes<'_>, call: Call<'_, T>) {
    use ConvAlgorithm::{Depthwise, Direct, Plain, Winograd};
    let Call { missing, known, bias, out, totals } = call;
    match (algorithm, missing) {
        (Plain, Operand::Output) => plain::output(sizes, known, bias, out),
        (Plain, Operand::Input) => plain::input(sizes, known, bias, out),
        (Plain, Operand::Weight) => {
            plain::weight(sizes, known, out);
            sum_planes(known[1], totals);
        }
        (Depthwise, Operand::Output) => depthwise::output(sizes, known, bias, out),
        (Depthwise, Operand::Input) => depthwise::input(sizes, known, bias, out),
        (Depthwise, Operand::Weight) => {
            depthwise::weight(sizes, known, out);
            sum_planes(known[1], totals);
        }
        (Direct, Operand::Weight) => direct::weight(sizes, known, out, totals),
        (Winograd, Operand::Weight) => winograd::weight(sizes, known, out, totals),
        // An output and an input are correlations both, with other offsets.
        (Direct, end) => direct::correlate(&Correlation::to(end, sizes), known, bias, out),
        (Winograd, end) => winograd::correlate(&Correlation::to(end, sizes), known, bias, out),
    }
}

/// Pixels of a plane that a product may copy for a few positions, at most: a dilation, or a stride, of some
/// sixty pixels. Beyond, columns are smaller.
const MOST_READ: usize = 16 << 10;
/// As many for each tap, where there are more.
const MOST_FOR_A_TAP: usize = 16;

/// The pixels of a plane, padding included, between the first and the last that eight positions of a row read.
fn least_read(geometry: &Geometry) -> usize {
    let [y, x] = geometry.axes();
    let reach = |step: usize, places: usize| step.saturating_mul(places.saturating_sub(1));
    let rows = reach(y.dilation, y.kernel).saturating_add(1);
    let columns = reach(x.stride, x.output.min(8)).saturating_add(reach(x.dilation, x.kernel) + 1);
    rows.saturating_mul(columns)
}

/// Pairs of phase groups beyond which their products are too small to be worth starting.
const MOST_PAIRS: usize = 64;

fn phase_pairs(geometry: &Geometry) -> usize {
    PhaseAxis::to_input(geometry).iter().map(|axis| axis.groups.len()).product()
}

impl fmt::Display for ConvAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Direct => "direct",
            Self::Depthwise => "depthwise",
            Self::Winograd => "winograd",
        })
    }
}
