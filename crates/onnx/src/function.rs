//! Functions of one number.

use crate::graph::{Graph, float};
use mirrorgrad_autograd::record::Function;

/// Writes `function` of the value `x`; `None` if there are no words for it.
pub(crate) fn write(graph: &mut Graph, path: &str, function: Function, x: &str) -> Option<String> {
    let op = match function {
        Function::Exp => "Exp",
        Function::Ln => "Log",
        Function::Sqrt => "Sqrt",
        Function::Abs => "Abs",
        Function::Tanh => "Tanh",
        Function::Sigmoid => "Sigmoid",
        Function::Relu => "Relu",
        Function::Softplus => "Softplus",
        Function::Erf => "Erf",
        Function::LeakyRelu(slope) => {
            return Some(graph.node(path, "LeakyRelu", &[x], vec![float("alpha", slope)]));
        }
        Function::Power(n) => {
            let exponent = graph.number(path, f64::from(n));
            return Some(graph.node(path, "Pow", &[x, &exponent], vec![]));
        }
        Function::Clamp(low, high) => {
            let (low, high) = (graph.number(path, low), graph.number(path, high));
            return Some(graph.node(path, "Clip", &[x, &low, &high], vec![]));
        }
        Function::Gelu => {
            // The operator of this name is newer than the operators used here.
            let scaled = affine(graph, path, [std::f64::consts::FRAC_1_SQRT_2, 0.0], x);
            let erf = graph.node(path, "Erf", &[&scaled], vec![]);
            let normal = affine(graph, path, [0.5, 0.5], &erf);
            return Some(graph.node(path, "Mul", &[x, &normal], vec![]));
        }
        _ => return None,
    };
    Some(graph.node(path, op, &[x], vec![]))
}

/// Writes `slope · x + offset`.
pub(crate) fn affine(graph: &mut Graph, path: &str, [slope, offset]: [f64; 2], x: &str) -> String {
    let mut value = x.to_string();
    for (op, number, neutral) in [("Mul", slope, 1.0), ("Add", offset, 0.0)] {
        if number != neutral {
            let number = graph.number(path, number);
            value = graph.node(path, op, &[&value, &number], vec![]);
        }
    }
    value
}
