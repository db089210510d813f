//! The compiled backward pass against finite differences, and DeepLIFT's multipliers against the difference that they explain, on the small nets of `tests/golden`.

use std::path::Path;

use anyhow::Result;
use ndarray::Array4;
use ndarray_npy::ReadNpyExt;
use ssdcrp::crp::{
    Derivative, REFERENCE_INPUT, compile_derivative, compile_feature_gradient, seed_name,
};
use ssdcrp::onnx::{self, Graph, NodeExt};
use ssdcrp::runtime::{Network, SessionOptions, only};

/// Net, and the head at which the derivative begins.
const NETS: [(&str, &str); 8] = [
    ("batch_norm_identity", "high_norm2.class_logits"),
    ("clipped", "high.relu6.box_offsets"),
    ("consumers", "high3.relu.class_logits"),
    ("dilation", "high2.relu.class_logits"),
    ("groups", "high_pointwise.relu.box_offsets"),
    ("max_pool_2x2", "high.relu.class_logits"),
    ("residual", "high_add.class_logits"),
    ("stride_pads", "high2.relu.box_offsets"),
];

struct Net {
    graph: Graph,
    /// The tensor that the head's node writes.
    head: String,
    input: Array4<f32>,
    /// Weights of the head's outputs.
    weights: Array4<f32>,
    forward: Network,
}

impl Net {
    fn read(name: &str, head: &str) -> Result<Self> {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/small");
        let graph = onnx::read(&path.join(format!("{name}.onnx")))?;
        let node = graph.nodes().iter().find(|node| node.name() == head);
        let head = node.expect("the head exists").first_output().to_owned();
        let file = std::fs::File::open(path.join(format!("{name}.input.npy")))?;
        let weights = Array4::from_shape_fn(graph.feature_map(&head)?, |(_, c, y, x)| {
            ((c * 7 + y * 5 + x * 3) % 11) as f32 / 5.0 - 1.0
        });
        Ok(Self {
            forward: Network::load(&graph.to_model(&[&head])?, SessionOptions::on_threads(1))?,
            input: jittered(Array4::read_npy(file)?),
            graph,
            head,
            weights,
        })
    }

    /// Σ weights · outputs, in float64.
    fn value(&mut self, picture: &Array4<f32>) -> Result<f64> {
        let (image, _) = self.graph.image_input()?;
        let outputs = only(self.forward.run(&[(image, picture.view().into_dyn())])?)?;
        let products = outputs.iter().zip(&self.weights);
        Ok(products.map(|(&o, &w)| f64::from(o) * f64::from(w)).sum())
    }

    fn derivative(&self, kind: Derivative, reference: &[&Array4<f32>]) -> Result<Array4<f32>> {
        let compiled = compile_derivative(&self.graph, kind, &[&self.head])?;
        let (image, _) = self.graph.image_input()?;
        let seed = seed_name(&self.head);
        let mut inputs = vec![
            (image, self.input.view().into_dyn()),
            (&seed, self.weights.view().into_dyn()),
        ];
        inputs.extend(
            reference
                .iter()
                .map(|r| (REFERENCE_INPUT, r.view().into_dyn())),
        );
        let outputs =
            Network::load(&compiled.model, SessionOptions::on_threads(1))?.run(&inputs)?;
        Ok(only(outputs)?.into_dimensionality()?)
    }
}

/// Some of the inputs tie on purpose, and where inputs of a pool tie there is no slope.
fn jittered(mut input: Array4<f32>) -> Array4<f32> {
    for (index, value) in input.iter_mut().enumerate() {
        *value += 0.1 * (index as f32 * 12.9).sin();
    }
    input
}

#[test]
fn the_gradient_is_the_limit_of_differences() -> Result<()> {
    for (name, head) in NETS {
        let mut net = Net::read(name, head)?;
        let gradient = net.derivative(Derivative::Gradient, &[])?;
        let largest = gradient.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
        assert!(largest > 0.0, "{name}");
        let (step, tolerance) = (4e-3_f32, 0.01 * f64::from(largest));
        let here = net.value(&net.input.clone())?;
        let mut kinks = 0;
        for (index, &gradient) in gradient.indexed_iter() {
            let mut slope = |by: f32| -> Result<f64> {
                let mut picture = net.input.clone();
                picture[index] += by;
                Ok((net.value(&picture)? - here) / f64::from(by))
            };
            let slopes = [slope(-step)?, slope(step)?];
            let wrong = slopes.map(|slope| (slope - f64::from(gradient)).abs() > tolerance);
            // Where an activation or a pool has its kink within a step, the slopes of the two sides differ.
            let kink = (slopes[0] - slopes[1]).abs() > tolerance / 4.0;
            kinks += usize::from(kink);
            assert!(
                kink || !wrong.contains(&true),
                "{name} {index:?}: {gradient}, {slopes:?}"
            );
        }
        println!("{name}: {} slopes, {kinks} kinks", gradient.len());
        assert!(
            kinks * 3 < gradient.len(),
            "{name}: {kinks} of {}",
            gradient.len()
        );
    }
    Ok(())
}

#[test]
fn deeplift_explains_the_whole_difference() -> Result<()> {
    for (name, head) in NETS {
        let mut net = Net::read(name, head)?;
        let reference = Array4::from_shape_fn(net.input.dim(), |(_, c, y, x)| {
            ((c + 2 * y + 3 * x) % 5) as f32 / 4.0 - 0.5
        });
        let multipliers = net.derivative(Derivative::Rescale, &[&reference]);
        if name.starts_with("max_pool") {
            let error = format!("{:#}", multipliers.unwrap_err());
            assert!(error.contains("has no derivative"), "{error}");
            continue;
        }
        let parts = multipliers? * (&net.input - &reference);
        let explained: f64 = parts.iter().map(|&r| f64::from(r)).sum();
        let input = net.input.clone();
        let difference = net.value(&input)? - net.value(&reference)?;
        let all: f64 = parts.iter().map(|r| f64::from(r.abs())).sum();
        println!("{name}: {explained} of {difference}, magnitudes {all}");
        assert!(difference.abs() > 1e-3 * all, "{name}: {difference}");
        assert!(
            (explained - difference).abs() < 1e-5 * all,
            "{name}: {explained}, {difference}"
        );
    }
    Ok(())
}

/// The tensor that is `steps` nodes before the head.
fn before(net: &Net, steps: usize) -> &str {
    let mut tensor = net.head.as_str();
    for _ in 0..steps {
        let producer = net.graph.producer(tensor).expect("a node writes it");
        tensor = net.graph.nodes()[producer].input_at(0).expect("an input");
    }
    tensor
}

#[test]
fn a_gradient_by_features_is_the_limit_of_differences() -> Result<()> {
    for (name, head, steps) in [
        ("clipped", "high.relu6.box_offsets", 1),
        ("stride_pads", "high2.relu.box_offsets", 3),
    ] {
        let net = Net::read(name, head)?;
        let features = before(&net, steps);
        let compiled = compile_feature_gradient(&net.graph, features, &net.head)?;
        let (image, _) = net.graph.image_input()?;
        let seed = seed_name(&net.head);
        let outputs = Network::load(&compiled.model, SessionOptions::on_threads(1))?.run(&[
            (image, net.input.view().into_dyn()),
            (&seed, net.weights.view().into_dyn()),
        ])?;
        let [gradient, values] = <[_; 2]>::try_from(outputs).expect("two outputs");
        let shape = net.graph.feature_map(features)?;
        assert_eq!(
            (gradient.shape(), values.shape()),
            (&shape[..], &shape[..]),
            "{name}"
        );
        // What lies behind the features, alone.
        let behind = net.graph.with_input(features, shape)?;
        let mut behind = Network::load(
            &behind.to_model(&[&net.head])?,
            SessionOptions::on_threads(1),
        )?;
        let mut value = |values: &ndarray::ArrayD<f32>| -> Result<f64> {
            let outputs = only(behind.run(&[(features, values.view())])?)?;
            let products = outputs.iter().zip(&net.weights);
            Ok(products.map(|(&o, &w)| f64::from(o) * f64::from(w)).sum())
        };
        let here = value(&values)?;
        let largest = gradient.iter().fold(0.0_f32, |most, g| most.max(g.abs()));
        assert!(largest > 0.0, "{name}");
        let tolerance = 0.01 * f64::from(largest);
        let mut kinks = 0;
        for (index, &gradient) in gradient.indexed_iter() {
            let mut slope = |by: f32| -> Result<f64> {
                let mut changed = values.clone();
                changed[index.clone()] += by;
                Ok((value(&changed)? - here) / f64::from(by))
            };
            let slopes = [slope(-4e-3)?, slope(4e-3)?];
            let wrong = slopes.map(|slope| (slope - f64::from(gradient)).abs() > tolerance);
            let kink = (slopes[0] - slopes[1]).abs() > tolerance / 4.0;
            kinks += usize::from(kink);
            assert!(
                kink || !wrong.contains(&true),
                "{name} {index:?}: {gradient}, {slopes:?}"
            );
        }
        println!("{name}: {} slopes, {kinks} kinks", gradient.len());
        assert!(kinks * 3 < gradient.len(), "{name}: {kinks}");
    }
    Ok(())
}
