//! The engine for plans.

use super::format::{Kind, Op, Plan, Size, Step, Values};
use super::kernels::{self, View};
use super::read::read;
use crate::error::{Error, ErrorKind, Result};
use crate::predict::{Engine, Signature};
use crate::tensor::{Data, ElementType, Tensor, shape_text};
use nearside_kernels::Panels;

/// The most values that one buffer may hold: 1 GiB of float32.
const MAX_VALUES: usize = 1 << 28;

/// How many inputs a step has at most, as a rule.
const FEW: usize = 4;

/// Runs a plan.
pub struct PlanEngine {
    plan: Plan,
    signature: Signature,
    /// For each step, its constant matrix as the kernel reads it.
    panels: Vec<Option<Panels>>,
    /// The buffers behind the constants.
    buffers: Vec<Values>,
    /// The outputs of a step while it runs.
    made: Vec<Values>,
    /// The sizes that the last call chose, and the shape of every tensor for them.
    chosen: Option<[usize; Size::SYMBOLS]>,
    shapes: Vec<Vec<usize>>,
}

impl PlanEngine {
    /// An engine for the bytes of a plan. Fails with `invalid-model` when they are none, or contradict themselves.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        Self::from_plan(read(bytes)?)
    }

    /// An engine for a plan.
    pub fn from_plan(plan: Plan) -> Result<Self> {
        check(&plan)?;
        let panels = plan.steps.iter().map(|step| panels(&plan, step)).collect();
        let port = |port: &super::PlanPort| port.port.clone();
        let signature = Signature {
            inputs: plan.inputs.iter().map(port).collect(),
            outputs: plan.outputs.iter().map(port).collect(),
        };
        let buffers = vec![Values::F32(vec![]); plan.buffers];
        Ok(Self { plan, signature, panels, buffers, made: Vec::new(), chosen: None, shapes: Vec::new() })
    }

    /// The sizes that the inputs choose.
    fn choose(&self, inputs: &[Tensor]) -> Result<[usize; Size::SYMBOLS]> {
        let mut chosen = [None; Size::SYMBOLS];
        for (port, tensor) in self.plan.inputs.iter().zip(inputs) {
            let wanted = &self.plan.spots[port.spot].shape;
            let shape = tensor.shape();
            let wrong = |why: &str| {
                let error = Error::new(ErrorKind::WrongShape, format!("the shape {} {why}", shape_text(shape)))
                    .item(&port.port.name);
                error.help("send the values with the shape that the model takes")
            };
            if wanted.len() != shape.len() {
                return Err(wrong(&format!("where the model takes {} axes", wanted.len())));
            }
            for (size, &given) in wanted.iter().zip(shape) {
                // An input's size is a number, or one of the sizes that it may choose.
                match size.powers.iter().position(|&power| power > 0) {
                    None if size.factor == given => {}
                    None => return Err(wrong(&format!("where the model takes {}", size.factor))),
                    Some(symbol) => match chosen[symbol].replace(given) {
                        Some(before) if before != given => return Err(wrong("does not fit the other inputs")),
                        _ => {}
                    },
                }
            }
        }
        Ok(chosen.map(|size| size.unwrap_or(1)))
    }

    /// The shapes of everything for these sizes.
    fn settle(&mut self, chosen: [usize; Size::SYMBOLS]) -> Result<()> {
        if self.chosen == Some(chosen) {
            return Ok(());
        }
        let too_large = || {
            let error = Error::new(ErrorKind::WrongShape, "a tensor inside the model would be too large");
            error.help("send fewer rows at once")
        };
        let mut shapes = Vec::with_capacity(self.plan.spots.len());
        for spot in &self.plan.spots {
            let shape: Option<Vec<usize>> = spot.shape.iter().map(|size| size.of(&chosen)).collect();
            let shape = shape.ok_or_else(too_large)?;
            let length = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size));
            length.filter(|&length| length <= MAX_VALUES).ok_or_else(too_large)?;
            shapes.push(shape);
        }
        (self.shapes, self.chosen) = (shapes, Some(chosen));
        Ok(())
    }

    fn step(&mut self, index: usize) -> Result<()> {
        let Step { op, inputs, outputs } = &self.plan.steps[index];
        let constants = self.plan.constants.len();
        let mut made = std::mem::take(&mut self.made);
        for &output in outputs {
            let spot = &self.plan.spots[output];
            let length = self.shapes[output].iter().product();
            let buffer = std::mem::replace(&mut self.buffers[spot.buffer - constants], Values::F32(vec![]));
            made.push(fitted(buffer, spot.kind, length));
        }
        let view = |&place: &usize| {
            let spot = &self.plan.spots[place];
            let values = match spot.buffer.checked_sub(constants) {
                None => &self.plan.constants[spot.buffer].values,
                Some(buffer) => &self.buffers[buffer],
            };
            View { values, shape: &self.shapes[place] }
        };
        // Nearly every step has few inputs and one output: no list is made for those.
        let (few, many): ([View<'_>; FEW], Vec<View<'_>>);
        let views = match inputs.len() {
            count @ 1..=FEW => {
                few = std::array::from_fn(|place| view(&inputs[place.min(count - 1)]));
                &few[..count]
            }
            _ => {
                many = inputs.iter().map(view).collect();
                many.as_slice()
            }
        };
        let (one, several): ([&[usize]; 1], Vec<&[usize]>);
        let shapes = match outputs.as_slice() {
            &[output] => {
                one = [self.shapes[output].as_slice()];
                one.as_slice()
            }
            outputs => {
                several = outputs.iter().map(|&output| self.shapes[output].as_slice()).collect();
                several.as_slice()
            }
        };
        match op {
            Op::Trees { forest } => kernels::trees(&self.plan.forests[*forest], views, &mut made)?,
            op => kernels::run(op, views, self.panels[index].as_ref(), &mut made, shapes)?,
        }
        for (&output, values) in outputs.iter().zip(made.drain(..)) {
            self.buffers[self.plan.spots[output].buffer - constants] = values;
        }
        self.made = made;
        Ok(())
    }
}

impl Engine for PlanEngine {
    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>> {
        if inputs.len() != self.plan.inputs.len() {
            let message = format!("{} inputs for a model that takes {}", inputs.len(), self.plan.inputs.len());
            return Err(Error::new(ErrorKind::WrongInput, message));
        }
        for (port, tensor) in self.signature.inputs.iter().zip(&inputs) {
            if tensor.element_type() != port.element_type {
                let (given, takes) = (tensor.element_type().name(), port.element_type.name());
                let error = Error::new(ErrorKind::WrongType, format!("{given} where the model takes {takes}"));
                return Err(error.item(&port.name).help(format!("send it with type \"{takes}\"")));
            }
        }
        let chosen = self.choose(&inputs)?;
        self.settle(chosen)?;
        let constants = self.plan.constants.len();
        for (port, tensor) in self.plan.inputs.iter().zip(inputs) {
            self.buffers[self.plan.spots[port.spot].buffer - constants] = values(tensor.into_data())?;
        }
        for index in 0..self.plan.steps.len() {
            self.step(index)?;
        }
        let output = |port: &super::PlanPort| {
            let spot = &self.plan.spots[port.spot];
            let found = match spot.buffer.checked_sub(constants) {
                None => &self.plan.constants[spot.buffer].values,
                Some(buffer) => &self.buffers[buffer],
            };
            Tensor::new(self.shapes[port.spot].clone(), data(found, port.port.element_type)?)
        };
        self.plan.outputs.iter().map(output).collect()
    }
}

/// A buffer of that kind and length. What it held is of no use any more.
fn fitted(buffer: Values, kind: Kind, length: usize) -> Values {
    match (buffer, kind) {
        (Values::F32(mut values), Kind::F32) => {
            values.resize(length, 0.0);
            Values::F32(values)
        }
        (Values::I64(mut values), Kind::I64) => {
            values.resize(length, 0);
            Values::I64(values)
        }
        (Values::Text(mut values), Kind::Text) => {
            values.resize(length, String::new());
            Values::Text(values)
        }
        (_, Kind::F32) => Values::F32(vec![0.0; length]),
        (_, Kind::I64) => Values::I64(vec![0; length]),
        (_, Kind::Text) => Values::Text(vec![String::new(); length]),
    }
}

fn unfit(element: ElementType) -> Error {
    let error = Error::new(ErrorKind::WrongType, format!("plans do not hold {}", element.name()));
    error.help("load the model with the engine \"tract\"")
}

/// The values of a tensor as plans hold them.
fn values(data: Data) -> Result<Values> {
    macro_rules! whole {
        ($values:expr) => {
            Values::I64($values.into_iter().map(i64::from).collect())
        };
    }
    Ok(match data {
        Data::F32(values) => Values::F32(values),
        Data::Bool(values) => Values::F32(values.into_iter().map(|value| f32::from(u8::from(value))).collect()),
        Data::I64(values) => Values::I64(values),
        Data::I32(values) => whole!(values),
        Data::I16(values) => whole!(values),
        Data::I8(values) => whole!(values),
        Data::U32(values) => whole!(values),
        Data::U16(values) => whole!(values),
        Data::U8(values) => whole!(values),
        Data::Text(values) => Values::Text(values),
        Data::F64(_) | Data::U64(_) => return Err(unfit(data.element_type())),
    })
}

/// The values of an output in the type that the model gives.
fn data(values: &Values, element: ElementType) -> Result<Data> {
    Ok(match (values, element) {
        (Values::F32(values), ElementType::F32) => Data::F32(values.clone()),
        (Values::F32(values), ElementType::Bool) => Data::Bool(values.iter().map(|&value| value != 0.0).collect()),
        (Values::I64(values), ElementType::I64) => Data::I64(values.clone()),
        (Values::I64(values), ElementType::I32) => Data::I32(values.iter().map(|&value| value as i32).collect()),
        (Values::I64(values), ElementType::U8) => Data::U8(values.iter().map(|&value| value as u8).collect()),
        (Values::I64(values), ElementType::I8) => Data::I8(values.iter().map(|&value| value as i8).collect()),
        (Values::Text(values), ElementType::Text) => Data::Text(values.clone()),
        _ => return Err(unfit(element)),
    })
}

/// The constant matrix of a product, as the kernel reads it.
fn panels(plan: &Plan, step: &Step) -> Option<Panels> {
    let Op::MatMul { turned, .. } = step.op else { return None };
    let spot = &plan.spots[*step.inputs.get(1)?];
    let Values::F32(values) = &plan.constants.get(spot.buffer)?.values else { return None };
    match spot.shape[..] {
        [rows, columns] if turned => Some(Panels::turned(values, columns.factor, rows.factor)),
        [rows, columns] => Some(Panels::new(values, rows.factor, columns.factor)),
        _ => None,
    }
}

fn broken(why: &str) -> Error {
    Error::new(ErrorKind::InvalidModel, format!("the plan {why}")).help("pack the model again")
}

/// What must hold of a plan before its steps run: every place is there, constants fill their shapes and are not written,
/// and no step writes where it reads.
fn check(plan: &Plan) -> Result<()> {
    let (constants, buffers) = (plan.constants.len(), plan.constants.len() + plan.buffers);
    for spot in &plan.spots {
        if spot.buffer >= buffers {
            return Err(broken("names a buffer that is not there"));
        }
        if let Some(constant) = plan.constants.get(spot.buffer) {
            let fixed = spot.shape.iter().all(|size| size.powers == [0; Size::SYMBOLS]);
            let length = spot.shape.iter().try_fold(1usize, |product, size| product.checked_mul(size.factor));
            if !fixed || length != Some(constant.values.len()) || constant.values.kind() != spot.kind {
                return Err(broken("has a constant that does not fill its shape"));
            }
        }
    }
    let spot = |place: usize| plan.spots.get(place).ok_or_else(|| broken("names a tensor that is not there"));
    for port in plan.inputs.iter().chain(&plan.outputs) {
        spot(port.spot)?;
    }
    for port in &plan.inputs {
        if spot(port.spot)?.buffer < constants {
            return Err(broken("takes a constant as an input"));
        }
    }
    for step in &plan.steps {
        for &input in &step.inputs {
            spot(input)?;
        }
        for (at, &output) in step.outputs.iter().enumerate() {
            let buffer = spot(output)?.buffer;
            let read = step.inputs.iter().any(|&input| plan.spots[input].buffer == buffer);
            let twice = step.outputs[..at].iter().any(|&other| plan.spots[other].buffer == buffer);
            if buffer < constants || read || twice {
                return Err(broken("writes where it must not"));
            }
        }
        if matches!(step.op, Op::Trees { forest } if forest >= plan.forests.len()) {
            return Err(broken("names a forest that is not there"));
        }
    }
    Ok(())
}
