//! Resizing (Resize, nearest or linear): y = A_rows · x · A_colsᵀ in every channel, with weights that are never negative.

use super::linear::Linear;
use crate::crp::rules::WeightPart;
use crate::error::Result;
use crate::error::model::{Context, bail, ensure};
use crate::onnx::ops::{Arithmetic, Matrix};
use crate::onnx::{Emitter, Graph, NodeExt, Tensor, proto::NodeProto};

/// Of a matrix for one axis: as many as 4096 rows resized to as many have.
const MOST_WEIGHTS: usize = 1 << 24;

/// A resizing of rows and columns as the graph has it.
pub(super) struct Interpolation<'a> {
    input: &'a str,
    output: &'a str,
    /// For rows and columns the matrix `[outputs, inputs]`.
    matrices: [Tensor; 2],
}

/// How ONNX maps an output coordinate to an input coordinate.
struct Coordinates<'a> {
    mode: &'a str,
    input: usize,
    output: usize,
    /// Output over input, as the node gives it.
    scale: f64,
}

impl Coordinates<'_> {
    /// The coordinate of an output. Where it lies on an input or half-way between two but for rounding, as 3 / 0.6 does, it is taken to lie there: the neighbour's weight of
    /// 1e-7 would make it an input like any other, and nearest would round to another side than ONNX Runtime.
    fn of(&self, output: usize) -> Result<f64> {
        let x = self.unrounded(output)?;
        let half = (2.0 * x).round() / 2.0;
        let rounding = 4.0 * f64::from(f32::EPSILON) * self.input as f64;
        Ok(if (x - half).abs() <= rounding {
            half
        } else {
            x
        })
    }

    fn unrounded(&self, output: usize) -> Result<f64> {
        let x = output as f64;
        let half_pixel = (x + 0.5) / self.scale - 0.5;
        Ok(match self.mode {
            "half_pixel" => half_pixel,
            "pytorch_half_pixel" if self.output > 1 => half_pixel,
            "pytorch_half_pixel" => 0.0,
            "align_corners" if self.output > 1 => {
                x * (self.input as f64 - 1.0) / (self.output as f64 - 1.0)
            }
            "align_corners" => 0.0,
            "asymmetric" => x / self.scale,
            "half_pixel_symmetric" => {
                let adjustment = self.output as f64 / (self.scale * self.input as f64);
                let centre = self.input as f64 / 2.0;
                centre * (1.0 - adjustment) + half_pixel
            }
            mode => bail!(
                "the coordinate_transformation_mode '{mode}' is not supported: half_pixel, pytorch_half_pixel, align_corners, asymmetric and half_pixel_symmetric are"
            ),
        })
    }
}

impl<'a> Interpolation<'a> {
    pub fn read(graph: &Graph, node: &'a NodeProto) -> Result<Self> {
        let input = node.input_at(0).context("it has no input")?;
        let output = node.first_output();
        let before = graph.feature_map(input)?;
        let after = graph.feature_map(output)?;
        ensure!(
            before[..2] == after[..2],
            "only rows and columns can be resized, not {before:?} to {after:?}"
        );
        ensure!(
            node.int("antialias", 0) == 0,
            "it smooths before it shrinks (antialias), which is not supported"
        );
        let mode = node.string("mode").unwrap_or("nearest");
        let nearest = match mode {
            "nearest" => true,
            "linear" => false,
            _ => bail!("resizing '{mode}' is not supported: nearest and linear are"),
        };
        let scales = scales(graph, node)?;
        let coordinates = [0, 1].map(|axis| {
            let (input, output) = (before[axis + 2], after[axis + 2]);
            Coordinates {
                mode: node
                    .string("coordinate_transformation_mode")
                    .unwrap_or("half_pixel"),
                input,
                output,
                scale: scales.map_or(output as f64 / input as f64, |scales| scales[axis]),
            }
        });
        let rounding = node.string("nearest_mode").unwrap_or("round_prefer_floor");
        let [rows, cols] = coordinates.map(|c| matrix(&c, nearest.then_some(rounding)));
        Ok(Self {
            input,
            output,
            matrices: [rows?, cols?],
        })
    }

    /// ω of the weights of one axis, `[outputs, inputs]`, or with both exchanged.
    fn matrix(&self, emitter: &mut Emitter, axis: usize, part: WeightPart, turned: bool) -> String {
        let matrix = &self.matrices[axis];
        let name = format!("{}:resized{axis}:{part:?}:{turned}", self.output);
        emitter.constant_with(&name, || {
            let part = self.axis_part(axis, part);
            let data: Vec<f32> = matrix.data.iter().map(|&w| part(w)).collect();
            let [outputs, inputs] = [matrix.dims[0], matrix.dims[1]];
            if !turned {
                return Tensor {
                    dims: vec![outputs, inputs],
                    data,
                };
            }
            let columns = (0..inputs).flat_map(|i| data.iter().skip(i).step_by(inputs).copied());
            Tensor {
                dims: vec![inputs, outputs],
                data: columns.collect(),
            }
        })
    }

    /// A weight is a product of one for the row and one for the column, neither of them negative: ω of it is the product of what this makes of the two.
    fn axis_part(&self, axis: usize, part: WeightPart) -> impl Fn(f32) -> f32 {
        move |w| match part {
            // An input that weighs nothing is none.
            WeightPart::One => f32::from(w > 0.0),
            WeightPart::Mixed { positive, .. } if axis == 0 => positive * w,
            WeightPart::Mixed { .. } => w,
            other => other.apply(w),
        }
    }

    fn with_bias(emitter: &mut Emitter, sum: String, bias: Option<f32>) -> String {
        match bias {
            Some(bias) => {
                let bias = emitter.scalar(bias);
                emitter.op(Arithmetic::Add, &[&sum, &bias], &[])
            }
            None => sum,
        }
    }
}

impl Linear for Interpolation<'_> {
    fn input(&self) -> &str {
        self.input
    }

    fn output(&self) -> &str {
        self.output
    }

    fn forward(
        &self,
        emitter: &mut Emitter,
        x: &str,
        part: WeightPart,
        bias: Option<f32>,
    ) -> String {
        let rows = self.matrix(emitter, 0, part, false);
        let cols = self.matrix(emitter, 1, part, true);
        let wide = emitter.op(Matrix::MatMul, &[x, &cols], &[]);
        let sum = emitter.op(Matrix::MatMul, &[&rows, &wide], &[]);
        Self::with_bias(emitter, sum, bias)
    }

    fn forward_ones(&self, emitter: &mut Emitter, part: WeightPart, bias: Option<f32>) -> String {
        let name = format!("{}:resized:{part:?}:summed", self.output);
        let sum = emitter.constant_with(&name, || {
            let [rows, cols] = [0, 1].map(|axis| {
                let part = self.axis_part(axis, part);
                let matrix = &self.matrices[axis];
                let sums = matrix.data.chunks(matrix.dims[1]);
                sums.map(|row| row.iter().map(|&w| part(w)).sum::<f32>())
                    .collect::<Vec<f32>>()
            });
            Tensor {
                dims: vec![1, 1, rows.len(), cols.len()],
                data: rows
                    .iter()
                    .flat_map(|r| cols.iter().map(move |c| r * c))
                    .collect(),
            }
        });
        Self::with_bias(emitter, sum, bias)
    }

    fn backward(&self, emitter: &mut Emitter, s: &str, part: WeightPart) -> String {
        let rows = self.matrix(emitter, 0, part, true);
        let cols = self.matrix(emitter, 1, part, false);
        let narrow = emitter.op(Matrix::MatMul, &[s, &cols], &[]);
        emitter.op(Matrix::MatMul, &[&rows, &narrow], &[])
    }

    fn input_size(&self) -> [usize; 2] {
        [self.matrices[0].dims[1], self.matrices[1].dims[1]]
    }

    fn in_one_channel<'b>(self: Box<Self>) -> Box<dyn Linear + 'b>
    where
        Self: 'b,
    {
        self
    }
}

/// The scales of rows and columns where the node names them rather than sizes.
fn scales(graph: &Graph, node: &NodeProto) -> Result<Option<[f64; 2]>> {
    if node.input_at(3).is_some() {
        return Ok(None);
    }
    let name = node
        .input_at(2)
        .context("it has neither scales nor sizes")?;
    let values = graph.constant(name)?.data;
    let axes: Vec<i64> = match node.ints("axes") {
        Some(axes) => axes.to_vec(),
        None => (0..4).collect(),
    };
    ensure!(
        values.len() == axes.len(),
        "it has {} scales for {} axes",
        values.len(),
        axes.len()
    );
    let mut scales = [1.0; 2];
    for (&axis, &scale) in axes.iter().zip(&values) {
        if let 2 | -2 = axis {
            scales[0] = f64::from(scale);
        }
        if let 3 | -1 = axis {
            scales[1] = f64::from(scale);
        }
    }
    Ok(Some(scales))
}

/// Interpolation along one axis, `[outputs, inputs]`; with `rounding` the nearest input alone.
fn matrix(coordinates: &Coordinates, rounding: Option<&str>) -> Result<Tensor> {
    let (inputs, outputs) = (coordinates.input, coordinates.output);
    ensure!(
        inputs * outputs <= MOST_WEIGHTS,
        "resizing {inputs} rows or columns to {outputs} takes too much memory"
    );
    let last = (inputs - 1) as f64;
    let mut data = vec![0.0; inputs * outputs];
    for (output, row) in data.chunks_mut(inputs).enumerate() {
        let x = coordinates.of(output)?;
        if let Some(rounding) = rounding {
            let nearest = match rounding {
                "round_prefer_floor" => (x - 0.5).ceil(),
                "round_prefer_ceil" => (x + 0.5).floor(),
                "floor" => x.floor(),
                "ceil" => x.ceil(),
                other => bail!("the nearest_mode '{other}' is not supported"),
            };
            row[nearest.clamp(0.0, last) as usize] = 1.0;
        } else {
            let low = x.floor();
            let weight = (x - low) as f32;
            row[low.clamp(0.0, last) as usize] += 1.0 - weight;
            row[(low + 1.0).clamp(0.0, last) as usize] += weight;
        }
    }
    Ok(Tensor {
        dims: vec![outputs, inputs],
        data,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(mode: &str, input: usize, output: usize, rounding: Option<&str>) -> Vec<Vec<f32>> {
        let scale = output as f64 / input as f64;
        let coordinates = Coordinates {
            mode,
            input,
            output,
            scale,
        };
        let matrix = matrix(&coordinates, rounding).unwrap();
        matrix.data.chunks(input).map(<[f32]>::to_vec).collect()
    }

    #[test]
    fn twice_as_large_mixes_as_the_conventions_say() {
        let nearest = rows("asymmetric", 2, 4, Some("floor"));
        assert_eq!(nearest, [[1., 0.], [1., 0.], [0., 1.], [0., 1.]]);
        let centred = rows("half_pixel", 2, 4, None);
        assert_eq!(centred, [[1., 0.], [0.75, 0.25], [0.25, 0.75], [0., 1.]]);
        let corners = rows("align_corners", 2, 3, None);
        assert_eq!(corners, [[1., 0.], [0.5, 0.5], [0., 1.]]);
        assert_eq!(rows("pytorch_half_pixel", 3, 1, None), [[1., 0., 0.]]);
    }

    #[test]
    fn what_rounding_leaves_of_a_neighbour_is_no_input() {
        // Of the float32 scales, neither 3 / 0.6 is 5 nor 4 / 1.6 two and a half.
        let matrix_of = |scale: f32, input: usize, output: usize, rounding: Option<&str>| {
            let coordinates = Coordinates {
                mode: "asymmetric",
                input,
                output,
                scale: f64::from(scale),
            };
            matrix(&coordinates, rounding).unwrap()
        };
        let shrunk = matrix_of(0.6, 9, 5, None).data;
        assert_eq!(shrunk[3 * 9..4 * 9], [0., 0., 0., 0., 0., 1., 0., 0., 0.]);
        let grown = matrix_of(1.6, 6, 9, Some("round_prefer_ceil")).data;
        assert_eq!(grown[4 * 6..5 * 6], [0., 0., 0., 1., 0., 0.]);
    }
}
