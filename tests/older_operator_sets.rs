//! Files of the operator sets 9 to 12: what ONNX Runtime computes with the file as it stands, it computes with what is made of it, and it is explained like the same
//! network written today.

mod older;
mod random;

use anyhow::{Context, Result};
use ndarray::{Array4, ArrayD, Axis};
use prost::Message;
use ssdcrp::crp::{Composite, GraphForm, compile, layer_types, seed_name};
use ssdcrp::onnx::proto::ModelProto;
use ssdcrp::onnx::{self, Graph};
use ssdcrp::runtime::{Network, SessionOptions, only};

use older::{HEAD, OPERATOR_SETS, PICTURE, net};

fn picture() -> ArrayD<f32> {
    let pattern = |(_, c, y, x): (usize, usize, usize, usize)| {
        ((c * 7 + y * 3 + x * 5) % 11) as f32 / 5.5 - 1.0
    };
    Array4::from_shape_fn(PICTURE, pattern).into_dyn()
}

fn read(model: &ModelProto) -> Result<Graph> {
    Ok(onnx::parse(model.encode_to_vec().into(), "net.onnx")?)
}

fn run(model: &[u8]) -> Result<Vec<ArrayD<f32>>> {
    Ok(Network::load(model, SessionOptions::on_threads(1))?.run(&[("image", picture().view())])?)
}

#[test]
fn the_network_computes_what_the_file_says() -> Result<()> {
    for set in OPERATOR_SETS {
        let file = older::bytes(set, set);
        let graph = read(&net(set, set))?;
        let outputs: Vec<&str> = graph.outputs().collect();
        assert_eq!(outputs.len(), 11);
        let written = graph.to_model(&outputs)?;
        let declared = ModelProto::decode(written.as_slice())?.opset_import;
        assert_eq!(declared[0].version, Some(13));
        for ((name, expected), found) in outputs.iter().zip(run(&file)?).zip(run(&written)?) {
            assert_eq!(expected.shape(), found.shape(), "'{name}' of {set}");
            let largest = expected.iter().fold(0f32, |most, v| most.max(v.abs()));
            let worst = (&expected - &found)
                .iter()
                .fold(0f32, |most, d| most.max(d.abs()));
            assert!(
                largest > 0.0 && worst <= 1e-6 * largest,
                "'{name}' of operator set {set} is off by {worst} of {largest}"
            );
        }
    }
    Ok(())
}

/// The relevance of the pixels for all scores together.
fn explain(model: &ModelProto) -> Result<ArrayD<f32>> {
    let graph = read(model)?;
    let types = layer_types(&graph, &[HEAD], &[])?;
    let composite = Composite::default();
    let explanation = compile(
        &graph,
        &types,
        &composite,
        &[HEAD],
        &[],
        GraphForm::default(),
    )?;
    let seed = ArrayD::ones(graph.shape(HEAD)?);
    let seed_name = seed_name(HEAD);
    let inputs = [("image", picture()), (seed_name.as_str(), seed)];
    let inputs: Vec<_> = inputs
        .iter()
        .map(|(name, array)| (*name, array.view()))
        .collect();
    let relevance =
        only(Network::load(&explanation.model, SessionOptions::on_threads(1))?.run(&inputs)?)?;
    Ok(relevance.index_axis_move(Axis(0), 0))
}

#[test]
fn it_is_explained_like_the_same_network_of_today() -> Result<()> {
    for set in OPERATOR_SETS {
        let [older, today] = [set, 13].map(|written| explain(&net(set, written)));
        let older = older.with_context(|| format!("operator set {set}"))?;
        assert!(older.iter().any(|&r| r != 0.0));
        assert_eq!(older, today?, "operator set {set}");
    }
    Ok(())
}

/// The first node that writes `output`, for a test to break.
fn broken(set: i64, output: &str, how: impl Fn(&mut onnx::proto::NodeProto)) -> ModelProto {
    let mut model = net(set, set);
    let graph = model.graph.as_mut().expect("a graph");
    let mut nodes = graph.node.iter_mut();
    let node = nodes.find(|node| node.output.iter().any(|name| name == output));
    how(node.expect("the node"));
    model
}

#[test]
fn what_cannot_be_brought_to_today_s_form_is_named_where_it_is_needed_and_left_alone_elsewhere() {
    let without = |name: &'static str| {
        move |node: &mut onnx::proto::NodeProto| node.attribute.retain(|a| a.name() != name)
    };
    let of_another_kind = |node: &mut onnx::proto::NodeProto| {
        node.attribute.retain(|a| a.name() != "min");
        node.attribute.push(onnx::proto::AttributeProto {
            name: Some("min".to_owned()),
            s: Some(b"0".to_vec()),
            ..Default::default()
        });
    };
    let cases = [
        (
            broken(12, "deeper", without("axes")),
            "Unsqueeze node 'deeper'",
            "no list 'axes'",
        ),
        (
            broken(9, "cut", without("ends")),
            "Slice node 'cut'",
            "no list 'ends'",
        ),
        (
            broken(9, "padded", without("pads")),
            "Pad node 'padded'",
            "no list 'pads'",
        ),
        (
            broken(10, "clipped", of_another_kind),
            "Clip node 'clipped'",
            "its 'min' is no number",
        ),
    ];
    for (model, node, reason) in cases {
        let error = format!("{:#}", explain(&model).expect_err(reason));
        for part in [
            node,
            reason,
            "Export the model with operator set 13 or newer",
        ] {
            assert!(error.contains(part), "'{part}' in: {error}");
        }
    }
    // Scales that enlarge the rows and shrink the columns.
    let mut mixed = net(10, 10);
    let graph = mixed.graph.as_mut().expect("a graph");
    let resize = graph.node.iter().find(|node| node.output[0] == "larger");
    let scales = resize.expect("a Resize").input[1].clone();
    let constants = &mut graph.initializer;
    let constant = constants.iter_mut().find(|tensor| tensor.name() == scales);
    let values = onnx::Tensor {
        dims: vec![4],
        data: vec![1.0, 1.0, 1.5, 0.5],
    };
    *constant.expect("the scales") = values.to_proto(&scales);
    let error = format!("{:#}", explain(&mixed).expect_err("mixed scales"));
    assert!(
        error.contains("Resize node 'larger' is of an older operator set"),
        "{error}"
    );

    // The same behind the head.
    let model = broken(9, "best", without("k"));
    assert!(explain(&model).is_ok());
    let graph = read(&model).expect("it is read");
    let error = format!("{:#}", graph.to_model(&["best"]).expect_err("no k"));
    assert!(
        error.contains("TopK node 'best'") && error.contains("no integer 'k'"),
        "{error}"
    );
}

#[test]
fn softmax_of_an_input_of_unknown_rank_is_refused_where_it_is_needed() {
    let model = broken(11, "all", |node| node.input[0] = "mystery".to_owned());
    let mut model = model;
    let graph = model.graph.as_mut().expect("a graph");
    let place = graph.node.iter().position(|node| node.output[0] == "all");
    let mut mystery = graph.node[0].clone();
    mystery.op_type = Some("Mystery".to_owned());
    mystery.output = vec!["mystery".to_owned()];
    graph.node.insert(place.expect("a Softmax"), mystery);
    assert!(explain(&model).is_ok());
    let graph = read(&model).expect("it is read");
    let error = format!("{:#}", graph.to_model(&["all"]).expect_err("unknown rank"));
    assert!(error.contains("Mystery node"), "{error}");
}
