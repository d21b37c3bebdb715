//! Which element meets which when shapes differ: NumPy's broadcasting rule.

/// The shape that `a` and `b` broadcast to, or `None` where an axis has two sizes and neither is 1.
///
/// ```
/// # use mirrorgrad_tensor::broadcast_shape;
/// assert_eq!(broadcast_shape(&[4, 1, 3], &[2, 1]), Some(vec![4, 2, 3]));
/// assert_eq!(broadcast_shape(&[4], &[3]), None);
/// ```
pub fn broadcast_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let size = |shape: &[usize], axis: usize| match (axis + shape.len()).checked_sub(rank) {
        Some(own) => shape[own],
        None => 1,
    };
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (1, n) | (n, 1) => Some(n),
            (m, n) => (m == n).then_some(m),
        })
        .collect()
}

/// How two broadcast operands are walked together: as few axes as their shapes allow, the innermost
/// a run along which each operand either advances by one or stands still.
pub(crate) struct Pairing {
    /// Sizes of the axes outside the run, outermost first.
    outer: Vec<usize>,
    /// For each outer axis, how far each operand moves.
    steps: Vec<[usize; 2]>,
    /// Length of the run.
    pub run: usize,
    /// Whether each operand advances along the run.
    pub moves: [bool; 2],
}

impl Pairing {
    /// For shapes that broadcast to `shape`.
    pub fn new(shape: &[usize], operands: [&[usize]; 2]) -> Self {
        let strides = operands.map(|own| broadcast_strides(shape, own));
        // Axes are merged from the inside while both operands pass from one to the next evenly.
        let mut merged: Vec<(usize, [usize; 2])> = Vec::new();
        for axis in (0..shape.len()).rev().filter(|&axis| shape[axis] != 1) {
            let step = [strides[0][axis], strides[1][axis]];
            match merged.last_mut() {
                Some((size, inner)) if (0..2).all(|i| step[i] == inner[i] * *size) => {
                    *size *= shape[axis];
                }
                _ => merged.push((shape[axis], step)),
            }
        }
        let innermost = merged.first().copied().filter(|(_, step)| step.iter().all(|&s| s <= 1));
        let outside = if innermost.is_some() { &merged[1..] } else { &merged[..] };
        let (run, step) = innermost.unwrap_or((1, [0, 0]));
        let (outer, steps) = outside.iter().rev().copied().unzip();
        Self { outer, steps, run, moves: step.map(|s| s == 1) }
    }

    /// Where each operand stands at the start of the `nth` run.
    pub fn starts(&self, mut nth: usize) -> [usize; 2] {
        let mut at = [0, 0];
        for (size, step) in self.outer.iter().zip(&self.steps).rev() {
            let index = nth % size;
            nth /= size;
            at = [at[0] + index * step[0], at[1] + index * step[1]];
        }
        at
    }
}

/// Row-major strides of `own` seen as `shape`: 0 along axes that are repeated.
fn broadcast_strides(shape: &[usize], own: &[usize]) -> Vec<usize> {
    let mut strides = vec![0; shape.len()];
    let mut stride = 1;
    for (axis, &size) in (0..shape.len()).rev().zip(own.iter().rev()) {
        if size != 1 {
            strides[axis] = stride;
        }
        stride *= size;
    }
    strides
}
