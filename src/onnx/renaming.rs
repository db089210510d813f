//! Graphs that are put into others: their tensors get names that are not there yet.
//!
//! In: the body of a function or of a branch, and what its place reads and writes. Out: nodes and constants that can stand there.

use std::collections::HashMap;

use super::inner;
use super::proto::{GraphProto, NodeProto, TensorProto};

/// Gives the tensors of a graph that is put into another one names that are not there yet.
pub(super) struct Renaming {
    prefix: String,
    names: HashMap<String, String>,
}

impl Renaming {
    /// `names` are those that have one already; all others begin with `prefix`.
    pub fn new(prefix: String, names: HashMap<String, String>) -> Self {
        Self { prefix, names }
    }

    /// The nodes and constants of a graph for the place of a node: what it gives as `results` is written as `outputs`.
    pub fn inlined(
        &mut self,
        graph: GraphProto,
        results: &[String],
        outputs: &[String],
    ) -> (Vec<NodeProto>, Vec<TensorProto>) {
        let mut constants = graph.initializer;
        for constant in &mut constants {
            constant.name = Some(self.new_name(constant.name()));
        }
        let mut wanted: HashMap<&str, &str> = HashMap::new();
        let mut nodes = Vec::new();
        for (result, output) in results.iter().zip(outputs) {
            if !output.is_empty() {
                wanted.entry(result).or_insert(output);
            }
        }
        // All names first: nodes may stand in any order.
        for output in graph.node.iter().flat_map(|node| &node.output) {
            let new = match wanted.get(output.as_str()) {
                Some(wanted) => (*wanted).to_owned(),
                None => format!("{}{output}", self.prefix),
            };
            if !output.is_empty() {
                self.names.insert(output.clone(), new);
            }
        }
        for mut this in graph.node {
            let names = &self.names;
            inner::rename(&mut this, &|name: &str| names.get(name).cloned());
            for output in &mut this.output {
                if let Some(new) = self.names.get(output) {
                    output.clone_from(new);
                }
            }
            if !this.name().is_empty() {
                this.name = Some(format!("{}{}", self.prefix, this.name()));
            }
            nodes.push(this);
        }
        // A result that no node of it writes is one of its inputs or constants, or is given twice.
        for (result, output) in results.iter().zip(outputs) {
            let source = self.names.get(result).unwrap_or(result);
            if !output.is_empty() && source != output {
                nodes.push(identity(source, output));
            }
        }
        (nodes, constants)
    }

    fn new_name(&mut self, name: &str) -> String {
        let new = format!("{}{name}", self.prefix);
        self.names.insert(name.to_owned(), new.clone());
        new
    }
}

/// A node that writes `output`, which is `source`.
fn identity(source: &str, output: &str) -> NodeProto {
    NodeProto {
        name: Some(format!("{output}:identity")),
        op_type: Some("Identity".to_owned()),
        input: vec![source.to_owned()],
        output: vec![output.to_owned()],
        ..Default::default()
    }
}
