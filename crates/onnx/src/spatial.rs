//! Steps that change height and width.

use crate::ExportError;
use crate::graph::{int, ints, text};
use crate::proto::AttributeProto;
use crate::write::{Call, Pool, Writer};
use mirrorgrad_autograd::record::Interpolation;
use mirrorgrad_layers::Sizes;
use mirrorgrad_tensor::{AverageCount, Corners, Form, Geometry, Kernel, PoolIndices};

impl Writer<'_> {
    pub fn conv(&mut self, call: &Call<'_>, form: &Form) -> Result<String, ExportError> {
        let geometry = form.geometry();
        let pad_after = padding_behind(call, geometry, call.sizes)?;
        let mut attributes = window(geometry, pad_after);
        attributes.push(int("group", form.groups()));
        Ok(self.graph.node(&call.path, "Conv", &call.inputs(), attributes))
    }

    /// Where the result follows another variable, it is made as long as it may have to be, and cut.
    pub fn conv_transpose(&mut self, call: &Call<'_>, form: &Form) -> Result<String, ExportError> {
        let geometry = form.geometry();
        let follows = matches!(call.sizes, Some(Sizes::Like(_)));
        let mut ends = [[0; 2]; 2];
        for (end, axis) in ends.iter_mut().zip(geometry.axes()) {
            let (full, wanted) = (axis.full(), axis.pad_before + axis.input);
            let most = axis.stride.max(axis.dilation) - 1;
            if wanted > full + most {
                let found = format!("{} pixels from {} positions", axis.input, axis.output);
                return Err(call.refuse(format!("expected at most {most} more, found {found}")));
            }
            *end = match follows {
                true => [0, most],
                false => [full.saturating_sub(wanted), wanted.saturating_sub(full)],
            };
        }
        let mut attributes = window(geometry, ends.map(|[cut, _]| cut));
        attributes.push(int("group", form.groups()));
        attributes.push(ints("output_padding", ends.map(|[_, added]| added)));
        let full = self.graph.node(&call.path, "ConvTranspose", &call.inputs(), attributes);
        let Some(Sizes::Like(_)) = call.sizes else { return Ok(full) };
        let size = self.size_like(call)?;
        let corner = self.graph.integers(&call.path, &[0, 0]);
        let axes = self.graph.integers(&call.path, &[2, 3]);
        Ok(self.graph.node(&call.path, "Slice", &[&full, &corner, &size, &axes], vec![]))
    }

    pub fn max_pool(
        &mut self,
        call: &Call<'_>,
        geometry: &Geometry,
        indices: &PoolIndices,
    ) -> Result<String, ExportError> {
        let pad_after = padding_behind(call, geometry, call.sizes)?;
        let pooled =
            self.graph.node(&call.path, "MaxPool", &call.inputs(), window(geometry, pad_after));
        if let Some((_, pool)) = self.pools.iter_mut().find(|(own, _)| own.ptr_eq(indices)) {
            let (input, indices) = (call.inputs[0].clone(), self.graph.second_output("indices"));
            *pool = Some(Pool { input, indices });
        }
        Ok(pooled)
    }

    /// A scatter, since ONNX's unpooling is told its result's size by numbers of its own meaning.
    pub fn max_unpool(
        &mut self,
        call: &Call<'_>,
        indices: &PoolIndices,
    ) -> Result<String, ExportError> {
        let pool = self.pools.iter().find(|(own, _)| own.ptr_eq(indices));
        let Some(Pool { input, indices }) = pool.and_then(|(_, pool)| pool.clone()) else {
            return Err(call.refuse("expected the indices of an earlier max pooling, found others"));
        };
        let (path, graph) = (&call.path, &mut self.graph);
        let shape = graph.node(path, "Shape", &[&input], vec![]);
        let zeros = graph.node(path, "ConstantOfShape", &[&shape], vec![]);
        let line = graph.integers(path, &[-1]);
        let [zeros, indices, values] = [&zeros, &indices, &call.inputs[0]]
            .map(|value| graph.node(path, "Reshape", &[value, &line], vec![]));
        let scattered =
            graph.node(path, "ScatterElements", &[&zeros, &indices, &values], vec![int("axis", 0)]);
        Ok(graph.node(path, "Reshape", &[&scattered, &shape], vec![]))
    }

    pub fn average_pool(
        &mut self,
        call: &Call<'_>,
        geometry: &Geometry,
        count: AverageCount,
    ) -> Result<String, ExportError> {
        let (noted, include_padding) = match count {
            AverageCount::IncludePadding { pad_after } => (Some(Sizes::Padded(pad_after)), 1),
            AverageCount::ExcludePadding => (call.sizes, 0),
        };
        let pad_after = padding_behind(call, geometry, noted)?;
        if geometry.axes().iter().any(|axis| axis.dilation != 1) {
            return Err(
                call.refuse("expected average pooling without dilation, found one with dilation")
            );
        }
        let mut attributes = window(geometry, pad_after);
        attributes.retain(|attribute| attribute.name.as_deref() != Some("dilations"));
        attributes.push(int("count_include_pad", include_padding));
        Ok(self.graph.node(&call.path, "AveragePool", &call.inputs(), attributes))
    }

    pub fn resize(
        &mut self,
        call: &Call<'_>,
        interpolation: Interpolation,
        to: [usize; 2],
    ) -> Result<String, ExportError> {
        let (path, x) = (&call.path, call.inputs[0].as_str());
        let coordinates = |name| text("coordinate_transformation_mode", name);
        let attributes = match interpolation {
            Interpolation::Bilinear(Corners::Aligned) => {
                vec![text("mode", "linear"), coordinates("align_corners")]
            }
            Interpolation::Bilinear(Corners::HalfPixel) => {
                vec![text("mode", "linear"), coordinates("half_pixel")]
            }
            Interpolation::Nearest => {
                let mode = vec![text("mode", "nearest"), coordinates("asymmetric")];
                [mode, vec![text("nearest_mode", "floor")]].concat()
            }
        };
        if let Some(Sizes::Times(factor)) = call.sizes {
            let factors = [1.0, 1.0, factor as f32, factor as f32];
            let name = self.graph.name(&crate::graph::within(path, "constant"));
            let factors = self.graph.constant(name, &factors.into());
            return Ok(self.graph.node(path, "Resize", &[x, "", &factors], attributes));
        }
        let size = match call.sizes {
            Some(Sizes::Like(_)) => self.size_like(call)?,
            _ => self.graph.integers(path, &to.map(|size| size as i64)),
        };
        let others = self.graph.node(path, "Shape", &[x], vec![int("start", 0), int("end", 2)]);
        let size = self.graph.node(path, "Concat", &[&others, &size], vec![int("axis", 0)]);
        Ok(self.graph.node(path, "Resize", &[x, "", "", &size], attributes))
    }

    /// Height and width of the variable that a step follows.
    fn size_like(&mut self, call: &Call<'_>) -> Result<String, ExportError> {
        let followed = match call.sizes {
            Some(Sizes::Like(id)) => self.value(id).map(str::to_string),
            _ => None,
        };
        let what = "expected the size of a variable that the result is computed from, found another variable";
        let followed = followed.ok_or_else(|| call.refuse(what))?;
        let ends = vec![int("start", 2), int("end", 4)];
        Ok(self.graph.node(&call.path, "Shape", &[&followed], ends))
    }
}

/// The padding behind the input that makes a window fit as often as it does, for inputs of all sizes.
fn padding_behind(
    call: &Call<'_>,
    geometry: &Geometry,
    noted: Option<Sizes>,
) -> Result<[usize; 2], ExportError> {
    let mut behind = [0; 2];
    for (i, axis) in geometry.axes().iter().enumerate() {
        behind[i] = match noted {
            Some(Sizes::Padded(pad_after)) => pad_after[i],
            // Each pixel more has one position more.
            _ if axis.stride == 1 => axis.full().saturating_sub(axis.pad_before + axis.input),
            _ => {
                let what = "expected recorded sizes with the padding after the input, found none; see Sizes::Padded";
                return Err(call.refuse(what));
            }
        };
        let fits = Kernel::from(axis).fit(axis.input, axis.pad_before, behind[i]);
        if !fits.is_ok_and(|fits| fits.output == axis.output) {
            let found = format!("{} positions for {} pixels", axis.output, axis.input);
            return Err(call.refuse(format!(
                "expected one output position wherever the window fits, found {found} with padding {} and {}",
                axis.pad_before, behind[i]
            )));
        }
    }
    Ok(behind)
}

/// The attributes of a window, with so much padding behind.
fn window(geometry: &Geometry, pad_after: [usize; 2]) -> Vec<AttributeProto> {
    let axes = geometry.axes();
    vec![
        ints("kernel_shape", geometry.kernel()),
        ints("strides", axes.map(|axis| axis.stride)),
        ints("dilations", axes.map(|axis| axis.dilation)),
        ints("pads", axes.map(|axis| axis.pad_before).into_iter().chain(pad_after)),
    ]
}
