//! Files that are newer than the loaded ONNX Runtime: an operator set that it does not take is refused in words that say what to do; what only the file's head says to be newer is no hindrance.

use anyhow::{Context, Result};
use ndarray::ArrayD;
use prost::Message;
use ssdcrp::ErrorKind;
use ssdcrp::onnx;
use ssdcrp::onnx::proto::{ModelProto, OperatorSetIdProto};
use ssdcrp::runtime::{Network, SessionOptions};

fn net() -> Result<ModelProto> {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/golden/small/lite_heads.onnx"
    );
    Ok(ModelProto::decode(std::fs::read(file)?.as_slice())?)
}

/// What is run of a file, or why it is not.
fn run(model: &ModelProto) -> Result<Vec<ArrayD<f32>>, ssdcrp::Error> {
    let graph = onnx::parse(model.encode_to_vec().into(), "net.onnx")?;
    let outputs: Vec<&str> = graph.outputs().collect();
    let file = graph.to_model(&outputs)?;
    let shape = graph.shape("image")?;
    let picture = ArrayD::from_elem(shape, 0.5);
    Network::load(&file, SessionOptions::on_threads(1))?.run(&[("image", picture.view())])
}

#[test]
fn an_operator_set_that_the_library_does_not_take_is_named_with_the_one_that_it_takes() -> Result<()>
{
    let mut model = net()?;
    let expected = run(&model)?;
    model.opset_import[0].version = Some(99);
    let error = run(&model).err().context("operator set 99 is taken")?;
    assert_eq!(error.kind(), ErrorKind::Model);
    let words = format!("{error:#}");
    let known = words
        .strip_prefix("the network is of ONNX's operator set 99, and the ONNX Runtime that is loaded takes none newer than ")
        .and_then(|rest| rest.split_once(": export it with operator set "));
    let (newest, advice) = known.with_context(|| words.clone())?;
    assert!(
        advice.contains(&format!("convert_version(model, {newest})"))
            && advice.ends_with("load a newer ONNX Runtime, which ORT_DYLIB_PATH names"),
        "{words}"
    );
    // What is said is so.
    let newest: i64 = newest.parse()?;
    model.opset_import[0].version = Some(newest);
    assert_eq!(run(&model)?, expected);
    model.opset_import[0].version = Some(newest + 1);
    assert!(run(&model).is_err());
    Ok(())
}

#[test]
fn a_newer_form_of_file_and_operator_sets_that_no_node_is_of_are_no_hindrance() -> Result<()> {
    let mut model = net()?;
    let expected = run(&model)?;
    model.ir_version = Some(99);
    model.opset_import.insert(
        0,
        OperatorSetIdProto {
            domain: Some("ai.onnx.ml".to_owned()),
            version: Some(99),
        },
    );
    assert_eq!(run(&model)?, expected);
    Ok(())
}
