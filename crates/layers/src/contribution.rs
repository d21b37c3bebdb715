//! What one batch gives to a training step, and how batches add up.

use crate::Update;
use crate::weights::NamedTensors;
use mirrorgrad_tensor::{Element, Tensor};

/// What one batch gives to a training step: its loss, gradients by name, and the running statistics that
/// it observed. [`Params::backward`](crate::Params::backward) finds one.
///
/// Contributions add up, each by its weight (the pixels that counted, say), a [`Fold`](crate::Fold) says in which order,
/// and [`mean`] divides: the gradient of a mean over all pixels of all batches. The sum is told in shares of the heaviest batch,
/// so that it does not grow with the weights, and where all weigh the same it is a plain sum.
///
/// ```
/// # use mirrorgrad_layers::Contribution;
/// let batch = |loss: f64, gradient: f64, weight| {
///     let gradients = [("w".to_owned(), [gradient].into())].into();
///     // Each is a half of its own, as one of two.
///     Contribution::new(loss, gradients, vec![]).scaled(0.5).weighing(weight)
/// };
/// let gradient = |step: &Contribution<f64>| step.gradients["w"].item();
/// let step = batch(2.0, 1.0, 1.0).plus(batch(6.0, 5.0, 1.0)).mean(2);
/// assert_eq!(gradient(&step), 3.0);
/// let step = batch(2.0, 1.0, 3.0).plus(batch(6.0, 5.0, 1.0)).mean(2);
/// assert_eq!(gradient(&step), 2.0); // (3 · 1 + 1 · 5) / 4
/// ```
///
/// [`mean`]: Contribution::mean
#[derive(Clone, Debug)]
pub struct Contribution<T: Element = f32> {
    /// The loss; of several batches the sum, in shares of the heaviest.
    pub loss: T,
    /// The gradients of `loss`, by the parameters' names.
    pub gradients: NamedTensors<T>,
    /// What running averages are to be moved by.
    pub updates: Vec<Update<T>>,
    /// The weight of all batches.
    pub weight: f64,
    /// The weight of the heaviest.
    pub heaviest: f64,
}

impl<T: Element> Contribution<T> {
    /// Of a batch of weight 1.
    pub fn new(loss: T, gradients: NamedTensors<T>, updates: Vec<Update<T>>) -> Self {
        Self { loss, gradients, updates, weight: 1.0, heaviest: 1.0 }
    }

    /// Of a batch of this weight. A batch of weight 0 adds its updates alone.
    #[must_use]
    pub fn weighing(self, weight: f64) -> Self {
        Self { weight, heaviest: weight, ..self }
    }

    /// Both batches.
    ///
    /// # Panics
    /// If gradients of one name differ in shape.
    #[must_use]
    #[track_caller]
    pub fn plus(self, next: Self) -> Self {
        let heaviest = self.heaviest.max(next.heaviest);
        let (mut sum, next) = (self.in_shares_of(heaviest), next.in_shares_of(heaviest));
        sum.loss += next.loss;
        sum.weight += next.weight;
        sum.updates.extend(next.updates);
        for (name, more) in next.gradients {
            let total = match sum.gradients.remove(&name) {
                Some(gradient) => gradient.plus(&more),
                None => more,
            };
            sum.gradients.insert(name, total);
        }
        sum
    }

    /// The mean over the weights of `count` batches, each of which was scaled by 1 / `count` before it
    /// was added.
    #[must_use]
    pub fn mean(self, count: usize) -> Self {
        let factor = match self.weight > 0.0 {
            true => count as f64 * self.heaviest / self.weight,
            false => 1.0, // Nothing counted: all is 0.
        };
        self.scaled(factor)
    }

    /// The loss and its gradients times `factor`.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self { loss: self.loss * T::of(factor), ..self.with_gradients_scaled(factor) }
    }

    /// The gradients alone times `factor`.
    #[must_use]
    pub fn with_gradients_scaled(mut self, factor: f64) -> Self {
        let factor = T::of(factor);
        if factor != T::one() {
            for gradient in self.gradients.values_mut() {
                *gradient = gradient.map(|g| g * factor);
            }
        }
        self
    }

    /// The Euclidean norm of all gradients together, as a [`GradientNorm`] has it.
    pub fn norm(&self) -> T {
        let mut norm = GradientNorm::default();
        self.gradients.values().for_each(|gradient| norm.add(gradient));
        norm.value()
    }

    fn in_shares_of(self, heaviest: f64) -> Self {
        if self.heaviest == heaviest {
            return self;
        }
        let factor = self.heaviest / heaviest;
        Self { heaviest, ..self.scaled(factor) }
    }
}

/// The Euclidean norm of gradients that come one by one: the same bits in whatever order they come.
///
/// ```
/// # use mirrorgrad_layers::GradientNorm;
/// let mut norm = GradientNorm::<f64>::default();
/// norm.add(&[[2.0, 3.0]].into());
/// norm.add(&[6.0].into());
/// assert_eq!(norm.value(), 7.0);
/// ```
#[derive(Clone, Debug)]
pub struct GradientNorm<T: Element = f32> {
    squares: Vec<T>,
}

impl<T: Element> Default for GradientNorm<T> {
    fn default() -> Self {
        Self { squares: Vec::new() }
    }
}

impl<T: Element> GradientNorm<T> {
    /// Counts one in.
    pub fn add(&mut self, gradient: &Tensor<T>) {
        self.squares.push(gradient.dot(gradient));
    }

    /// Of all together; 0 of none.
    pub fn value(mut self) -> T {
        self.squares.sort_by(|a, b| a.as_f64().total_cmp(&b.as_f64()));
        self.squares.into_iter().sum::<T>().sqrt()
    }
}
