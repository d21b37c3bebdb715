//! The options that are settings of a run: each stands for a key of its configuration.
//!
//! One table says all about them (`settings/table.rs`), so that an option, its help and what it sets cannot
//! part.

mod table;
mod wording;

pub use table::{Offer, Reading, Run, RunOn, Shape};
pub use wording::Options;

use self::table::{Read, Setting};
use crate::Failure;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use mirrorgrad_train::{Config, Settings};
use std::marker::PhantomData;
use std::path::PathBuf;
use toml::Value;

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
        let options = self.options.iter().map(|(.., given)| given.clone());
        let file = self.file.iter().map(|_| "--config".to_owned());
        file.chain(options).chain(self.sets.iter().map(|_| "--set".to_owned())).collect()
    }

    /// All of them together.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let mut settings = match &self.file {
            Some(file) => Settings::read(file)?,
            None => Settings::default(),
        };
        for (key, value, given) in &self.options {
            settings.set(key, value.clone(), given).map_err(Failure::setting)?;
        }
        for set in &self.sets {
            settings.set_text(set).map_err(Failure::setting)?;
        }
        Ok(settings)
    }
}

impl<O: Offer> Args for SettingArgs<O> {
    fn augment_args(command: Command) -> Command {
        let defaults =
            Value::Table(Config::default().to_table().expect("the defaults can be written"));
        let file = Arg::new("config")
            .long("config")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("Settings as TOML, such as a run's config.toml; the options below override them");
        let set =
            Arg::new("set").long("set").value_name("KEY=VALUE").action(ArgAction::Append).help(
                "One setting by its key, such as training.epochs=30; overrides everything else",
            );
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
            let given = format!("--{}", setting.option);
            let value = match setting.read {
                Read::On => matches.get_flag(setting.option).then_some(Value::Boolean(true)),
                Read::Is(_, value) => {
                    matches.get_flag(setting.option).then(|| Value::String(value.to_owned()))
                }
                _ => matches.get_one(setting.option).cloned(),
            };
            self.options.extend(value.map(|value| (setting.key, value, given)));
        }
        Ok(())
    }
}

impl Setting {
    fn arg(&self, heading: &'static str, defaults: &Value) -> Arg {
        let arg = Arg::new(self.option).long(self.option).help_heading(heading);
        if let Read::On = self.read {
            return arg.action(ArgAction::SetTrue).help(self.help);
        }
        if let Read::Is(other, _) = self.read {
            return arg.action(ArgAction::SetTrue).conflicts_with(other).help(self.help);
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
        let text = matches!(self.read, Read::Text | Read::Texts | Read::Name(_));
        arg.value_name(self.value)
            .value_parser(self.read.parser())
            // Numbers may be negative, which is told by what reads them.
            .allow_hyphen_values(!text)
            .help(help)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_option_sets_a_key_that_a_configuration_has() {
        for setting in Run::GROUPS.iter().flat_map(|(_, settings)| *settings) {
            let texts = match setting.read {
                Read::Number => vec!["1"],
                Read::Numbers(_) => vec!["1,2"],
                Read::Size => vec!["3x4"],
                Read::Text => vec!["a"],
                Read::Texts => vec!["a,b"],
                Read::Name(names) => names.to_vec(),
                Read::NameOr(name, _) => vec![name, "1,2"],
                Read::On | Read::Is(..) => Vec::new(),
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
        let all = || {
            let all = Run::GROUPS.iter().flat_map(|(_, settings)| *settings);
            all.filter(|setting| !matches!(setting.read, Read::Is(..)))
        };
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
