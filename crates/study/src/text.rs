//! A report as people read it in a terminal.

use crate::Layer;
use crate::health::Verdict;
use crate::report::Report;
use crate::sizes::{Arguments, Sizes};
use std::fmt::{self, Display, Write};

/// Matrices with up to so many columns are written out.
const WIDEST: usize = 36;
/// Sets of arguments that are listed.
const LISTED: usize = 12;

/// A part of what is said of a layer.
///
/// ```
/// # use mirrorgrad_study::{Layer, Report, Section, Subject};
/// # use mirrorgrad_tensor::Window;
/// # let geometry = Window::square(4).stride(2).padding(1).transposed([3, 3])?;
/// # let subject = Subject::new(geometry, None, None, None)?;
/// let report = Report::new(Layer::Deconv, &subject, None, None)?;
/// let mut health = String::new();
/// report.write(&mut health, &[Section::Health])?;
/// assert!(health.contains("even: the same number of taps reaches every pixel"));
/// let mut all = String::new();
/// report.write(&mut all, &Section::ALL)?;
/// assert_eq!(all, report.to_string());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// Formulas, sizes and other arguments with the same ones.
    Sizes,
    /// C and its transpose, and what they do to numbers.
    Matrix,
    /// Cᵀ y by four ways.
    Ways,
    /// What reaches the place that was asked about.
    Explanation,
    /// The layer in every framework's words.
    Dialects,
    /// Taps and gain of each phase.
    Health,
}

impl Section {
    /// All of them, in order.
    pub const ALL: [Self; 6] =
        [Self::Sizes, Self::Matrix, Self::Ways, Self::Explanation, Self::Dialects, Self::Health];
}

impl Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, &Section::ALL)
    }
}

/// Numbers as rows of a picture, indented and aligned.
fn grid<T: Display>(f: &mut dyn Write, values: &[T], width: usize) -> fmt::Result {
    let cells: Vec<String> = values.iter().map(T::to_string).collect();
    let widest = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0);
    for row in cells.chunks(width) {
        f.write_str("   ")?;
        row.iter().try_for_each(|cell| write!(f, " {cell:>widest$}"))?;
        f.write_char('\n')?;
    }
    Ok(())
}

impl Report {
    fn input(&self) -> [usize; 2] {
        [self.sizes[0].input, self.sizes[1].input]
    }

    fn output(&self) -> [usize; 2] {
        [self.sizes[0].output, self.sizes[1].output]
    }

    /// Writes parts of the report, under a line that says what it is about.
    ///
    /// # Errors
    /// If `f` fails.
    pub fn write(&self, f: &mut dyn Write, sections: &[Section]) -> fmt::Result {
        self.title(f)?;
        sections.iter().try_for_each(|section| match section {
            Section::Sizes => self.sizes(f),
            Section::Matrix => self.matrix(f),
            Section::Ways => self.ways(f),
            Section::Explanation => self.explanation(f),
            Section::Dialects => self.table(f),
            Section::Health => self.health(f),
        })
    }

    fn title(&self, f: &mut dyn Write) -> fmt::Result {
        let ([h, w], [mh, mw]) = (self.input(), self.output());
        let name = match self.layer {
            Layer::Conv => format!("a convolution of {h}x{w} to {mh}x{mw}"),
            Layer::Deconv => format!("a transposed convolution of {mh}x{mw} to {h}x{w}"),
        };
        let [kh, kw] = self.kernel;
        writeln!(
            f,
            "{name}: kernel {kh}x{kw}, stride {:?}, dilation {:?}, padding before {:?}",
            self.stride, self.dilation, self.pad_before
        )
    }

    fn sizes(&self, f: &mut dyn Write) -> fmt::Result {
        writeln!(f, "\n1. Sizes")?;
        for (axis, sizes, found) in self.axes() {
            writeln!(f, "   {axis}")?;
            writeln!(f, "     convolution             {}", sizes.down)?;
            writeln!(f, "     transposed convolution  {}", sizes.up)?;
            let rest = sizes.rest;
            match sizes.relation {
                1 => {
                    writeln!(f, "     relation 1: the stride divides evenly, nothing is left over")?
                }
                _ => writeln!(
                    f,
                    "     relation 2: {rest} left over, which is the output padding of the transposed convolution"
                )?,
            }
            let [first, last] = sizes.inputs;
            writeln!(
                f,
                "     input sizes for which a convolution with this padding gives this output size: {first} to {last}"
            )?;
            writeln!(
                f,
                "     {} sets of arguments give these sizes in both directions:",
                found.len()
            )?;
            for a in found.iter().take(LISTED) {
                writeln!(
                    f,
                    "       kernel {} stride {} padding {} output_padding {}",
                    a.kernel, a.stride, a.padding, a.output_padding
                )?;
            }
            if found.len() > LISTED {
                writeln!(f, "       and {} more (--json lists all)", found.len() - LISTED)?;
            }
        }
        Ok(())
    }

    /// The axes by name, or one for both where they are alike.
    fn axes(&self) -> Vec<(&'static str, &Sizes, &[Arguments])> {
        let each = |name, i: usize| (name, &self.sizes[i], &self.arguments[i][..]);
        match self.sizes[0] == self.sizes[1] {
            true => vec![each("along both axes", 0)],
            false => vec![each("vertical", 0), each("horizontal", 1)],
        }
    }

    fn matrix(&self, f: &mut dyn Write) -> fmt::Result {
        let m = &self.matrix;
        let total = m.rows * m.columns;
        writeln!(
            f,
            "\n2. C is {}x{}: {} of {total} entries hold a weight, the others are 0",
            m.rows,
            m.columns,
            m.entries.len()
        )?;
        if m.columns > WIDEST || m.rows > WIDEST {
            return writeln!(f, "   (too large to write out; --json has every entry)");
        }
        let mut cells = vec![".".to_string(); total];
        for (row, column, name) in &m.entries {
            cells[row * m.columns + column].clone_from(name);
        }
        grid(f, &cells, m.columns)?;
        writeln!(f, "   by rows, one per output position:")?;
        for row in 0..m.rows {
            let terms = m.entries.iter().filter(|entry| entry.0 == row);
            let terms: Vec<String> = terms.map(|(_, c, name)| format!("{name}·x{c}")).collect();
            writeln!(f, "     y{row} = {}", terms.join(" + "))?;
        }
        writeln!(f, "   Cᵀ by stride phase, with the weights that reach the pixels of the phase:")?;
        for (phase, names) in self.phases() {
            writeln!(f, "     pixels {phase}: {}", names.join(" "))?;
        }
        let ([_, width], [_, output_width]) = (self.input(), self.output());
        for (name, values, width) in [
            ("w", &m.weight, self.kernel[1]),
            ("x", &m.input, width),
            ("C x", &m.down, output_width),
            ("y", &m.output, output_width),
            ("Cᵀ y", &m.up, width),
        ] {
            writeln!(f, "   {name} =")?;
            grid(f, values, width)?;
        }
        let [left, right] = m.products;
        writeln!(f, "   ⟨C x, y⟩ = {left}, ⟨x, Cᵀ y⟩ = {right}: C and Cᵀ are adjoint")?;
        let same = if m.down_and_up == m.input { "here with its values" } else { "not its values" };
        writeln!(f, "   Cᵀ C x has the size of x, {same}: sizes are restored, values are not")?;
        grid(f, &m.down_and_up, width)
    }

    /// The names of the weights that reach each phase of pixels, phases counted from the first pixel.
    fn phases(&self) -> Vec<(String, Vec<String>)> {
        let [sy, sx] = self.stride;
        let width = self.input()[1];
        (0..sy * sx)
            .map(|phase| {
                let (row, column) = (phase / sx, phase % sx);
                let mut names: Vec<String> = self
                    .matrix
                    .entries
                    .iter()
                    .filter(|(_, pixel, _)| {
                        [pixel / width % sy, pixel % width % sx] == [row, column]
                    })
                    .map(|(_, _, name)| name.clone())
                    .collect();
                names.sort();
                names.dedup();
                (format!("({row} mod {sy}, {column} mod {sx})"), names)
            })
            .collect()
    }

    fn ways(&self, f: &mut dyn Write) -> fmt::Result {
        writeln!(f, "\n3. Cᵀ y by four ways")?;
        let width = self.input()[1];
        let small = self.matrix.columns <= WIDEST;
        if small && self.columns.product[0].len() <= WIDEST {
            let (product, full) = (&self.columns.product, &self.columns.full);
            writeln!(f, "   columns: w yᵀ, one row per tap, one column per position")?;
            grid(f, &product.concat(), product[0].len())?;
            writeln!(
                f,
                "   columns: each column reshaped to a window, all windows added, before the crop"
            )?;
            grid(f, &full.concat(), full[0].len())?;
        }
        for way in &self.paths {
            let says = if self.disagree.contains(&way.name) { "DISAGREES" } else { "agrees" };
            writeln!(f, "   {:<9} {says}", way.name)?;
        }
        match &self.disagree[..] {
            [] => {
                writeln!(f, "   all four give the same numbers{}", if small { ":" } else { "" })?;
                if small { grid(f, &self.paths[0].result, width) } else { Ok(()) }
            }
            names => writeln!(f, "   different from the others: {}", names.join(", ")),
        }
    }

    fn explanation(&self, f: &mut dyn Write) -> fmt::Result {
        let Some(explanation) = &self.explanation else { return Ok(()) };
        let [y, x] = explanation.place;
        writeln!(f, "\n4. What reaches ({y}, {x})")?;
        for ([y, x], weight, product) in &explanation.terms {
            writeln!(f, "     ({y}, {x}) through {weight}: {product}")?;
        }
        let sum: i64 = explanation.terms.iter().map(|(_, _, product)| product).sum();
        writeln!(f, "     sum {sum}")
    }

    fn table(&self, f: &mut dyn Write) -> fmt::Result {
        writeln!(f, "\n5. The same layer in each framework's words")?;
        for saying in &self.dialects {
            let words = saying.words.as_ref().or(saying.instead.as_ref());
            writeln!(f, "   {:<11} {}", saying.framework, words.map_or("", String::as_str))?;
        }
        Ok(())
    }

    fn health(&self, f: &mut dyn Write) -> fmt::Result {
        let health = &self.health;
        writeln!(f, "\n6. Health of the transposed convolution: taps and gain of each phase")?;
        let width = health.taps[0].len();
        grid(f, &health.taps.concat(), width)?;
        grid(f, &health.gain.concat(), width)?;
        f.write_str(match health.verdict {
            Verdict::Even => "   even: the same number of taps reaches every pixel\n",
            Verdict::Uneven => "   uneven: a checkerboard pattern until training removes it\n",
            Verdict::Dead => "   dead: no tap ever reaches some of the pixels\n",
            Verdict::Single => "   single: only one window, so no overlap\n",
        })
    }
}
