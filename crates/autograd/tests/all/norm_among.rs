//! Batch normalization of a batch in parts is that of the whole batch.

use mirrorgrad_autograd::ops::{batch_norm, batch_norm_among, concat};
use mirrorgrad_autograd::{Meeting, Var};
use mirrorgrad_tensor::{Epilogue, Tensor};
use std::collections::BTreeMap;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

/// Where the parts meet: each lays down what it gives, and takes all when all have.
#[derive(Debug)]
struct Table {
    given: Mutex<Vec<Option<Tensor<f64>>>>,
    all_have: Barrier,
}

#[derive(Debug)]
struct Part(usize, Arc<Table>);

impl Meeting<f64> for Part {
    fn place(&self) -> usize {
        self.0
    }

    fn gather(&self, mine: &Tensor<f64>) -> Vec<Tensor<f64>> {
        self.1.given.lock().unwrap()[self.0] = Some(mine.clone());
        self.1.all_have.wait();
        let all = self.1.given.lock().unwrap().iter().flatten().cloned().collect();
        self.1.all_have.wait();
        all
    }
}

/// The parts' pictures of six.
const PARTS: [[usize; 2]; 3] = [[0, 1], [1, 3], [3, 6]];
const SHAPE: [usize; 4] = [6, 2, 3, 4];

fn numbers(seed: usize) -> Tensor<f64> {
    Tensor::from_fn(SHAPE, |i| (((i * 7 + seed) * 31 % 97) as f64 / 20.0).sin())
}

fn part(of: &Tensor<f64>, [from, to]: [usize; 2]) -> Tensor<f64> {
    of.slice(&[from..to, 0..SHAPE[1], 0..SHAPE[2], 0..SHAPE[3]])
}

/// What `find` finds for each part, side by side; it takes the part, and the part of x and of a factor.
fn side_by_side<F: Send>(
    find: impl Fn(Arc<dyn Meeting<f64>>, Tensor<f64>, Tensor<f64>) -> F + Sync,
) -> Vec<F> {
    let table = Table { given: Mutex::new(vec![None; 3]), all_have: Barrier::new(3) };
    let (table, find) = (Arc::new(table), &find);
    thread::scope(|scope| {
        let start = |(nth, range): (usize, &[usize; 2])| {
            let (meeting, range) = (Arc::new(Part(nth, Arc::clone(&table))), *range);
            scope.spawn(move || find(meeting, part(&numbers(1), range), part(&numbers(2), range)))
        };
        let threads: Vec<_> = PARTS.iter().enumerate().map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

fn parameters() -> [Var<f64>; 2] {
    [Var::parameter([0.7, -1.3].into()), Var::parameter([0.2, 0.4].into())]
}

fn assert_near(found: &Tensor<f64>, wanted: &Tensor<f64>) {
    let apart = found.zip(wanted, |a, b| (a - b).abs());
    assert!(apart.as_slice().iter().all(|&v| v < 1e-11), "{found:?} {wanted:?}");
}

fn joined(parts: impl IntoIterator<Item = Tensor<f64>>) -> Tensor<f64> {
    let parts: Vec<_> = parts.into_iter().map(Var::constant).collect();
    concat(&parts.iter().collect::<Vec<_>>(), 0).value().clone()
}

#[test]
fn the_result_and_the_statistics_are_those_of_the_whole_batch() {
    for epilogue in [Epilogue::Identity, Epilogue::Relu] {
        let [weight, bias] = parameters();
        let whole = Var::constant(numbers(1));
        let (y, stats) = batch_norm(&whole, &weight, &bias, 1e-5, epilogue);
        let found = side_by_side(|meeting, x, _| {
            let [weight, bias] = parameters();
            let x = Var::constant(x);
            batch_norm_among(meeting, &x, &weight, &bias, 1e-5, epilogue)
        });
        for (_, of_all, count) in &found {
            assert_near(&of_all.mean, &stats.mean);
            assert_near(&of_all.variance, &stats.variance);
            assert_eq!(*count, 72.0);
        }
        assert_near(&joined(found.into_iter().map(|(y, ..)| y.value().clone())), y.value());
    }
}

#[test]
fn gradients_are_those_of_the_whole_batch_and_can_be_differentiated_again() {
    for epilogue in [Epilogue::Identity, Epilogue::Relu] {
        // Σ y² · factor, and then the sum of the squares of its gradient to x.
        let both = |y: Var<f64>, x: &Var<f64>, factor: Tensor<f64>, [w, b]: &[Var<f64>; 2]| {
            let sum = (&y * &y * Var::constant(factor)).sum();
            let first = sum.grad(&[x, w, b]);
            let again = (&first[0] * &first[0]).sum().grad(&[x, w]);
            let fused: BTreeMap<_, _> = sum.backward().into_iter().collect();
            let fused = [x, w, b].map(|of| fused[&of.id().unwrap()].clone());
            let first = first.into_iter().map(|of| of.value().clone()).collect::<Vec<_>>();
            (fused, first, again.into_iter().map(|of| of.value().clone()).collect::<Vec<_>>())
        };
        let parameters_of_whole = parameters();
        let x = Var::parameter(numbers(1));
        let [w, b] = &parameters_of_whole;
        let (y, _) = batch_norm(&x, w, b, 1e-5, epilogue);
        let (_, first, again) = both(y, &x, numbers(2), &parameters_of_whole);
        let found = side_by_side(|meeting, x, factor| {
            let (parameters, x) = (parameters(), Var::parameter(x));
            let [w, b] = &parameters;
            let (y, ..) = batch_norm_among(meeting, &x, w, b, 1e-5, epilogue);
            both(y, &x, factor, &parameters)
        });
        let sum = |parts: Vec<&Tensor<f64>>| {
            parts.into_iter().cloned().reduce(|sum, part| sum.plus(&part)).unwrap()
        };
        for fused in [true, false] {
            let of = |nth: usize| {
                let one = |found: &([Tensor<f64>; 3], Vec<Tensor<f64>>, Vec<Tensor<f64>>)| {
                    if fused { found.0[nth].clone() } else { found.1[nth].clone() }
                };
                found.iter().map(one).collect::<Vec<_>>()
            };
            assert_near(&joined(of(0)), &first[0]);
            assert_near(&sum(of(1).iter().collect()), &first[1]);
            assert_near(&sum(of(2).iter().collect()), &first[2]);
        }
        assert_near(&joined(found.iter().map(|found| found.2[0].clone())), &again[0]);
        assert_near(&sum(found.iter().map(|found| &found.2[1]).collect()), &again[1]);
    }
}
