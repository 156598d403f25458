//! What the fuzz target and the tests do with the bytes of a file, whole or broken.

use nearside::onnx::TractEngine;
use nearside::{Data, Dimension, ElementType, Engine, Port, Tensor};

/// The most values that an input gets here: a broken file may ask for any number.
const MOST: usize = 1 << 16;

/// Loads a file and runs it once on small inputs. Says whether there were outputs; an error is as good an end.
pub fn load(bytes: &[u8]) -> bool {
    let Ok(mut engine) = TractEngine::new(bytes) else { return false };
    let inputs: Option<Vec<Tensor>> = engine.signature().inputs.iter().map(input).collect();
    inputs.is_some_and(|inputs| engine.run(inputs).is_ok())
}

/// An input of the shape that the file asks for, with 2 where it leaves a size open.
fn input(port: &Port) -> Option<Tensor> {
    let size = |size: &Dimension| match size {
        Dimension::Fixed(size) => *size,
        Dimension::Symbol(_) => 2,
    };
    let shape: Vec<usize> = port.shape.iter().map(size).collect();
    let count = shape.iter().try_fold(1usize, |product, &size| product.checked_mul(size)).filter(|&n| n <= MOST)?;
    macro_rules! numbers {
        ($variant:ident, $rust:ty) => {
            Data::$variant((0..count).map(|place| (place % 3) as $rust).collect())
        };
    }
    let data = match port.element_type {
        ElementType::F32 => numbers!(F32, f32),
        ElementType::F64 => numbers!(F64, f64),
        ElementType::I64 => numbers!(I64, i64),
        ElementType::I32 => numbers!(I32, i32),
        ElementType::I16 => numbers!(I16, i16),
        ElementType::I8 => numbers!(I8, i8),
        ElementType::U64 => numbers!(U64, u64),
        ElementType::U32 => numbers!(U32, u32),
        ElementType::U16 => numbers!(U16, u16),
        ElementType::U8 => numbers!(U8, u8),
        ElementType::Bool => Data::Bool((0..count).map(|place| place % 2 == 0).collect()),
        ElementType::Text => Data::Text((0..count).map(|place| ["a", "b", ""][place % 3].to_owned()).collect()),
    };
    Tensor::new(shape, data).ok()
}
