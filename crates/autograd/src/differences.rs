//! Finite differences that tell a right slope from a wrong one at any size.

use mirrorgrad_tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// What rounding may do to a value, relative to it, and to an operand: some units in the last place, since
/// a value comes from several roundings.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The step that is tried first, relative to the operand's size. The formula's error is its fourth power. A
/// power of 2, so that what is added to a number is what was meant.
const STEP: f64 = 1.0 / 8192.0;

/// The widest of the steps that are halved before anything is blamed.
const WIDEST: f64 = 0.25;

/// How often.
const HALVINGS: usize = 42;

/// Elements up to which an operand is checked one by one; a larger one share by share.
const ELEMENTS: usize = 64;

/// Directions along which a large operand is checked, each moving its share of the elements.
const DIRECTIONS: usize = 16;

/// A way to move an operand.
pub(crate) struct Direction {
    /// For messages.
    pub name: String,
    pub along: Tensor<f64>,
    /// How far is far.
    pub size: f64,
}

/// One direction an element; of many elements, those of a share together, to random parts of their sizes.
pub(crate) fn directions(at: &Tensor<f64>) -> Vec<Direction> {
    let largest = at.as_slice().iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    let size = |v: f64| {
        let size = [v.abs(), largest, 1.0].into_iter().find(|&size| size != 0.0);
        size.map_or(1.0, |size| size.log2().floor().exp2())
    };
    if at.len() <= ELEMENTS {
        let unit = |i: usize| Tensor::from_fn(at.shape(), |j| if i == j { 1.0 } else { 0.0 });
        let element = |(i, &v): (usize, &f64)| Direction {
            name: format!("element {i}"),
            along: unit(i),
            size: size(v),
        };
        at.as_slice().iter().enumerate().map(element).collect()
    } else {
        let signs = noise(at.shape(), 100);
        let random = |i: usize| {
            // Every element in one direction, none by less than its size.
            let along = Tensor::from_fn(at.shape(), |j| match j % DIRECTIONS == i {
                true => {
                    (signs.as_slice()[j] + signs.as_slice()[j].signum()) * size(at.as_slice()[j])
                }
                false => 0.0,
            });
            Direction { name: format!("direction {i}"), along, size: 1.0 }
        };
        (0..DIRECTIONS).map(random).collect()
    }
}

/// What a function does along a direction.
pub(crate) struct Differences<'a> {
    /// Its value so many steps away.
    pub value: &'a dyn Fn(f64) -> Tensor<f64>,
    /// What its elements are combined with.
    pub probe: &'a Tensor<f64>,
    pub size: f64,
}

/// A difference quotient.
#[derive(Clone, Copy)]
struct Quotient {
    step: f64,
    slope: f64,
    /// The sum of what the elements contribute to the slope, without signs.
    scale: f64,
    /// What rounding of the values may contribute.
    noise: f64,
}

impl Quotient {
    /// Whether rounding cannot hide what the tolerance would show.
    fn is_sharp(&self, tolerance: f64) -> bool {
        self.noise <= tolerance * self.scale
    }

    fn is_near(&self, slope: f64, tolerance: f64) -> bool {
        (self.slope - slope).abs() <= tolerance * self.scale + self.noise // False for NaN.
    }
}

impl Differences<'_> {
    /// Whether each claim about the slope is right; if one is not, what is.
    pub fn judge(&self, claims: [(&str, f64); 2], tolerance: f64) -> Result<(), String> {
        let first = self.quotient(STEP * self.size);
        let plain = |claim: f64| {
            claim == first.slope || first.is_sharp(tolerance) && first.is_near(claim, tolerance)
        };
        if claims.iter().all(|(_, claim)| plain(*claim)) {
            return Ok(());
        }
        let Some([wide, narrow]) = self.settled(tolerance) else {
            return Err(format!(
                "the gradient is {}, but the differences of no two step sizes agree: {} with step {}",
                claims[0].1, first.slope, first.step
            ));
        };
        match claims.iter().find(|(_, claim)| !narrow.is_near(*claim, tolerance)) {
            None => Ok(()),
            Some((who, claim)) => Err(format!(
                "{who} is {claim}, but differences are {} with step {} and {} with step {}",
                narrow.slope, narrow.step, wide.slope, wide.step
            )),
        }
    }

    /// The first two steps, one half of the other, that agree and are sharp; if none are, those that agree
    /// and are least blurred by rounding.
    fn settled(&self, tolerance: f64) -> Option<[Quotient; 2]> {
        let mut best: Option<[Quotient; 2]> = None;
        let blur = |[_, narrow]: [Quotient; 2]| narrow.noise / narrow.scale;
        let mut wide = self.quotient(WIDEST * self.size);
        for halving in 1..=HALVINGS {
            let narrow = self.quotient(WIDEST * self.size / (1_u64 << halving) as f64);
            let pair = [wide, narrow];
            wide = narrow;
            let both = Quotient { noise: pair[0].noise + pair[1].noise, ..narrow };
            if !both.is_near(pair[0].slope, tolerance) {
                continue;
            }
            if both.is_sharp(tolerance) {
                return Some(pair);
            }
            if best.is_none_or(|best| blur(pair) < blur(best)) {
                best = Some(pair);
            }
        }
        best
    }

    /// (8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h, for each element before they are combined: those that
    /// stay where they are bring no rounding with them.
    fn quotient(&self, step: f64) -> Quotient {
        let values = [step, -step, 2.0 * step, -2.0 * step].map(self.value);
        let [mut slope, mut scale, mut moved, mut all] = [0.0; 4];
        for (i, &probe) in self.probe.as_slice().iter().enumerate() {
            let [near, back, far, far_back] = [0, 1, 2, 3].map(|n| values[n].as_slice()[i]);
            let part = probe * (8.0 * (near - back) - (far - far_back)) / (12.0 * step);
            let largest = near.abs().max(back.abs()).max(far.abs()).max(far_back.abs());
            // A value is no better than the operand it is made of, where the function is steep.
            let steepest = (far - near).abs().max((far_back - back).abs()) / step;
            let rounded = probe.abs() * largest.max(self.size * steepest);
            (slope, scale, all) = (slope + part, scale + part.abs(), all + rounded);
            if near != back || far != far_back {
                moved += rounded;
            }
        }
        // Where nothing moves, what could have moved unseen.
        let rounded = if scale == 0.0 { all } else { moved };
        Quotient { step, slope, scale, noise: ROUNDING * 1.5 * rounded / step }
    }
}

/// Numbers between −1 and 1, the same for the same seed.
pub(crate) fn noise(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, [-1.0, 1.0], &mut ChaCha8Rng::seed_from_u64(seed))
}
