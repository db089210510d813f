//! What convolutions and transposed ones have in common: constant weights of which rules use parts, and a window.

use std::borrow::Cow;

use crate::crp::rules::WeightPart;
use crate::error::Result;
use crate::error::model::Context;
use crate::onnx::ops::Convolution;
use crate::onnx::{Attribute, Emitter, NodeExt, Tensor, proto::NodeProto};

/// The constant weights of a layer.
pub(super) struct Kernel<'a> {
    pub name: Cow<'a, str>,
    /// Four axes, the last two of them rows and columns.
    pub weight: Tensor,
}

impl Kernel<'_> {
    /// Weights of 1, one window for each of `outputs`; no part of them but [`WeightPart::One`] can be asked for.
    pub fn ones(outputs: usize, height: usize, width: usize) -> Self {
        let dims = vec![outputs, 1, height, width];
        Self {
            name: format!("window:{outputs}x{height}x{width}").into(),
            weight: Tensor {
                data: vec![1.0; dims.iter().product()],
                dims,
            },
        }
    }

    /// ω of every weight; the weights themselves where that is all of them.
    pub fn part(&self, emitter: &mut Emitter, part: WeightPart) -> String {
        if part == WeightPart::WHOLE {
            return self.name.clone().into_owned();
        }
        emitter.constant_with(&format!("{}:{part:?}", self.name), || Tensor {
            dims: self.weight.dims.clone(),
            data: self.weight.data.iter().map(|&w| part.apply(w)).collect(),
        })
    }
}

/// How a kernel moves over a map. Pads are top, left, bottom, right.
#[derive(Clone, Copy)]
pub(super) struct Movement {
    pub strides: [usize; 2],
    pub dilations: [usize; 2],
    pub pads: [usize; 4],
}

impl Movement {
    /// Emits `Conv` or `ConvTranspose` in `group` groups; `rest` is the output padding of the latter.
    pub fn emit(
        &self,
        emitter: &mut Emitter,
        operator: Convolution,
        inputs: &[&str],
        group: usize,
        rest: Option<[usize; 2]>,
    ) -> String {
        let strides = self.strides.map(|v| v as i64);
        let dilations = self.dilations.map(|v| v as i64);
        let pads = self.pads.map(|v| v as i64);
        let rest = rest.map(|rest| rest.map(|v| v as i64));
        let mut attributes = vec![
            Attribute::Ints("strides", &strides),
            Attribute::Ints("dilations", &dilations),
            Attribute::Ints("pads", &pads),
        ];
        if let Some(rest) = &rest {
            attributes.push(Attribute::Ints("output_padding", rest));
        }
        attributes.push(Attribute::Int("group", group as i64));
        emitter.op(operator, inputs, &attributes)
    }
}

/// The same bias for each of `outputs` channels.
pub(super) fn bias(emitter: &mut Emitter, outputs: usize, value: f32) -> String {
    let name = format!("bias:{outputs}x{value:e}");
    emitter.constant_with(&name, || Tensor {
        dims: vec![outputs],
        data: vec![value; outputs],
    })
}

/// One channel of ones, which stands for all where weights are summed over them.
pub(super) fn ones(emitter: &mut Emitter, [_, _, height, width]: [usize; 4]) -> String {
    emitter.constant_with(&format!("ones:{height}x{width}"), || Tensor {
        dims: vec![1, 1, height, width],
        data: vec![1.0; height * width],
    })
}

/// Two numbers of an attribute, one for rows and one for columns.
pub(super) fn pair(node: &NodeProto, name: &str, default: [i64; 2]) -> Result<[usize; 2]> {
    let values = node.ints(name).unwrap_or(&default);
    sizes(values).with_context(|| format!("its {name} are {values:?}"))
}

pub(super) fn sizes<const N: usize>(values: &[i64]) -> Result<[usize; N]> {
    let sizes: Vec<usize> = values
        .iter()
        .map(|&v| u16::try_from(v).map(usize::from).context("impossible"))
        .collect::<Result<_>>()?;
    sizes
        .try_into()
        .ok()
        .with_context(|| format!("{N} numbers were expected"))
}
