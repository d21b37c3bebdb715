//! The sum of a step over all ranks: each joins its part of the numbers of all, and all get all parts.

use super::{Reduce, exchange, gather};
use crate::RunError;
use crate::codec::codec;
use bincode::Options;
use bytemuck::{cast_slice, pod_collect_to_vec};
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_layers::{Contribution, Fold, Params, Subtotal, Update};
use mirrorgrad_tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// The sum of what all ranks have found of a step of `count` batches, by the tree of a [`Fold`]; `None` if they have
/// found nothing. Where one has failed, all fail.
///
/// ```text
/// rank 0 has   aaaa bbbb     It joins    a a     and all get   c1 c2 of the sum c.
/// rank 1 has   dddd          the firsts  b b
///                                        d d
/// ```
///
/// The tree joins every number by itself, so it does not matter by whom.
pub fn sum<E: From<RunError> + ToString>(
    ranks: &dyn Reduce,
    found: Result<Fold, E>,
    count: usize,
    params: &Params,
) -> Result<Option<Contribution>, E> {
    if ranks.ranks() == 1 {
        return Ok(found?.sum());
    }
    let (heads, gradients) = match found.map(|fold| fold.into_subtotals().into_iter()) {
        Ok(subtotals) => {
            let (heads, gradients): (Vec<_>, Vec<_>) = subtotals.map(Head::and_gradients).unzip();
            (Ok(heads), gradients)
        }
        Err(error) => (Err(error), Vec::new()),
    };
    let heads = exchange(ranks, heads)?;
    Ok(join(ranks, heads, gradients, count, params)?)
}

/// Bytes that a rank with this fold gives to every other before its gradients.
pub fn head_bytes(fold: Fold) -> usize {
    let heads = fold.into_subtotals().into_iter().map(|subtotal| Head::and_gradients(subtotal).0);
    let size = codec(u64::MAX).serialized_size(&heads.collect::<Vec<_>>());
    size.expect("numbers and texts have a form in bytes") as usize
}

/// What is known of a [`Subtotal`] before its gradients have come.
#[derive(Clone, Serialize, Deserialize)]
struct Head {
    first: u64,
    count: u64,
    loss: f32,
    /// Of all contributions, and of the heaviest.
    weights: [f64; 2],
    /// Of the parameters that have gradients.
    names: Vec<String>,
    updates: Vec<(String, Vec<f32>, f64)>,
}

impl Head {
    fn and_gradients(Subtotal { first, count, sum }: Subtotal) -> (Self, NamedTensors<f32>) {
        let Contribution { loss, gradients, updates, weight, heaviest } = sum;
        let send = |of: Update| (of.name, of.observed.as_slice().to_vec(), of.momentum);
        let head = Self {
            first: first as u64,
            count: count as u64,
            loss,
            weights: [weight, heaviest],
            names: gradients.keys().cloned().collect(),
            updates: updates.into_iter().map(send).collect(),
        };
        (head, gradients)
    }

    /// The places that it sums up, if it is a node of the tree with places among `among`.
    fn places(&self, among: Range<usize>) -> Result<Range<usize>, String> {
        let Self { first, count, .. } = *self;
        let is_node = count.is_power_of_two() && first.is_multiple_of(count);
        let end = first.checked_add(count).filter(|&end| is_node && end <= among.end as u64);
        match end.filter(|_| among.start as u64 <= first) {
            Some(end) => Ok(first as usize..end as usize),
            None => Err(format!(
                "expected a subtotal of places {among:?}, found {count} from {first} on"
            )),
        }
    }

    /// The subtotal with a part of its gradients.
    fn with(self, part: &[f32], params: &Params) -> Result<Subtotal, String> {
        let updates = self.updates.into_iter().map(|(name, numbers, momentum)| {
            let observed = shaped(&name, numbers, params)?;
            Ok(Update { name, observed, momentum })
        });
        let updates = updates.collect::<Result<_, String>>()?;
        let gradients = [(String::new(), Tensor::new([part.len()], part))].into();
        let [weight, heaviest] = self.weights;
        let sum = Contribution { loss: self.loss, gradients, updates, weight, heaviest };
        Ok(Subtotal { first: self.first as usize, count: self.count as usize, sum })
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

/// The sum of all subtotals: those with these heads, of which this rank has these gradients.
fn join(
    ranks: &dyn Reduce,
    heads: Vec<Vec<Head>>,
    gradients: Vec<NamedTensors<f32>>,
    count: usize,
    params: &Params,
) -> Result<Option<Contribution>, RunError> {
    let of_rank = |rank: usize| move |what: String| RunError::Rank { rank, what };
    let Some(names) = heads.iter().flatten().next().map(|head| head.names.clone()) else {
        return Ok(None);
    };
    let mut end = 0;
    for (rank, heads) in heads.iter().enumerate() {
        for head in heads {
            end = head.places(end..count).map_err(of_rank(rank))?.end;
            if head.names != names {
                return Err(of_rank(rank)("expected gradients of the same parameters".to_owned()));
            }
        }
    }
    let total: usize =
        names.iter().filter_map(|name| params.get(name)).map(|p| p.value().len()).sum();
    let bounds: Vec<usize> = (0..=ranks.ranks()).map(|rank| total * rank / ranks.ranks()).collect();
    let own = bounds[ranks.rank() + 1] - bounds[ranks.rank()];
    let parts = parts(gradients, &bounds);
    let received = ranks.swap(&parts.iter().map(|part| cast_slice(part)).collect::<Vec<_>>())?;
    drop(parts);
    let mut joined = Fold::default();
    for (rank, (heads, bytes)) in heads.into_iter().zip(received).enumerate() {
        let numbers = numbers(&bytes, heads.len() * own).map_err(of_rank(rank))?;
        for (nth, head) in heads.into_iter().enumerate() {
            let part = &numbers[nth * own..][..own];
            joined.join(head.with(part, params).map_err(of_rank(rank))?);
        }
    }
    let Some(mut sum) = joined.sum() else { return Ok(None) };
    let part = std::mem::take(&mut sum.gradients).into_values().next();
    let part = part.as_ref().map_or(&[][..], |part| part.as_slice());
    let mut whole = Vec::with_capacity(total);
    for (rank, bytes) in gather(ranks, cast_slice(part))?.into_iter().enumerate() {
        let expected = bounds[rank + 1] - bounds[rank];
        whole.extend(numbers(&bytes, expected).map_err(of_rank(rank))?);
    }
    let mut rest = &whole[..];
    for name in names {
        let Some(param) = params.get(&name) else { continue };
        let value = param.value();
        let (numbers, after) = rest.split_at(value.len());
        sum.gradients.insert(name, Tensor::new(value.shape(), numbers));
        rest = after;
    }
    Ok(Some(sum))
}

/// The numbers of all gradients, cut at these bounds: for each part, those of the first subtotal before those of the
/// second.
fn parts(gradients: Vec<NamedTensors<f32>>, bounds: &[usize]) -> Vec<Vec<f32>> {
    let mut parts = vec![Vec::new(); bounds.len() - 1];
    for subtotal in gradients {
        let (mut at, mut part) = (0, 0);
        for tensor in subtotal.into_values() {
            let mut rest = tensor.as_slice();
            while !rest.is_empty() {
                let left = bounds[part + 1] - at;
                let (now, later) = rest.split_at(left.min(rest.len()));
                parts[part].extend_from_slice(now);
                (rest, at) = (later, at + now.len());
                part += usize::from(at == bounds[part + 1]);
            }
        }
    }
    parts
}

/// So many numbers, as they were sent.
fn numbers(bytes: &[u8], count: usize) -> Result<Vec<f32>, String> {
    match bytes.len() == count * size_of::<f32>() {
        true => Ok(pod_collect_to_vec(bytes)),
        false => Err(format!("expected {count} numbers, found {} bytes", bytes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Alone;
    use mirrorgrad_layers::BatchNorm2d;

    fn batch(place: usize) -> Contribution {
        let of = place as f32;
        let gradients = [("bias", [0.1 * of, 0.3, of]), ("weight", [0.5, 1.0 / (1.0 + of), of])];
        let gradients = gradients.map(|(name, numbers)| (name.to_owned(), numbers.into()));
        let observed = [4.0, 5.0, of].into();
        let update = Update { name: "running_mean".into(), observed, momentum: 0.1 };
        Contribution::new(1.5 + of, gradients.into(), vec![update]).weighing(2.0 + f64::from(of))
    }

    /// The subtotal of places 2 and 3, as it is sent.
    fn sent() -> (Head, NamedTensors<f32>) {
        let mut fold = Fold::default();
        (2..4).for_each(|place| fold.add(place, batch(place)));
        Head::and_gradients(fold.into_subtotals().remove(0))
    }

    fn joined(head: Head, gradients: NamedTensors<f32>) -> Result<Contribution, String> {
        let params = Params::of(&BatchNorm2d::new(3));
        // As if a rank before it had found places 0 and 1.
        let before = Head { first: 0, updates: Vec::new(), ..sent().0 };
        let heads = vec![vec![before, head]];
        let sum = join(&Alone, heads, vec![sent().1, gradients], 4, &params);
        sum.map(|sum| sum.unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_subtotal_arrives_as_it_was() {
        let (head, gradients) = sent();
        let sum = joined(head.clone(), gradients.clone()).unwrap();
        assert_eq!((sum.loss, sum.weight), (2.0 * head.loss, 2.0 * head.weights[0]));
        let twice = |(name, tensor): (String, Tensor<f32>)| (name, tensor.map(|v| 2.0 * v));
        assert_eq!(sum.gradients, gradients.into_iter().map(twice).collect());
        assert_eq!((sum.updates.len(), &sum.updates[1].name[..]), (2, "running_mean"));
        assert_eq!(sum.updates[1].observed, [4.0, 5.0, 3.0].into());
    }

    #[test]
    fn what_does_not_fit_the_step_or_the_parameters_is_refused() {
        let changes: [(&str, fn(&mut Head)); 7] = [
            ("found 2 from 0 on", |head| head.first = 0),
            ("found 2 from 3 on", |head| head.first = 3),
            ("found 4 from 0 on", |head| (head.first, head.count) = (0, 4)),
            ("found 0 from 2 on", |head| head.count = 0),
            ("from 18446744073709551614 on", |head| head.first = u64::MAX - 1),
            ("expected gradients of the same parameters", |head| head.names.truncate(1)),
            ("expected names of parameters, found \"mean\"", |head| {
                head.updates[1].0 = "mean".into()
            }),
        ];
        for (says, change) in changes {
            let (mut head, gradients) = sent();
            change(&mut head);
            let error = joined(head, gradients).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
        let short = numbers(&[0; 9], 3).unwrap_err();
        assert_eq!(short, "expected 3 numbers, found 9 bytes");
    }

    #[test]
    fn parts_hold_all_numbers_of_all_subtotals_in_order() {
        let tensors = |from: f32| -> NamedTensors<f32> {
            [("a".to_owned(), [from].into()), ("b".to_owned(), [from + 1.0, from + 2.0].into())]
                .into()
        };
        let cut = |bounds: &[usize]| parts(vec![tensors(0.0), tensors(10.0)], bounds);
        assert_eq!(cut(&[0, 3]), [[0.0, 1.0, 2.0, 10.0, 11.0, 12.0]]);
        assert_eq!(cut(&[0, 2, 3]), [vec![0.0, 1.0, 10.0, 11.0], vec![2.0, 12.0]]);
        // More ranks than numbers.
        assert_eq!(cut(&[0, 0, 1, 2, 3])[..2], [vec![], vec![0.0, 10.0]]);
    }
}
