//! The sum of a step over all ranks: each joins its part of the numbers of all, and all get all parts.

use super::{Reduce, exchange, gather};
use crate::RunError;
use crate::codec::codec;
use bincode::Options;
use bytemuck::{cast_slice, pod_collect_to_vec, try_cast_slice};
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_layers::{Contribution, Fold, Params, Subtotal, Update};
use mirrorgrad_tensor::Tensor;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

/// The least bytes of gradients that a rank gives another in one message, unless there are no more: a message takes a
/// time of its own, which many small ones would add up.
const LEAST_MESSAGE: usize = 1 << 16;

/// What a rank has found of a step, but for the gradients, which follow bucket by bucket.
pub struct Found {
    /// Of the parameters that have gradients, in the order in which these follow.
    pub names: Vec<String>,
    /// All else.
    pub fold: Fold,
}

/// The sum of what all ranks have found of a step of `count` batches, by the tree of a [`Fold`]; `None` if they have
/// found nothing. Where one has failed, all fail.
pub fn sum<E: From<RunError> + ToString>(
    ranks: &dyn Reduce,
    found: Result<Fold, E>,
    count: usize,
    params: &Params,
) -> Result<Option<Contribution>, E> {
    if ranks.ranks() == 1 {
        return Ok(found?.sum());
    }
    let mut folds = Vec::new();
    let found = found.map(|mut fold| {
        let names = fold.names();
        let buckets = buckets(&names, params, ranks.ranks());
        folds = buckets.into_iter().map(|names| fold.split_off(names)).collect();
        Found { names, fold }
    });
    sum_by_buckets(ranks, found, folds, count, params)
}

/// As [`sum`], where the gradients of each of the [`buckets`] come one by one; of a rank that has found nothing none do.
///
/// ```text
/// rank 0 has   aaaa bbbb     It joins    a a     and all get   c1 c2 of the sum c.
/// rank 1 has   dddd          the firsts  b b
///                                        d d
/// ```
///
/// The tree joins every number by itself, so it does not matter by whom, nor which go together.
pub fn sum_by_buckets<E: From<RunError> + ToString>(
    ranks: &dyn Reduce,
    found: Result<Found, E>,
    folds: impl IntoIterator<Item = Fold>,
    count: usize,
    params: &Params,
) -> Result<Option<Contribution>, E> {
    let said = found.map(|Found { names, fold }| {
        (names, fold.into_subtotals().into_iter().map(Head::from).collect::<Vec<_>>())
    });
    let heads = Heads::new(exchange(ranks, said)?, count)?;
    let Some(mut sum) = heads.sum(params)? else { return Ok(None) };
    let mut folds = folds.into_iter();
    for names in buckets(&heads.names, params, ranks.ranks()) {
        let own = folds.next().unwrap_or_default();
        sum.gradients.extend(heads.join(ranks, names, own, params)?);
    }
    Ok(Some(sum))
}

/// Names next to each other whose gradients are exchanged together by so many ranks.
pub fn buckets<'a>(names: &'a [String], params: &Params, ranks: usize) -> Vec<&'a [String]> {
    let lens = names.iter().map(|name| len_of(name, params));
    bucket_ends(lens, ranks).windows(2).map(|ends| &names[ends[0]..ends[1]]).collect()
}

/// Where the buckets of so many gradients end, which have so many numbers each; the first end is 0.
pub fn bucket_ends(lens: impl ExactSizeIterator<Item = usize>, ranks: usize) -> Vec<usize> {
    let least = LEAST_MESSAGE / size_of::<f32>() * ranks;
    let (all, mut ends, mut waiting) = (lens.len(), vec![0], 0);
    for (i, len) in lens.enumerate() {
        waiting += len;
        if waiting >= least || i + 1 == all {
            ends.push(i + 1);
            waiting = 0;
        }
    }
    ends
}

/// Numbers of the parameter of this name; 0 if there is none.
fn len_of(name: &str, params: &Params) -> usize {
    params.get(name).map_or(0, |param| param.value().len())
}

/// Bytes that a rank with this fold gives to every other before its gradients.
pub fn head_bytes(fold: Fold) -> usize {
    let names = fold.names();
    let heads: Vec<_> = fold.into_subtotals().into_iter().map(Head::from).collect();
    let size = codec(u64::MAX).serialized_size(&(names, heads));
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
    updates: Vec<(String, Vec<f32>, f64)>,
}

impl From<Subtotal> for Head {
    fn from(Subtotal { first, count, sum }: Subtotal) -> Self {
        let send = |of: Update| (of.name, of.observed.as_slice().to_vec(), of.momentum);
        Self {
            first: first as u64,
            count: count as u64,
            loss: sum.loss,
            weights: [sum.weight, sum.heaviest],
            updates: sum.updates.into_iter().map(send).collect(),
        }
    }
}

impl Head {
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

    /// What running averages are to be moved by.
    fn updates(&self, params: &Params) -> Result<Vec<Update>, String> {
        let update = |(name, numbers, momentum): &(String, Vec<f32>, f64)| {
            let observed = shaped(name, numbers, params)?;
            Ok(Update { name: name.clone(), observed, momentum: *momentum })
        };
        self.updates.iter().map(update).collect()
    }

    /// The subtotal with these gradients and updates.
    fn with(&self, gradients: NamedTensors<f32>, updates: Vec<Update>) -> Subtotal {
        let [weight, heaviest] = self.weights;
        let sum = Contribution { loss: self.loss, gradients, updates, weight, heaviest };
        Subtotal { first: self.first as usize, count: self.count as usize, sum }
    }
}

/// Numbers in the shape of the parameter of this name.
fn shaped(name: &str, numbers: &[f32], params: &Params) -> Result<Tensor<f32>, String> {
    let Some(param) = params.get(name) else {
        return Err(format!("expected names of parameters, found {name:?}"));
    };
    let (value, found) = (param.value(), numbers.len());
    if value.len() != found {
        return Err(format!("{name}: expected {} numbers, found {found}", value.len()));
    }
    Ok(Tensor::new(value.shape(), numbers))
}

/// What all ranks have found of a step, but for the gradients.
struct Heads {
    of_ranks: Vec<Vec<Head>>,
    /// Of the parameters that have gradients.
    names: Vec<String>,
}

fn of_rank(rank: usize) -> impl Fn(String) -> RunError {
    move |what| RunError::Rank { rank, what }
}

impl Heads {
    /// What each rank has said, of a step of `count` batches.
    fn new(said: Vec<(Vec<String>, Vec<Head>)>, count: usize) -> Result<Self, RunError> {
        let first = said.iter().find(|(_, heads)| !heads.is_empty());
        let names = first.map_or(Vec::new(), |(names, _)| names.clone());
        let mut end = 0;
        for (rank, (own, heads)) in said.iter().enumerate() {
            for head in heads {
                end = head.places(end..count).map_err(of_rank(rank))?.end;
            }
            if !heads.is_empty() && *own != names {
                return Err(of_rank(rank)("expected gradients of the same parameters".to_owned()));
            }
        }
        Ok(Self { of_ranks: said.into_iter().map(|(_, heads)| heads).collect(), names })
    }

    /// The sum of all, without gradients.
    fn sum(&self, params: &Params) -> Result<Option<Contribution>, RunError> {
        let mut fold = Fold::default();
        for (rank, heads) in self.of_ranks.iter().enumerate() {
            for head in heads {
                let updates = head.updates(params).map_err(of_rank(rank))?;
                fold.join(head.with(NamedTensors::new(), updates));
            }
        }
        Ok(fold.sum())
    }

    /// The sum of all gradients of these names, of which this rank has `own`.
    fn join(
        &self,
        ranks: &dyn Reduce,
        names: &[String],
        own: Fold,
        params: &Params,
    ) -> Result<NamedTensors<f32>, RunError> {
        let total: usize = names.iter().map(|name| len_of(name, params)).sum();
        let bounds: Vec<usize> =
            (0..=ranks.ranks()).map(|rank| total * rank / ranks.ranks()).collect();
        let len = bounds[ranks.rank() + 1] - bounds[ranks.rank()];
        let parts = parts(own, names, &bounds);
        let received =
            ranks.swap(&parts.iter().map(|part| cast_slice(part)).collect::<Vec<_>>())?;
        drop(parts);
        let mut joined = Fold::default();
        for (rank, (heads, bytes)) in self.of_ranks.iter().zip(received).enumerate() {
            let numbers = numbers(&bytes, heads.len() * len).map_err(of_rank(rank))?;
            for (nth, head) in heads.iter().enumerate() {
                let part = Tensor::new([len], &numbers[nth * len..][..len]);
                joined.join(head.with([(String::new(), part)].into(), Vec::new()));
            }
        }
        let part = joined.sum().and_then(|sum| sum.gradients.into_values().next());
        let part = part.as_ref().map_or(&[][..], |part| part.as_slice());
        let mut whole = Vec::with_capacity(total);
        for (rank, bytes) in gather(ranks, cast_slice(part))?.into_iter().enumerate() {
            let expected = bounds[rank + 1] - bounds[rank];
            whole.extend_from_slice(&numbers(&bytes, expected).map_err(of_rank(rank))?);
        }
        let (mut sum, mut rest) = (NamedTensors::new(), &whole[..]);
        for name in names {
            let (numbers, after) = rest.split_at(len_of(name, params));
            let gradient = shaped(name, numbers, params).map_err(of_rank(ranks.rank()))?;
            sum.insert(name.clone(), gradient);
            rest = after;
        }
        Ok(sum)
    }
}

/// The numbers of the gradients of these names, cut at these bounds: for each part, those of the first subtotal before
/// those of the second.
fn parts(own: Fold, names: &[String], bounds: &[usize]) -> Vec<Vec<f32>> {
    let mut parts = vec![Vec::new(); bounds.len() - 1];
    for subtotal in own.into_subtotals() {
        let (mut at, mut part) = (0, 0);
        for tensor in names.iter().filter_map(|name| subtotal.sum.gradients.get(name)) {
            let mut rest = tensor.as_slice();
            while !rest.is_empty() && part < parts.len() {
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
fn numbers(bytes: &[u8], count: usize) -> Result<Cow<'_, [f32]>, String> {
    if bytes.len() != count * size_of::<f32>() {
        return Err(format!("expected {count} numbers, found {} bytes", bytes.len()));
    }
    // Bytes may begin anywhere.
    let in_place = try_cast_slice(bytes).map(Cow::Borrowed);
    Ok(in_place.unwrap_or_else(|_| Cow::Owned(pod_collect_to_vec(bytes))))
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

    /// What a rank says of places 2 and 3, after one that has said the same of 0 and 1.
    struct Said {
        names: Vec<String>,
        head: Head,
    }

    fn fold() -> Fold {
        let mut fold = Fold::default();
        (2..4).for_each(|place| fold.add(place, batch(place)));
        fold
    }

    fn said() -> Said {
        Said { names: fold().names(), head: fold().into_subtotals().remove(0).into() }
    }

    fn heads(Said { names, head }: Said) -> Result<Heads, RunError> {
        let before = Head { first: 0, ..said().head };
        Heads::new(vec![(said().names, vec![before]), (names, vec![head])], 4)
    }

    fn summed(said: Said) -> Result<Contribution, String> {
        let params = Params::of(&BatchNorm2d::new(3));
        let sum = heads(said).and_then(|heads| heads.sum(&params));
        sum.map(|sum| sum.unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_of_a_subtotal_arrives_as_it_was() {
        let head = said().head;
        let sum = summed(said()).unwrap();
        assert_eq!((sum.loss, sum.weight), (2.0 * head.loss, 2.0 * head.weights[0]));
        assert_eq!((sum.updates.len(), &sum.updates[1].name[..]), (4, "running_mean"));
        assert_eq!(sum.updates[1].observed, [4.0, 5.0, 3.0].into());
    }

    #[test]
    fn gradients_by_buckets_are_the_gradients_of_the_fold() {
        let params = Params::of(&BatchNorm2d::new(3));
        let whole = fold().sum().unwrap();
        for names in [&["weight", "bias"][..], &["bias", "weight"]] {
            let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
            let mut rest = fold();
            let folds = [rest.split_off(&names)];
            let found = Ok::<_, RunError>(Found { names, fold: rest });
            let sum = sum_by_buckets(&Alone, found, folds, 4, &params).unwrap().unwrap();
            assert_eq!((sum.loss, sum.weight, sum.heaviest), (whole.loss, 9.0, 5.0));
            assert_eq!(sum.gradients, whole.gradients);
            assert_eq!(sum.updates, whole.updates);
        }
    }

    #[test]
    fn what_does_not_fit_the_step_or_the_parameters_is_refused() {
        let changes: [(&str, fn(&mut Said)); 7] = [
            ("found 2 from 0 on", |said| said.head.first = 0),
            ("found 2 from 3 on", |said| said.head.first = 3),
            ("found 4 from 0 on", |said| (said.head.first, said.head.count) = (0, 4)),
            ("found 0 from 2 on", |said| said.head.count = 0),
            ("from 18446744073709551614 on", |said| said.head.first = u64::MAX - 1),
            ("expected gradients of the same parameters", |said| said.names.truncate(1)),
            ("expected names of parameters, found \"mean\"", |said| {
                said.head.updates[1].0 = "mean".into()
            }),
        ];
        for (says, change) in changes {
            let mut said = said();
            change(&mut said);
            let error = summed(said).unwrap_err();
            assert!(error.contains(says), "{says}: {error}");
        }
        let short = numbers(&[0; 9], 3).unwrap_err();
        assert_eq!(short, "expected 3 numbers, found 9 bytes");
        // A rank that gives fewer gradients than it has said.
        let params = Params::of(&BatchNorm2d::new(3));
        let found = Ok::<_, RunError>(Found { names: said().names, fold: fold() });
        let error = sum_by_buckets(&Alone, found, [], 4, &params).unwrap_err().to_string();
        assert!(error.contains("expected 6 numbers, found 0 bytes"), "{error}");
    }

    #[test]
    fn parts_hold_all_numbers_of_all_subtotals_in_order() {
        let names = ["b", "a"].map(str::to_owned);
        let tensors = |from: f32| -> NamedTensors<f32> {
            [("a".to_owned(), [from].into()), ("b".to_owned(), [from + 1.0, from + 2.0].into())]
                .into()
        };
        let cut = |bounds: &[usize]| {
            let mut fold = Fold::default();
            for (place, from) in [(1, 0.0), (2, 10.0)] {
                fold.add(place, Contribution::new(0.0, tensors(from), Vec::new()));
            }
            parts(fold, &names, bounds)
        };
        assert_eq!(cut(&[0, 3]), [[1.0, 2.0, 0.0, 11.0, 12.0, 10.0]]);
        assert_eq!(cut(&[0, 2, 3]), [vec![1.0, 2.0, 11.0, 12.0], vec![0.0, 10.0]]);
        // More ranks than numbers.
        assert_eq!(cut(&[0, 0, 1, 2, 3])[..2], [vec![], vec![1.0, 11.0]]);
    }

    #[test]
    fn buckets_have_all_names_in_order_and_are_as_large_as_messages_ask() {
        let params = Params::of(&BatchNorm2d::new(LEAST_MESSAGE / 4));
        let names = ["bias", "weight"].map(str::to_owned);
        assert_eq!(buckets(&names, &params, 1), [&names[..1], &names[1..]]);
        assert_eq!(buckets(&names, &params, 2), [&names[..]]);
        assert_eq!(buckets(&names, &params, 1000), [&names[..]]);
        assert!(buckets(&[], &params, 1).is_empty());
    }
}
