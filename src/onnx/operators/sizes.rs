//! How large the outputs of tract's own operators get, of those that can make much of little: a file that asks for more
//! than there is memory is refused before anything is allocated. The kit's operators look to that themselves.

use super::{Attributes, bounded};
use crate::error::Result;
use tract_onnx::pb::NodeProto;

/// The output of the node for inputs of these shapes, where this is known: an input that is absent, or of which nothing
/// is known, has none.
///
/// Fails with `wrong-shape` for an output of more than [`MAX_ELEMENTS`](super::MAX_ELEMENTS). For convolutions and
/// pooling the size is an upper bound, and no shape is given.
pub fn predicted(node: &NodeProto, shapes: &[Option<&[usize]>]) -> Result<Option<Vec<usize>>> {
    if !matches!(node.domain.as_str(), "" | "ai.onnx") {
        return Ok(None);
    }
    let attributes = Attributes::new(node, 0);
    let at = |place: usize| shapes.get(place).copied().flatten();
    let shape = match node.op_type.as_str() {
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Max" | "Min" | "Mean" | "Sum" | "And" | "Or" | "Xor"
        | "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "Where" | "BitwiseAnd" | "BitwiseOr"
        | "BitwiseXor" => spread(shapes),
        "Identity" | "Cast" | "Neg" | "Abs" | "Relu" | "Exp" | "Sqrt" | "Sigmoid" | "Tanh" | "Not" => {
            at(0).map(<[usize]>::to_vec)
        }
        "MatMul" | "MatMulInteger" => at(0).zip(at(1)).and_then(|(left, right)| product(left, right)),
        "Gemm" => at(0).zip(at(1)).and_then(|(left, right)| {
            let side = |shape: &[usize], turned: &str, place: usize| match shape {
                &[one, other] => Some(if (place == 0) == attributes.flag(turned, false) { other } else { one }),
                _ => None,
            };
            Some(vec![side(left, "transA", 0)?, side(right, "transB", 1)?])
        }),
        "Gather" => at(0).zip(at(1)).and_then(|(data, indices)| {
            let axis = super::axis(attributes.int("axis").unwrap_or_default(), data.len()).ok()?;
            Some([&data[..axis], indices, &data[axis + 1..]].concat())
        }),
        "Conv" | "ConvInteger" => {
            windows(&attributes, at(0), at(1).and_then(|weights| weights.first().copied()))?;
            None
        }
        "QLinearConv" => {
            windows(&attributes, at(0), at(3).and_then(|weights| weights.first().copied()))?;
            None
        }
        "MaxPool" | "AveragePool" => {
            windows(&attributes, at(0), at(0).and_then(|input| input.get(1).copied()))?;
            None
        }
        _ => None,
    };
    if let Some(shape) = &shape {
        bounded(shape).map_err(|error| error.item(attributes.place()))?;
    }
    Ok(shape)
}

/// What shapes are spread to; nothing where one is not known, or they do not fit.
fn spread(shapes: &[Option<&[usize]>]) -> Option<Vec<usize>> {
    let known: Vec<&[usize]> = shapes.iter().copied().collect::<Option<_>>()?;
    let rank = known.iter().map(|shape| shape.len()).max()?;
    let mut spread = vec![1; rank];
    for shape in known {
        for (size, &own) in spread[rank - shape.len()..].iter_mut().zip(shape) {
            match (*size, own) {
                (1, own) => *size = own,
                (size, own) if own != 1 && own != size => return None,
                _ => {}
            }
        }
    }
    Some(spread)
}

fn product(left: &[usize], right: &[usize]) -> Option<Vec<usize>> {
    let (left_outer, rows) = match left {
        [] => return None,
        [_] => (&[][..], None),
        [outer @ .., rows, _] => (outer, Some(*rows)),
    };
    let (right_outer, columns) = match right {
        [] => return None,
        [_] => (&[][..], None),
        [outer @ .., _, columns] => (outer, Some(*columns)),
    };
    Some(spread(&[Some(left_outer), Some(right_outer)])?.into_iter().chain(rows).chain(columns).collect())
}

/// Fails where windows over an image of this shape would be more than there is room for.
fn windows(attributes: &Attributes<'_>, input: Option<&[usize]>, channels: Option<usize>) -> Result<()> {
    let (Some([batch, _, image @ ..]), Some(channels)) = (input, channels) else { return Ok(()) };
    let (pads, strides) = (attributes.ints("pads"), attributes.ints("strides"));
    let pad = |place: usize| pads.get(place).map_or(0, |&pad| usize::try_from(pad).unwrap_or_default());
    let along = image.iter().enumerate().map(|(axis, &size)| {
        let padded = size.saturating_add(pad(axis)).saturating_add(pad(axis + image.len()));
        let stride = strides.get(axis).and_then(|&stride| usize::try_from(stride).ok()).unwrap_or(1).max(1);
        // Without stated pads, the output is no larger than the input, and rounding up may add one.
        (padded / stride).saturating_add(1)
    });
    let most: Vec<usize> = [*batch, channels].into_iter().chain(along).collect();
    bounded(&most).map(drop).map_err(|error| error.item(attributes.place()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tract_onnx::pb::AttributeProto;

    fn shape(operator: &str, shapes: &[&[usize]]) -> Result<Option<Vec<usize>>> {
        let node = NodeProto { op_type: operator.to_owned(), ..NodeProto::default() };
        let shapes: Vec<Option<&[usize]>> = shapes.iter().copied().map(Some).collect();
        predicted(&node, &shapes)
    }

    #[test]
    fn shapes_are_those_of_the_operators() {
        assert_eq!(shape("Add", &[&[2, 1], &[3]]).unwrap(), Some(vec![2, 3]));
        assert_eq!(shape("Add", &[&[2], &[3]]).unwrap(), None);
        assert_eq!(shape("MatMul", &[&[5, 2, 3], &[3, 4]]).unwrap(), Some(vec![5, 2, 4]));
        assert_eq!(shape("MatMul", &[&[3], &[3]]).unwrap(), Some(vec![]));
        assert_eq!(shape("Gemm", &[&[2, 3], &[3, 4]]).unwrap(), Some(vec![2, 4]));
        assert_eq!(shape("Gather", &[&[9, 4], &[2, 3]]).unwrap(), Some(vec![2, 3, 4]));
        assert_eq!(shape("Unheard", &[&[2]]).unwrap(), None);
    }

    #[test]
    fn more_than_there_is_room_for_is_refused() {
        let large = 1 << 20;
        assert!(shape("Mul", &[&[large, 1], &[1, large]]).is_err());
        assert!(shape("MatMul", &[&[large, 1], &[1, large]]).is_err());
        assert!(shape("Gather", &[&[large, 1], &[large]]).is_ok());
        assert!(shape("Gather", &[&[1, large], &[large]]).is_err());
        let pads = AttributeProto { name: "pads".to_owned(), ints: vec![i64::MAX; 4], ..AttributeProto::default() };
        let node = NodeProto { op_type: "Conv".to_owned(), attribute: vec![pads], ..NodeProto::default() };
        assert!(predicted(&node, &[Some(&[1, 1, 2, 2]), Some(&[1, 1, 1, 1])]).is_err());
    }
}
