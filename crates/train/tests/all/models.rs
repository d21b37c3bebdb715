//! The networks that have names: which stages they score, by which step they reach the picture, and how
//! small it may be.

use mirrorgrad_layers::models::Upsampling;
use mirrorgrad_layers::summary;
use mirrorgrad_layers::weights::state_dict;
use mirrorgrad_train::{Config, ModelConfig, ModelKind, least_bytes};
use std::collections::BTreeMap;

const CLASSES: usize = 3;
/// Channels of each of five stages, none twice.
const WIDTHS: [usize; 5] = [2, 3, 4, 5, 6];

fn model(kind: ModelKind) -> ModelConfig {
    let upsample = kind.upsample();
    ModelConfig { kind, widths: WIDTHS.to_vec(), upsample, ..ModelConfig::default() }
}

#[test]
fn the_name_of_an_fcn_tells_its_last_stride_and_which_stages_are_scored() {
    // Three pools are before stage 3: it works at an eighth of the picture's size.
    let cases: [(ModelKind, usize, &[usize]); 3] = [
        (ModelKind::Fcn8s, 8, &[3, 4]),
        (ModelKind::Fcn16s, 16, &[4]),
        (ModelKind::Fcn32s, 32, &[]),
    ];
    for (kind, stride, scored) in cases {
        let network = model(kind).network(CLASSES, 0);
        let (last, two) = ([CLASSES, CLASSES, 2 * stride, 2 * stride], [CLASSES, CLASSES, 4, 4]);
        let mut expected = BTreeMap::from([
            ("last.weight".to_owned(), last),
            ("score.weight".to_owned(), [CLASSES, 6, 1, 1]),
        ]);
        for &stage in scored {
            expected.insert(format!("skips.{stage}.weight"), [CLASSES, WIDTHS[stage], 1, 1]);
            expected.insert(format!("ups.{stage}.weight"), two);
        }
        let weights = state_dict(&*network);
        let way_up = weights.iter().filter(|(name, _)| !name.starts_with("stages."));
        let kernels = way_up.filter(|(name, _)| name.ends_with(".weight"));
        let found: BTreeMap<_, _> =
            kernels.map(|(name, tensor)| (name.clone(), tensor.dims::<4>())).collect();
        assert_eq!(found, expected, "{kind:?}");

        let rows = summary(&*network, &[1, 3, 64, 96]);
        let size = |layer: &str| {
            let (call, _) = rows.iter().find(|(call, _)| call.path == layer).unwrap();
            [call.shape[2], call.shape[3]]
        };
        assert_eq!((size("score"), size("last")), ([2, 3], [64, 96]), "{kind:?}");
        for &stage in scored {
            for layer in ["skips", "ups"] {
                assert_eq!(size(&format!("{layer}.{stage}")), [64 >> stage, 96 >> stage]);
            }
        }
        // What is scored last is where the last step begins.
        let begins = scored.first().map_or([2, 3], |stage| size(&format!("ups.{stage}")));
        assert_eq!(begins.map(|side| side * stride), [64, 96], "{kind:?}");
    }
}

#[test]
fn every_pool_must_find_two_pixels_each_way() {
    use ModelKind::{Fcn, Fcn8s, Fcn16s, Fcn32s, Segnet, Unet};
    // All five stages are pooled, of the U-Net all but the deepest.
    for (kind, smallest) in
        [(Fcn, 32), (Fcn8s, 32), (Fcn16s, 32), (Fcn32s, 32), (Segnet, 32), (Unet, 16)]
    {
        let network = model(kind).network(CLASSES, 0);
        assert_eq!(network.smallest_input(), smallest, "{kind:?}");
        let rows = summary(&*network, &[1, 3, smallest, smallest]);
        let scores = &rows.last().unwrap().0.shape;
        assert_eq!(*scores, [1, CLASSES, smallest, smallest], "{kind:?}");
    }
}

#[test]
fn what_a_network_must_have_is_nearly_all_it_has() {
    use ModelKind::{Fcn, Fcn8s, Segnet, Unet};
    for (kind, upsample) in [
        (Fcn, Upsampling::Deconv),
        (Fcn, Upsampling::Unpool),
        (Fcn8s, Upsampling::Bilinear),
        (Segnet, Upsampling::Unpool),
        (Unet, Upsampling::Deconv),
        (Unet, Upsampling::Bilinear),
    ] {
        let model = ModelConfig { kind, upsample, widths: vec![40, 20, 64, 32, 48], ..model(kind) };
        let config = Config { model, ..Config::default() };
        let own: usize = state_dict(&*config.network(CLASSES)).values().map(|w| w.len()).sum();
        // A weight, its gradient and two averages, in four bytes each.
        let least = least_bytes(&config) / (4 * 4);
        assert!((0.85..1.0).contains(&(least as f64 / own as f64)), "{kind:?}: {least} of {own}");
    }
}
