//! Why a network cannot be written down.

use std::fmt;

/// Why a network cannot be written down as an ONNX file.
///
/// ```
/// # use mirrorgrad_layers::AdaptiveAvgPool2d;
/// # use mirrorgrad_onnx::{ExportError, Interface, export};
/// let error = export(&AdaptiveAvgPool2d::new([2, 2]), &Interface::new(3)).unwrap_err();
/// assert!(matches!(&error, ExportError::Op { op, .. } if op == "PlaneResample"));
/// let says = "the network: expected an op that ONNX has, found PlaneResample";
/// assert_eq!(error.to_string(), says);
/// ```
///
/// A `main` that returns it prints the same line.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// There are no words for an op.
    #[error("{place}: expected an op that ONNX has, found {op}")]
    Op {
        /// Where in the network.
        place: String,
        /// The op, by its name.
        op: String,
    },
    /// An op is used in a way that ONNX does not know.
    #[error("{place}: {what}")]
    Use {
        /// Where in the network.
        place: String,
        /// What was expected, and what came.
        what: String,
    },
    /// A part holds sizes of one picture.
    #[error(
        "{place}: expected a node that is the same for pictures of all sizes, found one with the sizes or \
         values of one picture; see Pass::record_sizes"
    )]
    Fixed {
        /// The node or constant that differs.
        place: String,
    },
    /// The network does other things to a picture of another size.
    #[error(
        "{place}: expected a network with the same ops for pictures of all sizes, found {found}"
    )]
    Steps {
        /// Where in the network.
        place: String,
        /// What it does to two of them.
        found: String,
    },
    /// The result has nothing to do with the picture.
    #[error("expected a result that depends on the picture, found one that does not")]
    Constant,
}

/// As [`Display`](fmt::Display): it is a `main` that shows it so.
impl fmt::Debug for ExportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
