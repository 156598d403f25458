//! Values that are not a number (NaN) reach the outputs. tract's own Relu, Clip, Sigmoid and their like make an ordinary
//! number of one, so the kit's operators take their place: wherever such a value can come from finite inputs (a quotient,
//! a logarithm, a root), and everywhere in the copy of a graph that runs when an input itself is not finite.

use super::writer::OWN;
use crate::onnx::check::{subgraphs, subgraphs_mut, visit};
use crate::onnx::operators::{Attributes, has_careful};
use crate::onnx::tensor_proto::read_tensor;
use crate::tensor::Tensor;
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use tract_onnx::pb::{GraphProto, NodeProto};

/// Puts the careful operators where a value can come, from finite inputs, that is not a number.
pub fn where_needed(graph: &mut GraphProto, opset: i64) {
    Walk { opset, ..Walk::default() }.graph(graph);
}

/// Puts the careful operators everywhere. Says whether anything changed.
pub fn everywhere(graph: &mut GraphProto) -> bool {
    let mut changed = false;
    for node in &mut graph.node {
        changed |= careful(node);
        for graph in subgraphs_mut(node) {
            changed |= everywhere(graph);
        }
    }
    changed
}

fn careful(node: &mut NodeProto) -> bool {
    let changes = has_careful(node);
    if changes {
        OWN.clone_into(&mut node.domain);
    }
    changes
}

/// What is known of the values of a tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Sign {
    Any,
    /// Nothing is below 0.
    NotNegative,
    /// Everything is above 0.
    Positive,
}

/// A walk along the nodes of a graph, in order.
#[derive(Default, Clone)]
struct Walk {
    opset: i64,
    /// Tensors that may hold a value which is not a number.
    doubtful: HashSet<String>,
    signs: HashMap<String, Sign>,
    /// The values of the constants, of those that somebody may ask for.
    constants: HashMap<String, Rc<Vec<f64>>>,
}

impl Walk {
    fn graph(&mut self, graph: &mut GraphProto) {
        let asked = asked(graph);
        for tensor in graph.initializer.iter().filter(|tensor| asked.contains(&tensor.name)) {
            self.learn(&tensor.name, read_tensor(tensor).ok());
        }
        for node in &mut graph.node {
            self.node(node);
        }
    }

    fn learn(&mut self, name: &str, constant: Option<Tensor>) {
        let Some(values) = constant.and_then(|constant| constant.data().to_f64()) else { return };
        self.signs.insert(name.to_owned(), sign_of(&values));
        self.constants.insert(name.to_owned(), Rc::new(values));
    }

    fn node(&mut self, node: &mut NodeProto) {
        let makes = self.makes(node);
        let mut doubtful = node.input.iter().any(|name| self.doubtful.contains(name));
        if doubtful {
            careful(node);
        }
        for body in subgraphs_mut(node) {
            let mut inside = self.clone();
            let mut maker = false;
            visit(body, &mut |node| maker |= inside.makes(node));
            if doubtful || maker {
                // What goes round in a loop comes in again.
                inside.doubtful.extend(body.input.iter().map(|info| info.name.clone()));
            }
            inside.graph(body);
            doubtful |= body.output.iter().any(|info| inside.doubtful.contains(&info.name));
        }
        if let ("Constant", Some(output)) = (node.op_type.as_str(), node.output.first()) {
            self.learn(output, Attributes::new(node, self.opset).tensor("value").ok().flatten());
        }
        if (makes || doubtful) && !settles(&node.op_type) {
            self.doubtful.extend(node.output.iter().filter(|name| !name.is_empty()).cloned());
        }
        let sign = self.sign(node);
        if let Some(output) = node.output.first().filter(|_| sign > Sign::Any) {
            self.signs.insert(output.clone(), sign);
        }
    }

    /// Whether a node makes, of finite inputs, a value which is not a number.
    fn makes(&self, node: &NodeProto) -> bool {
        let at = |place: usize| self.of(node, place);
        match node.op_type.as_str() {
            "Div" => at(1) != Sign::Positive && self.constant(node, 1).is_none_or(|values| values.contains(&0.0)),
            "Log" | "Reciprocal" => at(0) != Sign::Positive,
            "Sqrt" => at(0) == Sign::Any,
            "Pow" => match self.constant(node, 1) {
                Some(powers) if powers.iter().all(|power| *power >= 0.0) => {
                    powers.iter().any(|power| power.fract() != 0.0) && at(0) == Sign::Any
                }
                _ => at(0) != Sign::Positive,
            },
            "BatchNormalization" => self.of(node, 4) == Sign::Any,
            "Asin" | "Acos" | "Acosh" | "Atanh" | "Mod" | "Det" => true,
            _ => false,
        }
    }

    fn constant(&self, node: &NodeProto, place: usize) -> Option<&[f64]> {
        self.constants.get(node.input.get(place)?).map(|values| values.as_slice())
    }

    fn of(&self, node: &NodeProto, place: usize) -> Sign {
        let sign = node.input.get(place).and_then(|name| self.signs.get(name));
        sign.copied().unwrap_or(Sign::Any)
    }

    /// What is known of the first output of a node.
    fn sign(&self, node: &NodeProto) -> Sign {
        let at = |place: usize| self.of(node, place);
        let bound = |name: &str| match Attributes::new(node, self.opset).float(name) {
            Some(bound) if bound > 0.0 => Sign::Positive,
            Some(bound) if bound >= 0.0 => Sign::NotNegative,
            _ => Sign::Any,
        };
        match node.op_type.as_str() {
            "Exp" => Sign::Positive,
            "Abs" | "Relu" | "Sigmoid" | "Softmax" | "ReduceSumSquare" | "ReduceL1" | "ReduceL2" => Sign::NotNegative,
            "Sqrt" => at(0).max(Sign::NotNegative),
            "Pow" => match self.constant(node, 1) {
                Some(powers) if powers.iter().all(|power| power % 2.0 == 0.0) => at(0).max(Sign::NotNegative),
                _ => at(0),
            },
            "Mul" if node.input.first() == node.input.get(1) => at(0).max(Sign::NotNegative),
            "Mul" | "Div" => at(0).min(at(1)),
            "Add" if at(0).min(at(1)) > Sign::Any => at(0).max(at(1)),
            "Clip" => at(0).max(at(1)).max(bound("min")),
            "Max" => (0..node.input.len()).map(at).max().unwrap_or(Sign::Any),
            "Min" => (0..node.input.len()).map(at).min().unwrap_or(Sign::Any),
            "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "Expand" | "Reshape"
            | "Transpose" | "Squeeze" | "Unsqueeze" | "Identity" | "Cast" | "Tile" | "Slice" | "Gather" | "Flatten"
            | "GlobalAveragePool" | "AveragePool" => at(0),
            "Constant" => node.output.first().and_then(|name| self.signs.get(name)).copied().unwrap_or(Sign::Any),
            _ => Sign::Any,
        }
    }
}

fn sign_of(values: &[f64]) -> Sign {
    match values {
        values if values.iter().all(|value| *value > 0.0) => Sign::Positive,
        values if values.iter().all(|value| *value >= 0.0) => Sign::NotNegative,
        _ => Sign::Any,
    }
}

/// The names of which the walk may want to know the sign: all but the weights of products.
fn asked(graph: &GraphProto) -> HashSet<String> {
    let mut asked = HashSet::new();
    visit(graph, &mut |node| {
        let kinds =
            ["Div", "Pow", "Log", "Reciprocal", "Sqrt", "BatchNormalization", "Mul", "Add", "Clip", "Max", "Min"];
        if kinds.contains(&node.op_type.as_str()) {
            asked.extend(node.input.iter().cloned());
        }
        for graph in subgraphs(node) {
            asked.extend(self::asked(graph));
        }
    });
    asked
}

/// Whether an operator gives ordinary values whatever it takes.
fn settles(name: &str) -> bool {
    matches!(
        name,
        "IsNaN"
            | "IsInf"
            | "Shape"
            | "Size"
            | "Equal"
            | "Less"
            | "Greater"
            | "LessOrEqual"
            | "GreaterOrEqual"
            | "NonZero"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::graph::tensor_proto;
    use crate::tensor::Data;

    fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
        NodeProto {
            op_type: operator.to_owned(),
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![output.to_owned()],
            ..NodeProto::default()
        }
    }

    /// Which of the nodes are careful ones then.
    fn careful_after(nodes: Vec<NodeProto>) -> Vec<String> {
        let constant =
            |name: &str, value: f32| tensor_proto(name, &Tensor::new(vec![], Data::F32(vec![value])).unwrap()).unwrap();
        let initializer =
            vec![constant("zero", 0.0), constant("one", 1.0), constant("two", 2.0), constant("half", 0.5)];
        let mut graph = GraphProto { node: nodes, initializer, ..GraphProto::default() };
        where_needed(&mut graph, 18);
        graph.node.into_iter().filter(|node| node.domain == OWN).map(|node| node.output[0].clone()).collect()
    }

    #[test]
    fn a_network_without_doubt_stays_as_it_is() {
        // x → layer normalisation, written out → Relu.
        let nodes = vec![
            node("Relu", &["x"], "start"),
            node("ReduceMean", &["start"], "mean"),
            node("Sub", &["start", "mean"], "centred"),
            node("Pow", &["centred", "two"], "squares"),
            node("ReduceMean", &["squares"], "variance"),
            node("Add", &["variance", "one"], "above"),
            node("Sqrt", &["above"], "deviation"),
            node("Div", &["centred", "deviation"], "standard"),
            node("Div", &["standard", "two"], "halved"),
            node("Relu", &["halved"], "y"),
        ];
        assert!(careful_after(nodes).is_empty());
    }

    #[test]
    fn quotients_roots_and_logarithms_make_doubt() {
        for maker in [
            node("Div", &["x", "z"], "m"),
            node("Div", &["x", "zero"], "m"),
            node("Sqrt", &["x"], "m"),
            node("Log", &["x"], "m"),
            node("Pow", &["x", "half"], "m"),
            node("Acos", &["x"], "m"),
        ] {
            let operator = maker.op_type.clone();
            let rest = [node("Sigmoid", &["x"], "before"), maker, node("Add", &["m", "one"], "n")];
            let nodes = rest.into_iter().chain([node("Relu", &["n"], "y"), node("Clip", &["y"], "z2")]).collect();
            assert_eq!(careful_after(nodes), ["y", "z2"], "{operator}");
        }
    }

    #[test]
    fn everywhere_is_everywhere() {
        let mut graph = GraphProto {
            node: vec![node("Relu", &["x"], "y"), node("Add", &["y", "y"], "z")],
            ..GraphProto::default()
        };
        assert!(everywhere(&mut graph) && !everywhere(&mut graph));
        assert_eq!((graph.node[0].domain.as_str(), graph.node[1].domain.as_str()), (OWN, ""));
    }
}
