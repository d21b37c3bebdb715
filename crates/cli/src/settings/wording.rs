//! How the command names settings: by the options that set them.

use super::table::{Group, Offer, Read, Run};
use mirrorgrad_data::{Setting, Value, Wording};

/// The wording of everything that the command prints.
#[derive(Clone, Copy, Debug)]
pub struct Options;

/// The option that sets a key.
fn option(key: &str) -> Option<&'static str> {
    let all = Run::GROUPS.iter().flat_map(|&(_, settings): &Group| settings);
    // Another name for one value of a setting is not the setting's.
    let mut own = all.filter(|setting| !matches!(setting.read, Read::Is(..)));
    own.find(|setting| setting.key == key).map(|setting| setting.option)
}

impl Wording for Options {
    fn key(&self, key: &str) -> String {
        option(key).unwrap_or(key).to_owned()
    }

    fn setting(&self, Setting { key, value }: &Setting) -> String {
        let text = match value {
            None | Some(Value::On) => None,
            Some(Value::Number(number)) => Some(number.to_string()),
            Some(Value::Numbers(numbers)) => {
                Some(numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(","))
            }
            Some(Value::Word(word)) => Some(word.clone()),
            Some(Value::Size) => Some("HxW".to_owned()),
        };
        match (option(key), text) {
            (Some(option), None) => format!("--{option}"),
            (Some(option), Some(text)) => format!("--{option} {text}"),
            (None, None) => format!("--set {key}"),
            (None, Some(text)) => format!("--set {key}={text}"),
        }
    }

    fn ask(&self, settings: &[Setting]) -> String {
        let options: Vec<_> = settings.iter().map(|setting| self.setting(setting)).collect();
        format!("pass {}", options.join(" "))
    }

    fn typed(&self, setting: &str) -> String {
        format!("--set {setting}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_data::Message;

    #[test]
    fn a_setting_is_named_by_its_option_and_by_its_key_where_it_has_none() {
        for (setting, says) in [
            (Setting::of("training.batch"), "--batch"),
            (Setting::on("data.folder.orient"), "--orient"),
            (Setting::number("data.folder.ignore_index", 7_u8), "--ignore-index 7"),
            (Setting::numbers("data.folder.range", [3_u16, 5000]), "--range 3,5000"),
            (Setting::word("model.norm", "none"), "--norm none"),
            (Setting::size("data.folder.size"), "--size HxW"),
            (Setting::number("data.folder.seed", 7_u8), "--set data.folder.seed=7"),
        ] {
            assert_eq!(Message::from(setting).worded(&Options), says);
        }
        assert_eq!(Message::key("training.weight_decay").worded(&Options), "weight-decay");
    }

    #[test]
    fn what_is_asked_for_is_written_as_it_would_be_typed() {
        let values = Setting::numbers("data.folder.mask_values", [0_u8, 255]);
        let both = Message::default().ask([values, Setting::on("data.folder.nearest_value")]);
        assert_eq!(both.worded(&Options), "pass --mask-values 0,255 --nearest-value");
        assert_eq!(Message::typed("training.lrr=1").worded(&Options), "--set training.lrr=1");
    }
}
