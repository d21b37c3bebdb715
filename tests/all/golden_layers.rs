//! Every layer, loss and optimizer against PyTorch's numbers, to second order. What each tensor of a
//! case is, `golden/layers.json` states under `about`.

use mirrorgrad::layers::optim::clip_grad_norm;
use mirrorgrad::prelude::*;
use mirrorgrad::tensor::{AverageCount, Corners, PoolIndices};
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

/// PyTorch's answers.
struct Golden {
    cases: Vec<Value>,
    tensors: SafeTensors<'static>,
}

/// One of them.
struct Case<'a> {
    golden: &'a Golden,
    name: &'a str,
    op: &'a str,
    value: &'a Value,
}

impl Golden {
    fn load() -> Self {
        let cases: Value = serde_json::from_str(include_str!("../golden/layers.json")).unwrap();
        let tensors =
            SafeTensors::deserialize(include_bytes!("../golden/layers.safetensors")).unwrap();
        Self { cases: cases["cases"].as_array().unwrap().clone(), tensors }
    }

    /// The cases whose op is one of `ops`: `count` of them.
    fn of<'a>(&'a self, ops: &[&str], count: usize) -> Vec<Case<'a>> {
        let text = |value: &'a Value, key: &str| value[key].as_str().unwrap();
        let cases = self.cases.iter().map(|value| Case {
            golden: self,
            name: text(value, "name"),
            op: text(value, "op"),
            value,
        });
        let cases: Vec<_> = cases.filter(|case| ops.contains(&case.op)).collect();
        assert_eq!(cases.len(), count, "cases of {ops:?}");
        cases
    }
}

impl Case<'_> {
    fn tensor(&self, key: &str) -> Tensor<f64> {
        let view = self.golden.tensors.tensor(&format!("{}/{key}", self.name)).unwrap();
        assert_eq!(view.dtype(), Dtype::F64);
        Tensor::from_le_bytes(view.shape(), view.data())
    }

    fn integers(&self, key: &str) -> (Vec<usize>, Vec<i64>) {
        let view = self.golden.tensors.tensor(&format!("{}/{key}", self.name)).unwrap();
        assert_eq!(view.dtype(), Dtype::I64);
        let number = |bytes: &[u8]| i64::from_le_bytes(bytes.try_into().unwrap());
        (view.shape().to_vec(), view.data().chunks(8).map(number).collect())
    }

    fn attribute(&self, key: &str) -> &Value {
        &self.value["attributes"][key]
    }

    fn number(&self, key: &str) -> f64 {
        self.attribute(key).as_f64().unwrap()
    }

    fn size(&self, key: &str) -> usize {
        self.attribute(key).as_u64().unwrap() as usize
    }

    fn sizes(&self, key: &str) -> [usize; 2] {
        [0, 1].map(|i| self.attribute(key)[i].as_u64().unwrap() as usize)
    }

    fn is(&self, key: &str) -> bool {
        self.attribute(key).as_bool().unwrap()
    }

    fn reduction(&self) -> ops::Reduction {
        match self.attribute("reduction").as_str() {
            Some("mean") => ops::Reduction::Mean,
            Some("sum") => ops::Reduction::Sum,
            Some("none") => ops::Reduction::None,
            other => panic!("{}: reduction {other:?}", self.name),
        }
    }

    fn keys(&self) -> Vec<&str> {
        self.value["inputs"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect()
    }

    fn inputs(&self) -> Vec<Var<f64>> {
        self.keys().iter().map(|key| Var::parameter(self.tensor(key))).collect()
    }

    #[track_caller]
    fn assert_close(&self, key: &str, got: &Tensor<f64>, tolerance: f64) {
        let want = self.tensor(key);
        assert_eq!(got.shape(), want.shape(), "{}/{key}", self.name);
        let scale = want.as_slice().iter().fold(1.0, |scale: f64, v| scale.max(v.abs()));
        for (got, want) in got.as_slice().iter().zip(want.as_slice()) {
            let close = (got - want).abs() <= tolerance * scale; // False for NaN.
            assert!(close, "{}/{key}: {got}, PyTorch {want}", self.name);
        }
    }

    /// Compares the output, its gradients (from fused kernels and from differentiable calls) and the
    /// gradients of those with PyTorch's.
    fn replay(&self, inputs: &[Var<f64>], output: &Var<f64>, tolerance: f64) {
        self.assert_close("output", output.value(), tolerance);
        let keys = self.keys();
        let fused = (output * &Var::constant(self.tensor("grad_output"))).sum().backward();
        for (key, input) in keys.iter().zip(inputs) {
            let grad = fused.get(input).expect("the output depends on every input");
            self.assert_close(&format!("grad_{key}"), grad, tolerance);
        }
        let seed = Var::parameter(self.tensor("grad_output"));
        let mut sources: Vec<&Var<f64>> = inputs.iter().collect();
        let grads = output.grad_with(&seed, &sources);
        let mut pairing = Var::constant(Tensor::scalar(0.0));
        for (key, grad) in keys.iter().zip(&grads) {
            self.assert_close(&format!("grad_{key}"), grad.value(), tolerance);
            let direction = Var::constant(self.tensor(&format!("direction_{key}")));
            pairing = pairing + (grad * &direction).sum();
        }
        sources.push(&seed);
        let seconds = pairing.grad(&sources);
        for (key, second) in keys.iter().chain(&["grad_output"]).zip(&seconds) {
            self.assert_close(&format!("second_{key}"), second.value(), tolerance);
        }
    }

    /// The window that the attributes describe, over kernels of size `kernel`.
    fn window(&self, kernel: [usize; 2]) -> Window {
        let pair = |key: &str, absent: [usize; 2]| match self.attribute(key) {
            Value::Null => absent,
            _ => self.sizes(key),
        };
        let (padding, stride) = (pair("padding", [0, 0]), self.sizes("stride"));
        let dilation = pair("dilation", [1, 1]);
        Window { stride, pad_before: padding, pad_after: padding, dilation, ..Window::new(kernel) }
    }
}

/// `[height, width]` of four axes.
fn plane(x: &Var<f64>) -> [usize; 2] {
    let [_, _, height, width] = x.value().dims();
    [height, width]
}

#[test]
fn convolutions_are_pytorchs() {
    for case in Golden::load().of(&["conv2d", "conv_transpose2d"], 16) {
        let v = case.inputs();
        let (window, groups) = (case.window(plane(&v[1])), case.size("groups"));
        let output = if case.op == "conv2d" {
            ops::conv2d(
                Form::new(window.conv(plane(&v[0])).unwrap(), groups),
                &v[0],
                &v[1],
                v.get(2),
            )
        } else {
            let geometry = window
                .output_padding(case.sizes("output_padding"))
                .transposed(plane(&v[0]))
                .unwrap();
            ops::conv_transpose2d(Form::new(geometry, groups), &v[0], &v[1], v.get(2))
        };
        case.replay(&v, &output, 1e-10);
    }
}

#[test]
fn pools_are_pytorchs() {
    let golden = Golden::load();
    for case in golden.of(&["max_pool2d"], 4) {
        let v = case.inputs();
        let geometry = case.window(case.sizes("kernel_size")).pool(plane(&v[0])).unwrap();
        let (output, indices) = ops::max_pool2d(&geometry, &v[0]);
        case.replay(&v, &output, 1e-10);
        assert!(indices.as_slice().iter().map(|&i| i64::from(i)).eq(case.integers("indices").1));
    }
    for case in golden.of(&["max_unpool2d"], 2) {
        let (shape, positions) = case.integers("indices");
        let positions: Vec<u32> = positions.iter().map(|&i| u32::try_from(i).unwrap()).collect();
        let shape = shape.try_into().unwrap();
        let indices = PoolIndices::new(shape, case.sizes("output_size"), &positions).unwrap();
        let v = case.inputs();
        case.replay(&v, &ops::max_unpool2d(&v[0], &indices), 1e-10);
    }
    for case in golden.of(&["avg_pool2d"], 4) {
        let (v, window) = (case.inputs(), case.window(case.sizes("kernel_size")));
        let count = match case.is("count_include_pad") {
            true => AverageCount::IncludePadding { pad_after: window.pad_after },
            false => AverageCount::ExcludePadding,
        };
        let output = ops::avg_pool2d(&window.pool(plane(&v[0])).unwrap(), &v[0], count);
        case.replay(&v, &output, 1e-10);
    }
    for case in golden.of(&["adaptive_avg_pool2d"], 4) {
        let v = case.inputs();
        case.replay(&v, &ops::adaptive_avg_pool2d(&v[0], case.sizes("output_size")), 1e-10);
    }
}

#[test]
fn resizes_are_pytorchs() {
    for case in Golden::load().of(&["interpolate"], 16) {
        let (v, size) = (case.inputs(), case.sizes("size"));
        let output = match case.attribute("mode").as_str() {
            Some("bilinear") if case.is("align_corners") => {
                ops::upsample_bilinear2d(&v[0], size, Corners::Aligned)
            }
            Some("bilinear") => ops::upsample_bilinear2d(&v[0], size, Corners::HalfPixel),
            _ => ops::upsample_nearest2d(&v[0], size),
        };
        case.replay(&v, &output, 1e-9);
    }
}

#[test]
fn batch_normalization_and_its_running_statistics_are_pytorchs() {
    for case in Golden::load().of(&["batch_norm"], 3) {
        let layer = BatchNorm2d::<f64>::new(3);
        let params = Params::of(&layer);
        let param = |name: &str| params.get(name).unwrap();
        for name in ["weight", "bias", "running_mean", "running_var"] {
            param(name).set(case.tensor(name));
        }
        let v = [Var::parameter(case.tensor("input")), param("weight").var(), param("bias").var()];
        let training = case.is("training");
        let pass = if training { Pass::train(Draws::new(0, 0)) } else { Pass::eval() };
        case.replay(&v, &layer.forward(&v[0], &pass), 1e-7);
        params.update(&pass.finish());
        for name in ["running_mean", "running_var"] {
            let after = if training { format!("{name}_after") } else { name.into() };
            case.assert_close(&after, &param(name).value(), 1e-12);
        }
    }
}

#[test]
fn group_and_layer_normalization_are_pytorchs() {
    for case in Golden::load().of(&["group_norm", "layer_norm"], 5) {
        let (v, eps) = (case.inputs(), case.number("eps"));
        let output = match case.op {
            "group_norm" => ops::group_norm(case.size("num_groups"), &v[0], &v[1], &v[2], eps),
            _ => ops::layer_norm(&v[0], &v[1], &v[2], eps),
        };
        case.replay(&v, &output, 1e-7);
    }
}

#[test]
fn losses_are_pytorchs() {
    let golden = Golden::load();
    for case in golden.of(&["log_softmax"], 1) {
        let v = case.inputs();
        case.replay(&v, &v[0].log_softmax(case.size("dim")), 1e-9);
    }
    for case in golden.of(&["cross_entropy"], 12) {
        let (v, (shape, labels)) = (case.inputs(), case.integers("target"));
        let ignore = case.attribute("ignore_index").as_i64();
        let targets = ClassTargets::new(shape, labels, v[0].shape()[1], ignore).unwrap();
        let loss = PixelLoss {
            class_weights: case.is("weighted").then(|| case.tensor("class_weight")),
            label_smoothing: case.number("label_smoothing"),
            focusing: 0.0,
        };
        case.replay(&v, &ops::cross_entropy(&v[0], &targets, &loss, case.reduction()), 1e-9);
    }
    for case in golden.of(&["bce_with_logits"], 3).iter().filter(|case| !case.is("weighted")) {
        let (v, target) = (case.inputs(), Var::constant(case.tensor("target")));
        let output = ops::binary_cross_entropy_with_logits(&v[0], &target, case.reduction());
        case.replay(&v, &output, 1e-10);
    }
    for case in golden.of(&["mse"], 1) {
        let v = case.inputs();
        case.replay(&v, &ops::mse_loss(&v[0], &v[1], case.reduction()), 1e-10);
    }
}

/// What is not one call here is the sum of a few: so PyTorch judges those too.
#[test]
fn losses_and_activations_made_of_other_calls_are_pytorchs() {
    let golden = Golden::load();
    for case in golden.of(&["bce_with_logits"], 3).iter().filter(|case| case.is("weighted")) {
        // w · y · ln(1 + e⁻ˣ) + (1 − y) · ln(1 + eˣ)
        let (v, y) = (case.inputs(), Var::constant(case.tensor("target")));
        let weighted = &y * &Var::constant(case.tensor("pos_weight"));
        let rest = y.mul_scalar(-1.0).add_scalar(1.0);
        let losses = weighted * (-&v[0]).softplus() + rest * v[0].softplus();
        let output = if case.reduction() == ops::Reduction::Sum { losses.sum() } else { losses };
        case.replay(&v, &output, 1e-10);
    }
    for case in golden.of(&["gelu"], 2).iter().filter(|case| case.name == "gelu_tanh") {
        // x / 2 · (1 + tanh(√(2/π) · (x + 0.044715 · x³)))
        let v = case.inputs();
        let inner = (&v[0] + &v[0].powi(3).mul_scalar(0.044715))
            .mul_scalar(std::f64::consts::FRAC_2_PI.sqrt());
        case.replay(&v, &(&v[0] * &inner.tanh().add_scalar(1.0).mul_scalar(0.5)), 1e-10);
    }
}

#[test]
fn activations_are_pytorchs() {
    for case in Golden::load().of(&["gelu", "softplus", "leaky_relu"], 4) {
        let v = case.inputs();
        let output = match case.name {
            "gelu" => v[0].gelu(),
            "softplus" => v[0].softplus(),
            "leaky_relu" => v[0].leaky_relu(case.number("negative_slope")),
            _ => continue,
        };
        case.replay(&v, &output, 1e-10);
    }
}

#[test]
fn optimizers_take_pytorchs_steps() {
    for case in Golden::load().of(&["optimizer"], 7) {
        let or = |key: &str, absent: f64| case.attribute(key).as_f64().unwrap_or(absent);
        let decay = or("weight_decay", 0.0);
        let betas = || [0, 1].map(|i| case.attribute("betas")[i].as_f64().unwrap());
        let mut optimizer: Box<dyn Optimizer<f64>> = match case.attribute("kind").as_str() {
            Some("Adam") => Box::new(Adam::new(decay).betas(betas()).eps(or("eps", 1e-8))),
            Some("AdamW") => Box::new(Adam::adamw(decay).betas(betas())),
            Some("SGD") => {
                let sgd = Sgd::new(or("momentum", 0.0)).weight_decay(decay);
                let nesterov = case.attribute("nesterov").as_bool() == Some(true);
                Box::new(if nesterov { sgd.nesterov() } else { sgd })
            }
            other => panic!("no optimizer {other:?}"),
        };
        let params = Params::from_iter([("p".to_string(), Param::new(case.tensor("start")))]);
        let [curvature, centre] =
            ["curvature", "centre"].map(|key| Var::constant(case.tensor(key)));
        let mut path = Vec::new();
        for _ in 0..5 {
            let away = params[0].1.var() - &centre;
            let loss = (&(&away * &away) * &curvature).sum().mul_scalar(0.5);
            let step = params.backward(loss, Pass::eval());
            let unreached = optimizer.step(&params, &step, case.number("lr"));
            assert!(unreached.is_empty());
            path.extend_from_slice(params[0].1.value().as_slice());
        }
        case.assert_close("path", &Tensor::new([5, path.len() / 5], path), 1e-10);
    }
}

/// PyTorch adds 1e-6 to the norm it divides by; we do not.
#[test]
fn gradients_are_clipped_as_pytorch_clips_them() {
    for case in Golden::load().of(&["clip_grad_norm"], 2) {
        let gradients = ["a", "b"].map(|key| (key.to_owned(), case.tensor(key))).into();
        let step = Contribution::new(0.0, gradients, vec![]);
        let (clipped, norm) = clip_grad_norm(step, case.number("max_norm"));
        case.assert_close("norm", &Tensor::scalar(norm), 1e-12);
        case.assert_close("clipped_a", &clipped.gradients["a"], 1e-6);
        case.assert_close("clipped_b", &clipped.gradients["b"], 1e-6);
    }
}
