use super::*;
use crate::tensor::ElementType;

fn plain() -> Attention {
    Attention {
        scale: Some(1.0),
        causal: false,
        heads: None,
        softcap: 0.0,
        scores: Scores::Raw,
        left: None,
        right: None,
        mask: None,
        past: None,
        nonpad: None,
        outputs: [true, false, false, false],
    }
}

fn floats(shape: &[usize], values: &[f32]) -> Tensor {
    Tensor::new(shape.to_vec(), Data::F32(values.to_vec())).unwrap()
}

/// Heads of width 1: with queries of 0 every visible key has the same share.
fn column(values: &[f32]) -> Tensor {
    floats(&[1, 1, values.len(), 1], values)
}

fn run(attention: &Attention, inputs: &[Tensor]) -> Vec<Vec<f32>> {
    let facts: Vec<Fact> = inputs.iter().map(|input| Fact::new(input.element_type(), input.shape())).collect();
    let facts = attention.facts(&facts).unwrap();
    let outputs = attention.run(inputs).unwrap();
    assert_eq!(outputs.len(), facts.len());
    let values = outputs.into_iter().zip(facts).map(|(output, fact)| {
        assert_eq!((output.shape(), ElementType::F32), (fact.shape.as_slice(), fact.element));
        super::super::floats(&output).unwrap()
    });
    values.collect()
}

#[test]
fn equal_scores_give_the_mean_of_the_visible_values() {
    let inputs = || vec![column(&[0.0; 3]), column(&[1.0; 4]), column(&[3.0, 6.0, 9.0, 30.0])];
    assert_eq!(run(&plain(), &inputs()), [[12.0; 3]]);
    assert_eq!(run(&Attention { causal: true, ..plain() }, &inputs()), [[3.0, 4.5, 6.0]]);
    assert_eq!(run(&Attention { left: Some(0), right: Some(1), ..plain() }, &inputs()), [[4.5, 7.5, 19.5]]);
    assert_eq!(run(&Attention { causal: true, left: Some(1), ..plain() }, &inputs()), [[3.0, 4.5, 7.5]]);
}

#[test]
fn the_past_stands_before_and_shifts_the_causal_frontier() {
    let attention = Attention { causal: true, past: Some((3, 4)), outputs: [true, true, true, false], ..plain() };
    let inputs = [column(&[0.0, 0.0]), column(&[1.0, 2.0]), column(&[9.0, 30.0]), column(&[5.0]), column(&[3.0])];
    assert_eq!(run(&attention, &inputs), [vec![6.0, 14.0], vec![5.0, 1.0, 2.0], vec![3.0, 9.0, 30.0]]);
}

#[test]
fn masks_of_every_rank_and_shorter_ones_are_spread() {
    let attention = Attention { mask: Some(3), ..plain() };
    let with = |mask: Tensor| {
        let inputs = [column(&[0.0, 0.0]), column(&[0.0; 3]), column(&[2.0, 4.0, f32::NAN]), mask];
        run(&attention, &inputs)
    };
    let allowed = |shape: &[usize], values: &[bool]| Tensor::new(shape.to_vec(), Data::Bool(values.to_vec())).unwrap();
    assert_eq!(with(allowed(&[3], &[true, true, false])), [[3.0, 3.0]]);
    assert_eq!(with(allowed(&[1], &[true])), [[2.0, 2.0]]);
    assert_eq!(with(allowed(&[2, 2], &[true, false, false, false])), [[2.0, 0.0]]);
    assert_eq!(with(floats(&[1, 1, 2, 2], &[0.0, f32::NEG_INFINITY, f32::NEG_INFINITY, 1.0])), [[2.0, 4.0]]);
    let error =
        attention.run(&[column(&[0.0]), column(&[0.0]), column(&[0.0]), allowed(&[2], &[true; 2])]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WrongShape);
}

#[test]
fn padded_keys_are_not_seen_and_queries_before_them_get_zeros() {
    let attention = Attention {
        causal: true,
        nonpad: Some(3),
        scores: Scores::Probabilities,
        outputs: [true, false, false, true],
        ..plain()
    };
    let lengths = Tensor::new(vec![1], Data::I64(vec![1])).unwrap();
    let inputs = [column(&[0.0, 0.0]), column(&[0.0; 3]), column(&[2.0, 4.0, 6.0]), lengths];
    assert_eq!(run(&attention, &inputs), [vec![0.0, 2.0], vec![0.0, 0.0, 0.0, 1.0, 0.0, 0.0]]);
}

#[test]
fn several_query_heads_share_one_key_head() {
    let attention = Attention { heads: Some((2, 1)), ..plain() };
    let packed = |rows: usize, width: usize, values: &[f32]| floats(&[1, rows, width], values);
    let inputs = [packed(1, 2, &[0.0, 100.0]), packed(2, 1, &[0.0, 1.0]), packed(2, 1, &[2.0, 4.0])];
    assert_eq!(run(&attention, &inputs), [[3.0, 4.0]]);
    assert!(plain().run(&inputs).is_err());
}

#[test]
fn scores_are_capped_before_the_mask_and_handed_out() {
    let cap =
        |scores| Attention { softcap: 2.0, scores, mask: Some(3), outputs: [false, false, false, true], ..plain() };
    let inputs = || [column(&[1.0]), column(&[2.0, 4.0]), column(&[0.0; 2]), floats(&[2], &[1.0, f32::NEG_INFINITY])];
    let (a, b) = (2.0 * 1f32.tanh(), 2.0 * 2f32.tanh());
    assert_eq!(run(&cap(Scores::Raw), &inputs()), [[2.0, 4.0]]);
    assert_eq!(run(&cap(Scores::Capped), &inputs()), [[a, b]]);
    assert_eq!(run(&cap(Scores::Masked), &inputs()), [[a + 1.0, f32::NEG_INFINITY]]);
    assert_eq!(run(&cap(Scores::Probabilities), &inputs()), [[1.0, 0.0]]);
}
