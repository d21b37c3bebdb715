//! The options that are settings of a run: each stands for a key of its configuration.
//!
//! One table says all about them, so that an option, its help and what it sets cannot part.

use crate::{Failure, options};
use clap::builder::ValueParser;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use mirrorgrad_segment::{Config, Settings};
use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use toml::Value;

/// An option and the key it sets.
pub struct Setting {
    option: &'static str,
    key: &'static str,
    /// What its value is called.
    value: &'static str,
    read: Read,
    help: &'static str,
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
    /// `auto`, or several numbers.
    AutoOr,
    /// No text: the value is false.
    Off,
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

/// None by an option of its own: a file and single keys.
#[derive(Clone, Debug, Default)]
pub struct Keys;

/// How a data set is read.
#[derive(Clone, Debug, Default)]
pub struct Reading;

impl Offer for Run {
    const GROUPS: &'static [Group] = &[
        ("Data", &[DIR]),
        ("Data", READING),
        ("Data", AUGMENT),
        ("Network", NETWORK),
        ("Training", TRAINING),
    ];
}

impl Offer for Keys {
    const GROUPS: &'static [Group] = &[];
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

#[rustfmt::skip]
const READING: &[Setting] = &[
    setting(["layout", "data.folder.layout", "NAME"], Read::Name(&["folders", "voc", "camvid", "pets", "list"]), "How the folder is laid out [default: as it looks]"),
    setting(["mask-values", "data.folder.mask_values", "A,B,.."], Read::Numbers(None), "The stored value of each class in masks, in the order of the classes, as 0,255"),
    setting(["mask-colours", "data.folder.mask_colours", "FILE"], Read::Text, "A file of lines `R G B NAME` that says what the colours of masks mean [default: colours.txt in the folder, if it is there]"),
    setting(["ignore-index", "data.folder.ignore_index", "LABEL"], Read::Number, "The label of pixels that count for nothing [default: the layout's, if it has one]"),
    setting(["size", "data.folder.size", "HxW"], Read::Size, "Bring all pictures to one size"),
    setting(["val-split", "data.folder.validation_split", "SHARE"], Read::Number, "The share of pictures to validate on, for data without a part of their own for it"),
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
];

#[rustfmt::skip]
const NETWORK: &[Setting] = &[
    setting(["model", "model.kind", "NAME"], Read::Name(&["fcn", "fcn8s", "fcn16s", "fcn32s", "unet", "segnet"]), "The network"),
    setting(["upsample", "model.upsample", "NAME"], Read::Name(&["deconv", "bilinear", "unpool"]), "The way back up to the picture's size [default: deconv; unpool for segnet]"),
    setting(["widths", "model.widths", "A,B,.."], Read::Numbers(None), "Channels of each stage [default: 16,32,64,128; 24,48,96,192 for unet; 16,32,64,128,128 for fcn8s, fcn16s, fcn32s]"),
    setting(["no-batch-norm", "model.batch_norm", ""], Read::Off, "Leave out batch normalization"),
    setting(["weights", "model.weights", "FILE"], Read::Text, "Start from the weights in a safetensors file"),
    setting(["fresh", "model.fresh", "A,B,.."], Read::Texts, "Layers that start fresh all the same, as score,skips,ups for other classes"),
];

#[rustfmt::skip]
const TRAINING: &[Setting] = &[
    setting(["epochs", "training.epochs", "N"], Read::Number, "Passes over the training pictures"),
    setting(["batch", "training.batch", "N"], Read::Number, "Pictures in a batch"),
    setting(["accumulate", "training.accumulate", "N"], Read::Number, "Batches whose gradients are averaged into one step"),
    setting(["loss", "training.loss", "NAME"], Read::Name(&["cross_entropy", "focal", "dice", "cross_entropy_dice"]), "What is made small"),
    setting(["class-weights", "training.class_weights", "auto|A,B,.."], Read::AutoOr, "How much a pixel counts by its class: by median frequency (auto), or one number a class; all alike without"),
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
    setting(["overfit-batches", "training.overfit_batches", "N"], Read::Number, "Learn N batches by heart, unchanged, and validate on them: a network that cannot has a fault"),
    setting(["limit-batches", "training.limit_batches", "N"], Read::Number, "Train and validate on N batches of pictures at most"),
    setting(["seed", "training.seed", "N"], Read::Number, "What order, augmentation and first weights are drawn from"),
];

/// What was asked for: a file, the options of the tables, and single keys, later ones over earlier ones.
#[derive(Clone, Debug, Default)]
pub struct SettingArgs<O: Offer> {
    offer: PhantomData<O>,
    file: Option<PathBuf>,
    /// Key, value, and the option as it was typed.
    options: Vec<(&'static str, Value, String)>,
    sets: Vec<String>,
}

impl<O: Offer> SettingArgs<O> {
    /// The options that were given, as they would be typed.
    pub fn given(&self) -> Vec<String> {
        let options = self.options.iter().map(|(.., told)| told.clone());
        let file = self.file.iter().map(|_| "--config".to_owned());
        file.chain(options).chain(self.sets.iter().map(|_| "--set".to_owned())).collect()
    }

    /// All of them together.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = match &self.file {
            Some(file) => Settings::read(file)?,
            None => Settings::default(),
        };
        for (key, value, told) in &self.options {
            settings.set(key, value.clone(), told).map_err(Failure::usage)?;
        }
        for set in &self.sets {
            settings.set_text(set).map_err(Failure::usage)?;
        }
        Ok(settings)
    }
}

impl<O: Offer> Args for SettingArgs<O> {
    fn augment_args(command: Command) -> Command {
        let defaults = Value::try_from(Config::default()).expect("the defaults can be written");
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Settings as TOML, as a run's config.toml; the options below replace them");
        let set = Arg::new("set")
            .long("set")
            .value_name("KEY=VALUE")
            .action(ArgAction::Append)
            .help("One setting by its key, as training.epochs=30, over everything else");
        let table = O::GROUPS.iter().flat_map(|(heading, settings)| {
            let defaults = &defaults;
            settings.iter().map(move |setting| setting.arg(heading, defaults))
        });
        command.arg(file).arg(set).args(table)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<O: Offer> FromArgMatches for SettingArgs<O> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut args = Self::default();
        args.update_from_arg_matches(matches)?;
        Ok(args)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        self.file = matches.get_one("config").cloned();
        self.sets = matches.get_many("set").into_iter().flatten().cloned().collect();
        for setting in O::GROUPS.iter().flat_map(|(_, settings)| *settings) {
            let told = format!("--{}", setting.option);
            let value = match setting.read {
                Read::Off => matches.get_flag(setting.option).then_some(Value::Boolean(false)),
                _ => matches.get_one(setting.option).cloned(),
            };
            self.options.extend(value.map(|value| (setting.key, value, told)));
        }
        Ok(())
    }
}

impl Setting {
    fn arg(&self, heading: &'static str, defaults: &Value) -> Arg {
        let arg = Arg::new(self.option).long(self.option).help_heading(heading);
        if let Read::Off = self.read {
            return arg.action(ArgAction::SetTrue).help(self.help);
        }
        let default = self.key.split('.').try_fold(defaults, |table, name| table.get(name));
        let help = match default {
            Some(value) if !self.help.contains("[default") => {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{} [default: {value}]", self.help)
            }
            _ => self.help.to_owned(),
        };
        let names: &[&str] = if let Read::Name(names) = self.read { names } else { &[] };
        let names =
            if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) };
        let help = match help.split_once(" [") {
            Some((what, default)) => format!("{what}{names} [{default}"),
            None => format!("{help}{names}"),
        };
        arg.value_name(self.value).value_parser(self.read.parser()).help(help)
    }
}

impl Read {
    fn parser(self) -> ValueParser {
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
            Self::AutoOr => ValueParser::new(|text: &str| match text {
                "auto" => Ok(Value::String(text.into())),
                _ => numbers(text, None),
            }),
            Self::Off => unreachable!("it has no value to be read"),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_option_sets_a_key_that_a_configuration_has() {
        for setting in Run::GROUPS.iter().flat_map(|(_, settings)| *settings) {
            let texts: &[&str] = match setting.read {
                Read::Number => &["1"],
                Read::Numbers(_) => &["1,2"],
                Read::Size => &["3x4"],
                Read::Text => &["a"],
                Read::Texts => &["a,b"],
                Read::Name(names) => names,
                Read::AutoOr => &["auto", "1,2"],
                Read::Off => &[],
            };
            let command = SettingArgs::<Run>::augment_args(Command::new("train"));
            for text in texts {
                let typed = ["train".to_owned(), format!("--{}={text}", setting.option)];
                let matches = command.clone().try_get_matches_from(typed).unwrap();
                let args = SettingArgs::<Run>::from_arg_matches(&matches).unwrap();
                assert_eq!(args.given(), [format!("--{}", setting.option)]);
                args.settings().unwrap();
            }
        }
    }

    #[test]
    fn no_two_options_are_one() {
        let all = || Run::GROUPS.iter().flat_map(|(_, settings)| *settings);
        let (options, keys): (BTreeSet<_>, BTreeSet<_>) =
            all().map(|setting| (setting.option, setting.key)).unzip();
        assert_eq!((options.len(), keys.len()), (all().count(), all().count()));
    }

    #[test]
    fn an_option_replaces_the_file_and_a_key_replaces_the_option() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("c.toml");
        std::fs::write(&file, "[training]\nepochs = 1\nbatch = 2\nlr = 0.25").unwrap();
        let typed = ["train", "--config", file.to_str().unwrap(), "--batch=3", "--lr", "0.5"];
        let typed = [&typed[..], &["--set", "training.lr=0.75"]].concat();
        let command = SettingArgs::<Run>::augment_args(Command::new("train"));
        let matches = command.try_get_matches_from(typed).unwrap();
        let settings = SettingArgs::<Run>::from_arg_matches(&matches).unwrap().settings().unwrap();
        let training = settings.resolve().unwrap().training;
        assert_eq!((training.epochs, training.batch, training.lr), (1, 3, 0.75));
    }
}
