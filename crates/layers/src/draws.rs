//! Random numbers: of first weights, and of one training step.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicU64, Ordering};

/// A generator for the weights of a network: the same numbers from the same seed, on every machine and in every
/// version (ChaCha8). Where a constructor takes a generator, any other of the crate `rand` will do as well.
///
/// ```
/// # use mirrorgrad_layers::{Linear, Params, seeded};
/// let weights = |seed| Params::of(&Linear::<f32>::new([2, 3], &mut seeded(seed))).values();
/// assert_eq!(weights(1), weights(1));
/// assert_ne!(weights(1), weights(2));
/// ```
pub fn seeded(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// The random numbers of one training step: a function of seed and step, so that a step can be
/// repeated exactly.
///
/// ```
/// # use mirrorgrad_layers::Draws;
/// # use mirrorgrad_tensor::Tensor;
/// let noise = |draws: &Draws| Tensor::<f32>::uniform([4], [0.0, 1.0], &mut draws.next_rng());
/// let (step, again) = (Draws::new(7, 3), Draws::new(7, 3));
/// let first = noise(&step);
/// assert_eq!(noise(&again), first);
/// assert_ne!(noise(&again), first); // The next layer draws other numbers,
/// assert_ne!(noise(&Draws::new(7, 4)), first); // and so does the next step.
/// ```
#[derive(Debug)]
pub struct Draws {
    seed: u64,
    step: u64,
    taken: AtomicU64,
}

impl Draws {
    /// The draws of step number `step` of the run with this `seed`.
    pub fn new(seed: u64, step: u64) -> Self {
        Self { seed, step, taken: AtomicU64::new(0) }
    }

    /// A generator for the next layer that asks. Layers ask in the order of the forward pass.
    pub fn next_rng(&self) -> ChaCha8Rng {
        let nth = self.taken.fetch_add(1, Ordering::Relaxed);
        let mut key = [0; 32];
        for (bytes, word) in key.chunks_exact_mut(8).zip([self.seed, self.step, nth]) {
            bytes.copy_from_slice(&word.to_le_bytes());
        }
        ChaCha8Rng::from_seed(key)
    }
}
