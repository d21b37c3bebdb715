//! Faulty files that are left out, where that is asked for.

use std::collections::HashSet;

use rayon::prelude::*;

use super::listing::Listing;
use super::{FolderOptions, Pair, Source};
use crate::DataError;

impl Source {
    /// A listing without what is faulty in it: what the run began without, or else what cannot be read now.
    pub fn without_faults(&self, mut listing: Listing, options: &FolderOptions) -> Listing {
        if !options.skip_faulty {
            return listing;
        }
        let known: Option<HashSet<&String>> = options.faulty.as_ref().map(|it| it.iter().collect());
        let why = |pair: &Pair| match &known {
            None => self.inspect(pair).err().and_then(|faults| faults.into_iter().next()),
            Some(names) => {
                let is_named = names.contains(&self.root.relative(&pair.picture));
                let fault =
                    || DataError::unfit(&pair.picture, "no fault", "one when the run began");
                is_named.then(fault)
            }
        };
        let pairs = std::mem::take(&mut listing.pairs);
        let looked: Vec<_> = pairs.into_par_iter().map(|pair| (why(&pair), pair)).collect();
        let mut left_out = std::mem::take(&mut listing.faults);
        for (fault, pair) in looked {
            match fault {
                None => listing.pairs.push(pair),
                Some(fault) => {
                    listing.faulty.push(self.root.relative(&pair.picture));
                    left_out.push(fault);
                }
            }
        }
        if listing.pairs.is_empty() {
            listing.faults = left_out;
        } else {
            listing.left_out = left_out;
        }
        listing
    }
}
