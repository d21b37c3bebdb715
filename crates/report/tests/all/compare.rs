//! Runs side by side: what differs, and what may not be compared.

use crate::common;

use crate::common::{EPOCHS, HOSTILE, Made, data, table, train, written};
use mirrorgrad_layers::models::Upsampling;
use mirrorgrad_report::{Comparison, write};
use mirrorgrad_train::Config;
use std::path::PathBuf;

/// Two runs of the same data, the second with another way up and a name that is markup.
fn two() -> (Made, PathBuf) {
    let made = Made::new(|_| {});
    let mut config = made.config.clone();
    config.model.upsample = Upsampling::Bilinear;
    config.training.clip = Some(1.0);
    let other = made.dir.path().join("<b>other<b>\n");
    train(&other, &config);
    (made, other)
}

fn compared(paths: &[PathBuf]) -> Comparison {
    Comparison::new(paths).unwrap()
}

#[test]
fn json_has_each_runs_numbers_and_what_differs() {
    let (made, other) = two();
    let run = made.folder.path().to_owned();
    write(&made.folder, &made.validation()).unwrap();
    let json = compared(&[run.clone(), other]).to_json();
    let history = made.history();
    let best = history.iter().reduce(|a, b| if b.val_miou > a.val_miou { b } else { a }).unwrap();
    let first = &json["runs"][0];
    assert_eq!(first["run"], run.to_str().unwrap());
    assert_eq!((&first["epochs"], &first["best_epoch"]), (&EPOCHS.into(), &best.epoch.into()));
    assert_eq!(first["best_miou"], best.val_miou);
    assert_eq!(first["last_miou"], history[EPOCHS - 1].val_miou);
    assert_eq!(first["iou"], serde_json::json!(best.val_iou));
    let seconds: f64 = history.iter().map(|epoch| epoch.seconds).sum();
    assert_eq!(first["seconds"], seconds);
    assert_eq!(first["classes"][1], HOSTILE);
    assert_eq!(first["boundary_f"].as_array().unwrap().len(), 3);
    assert_eq!(json["runs"][1]["boundary_f"], serde_json::Value::Null);
    // Two kernels of 3 × 3 × 4 × 4 more.
    let parameters = |i: usize| json["runs"][i]["parameters"].as_u64().unwrap();
    assert_eq!(parameters(0) - parameters(1), 2 * 3 * 3 * 16);
    let differences = json["differences"].as_object().unwrap();
    let names: Vec<&String> = differences.keys().collect();
    assert_eq!(names, ["model.upsample", "training.clip"]);
    assert_eq!(differences["model.upsample"], serde_json::json!(["deconv", "bilinear"]));
    assert_eq!(differences["training.clip"], serde_json::json!([null, 1.0]));
    assert_eq!((&json["same_classes"], &json["same_data"]), (&true.into(), &true.into()));
}

#[test]
fn the_text_is_a_line_for_each_run_whatever_their_names() {
    let (made, other) = two();
    let comparison = compared(&[made.folder.path().to_owned(), other]);
    let text = comparison.text(None);
    let lines: Vec<&str> = text.lines().collect();
    let words: Vec<&str> = lines[0].split_whitespace().collect();
    assert_eq!(words[..5], ["run", "upsample", "clip", "best", "mIoU"]);
    assert!(lines[1].contains("deconv") && lines[2].contains("bilinear"), "{text}");
    assert!(lines[2].contains("<b>other<b>\\n"), "{text}");
    assert!(lines[1].contains(&format!("{:.4}", made.history()[EPOCHS - 1].val_miou)), "{text}");
    let classes = comparison.classes_text(None).unwrap();
    assert!(classes.contains(HOSTILE) && classes.lines().count() == 4, "{classes}");
}

#[test]
fn the_page_lays_curves_over_each_other_and_escapes_names() {
    let (made, other) = two();
    let comparison = compared(&[made.folder.path().to_owned(), other]);
    let page = written(|out| comparison.write_page(out));
    assert!(!page.contains("<b>other") && page.contains("&lt;b&gt;other&lt;b&gt;\\n"));
    assert!(!page.contains("http:") && !page.contains("https:") && !page.contains(" src="));
    assert_eq!(page.matches("<figure class=\"chart\">").count(), 4);
    // Every epoch of two runs in each of them.
    assert_eq!(page.matches("data-x=").count(), 4 * EPOCHS * 2);
    let settings = table(&page, "settings-table");
    assert_eq!(settings[1][..3], ["upsample", "deconv", "bilinear"]);
    let best = |run: usize| table(&page, "runs-table")[1 + run][3].clone();
    let iou = table(&page, "iou-table");
    assert_eq!(iou[4][1..3], [best(0), best(1)]);
    assert_eq!(iou[2][0], HOSTILE);
}

#[test]
fn runs_of_different_classes_are_not_compared_class_by_class() {
    let made = Made::new(|_| {});
    let others = made.dir.path().join("others");
    data(&others, &["sky", "road", "car"]);
    let other = train(&made.dir.path().join("other"), &common::config(&others));
    let comparison = compared(&[made.folder.path().to_owned(), other.path().to_owned()]);
    assert!(!comparison.same_classes() && comparison.classes_text(None).is_none());
    assert!(comparison.text(None).contains("The runs have different classes"));
    let page = written(|out| comparison.write_page(out));
    assert!(page.contains("different classes") && !page.contains("iou-table"));
    assert_eq!(comparison.to_json()["same_classes"], false);
}

#[test]
fn other_pictures_of_the_same_classes_are_told() {
    let made = Made::new(|_| {});
    let fewer = made.dir.path().join("fewer");
    data(&fewer, &["ground", HOSTILE, "dark"]);
    for kind in ["images", "masks"] {
        std::fs::remove_file(fewer.join(format!("val/{kind}/4.png"))).unwrap();
    }
    let other = train(&made.dir.path().join("other"), &common::config(&fewer));
    let comparison = compared(&[made.folder.path().to_owned(), other.path().to_owned()]);
    assert!(comparison.same_classes() && !comparison.same_data());
    assert!(comparison.text(None).contains("different pictures"));
}

#[test]
fn a_seed_of_the_split_alone_is_a_difference() {
    let made = Made::new(|_| {});
    let run = |name: &str, change: fn(&mut Config)| {
        let mut config = made.config.clone();
        change(&mut config);
        train(&made.dir.path().join(name), &config).path().to_owned()
    };
    let differences = |other: PathBuf| {
        let comparison = compared(&[made.folder.path().to_owned(), other]);
        comparison.differences.into_keys().collect::<Vec<_>>()
    };
    let split = run("split", |config| config.data.folder.seed = 3);
    assert_eq!(differences(split), ["data.folder.seed"]);
    // Where one seed decides both, it is told once.
    let both = run("both", |config| (config.data.folder.seed, config.training.seed) = (3, 3));
    assert_eq!(differences(both), ["training.seed"]);
}

#[test]
fn a_run_read_from_the_checkpoint_before_its_last_is_told() {
    let made = Made::new(|_| {});
    std::fs::write(made.folder.last(), "cut off").unwrap();
    let comparison = compared(&[made.folder.path().to_owned()]);
    let notice = comparison.rows[0].run.notice.as_ref().unwrap().to_string();
    assert!(notice.contains("last.ckpt") && notice.contains("prev.ckpt"), "{notice}");
    assert_eq!(comparison.caveats()[0], format!("{notice}."));
    assert!(comparison.text(None).contains(&notice));
    assert!(written(|out| comparison.write_page(out)).contains("prev.ckpt"));
}

#[test]
fn what_is_no_run_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    for path in [dir.path().to_owned(), dir.path().join("nowhere")] {
        let error = Comparison::new(&[path]).err().unwrap().to_string();
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
