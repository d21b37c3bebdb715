//! The ways to compute the form's three maps, and which is taken.

use super::kernels::Operands;
use super::phases::PhaseAxis;
use super::{Form, Operand, winograd};
use crate::{Element, Geometry, Tensor};
use std::fmt;
use std::sync::OnceLock;

/// A way to compute the three maps of the convolution form. All give the same numbers up to rounding,
/// and each gives the same bits whatever the number of threads.
///
/// ```
/// # use mirrorgrad_tensor::{Path, Tensor, Window};
/// let geometry = Window::square(3).padding(1).over([8, 8])?;
/// let image = Tensor::<f64>::from_fn([1, 2, 8, 8], |i| (i % 7) as f64);
/// let weight = Tensor::<f64>::from_fn([2, 2, 3, 3], |i| (i % 5) as f64);
/// let map = |path: Path| path.map(&geometry, 1, &image, &weight, None);
/// let apart = map(Path::Plain).zip(&map(Path::Winograd), |a, b| (a - b).abs());
/// assert!(apart.sum() < 1e-6);
/// // That one is for groups of a single plane.
/// assert!(!Path::Depthwise.takes(&geometry, 1, weight.shape()));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// im2col, matrixmultiply, col2im: for every geometry, and the oracle of the others.
    Plain,
    /// Products that read the picture itself: where the few pixels that a row of spots reads lie close
    /// enough together to be copied.
    Direct,
    /// Shifted planes, scaled and added: where every group has one plane on either side.
    Depthwise,
    /// Transformed tiles of 4×4 spots, with a quarter to a half of the multiplications: windows without
    /// dilation whose stride is 1 or 2 and whose taps overlap, each spot with at most two others.
    Winograd,
}

/// A name in `MIRRORGRAD_CONV` that is of no path.
///
/// ```
/// # use mirrorgrad_tensor::Path;
/// # use std::{env, process::Command};
/// # if env::var("MIRRORGRAD_CONV").as_deref() != Ok("fft") {
/// #     // This program once more, with the variable set.
/// #     let program = env::current_exe().expect("a program has a path");
/// #     let status = Command::new(program).env("MIRRORGRAD_CONV", "fft").status();
/// #     assert!(status.expect("it starts again").success());
/// #     return;
/// # }
/// // In a process that was started with MIRRORGRAD_CONV=fft:
/// let error = Path::chosen().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"MIRRORGRAD_CONV is "fft": expected plain, direct, depthwise or winograd"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("MIRRORGRAD_CONV is {0:?}: expected plain, direct, depthwise or winograd")]
pub struct PathError(String);

impl Path {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plain, Self::Direct, Self::Depthwise, Self::Winograd];

    /// The path that `MIRRORGRAD_CONV` names, if it is set: it is taken wherever it can be, and the
    /// direct one elsewhere, or the plain one. Looked up once.
    ///
    /// # Errors
    /// If the variable names none.
    pub fn chosen() -> Result<Option<Self>, PathError> {
        static CHOSEN: OnceLock<Result<Option<Path>, PathError>> = OnceLock::new();
        CHOSEN
            .get_or_init(|| match std::env::var_os("MIRRORGRAD_CONV") {
                None => Ok(None),
                Some(name) => {
                    let path = Self::ALL.into_iter().find(|path| name == *path.to_string());
                    let error = || PathError(name.to_string_lossy().into_owned());
                    path.map(Some).ok_or_else(error)
                }
            })
            .clone()
    }

    /// The fastest path to a map or an image, for a geometry and a weight; or the chosen one.
    ///
    /// # Panics
    /// If `MIRRORGRAD_CONV` names none; see [`Path::chosen`].
    #[track_caller]
    pub fn fastest(geometry: &Geometry, groups: usize, weight: &[usize]) -> Self {
        let chosen = match Self::chosen() {
            Ok(chosen) => chosen,
            Err(error) => panic!("{error}"),
        };
        match chosen {
            // Whoever takes the weight says what it should be.
            _ if weight.len() != 4 => Self::Plain,
            Some(path) if path.takes(geometry, groups, weight) => path,
            _ if !Self::Direct.takes(geometry, groups, weight) => Self::Plain,
            Some(_) => Self::Direct,
            None if Self::Depthwise.takes(geometry, groups, weight) => Self::Depthwise,
            None if winograd::pays(geometry, [weight[0] / groups.max(1), weight[1]]) => {
                Self::Winograd
            }
            None if phase_pairs(geometry) > MOST_PAIRS => Self::Plain,
            None => Self::Direct,
        }
    }

    /// Whether the path can be taken for a weight of shape `[outputs, inputs / groups, kh, kw]`.
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

    /// The fastest path to a weight; or the chosen one.
    ///
    /// # Panics
    /// If `MIRRORGRAD_CONV` names none; see [`Path::chosen`].
    #[track_caller]
    pub fn fastest_for_weight(geometry: &Geometry, groups: usize, weight: &[usize]) -> Self {
        let strided = geometry.axes().iter().any(|axis| axis.stride > 1);
        match Self::fastest(geometry, groups, weight) {
            // Behind a stride, a weight's transform is six to nine times its size: too much to be added
            // to for every few tiles.
            Self::Winograd if strided && Self::chosen() == Ok(None) => Self::Direct,
            path => path,
        }
    }

    /// [`conv`](crate::conv) by this path.
    ///
    /// # Panics
    /// If the shapes do not fit the geometry and the groups, or the path does not take them.
    #[track_caller]
    pub fn map<T: Element>(
        self,
        geometry: &Geometry,
        groups: usize,
        image: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
    ) -> Tensor<T> {
        let (known, bias_shape) = ([image.shape(), weight.shape()], bias.map(Tensor::shape));
        let form = &Form::of("conv", geometry, groups, Operand::Map, known, bias_shape);
        self.check(form, weight.shape());
        let [height, width] = geometry.map();
        Tensor::build([form.batch, form.outputs, height, width], |out| {
            T::map(self, form, Operands { source: image, weight, bias }, out);
        })
    }

    /// [`conv_adjoint`](crate::conv_adjoint) by this path.
    ///
    /// # Panics
    /// If the shapes do not fit the geometry and the groups, or the path does not take them.
    #[track_caller]
    pub fn image<T: Element>(
        self,
        geometry: &Geometry,
        groups: usize,
        map: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
    ) -> Tensor<T> {
        let (known, bias_shape) = ([map.shape(), weight.shape()], bias.map(Tensor::shape));
        let form = &Form::of("conv_adjoint", geometry, groups, Operand::Image, known, bias_shape);
        self.check(form, weight.shape());
        let [height, width] = geometry.image();
        Tensor::build([form.batch, form.inputs, height, width], |out| {
            T::image(self, form, Operands { source: map, weight, bias }, out);
        })
    }

    /// [`conv_weight`](crate::conv_weight) by this path.
    ///
    /// # Panics
    /// If the shapes do not fit the geometry and the groups, or the path does not take them.
    #[track_caller]
    pub fn weight<T: Element>(
        self,
        geometry: &Geometry,
        groups: usize,
        image: &Tensor<T>,
        map: &Tensor<T>,
    ) -> Tensor<T> {
        let (form, shape) = self.form_of_weight("conv_weight", geometry, groups, image, map);
        let form = &form;
        Tensor::build(shape, |out| T::weight(self, form, [image, map], out, None))
    }

    /// [`conv_weight_bias`](crate::conv_weight_bias) by this path.
    ///
    /// # Panics
    /// If the shapes do not fit the geometry and the groups, or the path does not take them.
    #[track_caller]
    pub fn weight_bias<T: Element>(
        self,
        geometry: &Geometry,
        groups: usize,
        image: &Tensor<T>,
        map: &Tensor<T>,
    ) -> (Tensor<T>, Tensor<T>) {
        let (form, shape) = self.form_of_weight("conv_weight_bias", geometry, groups, image, map);
        let form = &form;
        let mut bias = vec![T::zero(); form.outputs];
        let weight = Tensor::build(shape, |out| {
            T::weight(self, form, [image, map], out, Some(&mut bias));
        });
        (weight, Tensor::new([form.outputs], bias))
    }

    /// The sizes of a call that finds a weight, and the weight's shape.
    #[track_caller]
    fn form_of_weight<'a, T: Element>(
        self,
        name: &'static str,
        geometry: &'a Geometry,
        groups: usize,
        image: &Tensor<T>,
        map: &Tensor<T>,
    ) -> (Form<'a>, [usize; 4]) {
        let known = [image.shape(), map.shape()];
        let form = Form::of(name, geometry, groups, Operand::Weight, known, None);
        let shape = Form::weight_shape(name, geometry, groups, known);
        self.check(&form, &shape);
        (form, shape)
    }

    #[track_caller]
    fn check(self, form: &Form<'_>, weight: &[usize]) {
        assert!(
            self.takes(form.geometry, form.groups, weight),
            "{}: no {self} path for a weight of {weight:?} in {} groups",
            form.name,
            form.groups
        );
    }
}

/// Pixels of a plane that a product may copy for a few spots, at most: a dilation, or a stride, of some
/// sixty pixels. Beyond, columns are smaller.
const MOST_READ: usize = 16 << 10;
/// As many for each tap, where there are more.
const MOST_FOR_A_TAP: usize = 16;

/// The pixels of a plane, padding included, between the first and the last that eight spots of a row read.
fn least_read(geometry: &Geometry) -> usize {
    let [y, x] = geometry.axes();
    let apart = |step: usize, places: usize| step.saturating_mul(places.saturating_sub(1));
    let rows = apart(y.dilation, y.kernel).saturating_add(1);
    let columns = apart(x.stride, x.map.min(8)).saturating_add(apart(x.dilation, x.kernel) + 1);
    rows.saturating_mul(columns)
}

/// Pairs of phase groups beyond which their products are too small to be worth starting.
const MOST_PAIRS: usize = 64;

fn phase_pairs(geometry: &Geometry) -> usize {
    PhaseAxis::of_adjoint(geometry).iter().map(|axis| axis.groups.len()).product()
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Direct => "direct",
            Self::Depthwise => "depthwise",
            Self::Winograd => "winograd",
        })
    }
}
