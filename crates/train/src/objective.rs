//! What training makes small: a loss by name, weighted by class.

use crate::{LossKind, TrainingConfig};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_data::DataError;
use mirrorgrad_tensor::{ClassTargets, PixelLoss};

/// What Dice's numerator and denominator begin with, so that a class that is nowhere loses nothing.
const SMOOTH: f64 = 1.0;

/// A loss of scores and true classes.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_train::{LossKind, Objective, TrainingConfig};
/// # use mirrorgrad_tensor::{ClassTargets, Tensor};
/// let scores = Var::constant(Tensor::zeros([1, 2, 1, 2]));
/// let targets = ClassTargets::new([1, 1, 2], [0, 1], 2, None)?;
/// let mut training = TrainingConfig::default();
/// let entropy = Objective::new(&training, 2)?.loss(&scores, &targets);
/// assert!((entropy.value().item() - 2_f32.ln()).abs() < 1e-6);
/// training.loss = LossKind::Dice;
/// let dice = Objective::new(&training, 2)?.loss(&scores, &targets);
/// assert!((dice.value().item() - 1.0 / 3.0).abs() < 1e-6);
/// assert_eq!(Objective::new(&training, 2)?.weight(&targets), 2.0);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Objective {
    pixels: Option<PixelLoss<f32>>,
    dice: bool,
}

impl Objective {
    /// The loss that a configuration names, for so many classes.
    ///
    /// # Errors
    /// If class weights are given and not one a class, or still to be counted, or given for a loss that has
    /// none, or smoothing is.
    pub fn new(training: &TrainingConfig, classes: usize) -> Result<Self, DataError> {
        let weights = training.class_weights.as_ref();
        let class_weights = weights.map(|weights| weights.of_classes(classes)).transpose()?;
        if class_weights.is_some() && training.loss == LossKind::Dice {
            let expected = "none for the Dice loss, which weights all classes equally";
            return Err(DataError::value("training.class_weights", expected, "some"));
        }
        if training.label_smoothing > 0.0 && training.loss == LossKind::Dice {
            let expected = "0 for the Dice loss, which has no labels to smooth";
            return Err(DataError::value(
                "training.label_smoothing",
                expected,
                training.label_smoothing,
            ));
        }
        let focusing = if training.loss == LossKind::Focal { training.focusing } else { 0.0 };
        let label_smoothing = training.label_smoothing;
        let pixels = PixelLoss { class_weights, label_smoothing, focusing };
        Ok(Self {
            pixels: (training.loss != LossKind::Dice).then_some(pixels),
            dice: matches!(training.loss, LossKind::Dice | LossKind::CrossEntropyDice),
        })
    }

    /// How much the loss of a batch counts where the losses of several become one: the class weights of its
    /// counted pixels together, or, where classes have none, how many such pixels there are.
    ///
    /// With it, the mean over batches is the mean over all their pixels, but for the Dice loss: what is found of
    /// a class, and how much of it there is, are of each batch alone.
    pub fn weight(&self, targets: &ClassTargets) -> f64 {
        let plain = PixelLoss::default();
        f64::from(self.pixels.as_ref().unwrap_or(&plain).total_weight(targets))
    }

    /// The loss of `scores: [batch, classes, height, width]`, a single number.
    ///
    /// # Panics
    /// If scores and targets do not fit together.
    #[track_caller]
    pub fn loss(&self, scores: &Var, targets: &ClassTargets) -> Var {
        let pixels = self.pixels.as_ref();
        let pixels =
            pixels.map(|loss| ops::cross_entropy(scores, targets, loss, ops::Reduction::Mean));
        let dice = self.dice.then(|| ops::dice_loss(scores, targets, SMOOTH));
        let terms = pixels.into_iter().chain(dice);
        terms.reduce(|sum, part| sum + part).expect("every loss has a term")
    }
}
