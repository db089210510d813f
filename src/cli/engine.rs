//! What every subcommand runs on: the options `--model`, `--threads` and `--execution-provider` in, the model out.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use clap::Args;
use ssdcrp::detect::Model;
use ssdcrp::limits::MOST_THREADS;
use ssdcrp::runtime::{ExecutionProvider, SessionOptions};

use super::output;

/// Where `--help` lists these options.
const ENGINE: &str = "Engine";

/// What every subcommand runs on.
#[derive(Debug, Args)]
pub struct Engine {
    /// Detector to use, an ONNX file with its manifest NAME.toml beside it [default: ssdlite_mobilenet_v2, trained on COCO, built in]
    #[arg(long, help_heading = ENGINE, value_name = "FILE", global = true)]
    model: Option<PathBuf>,
    /// Threads for the network; 0: as many as there are cores
    #[arg(long, help_heading = ENGINE, value_name = "N", global = true, default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=MOST_THREADS as i64))]
    threads: u16,
    /// ONNX Runtime's execution provider: cpu, or another one that the ONNX Runtime in use was built with, such as cuda, tensorrt or openvino
    #[arg(long, help_heading = ENGINE, value_name = "NAME", global = true, default_value_t)]
    execution_provider: ExecutionProvider,
}

impl Engine {
    /// The model that was named, or the built-in one.
    pub fn model(&self) -> Result<Arc<Model>> {
        self.model_of(None)
    }

    /// As [`Engine::model`], but a subcommand's own argument `file` takes precedence over `--model`.
    pub fn model_of(&self, file: Option<&Path>) -> Result<Arc<Model>> {
        let file = self.file_of(file);
        let model = match file {
            Some(path) => Model::open(path)?,
            #[cfg(feature = "built-in-model")]
            None => Model::built_in()?,
            #[cfg(not(feature = "built-in-model"))]
            None => anyhow::bail!(
                "no model is built into this command: name one with --model, or build it with the feature built-in-model"
            ),
        };
        output::detail(|| {
            let place = file.map_or("built in".to_owned(), |file| file.display().to_string());
            let provider = self.execution_provider;
            format!("model {} ({place}), on {provider}", model.manifest.name)
        });
        Ok(Arc::new(model))
    }

    /// The file that [`Engine::model_of`] reads; `None` is the built-in model.
    pub fn file_of<'a>(&'a self, file: Option<&'a Path>) -> Option<&'a Path> {
        file.or(self.model.as_deref())
    }

    /// Refuses an execution provider that ONNX Runtime does not have, for a subcommand that runs no network itself. The default one needs no library.
    pub fn check_provider(&self) -> Result<()> {
        let provider = self.execution_provider;
        if provider != ExecutionProvider::default() {
            provider.check()?;
        }
        Ok(())
    }

    /// The options that were given, for another program with the same options.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments = Vec::new();
        if let Some(model) = &self.model {
            arguments.extend(["--model".into(), model.into()]);
        }
        if self.threads != 0 {
            arguments.push(format!("--threads={}", self.threads).into());
        }
        if self.execution_provider != ExecutionProvider::default() {
            arguments.push(format!("--execution-provider={}", self.execution_provider).into());
        }
        arguments
    }

    /// The threads and the execution provider of the networks.
    pub fn session(&self) -> SessionOptions {
        SessionOptions {
            threads: self.threads.into(),
            provider: self.execution_provider,
            ..SessionOptions::default()
        }
    }
}
