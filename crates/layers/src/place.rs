//! Where in a network a layer stands, for messages. Nothing is put into words unless there is one.

use crate::Param;
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, Geometry, GeometryError};
use std::cell::RefCell;
use std::sync::Arc;

thread_local! {
    /// The parts of networks that run on this thread, outermost first.
    static INSIDE: RefCell<Vec<(Arc<str>, usize)>> = const { RefCell::new(Vec::new()) };
}

/// While it lives, what runs on this thread is part `path` and a number: a path for layers that have no
/// parameters to be known by.
pub(crate) struct Inside(());

impl Inside {
    pub fn part(path: &Arc<str>, number: usize) -> Self {
        INSIDE.with_borrow_mut(|inside| inside.push((Arc::clone(path), number)));
        Self(())
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.with_borrow_mut(Vec::pop);
    }
}

/// A layer as messages name it: its path, as its parameter was named last, and its kind.
pub(crate) struct Place<'a, T: Element> {
    kind: &'static str,
    param: Option<&'a Param<T>>,
}

impl<'a, T: Element> Place<'a, T> {
    /// Of a layer with parameters.
    pub fn of(kind: &'static str, param: &'a Param<T>) -> Self {
        Self { kind, param: Some(param) }
    }

    /// Of a layer without.
    pub fn without_params(kind: &'static str) -> Self {
        Self { kind, param: None }
    }

    /// Panics with a message that begins with the layer.
    #[track_caller]
    pub fn refuse(&self, what: impl std::fmt::Display) -> ! {
        let path = self.param.map(Param::layer).filter(|path| !path.is_empty());
        match path.unwrap_or_else(part).as_str() {
            "" => panic!("{}: {what}", self.kind),
            path => panic!("{path}: {}: {what}", self.kind),
        }
    }

    /// Height and width of an input with the layer's channels, if it has a number of them.
    #[track_caller]
    pub fn input_size(&self, channels: Option<usize>, x: &Var<T>) -> [usize; 2] {
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

/// The path of the innermost part that runs.
fn part() -> String {
    let deeper = |outer: String, (path, number): &(Arc<str>, usize)| match outer.as_str() {
        outer if path.is_empty() && !outer.is_empty() => format!("{outer}.{number}"),
        _ => format!("{path}{number}"),
    };
    INSIDE.with_borrow(|inside| inside.iter().fold(String::new(), deeper))
}
