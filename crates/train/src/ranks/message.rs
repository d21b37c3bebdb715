//! What ranks say to each other: what each has found, or why it has not.

use super::{Reduce, gather};
use crate::RunError;
use crate::codec::codec;
use bincode::Options;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// What every rank has found, in the order of the ranks. Where some have failed, all fail: the first of them with its
/// own error, and the others with its name.
///
/// ```
/// # use mirrorgrad_train::{Alone, RunError, exchange};
/// assert_eq!(exchange(&Alone, Ok::<_, RunError>(7))?, [7]);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// If a rank has failed or is gone.
pub fn exchange<M: Serialize + DeserializeOwned, E: From<RunError> + ToString>(
    ranks: &dyn Reduce,
    mine: Result<M, E>,
) -> Result<Vec<M>, E> {
    if ranks.ranks() == 1 {
        return Ok(vec![mine?]);
    }
    let said = mine.as_ref().map_err(ToString::to_string);
    let bytes = codec(u64::MAX).serialize(&said).expect("numbers and texts have a form in bytes");
    let mut failure = mine.err();
    let mut all = Vec::with_capacity(ranks.ranks());
    for (rank, bytes) in gather(ranks, &bytes)?.into_iter().enumerate() {
        let said: Result<Result<M, String>, _> = codec(bytes.len() as u64).deserialize(&bytes);
        let what = match said {
            Ok(Ok(found)) => {
                all.push(found);
                continue;
            }
            Ok(Err(what)) => what,
            Err(error) => {
                let what = format!("cannot be understood: {error}");
                return Err(RunError::Rank { rank, what }.into());
            }
        };
        return Err(match failure.take() {
            Some(own) if rank == ranks.rank() => own,
            _ => RunError::Elsewhere { rank, what }.into(),
        });
    }
    Ok(all)
}

/// Refuses to go on where this rank has another `kind` of thing than the first.
///
/// ```
/// # use mirrorgrad_train::{Alone, check_alike};
/// assert!(check_alike(&Alone, "version", "0.1.0").is_ok());
/// ```
///
/// # Errors
/// If one has another, or a rank is gone.
pub fn check_alike(ranks: &dyn Reduce, kind: &str, mine: &str) -> Result<(), RunError> {
    let all = exchange(ranks, Ok::<_, RunError>(mine.to_owned()))?;
    match all.iter().position(|other| *other != all[0]) {
        None => Ok(()),
        Some(rank) => {
            let what = format!("expected the {kind} of rank 0, found another");
            Err(match rank == ranks.rank() {
                true => RunError::Rank { rank, what },
                false => RunError::Elsewhere { rank, what },
            })
        }
    }
}
