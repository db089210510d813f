//! `ssdcrp compile`: a model and a composite in; the network that computes relevance out, as an ONNX file for any runtime.

use std::fmt::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use ssdcrp::crp::{Composite, Propagator, seed_name};
use ssdcrp::geometry::Size;

use super::engine::Engine;
use super::input_files::InputFiles;
use super::output;

/// Write the network that computes relevance as an ONNX file of standard operators, for use without ssdcrp.
///
/// The inputs are the picture, as the manifest's [input] says, and the relevance to start with: for each head one input for class scores, one for offsets, and one for objectness if the head has it, each [N, C, rows, cols] for N targets at once.
/// Every input must be given; fill those with nothing to explain with zeros. The output `relevance` is [N, 3, H, W].
#[derive(Debug, Args)]
pub struct Compile {
    /// The detector, an ONNX file with its manifest beside it [default: the one that --model names, or the built-in one]
    file: Option<PathBuf>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Composite, as for explain
    #[arg(long, value_name = "NAME")]
    composite: Option<String>,
}

impl Compile {
    /// Writes the network, and prints its inputs and outputs.
    pub fn run(&self, engine: &Engine) -> Result<()> {
        let composite: Option<Composite> = self.composite.as_deref().map(str::parse).transpose()?;
        InputFiles::default()
            .model(engine.file_of(self.file.as_deref()))
            .check(&[("network", &self.output)])?;
        let model = engine.model_of(self.file.as_deref())?;
        let composite = composite.map_or_else(|| Composite::of(&model), Ok)?;
        let propagator = Propagator::new(model.clone(), composite, engine.session())?;
        let graph = propagator.compile()?;
        output::write_network(&self.output, &graph.model)?;
        let Size { width, height } = model.input_size;
        let mut text = String::new();
        writeln!(
            text,
            "{}: composite {}, {} bytes",
            self.output.display(),
            propagator.composite(),
            graph.model.len()
        )?;
        writeln!(text, "in   {} [1, 3, {height}, {width}]", model.input_name)?;
        for head in &model.heads {
            for tensor in head.tensors() {
                let [_, channels, rows, cols] = model.graph.feature_map(tensor)?;
                writeln!(
                    text,
                    "in   {} [N, {channels}, {rows}, {cols}]",
                    seed_name(tensor)
                )?;
            }
        }
        writeln!(text, "out  relevance [N, 3, {height}, {width}]")?;
        output::print(&text)
    }
}
