//! What ranks say to each other: what each has found, or why it has not.

use super::Reduce;
use crate::RunError;
use crate::codec::codec;
use bincode::Options;
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_layers::{Contribution, Subtotal, Update};
use mirrorgrad_tensor::Tensor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// What every rank has found, in the order of the ranks. Where one has failed, all fail: that one with its own error,
/// and the others with its name.
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
    let (said, failure) = match mine {
        Ok(found) => (Ok(found), None),
        Err(error) => (Err(error.to_string()), Some(error)),
    };
    let bytes = codec(u64::MAX).serialize(&said).expect("numbers and texts have a form in bytes");
    let all = ranks.gather(bytes)?;
    if let Some(error) = failure {
        return Err(error);
    }
    let read = |(rank, bytes): (usize, Vec<u8>)| {
        let said: Result<Result<M, String>, _> = codec(bytes.len() as u64).deserialize(&bytes);
        let said = said.unwrap_or_else(|error| Err(format!("cannot be understood: {error}")));
        said.map_err(|what| RunError::Rank { rank, what })
    };
    Ok(all.into_iter().enumerate().map(read).collect::<Result<_, _>>()?)
}

/// A [`Subtotal`] as it is sent.
#[derive(Serialize, Deserialize)]
pub struct SentSubtotal {
    first: u64,
    count: u64,
    loss: f32,
    /// Of all contributions, and of the heaviest.
    weights: [f64; 2],
    gradients: Vec<(String, SentTensor)>,
    updates: Vec<(String, SentTensor, f64)>,
}

/// Its shape and numbers.
type SentTensor = (Vec<u64>, Vec<f32>);

impl From<Subtotal> for SentSubtotal {
    fn from(Subtotal { first, count, sum }: Subtotal) -> Self {
        let Contribution { loss, gradients, updates, weight, heaviest } = sum;
        let send = |update: Update| (update.name, sent(&update.observed), update.momentum);
        Self {
            first: first as u64,
            count: count as u64,
            loss,
            weights: [weight, heaviest],
            gradients: gradients.into_iter().map(|(name, g)| (name, sent(&g))).collect(),
            updates: updates.into_iter().map(send).collect(),
        }
    }
}

impl SentSubtotal {
    /// As it was before it was sent.
    ///
    /// # Errors
    /// The name of a tensor that has not as many numbers as its shape.
    pub fn received(self) -> Result<Subtotal, String> {
        let Self { first, count, loss, weights: [weight, heaviest], gradients, updates } = self;
        let gradients = gradients.into_iter().map(|(name, sent)| {
            let gradient = received(&name, sent)?;
            Ok((name, gradient))
        });
        let updates = updates.into_iter().map(|(name, sent, momentum)| {
            let observed = received(&name, sent)?;
            Ok(Update { name, observed, momentum })
        });
        let gradients = gradients.collect::<Result<NamedTensors<f32>, String>>()?;
        let updates = updates.collect::<Result<_, String>>()?;
        let sum = Contribution { loss, gradients, updates, weight, heaviest };
        Ok(Subtotal { first: first as usize, count: count as usize, sum })
    }
}

fn sent(tensor: &Tensor<f32>) -> SentTensor {
    (tensor.shape().iter().map(|&size| size as u64).collect(), tensor.as_slice().to_vec())
}

fn received(name: &str, (shape, numbers): SentTensor) -> Result<Tensor<f32>, String> {
    let len = shape.iter().try_fold(1_u64, |len, &size| len.checked_mul(size));
    if len != Some(numbers.len() as u64) {
        return Err(format!("sent {} numbers of {name}, of shape {shape:?}", numbers.len()));
    }
    let shape: Vec<usize> = shape.into_iter().map(|size| size as usize).collect();
    Ok(Tensor::new(shape, numbers))
}
