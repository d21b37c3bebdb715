//! The whole configuration, and how to make the run again.

use crate::run::Run;
use crate::settings::command;
use maud::{Markup, html};

/// The command, and `text`, the file of the configuration.
pub fn configuration(run: &Run, text: &str) -> Markup {
    let (command, beyond) = command(&run.config);
    html! {
        p { "The same weights, bit for bit, on any number of threads:" }
        pre #command { (command) }
        @if !beyond.is_empty() {
            p { "with these settings, which no option reaches:" }
            pre { (beyond.join("\n")) }
        }
        details {
            summary { "config.toml" }
            pre { (text) }
        }
    }
}
