//! The batches of one step, added up.

use mirrorgrad_autograd::Gradients;

/// The loss of several batches and its gradients, each batch by the weight of its pixels: what one batch of
/// all their pictures would have, where the loss is a mean over weighted pixels.
///
/// Batches come one by one, and how much all of them weigh is known after the last. Until then gradients are
/// told in shares of the heaviest batch so far: none grows beyond its own size, and where all weigh the same, the
/// shares are those of a plain average from the first on.
pub struct Accumulated {
    count: usize,
    loss: f32,
    grads: Option<Gradients>,
    /// The weight of the heaviest batch.
    unit: f64,
    weight: f64,
}

impl Accumulated {
    /// Of `count` batches, none of which has come.
    pub fn of(count: usize) -> Self {
        Self { count, loss: 0.0, grads: None, unit: 0.0, weight: 0.0 }
    }

    /// What the loss of the next batch, which has this weight, is to be multiplied by.
    pub fn share(&mut self, weight: f64) -> f32 {
        if weight > self.unit {
            self.scale((self.unit / weight) as f32);
            self.unit = weight;
        }
        self.weight += weight;
        // A batch in which no pixel counts has no loss, and no share.
        if weight > 0.0 { (weight / self.unit / self.count as f64) as f32 } else { 0.0 }
    }

    /// Adds a batch: its own loss, its share, and the gradients of so much of its loss.
    pub fn add(&mut self, loss: f32, share: f32, grads: Gradients) {
        self.loss += loss * share;
        self.grads = Some(match self.grads.take() {
            None => grads,
            Some(total) => total.plus(&grads),
        });
    }

    /// The mean loss and its gradients, unless no batch has come.
    pub fn mean(mut self) -> Option<(f32, Gradients)> {
        if self.weight > 0.0 {
            self.scale((self.count as f64 * self.unit / self.weight) as f32);
        }
        Some((self.loss, self.grads?))
    }

    fn scale(&mut self, factor: f32) {
        if factor == 1.0 {
            return;
        }
        self.loss *= factor;
        self.grads = self.grads.take().map(|grads| grads.scaled(factor));
    }
}
