//! The signatures against ONNX's schema, all operator sets from the oldest that is read on (`tests/onnx_schema`), and what becomes of nodes that say more than is understood.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;
use serde::Deserialize;

use super::family::Refused;
use super::*;
use crate::onnx::attributes::{float, int, string};
use crate::onnx::emit::tests::small_graph_of;
use crate::onnx::proto::{GraphProto, ModelProto, OperatorSetIdProto, ValueInfoProto};
use crate::onnx::{Graph, shapes, upgrade};

/// One version of an operator in the schema.
#[derive(Deserialize)]
struct Version {
    since: i64,
    attributes: Vec<String>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

fn schema() -> BTreeMap<String, Vec<Version>> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/onnx_schema/operators.json"
    );
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

/// All operators with what is said of them here and in the schema.
fn signatures() -> Vec<(&'static str, &'static Signature, Vec<Version>)> {
    let mut schema = schema();
    Op::all()
        .map(|op| {
            let versions = schema.remove(op.name());
            let versions = versions.unwrap_or_else(|| panic!("ONNX has no {}", op.name()));
            (op.name(), op.signature().unwrap(), versions)
        })
        .collect()
}

#[test]
fn every_attribute_of_the_schema_is_used_or_named_as_something_else() {
    for (name, signature, versions) in signatures() {
        let told: BTreeSet<&str> = versions
            .iter()
            .flat_map(|version| version.attributes.iter().map(String::as_str))
            .collect();
        let inputs = |&(name, _): &(&'static str, _)| {
            let optional = format!("{name}?");
            !signature.inputs.contains(&optional.as_str())
        };
        let named: BTreeSet<&str> = (signature.used.iter().copied())
            .chain(signature.unneeded.iter().filter(|u| inputs(u)).map(|u| u.0))
            .chain(signature.moved.iter().map(|moved| moved.attribute))
            .chain(refused_attributes(signature).map(|refused| refused.name))
            .collect();
        assert_eq!(named, told, "attributes of {name}");
        for moved in signature.moved {
            let has = |v: &Version| v.attributes.iter().any(|a| a == moved.attribute);
            let last = versions.iter().rfind(|v| has(v)).unwrap().since;
            let next = versions.iter().find(|v| v.since > last).unwrap().since;
            assert_eq!(next, moved.since, "'{}' of {name}", moved.attribute);
            assert!(
                moved.since <= upgrade::CURRENT,
                "'{}' of {name}",
                moved.attribute
            );
        }
    }
}

/// Those that the schema knows, and not this program alone.
fn refused_attributes(signature: &Signature) -> impl Iterator<Item = &Refused> {
    signature.refused.iter().filter(|refused| {
        let is_attribute = matches!(
            refused.part,
            RefusedPart::Integer(_) | RefusedPart::Text(_) | RefusedPart::Attribute
        );
        is_attribute && !refused.name.starts_with(OWN)
    })
}

#[test]
fn inputs_and_outputs_are_those_of_the_newest_version_and_older_ones_have_no_more() {
    for (name, signature, versions) in signatures() {
        let newest = versions.last().unwrap();
        assert_eq!(signature.inputs, newest.inputs, "inputs of {name}");
        assert_eq!(signature.outputs, newest.outputs, "outputs of {name}");
        for version in &versions {
            assert!(version.inputs.len() <= signature.inputs.len(), "{name}");
            let further = signature.outputs.len()..version.outputs.len();
            for place in further {
                let refused =
                    |r: &&Refused| matches!(r.part, RefusedPart::Output(at) if at == place);
                let refused = signature.refused.iter().find(refused);
                let named = version.outputs[place].trim_end_matches('?');
                assert_eq!(refused.map(|r| r.name), Some(named), "{name}");
            }
        }
    }
}

/// A node of an operator between the input and a Relu.
fn graph_with(op: Op, change: impl FnOnce(&mut NodeProto)) -> Graph {
    small_graph_of(|e| {
        let mut node = NodeProto {
            op_type: Some(op.name().to_owned()),
            name: Some("odd".to_owned()),
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            ..Default::default()
        };
        change(&mut node);
        (vec![node], e.op(Activation::Relu, &["y"], &[]))
    })
}

/// What is said where the graph is to be run.
fn refused(graph: &Graph) -> String {
    let output = graph.outputs().next().unwrap().to_owned();
    format!("{:#}", graph.to_model(&[&output]).unwrap_err())
}

#[test]
fn every_form_that_is_refused_is_refused_with_the_node_s_name() {
    let mut tried = 0;
    for op in Op::all() {
        let parts = op.signature().unwrap().refused.iter();
        // One that this program puts on nodes itself goes where they are made convolutions.
        for part in parts.filter(|part| !part.name.starts_with(OWN)) {
            let graph = graph_with(op, |node| match part.part {
                RefusedPart::Integer(plain) => node.attribute.push(int(part.name, plain + 1)),
                RefusedPart::Text(_) => node.attribute.push(string(part.name, "another")),
                RefusedPart::Attribute => node.attribute.push(float(part.name, 1.0)),
                RefusedPart::False(place) => {
                    node.input.resize(place + 1, String::new());
                    node.input[place] = "x".to_owned();
                }
                RefusedPart::Output(place) => {
                    node.output.resize(place + 1, String::new());
                    node.output[place] = "further".to_owned();
                }
            });
            let error = refused(&graph);
            for words in [op.name(), "'odd'", part.because] {
                assert!(error.contains(words), "{}: {error}", part.name);
            }
            tried += 1;
        }
    }
    assert!(tried >= 9, "{tried}");
}

#[test]
fn what_no_operator_set_has_is_refused() {
    let attribute = graph_with(Activation::Relu.into(), |node| {
        node.attribute.push(int("slope", 1));
    });
    let input = graph_with(Activation::Relu.into(), |node| {
        node.input.push("x".to_owned());
    });
    let output = graph_with(Activation::Relu.into(), |node| {
        node.output.push("z".to_owned());
    });
    for (graph, what) in [
        (attribute, "it has the attribute 'slope'"),
        (input, "it has 2 inputs"),
        (output, "it has 2 outputs"),
    ] {
        let error = refused(&graph);
        assert!(
            error.contains(what) && error.contains("Relu node 'odd'"),
            "{error}"
        );
    }
}

#[test]
fn an_operator_of_another_domain_is_none_of_onnx_s() {
    let graph = graph_with(Activation::Relu.into(), |node| {
        node.domain = Some("evil.example".to_owned());
    });
    assert_eq!(Op::of(&graph.nodes()[0]), Op::Other);
    assert_eq!(graph.nodes()[0].describe(), "evil.example:Relu node 'odd'");
    let error = format!("{:#}", graph.shape("y").unwrap_err());
    assert!(
        error.contains("evil.example:Relu node 'odd' is not understood"),
        "{error}"
    );
}

#[test]
fn dropout_without_training_disappears_and_with_it_stays() {
    let with_flag = |flag: u8| {
        small_graph_of(|e| {
            let constant = e.constant(
                "flag",
                crate::onnx::Tensor {
                    dims: vec![],
                    data: vec![f32::from(flag)],
                },
            );
            let node = NodeProto {
                op_type: Some("Dropout".to_owned()),
                input: vec!["x".to_owned(), String::new(), constant],
                output: vec!["y".to_owned()],
                ..Default::default()
            };
            (vec![node], e.op(Activation::Relu, &["y"], &[]))
        })
    };
    assert_eq!(with_flag(0).nodes().len(), 1);
    assert!(refused(&with_flag(1)).contains("Dropout node 'y' is not understood"));
}

/// A file of an operator set with one node between its picture and its output.
fn parsed(operator_set: i64, node: NodeProto, constants: &[(&str, Vec<f32>)]) -> Graph {
    let constants = constants.iter().map(|(name, data)| {
        let dims = vec![data.len()];
        let data = data.clone();
        crate::onnx::Tensor { dims, data }.to_proto(name)
    });
    let model = ModelProto {
        opset_import: vec![OperatorSetIdProto {
            version: Some(operator_set),
            ..Default::default()
        }],
        graph: Some(GraphProto {
            output: vec![ValueInfoProto {
                name: Some(node.output[0].clone()),
                ..Default::default()
            }],
            node: vec![node],
            initializer: constants.collect(),
            input: vec![shapes::value_info("x", &[1, 2, 4, 4], None)],
            ..Default::default()
        }),
        ..Default::default()
    };
    crate::onnx::parse(model.encode_to_vec().into(), "net.onnx").unwrap()
}

#[test]
fn batch_normalisation_in_training_form_is_refused_in_every_operator_set() {
    let names = ["x", "scale", "shift", "mean", "variance"];
    let constants: Vec<(&str, Vec<f32>)> = names[1..].iter().map(|&n| (n, vec![1.0; 2])).collect();
    let normalisation = |outputs: &[&str], attribute: Vec<AttributeProto>| NodeProto {
        op_type: Some("BatchNormalization".to_owned()),
        name: Some("bn".to_owned()),
        input: names.map(str::to_owned).to_vec(),
        output: outputs.iter().map(|&name| name.to_owned()).collect(),
        attribute,
        ..Default::default()
    };
    let older = ["y", "mean:0", "variance:0", "saved:0", "saved:1"];
    for (operator_set, outputs, attribute) in [
        (9, &older[..], vec![]),
        (13, &older[..], vec![]),
        (14, &["y", "running:0", "running:1"], vec![]),
        (14, &["y"], vec![int("training_mode", 1)]),
        (17, &["y"], vec![int("training_mode", 1)]),
    ] {
        let node = normalisation(outputs, attribute);
        let graph = parsed(operator_set, node, &constants);
        let error = refused(&graph);
        for words in [
            "BatchNormalization node 'bn'",
            "as in training",
            "model.eval()",
        ] {
            assert!(error.contains(words), "{operator_set}: {error}");
        }
    }
    // For inference, in the words of old exporters too: outputs without a name are none.
    for (operator_set, outputs) in [(9, &["y", "", "", "", ""][..]), (14, &["y"])] {
        let node = normalisation(outputs, vec![int("training_mode", 0)]);
        let graph = parsed(operator_set, node, &constants);
        assert_eq!(Op::of(&graph.nodes()[0]), Convolution::Conv);
    }
}

#[test]
fn a_size_that_hangs_on_the_aspect_ratio_is_refused() {
    let resize = |policy: &str| {
        let node = NodeProto {
            op_type: Some("Resize".to_owned()),
            name: Some("larger".to_owned()),
            input: ["x", "", "scales"].map(str::to_owned).to_vec(),
            output: vec!["y".to_owned()],
            attribute: vec![string("keep_aspect_ratio_policy", policy)],
            ..Default::default()
        };
        parsed(18, node, &[("scales", vec![1.0, 1.0, 2.0, 2.0])])
    };
    assert!(resize("stretch").to_model(&["y"]).is_ok());
    let error = format!("{:#}", resize("not_larger").to_model(&["y"]).unwrap_err());
    assert!(
        error.contains("Resize node 'larger'") && error.contains("'stretch'"),
        "{error}"
    );
}
