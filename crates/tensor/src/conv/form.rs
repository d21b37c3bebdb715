//! The sizes of one call of the form, checked once, and where its parts lie.

use crate::matmul::matrix;
use crate::{Element, Geometry, Tensor, check};

/// An operand of the form: the one that a solution finds from the other two.
///
/// ```
/// # use mirrorgrad_tensor::{Operand, Window, check_conv};
/// let geometry = Window::square(3).padding(1).over([8, 8])?;
/// let (image, weight) = ([2, 3, 8, 8], [16, 3, 3, 3]);
/// check_conv("conv2d", &geometry, 1, Operand::Map, [&image, &weight], Some(&[16]));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// `[batch, inputs, height, width]`, found from map and weight.
    Image,
    /// `[outputs, inputs / groups, kh, kw]`, found from image and map.
    Weight,
    /// `[batch, outputs, map height, map width]`, found from image and weight.
    Map,
}

/// Refuses shapes that do not fit the geometry and the groups, as the solutions of the form do, in the
/// name of a function that will call one: the shapes of the two known operands, image before map before
/// weight, and of the bias that goes to the `missing` one.
///
/// ```
/// # use mirrorgrad_tensor::{Operand, Window, check_conv};
/// let geometry = Window::square(2).stride(2).over([8, 8])?;
/// let (map, weight) = ([2, 16, 4, 4], [16, 3, 2, 2]);
/// check_conv("conv_transpose2d", &geometry, 1, Operand::Image, [&map, &weight], None);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If they do not fit.
#[track_caller]
pub fn check_conv(
    name: &'static str,
    geometry: &Geometry,
    groups: usize,
    missing: Operand,
    known: [&[usize]; 2],
    bias: Option<&[usize]>,
) {
    Form::of(name, geometry, groups, missing, known, bias);
}

/// The sizes of one call. `nth` counts groups of a batch: picture by picture, group by group.
#[derive(Debug)]
pub struct Form<'a> {
    pub(super) name: &'static str,
    pub(super) geometry: &'a Geometry,
    pub(super) groups: usize,
    pub(super) batch: usize,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
    pub(super) group_inputs: usize,
    pub(super) group_outputs: usize,
    /// Rows of the columns of one group: input channels times taps.
    pub(super) lines: usize,
}

impl<'a> Form<'a> {
    /// See [`check_conv`].
    #[track_caller]
    pub(super) fn of(
        name: &'static str,
        geometry: &'a Geometry,
        groups: usize,
        missing: Operand,
        [first, second]: [&[usize]; 2],
        bias: Option<&[usize]>,
    ) -> Self {
        let derived;
        let weight = match missing {
            Operand::Weight => {
                derived = Self::weight_shape(name, geometry, groups, [first, second]);
                &derived[..]
            }
            Operand::Map | Operand::Image => second,
        };
        let mut form = Self::new(name, geometry, groups, weight);
        let (inputs, outputs) = (form.inputs, form.outputs);
        let ends = [("an image", inputs, geometry.image()), ("a map", outputs, geometry.map())];
        form.batch = form.check(if missing == Operand::Image { ends[1] } else { ends[0] }, first);
        if missing == Operand::Weight && form.check(ends[1], second) != form.batch {
            panic!("{name}: image and map differ in batch size: {first:?} and {second:?}");
        }
        let channels = if missing == Operand::Image { inputs } else { outputs };
        if let Some(bias) = bias.filter(|bias| *bias != [channels]) {
            panic!("{name}: expected one bias a channel, [{channels}], got {bias:?}");
        }
        form
    }

    /// The shape of the weight between an image and a map.
    #[track_caller]
    pub(super) fn weight_shape(
        name: &str,
        geometry: &Geometry,
        groups: usize,
        [image, map]: [&[usize]; 2],
    ) -> [usize; 4] {
        let ([_, inputs, ..], [_, outputs, ..]) =
            (check::dims::<4>(name, image), check::dims::<4>(name, map));
        assert!(groups > 0, "{name}: expected at least one group, got 0");
        let [kh, kw] = geometry.kernel();
        [outputs, inputs / groups, kh, kw]
    }

    #[track_caller]
    fn new(name: &'static str, geometry: &'a Geometry, groups: usize, weight: &[usize]) -> Self {
        let &[outputs, group_inputs, kh, kw] = weight else {
            panic!("{name}: expected a weight of 4 axes, got shape {weight:?}")
        };
        let kernel = geometry.kernel();
        assert!(
            [kh, kw] == kernel,
            "{name}: the weight {weight:?} does not have the window's kernel {kernel:?}"
        );
        assert!(
            outputs > 0 && group_inputs > 0,
            "{name}: expected at least one channel on both sides of weight {weight:?}"
        );
        assert!(
            groups > 0 && outputs % groups == 0,
            "{name}: {groups} groups do not divide {outputs} outputs of weight {weight:?}"
        );
        Self {
            name,
            geometry,
            groups,
            batch: 0,
            inputs: group_inputs * groups,
            outputs,
            group_inputs,
            group_outputs: outputs / groups,
            lines: group_inputs * geometry.taps(),
        }
    }

    /// The batch size of an image or a map.
    #[track_caller]
    fn check(
        &self,
        (what, channels, [height, width]): (&str, usize, [usize; 2]),
        shape: &[usize],
    ) -> usize {
        match *shape {
            [batch, c, h, w] if [c, h, w] == [channels, height, width] => batch,
            _ => panic!(
                "{}: expected {what} of shape [batch, {channels}, {height}, {width}] for {} \
                 groups, got {shape:?}",
                self.name, self.groups,
            ),
        }
    }

    pub(super) fn image_of<'t, T: Element>(&self, nth: usize, image: &'t Tensor<T>) -> &'t [T] {
        let size = self.group_inputs * self.geometry.pixels();
        &image.as_slice()[nth * size..][..size]
    }

    pub(super) fn map_of<'t, T: Element>(&self, nth: usize, map: &'t Tensor<T>) -> &'t [T] {
        let size = self.group_outputs * self.geometry.spots();
        &map.as_slice()[nth * size..][..size]
    }

    pub(super) fn weight_of<'t, T: Element>(
        &self,
        nth: usize,
        weight: &'t Tensor<T>,
    ) -> ndarray::ArrayView2<'t, T> {
        let size = self.group_outputs * self.lines;
        let group = nth % self.groups;
        matrix([self.group_outputs, self.lines], &weight.as_slice()[group * size..])
    }

    /// The biases of the `nth` group's outputs.
    pub(super) fn bias_of<'t, T: Element>(&self, nth: usize, bias: &'t Tensor<T>) -> &'t [T] {
        &bias.as_slice()[(nth % self.groups) * self.group_outputs..][..self.group_outputs]
    }
}
