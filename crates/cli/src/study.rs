//! `mirrorgrad study`.

mod health;

use crate::{Failure, options, say};
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Subcommand, ValueEnum};
use mirrorgrad_data::{shown, write_whole};
use mirrorgrad_study::{Layer, Path, Refusal, Report, Section, Subject};
use mirrorgrad_tensor::dialect::{
    Dialect, FRAMEWORKS, Framework, GivenPadding, PyTorch, Words, WordsError,
};
use mirrorgrad_tensor::{ConvSpec, Geometry};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `mirrorgrad study`.
#[derive(Debug, Args)]
pub struct StudyArgs {
    #[command(subcommand)]
    layer: LayerArgs,
}

#[derive(Debug, Subcommand)]
enum LayerArgs {
    /// A convolution
    Conv {
        /// Height and width of the input
        #[arg(long, alias = "image", value_name = "HxW", value_parser = options::size)]
        input: [usize; 2],
        #[command(flatten)]
        arguments: Arguments,
    },
    /// A transposed convolution
    Deconv {
        /// Height and width of the input
        #[arg(long, alias = "map", value_name = "HxW", value_parser = options::size)]
        input: [usize; 2],
        #[command(flatten)]
        arguments: Arguments,
    },
    /// Trained kernels of a run, a checkpoint or a safetensors file
    Health(health::HealthArgs),
}

/// A layer's arguments.
#[derive(Debug, Args)]
struct Arguments {
    /// Kernel size, such as 3 or 3x5
    #[arg(long, value_name = "K", value_parser = options::pair)]
    kernel: [usize; 2],
    /// Stride, such as 2 or 2x1
    #[arg(long, value_name = "S", value_parser = options::pair, default_value = "1")]
    stride: [usize; 2],
    /// Dilation
    #[arg(long, value_name = "D", value_parser = options::pair, default_value = "1")]
    dilation: [usize; 2],
    /// Padding: numbers, such as 1 or 1x0, or the dialect's name: same, same-lower, valid
    #[arg(long, value_name = "P", value_parser = padding)]
    padding: Option<GivenPadding>,
    /// Output padding of a transposed convolution: rows and columns added at the end (adj in MXNet)
    #[arg(long, value_name = "OP", value_parser = options::pair)]
    output_padding: Option<[usize; 2]>,
    /// Output size of a transposed convolution
    #[arg(long, value_name = "HxW", value_parser = options::size)]
    output: Option<[usize; 2]>,
    /// Framework whose argument names and rules apply
    #[arg(long, value_parser = dialects(), default_value = PyTorch::KEY)]
    dialect: Framework,
    /// Row and column of an output pixel: list the terms of its sum
    #[arg(long, value_name = "Y,X", value_parser = place)]
    explain: Option<[usize; 2]>,
    /// Values of x, the input of the convolution, row by row, such as 1,0,2 [default: 1, 2, 3, ...]
    #[arg(long, alias = "image-values", value_name = "N,..", value_parser = numbers, allow_hyphen_values = true)]
    x: Option<Numbers>,
    /// Values of y, the output of the convolution
    #[arg(long, alias = "map-values", value_name = "N,..", value_parser = numbers, allow_hyphen_values = true)]
    y: Option<Numbers>,
    /// Values of the weight
    #[arg(long, value_name = "N,..", value_parser = numbers, allow_hyphen_values = true)]
    weight: Option<Numbers>,
    /// Break one of the four methods on purpose, to see that it is detected
    #[arg(long = "break", value_name = "WAY", value_enum)]
    broken: Option<Way>,
    /// Show only these sections
    #[arg(long, value_name = "PART,..", value_enum, value_delimiter = ',')]
    show: Vec<ShownSection>,
    /// Write an interactive page, in one file that works offline; with --show, also print those sections
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object only
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Dense,
    Columns,
    Zeros,
    Autograd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShownSection {
    Sizes,
    Matrix,
    Ways,
    Explain,
    Dialects,
    Health,
}

impl From<ShownSection> for Section {
    fn from(section: ShownSection) -> Self {
        match section {
            ShownSection::Sizes => Self::Sizes,
            ShownSection::Matrix => Self::Matrix,
            ShownSection::Ways => Self::Ways,
            ShownSection::Explain => Self::Explanation,
            ShownSection::Dialects => Self::Dialects,
            ShownSection::Health => Self::Health,
        }
    }
}

#[derive(Clone, Debug)]
struct Numbers(Vec<i64>);

/// Pixels and positions of what is studied at most: everything is worked out with plain loops.
const MOST_PLACES: usize = 1 << 12;
/// Entries of C at most.
const MOST_ENTRIES: usize = 1 << 20;

/// Explains a layer; exit code 1 if the four ways to compute it disagree.
pub fn run(args: &StudyArgs) -> Result<ExitCode, Failure> {
    let (layer, arguments, geometry) = match &args.layer {
        LayerArgs::Health(args) => return health::run(args),
        LayerArgs::Conv { input, arguments } => {
            if arguments.output.is_some() || arguments.output_padding.is_some() {
                let expected = "no --output or --output-padding, which belong to deconv";
                return Err(Refusal::expected("conv", expected, "one of them").into());
            }
            (Layer::Conv, arguments, arguments.spec(Layer::Conv)?.conv(*input))
        }
        LayerArgs::Deconv { input, arguments } => (Layer::Deconv, arguments, {
            let spec = arguments.spec(Layer::Deconv)?;
            match arguments.output {
                Some(output) => spec.transposed_to(*input, output),
                None => spec.transposed(*input),
            }
        }),
    };
    let geometry = geometry.map_err(|error| Refusal::new(error.to_string()))?;
    let places = geometry.pixels().max(geometry.positions());
    if places > MOST_PLACES || geometry.positions().saturating_mul(geometry.taps()) > MOST_ENTRIES {
        let expected = format!("up to {MOST_PLACES} pixels and {MOST_ENTRIES} entries of C");
        return Err(
            Refusal::expected("size", expected, format!("{places} pixels or positions")).into()
        );
    }
    check_steps(&geometry)?;
    let given = |numbers: &Option<Numbers>| numbers.as_ref().map(|numbers| numbers.0.clone());
    let subject =
        Subject::new(geometry, given(&arguments.x), given(&arguments.y), given(&arguments.weight))?;
    let broken = arguments.broken.map(|way| match way {
        Way::Dense => Path::Dense,
        Way::Columns => Path::Columns,
        Way::Zeros => Path::ZeroInsertion,
        Way::Autograd => Path::Autograd,
    });
    let report = Report::new(layer, &subject, broken, arguments.explain)?;
    let code = if report.disagree.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if let Some(path) = &arguments.html {
        write_whole(path, report.page(&subject).as_bytes())?;
    }
    if arguments.json {
        let json = serde_json::to_string(&report).expect("numbers and names have a JSON form");
        say::line(json)?;
        return Ok(code);
    }
    let mut sections: Vec<Section> = arguments.show.iter().map(|&section| section.into()).collect();
    match &arguments.html {
        Some(path) => say::line(format!("page {}", shown(path)))?,
        None if sections.is_empty() => sections = Section::ALL.to_vec(),
        None => {}
    }
    if !sections.is_empty() {
        let mut text = String::new();
        report.write(&mut text, &sections).expect("a string takes whatever is written");
        say::line(text.trim_end())?;
    }
    Ok(code)
}

/// Refuses steps whose phases, or the zeros between whose positions, are too many to be looked at.
fn check_steps(geometry: &Geometry) -> Result<(), Refusal> {
    let axes = geometry.axes();
    let product = |of: [usize; 2]| of[0].saturating_mul(of[1]);
    let phases = product(axes.map(|axis| axis.stride));
    let spread = product(axes.map(|axis| axis.full()));
    if phases <= MOST_PLACES && spread <= MOST_ENTRIES {
        return Ok(());
    }
    let expected =
        format!("up to {MOST_PLACES} phases and {MOST_ENTRIES} pixels under all windows");
    Err(Refusal::expected("stride and dilation", expected, format!("{phases} and {spread}")))
}

impl Arguments {
    /// The arguments as their dialect reads them.
    fn spec(&self, layer: Layer) -> Result<Box<dyn ConvSpec>, Refusal> {
        let Self { kernel, stride, dilation, padding, output_padding, dialect, .. } = *self;
        let words = Words { kernel, stride, dilation, padding, output_padding };
        dialect.read(layer, &words).map_err(|WordsError { expected, found }| {
            let named = !matches!(padding, None | Some(GivenPadding::Numbers(_)));
            let others = FRAMEWORKS.iter().filter(|other| other.read(layer, &words).is_ok());
            let others: Vec<&str> = others.map(Framework::key).collect();
            let expected = match others.is_empty() {
                false if named => format!("{expected} (or --dialect {})", others.join(", ")),
                _ => expected.to_owned(),
            };
            Refusal::expected(dialect.key(), expected, found)
        })
    }
}

fn dialects() -> impl TypedValueParser<Value = Framework> {
    PossibleValuesParser::new(FRAMEWORKS.map(|framework| framework.key()))
        .map(|key| Framework::called(&key).expect("no other key is possible"))
}

fn padding(text: &str) -> Result<GivenPadding, String> {
    match text.to_lowercase().as_str() {
        "same" | "same_upper" => Ok(GivenPadding::Same),
        "same-lower" | "same_lower" => Ok(GivenPadding::SameLower),
        "valid" => Ok(GivenPadding::Valid),
        _ => options::pair(text).map(GivenPadding::Numbers),
    }
}

fn place(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected a row and a column, such as 2,3, found {text:?}");
    let (y, x) = text.split_once(',').ok_or_else(refuse)?;
    let number = |text: &str| text.trim().parse().map_err(|_| refuse());
    Ok([number(y)?, number(x)?])
}

fn numbers(text: &str) -> Result<Numbers, String> {
    let refuse = || format!("expected whole numbers, such as 1,0,-2, found {text:?}");
    let numbers = text.split(',').map(|number| number.trim().parse().map_err(|_| refuse()));
    numbers.collect::<Result<_, _>>().map(Numbers)
}
