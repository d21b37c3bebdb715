//! What ranks say to each other: what each has found, or why it has not.

use super::Reduce;
use crate::RunError;
use crate::codec::codec;
use bincode::Options;
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_layers::{Contribution, Params, Subtotal, Update};
use mirrorgrad_tensor::Tensor;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ops::Range;

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

/// A [`Subtotal`] as it is sent. The shapes of its tensors are those of the parameters, which all ranks have.
#[derive(Serialize, Deserialize)]
pub struct SentSubtotal {
    first: u64,
    count: u64,
    loss: f32,
    /// Of all contributions, and of the heaviest.
    weights: [f64; 2],
    gradients: Vec<(String, Vec<f32>)>,
    updates: Vec<(String, Vec<f32>, f64)>,
}

impl From<Subtotal> for SentSubtotal {
    fn from(Subtotal { first, count, sum }: Subtotal) -> Self {
        let Contribution { loss, gradients, updates, weight, heaviest } = sum;
        let numbers = |tensor: &Tensor<f32>| tensor.as_slice().to_vec();
        let send = |update: Update| (update.name, numbers(&update.observed), update.momentum);
        Self {
            first: first as u64,
            count: count as u64,
            loss,
            weights: [weight, heaviest],
            gradients: gradients.into_iter().map(|(name, g)| (name, numbers(&g))).collect(),
            updates: updates.into_iter().map(send).collect(),
        }
    }
}

impl SentSubtotal {
    /// As it was before it was sent, of places among `places`.
    ///
    /// # Errors
    /// What about it does not fit the step or the parameters.
    pub fn received(self, places: Range<usize>, params: &Params) -> Result<Subtotal, String> {
        let Self { first, count, loss, weights: [weight, heaviest], gradients, updates } = self;
        let end =
            first.checked_add(count).filter(|_| count.is_power_of_two() && first % count == 0);
        let fits = |end: u64| places.start as u64 <= first && end <= places.end as u64;
        if !end.is_some_and(fits) {
            return Err(format!(
                "expected a subtotal of places {places:?}, found {count} from {first} on"
            ));
        }
        let gradients = gradients.into_iter().map(|(name, numbers)| {
            let gradient = shaped(&name, numbers, params)?;
            Ok((name, gradient))
        });
        let updates = updates.into_iter().map(|(name, numbers, momentum)| {
            let observed = shaped(&name, numbers, params)?;
            Ok(Update { name, observed, momentum })
        });
        let gradients = gradients.collect::<Result<NamedTensors<f32>, String>>()?;
        let updates = updates.collect::<Result<_, String>>()?;
        let sum = Contribution { loss, gradients, updates, weight, heaviest };
        Ok(Subtotal { first: first as usize, count: count as usize, sum })
    }
}

/// Numbers in the shape of the parameter of this name.
fn shaped(name: &str, numbers: Vec<f32>, params: &Params) -> Result<Tensor<f32>, String> {
    let Some(param) = params.get(name) else {
        return Err(format!("expected names of parameters, found {name:?}"));
    };
    let (value, found) = (param.value(), numbers.len());
    if value.len() != found {
        return Err(format!("{name}: expected {} numbers, found {found}", value.len()));
    }
    Ok(Tensor::new(value.shape(), numbers))
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_layers::{BatchNorm2d, Fold};

    /// The sum of two contributions to a batch norm of three channels, as it is sent.
    fn sent() -> SentSubtotal {
        let mut fold = Fold::default();
        for place in 2..4 {
            let gradients = [("weight".to_owned(), [0.5, 1.0, place as f32].into())].into();
            let observed = [4.0, 5.0, 6.0].into();
            let update = Update { name: "running_mean".into(), observed, momentum: 0.1 };
            fold.add(place, Contribution::new(1.5, gradients, vec![update]).weighing(2.0));
        }
        fold.into_subtotals().remove(0).into()
    }

    fn received(sent: SentSubtotal, places: Range<usize>) -> Result<Subtotal, String> {
        sent.received(places, &Params::of(&BatchNorm2d::new(3)))
    }

    #[test]
    fn a_subtotal_arrives_as_it_was() {
        let Subtotal { first, count, sum } = received(sent(), 2..4).unwrap();
        assert_eq!((first, count, sum.loss, sum.weight, sum.heaviest), (2, 2, 3.0, 4.0, 2.0));
        assert_eq!(sum.gradients, [("weight".to_owned(), [1.0, 2.0, 5.0].into())].into());
        assert_eq!((sum.updates.len(), &sum.updates[1].name[..]), (2, "running_mean"));
        assert_eq!(sum.updates[1].observed, [4.0, 5.0, 6.0].into());
    }

    #[test]
    fn what_does_not_fit_the_step_or_the_parameters_is_refused() {
        let changes: [(&str, fn(&mut SentSubtotal)); 7] = [
            ("found 2 from 0 on", |sent| sent.first = 0),
            ("found 2 from 3 on", |sent| sent.first = 3),
            ("found 4 from 0 on", |sent| (sent.first, sent.count) = (0, 4)),
            ("found 0 from 2 on", |sent| sent.count = 0),
            ("from 18446744073709551614 on", |sent| sent.first = u64::MAX - 1),
            ("weight: expected 3 numbers, found 1", |sent| sent.gradients[0].1.truncate(1)),
            ("expected names of parameters, found \"mean\"", |sent| {
                sent.updates[1].0 = "mean".into()
            }),
        ];
        for (says, change) in changes {
            let mut sent = sent();
            change(&mut sent);
            let error = received(sent, 2..4).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
    }
}
