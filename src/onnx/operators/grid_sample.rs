//! GridSample along cubic curves, where tract moves points to the border instead of their neighbours.

use super::elements::mismatch;
use super::{Attributes, Fact, Family, ONNX, Operator, bounded, floats, not_numbers, required};
use crate::error::Result;
use crate::tensor::{Data, ElementType, Tensor};
use tract_onnx::pb::NodeProto;

/// The operators of this file.
pub const FAMILY: Family = &[(ONNX, "GridSample", |attributes| Ok(Box::new(GridSample::new(attributes)?)))];

/// Whether tract's own is right: in every mode but the cubic one.
pub fn is_plain(node: &NodeProto) -> bool {
    Attributes::new(node, 0).string("mode").is_none_or(|mode| mode != "cubic" && mode != "bicubic")
}

/// Samples images between pixels, at the places of a grid whose axes go from −1 to 1.
#[derive(Debug)]
struct GridSample {
    padding: Padding,
    /// Whether −1 and 1 are the middles of the outermost pixels, not their edges.
    corners: bool,
}

/// What stands beyond the edges.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Padding {
    Zeros,
    Border,
    Reflection,
}

impl GridSample {
    fn new(attributes: &Attributes<'_>) -> Result<Self> {
        let padding = match attributes.string("padding_mode").as_deref() {
            None | Some("zeros") => Padding::Zeros,
            Some("border") => Padding::Border,
            Some("reflection") => Padding::Reflection,
            Some(other) => return Err(attributes.refuse("padding_mode", format!("there is no padding {other}"))),
        };
        Ok(Self { padding, corners: attributes.flag("align_corners", false) })
    }

    fn shape(image: &[usize], grid: &[usize]) -> Result<Vec<usize>> {
        match (image, grid) {
            (&[batch, channels, height, width], &[same, rows, columns, 2])
                if batch == same && height > 0 && width > 0 =>
            {
                let shape = vec![batch, channels, rows, columns];
                bounded(&shape)?;
                Ok(shape)
            }
            _ => Err(mismatch(format!("images {image:?} and a grid {grid:?} do not fit for cubic sampling"))),
        }
    }

    /// The four neighbours of a place along an axis, where they are inside, and their weights.
    fn neighbours(&self, at: f32, size: usize) -> [(Option<usize>, f32); 4] {
        const A: f32 = -0.75;
        let wide = size as f32;
        let place = if self.corners { (at + 1.0) / 2.0 * (wide - 1.0) } else { ((at + 1.0) * wide - 1.0) / 2.0 };
        let (left, rest) = (place.floor(), place - place.floor());
        let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
        let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
        let weights = [far(rest + 1.0), near(rest), near(1.0 - rest), far(2.0 - rest)];
        [0, 1, 2, 3].map(|step| {
            let at = left - 1.0 + step as f32;
            let last = wide - 1.0;
            let inside = match self.padding {
                _ if at.is_nan() => None,
                Padding::Zeros => (0.0..=last).contains(&at).then_some(at),
                Padding::Border => Some(at.clamp(0.0, last)),
                Padding::Reflection => {
                    let (low, span) = if self.corners { (0.0, last) } else { (-0.5, wide) };
                    let turn = (at - low).rem_euclid((2.0 * span).max(1.0));
                    Some((low + turn.min(2.0 * span - turn)).clamp(0.0, last))
                }
            };
            (inside.map(|at| at as usize), weights[step])
        })
    }
}

impl Operator for GridSample {
    fn facts(&self, inputs: &[Fact]) -> Result<Vec<Fact>> {
        let (image, grid) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        Ok(vec![Fact::new(image.element, Self::shape(&image.shape, &grid.shape)?)])
    }

    fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>> {
        let (input, grid) = (required(inputs, Some(0))?, required(inputs, Some(1))?);
        let shape = Self::shape(input.shape(), grid.shape())?;
        if input.element_type() != ElementType::F32 {
            return Err(not_numbers(input));
        }
        let (images, grid) = (floats(input)?, floats(grid)?);
        let (height, width) = (input.shape()[2], input.shape()[3]);
        let (channels, places) = (shape[1], shape[2] * shape[3]);
        let mut output = vec![0.0; bounded(&shape)?];
        for (point, at) in grid.chunks(2).enumerate() {
            let (sample, place) = (point / places, point % places);
            let (rows, columns) = (self.neighbours(at[1], height), self.neighbours(at[0], width));
            for channel in 0..channels {
                let image = &images[(sample * channels + channel) * height * width..][..height * width];
                let mut sum = 0.0;
                for (row, down) in rows {
                    let Some(row) = row else { continue };
                    let across =
                        columns.iter().filter_map(|(column, weight)| Some(image[row * width + (*column)?] * weight));
                    sum += down * across.sum::<f32>();
                }
                output[(sample * channels + channel) * places + place] = sum;
            }
        }
        Ok(vec![Tensor::new(shape, Data::F32(output))?])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixels_are_met_exactly_and_paddings_differ_beyond_them() {
        let image = Tensor::new(vec![1, 1, 1, 3], Data::F32(vec![1.0, 2.0, 4.0])).unwrap();
        let sample = |padding, x: f32| {
            let grid = Tensor::new(vec![1, 1, 1, 2], Data::F32(vec![x, 0.0])).unwrap();
            let output = GridSample { padding, corners: true }.run(&[image.clone(), grid]).unwrap().remove(0);
            floats(&output).unwrap()[0]
        };
        for (x, wanted) in [(-1.0, 1.0), (0.0, 2.0), (1.0, 4.0)] {
            assert_eq!(sample(Padding::Border, x), wanted);
        }
        assert_eq!(sample(Padding::Zeros, 5.0), 0.0);
        assert_eq!(sample(Padding::Border, 5.0), 4.0);
        assert_eq!(sample(Padding::Reflection, 3.0), 1.0);
        assert_eq!(sample(Padding::Border, f32::NAN), 0.0);
    }
}
