//! What a request says beside its tensors, and how its words become a geometry.

use crate::Refusal;
use mirrorgrad_tensor::dialect::{MxNet, TensorFlow, tensorflow};
use mirrorgrad_tensor::{
    ConvSpec, Geometry, GeometryError, Kernel, OddSide, Rounding, Same, Window,
};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The attributes of a request. Pairs are `[height, width]`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Attributes {
    /// Taps of a pool's window.
    pub kernel: Option<[usize; 2]>,
    /// Pixels from one position to the next.
    pub stride: Option<[usize; 2]>,
    /// Pixels from one tap to the next.
    pub dilation: Option<[usize; 2]>,
    /// Zeros around the input.
    pub padding: Option<Padding>,
    /// Rows and columns that a transposed convolution adds at the end.
    pub output_padding: Option<[usize; 2]>,
    /// The size that is wanted.
    pub output_size: Option<[usize; 2]>,
    /// The size that is wanted, in MXNet's way.
    pub target_shape: Option<[usize; 2]>,
    /// Groups of channels that do not mix.
    pub groups: Option<usize>,
    /// Groups that are normalized together.
    pub num_groups: Option<usize>,
    /// Whether a pool's rest gets a position of its own.
    pub ceil_mode: Option<bool>,
    /// Whether an average counts padding.
    pub count_include_pad: Option<bool>,
    /// Whether the corner pixels' centres stay in the corners.
    pub align_corners: Option<bool>,
    /// What is added to a variance.
    pub eps: Option<f64>,
    /// The label of pixels that count for nothing.
    pub ignore_index: Option<i64>,
    /// The part of a target that is spread over all classes.
    pub label_smoothing: Option<f64>,
    /// How the losses of many pixels become one.
    pub reduction: Option<Reduction>,
}

/// Padding in numbers or by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(
    untagged,
    expecting = "expected padding as [h,w], [top,left,bottom,right], \"same_upper\", \"same_lower\" \
                 or \"valid\""
)]
pub enum Padding {
    /// Above and below, left and right.
    Pair([usize; 2]),
    /// Top, left, bottom, right.
    Sides([usize; 4]),
    /// By a rule.
    Named(NamedPadding),
}

/// Padding by a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamedPadding {
    /// As TensorFlow's SAME: the odd pixel behind the input.
    SameUpper,
    /// The odd pixel before it.
    SameLower,
    /// None.
    Valid,
}

/// The names of reductions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reduction {
    /// The mean.
    Mean,
    /// The sum.
    Sum,
    /// Each by itself.
    None,
}

impl Attributes {
    /// Reads attributes from JSON; an operation takes only those that are `allowed`.
    pub fn parse(json: &str, allowed: &[&str]) -> Result<Self, Refusal> {
        let refuse = |error: serde_json::Error| Refusal::new(format!("attributes: {error}"));
        // Names first: what is not of the operation is told by name, whatever its value.
        let names: Map<String, Value> = serde_json::from_str(json).map_err(refuse)?;
        if let Some(name) = names.keys().find(|name| !allowed.contains(&name.as_str())) {
            let expected = format!("some of {allowed:?}");
            return Err(Refusal::expected("attributes", expected, format!("{name:?}")));
        }
        serde_json::from_str(json).map_err(refuse)
    }

    fn kernels(&self, kernel: [usize; 2], stride: [usize; 2]) -> [Kernel; 2] {
        Kernel::both(kernel, stride, self.dilation.unwrap_or([1, 1]))
    }

    /// The window in numbers, where its padding is given so.
    fn window(&self, [y, x]: [Kernel; 2]) -> Window {
        let [top, left, bottom, right] = match self.padding {
            None | Some(Padding::Named(_)) => [0; 4],
            Some(Padding::Pair([h, w])) => [h, w, h, w],
            Some(Padding::Sides(sides)) => sides,
        };
        Window {
            stride: [y.stride, x.stride],
            dilation: [y.dilation, x.dilation],
            pad_before: [top, left],
            pad_after: [bottom, right],
            output_padding: self.output_padding.unwrap_or([0, 0]),
            ..Window::new([y.size, x.size])
        }
    }

    fn same(&self, kernels: [Kernel; 2]) -> Option<Same> {
        match self.padding {
            Some(Padding::Named(NamedPadding::SameUpper)) => {
                Some(Same { kernels, odd_side: OddSide::After })
            }
            Some(Padding::Named(NamedPadding::SameLower)) => {
                Some(Same { kernels, odd_side: OddSide::Before })
            }
            _ => None,
        }
    }

    /// The geometry of a convolution over `input`.
    pub fn conv(&self, kernel: [usize; 2], input: [usize; 2]) -> Result<Geometry, Refusal> {
        let kernels = self.kernels(kernel, self.stride.unwrap_or([1, 1]));
        let geometry = match self.same(kernels) {
            Some(same) => same.conv(input),
            None => self.window(kernels).conv(input),
        };
        geometry.map_err(|error| Refusal::new(error.to_string()))
    }

    /// The geometry of a transposed convolution of `output`.
    pub fn conv_transpose(
        &self,
        kernel: [usize; 2],
        output: [usize; 2],
    ) -> Result<Geometry, Refusal> {
        let kernels = self.kernels(kernel, self.stride.unwrap_or([1, 1]));
        let refused = |error: GeometryError| Refusal::new(error.to_string());
        let added = self.output_padding.is_some();
        if let Some(target) = self.target_shape {
            if self.padding.is_some() || added || self.output_size.is_some() {
                let line = "target_shape: expected no padding, output_padding or output_size together with it";
                return Err(Refusal::new(line));
            }
            let [y, x] = kernels;
            let mxnet = MxNet {
                stride: [y.stride, x.stride],
                dilate: [y.dilation, x.dilation],
                ..MxNet::new(kernel)
            };
            return mxnet.transposed_to(output, target).map_err(refused);
        }
        if let Some(same) = self.same(kernels) {
            if added {
                let line = "output_padding: expected padding in numbers; with \"same\" padding the \
                            output_size says it all";
                return Err(Refusal::new(line));
            }
            return match self.output_size {
                Some(size) => same.transposed_to(output, size),
                None => same.transposed(output),
            }
            .map_err(refused);
        }
        let window = self.window(kernels);
        let geometry = match (self.output_size, self.padding) {
            (None, _) => window.transposed(output),
            (Some(size), Some(Padding::Named(_))) => {
                let Window { kernel, stride: strides, dilation: dilations, .. } = window;
                let valid = TensorFlow::new(kernel, tensorflow::Padding::Valid);
                TensorFlow { strides, dilations, ..valid }.transposed_to(output, size)
            }
            (Some(size), _) => window.transposed_to(output, size),
        }
        .map_err(refused)?;
        if let (Some(size), true) = (self.output_size, added) {
            let by_padding = window.transposed(output).map_err(refused)?.input();
            if by_padding != size {
                let expected = format!("{by_padding:?}, which the output_padding leads to");
                return Err(Refusal::expected("output_size", expected, format!("{size:?}")));
            }
        }
        Ok(geometry)
    }

    /// The geometry of a pool over `input`, and its padding behind the input.
    pub fn pool(&self, input: [usize; 2]) -> Result<(Geometry, [usize; 2]), Refusal> {
        let window = self.pool_window()?;
        let window = match self.same(window.kernels()) {
            None => window,
            Some(same) => {
                let axes =
                    same.conv(input).map_err(|error| Refusal::new(error.to_string()))?.axes();
                let pad_before = axes.map(|axis| axis.pad_before);
                let pad_after = [0, 1].map(|i| {
                    let full = window.kernels()[i].full(axes[i].output);
                    full.saturating_sub(input[i]).saturating_sub(pad_before[i])
                });
                Window { pad_before, pad_after, ..window }
            }
        };
        let geometry = window.pool(input).map_err(|error| Refusal::new(error.to_string()))?;
        Ok((geometry, window.pad_after))
    }

    /// A pool's window, with padding in numbers.
    pub fn pool_window(&self) -> Result<Window, Refusal> {
        let Some(kernel) = self.kernel else {
            return Err(Refusal::expected("attributes", "a kernel", "none"));
        };
        let rounding = if self.ceil_mode == Some(true) { Rounding::Ceil } else { Rounding::Floor };
        let kernels = self.kernels(kernel, self.stride.unwrap_or(kernel));
        Ok(self.window(kernels).rounding(rounding))
    }
}
