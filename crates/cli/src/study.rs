//! `mirrorgrad study`.

mod health;

use crate::{Failure, options, say};
use clap::{Args, Subcommand, ValueEnum};
use mirrorgrad_segment::{shown, write_whole};
use mirrorgrad_study::{Layer, Path, Refusal, Report, Section, Subject};
use mirrorgrad_tensor::dialect::{
    Caffe, Chainer, Jax, Keras, MxNet, Onnx, TensorFlow, jax, keras, onnx, tensorflow,
};
use mirrorgrad_tensor::{ConvSpec, Geometry, Kernel, OddSide, Same, Window};
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
        /// Height and width of its input
        #[arg(long, alias = "image", value_name = "HxW", value_parser = options::size)]
        input: [usize; 2],
        #[command(flatten)]
        words: Words,
    },
    /// A transposed convolution
    Deconv {
        /// Height and width of its input
        #[arg(long, alias = "map", value_name = "HxW", value_parser = options::size)]
        input: [usize; 2],
        #[command(flatten)]
        words: Words,
    },
    /// The trained kernels of a run, a checkpoint or a safetensors file
    Health(health::HealthArgs),
}

/// A layer's arguments.
#[derive(Debug, Args)]
struct Words {
    /// Taps, as 3 or 3x5
    #[arg(long, value_name = "K", value_parser = options::pair)]
    kernel: [usize; 2],
    /// Pixels from one position to the next, as 2 or 2x1
    #[arg(long, value_name = "S", value_parser = options::pair, default_value = "1")]
    stride: [usize; 2],
    /// Pixels from one tap to the next
    #[arg(long, value_name = "D", value_parser = options::pair, default_value = "1")]
    dilation: [usize; 2],
    /// In numbers, as 1 or 1x0, or by the dialect's name for it: same, same-lower, valid
    #[arg(long, value_name = "P", value_parser = padding)]
    padding: Option<Padding>,
    /// Rows and columns that a transposed convolution adds at the end (adj in MXNet)
    #[arg(long, value_name = "OP", value_parser = options::pair)]
    output_padding: Option<[usize; 2]>,
    /// The size that a transposed convolution is to make
    #[arg(long, value_name = "HxW", value_parser = options::size)]
    output: Option<[usize; 2]>,
    /// The framework whose rules and words these are
    #[arg(long, value_enum, default_value_t = Dialect::Pytorch)]
    dialect: Dialect,
    /// Row and column of the output: what reaches it
    #[arg(long, value_name = "Y,X", value_parser = place)]
    explain: Option<[usize; 2]>,
    /// Numbers of x, which the convolution reads, row by row, as 1,0,2; 1, 2, 3, ... without
    #[arg(long, alias = "image-values", value_name = "N,..", value_parser = numbers, allow_hyphen_values = true)]
    x: Option<Numbers>,
    /// Numbers of y, which the transposed convolution reads
    #[arg(long, alias = "map-values", value_name = "N,..", value_parser = numbers, allow_hyphen_values = true)]
    y: Option<Numbers>,
    /// Numbers of the weight
    #[arg(long, value_name = "N,..", value_parser = numbers, allow_hyphen_values = true)]
    weight: Option<Numbers>,
    /// Spoil one of the four ways, to see that it is noticed
    #[arg(long = "break", value_name = "WAY", value_enum)]
    broken: Option<Way>,
    /// Show these parts alone
    #[arg(long, value_name = "PART,..", value_enum, value_delimiter = ',')]
    show: Vec<Part>,
    /// Write a page to play with, one file that needs no network; what --show names is printed, else
    /// nothing but where the page is
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Padding {
    Numbers([usize; 2]),
    Same,
    SameLower,
    Valid,
}

impl Padding {
    fn word(self) -> &'static str {
        match self {
            Self::Numbers(_) => "in numbers",
            Self::Same => "same",
            Self::SameLower => "same-lower",
            Self::Valid => "valid",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Dialect {
    Pytorch,
    Tensorflow,
    Keras,
    Mxnet,
    Caffe,
    Onnx,
    Jax,
    Chainer,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Way {
    Dense,
    Columns,
    Zeros,
    Autograd,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    Sizes,
    Matrix,
    Ways,
    Explain,
    Dialects,
    Health,
}

impl From<Part> for Section {
    fn from(part: Part) -> Self {
        match part {
            Part::Sizes => Self::Sizes,
            Part::Matrix => Self::Matrix,
            Part::Ways => Self::Ways,
            Part::Explain => Self::Explanation,
            Part::Dialects => Self::Dialects,
            Part::Health => Self::Health,
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
    let (layer, words, geometry) = match &args.layer {
        LayerArgs::Health(args) => return health::run(args),
        LayerArgs::Conv { input, words } => {
            if words.output.is_some() || words.output_padding.is_some() {
                let expected = "no --output or --output-padding, which are of deconv";
                return Err(Refusal::expected("conv", expected, "one of them").into());
            }
            (Layer::Conv, words, words.rule(Layer::Conv)?.conv(*input))
        }
        LayerArgs::Deconv { input, words } => (Layer::Deconv, words, {
            let rule = words.rule(Layer::Deconv)?;
            match words.output {
                Some(output) => rule.transposed_to(*input, output),
                None => rule.transposed(*input),
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
    let subject = Subject::new(geometry, given(&words.x), given(&words.y), given(&words.weight))?;
    let broken = words.broken.map(|way| match way {
        Way::Dense => Path::Dense,
        Way::Columns => Path::Columns,
        Way::Zeros => Path::ZeroInsertion,
        Way::Autograd => Path::Autograd,
    });
    let report = Report::new(layer, &subject, broken, words.explain)?;
    let code = if report.disagree.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    if let Some(path) = &words.html {
        write_whole(path, report.page(&subject).as_bytes())?;
    }
    if words.json {
        let json = serde_json::to_string(&report).expect("numbers and names have a JSON form");
        say::line(json)?;
        return Ok(code);
    }
    let mut sections: Vec<Section> = words.show.iter().map(|&part| part.into()).collect();
    match &words.html {
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

impl Words {
    /// The arguments as their dialect reads them.
    fn rule(&self, layer: Layer) -> Result<Box<dyn ConvSpec>, Refusal> {
        let Self { kernel, stride, dilation, padding, output_padding, .. } = *self;
        let named = |expected: &str, found: String| {
            let name = self.dialect.to_possible_value().expect("no variant is skipped");
            Refusal::expected(name.get_name(), expected, found)
        };
        let refuse = |expected: &str| {
            named(expected, format!("padding {}", padding.map_or("none", Padding::word)))
        };
        let numbers = match padding {
            None => Some([0, 0]),
            Some(Padding::Numbers(numbers)) => Some(numbers),
            Some(_) => None,
        };
        let in_numbers = || numbers.ok_or_else(|| refuse("padding in numbers"));
        let added = output_padding.unwrap_or([0, 0]);
        let takes_none = [Dialect::Tensorflow, Dialect::Caffe, Dialect::Jax, Dialect::Chainer];
        if output_padding.is_some() && takes_none.contains(&self.dialect) {
            let expected = "no output_padding, which it does not have";
            return Err(named(expected, format!("{added:?}")));
        }
        Ok(match self.dialect {
            Dialect::Pytorch => {
                let pad = match (padding, numbers) {
                    (_, Some(pad)) => pad,
                    (Some(Padding::Valid), _) if layer == Layer::Conv => [0, 0],
                    (Some(Padding::Same), _) if layer == Layer::Conv && stride == [1, 1] => {
                        let kernels = Kernel::both(kernel, stride, dilation);
                        return Ok(Box::new(Same { kernels, odd_side: OddSide::After }));
                    }
                    _ => {
                        return Err(refuse(
                            "padding in numbers, or of a convolution valid or, with a stride of \
                             1, same; --dialect tensorflow, keras, onnx and jax have same for \
                             every stride",
                        ));
                    }
                };
                let window = Window {
                    stride,
                    dilation,
                    pad_before: pad,
                    pad_after: pad,
                    ..Window::new(kernel)
                };
                Box::new(window.output_padding(added))
            }
            Dialect::Tensorflow => {
                let padding = match (padding, numbers) {
                    (None | Some(Padding::Valid), _) => tensorflow::Padding::Valid,
                    (Some(Padding::Same), _) => tensorflow::Padding::Same,
                    (_, Some(pad)) => tensorflow::Padding::Explicit { before: pad, after: pad },
                    _ => return Err(refuse("same, valid or numbers")),
                };
                let new = TensorFlow::new(kernel, padding);
                Box::new(TensorFlow { strides: stride, dilations: dilation, ..new })
            }
            Dialect::Keras => {
                let padding = match padding {
                    None | Some(Padding::Valid) => keras::Padding::Valid,
                    Some(Padding::Same) => keras::Padding::Same,
                    _ => return Err(refuse("same or valid")),
                };
                let (strides, dilation_rate) = (stride, dilation);
                Box::new(Keras {
                    strides,
                    dilation_rate,
                    output_padding,
                    ..Keras::new(kernel, padding)
                })
            }
            Dialect::Mxnet => {
                let (pad, dilate, adj) = (in_numbers()?, dilation, added);
                Box::new(MxNet { stride, dilate, pad, adj, ..MxNet::new(kernel) })
            }
            Dialect::Caffe => {
                Box::new(Caffe { stride, dilation, pad: in_numbers()?, ..Caffe::new(kernel) })
            }
            Dialect::Onnx => {
                let padding = match (padding, numbers) {
                    (Some(Padding::Same), _) => onnx::Padding::SameUpper,
                    (Some(Padding::SameLower), _) => onnx::Padding::SameLower,
                    (_, Some(pad)) => onnx::Padding::Pads { before: pad, after: pad },
                    _ => onnx::Padding::Valid,
                };
                let (strides, dilations) = (stride, dilation);
                let new = Onnx::new(kernel, padding);
                Box::new(Onnx { strides, dilations, output_padding: added, ..new })
            }
            Dialect::Jax => {
                let padding = match (padding, numbers) {
                    (None | Some(Padding::Valid), _) => jax::Padding::Valid,
                    (Some(Padding::Same), _) => jax::Padding::Same,
                    (Some(Padding::SameLower), _) => jax::Padding::SameLower,
                    (_, Some(pad)) => jax::Padding::Pairs { before: pad, after: pad },
                    _ => return Err(refuse("same, same-lower, valid or numbers")),
                };
                Box::new(Jax {
                    strides: stride,
                    rhs_dilation: dilation,
                    ..Jax::new(kernel, padding)
                })
            }
            Dialect::Chainer => {
                let (pad, dilate) = (in_numbers()?, dilation);
                Box::new(Chainer { stride, pad, dilate, ..Chainer::new(kernel) })
            }
        })
    }
}

fn padding(text: &str) -> Result<Padding, String> {
    match text.to_lowercase().as_str() {
        "same" | "same_upper" => Ok(Padding::Same),
        "same-lower" | "same_lower" => Ok(Padding::SameLower),
        "valid" => Ok(Padding::Valid),
        _ => options::pair(text).map(Padding::Numbers),
    }
}

fn place(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected a row and a column, as 2,3, found {text:?}");
    let (y, x) = text.split_once(',').ok_or_else(refuse)?;
    let number = |text: &str| text.trim().parse().map_err(|_| refuse());
    Ok([number(y)?, number(x)?])
}

fn numbers(text: &str) -> Result<Numbers, String> {
    let refuse = || format!("expected whole numbers, as 1,0,-2, found {text:?}");
    let numbers = text.split(',').map(|number| number.trim().parse().map_err(|_| refuse()));
    numbers.collect::<Result<_, _>>().map(Numbers)
}
