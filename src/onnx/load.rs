//! Reading an ONNX file that may be anything: too large, cut off, hostile, or simply of another kind.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use prost::Message;
use prost::bytes::Bytes;

use super::attributes::NodeExt;
use super::graph::Graph;
use super::operator_set::is_onnx;
use super::proto::{ModelProto, NodeProto};
use super::{
    branches, canonical, external, functions, half, integer_input, order, other_formats, shapes,
    sparse, tensor, upgrade, wire,
};
use crate::error::Result;
use crate::error::model::{Context, bail, ensure};
use crate::limits::{self, FileKind, MOST_NODES, MOST_OPERANDS};
use crate::own_operators::OWN_DOMAIN;

/// Reads a model file into a canonical [`Graph`].
///
/// # Errors
/// A missing, unreadable or too large file, and everything that [`parse`] refuses; each message names the file.
pub fn read(path: &Path) -> Result<Graph> {
    let origin = path.display();
    let bytes = limits::read(path, FileKind::Model)
        .with_context(|| format!("cannot open model {origin}"))?;
    let mut model = decode(Bytes::from(bytes), &origin.to_string())?;
    let folder = path.parent().unwrap_or(Path::new("."));
    external::load(&mut model, folder)
        .and_then(|()| from_model(model))
        .with_context(|| format!("model {origin} cannot be used"))
}

/// The files in which a model keeps its weights, besides its own; none where it cannot be read.
#[must_use]
pub fn weight_files(path: &Path) -> BTreeSet<PathBuf> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let bytes = limits::read(path, FileKind::Model).ok();
    let model = bytes.and_then(|bytes| decode(Bytes::from(bytes), "").ok());
    model.map_or_else(BTreeSet::new, |model| external::files(&model, folder))
}

/// Decodes, checks and canonicalises a model. Weights stay a view of `bytes`.
///
/// `origin` names the model in error messages.
///
/// # Errors
/// Bytes that are no ONNX model or one without bounds, an operator set older than 9, weights outside of the file or of the wrong length,
/// nodes that form a circle.
pub fn parse(bytes: Bytes, origin: &str) -> Result<Graph> {
    let model = decode(bytes, origin)?;
    from_model(model).with_context(|| format!("model {origin} cannot be used"))
}

fn decode(bytes: Bytes, origin: &str) -> Result<ModelProto> {
    let read = wire::check(&bytes, origin).and_then(|()| {
        ModelProto::decode(bytes.clone())
            .with_context(|| format!("{origin} is not an ONNX model, or it is cut off"))
    });
    match (&read, other_formats::recognised(&bytes, origin)) {
        (Err(_), Some(what)) => bail!("{origin} is not an ONNX model, but {what}"),
        _ => read,
    }
}

/// Reads a network that this program has compiled for itself, with operators of its own; not for files, which have none.
///
/// # Errors
/// Bytes that it has not compiled.
pub fn parse_own(bytes: Bytes) -> Result<Graph> {
    canonicalised(decode(bytes, "the compiled network")?)
}

fn from_model(model: ModelProto) -> Result<Graph> {
    let functions = model.functions.iter().flat_map(|f| &f.node);
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    check_nodes(nodes.chain(functions))?;
    canonicalised(model)
}

fn canonicalised(mut model: ModelProto) -> Result<Graph> {
    let imported = &mut model.opset_import;
    let set = imported
        .iter_mut()
        .find(|set| is_onnx(set))
        .context("the file names no ONNX operator set: it is not an ONNX model")?;
    let opset = set.version();
    ensure!(
        opset >= upgrade::OLDEST,
        "its operator set is {opset}, {} is the oldest supported: \
         export it again, or convert it with onnx.version_converter.convert_version(model, {})",
        upgrade::OLDEST,
        upgrade::CURRENT
    );
    let mut graph = model.graph.context("the file holds no graph")?;
    let count = graph.node.len();
    ensure!(
        count <= MOST_NODES,
        "it has {count} nodes, {MOST_NODES} is the limit"
    );
    sparse::fill(&mut graph)?;
    if opset < upgrade::CURRENT {
        set.version = Some(upgrade::CURRENT);
        upgrade::upgrade(&mut graph, opset);
    }
    functions::inline(&mut graph, model.functions)?;
    branches::take_certain(&mut graph)?;
    order::sort(&mut graph.node)?;
    let declared = graph.input.iter_mut().chain(&mut graph.output);
    declared.for_each(shapes::free_impossible_sizes);
    half::widen(&mut graph)?;
    integer_input::take_float(&mut graph);
    graph.initializer.iter().try_for_each(tensor::check)?;
    canonical::canonicalise(graph, model.opset_import)
}

/// The operators of [`OWN_DOMAIN`] are those that this program writes itself, with inputs that it has checked: a file has none of them, in no branch or loop either. Nor has any node thousands of operands.
fn check_nodes<'a>(nodes: impl Iterator<Item = &'a NodeProto>) -> Result<()> {
    let mut waiting: Vec<&NodeProto> = nodes.collect();
    while let Some(node) = waiting.pop() {
        ensure!(
            node.domain() != OWN_DOMAIN,
            "node '{}' is of the operator {OWN_DOMAIN}:{}, which no file can use: export the model with ONNX's own operators",
            node.name(),
            node.op_type()
        );
        let operands = node.input.len() + node.output.len();
        ensure!(
            operands <= MOST_OPERANDS,
            "{} reads and writes {operands} tensors, {MOST_OPERANDS} is the limit",
            node.describe()
        );
        for attribute in &node.attribute {
            let inner = attribute.g.iter().chain(&attribute.graphs);
            waiting.extend(inner.flat_map(|graph| &graph.node));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::{AttributeProto, GraphProto, OperatorSetIdProto};

    #[test]
    fn operators_of_our_own_are_refused_wherever_a_file_names_them() {
        let own = NodeProto {
            name: Some("n".to_owned()),
            op_type: Some("Window".to_owned()),
            domain: Some(OWN_DOMAIN.to_owned()),
            ..NodeProto::default()
        };
        let inner = GraphProto {
            node: vec![own.clone()],
            ..GraphProto::default()
        };
        let branch = NodeProto {
            op_type: Some("If".to_owned()),
            attribute: vec![AttributeProto {
                g: Some(inner),
                ..AttributeProto::default()
            }],
            ..NodeProto::default()
        };
        for node in [own, branch] {
            let model = ModelProto {
                opset_import: vec![OperatorSetIdProto {
                    domain: None,
                    version: Some(13),
                }],
                graph: Some(GraphProto {
                    node: vec![node],
                    ..GraphProto::default()
                }),
                ..ModelProto::default()
            };
            let error = parse(model.encode_to_vec().into(), "own.onnx").unwrap_err();
            let error = format!("{error:#}");
            assert!(
                error.contains("'n' is of the operator ssdcrp:Window"),
                "{error}"
            );
        }
    }

    #[test]
    fn says_what_is_wrong_with_a_file_that_is_no_model() {
        let error = parse(Bytes::from_static(b"GIF89a not a model"), "picture.gif").unwrap_err();
        assert!(
            format!("{error:#}").contains("picture.gif is not an ONNX model"),
            "{error:#}"
        );
        let error = parse(Bytes::new(), "empty.onnx").unwrap_err();
        assert!(
            format!("{error:#}").contains("no ONNX operator set"),
            "{error:#}"
        );
        let error = read(Path::new("/nowhere/model.onnx")).unwrap_err();
        assert!(format!("{error:#}").contains("cannot open model /nowhere/model.onnx"));
    }
}
