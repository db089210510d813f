//! A transposed depthwise convolution that a chain of elementwise nodes alone reads becomes part of it: its large map is made channel by channel where it is read, and need not be written and read in whole.
//!
//! In: nodes with chains fused. Out: nodes that compute the same. Only layers that the compiler has emitted are taken: those of the model itself ONNX Runtime joins with its activations.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::attributes::{self, NodeExt};
use super::fuse::PREFIX;
use super::ops::{Convolution, Op};
use super::proto::{NodeProto, TensorProto};
use crate::own_operators::{Depthwise, ELEMENTWISE, THROUGH};

/// Maps of fewer places stay in the caches anyhow, and their rows are short. (At strides of 1 ONNX Runtime's own convolution is faster, in spite of what it writes.)
const WORTH: usize = 1 << 10;

/// What layers are absorbed by.
pub(super) struct Absorbing<'a> {
    /// The sizes of tensors as far as they are known.
    pub shapes: &'a HashMap<String, Vec<usize>>,
    pub constants: &'a BTreeMap<String, TensorProto>,
    /// Tensors that are wanted outside.
    pub wanted: HashSet<&'a str>,
}

impl Absorbing<'_> {
    /// The same nodes, each chain with one of the layers that it reads at the most.
    pub fn absorb(&self, mut nodes: Vec<NodeProto>) -> Vec<NodeProto> {
        let mut readers: HashMap<String, usize> = HashMap::new();
        for name in nodes.iter().flat_map(|node| &node.input) {
            *readers.entry(name.clone()).or_default() += 1;
        }
        let layers: HashMap<String, (Depthwise, [String; 2])> = (nodes.iter())
            .filter_map(|node| Some((node.first_output().to_owned(), self.layer(node)?)))
            .filter(|(output, _)| {
                readers.get(output) == Some(&1) && !self.wanted.contains(output.as_str())
            })
            .collect();
        let mut absorbed = HashSet::new();
        for node in nodes
            .iter_mut()
            .filter(|node| node.op_type() == ELEMENTWISE)
        {
            let found = node.input.iter().enumerate();
            let mut found = found.filter_map(|(place, name)| Some((place, layers.get(name)?)));
            let Some((place, (layer, [small, kernels]))) = found.next() else {
                continue;
            };
            absorbed.insert(std::mem::replace(&mut node.input[place], small.clone()));
            node.input.push(kernels.clone());
            let numbers: Vec<i64> = [place as i64].into_iter().chain(layer.to_ints()).collect();
            node.attribute.push(attributes::ints(THROUGH, &numbers));
        }
        nodes.retain(|node| !absorbed.contains(node.first_output()));
        nodes
    }

    /// A node that is such a layer, its input and its kernels.
    fn layer(&self, node: &NodeProto) -> Option<(Depthwise, [String; 2])> {
        if Op::of(node) != Convolution::ConvTranspose {
            return None;
        }
        let [x, kernels] = &node.input[..] else {
            return None;
        };
        let shape = |name: &str| <[usize; 4]>::try_from(&self.shapes.get(name)?[..]).ok();
        let ([_, channels, height, width], [_, _, rows, columns]) =
            (shape(x)?, shape(node.first_output())?);
        let [of, 1, kernel_rows, kernel_columns] = self.constants.get(kernels)?.dims[..] else {
            return None;
        };
        let pair = |name: &str, default: usize| match node.ints(name) {
            Some(ints) => Some([
                usize::try_from(*ints.first()?).ok()?,
                usize::try_from(*ints.get(1)?).ok()?,
            ]),
            None => Some([default; 2]),
        };
        let strides = pair("strides", 1)?;
        let is_plain = node.name().starts_with(PREFIX)
            && of == channels as i64
            && node.int("group", 1) == of
            && pair("dilations", 1)? == [1, 1]
            && node.string("auto_pad").is_none_or(|pad| pad == "NOTSET")
            && node.ints("output_shape").is_none();
        (is_plain && rows * columns >= WORTH).then_some(())?;
        let layer = Depthwise {
            kernel: [kernel_rows as usize, kernel_columns as usize],
            strides,
            pads: pair("pads", 0)?,
            from: [height, width],
            to: [rows, columns],
        };
        // The reader's own limits.
        Depthwise::from_ints(&layer.to_ints()).ok()?;
        Some((layer, [x.clone(), kernels.clone()]))
    }
}
