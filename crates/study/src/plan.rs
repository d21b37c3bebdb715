//! What an operation will do, worked out from shapes and attributes before any of it is done.

use crate::attributes::{self, Attributes};
use crate::{Array, Refusal};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_tensor::{
    AverageCount, ClassTargets, Corners, Element, Epilogue, Form, Geometry, PixelLoss, PoolIndices,
    Tensor, Window,
};
use std::collections::BTreeMap;

/// The differentiable operands that are there, by name.
pub type Operands<T> = BTreeMap<&'static str, Var<T>>;

/// What an operation makes: its output, and a max pool's positions.
pub type Made<T> = (Var<T>, Option<PoolIndices>);

/// An operation whose request was found to make sense.
pub struct Plan<T: Element> {
    /// The shape of its output.
    pub output: Vec<usize>,
    /// Multiply-adds, or what takes as long.
    pub work: u128,
    /// Does it.
    pub run: Box<dyn Fn(&Operands<T>) -> Made<T>>,
}

/// The tensors and attributes of a request.
pub struct Request<'a, T: Element> {
    pub operands: &'a Operands<T>,
    pub constants: &'a BTreeMap<&'static str, &'a Array>,
    pub attributes: &'a Attributes,
}

fn product(sizes: &[usize]) -> u128 {
    sizes.iter().map(|&size| size as u128).product()
}

impl<T: Element> Request<'_, T> {
    fn shape(&self, name: &str) -> &[usize] {
        self.operands[name].shape()
    }

    /// The shape of a tensor of `N` axes.
    fn dims<const N: usize>(&self, name: &str) -> Result<[usize; N], Refusal> {
        let shape = self.shape(name);
        shape
            .try_into()
            .map_err(|_| Refusal::expected(name, format!("{N} axes"), format!("{shape:?}")))
    }

    /// Refuses an optional operand of one number a channel that has another shape.
    fn check_channels(&self, name: &str, channels: usize) -> Result<(), Refusal> {
        match self.operands.get(name) {
            Some(given) if given.shape() != [channels] => {
                let found = format!("{:?}", given.shape());
                Err(Refusal::expected(name, format!("shape [{channels}]"), found))
            }
            _ => Ok(()),
        }
    }

    fn groups(&self, channels: usize) -> Result<usize, Refusal> {
        let groups = self.attributes.groups.unwrap_or(1);
        if groups > 0 && channels.is_multiple_of(groups) {
            return Ok(groups);
        }
        let expected = format!("a divisor of the {channels} channels");
        Err(Refusal::expected("groups", expected, groups))
    }

    pub fn conv2d(&self) -> Result<Plan<T>, Refusal> {
        let [batch, channels, height, width] = self.dims("input")?;
        let [outputs, per_group, kh, kw] = self.dims("weight")?;
        let groups = self.groups(outputs)?;
        if Some(channels) != per_group.checked_mul(groups) {
            let expected = format!("{per_group} channels for each of {groups} groups");
            return Err(Refusal::expected("input", expected, channels));
        }
        self.check_channels("bias", outputs)?;
        let geometry = self.attributes.conv([kh, kw], [height, width])?;
        let [output_height, output_width] = geometry.output();
        let form = Form::new(geometry, groups);
        Ok(Plan {
            output: vec![batch, outputs, output_height, output_width],
            work: form.multiply_adds(self.shape("weight")) as u128 * batch as u128,
            run: Box::new(move |v| {
                (ops::conv2d(form, &v["input"], &v["weight"], v.get("bias")), None)
            }),
        })
    }

    pub fn conv_transpose2d(&self) -> Result<Plan<T>, Refusal> {
        let [batch, channels, height, width] = self.dims("input")?;
        let [inputs, per_group, kh, kw] = self.dims("weight")?;
        if channels != inputs {
            return Err(Refusal::expected("input", format!("{inputs} channels"), channels));
        }
        let groups = self.groups(inputs)?;
        let outputs = per_group.saturating_mul(groups);
        self.check_channels("bias", outputs)?;
        let geometry = self.attributes.conv_transpose([kh, kw], [height, width])?;
        let [input_height, input_width] = geometry.input();
        let form = Form::new(geometry, groups);
        Ok(Plan {
            output: vec![batch, outputs, input_height, input_width],
            work: form.multiply_adds(self.shape("weight")) as u128 * batch as u128,
            run: Box::new(move |v| {
                let (x, weight, bias) = (&v["input"], &v["weight"], v.get("bias"));
                (ops::conv_transpose2d(form, x, weight, bias), None)
            }),
        })
    }

    fn pool(&self) -> Result<(Geometry, [usize; 2], Vec<usize>, u128), Refusal> {
        let [batch, channels, height, width] = self.dims("input")?;
        let (geometry, pad_after) = self.attributes.pool([height, width])?;
        let [output_height, output_width] = geometry.output();
        let output = vec![batch, channels, output_height, output_width];
        let work = product(&output) * product(&geometry.kernel());
        Ok((geometry, pad_after, output, work))
    }

    pub fn max_pool2d(&self) -> Result<Plan<T>, Refusal> {
        let (geometry, _, output, work) = self.pool()?;
        let run = move |v: &Operands<T>| {
            let (output, indices) = ops::max_pool2d(&geometry, &v["input"]);
            (output, Some(indices))
        };
        Ok(Plan { output, work, run: Box::new(run) })
    }

    pub fn avg_pool2d(&self) -> Result<Plan<T>, Refusal> {
        let (geometry, pad_after, output, work) = self.pool()?;
        let count = match self.attributes.count_include_pad {
            None | Some(true) => AverageCount::IncludePadding { pad_after },
            Some(false) => AverageCount::ExcludePadding,
        };
        let run = move |v: &Operands<T>| (ops::avg_pool2d(&geometry, &v["input"], count), None);
        Ok(Plan { output, work, run: Box::new(run) })
    }

    pub fn max_unpool2d(&self) -> Result<Plan<T>, Refusal> {
        let [batch, channels, height, width] = self.dims("input")?;
        let size = self.unpooled([height, width])?;
        let Array::I64(shape, positions) = self.constants["indices"] else {
            let found = self.constants["indices"].dtype();
            return Err(Refusal::expected("indices", "I64", found));
        };
        if shape != self.shape("input") {
            let expected = format!("the input's shape {:?}", self.shape("input"));
            return Err(Refusal::expected("indices", expected, format!("{shape:?}")));
        }
        let area = product(&size);
        let place = |(at, &index): (usize, &i64)| match u32::try_from(index) {
            Ok(place) if u128::from(place) < area => Ok(place),
            _ => {
                let expected = format!("places from 0 to {} in planes of {size:?}", area - 1);
                Err(Refusal::expected(format!("indices[{at}]"), expected, index))
            }
        };
        let places = positions.iter().enumerate().map(place).collect::<Result<Vec<_>, _>>()?;
        let indices = PoolIndices::new([batch, channels, height, width], size, &places)
            .expect("every place was found inside");
        Ok(Plan {
            output: vec![batch, channels, size[0], size[1]],
            work: product(&[batch, channels]) * area,
            run: Box::new(move |v| (ops::max_unpool2d(&v["input"], &indices), None)),
        })
    }

    /// `[height, width]` of what a pool's `output` is unpooled to.
    fn unpooled(&self, output: [usize; 2]) -> Result<[usize; 2], Refusal> {
        let Attributes { kernel, output_size, .. } = *self.attributes;
        if let (None, Some(size)) = (kernel, output_size) {
            return check_sides(size);
        }
        let window: Window = self.attributes.pool_window()?;
        let usual =
            window.transposed(output).map_err(|error| Refusal::new(error.to_string()))?.input();
        let Some(size) = output_size else { return Ok(usual) };
        // PyTorch's `_unpool_output_size`: nearer than a stride to the usual size.
        let near = |i: usize| size[i] > 0 && size[i].abs_diff(usual[i]) < window.stride[i];
        if near(0) && near(1) {
            return Ok(size);
        }
        let expected = format!("less than a stride of {:?} from {usual:?}", window.stride);
        Err(Refusal::expected("output_size", expected, format!("{size:?}")))
    }

    fn resized(&self) -> Result<([usize; 2], [usize; 2], Vec<usize>), Refusal> {
        let [batch, channels, height, width] = self.dims("input")?;
        let Some(size) = self.attributes.output_size else {
            return Err(Refusal::expected("attributes", "an output_size", "none"));
        };
        let size = check_sides(size)?;
        Ok(([height, width], size, vec![batch, channels, size[0], size[1]]))
    }

    pub fn upsample_bilinear2d(&self) -> Result<Plan<T>, Refusal> {
        let (_, size, output) = self.resized()?;
        let corners = match self.attributes.align_corners {
            Some(true) => Corners::Aligned,
            None | Some(false) => Corners::HalfPixel,
        };
        let work = 4 * product(&output);
        let run =
            move |v: &Operands<T>| (ops::upsample_bilinear2d(&v["input"], size, corners), None);
        Ok(Plan { output, work, run: Box::new(run) })
    }

    pub fn upsample_nearest2d(&self) -> Result<Plan<T>, Refusal> {
        let (_, size, output) = self.resized()?;
        let work = 4 * product(&output);
        let run = move |v: &Operands<T>| (ops::upsample_nearest2d(&v["input"], size), None);
        Ok(Plan { output, work, run: Box::new(run) })
    }

    fn eps(&self) -> Result<f64, Refusal> {
        let eps = self.attributes.eps.unwrap_or(1e-5);
        if eps >= 0.0 && eps.is_finite() {
            return Ok(eps);
        }
        Err(Refusal::expected("eps", "a number of at least 0", eps))
    }

    /// Weight and bias, ones and zeros where there are none.
    fn affine(v: &Operands<T>) -> [Var<T>; 2] {
        let channels = [v["input"].shape()[1]];
        let or = |name: &str, value: T| {
            v.get(name).cloned().unwrap_or_else(|| Var::constant(Tensor::full(channels, value)))
        };
        [or("weight", T::one()), or("bias", T::zero())]
    }

    pub fn batch_norm2d(&self) -> Result<Plan<T>, Refusal> {
        let dims: [usize; 4] = self.dims("input")?;
        self.check_channels("weight", dims[1])?;
        self.check_channels("bias", dims[1])?;
        if product(&[dims[0], dims[2], dims[3]]) == 1 {
            let found = format!("shape {dims:?}");
            return Err(Refusal::expected("input", "more than one value per channel", found));
        }
        let eps = self.eps()?;
        let run = move |v: &Operands<T>| {
            let [weight, bias] = Self::affine(v);
            (ops::batch_norm(&v["input"], &weight, &bias, eps, Epilogue::Identity).0, None)
        };
        Ok(Plan { output: dims.to_vec(), work: 4 * product(&dims), run: Box::new(run) })
    }

    pub fn group_norm(&self) -> Result<Plan<T>, Refusal> {
        let dims: [usize; 4] = self.dims("input")?;
        self.check_channels("weight", dims[1])?;
        self.check_channels("bias", dims[1])?;
        let Some(groups) = self.attributes.num_groups else {
            return Err(Refusal::expected("attributes", "num_groups", "none"));
        };
        if groups == 0 || !dims[1].is_multiple_of(groups) {
            let expected = format!("a divisor of the {} channels", dims[1]);
            return Err(Refusal::expected("num_groups", expected, groups));
        }
        let eps = self.eps()?;
        let run = move |v: &Operands<T>| {
            let [weight, bias] = Self::affine(v);
            (ops::group_norm(groups, &v["input"], &weight, &bias, eps), None)
        };
        Ok(Plan { output: dims.to_vec(), work: 4 * product(&dims), run: Box::new(run) })
    }

    pub fn cross_entropy2d(&self, weights: Option<Tensor<T>>) -> Result<Plan<T>, Refusal> {
        let [batch, classes, height, width] = self.dims("input")?;
        let Array::I64(shape, labels) = self.constants["target"] else {
            let found = self.constants["target"].dtype();
            return Err(Refusal::expected("target", "I64", found));
        };
        if *shape != [batch, height, width] {
            let expected = format!("shape {:?}", [batch, height, width]);
            return Err(Refusal::expected("target", expected, format!("{shape:?}")));
        }
        if let Some(weights) = &weights
            && weights.shape() != [classes]
        {
            let found = format!("{:?}", weights.shape());
            return Err(Refusal::expected("weight", format!("shape [{classes}]"), found));
        }
        let Attributes { ignore_index, label_smoothing, reduction, .. } = *self.attributes;
        let label_smoothing = label_smoothing.unwrap_or(0.0);
        if !(0.0..=1.0).contains(&label_smoothing) {
            let expected = "a fraction from 0 to 1";
            return Err(Refusal::expected("label_smoothing", expected, label_smoothing));
        }
        let ignored = Some(ignore_index.unwrap_or(-100));
        let targets = ClassTargets::new(shape, labels.iter().copied(), classes, ignored)
            .map_err(|error| Refusal::new(format!("target: {error}")))?;
        let loss = PixelLoss { class_weights: weights, label_smoothing, focusing: 0.0 };
        let (reduction, output) = match reduction {
            None | Some(attributes::Reduction::Mean) => (ops::Reduction::Mean, vec![]),
            Some(attributes::Reduction::Sum) => (ops::Reduction::Sum, vec![]),
            Some(attributes::Reduction::None) => (ops::Reduction::None, shape.clone()),
        };
        let work = 16 * product(self.shape("input"));
        let run = move |v: &Operands<T>| {
            (ops::cross_entropy(&v["input"], &targets, &loss, reduction), None)
        };
        Ok(Plan { output, work, run: Box::new(run) })
    }
}

/// Longest side of what an attribute asks for.
const MOST_SIDE: usize = 1 << 24;

fn check_sides(size: [usize; 2]) -> Result<[usize; 2], Refusal> {
    if size.iter().all(|side| (1..=MOST_SIDE).contains(side)) {
        return Ok(size);
    }
    let expected = format!("sides of 1 to {MOST_SIDE}");
    Err(Refusal::expected("output_size", expected, format!("{size:?}")))
}

#[cfg(test)]
mod tests {
    use crate::{Array, Arrays, operate};
    use mirrorgrad_tensor::Tensor;

    #[test]
    fn a_batch_norm_of_one_value_a_channel_is_refused_in_words() {
        let of = |shape: [usize; 4]| {
            let input = Array::F64(Tensor::ones(shape));
            operate("batch_norm2d", "{}", &Arrays::from([("input".to_owned(), input)]))
        };
        let refusal = of([1, 3, 1, 1]).unwrap_err().to_string();
        assert!(refusal.contains("more than one value per channel"), "{refusal}");
        assert!(refusal.contains("[1, 3, 1, 1]"), "{refusal}");
        for shape in [[2, 3, 1, 1], [1, 3, 2, 1], [1, 3, 1, 2]] {
            assert!(of(shape).is_ok(), "{shape:?}");
        }
    }
}
