//! Classifiers: one box that is the whole picture.

use std::sync::Arc;

use anyhow::{Context, Result};
use ssdcrp::crp::{Composite, Propagator, Target};
use ssdcrp::detect::Detector;
use ssdcrp::onnx::Tensor;
use ssdcrp::onnx::proto::{AttributeProto, ModelProto, NodeProto, TensorProto, ValueInfoProto};
use ssdcrp::report;
use ssdcrp::runtime::{Network, SessionOptions, only};
use ssdcrp::stream::monitor::EventThresholds;

use super::nets::{class, integer, node, proto, with_proposed};
use super::pattern::forward;

/// The small net `dense` up to its last fully connected layer, which has six outputs.
fn small_classifier() -> Result<ModelProto> {
    let mut model = proto("dense")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let end = graph
        .node
        .iter()
        .position(|node| node.output[0] == "product");
    graph.node.truncate(end.context("no product")? + 1);
    graph.output = vec![ValueInfoProto {
        name: Some("product".to_owned()),
        ..Default::default()
    }];
    Ok(model)
}

#[test]
fn a_classifier_is_explained_as_one_box_that_is_the_whole_picture() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (model, manifest) = with_proposed(&small_classifier()?, folder.path())?;
    assert!(
        manifest.contains("kind = \"classifier\"") && !manifest.contains("[default_boxes]"),
        "{manifest}"
    );
    assert_eq!(
        (model.default_boxes.len(), model.manifest.labels.len()),
        (1, 6)
    );
    let model = Arc::new(model);
    let forward = forward(&model)?;
    let thresholds = ssdcrp::detect::Thresholds {
        score: 0.0,
        iou: 0.5,
    };
    let detections = Detector::new(model.clone(), SessionOptions::on_threads(1))?
        .detections(&forward, thresholds)?;
    // All six classes, the first among them: there is no background.
    assert_eq!(detections.len(), 6);
    assert!(
        detections
            .iter()
            .all(|found| found.rect.edges() == [0.0, 0.0, 1.0, 1.0])
    );
    assert!((detections.iter().map(|found| found.score).sum::<f32>() - 1.0).abs() < 1e-5);

    let mut explainer = Propagator::new(
        model.clone(),
        Composite::default(),
        SessionOptions::on_threads(1),
    )?;
    let explanation = explainer.explain(&forward, &[class(0)])?.remove(0);
    assert_eq!(explanation.question.seed.tensor, "product:map");
    assert_eq!(explanation.question.seed.values.len(), 6);
    assert!(explanation.map().iter().any(|&r| r != 0.0));
    let wider = Target {
        default_box: 0,
        output: "offset:w+".parse()?,
        contrast: None,
    };
    let error = explainer
        .explain(&forward, &[wider])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("net is a classifier: it has no boxes"),
        "{error}"
    );

    // Its report leaves out what asks for a box.
    let options = report::ReportOptions {
        thresholds,
        monitor: EventThresholds::for_stills(),
        what_if: vec![],
        truth: None,
        check: true,
        most: 1,
        explain: 1,
        errors_only: false,
    };
    let mut reporter = report::Reporter::new(
        model,
        Composite::default(),
        SessionOptions::on_threads(1),
        options,
    )?;
    let photo = image::RgbImage::from_fn(40, 30, |x, y| image::Rgb([x as u8, y as u8, 90]));
    reporter.look(report::PhotoSource::default(), &photo, &[])?;
    let again = |_| Some(photo.clone());
    let all = &mut |_: &str| true;
    let page = reporter
        .explain(again, report::PagePictures::Within, all)?
        .page
        .html()?;
    assert!(page.contains(" rather than the other classes</strong>"));
    assert!(!page.contains("could not be explained") && !page.contains("Four offsets"));
    Ok(())
}

/// The small net `responses` up to a convolution of eight maps, and an ending.
fn ending_with(nodes: Vec<NodeProto>) -> Result<ModelProto> {
    let mut model = proto("responses")?;
    let graph = model.graph.as_mut().context("no graph")?;
    let end = (graph.node.iter()).position(|node| node.output[0] == "high1");
    graph.node.truncate(end.context("no high1")? + 1);
    let output = nodes.last().context("no ending")?.output[0].clone();
    graph.node.extend(nodes);
    graph.initializer.push(TensorProto {
        name: Some("sizes".to_owned()),
        dims: vec![4],
        data_type: Some(7),
        int64_data: vec![6, 8, 1, 1],
        ..Default::default()
    });
    graph.output = vec![ValueInfoProto {
        name: Some(output),
        ..Default::default()
    }];
    Ok(model)
}

#[test]
fn a_classifier_may_end_with_a_pooling_or_a_convolution() -> Result<()> {
    let pooled = || node("GlobalAveragePool", &["high1"], "pooled");
    let mut weights = node("ConstantOfShape", &["sizes"], "weights");
    weights.attribute.push(AttributeProto {
        name: Some("value".to_owned()),
        r#type: Some(4),
        t: Some(
            Tensor {
                dims: vec![1],
                data: vec![0.02],
            }
            .to_proto(""),
        ),
        ..Default::default()
    });
    let last = node("Conv", &["pooled", "weights"], "scores");
    let mut softmax = node("Softmax", &["pooled"], "shares");
    softmax.attribute.push(integer("axis", 1));
    for (nodes, classes, count) in [
        (vec![pooled()], "pooled", 8),
        (vec![pooled(), softmax], "pooled", 8),
        (vec![pooled(), weights, last], "scores", 6),
    ] {
        let folder = tempfile::tempdir()?;
        let (model, manifest) = with_proposed(&ending_with(nodes)?, folder.path())?;
        assert!(manifest.contains("kind = \"classifier\""), "{manifest}");
        assert_eq!(model.outputs.classes, classes);
        assert_eq!(model.manifest.labels.len(), count);
        let model = Arc::new(model);
        let forward = forward(&model)?;
        let options = SessionOptions::on_threads(1);
        let mut network = Network::load(&model.graph.to_model(&[classes])?, options)?;
        let picture = forward.input.tensor.view().into_dyn();
        let raw = only(network.run(&[(model.input_name.as_str(), picture)])?)?;
        assert_eq!(forward.logits.dim(), (1, count));
        assert!(forward.logits.iter().eq(raw.iter()));
        let mut explainer = Propagator::new(model, Composite::default(), options)?;
        let map = explainer.explain(&forward, &[class(0)])?.remove(0).map();
        assert!(map.iter().all(|r| r.is_finite()));
        // Of classes with the same weights none has a reason of its own.
        assert_eq!(map.iter().any(|r| r.abs() > 1e-6), count == 8, "{classes}");
    }
    Ok(())
}
