//! The ways to compute the form's three maps, and which is taken.

use super::direct::{self, Correlation};
use super::phases::PhaseAxis;
use super::{Form, depthwise, plain};
use crate::{Element, Tensor};
use std::sync::OnceLock;

/// A way to compute the maps of the convolution form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Path {
    /// im2col, matrixmultiply, col2im: for every geometry, and the oracle of the others.
    Plain,
    /// Products that read the picture itself: for every geometry.
    Direct,
    /// Shifted planes, scaled and added: where every group has one plane on either side.
    Depthwise,
}

impl Path {
    /// The way that is fastest for a call's sizes.
    pub(super) fn best(form: &Form<'_>) -> Self {
        match Self::wanted() {
            Some(path) if path.takes(form) => path,
            _ if Self::Depthwise.takes(form) => Self::Depthwise,
            _ => Self::Direct,
        }
    }

    fn wanted() -> Option<Self> {
        static WANTED: OnceLock<Option<Path>> = OnceLock::new();
        *WANTED.get_or_init(|| match std::env::var("MIRRORGRAD_CONV").as_deref() {
            Ok("plain") => Some(Self::Plain),
            Ok("direct") => Some(Self::Direct),
            _ => None,
        })
    }

    fn takes(self, form: &Form<'_>) -> bool {
        match self {
            Self::Plain | Self::Direct => true,
            Self::Depthwise => form.groups > 1 && form.group_inputs * form.group_outputs == 1,
        }
    }

    pub(super) fn map<T: Element>(
        self,
        form: &Form<'_>,
        batch: usize,
        image: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
    ) -> Tensor<T> {
        let [height, width] = form.geometry.map();
        Tensor::build([batch, form.outputs, height, width], |out| match self {
            Self::Plain => plain::map(form, image, weight, bias, out),
            Self::Depthwise => depthwise::map(form, image, weight, bias, out),
            Self::Direct => Correlation {
                axes: PhaseAxis::of_conv(form.geometry),
                from: form.group_inputs,
                to: form.group_outputs,
                groups: form.groups,
                kernel_width: form.geometry.kernel()[1],
                weight_at: &|from, to, tap| to * form.lines + from * form.geometry.taps() + tap,
            }
            .run(image, weight, bias, out),
        })
    }

    pub(super) fn image<T: Element>(
        self,
        form: &Form<'_>,
        batch: usize,
        map: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
    ) -> Tensor<T> {
        let [height, width] = form.geometry.image();
        Tensor::build([batch, form.inputs, height, width], |out| match self {
            Self::Plain => plain::image(form, map, weight, bias, out),
            Self::Depthwise => depthwise::image(form, map, weight, bias, out),
            Self::Direct => Correlation {
                axes: PhaseAxis::of_adjoint(form.geometry),
                from: form.group_outputs,
                to: form.group_inputs,
                groups: form.groups,
                kernel_width: form.geometry.kernel()[1],
                weight_at: &|from, to, tap| from * form.lines + to * form.geometry.taps() + tap,
            }
            .run(map, weight, bias, out),
        })
    }

    pub(super) fn weight<T: Element>(
        self,
        form: &Form<'_>,
        batch: usize,
        image: &Tensor<T>,
        map: &Tensor<T>,
    ) -> Tensor<T> {
        let [kh, kw] = form.geometry.kernel();
        Tensor::build([form.outputs, form.group_inputs, kh, kw], |out| match self {
            Self::Plain => plain::weight(form, batch, image, map, out),
            Self::Depthwise => depthwise::weight(form, batch, image, map, out),
            Self::Direct => direct::weight(form, batch, image, map, out),
        })
    }
}
