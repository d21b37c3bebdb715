//! Words that all frameworks share, read by each in its own sense.

use mirrorgrad_tensor::dialect::{FRAMEWORKS, Framework, GivenPadding, Layer, Words};
use mirrorgrad_tensor::{Geometry, Window};

/// What each framework makes of the words, by its key; `None` where it does not read them.
fn read(layer: Layer, words: &Words, size: [usize; 2]) -> Vec<(&'static str, Option<Geometry>)> {
    let made = |framework: &Framework| {
        let spec = framework.read(layer, words).ok()?;
        Some(match layer {
            Layer::Conv => spec.conv(size).unwrap(),
            Layer::Deconv => spec.transposed(size).unwrap(),
        })
    };
    FRAMEWORKS.iter().map(|framework| (framework.key(), made(framework))).collect()
}

fn readers(layer: Layer, words: &Words) -> Vec<&'static str> {
    let read = read(layer, words, [7, 7]).into_iter();
    read.filter_map(|(key, made)| made.map(|_| key)).collect()
}

#[test]
fn padding_in_numbers_means_one_convolution_to_all_that_read_it() {
    let padding = Some(GivenPadding::Numbers([1, 0]));
    let words = Words { stride: [2, 1], padding, ..Words::new([3, 2]) };
    let window =
        Window { stride: [2, 1], pad_before: [1, 0], pad_after: [1, 0], ..Window::new([3, 2]) };
    let want = window.conv([7, 7]).unwrap();
    for (key, made) in read(Layer::Conv, &words, [7, 7]) {
        assert_eq!(made, (key != "keras").then_some(want), "{key}");
    }
}

#[test]
fn nothing_said_of_padding_is_none_to_all() {
    let want = Window::square(3).conv([7, 7]).unwrap();
    for (key, made) in read(Layer::Conv, &Words::new([3, 3]), [7, 7]) {
        assert_eq!(made, Some(want), "{key}");
    }
}

#[test]
fn a_name_of_padding_is_read_by_those_that_have_it() {
    let named = |padding| Words { padding: Some(padding), ..Words::new([3, 3]) };
    let strided = |padding| Words { stride: [2, 2], ..named(padding) };
    let (same, lower) = (GivenPadding::Same, GivenPadding::SameLower);
    assert_eq!(
        readers(Layer::Conv, &named(same)),
        ["pytorch", "tensorflow", "keras", "onnx", "jax"]
    );
    assert_eq!(readers(Layer::Conv, &strided(same)), ["tensorflow", "keras", "onnx", "jax"]);
    assert_eq!(readers(Layer::Conv, &strided(lower)), ["onnx", "jax"]);
    assert_eq!(
        readers(Layer::Deconv, &named(GivenPadding::Valid)),
        ["tensorflow", "keras", "onnx", "jax"]
    );
}

#[test]
fn an_output_padding_is_read_by_those_that_have_it() {
    let words = Words { stride: [2, 2], output_padding: Some([1, 1]), ..Words::new([3, 3]) };
    let want = Window::square(3).stride(2).output_padding([1, 1]).transposed([4, 4]).unwrap();
    for (key, made) in read(Layer::Deconv, &words, [4, 4]) {
        let has = ["pytorch", "keras", "mxnet", "onnx"].contains(&key);
        assert_eq!(made, has.then_some(want), "{key}");
    }
}

#[test]
fn a_key_is_the_name_in_small_letters() {
    for framework in FRAMEWORKS {
        assert_eq!(framework.key(), framework.name().to_lowercase());
        assert_eq!(Framework::called(framework.key()).unwrap().name(), framework.name());
    }
}
