//! Plans: every model of the zoo that lowers gives what the engine does, and enough of them lower.

use super::zoo;
use nearside::onnx::lower::{lower, try_out};
use nearside::onnx::{TractEngine, read};
use nearside::plan::{PlanEngine, Weights, write};
use serde_json::Value;
use std::fs;

#[test]
fn models_of_the_zoo_that_lower_are_equal() {
    let Some(zoo) = zoo() else { return };
    let manifest: Value = serde_json::from_slice(&fs::read(zoo.join("manifest.json")).unwrap()).unwrap();
    let (mut lowers, mut not, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for model in manifest["models"].as_array().unwrap() {
        let (name, family) = (model["name"].as_str().unwrap(), model["family"].as_str().unwrap());
        // Convolutions over whole photographs take minutes without optimisation.
        let sets = model["sets"][0]["inputs"].as_object().unwrap();
        let largest =
            sets.values().map(|shape| shape.as_array().unwrap().iter().filter_map(Value::as_u64).product::<u64>());
        if largest.max() > Some(50_000) {
            continue;
        }
        let bytes = fs::read(zoo.join(model["path"].as_str().unwrap()).join("model.onnx")).unwrap();
        let read_again = || read(&bytes).unwrap();
        let plan = match lower(&read_again()) {
            Ok(plan) => plan,
            Err(error) => {
                not.push(format!("{family} {name}: {error}"));
                continue;
            }
        };
        let planned = write(&plan, Weights::Float32).and_then(|bytes| PlanEngine::new(&bytes));
        let outcome = planned.and_then(|mut planned| {
            let mut engine = TractEngine::from_model(read_again())?;
            try_out(&mut planned, &mut engine, &read_again())
        });
        match outcome {
            Ok(()) => lowers.push(format!("{family} {name}")),
            Err(error) => wrong.push(format!("{family} {name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(lowers.len() >= 100, "{} lower; {not:#?}", lowers.len());
}
