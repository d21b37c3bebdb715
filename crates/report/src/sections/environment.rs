//! Where the run was made.

use crate::environment::Environment;
use crate::page::facts;
use maud::{Markup, html};

/// What the run noted, or else what is here; `written` is when its last checkpoint was.
pub fn environment(
    noted: Option<&Environment>,
    here: &Environment,
    written: Option<String>,
) -> Markup {
    let shown = noted.unwrap_or(here);
    let mut list = vec![
        ("mirrorgrad", shown.version.clone()),
        ("processor", shown.processor.clone()),
        ("instructions", shown.instructions.clone()),
        ("threads", shown.threads.to_string()),
        ("system", shown.system.clone()),
    ];
    if let Some(begun) = noted.and_then(|noted| noted.begun.clone()) {
        list.push(("begun", begun));
    }
    if let Some(bytes) = noted.and_then(|noted| noted.peak_memory) {
        list.push(("peak memory", format!("{} MB", bytes / 1_000_000)));
    }
    if let Some(written) = written {
        list.push(("last checkpoint", written));
    }
    html! {
        (facts(&list))
        @if noted.is_none() {
            p.note { "The run has no record of its machine: these values are of the machine that wrote the report." }
        }
    }
}
