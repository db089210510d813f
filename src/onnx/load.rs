//! Reading an ONNX file that may be anything: too large, cut off, hostile, or simply of another kind.

use std::path::Path;

use prost::Message;
use prost::bytes::Bytes;

use super::graph::Graph;
use super::proto::{GraphProto, ModelProto};
use super::{canonical, external, half, shapes, tensor, upgrade};
use crate::error::Result;
use crate::error::model::{Context, ensure};
use crate::own_operators::OWN_DOMAIN;

/// Protobuf's own limit for one message.
const MAX_BYTES: u64 = 2 << 30;
/// The oldest IR version that goes with the operator set that files are brought to.
const IR_VERSION: i64 = 7;

/// Reads a model file into a canonical [`Graph`].
///
/// # Errors
/// A missing, unreadable or too large file, and everything that [`parse`] refuses; each message names the file.
pub fn read(path: &Path) -> Result<Graph> {
    let origin = path.display();
    let metadata =
        std::fs::metadata(path).with_context(|| format!("cannot open model {origin}"))?;
    ensure!(metadata.is_file(), "model {origin} is not a file");
    ensure!(
        metadata.len() <= MAX_BYTES,
        "model {origin} has {} bytes, an ONNX file can have {MAX_BYTES} at the most",
        metadata.len()
    );
    let bytes = std::fs::read(path).with_context(|| format!("cannot read model {origin}"))?;
    let mut model = decode(Bytes::from(bytes), &origin.to_string())?;
    let folder = path.parent().unwrap_or(Path::new("."));
    external::load(&mut model, folder)
        .and_then(|()| from_model(model))
        .with_context(|| format!("model {origin} cannot be used"))
}

/// Decodes, checks and canonicalises a model. Weights stay a view of `bytes`.
///
/// `origin` names the model in error messages.
///
/// # Errors
/// Bytes that are no ONNX model, an operator set older than 9, weights outside of the file or of the wrong length,
/// nodes that are not topologically sorted.
pub fn parse(bytes: Bytes, origin: &str) -> Result<Graph> {
    let model = decode(bytes, origin)?;
    from_model(model).with_context(|| format!("model {origin} cannot be used"))
}

fn decode(bytes: Bytes, origin: &str) -> Result<ModelProto> {
    ModelProto::decode(bytes)
        .with_context(|| format!("{origin} is not an ONNX model, or it is cut off"))
}

/// Reads a network that this program has compiled for itself, with operators of its own; not for files, which have none.
///
/// # Errors
/// Bytes that it has not compiled.
pub fn parse_own(bytes: Bytes) -> Result<Graph> {
    canonicalised(decode(bytes, "the compiled network")?)
}

fn from_model(model: ModelProto) -> Result<Graph> {
    if let Some(graph) = &model.graph {
        check_domains(graph)?;
    }
    canonicalised(model)
}

fn canonicalised(mut model: ModelProto) -> Result<Graph> {
    let imported = &mut model.opset_import;
    let set = imported
        .iter_mut()
        .find(|set| matches!(set.domain(), "" | "ai.onnx"))
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
    if opset < upgrade::CURRENT {
        set.version = Some(upgrade::CURRENT);
        upgrade::upgrade(&mut graph, opset);
    }
    let declared = graph.input.iter_mut().chain(&mut graph.output);
    declared.for_each(shapes::free_impossible_sizes);
    half::widen(&mut graph)?;
    graph.initializer.iter().try_for_each(tensor::check)?;
    let ir_version = model.ir_version.unwrap_or(8).max(IR_VERSION);
    canonical::canonicalise(graph, model.opset_import, ir_version)
}

/// The operators of [`OWN_DOMAIN`] are those that this program writes itself, with inputs that it has checked: a file has none of them, in no branch or loop either.
fn check_domains(graph: &GraphProto) -> Result<()> {
    let mut waiting = vec![graph];
    while let Some(graph) = waiting.pop() {
        for node in &graph.node {
            ensure!(
                node.domain() != OWN_DOMAIN,
                "node '{}' is of the operator {OWN_DOMAIN}:{}, which no file can use: export the model with ONNX's own operators",
                node.name(),
                node.op_type()
            );
            for attribute in &node.attribute {
                waiting.extend(&attribute.g);
                waiting.extend(&attribute.graphs);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::proto::{AttributeProto, NodeProto, OperatorSetIdProto};

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
