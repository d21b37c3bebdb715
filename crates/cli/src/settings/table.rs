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
    /// Several numbers, as `16,32,64`; exactly this many, if given.
    Numbers(Option<usize>),
    /// A size, `HxW`.
    Size,
    /// A path, or any other text.
    Text,
    /// Several texts, as `score,skips`.
    Texts,
    /// One of these names.
    Name(&'static [&'static str]),
    /// A name, or several numbers; exactly this many, if given.
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

/// All settings of a run but the folder, which is an argument of its own.
#[derive(Clone, Debug, Default)]
pub struct RunOn;

/// How a data set is read.
#[derive(Clone, Debug, Default)]
pub struct Reading;

/// What decides a network, and what a step of training it takes.
#[derive(Clone, Debug, Default)]
pub struct Shape;

impl Offer for Run {
    const GROUPS: &'static [Group] = &[
        ("Data", &[DIR]),
        ("Data", READING),
        ("Data", AUGMENT),
        ("Network", NETWORK),
        ("Network", START),
        ("Training", STEP),
        ("Training", TRAINING),
    ];
}

impl Offer for RunOn {
    const GROUPS: &'static [Group] = Run::GROUPS.split_at(1).1;
}

impl Offer for Shape {
    const GROUPS: &'static [Group] = &[("Network", NETWORK), ("Training", STEP)];
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
    "Folder of pictures and masks [default: the built-in shapes]",
);

#[rustfmt::skip]
const STEP: &[Setting] = &[
    setting(["batch", "training.batch", "N"], Read::Number, "Pictures per batch"),
    setting(["accumulate", "training.accumulate", "N"], Read::Number, "Batches per optimizer step (gradient accumulation)"),
    setting(["shards", "training.shards", "N"], Read::Number, "Parts of each batch, each a pass of its own: several processes share them"),
];

#[rustfmt::skip]
const READING: &[Setting] = &[
    setting(["layout", "data.folder.layout", "NAME"], Read::Name(&["folders", "voc", "camvid", "pets", "list"]), "Layout of the folder [default: detected]"),
    setting(["mask-values", "data.folder.mask_values", "A,B,.."], Read::Numbers(None), "Stored mask value of each class, in class order, such as 0,255"),
    setting(["nearest-value", "data.folder.nearest_value", ""], Read::On, "Map other stored values to the nearest of --mask-values, for masks with soft edges"),
    setting(["mask-colours", "data.folder.mask_colours", "FILE"], Read::Text, "Colour table of the masks: lines of `R G B NAME`, or CVAT's labelmap.txt [default: the table in the folder, if present]"),
    setting(["mask-suffix", "data.folder.mask_suffix", "TEXT"], Read::Text, "Suffix of mask names, such as _mask [default: detected]"),
    setting(["ignore-index", "data.folder.ignore_index", "LABEL"], Read::Number, "Label to ignore in loss and metrics [default: the layout's, if it has one]"),
    setting(["range", "data.folder.range", "A,B|percentile"], Read::NameOr("percentile", Some(2)), "Stored picture values that become black and white, such as 0,4095 for 12 bits in 16; percentile: the 1st and 99th percentile of each picture [default: the full range of its bits]"),
    setting(["orient", "data.folder.orient", ""], Read::On, "Rotate pictures by their EXIF orientation, for masks drawn on rotated pictures"),
    setting(["size", "data.folder.size", "HxW"], Read::Size, "Resize all pictures to this size"),
    setting(["val-split", "data.folder.validation_split", "SHARE"], Read::Number, "Share of pictures for validation, if the data have no validation split"),
    setting(["follow-links", "data.folder.follow_links", ""], Read::On, "Follow links that lead out of the folder"),
    setting(["skip-faulty", "data.folder.skip_faulty", ""], Read::On, "Leave out faulty pairs, with a note for each"),
];

#[rustfmt::skip]
const AUGMENT: &[Setting] = &[
    setting(["rotate", "data.augment.rotate", "DEGREES"], Read::Number, "Largest random rotation of training pictures, in both directions"),
    setting(["noise", "data.augment.noise", "LEVELS"], Read::Number, "Standard deviation of the noise on training pictures, in grey levels of 255"),
    setting(["crop", "data.augment.crop", "HxW"], Read::Size, "Train on random crops of this size"),
    setting(["scale", "data.augment.scale", "A,B"], Read::Numbers(Some(2)), "Scale training pictures by a random factor between A and B"),
    setting(["flip", "data.augment.flip", "P"], Read::Number, "Probability of a horizontal flip of a training picture"),
    setting(["vertical-flip", "data.augment.vertical_flip", "P"], Read::Number, "Probability of a vertical flip of a training picture [default: 0; 0.5 for the built-in shapes]"),
    setting(["transpose", "data.augment.transpose", "P"], Read::Number, "Probability of a transpose of a square training picture [default: 0; 0.5 for the built-in shapes]"),
    setting(["jitter", "data.augment.jitter", "S"], Read::Number, "Strength of random brightness, contrast and saturation changes in training pictures, from 0 to 1"),
    setting(["hue", "data.augment.hue", "DEGREES"], Read::Number, "Largest random hue shift of training pictures, in both directions"),
];

#[rustfmt::skip]
const NETWORK: &[Setting] = &[
    setting(["model", "model.kind", "NAME"], Read::Name(&["fcn", "fcn8s", "fcn16s", "fcn32s", "unet", "segnet"]), "The network"),
    setting(["upsample", "model.upsample", "NAME"], Read::Name(&["deconv", "bilinear", "unpool"]), "Upsampling method [default: deconv; unpool for segnet]"),
    setting(["widths", "model.widths", "A,B,.."], Read::Numbers(None), "Channels of each stage [default: 16,32,64,128; 24,48,96,192 for unet; 16,32,64,128,128 for fcn8s, fcn16s, fcn32s]"),
    setting(["norm", "model.norm", "NAME"], Read::Name(&["batch", "group", "none"]), "Normalization after convolutions"),
    setting(["no-batch-norm", "model.norm", ""], Read::Is("norm", "none"), "The same as --norm none"),
];

#[rustfmt::skip]
const START: &[Setting] = &[
    setting(["weights", "model.weights", "FILE"], Read::Text, "Start from the weights in this safetensors file"),
    setting(["fresh", "model.fresh", "A,B,.."], Read::Texts, "Layers to initialize at random despite --weights, such as score,skips,ups for other classes"),
];

#[rustfmt::skip]
const TRAINING: &[Setting] = &[
    setting(["epochs", "training.epochs", "N"], Read::Number, "Passes over the training pictures"),
    setting(["sync-batch-norm", "training.sync_batch_norm", ""], Read::On, "Shards of a batch share the statistics of batch normalization"),
    setting(["loss", "training.loss", "NAME"], Read::Name(&["cross_entropy", "focal", "dice", "cross_entropy_dice"]), "Loss"),
    setting(["class-weights", "training.class_weights", "auto|A,B,.."], Read::NameOr("auto", None), "Weight of each class in the loss: auto (median frequency), or one number per class [default: all equal]"),
    setting(["label-smoothing", "training.label_smoothing", "SHARE"], Read::Number, "Share of each target that is spread over all classes"),
    setting(["focusing", "training.focusing", "GAMMA"], Read::Number, "Exponent of the focal loss"),
    setting(["lr", "training.lr", "RATE"], Read::Number, "Peak learning rate"),
    setting(["optimizer", "training.optimizer", "NAME"], Read::Name(&["adamw", "adam", "sgd"]), "Optimizer"),
    setting(["weight-decay", "training.weight_decay", "W"], Read::Number, "Weight decay"),
    setting(["momentum", "training.momentum", "M"], Read::Number, "Momentum of SGD"),
    setting(["schedule", "training.schedule", "NAME"], Read::Name(&["constant", "step", "cosine", "poly"]), "Learning rate schedule"),
    setting(["warmup", "training.warmup", "STEPS"], Read::Number, "Warmup steps of the learning rate, at most a quarter of the run"),
    setting(["clip", "training.clip", "NORM"], Read::Number, "Clip the norm of all gradients together to this value"),
    setting(["patience", "training.patience", "EPOCHS"], Read::Number, "Stop after this many epochs without a better validation mIoU"),
    setting(["checkpoint-every", "training.checkpoint_every", "STEPS"], Read::Number, "Steps between checkpoints within an epoch"),
    setting(["overfit-batches", "training.overfit_batches", "N"], Read::Number, "Overfit N batches, without augmentation but --crop, and validate on them: a network that cannot overfit has a fault"),
    setting(["limit-batches", "training.limit_batches", "N"], Read::Number, "Train and validate on at most N batches"),
    setting(["seed", "training.seed", "N"], Read::Number, "Random seed of order, augmentation and initial weights"),
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
    let example = if count == Some(2) {
        "two numbers, such as 0.8,1.25"
    } else {
        "numbers, such as 16,32,64"
    };
    let refuse = |_| format!("expected {example}, found {text:?}");
    let values = text.split(',').map(|part| number(part.trim()));
    let values = values.collect::<Result<Vec<_>, _>>().map_err(refuse)?;
    match count {
        Some(count) if count != values.len() => Err(refuse(String::new())),
        _ => Ok(Value::Array(values)),
    }
}
