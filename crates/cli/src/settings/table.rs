//! Every setting that has an option: its key, how its text is read, and its help.

use crate::options;
use clap::builder::ValueParser;
use std::fmt;
use toml::Value;

/// An option and the key it sets.
pub struct Setting {
    pub option: &'static str,
    pub key: &'static str,
    /// What its value is called.
    pub value: &'static str,
    pub read: Read,
    pub help: &'static str,
}

/// How an option's text becomes a value.
#[derive(Clone, Copy)]
pub enum Read {
    /// A number.
    Number,
    /// Several numbers, as `16,32,64`; so many if that is told.
    Numbers(Option<usize>),
    /// A size, `HxW`.
    Size,
    /// A path, or any other text.
    Text,
    /// Several texts, as `score,skips`.
    Texts,
    /// One of these names.
    Name(&'static [&'static str]),
    /// A name, or several numbers; so many if that is told.
    NameOr(&'static str, Option<usize>),
    /// No text: the value is true.
    On,
    /// No text: it is another option with this value.
    Is(&'static str, &'static str),
}

/// Settings under the heading that the help shows them by.
pub type Group = (&'static str, &'static [Setting]);

/// Which settings a command takes.
pub trait Offer: fmt::Debug + Default + Clone + Send + Sync + 'static {
    /// Their groups, in the order of the help.
    #[doc(hidden)]
    const GROUPS: &'static [Group];
}

/// All settings of a run.
#[derive(Clone, Debug, Default)]
pub struct Run;

/// All settings of a run on a folder that is named otherwise.
#[derive(Clone, Debug, Default)]
pub struct RunOn;

/// How a data set is read.
#[derive(Clone, Debug, Default)]
pub struct Reading;

/// What decides a network, and the memory that training it takes.
#[derive(Clone, Debug, Default)]
pub struct Shape;

impl Offer for Run {
    const GROUPS: &'static [Group] = &[
        ("Data", &[DIR]),
        ("Data", READING),
        ("Data", AUGMENT),
        ("Network", NETWORK),
        ("Network", START),
        ("Training", &[BATCH]),
        ("Training", TRAINING),
    ];
}

impl Offer for RunOn {
    const GROUPS: &'static [Group] = Run::GROUPS.split_at(1).1;
}

impl Offer for Shape {
    const GROUPS: &'static [Group] = &[("Network", NETWORK), ("Training", &[BATCH])];
}

impl Offer for Reading {
    const GROUPS: &'static [Group] = &[("Data", READING)];
}

const fn setting(
    [option, key, value]: [&'static str; 3],
    read: Read,
    help: &'static str,
) -> Setting {
    Setting { option, key, value, read, help }
}

const DIR: Setting = setting(
    ["data", "data.dir", "DIR"],
    Read::Text,
    "A folder of pictures and masks; the built-in shapes without",
);

const BATCH: Setting =
    setting(["batch", "training.batch", "N"], Read::Number, "Pictures in a batch");

#[rustfmt::skip]
const READING: &[Setting] = &[
    setting(["layout", "data.folder.layout", "NAME"], Read::Name(&["folders", "voc", "camvid", "pets", "list"]), "How the folder is laid out [default: as it looks]"),
    setting(["mask-values", "data.folder.mask_values", "A,B,.."], Read::Numbers(None), "The stored value of each class in masks, in the order of the classes, as 0,255"),
    setting(["nearest-value", "data.folder.nearest_value", ""], Read::On, "Take stored values between those of --mask-values for the nearest, as soft edges have"),
    setting(["mask-colours", "data.folder.mask_colours", "FILE"], Read::Text, "A file of lines `R G B NAME`, or CVAT's labelmap.txt, that says what the colours of masks mean [default: the one in the folder, if it is there]"),
    setting(["mask-suffix", "data.folder.mask_suffix", "TEXT"], Read::Text, "What the names of masks have behind those of their pictures, as _mask [default: what fits]"),
    setting(["ignore-index", "data.folder.ignore_index", "LABEL"], Read::Number, "The label of pixels that count for nothing [default: the layout's, if it has one]"),
    setting(["range", "data.folder.range", "A,B|percentile"], Read::NameOr("percentile", Some(2)), "The numbers of pictures that become black and white, as 0,4095 for 12 bits in 16, or the 1st and 99th percentile of each picture [default: the least and the most that its bits can hold]"),
    setting(["orient", "data.folder.orient", ""], Read::On, "Turn pictures as their EXIF data say, for masks that were made on turned pictures"),
    setting(["size", "data.folder.size", "HxW"], Read::Size, "Bring all pictures to one size"),
    setting(["val-split", "data.folder.validation_split", "SHARE"], Read::Number, "The share of pictures to validate on, for data without a part of their own for it"),
    setting(["follow-links", "data.folder.follow_links", ""], Read::On, "Follow links that lead out of the folder, as to a store beside it"),
    setting(["skip-faulty", "data.folder.skip_faulty", ""], Read::On, "Leave out what is faulty, and tell of each"),
];

#[rustfmt::skip]
const AUGMENT: &[Setting] = &[
    setting(["rotate", "data.augment.rotate", "DEGREES"], Read::Number, "The largest angle that training pictures are turned by, either way"),
    setting(["noise", "data.augment.noise", "LEVELS"], Read::Number, "The standard deviation of the noise on training pictures, in grey levels of 255"),
    setting(["crop", "data.augment.crop", "HxW"], Read::Size, "Train on random crops of this size"),
    setting(["scale", "data.augment.scale", "A,B"], Read::Numbers(Some(2)), "Scale training pictures by random factors between two"),
    setting(["flip", "data.augment.flip", "P"], Read::Number, "The probability of mirroring a training picture"),
    setting(["vertical-flip", "data.augment.vertical_flip", "P"], Read::Number, "The probability of turning a training picture upside down [default: 0; 0.5 for the built-in shapes]"),
    setting(["transpose", "data.augment.transpose", "P"], Read::Number, "The probability of exchanging a square training picture's rows and columns [default: 0; 0.5 for the built-in shapes]"),
    setting(["jitter", "data.augment.jitter", "S"], Read::Number, "How strongly colours of training pictures change, from 0 to 1"),
    setting(["hue", "data.augment.hue", "DEGREES"], Read::Number, "The largest angle that hues of training pictures are turned by, either way"),
];

#[rustfmt::skip]
const NETWORK: &[Setting] = &[
    setting(["model", "model.kind", "NAME"], Read::Name(&["fcn", "fcn8s", "fcn16s", "fcn32s", "unet", "segnet"]), "The network"),
    setting(["upsample", "model.upsample", "NAME"], Read::Name(&["deconv", "bilinear", "unpool"]), "The way back up to the picture's size [default: deconv; unpool for segnet]"),
    setting(["widths", "model.widths", "A,B,.."], Read::Numbers(None), "Channels of each stage [default: 16,32,64,128; 24,48,96,192 for unet; 16,32,64,128,128 for fcn8s, fcn16s, fcn32s]"),
    setting(["norm", "model.norm", "NAME"], Read::Name(&["batch", "group", "none"]), "What normalizes convolutions"),
    setting(["no-batch-norm", "model.norm", ""], Read::Is("norm", "none"), "The same as --norm none"),
];

#[rustfmt::skip]
const START: &[Setting] = &[
    setting(["weights", "model.weights", "FILE"], Read::Text, "Start from the weights in a safetensors file"),
    setting(["fresh", "model.fresh", "A,B,.."], Read::Texts, "Layers that start fresh all the same, as score,skips,ups for other classes"),
];

#[rustfmt::skip]
const TRAINING: &[Setting] = &[
    setting(["epochs", "training.epochs", "N"], Read::Number, "Passes over the training pictures"),
    setting(["accumulate", "training.accumulate", "N"], Read::Number, "Batches that make one step, as one large batch would"),
    setting(["loss", "training.loss", "NAME"], Read::Name(&["cross_entropy", "focal", "dice", "cross_entropy_dice"]), "What is made small"),
    setting(["class-weights", "training.class_weights", "auto|A,B,.."], Read::NameOr("auto", None), "How much a pixel counts by its class: by median frequency (auto), or one number a class; all alike without"),
    setting(["label-smoothing", "training.label_smoothing", "SHARE"], Read::Number, "The share of every truth that is spread over all classes"),
    setting(["focusing", "training.focusing", "GAMMA"], Read::Number, "The focal loss's exponent"),
    setting(["lr", "training.lr", "RATE"], Read::Number, "The highest learning rate"),
    setting(["optimizer", "training.optimizer", "NAME"], Read::Name(&["adamw", "adam", "sgd"]), "What moves the weights"),
    setting(["weight-decay", "training.weight_decay", "W"], Read::Number, "How strongly weights are pulled towards 0"),
    setting(["momentum", "training.momentum", "M"], Read::Number, "SGD's momentum"),
    setting(["schedule", "training.schedule", "NAME"], Read::Name(&["constant", "step", "cosine", "poly"]), "How the learning rate falls"),
    setting(["warmup", "training.warmup", "STEPS"], Read::Number, "Steps over which the learning rate rises at the start, a quarter of the run at most"),
    setting(["clip", "training.clip", "NORM"], Read::Number, "Keep the norm of all gradients together under this"),
    setting(["patience", "training.patience", "EPOCHS"], Read::Number, "End after so many epochs without a better validation mIoU"),
    setting(["checkpoint-every", "training.checkpoint_every", "STEPS"], Read::Number, "Steps between checkpoints within an epoch"),
    setting(["overfit-batches", "training.overfit_batches", "N"], Read::Number, "Learn N batches by heart, unchanged but for --crop, and validate on them: a network that cannot has a fault"),
    setting(["limit-batches", "training.limit_batches", "N"], Read::Number, "Train and validate on N batches of pictures at most"),
    setting(["seed", "training.seed", "N"], Read::Number, "What order, augmentation and first weights are drawn from"),
];

impl Read {
    /// What reads the text.
    pub fn parser(self) -> ValueParser {
        let integers =
            |side: [usize; 2]| Value::Array(side.map(|n| Value::Integer(n as i64)).into());
        match self {
            Self::Number => ValueParser::new(number),
            Self::Numbers(count) => ValueParser::new(move |text: &str| numbers(text, count)),
            Self::Size => ValueParser::new(move |text: &str| options::size(text).map(integers)),
            Self::Text => {
                ValueParser::new(|text: &str| Ok::<_, String>(Value::String(text.into())))
            }
            Self::Texts => ValueParser::new(|text: &str| {
                let texts = text.split(',').map(|text| Value::String(text.trim().into()));
                Ok::<_, String>(Value::Array(texts.collect()))
            }),
            Self::Name(names) => ValueParser::new(move |text: &str| match names.contains(&text) {
                true => Ok(Value::String(text.into())),
                false => Err(format!("expected {}, found {text:?}", names.join(", "))),
            }),
            Self::NameOr(name, count) => ValueParser::new(move |text: &str| {
                if text == name {
                    return Ok(Value::String(text.into()));
                }
                let or = |refusal: String| {
                    refusal.replacen("expected", &format!("expected {name} or"), 1)
                };
                numbers(text, count).map_err(or)
            }),
            Self::On | Self::Is(..) => unreachable!("it has no value to be read"),
        }
    }
}

fn number(text: &str) -> Result<Value, String> {
    let unsigned = text.trim_start_matches('-');
    if !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit()) {
        let most = i64::MAX;
        let refuse = |_| format!("expected at most {most}, found {text}");
        return text.parse().map(Value::Integer).map_err(refuse);
    }
    text.parse().map(Value::Float).map_err(|_| format!("expected a number, found {text:?}"))
}

fn numbers(text: &str, count: Option<usize>) -> Result<Value, String> {
    let example =
        if count == Some(2) { "two numbers, as 0.8,1.25" } else { "numbers, as 16,32,64" };
    let refuse = |_| format!("expected {example}, found {text:?}");
    let values = text.split(',').map(|part| number(part.trim()));
    let values = values.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    match count {
        Some(count) if count != values.len() => Err(refuse(String::new())),
        _ => Ok(Value::Array(values)),
    }
}
