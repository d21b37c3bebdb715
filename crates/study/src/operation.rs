//! One operation on named tensors: its value, its gradients, and theirs.

use crate::attributes::Attributes;
use crate::plan::{Operands, Plan, Request};
use crate::{Array, Arrays, Refusal};
use mirrorgrad_autograd::Var;
use mirrorgrad_layers::weights::short;
use mirrorgrad_tensor::{Element, PoolIndices, Tensor};
use std::collections::BTreeMap;

/// What an operation takes. Of its tensors, a name with `?` may be missing.
struct Operation {
    name: &'static str,
    differentiable: &'static [&'static str],
    constants: &'static [&'static str],
    attributes: &'static [&'static str],
}

const POOL: &[&str] = &["kernel", "stride", "padding", "dilation", "ceil_mode"];

const OPERATIONS: [Operation; 10] = [
    Operation {
        name: "conv2d",
        differentiable: &["input", "weight", "bias?"],
        constants: &[],
        attributes: &["stride", "padding", "dilation", "groups"],
    },
    Operation {
        name: "conv_transpose2d",
        differentiable: &["input", "weight", "bias?"],
        constants: &[],
        attributes: &[
            "stride",
            "padding",
            "dilation",
            "groups",
            "output_padding",
            "output_size",
            "target_shape",
        ],
    },
    Operation { name: "max_pool2d", differentiable: &["input"], constants: &[], attributes: POOL },
    Operation {
        name: "max_unpool2d",
        differentiable: &["input"],
        constants: &["indices"],
        attributes: &["kernel", "stride", "padding", "output_size"],
    },
    Operation {
        name: "avg_pool2d",
        differentiable: &["input"],
        constants: &[],
        attributes: &["kernel", "stride", "padding", "dilation", "ceil_mode", "count_include_pad"],
    },
    Operation {
        name: "upsample_bilinear2d",
        differentiable: &["input"],
        constants: &[],
        attributes: &["output_size", "align_corners"],
    },
    Operation {
        name: "upsample_nearest2d",
        differentiable: &["input"],
        constants: &[],
        attributes: &["output_size"],
    },
    Operation {
        name: "batch_norm2d",
        differentiable: &["input", "weight?", "bias?"],
        constants: &[],
        attributes: &["eps"],
    },
    Operation {
        name: "group_norm",
        differentiable: &["input", "weight?", "bias?"],
        constants: &[],
        attributes: &["num_groups", "eps"],
    },
    Operation {
        name: "cross_entropy2d",
        differentiable: &["input"],
        constants: &["target", "weight?"],
        attributes: &["ignore_index", "label_smoothing", "reduction"],
    },
];

/// Tensors that a request has at most, whatever its operation: above, their number is what is wrong.
const MOST_NAMES: usize = 16;
/// Most bytes that a request may want at one time, by an estimate from above.
const MOST_BYTES: u128 = 3 << 29;
/// Most multiply-adds of a request, gradients included: seconds.
const MOST_WORK: u128 = 2_000_000_000;

/// Does the operation called `name`, with `attributes` in JSON, to the tensors of `inputs`.
///
/// The result holds `output` (and `indices` of a max pool). If there is a `grad_output`, it also holds
/// `grad_NAME` for every differentiable operand; if there are `grad_grad_NAME`s v, also the gradients of
/// Σ⟨grad_NAME, v_NAME⟩: `second_NAME` and `second_grad_output`.
///
/// ```
/// # use mirrorgrad_study::{Array, Arrays, operate};
/// # use mirrorgrad_tensor::Tensor;
/// let plane = |side: usize, values: &[f64]| Array::F64(Tensor::new([1, 1, side, side], values));
/// let mut inputs = Arrays::from([("input".to_owned(), plane(1, &[2.0]))]);
/// inputs.insert("weight".to_owned(), plane(2, &[1.0, 2.0, 3.0, 4.0]));
/// inputs.insert("grad_output".to_owned(), plane(2, &[1.0; 4]));
/// let made = operate("conv_transpose2d", "{}", &inputs)?;
/// assert_eq!(made["output"], plane(2, &[2.0, 4.0, 6.0, 8.0]));
/// assert_eq!(made["grad_input"], plane(1, &[10.0]));
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
///
/// # Errors
/// If the name, an attribute, a tensor, a type or a shape is not what it should be, or the request is
/// too large.
pub fn operate(name: &str, attributes: &str, inputs: &Arrays) -> Result<Arrays, Refusal> {
    let operation = Operation::called(name)?;
    let attributes = Attributes::parse(attributes, operation.attributes)?;
    if is_double(inputs) {
        Ok(operation.prepare::<f64>(&attributes, inputs)?.compute())
    } else {
        Ok(operation.prepare::<f32>(&attributes, inputs)?.compute())
    }
}

/// The multiply-adds that [`operate`] would take, by an estimate from above, or why it would refuse.
///
/// ```
/// # use mirrorgrad_study::{Array, Arrays, work};
/// # use mirrorgrad_tensor::Tensor;
/// let zeros = |shape: [usize; 4]| Array::F32(Tensor::zeros(shape));
/// let mut inputs = Arrays::from([("input".to_owned(), zeros([1, 3, 8, 8]))]);
/// inputs.insert("weight".to_owned(), zeros([4, 3, 3, 3]));
/// // The window has 6 x 6 positions, and each of the weight's 108 numbers is used at each.
/// assert_eq!(work("conv2d", "{}", &inputs)?, 36 * 108);
/// // With gradients it is three times as much.
/// inputs.insert("grad_output".to_owned(), zeros([1, 4, 6, 6]));
/// assert_eq!(work("conv2d", "{}", &inputs)?, 3 * 36 * 108);
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
///
/// # Errors
/// As [`operate`].
pub fn work(name: &str, attributes: &str, inputs: &Arrays) -> Result<u128, Refusal> {
    let operation = Operation::called(name)?;
    let attributes = Attributes::parse(attributes, operation.attributes)?;
    if is_double(inputs) {
        Ok(operation.prepare::<f64>(&attributes, inputs)?.work())
    } else {
        Ok(operation.prepare::<f32>(&attributes, inputs)?.work())
    }
}

fn is_double(inputs: &Arrays) -> bool {
    inputs.values().any(|array| matches!(array, Array::F64(_)))
}

/// A floating type as an [`Array`].
trait Float: Element {
    fn of_array(array: &Array) -> Option<&Tensor<Self>>;
    fn into_array(tensor: Tensor<Self>) -> Array;
}

impl Float for f32 {
    fn of_array(array: &Array) -> Option<&Tensor<f32>> {
        if let Array::F32(tensor) = array { Some(tensor) } else { None }
    }

    fn into_array(tensor: Tensor<f32>) -> Array {
        Array::F32(tensor)
    }
}

impl Float for f64 {
    fn of_array(array: &Array) -> Option<&Tensor<f64>> {
        if let Array::F64(tensor) = array { Some(tensor) } else { None }
    }

    fn into_array(tensor: Tensor<f64>) -> Array {
        Array::F64(tensor)
    }
}

fn float<T: Float>(name: &str, array: &Array) -> Result<Tensor<T>, Refusal> {
    let expected = || format!("{}, as all floating tensors of a request", T::NAME.to_uppercase());
    let tensor =
        T::of_array(array).ok_or_else(|| Refusal::expected(name, expected(), array.dtype()))?;
    if tensor.is_empty() {
        return Err(Refusal::expected(
            name,
            "at least one element",
            format!("{:?}", array.shape()),
        ));
    }
    Ok(tensor.clone())
}

/// The names of a list that are there, without their marks.
fn present(names: &'static [&'static str], inputs: &Arrays) -> Result<Vec<&'static str>, Refusal> {
    let mut found = Vec::new();
    for name in names {
        let plain = name.trim_end_matches('?');
        if inputs.contains_key(plain) {
            found.push(plain);
        } else if plain == *name {
            return Err(Refusal::expected("tensors", format!("one called {name:?}"), "none"));
        }
    }
    Ok(found)
}

/// A request that makes sense and is not too large.
struct Prepared<T: Element> {
    names: Vec<&'static str>,
    operands: Operands<T>,
    plan: Plan<T>,
    wanted: Wanted<T>,
}

impl<T: Float> Prepared<T> {
    /// Multiply-adds, of which every number of the output is one at least.
    fn work(&self) -> u128 {
        let output = self.plan.output.iter().map(|&size| size as u128).product();
        self.plan.work.max(output).saturating_mul(self.wanted.passes())
    }

    fn compute(&self) -> Arrays {
        self.wanted.compute(&self.names, &self.operands, &self.plan)
    }
}

impl Operation {
    fn called(name: &str) -> Result<&'static Self, Refusal> {
        OPERATIONS.iter().find(|operation| operation.name == name).ok_or_else(|| {
            let names: Vec<_> = OPERATIONS.iter().map(|operation| operation.name).collect();
            Refusal::expected("operation", format!("one of {names:?}"), format!("{name:?}"))
        })
    }

    fn prepare<T: Float>(
        &self,
        attributes: &Attributes,
        inputs: &Arrays,
    ) -> Result<Prepared<T>, Refusal> {
        let names = present(self.differentiable, inputs)?;
        let constants = present(self.constants, inputs)?;
        self.check_names(&names, &constants, inputs)?;
        let operand =
            |name: &&'static str| Ok((*name, Var::parameter(float(name, &inputs[*name])?)));
        let operands: Operands<T> = names.iter().map(operand).collect::<Result<_, Refusal>>()?;
        let constants: BTreeMap<_, _> =
            constants.iter().map(|name| (*name, &inputs[*name])).collect();
        let request = Request { operands: &operands, constants: &constants, attributes };
        let plan = self.plan(&request)?;
        let wanted = Wanted::read(&names, &plan.output, &operands, inputs)?;
        check_cost(&plan, &operands, &wanted)?;
        Ok(Prepared { names, operands, plan, wanted })
    }

    fn check_names(
        &self,
        names: &[&str],
        constants: &[&str],
        inputs: &Arrays,
    ) -> Result<(), Refusal> {
        let known = |name: &str| {
            let of = name.strip_prefix("grad_grad_");
            name == "grad_output"
                || names.contains(&name)
                || constants.contains(&name)
                || of.is_some_and(|of| names.contains(&of))
        };
        match inputs.keys().find(|name| !known(name)) {
            None => Ok(()),
            Some(name) => {
                let all = [self.differentiable, self.constants].concat();
                let expected =
                    format!("{all:?}, grad_output, or grad_grad_ of what is differentiated");
                let found = match inputs.len() {
                    count if count > MOST_NAMES => format!("{count}, {:?} among them", short(name)),
                    _ => format!("{:?}", short(name)),
                };
                Err(Refusal::expected("tensors", expected, found))
            }
        }
    }

    fn plan<T: Float>(&self, request: &Request<'_, T>) -> Result<Plan<T>, Refusal> {
        match self.name {
            "conv2d" => request.conv2d(),
            "conv_transpose2d" => request.conv_transpose2d(),
            "max_pool2d" => request.max_pool2d(),
            "max_unpool2d" => request.max_unpool2d(),
            "avg_pool2d" => request.avg_pool2d(),
            "upsample_bilinear2d" => request.upsample_bilinear2d(),
            "upsample_nearest2d" => request.upsample_nearest2d(),
            "batch_norm2d" => request.batch_norm2d(),
            "group_norm" => request.group_norm(),
            "cross_entropy2d" => {
                let weight = request.constants.get("weight");
                request.cross_entropy2d(weight.map(|array| float("weight", array)).transpose()?)
            }
            other => unreachable!("{other} is not in the table"),
        }
    }
}

/// Which derivatives are asked for, and along what.
struct Wanted<T: Element> {
    grad_output: Option<Tensor<T>>,
    directions: BTreeMap<&'static str, Tensor<T>>,
}

impl<T: Float> Wanted<T> {
    fn read(
        names: &[&'static str],
        output: &[usize],
        operands: &Operands<T>,
        inputs: &Arrays,
    ) -> Result<Self, Refusal> {
        let mut grad_output = None;
        if let Some(array) = inputs.get("grad_output") {
            let grad: Tensor<T> = float("grad_output", array)?;
            let scalar = output.is_empty() && grad.shape() == [1];
            if grad.shape() != output && !scalar {
                let expected = format!("the output's shape {output:?}");
                return Err(Refusal::expected(
                    "grad_output",
                    expected,
                    format!("{:?}", grad.shape()),
                ));
            }
            grad_output = Some(grad.reshape(output));
        }
        let mut directions = BTreeMap::new();
        for name in names {
            let called = format!("grad_grad_{name}");
            let Some(array) = inputs.get(&called) else { continue };
            if grad_output.is_none() {
                let found = format!("only {called:?}");
                return Err(Refusal::expected("tensors", "a grad_output", found));
            }
            let direction: Tensor<T> = float(&called, array)?;
            let shape = operands[name].shape();
            if direction.shape() != shape {
                let found = format!("{:?}", direction.shape());
                return Err(Refusal::expected(called, format!("shape {shape:?}"), found));
            }
            directions.insert(*name, direction);
        }
        Ok(Self { grad_output, directions })
    }

    /// How many forward passes all that is asked for is worth, in time and in memory.
    fn passes(&self) -> u128 {
        match (&self.grad_output, self.directions.is_empty()) {
            (None, _) => 1,
            (Some(_), true) => 3,
            (Some(_), false) => 9,
        }
    }

    fn compute(&self, names: &[&'static str], operands: &Operands<T>, plan: &Plan<T>) -> Arrays {
        let (output, indices) = (plan.run)(operands);
        let mut made = Arrays::new();
        let mut put = |name: String, tensor: &Tensor<T>| {
            made.insert(name, T::into_array(tensor.clone()));
        };
        put("output".into(), output.value());
        if let Some(grad) = &self.grad_output {
            let seed = Var::parameter(grad.clone());
            let wrt: Vec<&Var<T>> = names.iter().map(|name| &operands[name]).collect();
            if self.directions.is_empty() {
                // First order alone is what training computes: by the fused kernels.
                let grads = (&output * &seed.detach()).sum().backward();
                for (name, operand) in names.iter().zip(&wrt) {
                    let grad = grads.get(operand).cloned();
                    let grad = grad.unwrap_or_else(|| Tensor::zeros(operand.shape()));
                    put(format!("grad_{name}"), &grad);
                }
            } else {
                let grads = output.grad_with(&seed, &wrt);
                let mut pairing = Var::constant(Tensor::scalar(T::zero()));
                for (name, grad) in names.iter().zip(&grads) {
                    put(format!("grad_{name}"), grad.value());
                    if let Some(direction) = self.directions.get(name) {
                        pairing = pairing + (grad * &Var::constant(direction.clone())).sum();
                    }
                }
                let seconds = pairing.grad(&[&wrt[..], &[&seed]].concat());
                let called = names.iter().copied().chain(["grad_output"]);
                for (name, second) in called.zip(&seconds) {
                    put(format!("second_{name}"), second.value());
                }
            }
        }
        if let Some(indices) = indices {
            made.insert("indices".into(), places(&indices));
        }
        made
    }
}

fn places(indices: &PoolIndices) -> Array {
    let values = indices.as_slice().iter().map(|&place| i64::from(place)).collect();
    Array::I64(indices.shape().to_vec(), values)
}

/// Refuses what would take too much memory or time.
fn check_cost<T: Float>(
    plan: &Plan<T>,
    operands: &Operands<T>,
    wanted: &Wanted<T>,
) -> Result<(), Refusal> {
    let output: u128 = plan.output.iter().map(|&size| size as u128).product();
    let operands: u128 = operands.values().map(|operand| operand.value().len() as u128).sum();
    let (passes, size) = (wanted.passes(), size_of::<T>() as u128);
    let bytes = (operands + output).saturating_mul(size * 2 * passes);
    if output == 0 {
        let found = format!("{:?}", plan.output);
        return Err(Refusal::expected("output", "at least one element", found));
    }
    if bytes > MOST_BYTES {
        let shape = &plan.output;
        let expected = format!("at most {MOST_BYTES} bytes of memory");
        let found = format!("about {bytes}, for an output of shape {shape:?}");
        return Err(Refusal::expected("request", expected, found));
    }
    let work = plan.work.saturating_mul(passes);
    if work > MOST_WORK {
        let expected = format!("at most {MOST_WORK} multiply-adds");
        let found = format!("{work}, for an output of shape {:?}", plan.output);
        return Err(Refusal::expected("request", expected, found));
    }
    Ok(())
}
