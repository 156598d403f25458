//! DequantizeBits, a private operator: the weights of MatMulNBits of com.microsoft as a matrix of numbers.

use super::{input, required};
use crate::error::{Error, ErrorKind, Result};
use crate::onnx::operators::{Attributes, Fact, Operator, bounded};
use crate::tensor::{Data, ElementType, Tensor};

/// The operator. Its inputs are the bytes, the scales and, perhaps, the zero points; its output has the shape [K, N].
///
/// A column of K weights is cut into blocks of `block_size`; each has a scale and a zero point, and is packed into bytes
/// on its own, the first weight in the lowest bits.
#[derive(Debug)]
struct DequantizeBits {
    bytes: usize,
    scales: usize,
    zeros: Option<usize>,
    rows: usize,
    columns: usize,
    bits: usize,
    block: usize,
}

/// Makes the operator.
pub(super) fn build(attributes: &Attributes<'_>) -> Result<Box<dyn Operator>> {
    let size = |name: &str| {
        let value = attributes.int(name).unwrap_or_default();
        let size = usize::try_from(value).ok().filter(|&size| size > 0);
        size.ok_or_else(|| attributes.refuse(name, format!("{value} is not positive")))
    };
    let bits = attributes.int("bits").unwrap_or(4);
    if !matches!(bits, 2 | 4 | 8) {
        return Err(attributes.refuse("bits", format!("weights of {bits} bits are not supported")));
    }
    let (rows, columns, block) = (size("K")?, size("N")?, size("block_size")?);
    bounded(&[rows, columns]).map_err(|error| error.item(attributes.place()))?;
    Ok(Box::new(DequantizeBits {
        bytes: required(attributes, 0)?,
        scales: required(attributes, 1)?,
        zeros: attributes.input(2),
        rows,
        columns,
        bits: bits as usize,
        block,
    }))
}

impl DequantizeBits {
    fn blocks(&self) -> usize {
        self.rows.div_ceil(self.block)
    }

    /// The number that stands at `place` of those packed into `bytes`.
    fn unpack(&self, bytes: &[u8], place: usize) -> f32 {
        let per_byte = 8 / self.bits;
        let shifted = bytes[place / per_byte] >> (self.bits * (place % per_byte));
        f32::from(shifted & (u8::MAX >> (8 - self.bits)))
    }

    /// The zero point of each block.
    fn zeros(&self, inputs: &[Tensor]) -> Result<Vec<f32>> {
        let (blocks, columns) = (self.blocks(), self.columns);
        let Some(place) = self.zeros else { return Ok(vec![(1 << (self.bits - 1)) as f32; blocks * columns]) };
        match input(inputs, place)?.data() {
            Data::F32(zeros) if zeros.len() == blocks * columns => Ok(zeros.clone()),
            Data::U8(bytes) => {
                let packed = (blocks * self.bits).div_ceil(8);
                if bytes.len() != packed * columns {
                    return Err(wrong("zero points", bytes.len(), packed * columns));
                }
                let column = |bytes: &[u8]| (0..blocks).map(|block| self.unpack(bytes, block)).collect::<Vec<_>>();
                Ok(bytes.chunks_exact(packed).flat_map(column).collect())
            }
            other => Err(wrong("zero points", other.len(), blocks * columns)),
        }
    }
}

fn wrong(what: &str, given: usize, wanted: usize) -> Error {
    let error = Error::new(ErrorKind::WrongShape, format!("{given} {what} where {wanted} are wanted"));
    error.help("the file is broken; export it again")
}

impl Operator for DequantizeBits {
    fn facts(&self, _inputs: &[Fact]) -> Result<Vec<Fact>> {
        Ok(vec![Fact::new(ElementType::F32, [self.rows, self.columns])])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (blocks, columns) = (self.blocks(), self.columns);
        let scales = match input(inputs, self.scales)?.data() {
            Data::F32(scales) if scales.len() == blocks * columns => scales,
            other => return Err(wrong("scales", other.len(), blocks * columns)),
        };
        let packed = self.block.checked_mul(self.bits).map(|bits| bits.div_ceil(8));
        let size = packed.and_then(|packed| packed.checked_mul(blocks)?.checked_mul(columns));
        let bytes = match (input(inputs, self.bytes)?.data(), size) {
            (Data::U8(bytes), Some(size)) if bytes.len() == size => bytes,
            (other, size) => return Err(wrong("weights", other.len(), size.unwrap_or(usize::MAX))),
        };
        let packed = bytes.len() / (blocks * columns);
        let zeros = self.zeros(inputs)?;
        let mut matrix = vec![0.0; bounded(&[self.rows, columns])?];
        for (place, block) in bytes.chunks_exact(packed).enumerate() {
            let (column, first) = (place / blocks, place % blocks * self.block);
            for row in first..self.rows.min(first + self.block) {
                matrix[row * columns + column] = (self.unpack(block, row - first) - zeros[place]) * scales[place];
            }
        }
        Ok(vec![Tensor::new(vec![self.rows, columns], Data::F32(matrix))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn operator(bits: usize, zeros: Option<usize>) -> DequantizeBits {
        DequantizeBits { bytes: 0, scales: 1, zeros, rows: 3, columns: 2, bits, block: 2 }
    }

    fn bytes(values: &[u8]) -> Tensor {
        Tensor::new(vec![values.len()], Data::U8(values.to_vec())).unwrap()
    }

    fn scales(values: &[f32]) -> Tensor {
        Tensor::new(vec![values.len()], Data::F32(values.to_vec())).unwrap()
    }

    #[test]
    fn four_bits_stand_two_in_a_byte() {
        // Column 0: 1 2 | 3, column 1: 15 0 | 8.
        let inputs = [bytes(&[0x21, 0x03, 0x0f, 0x08]), scales(&[1.0, 2.0, 0.5, 1.0])];
        let matrix = operator(4, None).run(&inputs).unwrap().remove(0);
        assert_eq!(matrix.shape(), [3, 2]);
        assert_eq!(matrix.data(), &Data::F32(vec![-7.0, 3.5, -6.0, -4.0, -10.0, 0.0]));
        let [weights, by] = inputs;
        let packed = operator(4, Some(2)).run(&[weights.clone(), by.clone(), bytes(&[0x31, 0x8f])]).unwrap().remove(0);
        assert_eq!(packed.data(), &Data::F32(vec![0.0, 0.0, 1.0, -7.5, 0.0, 0.0]));
        let numbers = operator(4, Some(2)).run(&[weights, by, scales(&[0.5, 0.0, 0.0, 0.0])]).unwrap().remove(0);
        assert_eq!(numbers.data(), &Data::F32(vec![0.5, 7.5, 1.5, 0.0, 6.0, 8.0]));
    }

    #[test]
    fn eight_bits_stand_alone() {
        let inputs = [bytes(&[129, 127, 128, 0, 0, 255, 1, 0]), scales(&[1.0; 4])];
        let matrix = operator(8, None).run(&inputs).unwrap().remove(0);
        assert_eq!(matrix.data(), &Data::F32(vec![1.0, -128.0, -1.0, 127.0, 0.0, -127.0]));
    }

    #[test]
    fn sizes_that_do_not_fit_are_errors() {
        let (weights, by) = (bytes(&[0; 4]), scales(&[1.0; 4]));
        let four = operator(4, None);
        assert!(four.run(&[bytes(&[0; 3]), by.clone()]).is_err());
        assert!(four.run(&[weights.clone(), scales(&[1.0; 3])]).is_err());
        assert!(four.run(std::slice::from_ref(&weights)).is_err());
        assert!(four.run(&[by.clone(), by.clone()]).is_err());
        assert!(operator(4, Some(2)).run(&[weights.clone(), by.clone(), bytes(&[0])]).is_err());
        let huge = DequantizeBits { block: usize::MAX, ..operator(4, None) };
        assert!(huge.run(&[weights, scales(&[1.0; 2])]).is_err());
    }
}
