//! What ONNX allows and few exporters write: nodes in any order, sparse constants, functions of the file's own, branches that are certain, pictures of whole numbers. Each
//! computes what the plain form of the same network does.

use prost::Message;
use ssdcrp::detect::Model;
use ssdcrp::onnx;
use ssdcrp::onnx::proto::attribute_proto::AttributeType;
use ssdcrp::onnx::proto::tensor_proto::DataType;
use ssdcrp::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use ssdcrp::onnx::proto::type_proto::{self, Value};
use ssdcrp::onnx::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    SparseTensorProto, TensorProto, TensorShapeProto, TypeProto, ValueInfoProto,
};
use ssdcrp::runtime::{Network, SessionOptions};

/// Of the picture, channels first.
const SHAPE: [i64; 4] = [1, 3, 2, 2];
const WEIGHTS: [f32; 9] = [1.0, 0.0, -2.0, 0.0, 0.5, 0.0, 0.0, 0.0, 3.0];

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        name: Some(format!("to {output}")),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..Default::default()
    }
}

fn info(name: &str, shape: &[i64], kind: DataType) -> ValueInfoProto {
    let dim = shape.iter().map(|&size| Dimension {
        value: Some(dimension::Value::DimValue(size)),
        ..Default::default()
    });
    let tensor = type_proto::Tensor {
        elem_type: Some(kind as i32),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(Value::TensorType(tensor)),
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn floats(name: &str, dims: &[i64], data: &[f32]) -> TensorProto {
    TensorProto {
        name: Some(name.to_owned()),
        dims: dims.to_vec(),
        data_type: Some(DataType::Float as i32),
        float_data: data.to_vec(),
        ..Default::default()
    }
}

fn operator_set(domain: &str, version: i64) -> OperatorSetIdProto {
    OperatorSetIdProto {
        domain: Some(domain.to_owned()),
        version: Some(version),
    }
}

/// Conv, then `nodes` from a to y.
fn net(nodes: Vec<NodeProto>) -> ModelProto {
    let mut all = vec![node("Conv", &["x", "w"], "a")];
    all.extend(nodes);
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![operator_set("", 13)],
        graph: Some(GraphProto {
            name: Some("net".to_owned()),
            node: all,
            initializer: vec![floats("w", &[3, 3, 1, 1], &WEIGHTS)],
            input: vec![info("x", &SHAPE, DataType::Float)],
            output: vec![info("y", &SHAPE, DataType::Float)],
            ..Default::default()
        }),
        ..Default::default()
    }
}

fn graph(model: &mut ModelProto) -> &mut GraphProto {
    model.graph.as_mut().unwrap()
}

/// What the network makes of a picture.
fn run(model: &ModelProto) -> Vec<f32> {
    let graph = onnx::parse(model.encode_to_vec().into(), "net.onnx").unwrap();
    let file = graph.to_model(&["y"]).unwrap();
    let mut network = Network::load(&file, SessionOptions::on_threads(1)).unwrap();
    let picture = (0..12).map(|value| value as f32 - 4.0).collect();
    let picture = ndarray::ArrayD::from_shape_vec(vec![1, 3, 2, 2], picture).unwrap();
    let (input, _) = graph.image_input().unwrap();
    let outputs = network.run(&[(input, picture.view())]).unwrap();
    outputs[0].iter().copied().collect()
}

fn refused(model: &ModelProto) -> String {
    format!(
        "{:#}",
        onnx::parse(model.encode_to_vec().into(), "net.onnx").unwrap_err()
    )
}

fn plain() -> Vec<f32> {
    let plain = run(&net(vec![node("Relu", &["a"], "y")]));
    assert!(plain.contains(&0.0) && plain.iter().any(|&value| value > 0.0));
    plain
}

#[test]
fn nodes_may_stand_in_any_order() {
    let mut model = net(vec![node("Relu", &["a"], "y")]);
    graph(&mut model).node.reverse();
    assert_eq!(run(&model), plain());
    let circle = net(vec![
        node("Relu", &["c"], "b"),
        node("Add", &["b", "a"], "c"),
        node("Relu", &["c"], "y"),
    ]);
    assert!(
        refused(&circle).contains("form no circle"),
        "{}",
        refused(&circle)
    );
}

#[test]
fn constants_may_be_sparse() {
    let mut model = net(vec![node("Relu", &["a"], "y")]);
    let places: Vec<i64> = (0..9).filter(|&i| WEIGHTS[i as usize] != 0.0).collect();
    let values: Vec<f32> = places.iter().map(|&i| WEIGHTS[i as usize]).collect();
    let indices = TensorProto {
        dims: vec![places.len() as i64],
        data_type: Some(DataType::Int64 as i32),
        int64_data: places.clone(),
        ..Default::default()
    };
    graph(&mut model).initializer.clear();
    graph(&mut model).sparse_initializer = vec![SparseTensorProto {
        values: Some(floats("w", &[values.len() as i64], &values)),
        indices: Some(indices),
        dims: vec![3, 3, 1, 1],
    }];
    assert_eq!(run(&model), plain());
}

/// A function of the domain `own` with the input p and the output q.
fn function(name: &str, nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        name: Some(name.to_owned()),
        domain: Some("own".to_owned()),
        input: vec!["p".to_owned()],
        output: vec!["q".to_owned()],
        node: nodes,
        opset_import: vec![operator_set("", 13), operator_set("own", 1)],
        ..Default::default()
    }
}

fn call(name: &str, input: &str, output: &str) -> NodeProto {
    NodeProto {
        domain: Some("own".to_owned()),
        ..node(name, &[input], output)
    }
}

fn with_functions(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> ModelProto {
    let mut model = net(nodes);
    model.functions = functions;
    model.opset_import.push(operator_set("own", 1));
    model
}

#[test]
fn functions_are_what_their_bodies_are() {
    let rectify = function("Rectify", vec![node("Relu", &["p"], "q")]);
    // The names within are those of the graph around it, and mean others.
    let twice = function(
        "Twice",
        vec![
            call("Rectify", "p", "a"),
            call("Rectify", "a", "y"),
            node("Identity", &["y"], "q"),
        ],
    );
    let model = with_functions(vec![call("Twice", "a", "y")], vec![rectify, twice]);
    assert_eq!(run(&model), plain());

    let alpha = AttributeProto {
        name: Some("alpha".to_owned()),
        r#type: Some(AttributeType::Float as i32),
        ..Default::default()
    };
    let mut leaky = node("LeakyRelu", &["p"], "q");
    leaky.attribute.push(AttributeProto {
        ref_attr_name: Some("slope".to_owned()),
        ..alpha.clone()
    });
    let mut leak = function("Leak", vec![leaky]);
    leak.attribute_proto.push(AttributeProto {
        name: Some("slope".to_owned()),
        f: Some(0.5),
        ..alpha.clone()
    });
    let of = |slope: f32| {
        let mut leaky = node("LeakyRelu", &["a"], "y");
        leaky.attribute.push(AttributeProto {
            f: Some(slope),
            ..alpha.clone()
        });
        run(&net(vec![leaky]))
    };
    let mut told = call("Leak", "a", "y");
    told.attribute.push(AttributeProto {
        name: Some("slope".to_owned()),
        f: Some(0.25),
        ..alpha.clone()
    });
    assert_eq!(
        run(&with_functions(vec![told], vec![leak.clone()])),
        of(0.25)
    );
    assert_eq!(
        run(&with_functions(vec![call("Leak", "a", "y")], vec![leak])),
        of(0.5)
    );
}

#[test]
fn functions_without_end_are_refused_before_they_are_written_out() {
    let endless = function("Own", vec![call("Own", "p", "q")]);
    let model = with_functions(vec![call("Own", "a", "y")], vec![endless]);
    assert!(
        refused(&model).contains("calls itself"),
        "{}",
        refused(&model)
    );
    // Twice as many nodes with each of 30 levels.
    let level = |index: usize| {
        let below = format!("F{}", index + 1);
        function(
            &format!("F{index}"),
            vec![call(&below, "p", "r"), call(&below, "r", "q")],
        )
    };
    let mut levels: Vec<FunctionProto> = (0..30).map(level).collect();
    levels.push(function("F30", vec![node("Relu", &["p"], "q")]));
    let model = with_functions(vec![call("F0", "a", "y")], levels);
    assert!(
        refused(&model).contains("65536 nodes"),
        "{}",
        refused(&model)
    );
}

/// An If between Relu and Neg of what the graph around it has.
fn choice(condition: &str) -> NodeProto {
    let branch = |name: &str, operator: &str| AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(AttributeType::Graph as i32),
        g: Some(GraphProto {
            name: Some(name.to_owned()),
            node: vec![node(operator, &["a"], "inner")],
            output: vec![info("inner", &SHAPE, DataType::Float)],
            ..Default::default()
        }),
        ..Default::default()
    };
    NodeProto {
        attribute: vec![branch("then_branch", "Relu"), branch("else_branch", "Neg")],
        ..node("If", &[condition], "y")
    }
}

#[test]
fn a_branch_that_is_certain_is_taken_and_any_reads_what_is_around_it() {
    for certain in [true, false] {
        let mut model = net(vec![choice("c")]);
        graph(&mut model).initializer.push(TensorProto {
            name: Some("c".to_owned()),
            data_type: Some(DataType::Bool as i32),
            raw_data: Some(vec![u8::from(certain)].into()),
            ..Default::default()
        });
        let operator = if certain { "Relu" } else { "Neg" };
        assert_eq!(
            run(&model),
            run(&net(vec![node(operator, &["a"], "y")])),
            "{certain}"
        );
    }
    // The picture's sum is 18.
    let uncertain = vec![
        node("ReduceSum", &["x"], "sum"),
        node("Squeeze", &["sum"], "one"),
        node("Greater", &["one", "zero"], "c"),
        choice("c"),
    ];
    let mut model = net(uncertain);
    graph(&mut model)
        .initializer
        .push(floats("zero", &[], &[0.0]));
    // What a branch reads is renamed with what it stands for.
    graph(&mut model).node[0].output = vec!["b".to_owned()];
    graph(&mut model)
        .node
        .insert(1, node("Identity", &["b"], "a"));
    assert_eq!(run(&model), plain());
}

#[test]
fn a_picture_of_whole_numbers_is_taken_as_float32() {
    let mut cast = node("Cast", &["x"], "f");
    cast.attribute.push(AttributeProto {
        name: Some("to".to_owned()),
        r#type: Some(AttributeType::Int as i32),
        i: Some(DataType::Float as i64),
        ..Default::default()
    });
    let mut model = net(vec![node("Relu", &["a"], "y")]);
    graph(&mut model).input = vec![info("x", &SHAPE, DataType::Uint8)];
    graph(&mut model).node[0].input[0] = "f".to_owned();
    graph(&mut model).node.insert(0, cast);
    assert_eq!(run(&model), plain());

    graph(&mut model).node[0] = node("BitwiseNot", &["x"], "f");
    let read = onnx::parse(model.encode_to_vec().into(), "net.onnx").unwrap();
    let error = read.image_input().unwrap_err().to_string();
    assert!(
        error.contains("'x' as UINT8") && error.contains("[input] tensor"),
        "{error}"
    );
}

const CLASSIFIER: &str = r#"
name = "c"
kind = "classifier"
labels = ["a", "b"]
[input]
colour = "rgb"
mean = [127.5, 127.5, 127.5]
std = [127.5, 127.5, 127.5]
resize = "bilinear"
[output]
classes = "y"
activation = "softmax"
"#;

/// What a classifier is refused for whose maps go through a node of `operator` and its constants, then a mean and a Gemm.
fn classifier_refusal(operator: &str, constants: &[&str]) -> String {
    let inputs = [&["a"], constants].concat();
    let mut model = net(vec![
        node(operator, &inputs, "n"),
        node("GlobalAveragePool", &["n"], "mean"),
        node("Flatten", &["mean"], "row"),
        node("Gemm", &["row", "g"], "y"),
    ]);
    let graph = graph(&mut model);
    graph.initializer.push(floats("g", &[3, 2], &[0.5; 6]));
    graph.initializer.push(floats("one", &[3], &[1.0; 3]));
    graph.output = vec![info("y", &[1, 2], DataType::Float)];
    let error = Model::from_bytes(model.encode_to_vec(), CLASSIFIER).err();
    error.map(|error| format!("{error:#}")).unwrap_or_default()
}

#[test]
fn an_operator_that_is_not_known_is_blamed_and_not_the_last_layer() {
    assert_eq!(classifier_refusal("Relu", &[]), "");
    for (operator, constants) in [
        ("InstanceNormalization", &["one", "one"][..]),
        ("SpaceToDepth", &[]),
    ] {
        let words = classifier_refusal(operator, constants);
        assert!(
            words.contains(&format!("{operator} node 'to n'")),
            "{words}"
        );
        assert!(
            words.contains("its operator is not supported") && !words.contains("Gemm"),
            "{words}"
        );
    }
}
