//! What a file may take is decided before it is taken: files made here that would take gigabytes, hours, or somebody else's secrets. What is said of each is held here, and most are
//! refused at once; that nothing was spent before is seen in what they say, and in the memory of this process.

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use prost::Message;
use ssdcrp::crp::{GraphForm, compile, layer_types};
use ssdcrp::detect::{Manifest, Model};
use ssdcrp::limits::{self, FileKind};
use ssdcrp::onnx;
use ssdcrp::onnx::proto::tensor_proto::DataType;
use ssdcrp::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use ssdcrp::onnx::proto::{
    GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use ssdcrp::runtime::{Network, SessionOptions};
use ssdcrp::stream::evidence::Records;

fn node(operator: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(format!("the {operator}")),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: outputs.iter().map(|&name| name.to_owned()).collect(),
        ..Default::default()
    }
}

fn int64s(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: vec![values.len() as i64],
        data_type: Some(DataType::Int64 as i32),
        int64_data: values.to_vec(),
        ..Default::default()
    }
}

fn model(node: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let output = node.last().map(|node| ValueInfoProto {
        name: node.output.first().cloned(),
        ..Default::default()
    });
    ModelProto {
        opset_import: vec![OperatorSetIdProto {
            domain: None,
            version: Some(13),
        }],
        graph: Some(GraphProto {
            node,
            initializer,
            output: output.into_iter().collect(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// float32 of a shape.
fn float_type(shape: &[i64]) -> TypeProto {
    let dim = shape.iter().map(|&size| Dimension {
        value: Some(dimension::Value::DimValue(size)),
        ..Default::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: Some(DataType::Float as i32),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    TypeProto {
        value: Some(type_proto::Value::TensorType(tensor)),
        ..Default::default()
    }
}

fn one() -> TensorProto {
    TensorProto {
        name: Some("one".to_owned()),
        dims: vec![1],
        data_type: Some(DataType::Float as i32),
        float_data: vec![1.0],
        ..Default::default()
    }
}

/// What is said where the network is to be run.
fn refused(model: &ModelProto, output: &str) -> String {
    let graph = onnx::parse(model.encode_to_vec().into(), "net.onnx").unwrap();
    format!("{:#}", graph.to_model(&[output]).unwrap_err())
}

#[test]
fn constants_that_are_made_are_counted_before_they_are() {
    let expand = model(
        vec![node("Expand", &["one", "size"], &["much"])],
        vec![one(), int64s("size", &[1 << 31])],
    );
    let said = refused(&expand, "much");
    assert!(
        said.contains("'the Expand' makes 2147483648 numbers"),
        "{said}"
    );

    // Each twice as long as the one before.
    let mut nodes = Vec::new();
    let mut last = "one".to_owned();
    for level in 0..40 {
        let next = format!("n{level}");
        nodes.push(node("Concat", &[&last, &last], &[&next]));
        last = next;
    }
    let said = refused(&model(nodes, vec![one()]), &last);
    assert!(said.contains("134217728 is the limit"), "{said}");

    // Many that are small enough each.
    let part = |level: usize| format!("p{level}");
    let mut nodes: Vec<NodeProto> = (0..9)
        .map(|level| node("Expand", &["whole", "size"], &[&part(level)]))
        .collect();
    let parts: Vec<String> = (0..9).map(part).collect();
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    nodes.push(node("Max", &parts, &["y"]));
    let constants = vec![int64s("whole", &[1]), int64s("size", &[1 << 26])];
    let said = refused(&model(nodes, constants), "y");
    assert!(said.contains("of constants alone"), "{said}");

    let mut unknown = model(
        vec![
            node("Tile", &["one", "size"], &["much"]),
            node("Min", &["much", "one"], &["y"]),
        ],
        vec![one(), int64s("size", &[1 << 40])],
    );
    // What it says of itself need not be so.
    unknown.graph.as_mut().unwrap().output[0].r#type = Some(float_type(&[1]));
    let said = refused(&unknown, "y");
    assert!(
        said.contains("'the Tile' makes a constant of a size that cannot be told"),
        "{said}"
    );
}

#[test]
fn a_node_of_thousands_of_outputs_is_refused() {
    let names: Vec<String> = (0..2000).map(|index| format!("o{index}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let wide = model(vec![node("Split", &["one"], &names)], vec![one()]);
    let error = onnx::parse(wide.encode_to_vec().into(), "net.onnx").unwrap_err();
    let said = format!("{error:#}");
    assert!(
        said.contains("'the Split' reads and writes 2001 tensors"),
        "{said}"
    );
}

/// A model whose one weight lies in a file beside it.
fn external(folder: &Path, location: &str, length: Option<u64>, offset: u64) -> std::path::PathBuf {
    let entry = |key: &str, value: String| StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value),
    };
    let mut weight = TensorProto {
        float_data: vec![],
        data_location: Some(1),
        external_data: vec![
            entry("location", location.to_owned()),
            entry("offset", offset.to_string()),
        ],
        ..one()
    };
    weight.dims = vec![216];
    weight
        .external_data
        .extend(length.map(|length| entry("length", length.to_string())));
    let path = folder.join("net.onnx");
    let model = model(vec![node("Relu", &["one"], &["y"])], vec![weight]);
    fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn of_a_file_of_weights_no_more_is_read_than_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let holes = File::create(folder.path().join("weights.bin")).unwrap();
    // It takes no place on the disk, and would take all memory.
    holes.set_len(1 << 40).unwrap();
    for length in [None, Some(864)] {
        let path = external(folder.path(), "weights.bin", length, (1 << 40) - 864);
        let graph = onnx::read(&path).unwrap();
        assert_eq!(graph.shape("one").unwrap(), [216]);
    }
    let path = external(folder.path(), "weights.bin", Some(1 << 39), 0);
    let said = format!("{:#}", onnx::read(&path).unwrap_err());
    assert!(said.contains("which take 864"), "{said}");
    let path = external(folder.path(), "weights.bin", Some(864), (1 << 40) - 100);
    let said = format!("{:#}", onnx::read(&path).unwrap_err());
    assert!(said.contains("cut off"), "{said}");
}

#[test]
fn weights_are_not_read_through_links_out_of_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("model");
    fs::create_dir(&inner).unwrap();
    fs::write(folder.path().join("secret"), vec![0; 864]).unwrap();
    fs::write(inner.join("weights.bin"), vec![0; 864]).unwrap();
    std::os::unix::fs::symlink("../secret", inner.join("out")).unwrap();
    std::os::unix::fs::symlink("weights.bin", inner.join("in")).unwrap();
    let said = format!(
        "{:#}",
        onnx::read(&external(&inner, "out", None, 0)).unwrap_err()
    );
    assert!(said.contains("a link out of the folder"), "{said}");
    onnx::read(&external(&inner, "in", None, 0)).unwrap();
}

#[test]
fn a_pipe_in_the_place_of_any_file_keeps_nobody_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let pipe = |name: &str| {
        let path = folder.path().join(name);
        assert!(
            Command::new("mkfifo")
                .arg(&path)
                .status()
                .unwrap()
                .success()
        );
        path
    };
    let said = |error: ssdcrp::Error| {
        let words = format!("{error:#}");
        assert!(words.contains("it is not a file"), "{words}");
    };
    said(onnx::read(&pipe("pipe.onnx")).unwrap_err());
    let relu = model(vec![node("Relu", &["one"], &["y"])], vec![one()]);
    fs::write(folder.path().join("net.onnx"), relu.encode_to_vec()).unwrap();
    pipe("net.toml");
    said(Model::open(folder.path().join("net.onnx")).unwrap_err());
    let weights = folder.path().join("below");
    fs::create_dir(&weights).unwrap();
    let path = external(&weights, "pipe.bin", None, 0);
    fs::rename(pipe("pipe.bin"), weights.join("pipe.bin")).unwrap();
    said(onnx::read(&path).unwrap_err());
    pipe("events.jsonl");
    said(Records::read(folder.path()).unwrap_err());
    let labels = ["dog"].into_iter().collect();
    said(ssdcrp::truth::Truth::read(&pipe("pipe.json"), &labels).unwrap_err());
    for kind in [FileKind::Picture, FileKind::Weights] {
        said(limits::read(&folder.path().join("pipe.onnx"), kind).unwrap_err());
    }
}

#[test]
fn texts_of_any_length_are_refused_by_their_length() {
    let folder = tempfile::tempdir().unwrap();
    let sized = |name: &str, length: u64| {
        let path = folder.path().join(name);
        File::create(&path).unwrap().set_len(length).unwrap();
        path
    };
    let relu = model(vec![node("Relu", &["one"], &["y"])], vec![one()]);
    fs::write(folder.path().join("net.onnx"), relu.encode_to_vec()).unwrap();
    sized("net.toml", 5 << 20);
    let said = format!(
        "{:#}",
        Model::open(folder.path().join("net.onnx")).unwrap_err()
    );
    assert!(
        said.contains("net.toml: it has 5242880 bytes, 4194304 is the limit"),
        "{said}"
    );
    sized("events.jsonl", 65 << 20);
    let said = format!("{:#}", Records::read(folder.path()).unwrap_err());
    assert!(said.contains("67108864 is the limit"), "{said}");
    let labels = ["dog"].into_iter().collect();
    let error = ssdcrp::truth::Truth::read(&sized("a.json", 513 << 20), &labels).unwrap_err();
    assert!(format!("{error:#}").contains("(512 MiB)"), "{error:#}");
    let error = onnx::read(&sized("large.onnx", (2 << 30) + 1)).unwrap_err();
    assert!(
        format!("{error:#}").contains("2147483648 is the limit"),
        "{error:#}"
    );
    let text = fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("models/ssd300_vgg16_voc.toml"),
    )
    .unwrap();
    let long = text.replacen("\"person\"", &format!("\"{}\"", "x".repeat(1001)), 1);
    let said = Manifest::parse(&long, "a.toml").unwrap_err().to_string();
    assert!(
        said.contains("expected a name of 1000 bytes at the most, found 1001"),
        "{said}"
    );
}

/// A picture, a convolution, `chain`, and a convolution for a head.
fn chained(chain: &[NodeProto], last: &str) -> ModelProto {
    let weight = |name: &str| TensorProto {
        name: Some(name.to_owned()),
        dims: vec![3, 3, 1, 1],
        float_data: vec![0.5; 9],
        ..one()
    };
    let mut nodes = vec![node("Conv", &["x", "w"], &["c0"])];
    nodes.extend(chain.iter().cloned());
    nodes.push(node("Conv", &[last, "v"], &["y"]));
    // ONNX Runtime wants names that differ, or none.
    nodes.iter_mut().for_each(|node| node.name = None);
    let mut model = model(nodes, vec![weight("w"), weight("v"), one()]);
    let graph = model.graph.as_mut().unwrap();
    graph.input.push(ValueInfoProto {
        name: Some("x".to_owned()),
        r#type: Some(float_type(&[1, 3, 4, 4])),
        ..Default::default()
    });
    model
}

/// The network that explains it.
fn compiled(model: &ModelProto) -> Vec<u8> {
    let graph = onnx::parse(model.encode_to_vec().into(), "net.onnx").unwrap();
    let types = layer_types(&graph, &["y"], &[]).unwrap();
    let composite = "crp".parse().unwrap();
    let explanation = compile(&graph, &types, &composite, &["y"], &[], GraphForm::own());
    explanation.unwrap().model
}

/// How many nodes that has.
fn compiled_nodes(model: &ModelProto) -> usize {
    let written = ModelProto::decode(compiled(model).as_slice()).unwrap();
    written.graph.unwrap().node.len()
}

/// ONNX Runtime rewrites networks in a time that grows with the square of their nodes.
#[test]
fn a_network_of_many_nodes_is_run_as_it_is_and_one_of_more_is_refused() {
    let residual = |length: usize| {
        let link = |index: usize| {
            let [before, between, behind] = [
                format!("c{index}"),
                format!("r{index}"),
                format!("c{}", index + 1),
            ];
            [
                node("Relu", &[&before], &[&between]),
                node("Add", &[&between, &before], &[&behind]),
            ]
        };
        let nodes: Vec<NodeProto> = (0..length).flat_map(link).collect();
        chained(&nodes, &format!("c{length}"))
    };
    let explanation = compiled(&residual(1_500));
    let nodes = ModelProto::decode(explanation.as_slice()).unwrap();
    let nodes = nodes.graph.unwrap().node.len();
    assert!((16_385..65_536).contains(&nodes), "{nodes}");
    Network::load(&explanation, SessionOptions::on_threads(1)).unwrap();
    let explanation = compiled(&residual(6_000));
    let refused = Network::load(&explanation, SessionOptions::on_threads(1));
    let error = refused.err().unwrap();
    assert!(error.to_string().contains("65536 is the limit"), "{error}");
}

/// ONNX Runtime starts as many as it is told.
#[test]
fn a_network_has_as_many_threads_as_there_may_be_and_no_more() {
    let explanation = compiled(&chained(&[node("Relu", &["c0"], &["c1"])], "c1"));
    let load = |threads| Network::load(&explanation, SessionOptions::on_threads(threads));
    load(limits::MOST_THREADS).unwrap();
    for threads in [limits::MOST_THREADS + 1, usize::MAX] {
        let error = load(threads).err().unwrap().to_string();
        assert!(
            error.contains(&format!("{threads} threads, 256 is the limit")),
            "{error}"
        );
    }
}

/// Minutes each, did their costs grow with the square of their lengths.
#[test]
fn long_chains_are_read_and_compiled() {
    let chain = |operator: &str, constant: Option<&str>, length: usize| {
        let link = |index: usize| {
            let before = format!("c{index}");
            let inputs: Vec<&str> = [before.as_str()].into_iter().chain(constant).collect();
            node(operator, &inputs, &[&format!("c{}", index + 1)])
        };
        let nodes: Vec<NodeProto> = (0..length).map(link).collect();
        chained(&nodes, &format!("c{length}"))
    };
    let rectified = compiled_nodes(&chain("Relu", None, 40_000));
    assert!((40_000..80_000).contains(&rectified), "{rectified}");
    let plain = compiled_nodes(&chained(&[], "c0"));
    assert_eq!(compiled_nodes(&chain("Add", Some("one"), 20_000)), plain);
    let error = onnx::parse(
        chain("Relu", None, 70_000).encode_to_vec().into(),
        "net.onnx",
    );
    let words = format!("{:#}", error.unwrap_err());
    assert!(
        words.contains("it has 70002 nodes, 65536 is the limit"),
        "{words}"
    );
}
