//! `ssdcrp inspect`: a model in; what was understood of it out.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args;
use serde::Serialize;
use ssdcrp::crp::{Composite, Layer, Propagator};
use ssdcrp::detect::{ClassId, Model, propose};
use ssdcrp::geometry::Size;
use ssdcrp::onnx;

use super::engine::Engine;
use super::{output, table};

/// Print how the model is understood: input, heads, and each layer's type, rule and cost; without a manifest, print a proposed one.
#[derive(Debug, Args)]
pub struct Inspect {
    /// The detector, an ONNX file with its manifest beside it [default: the one that --model names, or the built-in one]
    file: Option<PathBuf>,
    /// Composite, as for explain
    #[arg(long, value_name = "NAME")]
    composite: Option<String>,
    /// Propose a manifest for an ONNX file without one, and write it as NAME.toml beside the model; an existing manifest is kept
    #[arg(long)]
    write_manifest: bool,
    /// Print JSON, one line, rather than tables: name, input, numbers of default boxes and classes, labels, heads, and layers with type, rule, shape of the output and multiply-adds
    #[arg(long, conflicts_with = "write_manifest")]
    json: bool,
    /// Input width and height in pixels for an ONNX file without a manifest, if the graph does not give them
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    size: Option<[usize; 2]>,
}

fn size(text: &str) -> Result<[usize; 2]> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=8192).contains(side));
    let sides = text
        .split_once('x')
        .and_then(|(width, height)| Some([side(width)?, side(height)?]));
    sides.context("a width and a height from 1 to 8192 are expected, as in 300x300")
}

impl Inspect {
    /// Prints the model.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        engine.check_provider()?;
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        let bare = engine.file_of(self.file.as_deref());
        if let Some(path) = bare.filter(|p| !p.with_extension("toml").exists()) {
            ensure!(
                !self.json,
                "there is no manifest beside {}, without which there is nothing to tell as JSON: --write-manifest proposes one",
                path.display()
            );
            return self.propose(path);
        }
        ensure!(
            !self.write_manifest,
            "there is a manifest already: remove it first, or inspect without --write-manifest"
        );
        ensure!(
            self.size.is_none(),
            "--size goes with an ONNX file that has no manifest; in a manifest it is [input] size"
        );
        let model = engine.model_of(self.file.as_deref())?;
        let composite = composite.map_or_else(|| Composite::of(&model), Ok)?;
        let explainer = Propagator::new(model.clone(), composite, engine.session())?;
        let layers = explainer.layers()?;
        if self.json {
            return output::print_json(&InspectedModel::new(&model, &explainer, &layers));
        }
        let (rows, total) = rows(&explainer, layers);
        let mut text = outline(&model)?;
        write!(text, "\n{}", table::aligned(&heads(&model)))?;
        write!(text, "\n{}", table::aligned(&rows))?;
        writeln!(
            text,
            "\n{:.1} million multiply-adds in a forward pass; composite {}",
            total as f64 / 1e6,
            explainer.composite()
        )?;
        output::print(&text)
    }

    /// Prints or writes a manifest for a model that has none.
    fn propose(&self, path: &Path) -> Result<()> {
        let graph = onnx::read(path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let text = propose::propose(&graph, &name, self.size).with_context(|| {
            format!(
                "there is no manifest beside {}, and none can be proposed",
                path.display()
            )
        })?;
        if !self.write_manifest {
            return output::print(&format!(
                "# {} does not exist. Proposed; --write-manifest writes it.\n{text}",
                path.with_extension("toml").display()
            ));
        }
        let file = path.with_extension("toml");
        output::write_text(&file, &text)?;
        let guesses = text
            .lines()
            .filter(|line| line.contains("# a guess"))
            .count();
        output::print(&format!(
            "{} written; {guesses} of its lines are guesses, marked as such: check them\n",
            file.display()
        ))
    }
}

/// The name, the input, and how much there is of what.
fn outline(model: &Model) -> Result<String> {
    let manifest = &model.manifest;
    let Size { width, height } = model.input_size;
    let background = manifest.background();
    let trained = manifest.count_detectable();
    let mut text = String::new();
    writeln!(text, "{}", manifest.name)?;
    let background = match background {
        Some(class) => format!(", {class} the background"),
        None => String::new(),
    };
    writeln!(
        text,
        "input '{}' {width}x{height}; {} default boxes; {} classes, {trained} of them trained{background}",
        model.input_name,
        model.layout.len(),
        manifest.labels.len()
    )?;
    Ok(text)
}

/// A row for each head.
fn heads(model: &Model) -> Vec<Vec<String>> {
    let mut header = vec!["head", "cells", "boxes per cell", "class scores", "offsets"];
    header.extend(model.outputs.objectness.is_some().then_some("objectness"));
    let mut rows = vec![header.into_iter().map(str::to_owned).collect::<Vec<_>>()];
    for (index, (head, grid)) in model.heads.iter().zip(&model.layout.heads).enumerate() {
        let mut row = vec![
            index.to_string(),
            format!("{}x{}", grid.rows, grid.cols),
            grid.shapes.to_string(),
            head.class_tensor.clone(),
            head.offset_tensor.clone().unwrap_or_default(),
        ];
        row.extend(head.objectness_tensor.clone());
        rows.push(row);
    }
    rows
}

/// A row for each layer, and the multiply-adds of all.
fn rows(explainer: &Propagator, layers: Vec<Layer>) -> (Vec<[String; 5]>, u64) {
    let mut rows = vec![["layer", "type", "rule", "output", "million MACs"].map(str::to_owned)];
    let mut total = 0;
    for layer in layers {
        let [_, channels, height, width] = layer.shape;
        total += layer.macs;
        let rule = explainer.composite().rule_in_words(&layer);
        rows.push([
            layer.tensor,
            layer.layer_type.to_string(),
            rule,
            format!("{channels}x{height}x{width}"),
            format!("{:.2}", layer.macs as f64 / 1e6),
        ]);
    }
    (rows, total)
}

/// The same for programs.
#[derive(Serialize)]
struct InspectedModel<'a> {
    name: &'a str,
    input: InspectedInput<'a>,
    default_boxes: usize,
    classes: usize,
    trained: usize,
    background: Option<ClassId>,
    labels: Vec<&'a str>,
    composite: String,
    multiply_adds: u64,
    heads: Vec<InspectedHead<'a>>,
    layers: Vec<InspectedLayer<'a>>,
}

#[derive(Serialize)]
struct InspectedInput<'a> {
    tensor: &'a str,
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct InspectedHead<'a> {
    rows: usize,
    cols: usize,
    boxes_per_cell: usize,
    class_scores: &'a str,
    offsets: Option<&'a str>,
    objectness: Option<&'a str>,
}

#[derive(Serialize)]
struct InspectedLayer<'a> {
    tensor: &'a str,
    r#type: String,
    rule: String,
    output: [usize; 3],
    multiply_adds: u64,
}

impl<'a> InspectedModel<'a> {
    fn new(model: &'a Model, explainer: &Propagator, layers: &'a [Layer]) -> Self {
        let manifest = &model.manifest;
        let heads = model.heads.iter().zip(&model.layout.heads);
        let heads = heads.map(|(head, grid)| InspectedHead {
            rows: grid.rows,
            cols: grid.cols,
            boxes_per_cell: grid.shapes,
            class_scores: &head.class_tensor,
            offsets: head.offset_tensor.as_deref(),
            objectness: head.objectness_tensor.as_deref(),
        });
        let all = layers.iter().map(|layer| InspectedLayer {
            tensor: &layer.tensor,
            r#type: layer.layer_type.to_string(),
            rule: explainer.composite().rule_in_words(layer),
            output: [layer.shape[1], layer.shape[2], layer.shape[3]],
            multiply_adds: layer.macs,
        });
        Self {
            name: &manifest.name,
            input: InspectedInput {
                tensor: &model.input_name,
                width: model.input_size.width,
                height: model.input_size.height,
            },
            default_boxes: model.layout.len(),
            classes: manifest.labels.len(),
            trained: manifest.count_detectable(),
            background: manifest.background(),
            labels: manifest.labels.iter().collect(),
            composite: explainer.composite().to_string(),
            multiply_adds: layers.iter().map(|layer| layer.macs).sum(),
            heads: heads.collect(),
            layers: all.collect(),
        }
    }
}
