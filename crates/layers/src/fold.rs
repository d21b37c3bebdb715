//! The sum of a step's contributions, by a tree that their number alone decides.

use crate::Contribution;
use mirrorgrad_tensor::Element;
use std::collections::BTreeSet;

/// The sum of the contributions of a step, by a fixed tree over their places in it: neighbours are added, then
/// neighbouring pairs, then neighbouring fours; what is left at the end is added from the last to the first.
///
/// ```text
/// 0 1 2 3 4 5 6      Seven batches. Ranks that found 0 to 2 and 3 to 6 send the
///  +   +   +         subtotals [01] [2] and [3] [45] [6], and join them in this order.
///    +
///            +
///        +
/// ```
///
/// So the bits of the sum are the same whoever found which of them; and of `n` contributions that come one by one, at
/// most `log2(n) + 1` are held.
///
/// ```
/// # use mirrorgrad_layers::{Contribution, Fold};
/// let batch = |loss: f64| Contribution::<f64>::new(loss, [].into(), vec![]);
/// let mut whole = Fold::default();
/// (0..5).for_each(|place| whole.add(place, batch(place as f64)));
/// // Two ranks: the first has two of them, the second three.
/// let [mut first, mut second] = [Fold::default(), Fold::default()];
/// (0..2).for_each(|place| first.add(place, batch(place as f64)));
/// (2..5).for_each(|place| second.add(place, batch(place as f64)));
/// let mut joined = Fold::default();
/// first.into_subtotals().into_iter().chain(second.into_subtotals()).for_each(|of| joined.join(of));
/// assert_eq!(joined.sum().unwrap().loss, whole.sum().unwrap().loss);
/// ```
#[derive(Clone, Debug)]
pub struct Fold<T: Element = f32> {
    /// In order and apart, none of them the left neighbour of another in the tree.
    subtotals: Vec<Subtotal<T>>,
}

/// The sum of 1, 2, 4, … contributions that are next to each other: a node of the tree of a [`Fold`].
///
/// ```
/// # use mirrorgrad_layers::{Contribution, Fold};
/// let mut fold = Fold::<f64>::default();
/// (4..7).for_each(|place| fold.add(place, Contribution::new(1.0, [].into(), vec![])));
/// let subtotals = fold.into_subtotals();
/// let spans: Vec<_> = subtotals.iter().map(|of| (of.first, of.count, of.sum.loss)).collect();
/// assert_eq!(spans, [(4, 2, 2.0), (6, 1, 1.0)]);
/// ```
#[derive(Clone, Debug)]
pub struct Subtotal<T: Element = f32> {
    /// The place of the first; a multiple of `count`.
    pub first: usize,
    /// How many: a power of two.
    pub count: usize,
    /// All of them.
    pub sum: Contribution<T>,
}

impl<T: Element> Default for Fold<T> {
    fn default() -> Self {
        Self { subtotals: Vec::new() }
    }
}

impl<T: Element> Fold<T> {
    /// Adds the contribution at a place of the step, counted from 0.
    ///
    /// # Panics
    /// If it is not behind all others, or gradients of one name differ in shape.
    #[track_caller]
    pub fn add(&mut self, place: usize, contribution: Contribution<T>) {
        self.join(Subtotal { first: place, count: 1, sum: contribution });
    }

    /// Adds what another fold has of the places behind those of this one.
    ///
    /// # Panics
    /// If it is no node of the tree or not behind all others, or gradients of one name differ in shape.
    #[track_caller]
    pub fn join(&mut self, mut next: Subtotal<T>) {
        let Subtotal { first, count, .. } = next;
        assert!(
            count.is_power_of_two() && first.is_multiple_of(count),
            "Fold::join: {count} contributions from {first} on are no node of the tree"
        );
        let end = self.subtotals.last().map_or(0, |last| last.first + last.count);
        assert!(end <= first, "Fold::join: expected a place from {end} on, got {first}");
        while let Some(left) = self.subtotals.pop_if(|left| left.is_left_of(&next)) {
            next =
                Subtotal { first: left.first, count: 2 * left.count, sum: left.sum.plus(next.sum) };
        }
        self.subtotals.push(next);
    }

    /// The names of the gradients so far.
    ///
    /// ```
    /// # use mirrorgrad_layers::{Contribution, Fold};
    /// let mut fold = Fold::<f64>::default();
    /// fold.add(0, Contribution::new(0.5, [("bias".to_owned(), [1.0].into())].into(), vec![]));
    /// assert_eq!(fold.names(), ["bias"]);
    /// ```
    pub fn names(&self) -> Vec<String> {
        let names = self.subtotals.iter().flat_map(|of| of.sum.gradients.keys());
        names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Takes these gradients out, to be folded by themselves: the tree adds every number alone, so the parts of a sum have
    /// its bits. The losses and weights stay here and go along; updates stay.
    ///
    /// ```
    /// # use mirrorgrad_layers::{Contribution, Fold};
    /// let gradients = [("bias", 1.0), ("weight", 2.0)].map(|(name, g)| (name.to_owned(), [g].into()));
    /// let batch = Contribution::<f64>::new(0.5, gradients.into(), vec![]);
    /// let mut fold = Fold::default();
    /// (0..3).for_each(|place| fold.add(place, batch.clone()));
    /// let bias = fold.split_off(&["bias".to_owned()]).sum().unwrap();
    /// let rest = fold.sum().unwrap();
    /// assert_eq!((bias.loss, &bias.gradients["bias"]), (1.5, &[3.0].into()));
    /// assert!(rest.gradients.keys().eq(["weight"]));
    /// ```
    #[must_use]
    pub fn split_off(&mut self, names: &[String]) -> Self {
        let part = |of: &mut Subtotal<T>| {
            let Contribution { loss, weight, heaviest, .. } = of.sum;
            let taken = names.iter().filter_map(|name| of.sum.gradients.remove_entry(name));
            let sum = Contribution {
                loss,
                gradients: taken.collect(),
                updates: Vec::new(),
                weight,
                heaviest,
            };
            Subtotal { first: of.first, count: of.count, sum }
        };
        Self { subtotals: self.subtotals.iter_mut().map(part).collect() }
    }

    /// The sums so far, in order: all that another needs to go on.
    pub fn into_subtotals(self) -> Vec<Subtotal<T>> {
        self.subtotals
    }

    /// The sum of all; `None` if there are none.
    ///
    /// # Panics
    /// If gradients of one name differ in shape.
    #[track_caller]
    pub fn sum(self) -> Option<Contribution<T>> {
        let mut from_the_last = self.subtotals.into_iter().rev();
        let mut sum = from_the_last.next()?.sum;
        for left in from_the_last {
            sum = left.sum.plus(sum);
        }
        Some(sum)
    }
}

impl<T: Element> Subtotal<T> {
    /// Whether both are the halves of a node of the tree, this one the left.
    fn is_left_of(&self, right: &Self) -> bool {
        self.count == right.count
            && self.first + self.count == right.first
            && self.first.is_multiple_of(2 * self.count)
    }
}
