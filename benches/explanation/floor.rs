//! The least that an explanation can take, if convolutions were all: their multiplications, counted from the shapes of the graphs, as multiples of those of a forward pass.
//!
//! In: a composite and targets. Out: the forward pass, once; what the explanation multiplies of the picture alone and the forward pass does not, once for each head; what depends on the target, for each.
//! What an explanation computes of the forward pass again does not count.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use ssdcrp::crp::{
    Composite, GraphForm, LayerType, LayerTypes, Target, compile, layer_types, seed_name,
};
use ssdcrp::detect::{Head, Model};
use ssdcrp::onnx::proto::NodeProto;
use ssdcrp::onnx::{Graph, NodeExt, parse_own};

/// The input of explanation networks that says which cell is a target's.
const CELLS: &str = "cells";

/// Multiplications of an explanation network.
#[derive(Clone, Copy, Default)]
struct Work {
    once: u64,
    each: u64,
}

/// Counts for one model; each graph is compiled once.
pub struct Floors {
    model: Arc<Model>,
    types: LayerTypes,
    forward: u64,
    known: HashMap<(String, usize), Work>,
}

impl Floors {
    pub fn new(model: Arc<Model>) -> Result<Self> {
        let scores: Vec<&str> = model.heads.iter().flat_map(Head::score_tensors).collect();
        let offsets = model.heads.iter();
        let offsets: Vec<&str> = offsets
            .filter_map(|head| head.offset_tensor.as_deref())
            .collect();
        let types = layer_types(&model.graph, &scores, &offsets)?;
        let outputs = [&model.outputs.classes].into_iter();
        let outputs = outputs.chain(&model.outputs.offsets);
        let nodes = model.graph.ancestors(outputs.map(String::as_str));
        let mut forward = 0;
        for index in nodes {
            forward += multiplications(&model.graph, &model.graph.nodes()[index])?;
        }
        ensure!(forward > 0, "the network has no convolution");
        Ok(Self {
            model,
            types,
            forward,
            known: HashMap::new(),
        })
    }

    /// Multiplications of a forward pass.
    pub fn forward(&self) -> u64 {
        self.forward
    }

    /// The floor of an explanation of classes, its forward pass counted in, as a multiple of the forward pass.
    pub fn of(&mut self, composite: &str, targets: &[Target]) -> Result<f64> {
        let mut counts: BTreeMap<usize, u64> = BTreeMap::new();
        for target in targets {
            let location = self.model.layout.locate(target.default_box);
            let head = location.context("a target has no default box")?.head;
            *counts.entry(head).or_default() += 1;
        }
        let mut all = self.forward;
        for (head, count) in counts {
            let work = self.explanation(composite, head)?;
            all += work.once + count * work.each;
        }
        Ok(all as f64 / self.forward as f64)
    }

    fn explanation(&mut self, composite: &str, head: usize) -> Result<Work> {
        let key = (composite.to_owned(), head);
        if let Some(&work) = self.known.get(&key) {
            return Ok(work);
        }
        let rules: Composite = composite.parse()?;
        let tensor = self.model.heads[head].score_tensors().next();
        let tensor = tensor.context("a head without scores")?;
        // As the product runs it on the CPU.
        let form = GraphForm {
            hands_over: true,
            at_cells: true,
            is_own: true,
        };
        let rules = rules.entering_at(LayerType::Classification);
        let compiled = compile(&self.model.graph, &self.types, &rules, &[tensor], &[], form)?;
        let graph = parse_own(compiled.model.into())?;
        let seed = seed_name(tensor);
        let mut of_targets: HashSet<&str> = HashSet::from([seed.as_str(), CELLS]);
        let mut work = Work::default();
        for node in graph.nodes() {
            let is_of_targets = (node.input.iter()).any(|name| of_targets.contains(name.as_str()));
            if is_of_targets {
                of_targets.extend(node.output.iter().map(String::as_str));
            }
            let count = multiplications(&graph, node)?;
            if is_of_targets {
                work.each += count;
            } else if self.model.graph.producer(node.first_output()).is_none() {
                work.once += count;
            }
        }
        self.known.insert(key, work);
        Ok(work)
    }
}

/// Of a convolution or a product of matrices, for one picture or target; 0 of everything else.
fn multiplications(graph: &Graph, node: &NodeProto) -> Result<u64> {
    let elements = |sizes: &[usize]| sizes.iter().map(|&size| size as u64).product::<u64>();
    let input = |place: usize| -> Result<&[usize]> {
        let name = node.input.get(place).context("an input is missing")?;
        Ok(graph.shape(name)?)
    };
    Ok(match node.op_type() {
        // Each number that is written takes a kernel's worth of them, each that is read in the transposed one.
        "Conv" => elements(graph.shape(node.first_output())?) * elements(&input(1)?[1..]),
        "ConvTranspose" => elements(input(0)?) * elements(&input(1)?[1..]),
        // A chain with such a layer in it: the number of the input that goes through, and the kernels at the end.
        "Elementwise" => match node.ints("through") {
            Some([place, ..]) => {
                let kernels = input(node.input.len() - 1)?;
                elements(input(*place as usize)?) * elements(&kernels[1..])
            }
            _ => 0,
        },
        "MatMul" | "Gemm" => {
            let row = input(0)?.last().copied().unwrap_or(1) as u64;
            elements(graph.shape(node.first_output())?) * row
        }
        _ => 0,
    })
}
