//! The sizes of one call of the form, checked once, and where its parts lie.

use super::Operand;
use crate::matmul::matrix;
use crate::parallel::PRODUCTS;
use crate::{Element, Geometry, Tensor, check};

/// The sizes of one call. `nth` counts groups of a batch: picture by picture, group by group.
#[derive(Debug)]
pub struct Sizes<'a> {
    pub name: &'static str,
    pub geometry: &'a Geometry,
    pub groups: usize,
    pub batch: usize,
    pub inputs: usize,
    pub outputs: usize,
    pub group_inputs: usize,
    pub group_outputs: usize,
    /// Rows of the columns of one group: input channels times taps.
    pub rows: usize,
}

impl<'a> Sizes<'a> {
    /// Of the two known operands' shapes and that of the bias, which goes to the missing one.
    ///
    /// # Panics
    /// If they do not fit the geometry and the groups.
    #[track_caller]
    pub fn of(
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
            Operand::Output | Operand::Input => second,
        };
        let mut sizes = Self::new(name, geometry, groups, weight);
        let (inputs, outputs) = (sizes.inputs, sizes.outputs);
        let ends =
            [("an input", inputs, geometry.input()), ("an output", outputs, geometry.output())];
        sizes.batch = sizes.check(if missing == Operand::Input { ends[1] } else { ends[0] }, first);
        if missing == Operand::Weight && sizes.check(ends[1], second) != sizes.batch {
            panic!("{name}: input and output differ in batch size: {first:?} and {second:?}");
        }
        let channels = if missing == Operand::Input { inputs } else { outputs };
        if let Some(bias) = bias.filter(|bias| *bias != [channels]) {
            panic!("{name}: expected one bias per channel, [{channels}], got {bias:?}");
        }
        sizes
    }

    /// The shape of the weight between an input and an output.
    #[track_caller]
    fn weight_shape(
        name: &str,
        geometry: &Geometry,
        groups: usize,
        [input, output]: [&[usize]; 2],
    ) -> [usize; 4] {
        let ([_, inputs, ..], [_, outputs, ..]) =
            (check::dims::<4>(name, input), check::dims::<4>(name, output));
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
            rows: group_inputs * geometry.taps(),
        }
    }

    /// The batch size of an input or an output.
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

    /// The shape of an operand.
    pub fn shape(&self, operand: Operand) -> [usize; 4] {
        let ([height, width], [rows, columns]) = (self.geometry.input(), self.geometry.output());
        let [kh, kw] = self.geometry.kernel();
        match operand {
            Operand::Input => [self.batch, self.inputs, height, width],
            Operand::Weight => [self.outputs, self.group_inputs, kh, kw],
            Operand::Output => [self.batch, self.outputs, rows, columns],
        }
    }

    /// All of it, in the time in which a number is written: each weight meets every position once.
    pub fn work(&self) -> usize {
        let weights = self.outputs.saturating_mul(self.rows);
        weights.saturating_mul(self.batch * self.geometry.positions()).div_ceil(PRODUCTS)
    }

    pub fn input_of<'t, T: Element>(&self, nth: usize, input: &'t Tensor<T>) -> &'t [T] {
        let size = self.group_inputs * self.geometry.pixels();
        &input.as_slice()[nth * size..][..size]
    }

    pub fn output_of<'t, T: Element>(&self, nth: usize, output: &'t Tensor<T>) -> &'t [T] {
        let size = self.group_outputs * self.geometry.positions();
        &output.as_slice()[nth * size..][..size]
    }

    pub fn weight_of<'t, T: Element>(
        &self,
        nth: usize,
        weight: &'t Tensor<T>,
    ) -> ndarray::ArrayView2<'t, T> {
        let size = self.group_outputs * self.rows;
        let group = nth % self.groups;
        matrix([self.group_outputs, self.rows], &weight.as_slice()[group * size..])
    }

    /// The biases of the `nth` group's outputs.
    pub fn bias_of<'t, T: Element>(&self, nth: usize, bias: &'t Tensor<T>) -> &'t [T] {
        &bias.as_slice()[(nth % self.groups) * self.group_outputs..][..self.group_outputs]
    }
}
