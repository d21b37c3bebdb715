//! The transposed convolutions of a trained network: what their kernels began as, what they became, and
//! whether their stride's phases are treated alike.

use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::weights::{NamedTensors, state_dict};
use mirrorgrad_layers::{LayerCall, summary};
use mirrorgrad_study::{FilterHealth, Health, filters};
use mirrorgrad_tensor::{Geometry, Kernel, Tensor, Window};
use mirrorgrad_train::Config;

/// Channels whose kernels are kept, the first ones.
const CHANNELS: usize = 6;
/// Side of the picture that shows a network's calls, at most, unless the network wants a larger one.
const MOST_SIDE: usize = 512;

/// A transposed convolution.
pub(crate) struct Deconvolution {
    /// Its name in the network.
    pub name: String,
    /// `[inputs, outputs of a group, kernel height, kernel width]`.
    pub shape: [usize; 4],
    /// Pixels from one output position to the next.
    pub stride: usize,
    /// The kernels by which the first channels reach themselves.
    pub channels: Vec<Channel>,
    /// The phases of all such kernels.
    pub health: Vec<FilterHealth>,
    /// The share of the weight's energy (sum of squares) that is in those kernels: 1 as long as no channel
    /// has a say in another.
    pub own: f64,
    /// The share of energy that leaves the layer as a pattern when an even map enters one of its channels
    /// (away from the border, the mean over channels by energy): the variance between the gains of a filter's
    /// phases, of their mean square, summed over all filters. From 0 to 1, also where gains lie around zero.
    pub pattern: f64,
}

/// The kernel by which a channel reaches itself, row by row.
pub(crate) struct Channel {
    /// Its number.
    pub number: usize,
    /// As it was drawn before the first step; `None` if it was read from a file of weights.
    pub before: Option<Vec<f64>>,
    /// Now.
    pub after: Vec<f64>,
    /// How alike both are: the cosine of the angle between them; `None` if one is all zeros or not known.
    pub likeness: Option<f64>,
    /// How alike the kernel is to bilinear interpolation of the same size.
    pub bilinear: Option<f64>,
}

impl Deconvolution {
    /// The mean, over the channels that have one, of how far the gains of a kernel's phases are apart,
    /// relative to their mean: 0 for a kernel that leaves no checkerboard; `None` if every channel's gains
    /// lie around zero.
    pub fn unevenness(&self) -> Option<f64> {
        let known: Vec<f64> = self.health.iter().filter_map(|filter| filter.unevenness).collect();
        (!known.is_empty()).then(|| known.iter().sum::<f64>() / known.len() as f64)
    }
}

/// All transposed convolutions of `network` whose strides can be told, from the picture's end on.
pub(crate) fn deconvolutions(
    config: &Config,
    network: &dyn Network,
    classes: usize,
) -> Vec<Deconvolution> {
    // A square that every pool halves evenly, so that each layer goes from a square to a square.
    let smallest = network.smallest_input();
    let side = smallest * (MOST_SIDE / smallest).clamp(1, 4);
    let after = state_dict(network);
    // The first weights are drawn from the seed: here they are again, but for those that a file gave.
    let mut before = state_dict(&*config.network(classes.max(1)));
    before.retain(|name, _| config.model.starts_fresh(name));
    let mut found: Vec<Deconvolution> = summary(network, &[1, 3, side, side])
        .into_iter()
        .filter(|(call, _)| call.kind == "ConvTranspose2d")
        .filter_map(|(call, _)| deconvolution(&call, &before, &after))
        .collect();
    found.reverse();
    found
}

fn deconvolution(
    call: &LayerCall,
    before: &NamedTensors<f32>,
    after: &NamedTensors<f32>,
) -> Option<Deconvolution> {
    let key = format!("{}.weight", call.path);
    let before: Option<Tensor<f64>> = before.get(&key).map(|weight| weight.cast());
    let after: Tensor<f64> = after.get(&key)?.cast();
    let fits = before.as_ref().is_none_or(|before| before.shape() == after.shape());
    if after.rank() != 4 || !fits || after.is_empty() {
        return None;
    }
    let shape @ [_, _, height, width] = after.dims();
    let geometry = geometry(call, [height, width], after.len())?;
    let health = filters(&geometry, &after);
    let channels: Vec<usize> = health.iter().map(|filter| filter.channel).collect();
    let energy = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
    let own: f64 = channels.iter().map(|&number| energy(own_kernel(&after, number))).sum();
    let bilinear = bilinear([height, width]);
    let channels = channels.iter().take(CHANNELS).map(|&number| {
        let start = before.as_ref().map(|before| own_kernel(before, number));
        let end = own_kernel(&after, number);
        Channel {
            number,
            before: start.map(<[f64]>::to_vec),
            after: end.to_vec(),
            likeness: start.and_then(|start| cosine(start, end)),
            bilinear: cosine(&bilinear, end),
        }
    });
    Some(Deconvolution {
        name: call.path.clone(),
        shape,
        stride: geometry.axes()[0].stride,
        channels: channels.collect(),
        own: own / energy(after.as_slice()).max(f64::MIN_POSITIVE),
        pattern: pattern(&geometry, &after),
        health,
    })
}

/// The window of a traced call, from the squares at its ends. Each weight is used once an output position, which
/// gives the positions; the pixels are in the result; and padding is what brings the one to the other.
fn geometry(call: &LayerCall, kernel: [usize; 2], weights: usize) -> Option<Geometry> {
    let positions = call.multiply_adds / weights;
    let (output, input) = (positions.isqrt(), *call.shape.last()?);
    if output == 0 || output * output != positions {
        return None;
    }
    let stride = ((input + output / 2) / output).max(1);
    let pad_before = kernel.map(|size| {
        Kernel { size, stride, dilation: 1 }.full(output).saturating_sub(input).div_ceil(2)
    });
    let window =
        Window { stride: [stride; 2], pad_before, pad_after: pad_before, ..Window::new(kernel) };
    // The phases are the same for every size: one that has a pixel of each.
    window.transposed([kernel[0] + 1, kernel[1] + 1]).ok()
}

fn pattern(geometry: &Geometry, weight: &Tensor<f64>) -> f64 {
    let (mut variance, mut square) = (0.0, 0.0);
    for filter in weight.as_slice().chunks_exact(geometry.taps()) {
        let gain = Health::of(geometry, filter).gain.concat();
        let mean = gain.iter().sum::<f64>() / gain.len() as f64;
        variance += gain.iter().map(|g| (g - mean).powi(2)).sum::<f64>();
        square += gain.iter().map(|g| g * g).sum::<f64>();
    }
    variance / square.max(f64::MIN_POSITIVE)
}

/// The filter by which a channel reaches itself; of a depthwise weight, the only output is the channel.
fn own_kernel(weight: &Tensor<f64>, channel: usize) -> &[f64] {
    let [_, outputs, height, width] = weight.dims();
    let taps = height * width;
    &weight.as_slice()[(channel * outputs + channel % outputs) * taps..][..taps]
}

/// Bilinear interpolation: along each axis a triangle about the middle that falls to 0 one stride away, where
/// the kernel spans two strides.
fn bilinear([height, width]: [usize; 2]) -> Vec<f64> {
    let along = |tap: usize, taps: usize| {
        let (middle, reach) = ((taps as f64 - 1.0) / 2.0, taps.div_ceil(2) as f64);
        1.0 - (tap as f64 - middle).abs() / reach
    };
    (0..height * width).map(|i| along(i / width, height) * along(i % width, width)).collect()
}

fn cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = (dot(a, a) * dot(b, b)).sqrt();
    (norms > 0.0).then(|| dot(a, b) / norms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_layers::models::Upsampling;
    use mirrorgrad_layers::weights::load_state_dict;
    use mirrorgrad_tensor::{Form, Operand};
    use mirrorgrad_train::ModelKind;

    fn config(widths: &[usize]) -> Config {
        let mut config = Config::default();
        config.model.widths = widths.to_vec();
        config
    }

    #[test]
    fn deconvolutions_begin_as_they_were_drawn() {
        let mut config = config(&[3, 4]);
        let layers = deconvolutions(&config, &*config.network(3), 3);
        let names: Vec<&str> = layers.iter().map(|layer| layer.name.as_str()).collect();
        // From the picture's end on.
        assert_eq!(names, ["ups.0", "ups.1"]);
        for layer in &layers {
            assert_eq!((layer.shape, layer.stride), ([3, 3, 4, 4], 2));
            // Caffe's bilinear kernel of four taps, by hand.
            let along = [0.25, 0.75, 0.75, 0.25];
            let bilinear: Vec<f64> = (0..16).map(|i| along[i / 4] * along[i % 4]).collect();
            assert_eq!(layer.channels.len(), 3);
            for channel in &layer.channels {
                assert_eq!((channel.before.as_ref(), &channel.after), (Some(&bilinear), &bilinear));
                assert!((channel.bilinear.unwrap() - 1.0).abs() < 1e-12);
            }
            assert_eq!((layer.own, layer.unevenness(), layer.pattern), (1.0, Some(0.0), 0.0));
        }
        config.model.kind = ModelKind::Unet;
        let layers = deconvolutions(&config, &*config.network(3), 3);
        assert_eq!(layers.len(), 1);
        // Each phase of a 2 × 2 kernel of stride 2 has one tap: itself.
        let filter = &layers[0].health[0];
        assert_eq!(filter.health.taps, [[1, 1], [1, 1]]);
        assert_eq!(filter.health.gain.concat(), layers[0].channels[0].after);
        // What an even map becomes: each channel's blocks, and how much of them is not their mean.
        let weight: Tensor<f64> = state_dict(&*config.network(3))["ups.0.weight"].cast();
        let [inputs, outputs, _, _] = weight.dims();
        let geometry = Window::square(2).stride(2).transposed([3, 3]).unwrap();
        let (mut apart, mut all) = (0.0, 0.0);
        for input in 0..inputs {
            let even = Tensor::from_fn([1, inputs, 3, 3], |i| f64::from(u8::from(i / 9 == input)));
            let image = Form::from(geometry).solve(Operand::Input, [&even, &weight], None);
            for plane in image.as_slice().chunks_exact(36) {
                let mean = plane.iter().sum::<f64>() / 36.0;
                apart += plane.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
                all += plane.iter().map(|value| value * value).sum::<f64>();
            }
        }
        assert_eq!(outputs, 3);
        assert!((layers[0].pattern - apart / all).abs() < 1e-9 && apart > 0.1 * all);
    }

    #[test]
    fn the_deepest_network_is_looked_through_at_its_smallest_picture() {
        let config = config(&[1; 10]);
        let layers = deconvolutions(&config, &*config.network(2), 2);
        assert_eq!(layers.len(), 10);
        // The deepest goes from one pixel to two by two.
        assert!(layers.iter().all(|layer| layer.stride == 2 && layer.unevenness() == Some(0.0)));
    }

    #[test]
    fn a_network_without_transposed_convolutions_has_none() {
        let mut config = config(&[4, 8]);
        config.model.upsample = Upsampling::Bilinear;
        assert!(deconvolutions(&config, &*config.network(3), 3).is_empty());
    }

    #[test]
    fn a_kernel_is_compared_with_what_was_drawn_unless_a_file_gave_it() {
        let mut config = config(&[2]);
        let network = config.network(3);
        let weights = state_dict(&*network).into_iter();
        let halved: NamedTensors<f32> =
            weights.map(|(name, w)| (name, w.map(|v| v / 2.0))).collect();
        load_state_dict(&*network, &halved).unwrap();
        let channel = &deconvolutions(&config, &*network, 3)[0].channels[0];
        let before = channel.before.as_ref().expect("it was drawn from the seed");
        assert_eq!([before[5], channel.after[5]], [0.75 * 0.75, 0.75 * 0.75 / 2.0]);
        // Half as strong, and still the same kernel.
        assert!(channel.likeness > Some(0.999));
        // Where it was read from a file of weights, what it began as is not known.
        config.model.weights = Some("elsewhere.safetensors".into());
        let channel = &deconvolutions(&config, &*network, 3)[0].channels[0];
        assert_eq!((&channel.before, channel.likeness), (&None, None));
    }
}
