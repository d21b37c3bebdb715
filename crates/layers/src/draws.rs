//! The random numbers of one training step.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::atomic::{AtomicU64, Ordering};

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
