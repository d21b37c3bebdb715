//! Sizes that follow from sizes before them: what they have to do with each other is told by pictures of
//! several sizes.

use crate::write::{Call, Writer};
use std::collections::BTreeSet;
use std::ops::Range;

/// `⌊(size · times + plus) / by⌋ · round`, of the product of some axes of an earlier value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Formula {
    times: i64,
    plus: i64,
    by: i64,
    round: i64,
}

const SAME: Formula = Formula { times: 1, plus: 0, by: 1, round: 1 };

/// The largest factor that is looked for: eight by eight pixels as channels.
const MOST: i64 = 64;

impl Formula {
    fn of(&self, size: i64) -> i64 {
        (size * self.times + self.plus).div_euclid(self.by) * self.round
    }

    /// Formulas of one kind that hold for a pair, the simplest kinds first; for products of several axes
    /// the first three alone.
    fn of_kind(kind: usize, number: i64, size: i64) -> Vec<Self> {
        let each =
            |most: i64, formula: &dyn Fn(i64) -> Vec<Self>| (2..=most).flat_map(formula).collect();
        match kind {
            0 => vec![SAME],
            1 => each(MOST, &|times| vec![Self { times, ..SAME }]),
            2 => each(MOST, &|by| [0, by - 1].map(|plus| Self { plus, by, ..SAME }).to_vec()),
            3 => vec![Self { plus: number - size, ..SAME }],
            4 => each(8, &|by| {
                let least = number * by - size;
                (least..least + by).map(|plus| Self { plus, by, ..SAME }).collect()
            }),
            5 => each(8, &|times| vec![Self { times, plus: number - size * times, ..SAME }]),
            _ => each(MOST, &|by| {
                [0, by - 1].map(|plus| Self { plus, by, round: by, ..SAME }).to_vec()
            }),
        }
    }
}

const KINDS: Range<usize> = 0..7;
const KINDS_OF_PRODUCTS: Range<usize> = 0..3;
/// Kinds that round: of few different numbers they explain too much.
const KINDS_THAT_ROUND: [usize; 3] = [2, 4, 6];
const FEW: usize = 2;

/// One number of a list of sizes.
pub(crate) enum Number {
    Known(i64),
    /// A value of the graph, a list of one.
    Value(String),
}

impl Writer<'_> {
    /// A number that is `numbers[i]` for picture `i`; `None` if it does not follow from sizes before it.
    pub fn size(&mut self, call: &Call<'_>, numbers: &[i64]) -> Option<Number> {
        if numbers.iter().all(|number| *number == numbers[0]) {
            return Some(Number::Known(numbers[0]));
        }
        let (position, axes, formula) = self.find(call, numbers)?;
        let (path, graph) = (call.path.as_str(), &mut self.graph);
        let ends = vec![crate::graph::int("start", axes.start), crate::graph::int("end", axes.end)];
        let mut value = graph.node(path, "Shape", &[&self.written_steps[position]], ends);
        if axes.len() > 1 {
            let whole = vec![crate::graph::ints("axes", [0]), crate::graph::int("keepdims", 1)];
            value = graph.node(path, "ReduceProd", &[&value], whole);
        }
        let Formula { times, plus, by, round } = formula;
        for (op, number, neutral) in
            [("Mul", times, 1), ("Add", plus, 0), ("Div", by, 1), ("Mul", round, 1)]
        {
            if number != neutral {
                let number = graph.integers(path, &[number]);
                value = graph.node(path, op, &[&value, &number], vec![]);
            }
        }
        Some(Number::Value(value))
    }

    /// A formula that gives all numbers: of the operand, the picture, or any value before, the latest first.
    fn find(&self, call: &Call<'_>, numbers: &[i64]) -> Option<(usize, Range<usize>, Formula)> {
        let others = (1..call.position).rev();
        let places: Vec<usize> = call.operand.into_iter().chain([0]).chain(others).collect();
        let different: BTreeSet<&i64> = numbers.iter().collect();
        let believed = |kind: &usize| different.len() > FEW || !KINDS_THAT_ROUND.contains(kind);
        KINDS.filter(believed).find_map(|kind| {
            places.iter().find_map(|&position| {
                let shapes = &self.shapes.0[position];
                let rank = shapes[0].len();
                if shapes.iter().any(|shape| shape.len() != rank) {
                    return None;
                }
                runs(rank).find_map(|axes| {
                    if axes.len() > 1 && !KINDS_OF_PRODUCTS.contains(&kind) {
                        return None;
                    }
                    let size =
                        |shape: &Vec<usize>| shape[axes.clone()].iter().product::<usize>() as i64;
                    let pairs = || shapes.iter().map(size).zip(numbers);
                    let (size, number) = pairs().next()?;
                    let holds = |formula: &Formula| pairs().all(|(size, n)| formula.of(size) == *n);
                    let formula = Formula::of_kind(kind, *number, size).into_iter().find(holds)?;
                    Some((position, axes, formula))
                })
            })
        })
    }

    /// A list of numbers, as one constant where all are known.
    pub fn list(&mut self, path: &str, numbers: Vec<Number>) -> String {
        let known = |number: &Number| match number {
            Number::Known(number) => Some(*number),
            Number::Value(_) => None,
        };
        if let Some(all) = numbers.iter().map(known).collect::<Option<Vec<i64>>>() {
            return self.graph.integers(path, &all);
        }
        let parts: Vec<String> = numbers
            .into_iter()
            .map(|number| match number {
                Number::Known(number) => self.graph.integers(path, &[number]),
                Number::Value(name) => name,
            })
            .collect();
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.graph.node(path, "Concat", &parts, vec![crate::graph::int("axis", 0)])
    }
}

/// Neighbouring axes of so many: one, then two, and so on.
fn runs(rank: usize) -> impl Iterator<Item = Range<usize>> {
    (1..=rank).flat_map(move |length| (0..=rank - length).map(move |start| start..start + length))
}

#[cfg(test)]
mod tests {
    use super::{Formula, KINDS};

    /// The first formula that makes the second sizes of the first.
    fn formula(sizes: &[i64], numbers: &[i64]) -> Option<[i64; 4]> {
        KINDS.flat_map(|kind| Formula::of_kind(kind, numbers[0], sizes[0])).find_map(|formula| {
            let holds = sizes.iter().zip(numbers).all(|(size, n)| formula.of(*size) == *n);
            holds.then_some([formula.times, formula.plus, formula.by, formula.round])
        })
    }

    #[test]
    fn the_simplest_formula_that_holds_for_every_picture_is_found() {
        let sizes = [8, 13, 11, 14];
        let of = |f: fn(i64) -> i64| formula(&sizes, &sizes.map(f));
        assert_eq!(of(|n| n), Some([1, 0, 1, 1]));
        assert_eq!(of(|n| 3 * n), Some([3, 0, 1, 1]));
        assert_eq!(of(|n| n / 4), Some([1, 0, 4, 1]));
        assert_eq!(of(|n| (n + 1) / 2), Some([1, 1, 2, 1]));
        assert_eq!(of(|n| n - 5), Some([1, -5, 1, 1]));
        assert_eq!(of(|n| (n - 6) / 2), Some([1, -6, 2, 1]));
        assert_eq!(of(|n| 2 * n - 1), Some([2, -1, 1, 1]));
        assert_eq!(of(|n| n / 2 * 2), Some([1, 0, 2, 2]));
        assert_eq!(of(|n| (n + 3) / 4 * 4), Some([1, 3, 4, 4]));
        assert_eq!(of(|n| n * n), None);
    }
}
