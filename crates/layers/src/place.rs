//! A layer as messages name it. Nothing is put into words unless there is something to say.

use crate::Pass;
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, Geometry, GeometryError};

/// A layer's kind, and where in the network it stands.
pub(crate) struct Place<'a> {
    kind: &'static str,
    path: &'a str,
}

impl<'a> Place<'a> {
    /// Of the layer that runs in this pass.
    pub fn new<T: Element>(kind: &'static str, pass: &'a Pass<T>) -> Self {
        Self { kind, path: pass.path() }
    }

    /// Panics with a message that begins with the layer.
    #[track_caller]
    pub fn refuse(&self, what: impl std::fmt::Display) -> ! {
        match self.path {
            "" => panic!("{}: {what}", self.kind),
            path => panic!("{path}: {}: {what}", self.kind),
        }
    }

    /// Height and width of an input with the layer's channels, if it has a number of them.
    #[track_caller]
    pub fn input_size<T: Element>(&self, channels: Option<usize>, x: &Var<T>) -> [usize; 2] {
        match *x.shape() {
            [_, own, height, width] if channels.is_none_or(|wanted| own == wanted) => {
                [height, width]
            }
            ref shape => {
                let channels = channels.map_or("channels".into(), |channels| channels.to_string());
                self.refuse(format_args!(
                    "expected an input of shape [batch, {channels}, height, width], got {shape:?}"
                ))
            }
        }
    }

    /// The geometry that a window has found.
    #[track_caller]
    pub fn fit(&self, geometry: Result<Geometry, GeometryError>) -> Geometry {
        match geometry {
            Ok(geometry) => geometry,
            Err(error) => self.refuse(error),
        }
    }
}
