//! Where the data pipeline's random numbers come from.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What a generator is for. Each purpose has streams of its own.
///
/// ```
/// # use mirrorgrad_data::random::{Purpose, generator};
/// # use rand::Rng;
/// let first = |purpose| generator(purpose, 0, 0, 0).next_u64();
/// assert_ne!(first(Purpose::Shuffle), first(Purpose::Augment));
/// ```
#[derive(Clone, Copy, Debug)]
pub enum Purpose {
    /// The pictures of a procedural data set.
    Draw,
    /// The order of an epoch.
    Shuffle,
    /// What is done to one sample in one epoch.
    Augment,
    /// Which samples of a folder validate.
    Split,
    /// A network before training.
    Weights,
}

/// The generator for one thing: its purpose, the seed, and two numbers that say which one.
///
/// All four go into ChaCha's key whole, so that no two of them can share a stream, and what is
/// drawn for one sample depends neither on the samples before it nor on who draws it.
///
/// ```
/// # use mirrorgrad_data::random::{Purpose, generator};
/// # use rand::Rng;
/// let draw = |epoch, index| generator(Purpose::Augment, 7, epoch, index).next_u64();
/// assert_eq!(draw(2, 5), draw(2, 5));
/// assert_ne!(draw(2, 5), draw(3, 5));
/// ```
pub fn generator(purpose: Purpose, seed: u64, epoch: usize, index: usize) -> ChaCha8Rng {
    let mut key = [0; 32];
    let words = [purpose as u64, seed, epoch as u64, index as u64];
    for (bytes, word) in key.chunks_exact_mut(8).zip(words) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    ChaCha8Rng::from_seed(key)
}

/// The numbers below `len` in an order of `rng`'s choice, by the shuffle of Fisher and Yates.
pub(crate) fn permutation(len: usize, rng: &mut impl Rng) -> Vec<usize> {
    let mut order: Vec<_> = (0..len).collect();
    for last in (1..len).rev() {
        order.swap(last, rng.random_range(0..=last));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_part_of_the_name_gives_another_stream() {
        let first = |purpose, seed, epoch, index| generator(purpose, seed, epoch, index).next_u64();
        let all = [
            first(Purpose::Draw, 0, 0, 0),
            first(Purpose::Augment, 0, 0, 0),
            first(Purpose::Draw, 1, 0, 0),
            first(Purpose::Draw, 0, 1, 0),
            first(Purpose::Draw, 0, 0, 1),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|b| a != b));
            assert_eq!(first(Purpose::Draw, 0, 0, 0), all[0]);
        }
    }
}
