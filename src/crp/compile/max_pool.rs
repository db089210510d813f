//! Max pooling: the winner of each window takes all, and inputs that tie share; or, by the rule `pool=uniform`, all of a window share alike. What arrives as R = c ⊙ y or m ⊙ Δy ([`super::rescale`])
//! goes on as c ⊙ x or m ⊙ Δx of the winner.

use super::compiler::{Compiler, RelevanceTerm};
use super::convolution::ConvolutionLayer;
use super::kernel::Movement;
use super::linear_rule;
use crate::crp::composite::PoolRule;
use crate::crp::rules::Rule;
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::onnx::ops::{Arithmetic, Comparison, Convolution, Moving, Reshaping};
use crate::onnx::{Attribute, Emitter, Graph, NodeExt, Tensor, proto::NodeProto};

/// Places in a window, each of which takes nodes of its own; YOLO's widest pooling is 13x13.
const MOST_PLACES: usize = 1 << 10;

/// Lower than any activation, yet finite, so that it can be multiplied by 0.
const BELOW_ALL: f32 = f32::MIN;

pub(super) fn propagate(
    compiler: &mut Compiler,
    node: &NodeProto,
    share: RelevanceTerm,
    rule: PoolRule,
) -> Result<()> {
    match rule {
        PoolRule::Winner => winner(compiler, node, share),
        PoolRule::Uniform => {
            let windows = uniform(compiler.graph, node)?;
            linear_rule::through(compiler, &windows, &share, Rule::Flat.groups());
            Ok(())
        }
    }
}

/// A pooling whose windows share alike, as the layer of ones that it is then.
///
/// # Errors
/// Windows that are not understood.
pub(super) fn uniform<'a>(graph: &Graph, node: &'a NodeProto) -> Result<ConvolutionLayer<'a>> {
    let x = node.input_at(0).context("it has no input")?;
    let y = node.first_output();
    let shape = graph.feature_map(x)?;
    let window = Window::read(node)?;
    window.check(shape, graph.feature_map(y)?)?;
    let movement = Movement {
        strides: window.strides,
        dilations: [1, 1],
        pads: window.pads,
    };
    Ok(ConvolutionLayer::of_windows(
        [x, y],
        shape,
        window.kernel,
        movement,
    ))
}

fn winner(compiler: &mut Compiler, node: &NodeProto, share: RelevanceTerm) -> Result<()> {
    let x = node.input_at(0).context("it has no input")?;
    let y = node.first_output();
    let [before, after] = [
        compiler.graph.feature_map(x)?,
        compiler.graph.feature_map(y)?,
    ];
    let ([_, channels, height, width], [_, _, rows, cols]) = (before, after);
    let window = Window::read(node)?;
    window.check(before, after)?;
    let emitter = &mut compiler.emitter;
    let wins = wins(emitter, &window, x, y, [rows, cols]);
    let mut winners = wins[0].clone();
    for win in &wins[1..] {
        winners = emitter.op(Arithmetic::Add, &[&winners, win], &[]);
    }
    let form = compiler.form(&share, y);
    let arrived = compiler.factor(&share, form);
    let arrived = compiler.whole(&arrived);
    let emitter = &mut compiler.emitter;
    let each = emitter.op(Arithmetic::Div, &[&arrived, &winners], &[]);
    let parts: Vec<String> = wins
        .iter()
        .map(|win| {
            let part = emitter.op(Arithmetic::Mul, &[&each, win], &[]);
            let axis = emitter.int64s(&[2]);
            emitter.op(Reshaping::Unsqueeze, &[&part, &axis], &[])
        })
        .collect();
    let back = put_back(
        emitter,
        &window,
        &parts,
        channels,
        [[height, width], [rows, cols]],
    );
    compiler.give_in(form, x, back);
    Ok(())
}

/// For each place in a window, row by row, 1 where what stands there is the window's largest number, and 0 elsewhere.
fn wins(
    emitter: &mut Emitter,
    window: &Window,
    x: &str,
    y: &str,
    [rows, cols]: [usize; 2],
) -> Vec<String> {
    let pads = window.pads.map(|v| v as i64);
    let pads = emitter.int64s(&[0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]);
    let below_all = emitter.scalar(BELOW_ALL);
    let padded = emitter.op(Moving::Pad, &[x, &pads, &below_all], &[]);
    let (zero, one) = (emitter.scalar(0.0), emitter.scalar(1.0));
    let [axes, steps] = [[2, 3], window.strides.map(|v| v as i64)].map(|v| emitter.int64s(&v));
    let mut wins = Vec::new();
    for row in 0..window.kernel[0] {
        for col in 0..window.kernel[1] {
            let last = [(row, rows, 0), (col, cols, 1)].map(|(first, count, axis)| {
                (first + (count - 1) * window.strides[axis] + 1) as i64
            });
            let starts = emitter.int64s(&[row as i64, col as i64]);
            let ends = emitter.int64s(&last);
            let candidate = emitter.op(
                Moving::Slice,
                &[&padded, &starts, &ends, &axes, &steps],
                &[],
            );
            let won = emitter.op(Comparison::Equal, &[&candidate, y], &[]);
            wins.push(emitter.op(Comparison::Where, &[&won, &one, &zero], &[]));
        }
    }
    wins
}

/// A map in which each number of `parts` lies where it came from, one part for each place in a window; the last argument holds the sizes of the map before and behind the pooling.
fn put_back(
    emitter: &mut Emitter,
    window: &Window,
    parts: &[String],
    channels: usize,
    [[height, width], [rows, cols]]: [[usize; 2]; 2],
) -> String {
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    // One channel for each place in the window, put back to its place by a kernel with a single 1.
    let stacked = emitter.op(Moving::Concat, &parts, &[Attribute::Int("axis", 2)]);
    let area = parts.len();
    let shape = emitter.int64s(&[0, (channels * area) as i64, rows as i64, cols as i64]);
    let stacked = emitter.op(Reshaping::Reshape, &[&stacked, &shape], &[]);
    let [h, w] = window.kernel;
    let places = emitter.constant_with(&format!("places:{channels}x{h}x{w}"), || Tensor {
        dims: vec![channels * area, 1, h, w],
        data: (0..channels * area * area)
            .map(|index| {
                if index / area % area == index % area {
                    1.0
                } else {
                    0.0
                }
            })
            .collect(),
    });
    let rest = [(height, rows, 0), (width, cols, 1)].map(|(input, output, axis)| {
        let used = (output - 1) * window.strides[axis] + window.kernel[axis];
        (input + window.pads[axis] + window.pads[axis + 2] - used) as i64
    });
    emitter.op(
        Convolution::ConvTranspose,
        &[&stacked, &places],
        &[
            Attribute::Ints("strides", &window.strides.map(|v| v as i64)),
            Attribute::Ints("pads", &window.pads.map(|v| v as i64)),
            Attribute::Ints("output_padding", &rest),
            Attribute::Int("group", channels as i64),
        ],
    )
}

pub(super) struct Window {
    pub kernel: [usize; 2],
    pub strides: [usize; 2],
    /// Top, left, bottom, right.
    pub pads: [usize; 4],
}

impl Window {
    /// Refuses sizes that it does not lead between.
    fn check(&self, before: [usize; 4], after: [usize; 4]) -> Result<()> {
        for axis in 0..2 {
            let padded = before[axis + 2] + self.pads[axis] + self.pads[axis + 2];
            ensure!(
                padded >= self.kernel[axis]
                    && (padded - self.kernel[axis]) / self.strides[axis] + 1 == after[axis + 2],
                "its window, stride and pads do not lead from {}x{} to {}x{}",
                before[2],
                before[3],
                after[2],
                after[3]
            );
        }
        Ok(())
    }

    pub fn read(node: &NodeProto) -> Result<Self> {
        let sizes = |name: &str, default: &[i64]| -> Result<Vec<usize>> {
            let values = node.ints(name).unwrap_or(default);
            values
                .iter()
                .map(|&v| usize::try_from(v).with_context(|| format!("its {name} are {values:?}")))
                .collect()
        };
        ensure!(
            node.string("auto_pad")
                .is_none_or(|mode| mode == "NOTSET" || mode == "VALID"),
            "auto_pad is not supported for pooling: export with explicit pads"
        );
        let dilations = sizes("dilations", &[1, 1])?;
        ensure!(
            dilations.iter().all(|&d| d == 1),
            "dilated pooling is not supported"
        );
        let two = |values: Vec<usize>| <[usize; 2]>::try_from(values).ok();
        let kernel =
            two(sizes("kernel_shape", &[])?).context("its window is not two-dimensional")?;
        let strides =
            two(sizes("strides", &[1, 1])?).context("its stride is not two-dimensional")?;
        let pads = sizes("pads", &[0; 4])?;
        let pads = <[usize; 4]>::try_from(pads)
            .ok()
            .context("its pads are not four numbers")?;
        ensure!(
            kernel.iter().chain(&strides).all(|&v| v > 0),
            "its window or stride is 0"
        );
        let area = kernel[0].checked_mul(kernel[1]);
        ensure!(
            area.is_some_and(|area| area <= MOST_PLACES),
            "its window of {kernel:?} is too large: {MOST_PLACES} places are supported"
        );
        ensure!(
            (0..4).all(|side| pads[side] < kernel[side % 2])
                && strides.iter().all(|&s| s <= usize::from(u16::MAX)),
            "its pads {pads:?} reach beyond its window {kernel:?}, or its strides {strides:?} beyond any map"
        );
        Ok(Self {
            kernel,
            strides,
            pads,
        })
    }
}
