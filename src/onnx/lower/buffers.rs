//! Which tensors share a buffer: those that are the same values, and those of one kind whose lives do not overlap. What
//! nothing reads is left out.

use super::draft::{Held, Place};
use crate::plan::{Constant, Kind, Plan, PlanPort, Spot, Step};
use crate::tensor::trees::Forest;
use std::collections::{BTreeSet, HashMap};

/// The plan of a draft.
pub(super) fn assign(
    places: Vec<Place>,
    constants: Vec<Constant>,
    forests: Vec<Forest<f32>>,
    steps: Vec<Step>,
    inputs: Vec<PlanPort>,
    outputs: Vec<PlanPort>,
) -> Plan {
    let steps = needed(&places, steps, &outputs);
    let used: BTreeSet<usize> = steps
        .iter()
        .flat_map(|step| step.inputs.iter().chain(&step.outputs))
        .chain(inputs.iter().chain(&outputs).map(|port| &port.spot))
        .copied()
        .collect();
    // Constants that are used, in order.
    let mut kept: HashMap<usize, usize> = HashMap::new();
    let mut new_constants = Vec::new();
    for &place in &used {
        if let Held::Constant(constant) = places[place].held
            && !kept.contains_key(&constant)
        {
            kept.insert(constant, new_constants.len());
            new_constants.push(constants[constant].clone());
        }
    }
    let lives = lives(&places, &steps, &inputs, &outputs);
    let mut free: HashMap<u8, Vec<usize>> = HashMap::new();
    let mut given: HashMap<usize, usize> = HashMap::new();
    let mut buffers = 0;
    let kind = |kind: Kind| kind as u8;
    let mut take = |group: usize, of: Kind, free: &mut HashMap<u8, Vec<usize>>, given: &mut HashMap<usize, usize>| {
        let buffer = free.entry(kind(of)).or_default().pop().unwrap_or_else(|| {
            buffers += 1;
            buffers - 1
        });
        given.insert(group, buffer);
    };
    for port in &inputs {
        if let Held::Group(group) = places[port.spot].held {
            take(group, places[port.spot].kind, &mut free, &mut given);
        }
    }
    for (at, step) in steps.iter().enumerate() {
        for &output in &step.outputs {
            if let Held::Group(group) = places[output].held
                && !given.contains_key(&group)
            {
                take(group, places[output].kind, &mut free, &mut given);
            }
        }
        let ended: BTreeSet<(usize, u8)> = step
            .inputs
            .iter()
            .chain(&step.outputs)
            .filter_map(|&place| match places[place].held {
                Held::Group(group) if lives.get(&group) == Some(&at) => Some((group, kind(places[place].kind))),
                _ => None,
            })
            .collect();
        for (group, kind) in ended {
            free.entry(kind).or_default().push(given[&group]);
        }
    }
    let numbers: HashMap<usize, usize> = used.iter().enumerate().map(|(number, &place)| (place, number)).collect();
    let renumber = |list: &[usize]| list.iter().map(|place| numbers[place]).collect::<Vec<_>>();
    let spots = used.iter().map(|&place| {
        let Place { kind, shape, held } = places[place].clone();
        let buffer = match held {
            Held::Constant(constant) => kept[&constant],
            Held::Group(group) => new_constants.len() + given.get(&group).copied().unwrap_or_default(),
        };
        Spot { kind, shape, buffer }
    });
    let port = |port: PlanPort| PlanPort { spot: numbers[&port.spot], ..port };
    Plan {
        spots: spots.collect(),
        steps: steps
            .iter()
            .map(|step| Step { op: step.op.clone(), inputs: renumber(&step.inputs), outputs: renumber(&step.outputs) })
            .collect(),
        inputs: inputs.into_iter().map(port).collect(),
        outputs: outputs.into_iter().map(port).collect(),
        constants: new_constants,
        forests,
        buffers,
    }
}

fn group(places: &[Place], place: usize) -> Option<usize> {
    match places[place].held {
        Held::Group(group) => Some(group),
        Held::Constant(_) => None,
    }
}

/// The steps whose outputs somebody reads.
fn needed(places: &[Place], steps: Vec<Step>, outputs: &[PlanPort]) -> Vec<Step> {
    let mut wanted: BTreeSet<usize> = outputs.iter().filter_map(|port| group(places, port.spot)).collect();
    let mut kept: Vec<Step> = Vec::with_capacity(steps.len());
    for step in steps.into_iter().rev() {
        if step.outputs.iter().any(|&output| group(places, output).is_some_and(|group| wanted.contains(&group))) {
            wanted.extend(step.inputs.iter().filter_map(|&input| group(places, input)));
            kept.push(step);
        }
    }
    kept.reverse();
    kept
}

/// The last step that reads or writes each group; outputs live on.
fn lives(places: &[Place], steps: &[Step], inputs: &[PlanPort], outputs: &[PlanPort]) -> HashMap<usize, usize> {
    let mut lives = HashMap::new();
    for (at, step) in steps.iter().enumerate() {
        for &place in step.inputs.iter().chain(&step.outputs) {
            if let Some(group) = group(places, place) {
                lives.insert(group, at);
            }
        }
    }
    for port in inputs.iter().chain(outputs) {
        let is_output = outputs.iter().any(|output| group(places, output.spot) == group(places, port.spot));
        if let Some(group) = group(places, port.spot).filter(|_| is_output) {
            lives.insert(group, usize::MAX);
        }
    }
    lives
}
