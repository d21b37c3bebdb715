//! Writes networks of one or two layers each, every layer and op that ONNX has words for, and beside
//! each what it computes: `DIR/NAME.onnx` and `DIR/NAME.safetensors` with `x.0`, `y.0`, `x.1`, ….
//! `tests/peers/onnx_check.py` holds other programs' results against them.
//!
//! ```sh
//! cargo run --release -p mirrorgrad-onnx --example zoo -- DIR
//! ```

use mirrorgrad_autograd::{Var, no_grad, ops};
use mirrorgrad_layers::models::{Fcn, FcnConfig, Upsampling};
use mirrorgrad_layers::weights::{NamedTensors, to_safetensors};
use mirrorgrad_layers::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm2d, Conv2d, ConvTranspose2d, Dropout,
    GroupNorm, Interpolation, Linear, MaxPool2d, MaxUnpool2d, Module, Params, Pass, Sequential,
    Upsample, seeded,
};
use mirrorgrad_onnx::{Interface, export};
use mirrorgrad_tensor::{Tensor, Window};
use std::error::Error;
use std::path::PathBuf;

const CHANNELS: usize = 4;
/// Batch, height and width of what is computed: odd, even, wide, tall, small.
const SIZES: [[usize; 3]; 5] = [[1, 9, 14], [2, 16, 16], [3, 8, 31], [1, 33, 10], [2, 8, 8]];

/// A layer that is a function.
struct Layer<F>(F);

impl<F: Fn(&Var, &Pass) -> Var + Send + Sync> Module for Layer<F> {
    fn forward(&self, x: &Var, pass: &Pass) -> Var {
        (self.0)(x, pass)
    }
}

fn function(f: impl Fn(&Var, &Pass) -> Var + Send + Sync + 'static) -> Box<dyn Module> {
    Box::new(Layer(f))
}

fn zoo() -> Vec<(&'static str, Box<dyn Module>)> {
    let rng = &mut seeded(1);
    let both = [CHANNELS; 2];
    let conv = |window: Window, rng: &mut rand_chacha::ChaCha8Rng| {
        Box::new(Conv2d::new(both, window, rng))
    };
    let mut zoo: Vec<(&'static str, Box<dyn Module>)> = vec![
        ("conv_strided", conv(Window::square(3).stride(2).padding(1), rng)),
        ("conv_dilated", conv(Window::square(3).stride(3).padding(2).dilation(2), rng)),
        ("conv_uneven", {
            let window = Window { pad_before: [2, 0], pad_after: [0, 1], ..Window::new([3, 2]) };
            conv(Window { stride: [1, 2], ..window }, rng)
        }),
        ("conv_grouped", Box::new(Conv2d::grouped(both, Window::square(3), 2, rng))),
        (
            "deconv_output_padding",
            Box::new(ConvTranspose2d::new(
                both,
                Window::square(3).stride(2).padding(1).output_padding([1, 0]),
                rng,
            )),
        ),
        (
            "deconv_grouped",
            Box::new(ConvTranspose2d::grouped([4, 8], Window::square(4).stride(2), 4, rng)),
        ),
        ("max_pool_padded", Box::new(MaxPool2d::new(Window::square(3).stride(2).padding(1)))),
        ("max_pool_dilated", Box::new(MaxPool2d::new(Window::square(2).stride(1).dilation(3)))),
        ("average_pool", Box::new(AvgPool2d::new(Window::square(3).stride(2).padding(1)))),
        ("adaptive_average_pool", Box::new(AdaptiveAvgPool2d::new([1, 1]))),
        ("batch_norm", Box::new(BatchNorm2d::new(CHANNELS))),
        ("group_norm", Box::new(GroupNorm::new(2, CHANNELS))),
        ("dropout", Box::new(Sequential::new().with(Dropout::new(0.5)).with(Activation::Tanh))),
    ];
    for (name, activation) in [
        ("relu", Activation::Relu),
        ("leaky_relu", Activation::LeakyRelu(0.1)),
        ("gelu", Activation::Gelu),
        ("sigmoid", Activation::Sigmoid),
        ("softplus", Activation::Softplus),
    ] {
        zoo.push((name, Box::new(activation)));
    }
    for (name, interpolation) in [
        ("nearest", Interpolation::Nearest),
        ("bilinear", Interpolation::Bilinear),
        ("bilinear_corners", Interpolation::BilinearAlignCorners),
    ] {
        zoo.push((name, Box::new(Upsample::new(3, interpolation))));
    }
    for (name, interpolation) in [
        ("nearest_like", Interpolation::Nearest),
        ("bilinear_like", Interpolation::Bilinear),
        ("bilinear_corners_like", Interpolation::BilinearAlignCorners),
    ] {
        let back = move |x: &Var, pass: &Pass| {
            let pooled = MaxPool2d::square(2).forward(x, pass);
            Upsample::new(2, interpolation).forward_like(&pooled, x, pass) + x
        };
        zoo.push((name, function(back)));
    }
    for (name, window) in [
        ("deconv_like", Window::square(4).stride(2).padding(1)),
        ("deconv_like_unpadded", Window::square(2).stride(2)),
        ("deconv_like_large", Window::square(8).stride(2).padding(3)),
    ] {
        let up = ConvTranspose2d::new(both, window, rng);
        let back = move |x: &Var, pass: &Pass| {
            up.forward_like(&MaxPool2d::square(2).forward(x, pass), x, pass)
        };
        zoo.push((name, function(back)));
    }
    for (name, upsample, finest) in [
        ("fcn_ending_early", Upsampling::Deconv, 1),
        ("fcn_without_skips", Upsampling::Deconv, 3),
        ("fcn_ending_early_bilinear", Upsampling::Bilinear, 2),
    ] {
        let widths = vec![3, 4, 5];
        let config = FcnConfig { inputs: CHANNELS, widths, upsample, finest, ..FcnConfig::new(3) };
        zoo.push((name, Box::new(Fcn::new(&config, rng))));
    }
    let linear = Linear::new([CHANNELS, 3], rng);
    let narrow = Conv2d::new(both, Window::square(5), rng);
    let squeeze = Linear::new([CHANNELS, CHANNELS], rng);
    let [weight, bias] = [1, 2].map(|seed| {
        let rng = &mut seeded(seed);
        Var::parameter(Tensor::normal([CHANNELS], 1.0, rng))
    });
    zoo.extend([
        (
            "unpool",
            function(|x, pass| {
                let (pooled, indices) = MaxPool2d::square(2).forward_indices(x, pass);
                MaxUnpool2d.forward(&pooled.tanh(), &indices, pass)
            }),
        ),
        (
            "linear",
            function(move |x, pass| {
                linear.forward(&x.permute(&[0, 2, 3, 1]), pass).permute(&[0, 3, 1, 2])
            }),
        ),
        (
            // Squeeze and excitation (Hu et al. 2018).
            "squeeze",
            function(move |x, pass| {
                let gates = squeeze.forward(&x.mean_axes(&[2, 3]), pass).sigmoid();
                let [batch, channels] = gates.value().dims();
                x * &gates.reshape([batch, channels, 1, 1])
            }),
        ),
        (
            "layer_norm",
            function(move |x, _| {
                let last = x.permute(&[0, 2, 3, 1]);
                ops::layer_norm(&last, &weight, &bias, 1e-5).permute(&[0, 3, 1, 2])
            }),
        ),
        ("softmax", function(|x, _| x.softmax(1))),
        ("log_softmax", function(|x, _| x.log_softmax(3))),
        ("maximum", function(|x, _| x.max_axes(&[2, 3]))),
        ("attention", {
            function(|x, _| {
                let [batch, channels, height, width] = x.value().dims();
                let flat = x.reshape([batch, channels, height * width]);
                flat.matmul(&flat.transpose()).mul_scalar(0.01).softmax(2)
            })
        }),
        (
            "cut_and_padded",
            function(|x, _| {
                let cut = x.crop([1, 2], [5, 6]).pad(&[[0, 0], [0, 1], [2, 0], [1, 1]]);
                ops::concat(&[&cut, &cut.mul_scalar(-2.0)], 1)
            }),
        ),
        (
            // Shi et al. 2016.
            "pixel_shuffle",
            function(|x, _| {
                let [batch, channels, height, width] = x.value().dims();
                let apart = x.reshape([batch, channels / 4, 2, 2, height, width]);
                let near = apart.permute(&[0, 1, 4, 2, 5, 3]);
                near.reshape([batch, channels / 4, 2 * height, 2 * width])
            }),
        ),
        (
            "pixel_unshuffle",
            function(|x, _| {
                let [batch, channels, height, width] = x.value().dims();
                let [rows, columns] = [height / 2, width / 2];
                let even = x.crop([0, 0], [2 * rows, 2 * columns]);
                let apart = even.reshape([batch, channels, rows, 2, columns, 2]);
                let near = apart.permute(&[0, 1, 3, 5, 2, 4]);
                near.reshape([batch, 4 * channels, rows, columns])
            }),
        ),
        (
            "channel_shuffle",
            function(|x, _| {
                let [batch, channels, height, width] = x.value().dims();
                let groups = x.reshape([batch, 2, channels / 2, height, width]);
                groups.permute(&[0, 2, 1, 3, 4]).reshape([batch, channels, height, width])
            }),
        ),
        (
            "places_as_rows",
            function(|x, _| {
                let [batch, channels, height, width] = x.value().dims();
                let rows = x.permute(&[0, 2, 3, 1]).reshape([batch * height * width, channels]);
                rows.softmax(1).reshape([batch, height, width, channels]).permute(&[0, 3, 1, 2])
            }),
        ),
        (
            // The skip is cut to what a convolution without padding left, as in the paper.
            "cut_to_meet",
            function(move |x, pass| {
                let y = narrow.forward(x, pass);
                let [_, _, height, width] = y.value().dims();
                ops::concat(&[&x.crop([2, 2], [height, width]), &y], 1)
            }),
        ),
        (
            // A row and a column less, where there is an odd one.
            "cut_to_even",
            function(|x, _| {
                let [_, _, height, width] = x.value().dims();
                x.crop([0, 0], [height / 2 * 2, width / 2 * 2])
            }),
        ),
        (
            // Padded to even sizes and back.
            "cut_to_the_picture",
            function(|x, pass| {
                let [_, _, height, width] = x.value().dims();
                let padded = x.pad(&[[0, 0], [0, 0], [0, height % 2], [0, width % 2]]);
                let down = MaxPool2d::square(2).forward(&padded, pass);
                let up = Upsample::new(2, Interpolation::Nearest).forward(&down, pass);
                up.crop([0, 0], [height, width]) + x
            }),
        ),
        (
            "cut_in_the_middle",
            function(|x, _| {
                let [_, _, height, width] = x.value().dims();
                x.crop([(height - 6) / 2, (width - 5) / 2], [6, 5])
            }),
        ),
        (
            "halves",
            function(|x, _| {
                let width = x.shape()[3] / 2;
                x.narrow(3, 0..width) - x.narrow(3, width..2 * width)
            }),
        ),
        (
            "repeated",
            function(|x, _| {
                let [batch, channels, height, width] = x.value().dims();
                x.mean_axes_keep(&[2]).broadcast_to(&[batch, channels, height, width]) - x
            }),
        ),
        (
            "pointwise",
            function(|x, _| {
                let one = x.abs().add_scalar(0.5);
                one.ln() + one.sqrt() / one.powi(3) - x.clamp(-0.5, 1.0) * x.erf().exp()
            }),
        ),
    ]);
    zoo
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args().nth(1).ok_or("expected a folder to write to")?);
    std::fs::create_dir_all(&dir)?;
    let rng = &mut seeded(2);
    for (name, module) in zoo() {
        for (_, param) in Params::of(&*module) {
            // Neither ones nor zeros, and no negative variances.
            param.set(Tensor::uniform(param.value().shape(), [0.1, 0.9], rng));
        }
        let interface = Interface { smallest: 8, ..Interface::new(CHANNELS) };
        let bytes = export(&*module, &interface).map_err(|error| format!("{name}: {error}"))?;
        std::fs::write(dir.join(format!("{name}.onnx")), bytes)?;
        let mut values = NamedTensors::new();
        for (i, [batch, height, width]) in SIZES.into_iter().enumerate() {
            let x = Tensor::normal([batch, CHANNELS, height, width], 1.0, rng);
            let y = no_grad(|| module.forward(&Var::constant(x.clone()), &Pass::eval()));
            values.insert(format!("x.{i}"), x);
            values.insert(format!("y.{i}"), y.value().clone());
        }
        std::fs::write(dir.join(format!("{name}.safetensors")), to_safetensors(&values))?;
    }
    Ok(())
}
