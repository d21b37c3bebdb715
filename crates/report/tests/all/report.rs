//! A run's page: that it says what the run's files say, whatever the names, and loads nothing.

use crate::common;

use crate::common::{EPOCHS, HOSTILE, Made, data, table, text, written};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use mirrorgrad_data::{DataError, Dataset, Sample, Split};
use mirrorgrad_layers::models::Upsampling;
use mirrorgrad_layers::weights::state_dict;
use mirrorgrad_report::{Environment, Measures, Report, Run, write};
use mirrorgrad_tensor::Tensor;
use mirrorgrad_train::{Checkpoint, Confusion, LossKind, ModelKind, Predictor, RunFolder};
use std::fs;
use std::sync::Arc;

#[test]
fn names_that_are_markup_stay_names() {
    let page = Made::new(|_| {}).page();
    assert!(
        !page.contains("<script>alert") && !page.contains("<img src=x"),
        "a name became markup"
    );
    assert!(page.contains("&lt;script&gt;alert('class')&lt;/script&gt;"));
    assert!(page.contains("1&lt;img src=x onerror=alert(1)&gt;&amp;.png"));
    // One script, the page's own.
    assert_eq!(page.matches("<script").count(), 1);
}

#[test]
fn a_page_loads_nothing_from_anywhere() {
    let page = Made::new(|_| {}).page();
    for forbidden in ["http:", "https:", "//cdn", "url(", "@import", "<iframe", "<object", "fetch("]
    {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let values = |attribute: &str| -> Vec<String> {
        let start = format!(" {attribute}=\"");
        let parts = page.split(&start).skip(1);
        parts.map(|part| part.split('"').next().unwrap().chars().take(30).collect()).collect()
    };
    let sources = values("src");
    // Five validation pictures: three best, two worst, four views of each.
    assert_eq!(sources.len(), 20);
    assert!(sources.iter().all(|source| source.starts_with("data:image/png;base64,")));
    assert!(values("href").iter().all(|href| href.starts_with('#') || href == "data:,"));
}

#[test]
fn the_numbers_of_the_page_are_those_of_the_runs_metrics() {
    let made = Made::new(|_| {});
    let (page, history) = (made.page(), made.history());
    let rows = table(&page, "epochs");
    assert_eq!(rows.len(), 1 + history.len());
    for (row, epoch) in rows[1..].iter().zip(&history) {
        let expected = [epoch.train_loss, epoch.val_loss, epoch.val_miou, epoch.val_pixel_accuracy];
        assert_eq!(row[0], epoch.epoch.to_string());
        assert_eq!(row[1..5], expected.map(|value| format!("{value:.4}")));
        assert_eq!(row[5], format!("{:.2e}", epoch.lr));
    }
    let best = history.iter().reduce(|a, b| if b.val_miou > a.val_miou { b } else { a }).unwrap();
    let classes = table(&page, "classes-table");
    for (row, (name, iou)) in
        classes[1..].iter().zip(["ground", HOSTILE, "dark"].into_iter().zip(&best.val_iou))
    {
        assert_eq!(row[0], name);
        assert_eq!(row[1], format!("{:.4}", iou.unwrap()));
    }
    assert_eq!(classes[4][1], format!("{:.4}", best.val_miou));
    let head = text(page.split("class=\"about\"").nth(1).unwrap().split("</p>").next().unwrap());
    let says =
        format!("best validation mIoU {:.4} at epoch {} of {EPOCHS}", best.val_miou, best.epoch);
    assert!(head.contains(&says), "{head}");
}

#[test]
fn every_row_of_the_confusion_matrix_is_all_of_its_class() {
    let made = Made::new(|_| {});
    let page = made.page();
    let rows = table(&page, "matrix");
    let mut counts = [0_u64; 3];
    let validation = made.validation();
    for i in 0..validation.len() {
        let labels = validation.sample(i).unwrap().mask.labels;
        (0..3).for_each(|c| {
            counts[c] += labels.iter().filter(|&&l| usize::from(l) == c).count() as u64
        });
    }
    for (row, count) in rows[1..].iter().zip(counts) {
        let percents: Vec<f64> = row[1..4].iter().map(|cell| cell.parse().unwrap()).collect();
        assert!((percents.iter().sum::<f64>() - 100.0).abs() < 0.16, "{row:?}");
        assert_eq!(row[4].replace(',', ""), count.to_string());
    }
}

#[test]
fn the_best_picture_scores_no_less_than_any_other_and_the_worst_no_more() {
    let made = Made::new(|_| {});
    let page = made.page();
    let shown: Vec<String> = page
        .split("class=\"score\"")
        .skip(1)
        .map(|part| text(&part[..part.find("</span>").unwrap()]))
        .collect();
    // By the network's own predictions, picture by picture.
    let predictor = Predictor::new(Checkpoint::read(&made.folder.best()).unwrap()).unwrap();
    let validation = made.validation();
    let mut scores: Vec<f64> = (0..validation.len())
        .map(|i| {
            let sample = validation.sample(i).unwrap();
            let mask = predictor.predict(&sample.name, &sample.picture).unwrap();
            let mut confusion = Confusion::new(3);
            confusion.add(&sample.mask.labels, &mask.labels, Some(common::IGNORED)).unwrap();
            confusion.mean_iou().0
        })
        .collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    assert!(scores[0] > scores[4] + 0.01, "{scores:?}");
    let order = [0, 1, 2, 4, 3].map(|i| format!("mIoU {:.3}", scores[i]));
    assert_eq!(shown, order);
}

#[test]
fn the_part_of_validating_is_told_where_the_run_noted_it() {
    let made = Made::new(|_| {});
    for epoch in made.history() {
        assert!(0.0 < epoch.val_seconds && epoch.val_seconds < epoch.seconds, "{epoch:?}");
    }
    let mut last = Checkpoint::read(&made.folder.last()).unwrap();
    let folder = RunFolder::create(&made.dir.path().join("timed")).unwrap();
    let page = |last: &Checkpoint| {
        folder.write_last(last).unwrap();
        folder.write_best(last).unwrap();
        let report = Report::new(&folder, &made.validation()).unwrap();
        written(|out| report.write_page(out))
    };
    for epoch in &mut last.history {
        (epoch.seconds, epoch.val_seconds) = (8.0, 1.0);
    }
    let told = text(&page(&last));
    assert!(told.contains("of which validating") && told.contains("12.5 %"), "{told}");
    // An older version noted nothing.
    last.history.iter_mut().for_each(|epoch| epoch.val_seconds = 0.0);
    assert!(!page(&last).contains("of which validating"));
    // One process waits for nobody; of several, each is told.
    assert!(!page(&last).contains("waiting for other ranks"));
    assert_eq!(last.history.len(), 10);
    last.history.iter_mut().for_each(|epoch| epoch.waited = vec![0.5, 3.0]);
    let told = text(&page(&last));
    assert!(told.contains("rank 0 5.00 s, rank 1 30.0 s"), "{told}");
}

#[test]
fn the_same_run_gives_the_same_page() {
    let made = Made::new(|_| {});
    let first = made.page();
    assert_eq!(first, made.page());
    // What a run noted of its machine is told instead of what is here.
    let noted = Environment { processor: "an <abacus>".into(), ..Environment::here() };
    noted.record(&made.folder).unwrap();
    assert_eq!(Environment::of(&made.folder).unwrap(), Some(noted));
    let page = made.page();
    assert!(
        page.contains("an &lt;abacus&gt;") && !page.contains("has no record of its machine"),
        "{page}"
    );
    assert!(first.contains("has no record of its machine"));
    fs::write(made.folder.path().join("environment.json"), "{}").unwrap();
    let error = Environment::of(&made.folder).unwrap_err().to_string();
    assert!(error.contains("environment.json: expected the environment of a run"), "{error}");
    assert_eq!(error.lines().count(), 1);
    // The rest of the page is told all the same.
    assert_eq!(made.page(), first);
}

#[test]
fn a_run_whose_last_checkpoint_is_cut_off_is_told_from_the_one_before() {
    let made = Made::new(|_| {});
    let told = "this report uses the previous one";
    assert_eq!(Run::read(&made.folder).unwrap().0.notice, None);
    assert!(!made.page().contains(told));
    let last = made.folder.last();
    let bytes = fs::read(&last).unwrap();
    fs::write(&last, &bytes[..bytes.len() / 2]).unwrap();
    let (run, best) = Run::read(&made.folder).unwrap();
    let notice = run.notice.unwrap().to_string();
    assert!(notice.contains("truncated") && notice.contains("prev.ckpt"), "{notice}");
    // The best checkpoint may have the last epoch all the same.
    assert!(run.history.len() >= EPOCHS - 1 && best.is_some());
    assert_eq!(run.history[..], made.history()[..run.history.len()]);
    assert!(made.page().contains(told));
    // Nothing at all is as good as half of it.
    fs::remove_file(&last).unwrap();
    let report = Report::new(&made.folder, &made.validation()).unwrap();
    assert!(report.notice().unwrap().to_string().contains("last.ckpt: cannot be read"));
    fs::remove_file(made.folder.prev()).unwrap();
    let error = Run::read(&made.folder).err().unwrap().to_string();
    assert!(error.contains("prev.ckpt") && error.lines().count() == 1, "{error}");
}

#[test]
fn the_title_of_the_losses_is_what_they_are() {
    assert!(Made::new(|_| {}).page().contains("Loss: mean cross entropy"));
    let page = Made::new(|config| config.training.loss = LossKind::Dice).page();
    assert!(page.contains("Loss: Dice loss in training, cross entropy in validation"));
    assert!(!page.contains("Loss: mean cross entropy"));
}

#[test]
fn the_pictures_of_a_limited_run_are_those_that_it_saw() {
    let page = Made::new(|config| config.training.limit_batches = Some(2)).page();
    assert!(page.contains("4 to train on, 4 to validate on"));
    let page = Made::new(|config| config.training.overfit_batches = Some(1)).page();
    assert!(page.contains("2 to train on, 2 to validate on"));
    assert!(Made::new(|_| {}).page().contains("8 to train on, 5 to validate on"));
}

#[test]
fn kernels_that_began_from_a_file_have_no_beginning_to_show() {
    let first = Made::new(|_| {});
    let page = first.page();
    let (began, from_file) = ("<span>initial</span>", "initialized from the weights file");
    assert_eq!((page.matches(began).count(), page.matches(from_file).count()), (6, 0));
    let weights = first.folder.path().join("model.safetensors");
    let page = Made::new(|config| config.model.weights = Some(weights.clone())).page();
    assert_eq!((page.matches(began).count(), page.matches(from_file).count()), (0, 6));
    assert!(!page.contains(">initial<") && page.contains(">trained<"));
    // One of the two layers is drawn all the same.
    let page = Made::new(|config| {
        config.model.weights = Some(weights.clone());
        config.model.fresh = vec!["ups.0".to_owned()];
    })
    .page();
    assert_eq!((page.matches(began).count(), page.matches(from_file).count()), (3, 3));
}

#[test]
fn a_network_without_deconvolution_is_told_so() {
    let page = Made::new(|config| config.model.upsample = Upsampling::Bilinear).page();
    assert!(page.contains("no transposed convolution") && !page.contains("class=\"kernel\""));
    let page = Made::new(|_| {}).page();
    // Two layers of three classes each.
    assert_eq!(page.matches("class=\"kernel\"").count(), 6);
}

#[test]
fn kernels_of_many_taps_are_pictures_with_a_pixel_a_tap() {
    let made = Made::new(|config| {
        (config.model.kind, config.model.widths) = (ModelKind::Fcn32s, vec![2; 5]);
        config.data.folder.size = Some([32, 32]);
    });
    let page = made.page();
    let kernels = page.split("id=\"kernels\"").nth(1).unwrap().split("</section>").next().unwrap();
    // Of 64 × 64 taps, before and after, and of 32 × 32 phases, for each of three classes.
    let pictures: Vec<_> = kernels.split("src=\"data:image/png;base64,").skip(1).collect();
    assert_eq!((pictures.len(), kernels.matches("<rect").count()), (9, 0));
    let png = BASE64_STANDARD.decode(pictures[1].split('"').next().unwrap()).unwrap();
    let picture = image::load_from_memory(&png).unwrap().to_rgba8();
    assert_eq!(picture.dimensions(), (64, 64));
    // What the first channel became: blue above zero and orange below, each pixel as deep as its tap.
    let predictor = Predictor::new(Checkpoint::read(&made.folder.best()).unwrap()).unwrap();
    let [drawn, learned] = [&*made.config.network(3), predictor.network()]
        .map(|network| state_dict(network)["last.weight"].cast::<f64>());
    // By which each of three channels reaches itself: those on the diagonal.
    let kernels = |weight: &Tensor<f64>| -> Vec<f64> {
        let all = weight.as_slice().chunks_exact(64 * 64);
        all.step_by(4).flatten().copied().collect()
    };
    let [drawn, learned] = [kernels(&drawn), kernels(&learned)];
    let most = drawn.iter().chain(&learned).fold(0.0_f64, |most, tap| most.max(tap.abs()));
    for (pixel, tap) in picture.pixels().zip(&learned[..64 * 64]) {
        let [red, _, blue, depth] = pixel.0;
        assert_eq!(red > blue, *tap < 0.0, "{tap}");
        assert!((f64::from(depth) - 255.0 * tap.abs() / most).abs() <= 0.5, "{tap} {depth}");
    }
}

#[test]
fn a_run_without_an_epoch_has_a_page_that_says_so() {
    let made = Made::new(|_| {});
    let dir = made.dir.path().join("begun");
    let folder = RunFolder::create(&dir).unwrap();
    let last = Checkpoint::read(&made.folder.last()).unwrap();
    folder.write_last(&Checkpoint { history: vec![], ..last }).unwrap();
    write(&folder, &made.validation()).unwrap();
    let page = fs::read_to_string(dir.join("report.html")).unwrap();
    assert!(page.contains("no epoch finished yet") && page.contains("No epoch was finished"));
    assert!(!dir.join("report.json").exists());
}

#[test]
fn what_was_measured_is_kept_for_the_same_weights_alone() {
    let made = Made::new(|_| {});
    let report = Report::new(&made.folder, &made.validation()).unwrap();
    let measures = report.measures().unwrap();
    measures.write(&made.folder).unwrap();
    let best = Checkpoint::read(&made.folder.best()).unwrap().history.pop().unwrap();
    assert_eq!(measures.miou, best.val_miou);
    assert!(measures.miou > 0.4 && measures.mean_boundary_f > 0.1, "the runs learn too little");
    assert_eq!(measures.pixel_accuracy, best.val_pixel_accuracy);
    assert_eq!(Measures::of(&made.folder, &best.weights_hash), Some(measures));
    assert_eq!(Measures::of(&made.folder, "another"), None);
}

#[test]
fn pictures_of_other_classes_are_refused() {
    let made = Made::new(|_| {});
    let other = made.dir.path().join("other");
    data(&other, &["a", "b", "c"]);
    let validation = common::config(&other).open(Split::Validation).unwrap();
    let error = write(&made.folder, &validation).unwrap_err().to_string();
    assert!(error.contains("expected the classes") && error.lines().count() == 1, "{error}");
}

#[test]
fn of_many_pictures_some_are_looked_at_and_the_page_says_how_many() {
    let made = Made::new(|_| {});
    let many: Arc<dyn Dataset> = Arc::new(Many(made.validation()));
    let report = Report::new(&made.folder, &many).unwrap();
    let measures = report.measures().unwrap();
    assert_eq!((measures.looked_at, measures.pictures), (1000, 2500));
    // All but the ignored column of 16 by 20 pixels.
    let pixels: u64 = measures.confusion.iter().flatten().sum();
    assert_eq!(pixels, 1000 * 16 * 19);
    let page = written(|out| report.write_page(out));
    assert!(page.contains("1000 of 2500 validation pictures were evaluated"));
}

/// The same few pictures again and again.
struct Many(Arc<dyn Dataset>);

impl Dataset for Many {
    fn len(&self) -> usize {
        2500
    }

    fn classes(&self) -> &[String] {
        self.0.classes()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.0.sample(index % self.0.len())
    }
}

#[test]
fn checkpoints_of_two_runs_in_one_folder_are_told_apart() {
    let made = Made::new(|config| config.training.epochs = 2);
    let changes: [fn(&mut mirrorgrad_train::Config); 3] = [
        |config| config.model.widths = vec![2, 4],
        |config| config.training.seed = 1,
        |config| config.training.lr = 0.02,
    ];
    let own = fs::read(made.folder.best()).unwrap();
    for change in changes {
        let other = Made::new(|config| {
            config.training.epochs = 2;
            change(config);
        });
        fs::copy(other.folder.best(), made.folder.best()).unwrap();
        let error = Run::read(&made.folder).err().unwrap().to_string();
        assert!(error.contains("expected last.ckpt and best.ckpt of one run"), "{error}");
        let error = write(&made.folder, &made.validation()).unwrap_err().to_string();
        assert!(error.contains("expected last.ckpt and best.ckpt of one run"), "{error}");
    }
    fs::write(made.folder.best(), own).unwrap();
    Run::read(&made.folder).unwrap();
}

#[test]
fn a_file_from_before_1970_has_no_date_and_no_panic() {
    let made = Made::new(|config| config.training.epochs = 1);
    let last = fs::File::options().write(true).open(made.folder.last()).unwrap();
    let before = std::time::UNIX_EPOCH - std::time::Duration::from_secs(86_400);
    last.set_modified(before).unwrap();
    assert!(made.page().contains("before 1970"));
}
