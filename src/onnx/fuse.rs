//! Chains of elementwise nodes become one node each, of an operator that is not ONNX's: a [`Program`], which the CPU carries out in one pass.
//!
//! In: nodes in topological order, and the shapes of what they write. Out: nodes that compute the same. A cluster is joined with another along an edge wherever no other way leads from
//! the one to the other, so that no cluster waits for itself; all values of a cluster are maps of one size.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Tensor;
use super::attributes::{self, NodeExt};
use super::ops::{Activation, Arithmetic, Comparison, Op};
use super::order;
use super::proto::{NodeProto, TensorProto};
use crate::error::Result;
use crate::own_operators::{
    ELEMENTWISE, Function, OWN_DOMAIN, PROGRAM, Program, ProgramStep, StepInput,
};

/// Names of emitted tensors begin with this, so that they cannot meet a name of the model.
pub(super) const PREFIX: &str = "ssdcrp/";

/// What nodes are fused by.
pub(super) struct Fusing<'a> {
    /// The sizes of tensors as far as they are known, one target taken for all.
    pub shapes: &'a HashMap<String, Vec<usize>>,
    pub constants: &'a BTreeMap<String, TensorProto>,
    /// Tensors that are wanted outside.
    pub wanted: HashSet<&'a str>,
}

/// Nodes that can be steps, with what they read; a comparison becomes part of each choice that reads it.
struct Fusible<'a> {
    function: Chain,
    reads: Vec<&'a str>,
}

/// The steps of one node, on what it reads.
type Chain = fn(&[StepInput], &mut Vec<ProgramStep>, usize);

impl Fusing<'_> {
    /// The same nodes, chains of `nodes` fused.
    ///
    /// # Errors
    /// Nodes that read each other in a circle.
    pub fn fuse(&self, nodes: Vec<NodeProto>) -> Result<Vec<NodeProto>> {
        let producers: HashMap<&str, usize> = nodes
            .iter()
            .enumerate()
            .flat_map(|(index, node)| node.output.iter().map(move |o| (o.as_str(), index)))
            .collect();
        let candidates: Vec<Option<Fusible>> = nodes
            .iter()
            .map(|node| self.candidate(node, &nodes, &producers))
            .collect();
        let mut cluster: Vec<usize> = (0..nodes.len()).collect();
        let reads: Vec<Vec<usize>> = nodes
            .iter()
            .zip(&candidates)
            .map(|(node, candidate)| {
                let names: Vec<&str> = match candidate {
                    Some(candidate) => candidate.reads.clone(),
                    None => node.input.iter().map(String::as_str).collect(),
                };
                names
                    .iter()
                    .filter_map(|name| producers.get(name).copied())
                    .collect()
            })
            .collect();
        for to in 0..nodes.len() {
            if candidates[to].is_none() {
                continue;
            }
            for &from in &reads[to] {
                let (a, b) = (cluster[from], cluster[to]);
                let is_alike =
                    candidates[from].is_some() && self.size(&nodes[from]) == self.size(&nodes[to]);
                if a != b && is_alike && !has_detour(&cluster, &reads, a, b) {
                    cluster
                        .iter_mut()
                        .filter(|of| **of == b)
                        .for_each(|of| *of = a);
                }
            }
        }
        self.rewrite(&nodes, &candidates, &cluster)
    }

    /// The size of the map that a node writes.
    fn size(&self, node: &NodeProto) -> Option<&[usize]> {
        let shape = self.shapes.get(node.output.first()?)?;
        (shape.len() == 4).then(|| &shape[1..])
    }

    /// A node that can be a step: each operand is as large as the map, or has one number for all of it or for each channel.
    fn candidate<'a>(
        &self,
        node: &'a NodeProto,
        nodes: &'a [NodeProto],
        producers: &HashMap<&str, usize>,
    ) -> Option<Fusible<'a>> {
        let [channels, height, width] = *self.size(node)? else {
            return None;
        };
        // What the model itself has, ONNX Runtime joins with its convolutions.
        if !node.name().starts_with(PREFIX) {
            return None;
        }
        let input = |index: usize| node.input_at(index);
        let both = || Some(vec![input(0)?, input(1)?]);
        let two = node.input.len() == 2;
        let (function, reads): (Chain, Vec<&str>) = match Op::of(node) {
            Op::Arithmetic(Arithmetic::Add) => (|r, s, _| push(s, Function::Add, r), both()?),
            Op::Arithmetic(Arithmetic::Sub) => (|r, s, _| push(s, Function::Sub, r), both()?),
            Op::Arithmetic(Arithmetic::Mul) => (|r, s, _| push(s, Function::Mul, r), both()?),
            Op::Arithmetic(Arithmetic::Div) => (|r, s, _| push(s, Function::Div, r), both()?),
            Op::Arithmetic(Arithmetic::Max) if two => {
                (|r, s, _| push(s, Function::Max, r), both()?)
            }
            Op::Arithmetic(Arithmetic::Min) if two => {
                (|r, s, _| push(s, Function::Min, r), both()?)
            }
            Op::Arithmetic(Arithmetic::Abs) => {
                (|r, s, _| push(s, Function::Abs, r), vec![input(0)?])
            }
            Op::Arithmetic(Arithmetic::Sqrt) => {
                (|r, s, _| push(s, Function::Sqrt, r), vec![input(0)?])
            }
            Op::Activation(Activation::Relu) => (
                |r, s, _| push(s, Function::Max, &[r[0], StepInput::Number(0.0)]),
                vec![input(0)?],
            ),
            Op::Activation(Activation::Clip) => {
                let bounds = (input(1).is_some(), input(2).is_some());
                let chain: Chain = match bounds {
                    (true, true) => |r, s, first| {
                        push(s, Function::Max, &[r[0], r[1]]);
                        let low = StepInput::Value(first);
                        push(s, Function::Min, &[low, r[2]]);
                    },
                    (true, false) => |r, s, _| push(s, Function::Max, &[r[0], r[1]]),
                    _ => return None,
                };
                let mut reads = vec![input(0)?];
                reads.extend([input(1), input(2)].into_iter().flatten());
                (chain, reads)
            }
            Op::Comparison(Comparison::Where) => {
                let condition = &nodes[*producers.get(input(0)?)?];
                let mut reads = vec![condition.input_at(0)?, condition.input_at(1)?];
                reads.extend([input(1)?, input(2)?]);
                let chain: Chain = match Op::of(condition) {
                    Op::Comparison(Comparison::Less) => |r, s, _| push(s, Function::IfLess, r),
                    Op::Comparison(Comparison::Equal) => |r, s, _| push(s, Function::IfEqual, r),
                    _ => return None,
                };
                (chain, reads)
            }
            _ => return None,
        };
        let fits = |name: &str| {
            let Some(shape) = self.shapes.get(name) else {
                return false;
            };
            let from_end = |place: usize| {
                let index = shape.len().checked_sub(place);
                index.map_or(1, |index| shape[index])
            };
            let plane = (from_end(2), from_end(1));
            shape.len() <= 4
                && (from_end(3) == channels || from_end(3) == 1)
                && (plane == (height, width) || plane == (1, 1))
        };
        reads
            .iter()
            .all(|name| fits(name))
            .then_some(Fusible { function, reads })
    }

    /// The nodes with each cluster of several as one.
    fn rewrite(
        &self,
        nodes: &[NodeProto],
        candidates: &[Option<Fusible>],
        cluster: &[usize],
    ) -> Result<Vec<NodeProto>> {
        let mut members: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for (index, of) in cluster.iter().enumerate() {
            members.entry(*of).or_default().push(index);
        }
        // By tensor, the clusters that read it; a choice that is fused compares by itself.
        let mut readers: HashMap<&str, HashSet<usize>> = HashMap::new();
        for (index, node) in nodes.iter().enumerate() {
            let names: Vec<&str> = match &candidates[index] {
                Some(candidate) if members[&cluster[index]].len() > 1 => candidate.reads.clone(),
                _ => node.input.iter().map(String::as_str).collect(),
            };
            for name in names {
                readers.entry(name).or_default().insert(cluster[index]);
            }
        }
        let is_read_outside = |name: &str, own: usize| {
            let read = readers.get(name);
            self.wanted.contains(name) || read.is_some_and(|by| by.iter().any(|by| *by != own))
        };
        let mut written = Vec::new();
        for (&of, members) in &members {
            match members[..] {
                [index] => {
                    let node = &nodes[index];
                    let outputs = &node.output;
                    if outputs.iter().any(|name| is_read_outside(name, of)) {
                        written.push(node.clone());
                    }
                }
                _ => {
                    let is_read = |name: &str| is_read_outside(name, of);
                    written.push(self.fused_node(nodes, candidates, members, is_read));
                }
            }
        }
        // No cluster waits for itself, so that no circle is made.
        order::sort(&mut written)?;
        Ok(written)
    }

    fn fused_node(
        &self,
        nodes: &[NodeProto],
        candidates: &[Option<Fusible>],
        members: &[usize],
        is_read: impl Fn(&str) -> bool,
    ) -> NodeProto {
        let inside: HashSet<&str> = members.iter().map(|&m| nodes[m].first_output()).collect();
        let mut inputs: Vec<&str> = Vec::new();
        for candidate in members.iter().filter_map(|&m| candidates[m].as_ref()) {
            for &name in &candidate.reads {
                let is_new = !inside.contains(name) && !inputs.contains(&name);
                if is_new && self.number(name).is_none() {
                    inputs.push(name);
                }
            }
        }
        let mut values: HashMap<&str, StepInput> = HashMap::new();
        for (place, &name) in inputs.iter().enumerate() {
            values.insert(name, StepInput::Value(place));
        }
        let mut program = Program {
            inputs: inputs.len(),
            steps: vec![],
            outputs: vec![],
        };
        let mut outputs = Vec::new();
        for &member in members {
            let Some(candidate) = &candidates[member] else {
                continue;
            };
            let operand = |name: &&str| match self.number(name) {
                Some(number) => StepInput::Number(number),
                None => values[*name],
            };
            let operands: Vec<StepInput> = candidate.reads.iter().map(operand).collect();
            let first = program.inputs + program.steps.len();
            (candidate.function)(&operands, &mut program.steps, first);
            let output = nodes[member].first_output();
            let last = program.steps.len() - 1;
            values.insert(output, StepInput::Value(program.inputs + last));
            if is_read(output) {
                program.outputs.push(last);
                outputs.push(output.to_owned());
            }
        }
        NodeProto {
            name: Some(format!(
                "{}:fused",
                outputs.first().map_or("", String::as_str)
            )),
            op_type: Some(ELEMENTWISE.to_owned()),
            domain: Some(OWN_DOMAIN.to_owned()),
            input: inputs.into_iter().map(str::to_owned).collect(),
            output: outputs,
            attribute: vec![attributes::string(PROGRAM, &program.to_string())],
            ..Default::default()
        }
    }

    /// A constant of one number.
    fn number(&self, name: &str) -> Option<f32> {
        let tensor = Tensor::from_proto(self.constants.get(name)?).ok()?;
        match tensor.data[..] {
            [number] => Some(number),
            _ => None,
        }
    }
}

fn push(steps: &mut Vec<ProgramStep>, function: Function, operands: &[StepInput]) {
    steps.push(ProgramStep {
        function,
        operands: operands.to_vec(),
    });
}

/// Whether a way leads from cluster `a` to cluster `b`, or back, through a third one. Nodes stand after those that they read.
fn has_detour(cluster: &[usize], reads: &[Vec<usize>], a: usize, b: usize) -> bool {
    let reaches = |from: usize, to: usize| {
        let mut reached = vec![false; cluster.len()];
        reached[from] = true;
        // A cluster is reached once one of its nodes is, and then all of its nodes lead on: once more until nothing new is reached.
        loop {
            let mut is_new = false;
            for (&of, reads) in cluster.iter().zip(reads) {
                let through = |&read: &usize| {
                    let by = cluster[read];
                    // The edge between the two is no detour.
                    reached[by] && !(by == from && of == to)
                };
                if !reached[of] && reads.iter().any(through) {
                    reached[of] = true;
                    is_new = true;
                }
            }
            if reached[to] || !is_new {
                return reached[to];
            }
        }
    };
    reaches(a, b) || reaches(b, a)
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use prost::bytes::Bytes;

    use super::*;
    use crate::onnx::ops::{Passing, Pooling};
    use crate::onnx::proto::ModelProto;
    use crate::onnx::{Emitter, ModelForm, small_graph};

    /// Operators, and programs in the place of fused ones, of what `build` emits on the input `x` [1, 1, 4, 4]; it returns the outputs.
    fn fused(build: impl FnOnce(&mut Emitter) -> Vec<String>) -> Vec<String> {
        let graph = small_graph(|e| e.op(Passing::Identity, &["x"], &[]));
        let mut emitter = Emitter::default();
        let outputs = build(&mut emitter);
        let outputs: Vec<_> = (outputs.into_iter().enumerate())
            .map(|(place, tensor)| (tensor, format!("out{place}"), vec![1, 4, 4]))
            .collect();
        let form = ModelForm {
            is_fused: true,
            ..ModelForm::STANDARD
        };
        let model = emitter.finish(&graph, &outputs, form).unwrap().model;
        let nodes = ModelProto::decode(Bytes::from(model))
            .unwrap()
            .graph
            .unwrap()
            .node;
        let told = nodes
            .iter()
            .filter(|node| Op::of(node) != Passing::Identity);
        told.map(|node| node.string(PROGRAM).unwrap_or(node.op_type()).to_owned())
            .collect()
    }

    #[test]
    fn a_chain_becomes_a_program_with_its_numbers_in_it() {
        let found = fused(|e| {
            let half = e.scalar(0.5);
            let sum = e.op(Arithmetic::Add, &["x", &half], &[]);
            let positive = e.op(Activation::Relu, &[&sum], &[]);
            vec![e.op(Arithmetic::Div, &[&positive, "x"], &[])]
        });
        assert_eq!(found, ["1;Add 0 #5e-1;Max 1 #0e0;Div 2 0;>3"]);
    }

    #[test]
    fn a_choice_compares_by_itself() {
        let found = fused(|e| {
            let zero = e.scalar(0.0);
            let double = e.op(Arithmetic::Add, &["x", "x"], &[]);
            let less = e.op(Comparison::Less, &["x", &zero], &[]);
            vec![e.op(Comparison::Where, &[&less, &double, "x"], &[])]
        });
        assert_eq!(found, ["1;Add 0 0;IfLess 0 #0e0 1 0;>2"]);
    }

    #[test]
    fn what_is_read_outside_comes_out() {
        let found = fused(|e| {
            let double = e.op(Arithmetic::Add, &["x", "x"], &[]);
            let square = e.op(Arithmetic::Mul, &[&double, &double], &[]);
            vec![double, square]
        });
        assert_eq!(found, ["1;Add 0 0;Mul 1 1;>1;>2"]);
    }

    #[test]
    fn no_cluster_waits_for_itself() {
        // The mean is made of the one and read by the other, so they cannot be one.
        let found = fused(|e| {
            let double = e.op(Arithmetic::Add, &["x", "x"], &[]);
            let square = e.op(Arithmetic::Mul, &[&double, "x"], &[]);
            let mean = e.op(Pooling::GlobalAveragePool, &[&square], &[]);
            let centred = e.op(Arithmetic::Sub, &[&square, &mean], &[]);
            vec![e.op(Arithmetic::Abs, &[&centred], &[])]
        });
        assert_eq!(
            found,
            [
                "1;Add 0 0;Mul 1 0;>2",
                "GlobalAveragePool",
                "2;Sub 0 1;Abs 2;>3"
            ]
        );
    }

    #[test]
    fn one_node_alone_stays() {
        let found = fused(|e| vec![e.op(Arithmetic::Abs, &["x"], &[])]);
        assert_eq!(found, ["Abs"]);
    }
}
