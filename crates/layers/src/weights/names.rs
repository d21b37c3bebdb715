//! Visitor of tensors: what does not fit, in words, and what stands before all of them.

use super::{NamedTensors, WeightsError, is_counter, short};
use mirrorgrad_tensor::Element;
use std::collections::BTreeSet;

/// Visitor that a message tells; of the others, how many there are.
const TOLD: usize = 8;

/// What a network has and its weights lack, and the other way, in one line of bounded length.
pub(super) fn unfit(missing: &[String], unknown: &[String]) -> String {
    let sides = [("missing", missing), ("unknown", unknown)];
    let sides = sides.iter().filter(|(_, names)| !names.is_empty());
    let sides: Vec<_> = sides.map(|(what, names)| format!("{what} {}", some_of(*names))).collect();
    format!("the tensors are not the network's: {}", sides.join("; "))
}

/// Visitor for a message: the first of them, and the number of the rest.
///
/// ```
/// # use mirrorgrad_layers::weights::some_of;
/// assert_eq!(some_of(["bias", "weight"]), r#""bias", "weight""#);
/// let many = some_of((0..1_000_000).map(|i| i.to_string()));
/// assert_eq!(many, r#""0", "1", "2", "3", "4", "5", "6", "7" and 999992 more"#);
/// ```
pub fn some_of<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> String {
    let mut names = names.into_iter();
    let listed: Vec<_> =
        names.by_ref().take(TOLD).map(|name| format!("{:?}", short(name.as_ref()))).collect();
    let listed = listed.join(", ");
    match names.count() {
        0 => listed,
        more => format!("{listed} and {more} more"),
    }
}

/// Refuses tensors that are not those of a network by their names, whatever their shapes. PyTorch's
/// `num_batches_tracked` counters are ignored.
///
/// ```
/// # use mirrorgrad_layers::weights::{NamedTensors, check_names};
/// let own = ["bias".to_owned(), "weight".to_owned()].into();
/// let tensors: NamedTensors<f32> = [("weights".to_owned(), [0.5].into())].into();
/// let error = check_names(&own, &tensors).unwrap_err().to_string();
/// let says = r#"the tensors are not the network's: missing "bias", "weight"; unknown "weights""#;
/// assert_eq!(error, says);
/// ```
///
/// # Errors
/// If names are missing or unknown; both are told.
pub fn check_names<T: Element>(
    own: &BTreeSet<String>,
    tensors: &NamedTensors<T>,
) -> Result<(), WeightsError> {
    let missing = own.iter().filter(|name| !tensors.contains_key(*name));
    let unknown = tensors.keys().filter(|name| !own.contains(*name) && !is_counter(name));
    let (missing, unknown): (Vec<_>, Vec<_>) =
        (missing.cloned().collect(), unknown.cloned().collect());
    if missing.is_empty() && unknown.is_empty() {
        return Ok(());
    }
    Err(WeightsError::Visitor { missing, unknown })
}

/// Takes off what all names of `tensors` begin with and a network's `own` names do not: `module.` of
/// PyTorch's `DataParallel`, `_orig_mod.` of its compiler, `model.` of a module around the network, or several
/// of these. Returns what was taken off.
///
/// Where less fits without the beginning than with it, nothing is changed.
///
/// ```
/// # use mirrorgrad_layers::weights::{NamedTensors, take_off_prefix};
/// let own = ["score.bias".to_owned(), "score.weight".to_owned()].into();
/// let names = ["module._orig_mod.score.bias", "module._orig_mod.score.weight"];
/// let mut tensors: NamedTensors<f32> = names.map(|name| (name.to_owned(), [0.5].into())).into();
/// let prefix = take_off_prefix(&own, &mut tensors);
/// assert_eq!(prefix.as_deref(), Some("module._orig_mod."));
/// assert!(tensors.keys().eq(&own));
/// // There is nothing more to take off.
/// assert_eq!(take_off_prefix(&own, &mut tensors), None);
/// ```
pub fn take_off_prefix<T: Element>(
    own: &BTreeSet<String>,
    tensors: &mut NamedTensors<T>,
) -> Option<String> {
    let prefix = best_prefix(own, tensors)?;
    let old = std::mem::take(tensors);
    tensors.extend(old.into_iter().map(|(name, tensor)| (name[prefix.len()..].to_owned(), tensor)));
    Some(prefix)
}

/// The common beginning, in whole words, without which most names are the network's; `None` where that is the
/// empty one.
fn best_prefix<T: Element>(own: &BTreeSet<String>, tensors: &NamedTensors<T>) -> Option<String> {
    // Visitor in order have in common what the first and the last have.
    let ((first, _), (last, _)) = (tensors.first_key_value()?, tensors.last_key_value()?);
    let common = first.bytes().zip(last.bytes()).take_while(|(a, b)| a == b).count();
    let words = first.bytes().take(common).enumerate().filter(|(_, byte)| *byte == b'.');
    let fitting = |end: usize| tensors.keys().filter(|name| own.contains(&name[end..])).count();
    let ends = std::iter::once(0).chain(words.map(|(dot, _)| dot + 1));
    // Of equals, the shortest.
    let best = ends
        .map(|end| (fitting(end), end))
        .reduce(|best, next| if next.0 > best.0 { next } else { best });
    best.filter(|&(_, end)| end > 0).map(|(_, end)| first[..end].to_owned())
}
