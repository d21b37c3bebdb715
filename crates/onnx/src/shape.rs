//! Steps that change a shape and no number.

use crate::ExportError;
use crate::sizes::Number;
use crate::write::{Call, Writer};
use mirrorgrad_autograd::record::Description;

/// ONNX's words for a size in a shape: the operand's, and what is left.
const COPIED: i64 = 0;
const LEFT: i64 = -1;
/// The end of an axis, whatever its size.
const END: i64 = i64::MAX;

impl Writer<'_> {
    /// Another shape: unit axes that come or go; else axes that stay as they are, one that takes what is
    /// left, and others that follow from sizes before them.
    pub fn reshape(&mut self, call: &Call<'_>) -> Result<String, ExportError> {
        let from = call.shapes(0);
        let to = call.each(|description| match description {
            Description::Reshape { shape } => Some(shape),
            _ => None,
        });
        let pairs = || from.iter().copied().zip(to.iter().map(Vec::as_slice));
        if pairs().all(|(from, to)| from == to) {
            return Ok(call.inputs[0].clone());
        }
        let (path, rank) = (call.path.as_str(), to[0].len());
        let unit = |shape: &[usize]| -> Vec<i64> {
            (0..shape.len()).filter(|&axis| shape[axis] == 1).map(|axis| axis as i64).collect()
        };
        let units = (unit(from[0]), unit(&to[0]));
        let squeezes = |(from, to): (&[usize], &[usize])| {
            let long =
                |shape: &[usize]| shape.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
            long(from) == long(to) && (unit(from), unit(to)) == units
        };
        if pairs().all(squeezes) {
            let mut value = call.inputs[0].clone();
            for (op, axes) in [("Squeeze", units.0), ("Unsqueeze", units.1)] {
                if !axes.is_empty() {
                    let axes = self.graph.integers(path, &axes);
                    value = self.graph.node(path, op, &[&value, &axes], vec![]);
                }
            }
            return Ok(value);
        }
        let sizes = self.columns(call, "a shape", &to)?;
        let copied = |axis: usize| pairs().all(|(from, to)| from.get(axis) == Some(&to[axis]));
        let constant = |axis: usize| sizes[axis].iter().all(|size| *size == sizes[axis][0]);
        let open: Vec<usize> = (0..rank).filter(|&axis| !copied(axis) && !constant(axis)).collect();
        let mut left = (open.len() == 1).then(|| open[0]);
        let mut numbers = Vec::new();
        for (axis, sizes) in sizes.iter().enumerate() {
            numbers.push(match open.contains(&axis) && left != Some(axis) {
                false if left == Some(axis) => Number::Known(LEFT),
                false if copied(axis) => Number::Known(COPIED),
                false => Number::Known(sizes[0]),
                true => match self.size(call, sizes) {
                    Some(number) => number,
                    None if left.is_none() => {
                        left = Some(axis);
                        Number::Known(LEFT)
                    }
                    None => return Err(call.refuse_sizes("a size", sizes)),
                },
            });
        }
        let shape = self.list(path, numbers);
        Ok(self.graph.node(path, "Reshape", &[&call.inputs[0], &shape], vec![]))
    }

    /// A block. Ends are counted from the end of an axis where they are as far from it for every picture.
    pub fn slice(&mut self, call: &Call<'_>) -> Result<String, ExportError> {
        let from = self.columns(call, "a shape", &call.shapes(0))?;
        let ranges = call.each(|description| match description {
            Description::Slice { ranges } => Some(ranges),
            _ => None,
        });
        let (mut starts, mut ends, mut axes) = (Vec::new(), Vec::new(), Vec::new());
        for (axis, sizes) in from.iter().enumerate() {
            let start: Vec<i64> = ranges.iter().map(|ranges| ranges[axis].start as i64).collect();
            let end: Vec<i64> = ranges.iter().map(|ranges| ranges[axis].end as i64).collect();
            if start.iter().all(|start| *start == 0) && end == *sizes {
                continue;
            }
            starts.push(self.end(call, &start, sizes)?);
            ends.push(self.end(call, &end, sizes)?);
            axes.push(axis as i64);
        }
        if axes.is_empty() {
            return Ok(call.inputs[0].clone());
        }
        let [starts, ends] = [starts, ends].map(|numbers| self.list(&call.path, numbers));
        let axes = self.graph.integers(&call.path, &axes);
        let inputs = [&call.inputs[0], &starts, &ends, &axes].map(String::as_str);
        Ok(self.graph.node(&call.path, "Slice", &inputs, vec![]))
    }

    /// A place on an axis of such sizes.
    fn end(
        &mut self,
        call: &Call<'_>,
        places: &[i64],
        sizes: &[i64],
    ) -> Result<Number, ExportError> {
        let behind = sizes[0] - places[0];
        let fixed = places.iter().all(|place| *place == places[0]);
        if !fixed && sizes.iter().zip(places).all(|(size, place)| size - place == behind) {
            return Ok(Number::Known(if behind == 0 { END } else { -behind }));
        }
        self.size(call, places).ok_or_else(|| call.refuse_sizes("a cut", places))
    }

    /// Zeros around.
    pub fn pad(&mut self, call: &Call<'_>) -> Result<String, ExportError> {
        let sides = call.each(|description| match description {
            Description::Pad { sides } => Some(sides),
            _ => None,
        });
        let flat = |sides: &Vec<[usize; 2]>| -> Vec<usize> {
            [0, 1].iter().flat_map(|&end| sides.iter().map(move |side| side[end])).collect()
        };
        let pads = self.columns(call, "a padding", &sides.iter().map(flat).collect::<Vec<_>>())?;
        if pads.iter().flatten().all(|pad| *pad == 0) {
            return Ok(call.inputs[0].clone());
        }
        let from = self.columns(call, "a shape", &call.shapes(0))?;
        let mut numbers = Vec::new();
        for (i, pads) in pads.iter().enumerate() {
            // What is padded up to may follow a rule where the padding itself does not.
            let sizes = &from[i % from.len()];
            let whole: Vec<i64> = pads.iter().zip(sizes).map(|(pad, size)| pad + size).collect();
            let number = match self.size(call, pads) {
                Some(number) => Some(number),
                None if whole.iter().all(|size| *size == whole[0]) => None,
                None => self.difference(call, &whole, sizes),
            };
            numbers.push(number.ok_or_else(|| call.refuse_sizes("a padding", pads))?);
        }
        let pads = self.list(&call.path, numbers);
        Ok(self.graph.node(&call.path, "Pad", &[&call.inputs[0], &pads], vec![]))
    }

    /// The difference of two numbers that both follow from sizes before them.
    fn difference(&mut self, call: &Call<'_>, whole: &[i64], part: &[i64]) -> Option<Number> {
        let (whole, part) = (self.size(call, whole)?, self.size(call, part)?);
        let [whole, part] = [whole, part].map(|number| self.list(&call.path, vec![number]));
        Some(Number::Value(self.graph.node(&call.path, "Sub", &[&whole, &part], vec![])))
    }

    /// Repeated along new or unit axes.
    pub fn broadcast(&mut self, call: &Call<'_>) -> Result<String, ExportError> {
        let to = call.each(|description| match description {
            Description::Broadcast { shape } => Some(shape),
            _ => None,
        });
        let from = call.shapes(0);
        if from.iter().zip(&to).all(|(from, to)| from == to) {
            return Ok(call.inputs[0].clone());
        }
        let added = to[0].len() - from[0].len();
        let mut numbers = Vec::new();
        for (axis, sizes) in self.columns(call, "a shape", &to)?.iter().enumerate() {
            let own = |(from, to): (&&[usize], &Vec<usize>)| {
                axis >= added && from[axis - added] == to[axis]
            };
            // Where the operand has the size already, 1 means to keep it.
            numbers.push(match from.iter().zip(&to).all(own) {
                true => Number::Known(1),
                false => {
                    self.size(call, sizes).ok_or_else(|| call.refuse_sizes("a size", sizes))?
                }
            });
        }
        let shape = self.list(&call.path, numbers);
        Ok(self.graph.node(&call.path, "Expand", &[&call.inputs[0], &shape], vec![]))
    }

    /// Lists of sizes, one a picture, by axis.
    fn columns(
        &self,
        call: &Call<'_>,
        what: &str,
        lists: &[impl AsRef<[usize]>],
    ) -> Result<Vec<Vec<i64>>, ExportError> {
        let lists: Vec<&[usize]> = lists.iter().map(AsRef::as_ref).collect();
        if let Some(other) = lists.iter().find(|list| list.len() != lists[0].len()) {
            let found = format!("{:?} and {other:?}", lists[0]);
            return Err(call.refuse(format!("expected {what} of as many axes, found {found}")));
        }
        let column = |axis: usize| lists.iter().map(|list| list[axis] as i64).collect();
        Ok((0..lists[0].len()).map(column).collect())
    }
}
