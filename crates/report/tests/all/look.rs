//! How a page shows what it shows: numbers where they mean something, pictures as large as they are.

use crate::common::{Made, text, written};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mirrorgrad_data::{DataError, Dataset, Mask, Picture, Sample};
use mirrorgrad_layers::weights::{from_safetensors, to_safetensors};
use mirrorgrad_report::Report;
use mirrorgrad_tensor::Tensor;
use std::fs;
use std::sync::Arc;

/// The page of a run whose last deconvolution begins with kernels that `gain` tells by channel and phase, each of
/// whose four taps has a quarter of it; the learning rate is too small to move them.
fn with_gains(gain: impl Fn(usize, [usize; 2]) -> f32) -> String {
    let first = Made::new(|_| {});
    let file = first.folder.path().join("model.safetensors");
    let mut weights = from_safetensors::<f32>(&fs::read(&file).unwrap()).unwrap();
    let shape = [3, 3, 4, 4];
    assert_eq!(weights["ups.0.weight"].shape(), shape);
    let kernels = Tensor::from_fn(shape, |i| {
        let (input, output, row, column) = (i / 48, i / 16 % 3, i / 4 % 4, i % 4);
        if input == output { gain(input, [row % 2, column % 2]) / 4.0 } else { 0.0 }
    });
    weights.insert("ups.0.weight".to_owned(), kernels);
    fs::write(&file, to_safetensors(&weights)).unwrap();
    let page = Made::new(|config| {
        config.model.weights = Some(file.clone());
        config.training.lr = 1e-6;
    })
    .page();
    let layer = page.split("<code>ups.0</code>").nth(1).unwrap();
    text(layer.split("<details").next().unwrap())
}

#[test]
fn an_index_stands_only_where_gains_have_a_mean() {
    let board = |[row, column]: [usize; 2]| if row == column { 1.0 } else { -1.0 };
    let none = with_gains(|_, phase| board(phase));
    assert!(none.contains("There is no checkerboard index"), "{none}");
    assert!(!none.contains("Checkerboard index"), "{none}");
    // Of the others, gains of 1, 1, 1 and 5: 4 apart about a mean of 2.
    let spike = |phase| if phase == [0, 0] { 5.0 } else { 1.0 };
    let some = with_gains(|channel, phase| if channel == 0 { board(phase) } else { spike(phase) });
    assert!(some.contains("Checkerboard index 200.0 %"), "{some}");
    assert!(some.contains("averaged over 2 of 3 channels (200.0 % at most)"), "{some}");
    assert!(some.contains("those of the other 1 are around zero"), "{some}");
}

#[test]
fn the_kernels_of_each_layer_are_folded_away() {
    let page = Made::new(|_| {}).page();
    let section = page.split("id=\"kernels\"").nth(1).unwrap().split("</section>").next().unwrap();
    assert_eq!(section.matches("<summary>Kernels of 3 channels</summary>").count(), 2);
    // No kernel stands outside a fold, of which none is open.
    let outside = section.split("<details>").map(|part| part.rsplit("</details>").next().unwrap());
    assert!(outside.clone().count() == 3 && !outside.collect::<String>().contains("\"kernel\""));
}

#[test]
fn one_epoch_is_not_called_epochs() {
    let page = Made::new(|config| config.training.epochs = 1).page();
    assert!(page.contains("<div class=\"more\">1 epoch</div>"));
    assert!(!page.contains("1 epochs"));
}

#[test]
fn every_picture_opens_at_its_full_size() {
    let made = Made::new(|_| {});
    let page = |width| {
        let wide: Arc<dyn Dataset> = Arc::new(Wide { classes: made.validation(), width });
        let report = Report::new(&made.folder, &wide).unwrap();
        written(|out| report.write_page(out))
    };
    let widths = |page: &str| {
        let uris = page.split("data:image/png;base64,").skip(1);
        let png = |uri: &str| BASE64_STANDARD.decode(uri.split('"').next().unwrap()).unwrap();
        let widths = uris.map(|uri| image::load_from_memory(&png(uri)).unwrap().width());
        widths.collect::<Vec<_>>()
    };
    let whole = page(700);
    assert_eq!(widths(&whole), [700; 4]);
    // The link about a picture leads to what it is in, which is what the style makes large.
    for what in ["picture", "truth", "prediction", "errors"] {
        let view =
            format!("<div class=\"view\" id=\"{what}-0\"><a class=\"open\" href=\"#{what}-0\"");
        assert_eq!(whole.matches(&view).count(), 1, "{view}");
    }
    assert!(whole.contains("opens at its full size."));
    let reduced = page(1025);
    assert_eq!(widths(&reduced), [1024; 4]);
    assert!(reduced.contains("or at 1024 pixels if a side is longer"));
}

/// A flat picture of some width, without an object.
struct Wide {
    classes: Arc<dyn Dataset>,
    width: usize,
}

impl Dataset for Wide {
    fn len(&self) -> usize {
        1
    }

    fn classes(&self) -> &[String] {
        self.classes.classes()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let (width, height) = (self.width, 8);
        Ok(Sample {
            name: index.to_string(),
            picture: Picture { width, height, rgb: vec![100; 3 * width * height] },
            mask: Mask { width, height, labels: vec![0; width * height] },
        })
    }
}
