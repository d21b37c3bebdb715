//! The whole configuration, and how to make the run again.

use crate::run::Run;
use crate::settings::command;
use maud::{Markup, html};

/// The command, and `text`, the file of the configuration.
pub fn configuration(run: &Run, text: &str) -> Markup {
    html! {
        p { "This command gives the same weights, bit for bit, on any number of threads:" }
        pre #command { (command(&run.config)) }
        p { "or, with the configuration below in a file, " code { "mirrorgrad train --config config.toml" } "." }
        details {
            summary { "config.toml" }
            pre { (text) }
        }
    }
}
