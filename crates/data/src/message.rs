//! What is said of data and runs, with the settings that it names kept apart from its words: a library names a
//! setting by its key, a command by the option that sets it.

use std::fmt::{self, Display};

use serde::{Serialize, Serializer};

use crate::one_line;

/// A sentence or a part of one, which may name settings.
///
/// ```
/// # use mirrorgrad_data::{Message, Setting};
/// let size = Setting::size("data.folder.size");
/// let message = Message::from("two sizes; ").ask([size]).and(" to bring all pictures to one");
/// let words = "two sizes; set data.folder.size = [H, W] to bring all pictures to one";
/// assert_eq!(message.to_string(), words);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    /// The key of a setting whose value is spoken of.
    Key(&'static str),
    /// A setting as a thing: what it is, or what it would be.
    Setting(Setting),
    /// Settings that the reader is to make.
    Ask(Vec<Setting>),
    /// A setting in the reader's own words, `KEY=VALUE`.
    Typed(String),
}

/// A setting that a message names: its key, and the value to give it.
///
/// ```
/// # use mirrorgrad_data::Setting;
/// let range = "data.folder.range";
/// assert_eq!(Setting::of(range).to_string(), "data.folder.range");
/// assert_eq!(Setting::numbers(range, [0_u16, 4095]).to_string(), "data.folder.range = [0, 4095]");
/// assert_eq!(Setting::word(range, "percentile").to_string(), "data.folder.range = \"percentile\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its key in a configuration, as `data.folder.size`.
    pub key: &'static str,
    /// Its value, where one is proposed.
    pub value: Option<Value>,
}

/// A value that a message proposes.
///
/// ```
/// # use mirrorgrad_data::{Setting, Value};
/// assert_eq!(Setting::on("data.folder.orient").value, Some(Value::On));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// True.
    On,
    /// A number.
    Number(u64),
    /// Several.
    Numbers(Vec<u64>),
    /// A name or a path.
    Word(String),
    /// Any height and width.
    Size,
}

/// How settings are named to whoever reads a message.
///
/// ```
/// # use mirrorgrad_data::{Message, Setting, Wording};
/// struct Form;
/// impl Wording for Form {
///     fn key(&self, key: &str) -> String {
///         key.rsplit('.').next().unwrap_or(key).replace('_', " ")
///     }
///     fn setting(&self, setting: &Setting) -> String {
///         format!("the field {:?}", self.key(setting.key))
///     }
///     fn ask(&self, settings: &[Setting]) -> String {
///         let fields: Vec<_> = settings.iter().map(|setting| self.setting(setting)).collect();
///         format!("fill in {}", fields.join(" and "))
///     }
///     fn typed(&self, setting: &str) -> String {
///         setting.to_owned()
///     }
/// }
/// let message = Message::default().ask([Setting::of("data.folder.mask_suffix")]);
/// assert_eq!(message.worded(&Form), "fill in the field \"mask suffix\"");
/// ```
pub trait Wording {
    /// The name of the setting of this key, whose value is spoken of.
    fn key(&self, key: &str) -> String;

    /// A setting as a thing.
    fn setting(&self, setting: &Setting) -> String;

    /// What the reader is to do to make these settings.
    fn ask(&self, settings: &[Setting]) -> String;

    /// A setting that the reader has written, `KEY=VALUE`.
    fn typed(&self, setting: &str) -> String;
}

/// The wording of libraries and of configuration files: settings by their keys.
///
/// ```
/// # use mirrorgrad_data::{Keys, Setting, Wording};
/// let both = [Setting::numbers("data.folder.mask_values", [0_u8, 255]), Setting::on("data.folder.nearest_value")];
/// let words = "set data.folder.mask_values = [0, 255] and data.folder.nearest_value = true";
/// assert_eq!(Keys.ask(&both), words);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Keys;

impl Wording for Keys {
    fn key(&self, key: &str) -> String {
        key.to_owned()
    }

    fn setting(&self, Setting { key, value }: &Setting) -> String {
        match value {
            None => (*key).to_owned(),
            Some(Value::On) => format!("{key} = true"),
            Some(Value::Number(number)) => format!("{key} = {number}"),
            Some(Value::Numbers(numbers)) => format!("{key} = {numbers:?}"),
            Some(Value::Word(word)) => format!("{key} = {word:?}"),
            Some(Value::Size) => format!("{key} = [H, W]"),
        }
    }

    fn ask(&self, settings: &[Setting]) -> String {
        let settings: Vec<_> = settings.iter().map(|setting| self.setting(setting)).collect();
        format!("set {}", settings.join(" and "))
    }

    fn typed(&self, setting: &str) -> String {
        setting.to_owned()
    }
}

impl Setting {
    /// Of no value in particular.
    pub fn of(key: &'static str) -> Self {
        Self { key, value: None }
    }

    /// True.
    pub fn on(key: &'static str) -> Self {
        Self { key, value: Some(Value::On) }
    }

    /// Of this number.
    pub fn number(key: &'static str, number: impl Into<u64>) -> Self {
        Self { key, value: Some(Value::Number(number.into())) }
    }

    /// Of these numbers.
    pub fn numbers<N: Into<u64>>(key: &'static str, numbers: impl IntoIterator<Item = N>) -> Self {
        let numbers = numbers.into_iter().map(N::into).collect();
        Self { key, value: Some(Value::Numbers(numbers)) }
    }

    /// Of this name or path.
    pub fn word(key: &'static str, word: impl Into<String>) -> Self {
        Self { key, value: Some(Value::Word(word.into())) }
    }

    /// Of any height and width.
    pub fn size(key: &'static str) -> Self {
        Self { key, value: Some(Value::Size) }
    }
}

impl Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&Keys.setting(self))
    }
}

impl Message {
    /// The name of the setting of this key, whose value is spoken of.
    pub fn key(key: &'static str) -> Self {
        Self(vec![Piece::Key(key)])
    }

    /// A setting in the reader's own words, `KEY=VALUE`.
    pub fn typed(setting: impl Into<String>) -> Self {
        Self(vec![Piece::Typed(setting.into())])
    }

    /// This, and then more.
    #[must_use]
    pub fn and(mut self, more: impl Into<Self>) -> Self {
        self.0.extend(more.into().0);
        self
    }

    /// This, and then what the reader is to do to make these settings.
    #[must_use]
    pub fn ask(mut self, settings: impl IntoIterator<Item = Setting>) -> Self {
        self.0.push(Piece::Ask(settings.into_iter().collect()));
        self
    }

    /// This in one line, whatever its words are made of.
    #[must_use]
    pub fn in_one_line(mut self) -> Self {
        for piece in &mut self.0 {
            if let Piece::Words(words) | Piece::Typed(words) = piece {
                *words = one_line(words);
            }
        }
        self
    }

    /// Its words, with settings named in this way.
    pub fn worded(&self, by: &dyn Wording) -> String {
        let worded = |piece: &Piece| match piece {
            Piece::Words(words) => words.clone(),
            Piece::Key(key) => by.key(key),
            Piece::Setting(setting) => by.setting(setting),
            Piece::Ask(settings) => by.ask(settings),
            Piece::Typed(setting) => by.typed(setting),
        };
        self.0.iter().map(worded).collect()
    }
}

impl Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.worded(&Keys))
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl From<String> for Message {
    fn from(words: String) -> Self {
        Self(vec![Piece::Words(words)])
    }
}

impl From<&str> for Message {
    fn from(words: &str) -> Self {
        Self::from(words.to_owned())
    }
}

impl From<Setting> for Message {
    fn from(setting: Setting) -> Self {
        Self(vec![Piece::Setting(setting)])
    }
}

impl From<&String> for Message {
    fn from(words: &String) -> Self {
        Self::from(words.as_str())
    }
}
