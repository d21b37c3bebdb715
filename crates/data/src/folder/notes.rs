//! What is told of a directory beside its faults.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::Source;
use super::listing::Listing;
use crate::{DataError, Message, Setting};

/// Names that a note says before it counts the others.
const NAMED: usize = 5;

impl Source {
    /// What is no fault of these sections, but is to be known: a line each.
    pub fn notes<'a>(&self, listings: impl Iterator<Item = &'a Listing> + Clone) -> Vec<Message> {
        let mut notes = Vec::new();
        let names = |of: fn(&Listing) -> &Vec<PathBuf>| -> Vec<String> {
            let paths = listings.clone().flat_map(of).map(|path| self.root.relative(path));
            paths.collect::<BTreeSet<_>>().into_iter().collect()
        };
        let (skipped, unused) =
            (names(|listing| &listing.skipped), names(|listing| &listing.unused));
        if !skipped.is_empty() {
            let (count, names) = (skipped.len(), some(&skipped));
            let note = match count {
                1 => format!("1 file or folder is skipped, since it is not a picture: {names}"),
                _ => {
                    format!(
                        "{count} files or folders are skipped, since they are not pictures: {names}"
                    )
                }
            };
            notes.push(note.into());
        }
        if !unused.is_empty() {
            notes.push(format!("lists that no split uses: {}", some(&unused)).into());
        }
        let mut suffixes = BTreeMap::new();
        for listing in listings.clone() {
            let suffix = listing.suffix.as_deref().filter(|suffix| !suffix.is_empty());
            if let (Some(suffix), Some(pair)) = (suffix, listing.pairs.first()) {
                suffixes.entry(suffix).or_insert(&pair.mask);
            }
        }
        notes.extend(suffixes.into_iter().map(|(suffix, mask)| {
            let mask = self.root.relative(mask);
            format!("mask names are picture names with the suffix {suffix}, such as {mask}").into()
        }));
        let left_out: Vec<_> = listings.flat_map(|listing| &listing.left_out).collect();
        if !left_out.is_empty() {
            let (count, s) = (left_out.len(), if left_out.len() == 1 { "" } else { "s" });
            let faults = Message::from(format!("{count} fault{s} skipped, since "));
            notes.push(faults.and(Setting::on("data.folder.skip_faulty")).and(" is set"));
            let of = |fault: &&DataError| Message::from("skipped: ").and(fault.message());
            notes.extend(left_out.iter().map(of));
        }
        notes
    }
}

/// The first of some names, and how many more there are.
fn some(names: &[String]) -> String {
    let first = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}
