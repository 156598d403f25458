//! What a predictor needs of an engine. `onnx` implements it with tract.

use crate::error::{Error, ErrorKind, Result};
use crate::tensor::{Port, Tensor};
use serde::{Deserialize, Serialize};

/// What a model takes and gives.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Signature {
    /// The inputs, in the order of the file.
    pub inputs: Vec<Port>,
    /// The outputs, in the order of the file.
    pub outputs: Vec<Port>,
}

/// Something that runs a model.
pub trait Engine {
    /// What the model takes and gives.
    fn signature(&self) -> &Signature;

    /// Runs the model on one tensor per input, in the order of the signature, and gives one tensor per output.
    fn run(&mut self, inputs: Vec<Tensor>) -> Result<Vec<Tensor>>;
}

impl Signature {
    /// Puts named tensors into the order of the inputs. Fails when one is missing, or has a name that the model
    /// does not know.
    pub fn arrange(&self, mut named: Vec<(String, Tensor)>) -> Result<Vec<Tensor>> {
        let help = || {
            let names: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
            format!("the model takes: {}", names.join(", "))
        };
        if let Some((name, _)) = named.iter().find(|(name, _)| !self.inputs.iter().any(|input| &input.name == name)) {
            return Err(Error::new(ErrorKind::WrongInput, "the model has no such input").item(name).help(help()));
        }
        let mut tensors = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            let Some(place) = named.iter().position(|(name, _)| name == &input.name) else {
                return Err(Error::new(ErrorKind::WrongInput, "this input is missing").item(&input.name).help(help()));
            };
            tensors.push(named.swap_remove(place).1);
        }
        Ok(tensors)
    }
}
