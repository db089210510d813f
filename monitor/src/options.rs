//! What the command line says.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use ssdcrp::runtime::ExecutionProvider;

/// Watch streams and tell what looks wrong in them.
#[derive(Debug, Parser)]
pub struct Options {
    /// Files, cameras (/dev/video0) and addresses (rtsp://…, http://…)
    #[arg(required = true, value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Show the streams as a page at this address; other computers reach it only where the address is not one of this computer's own
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8080")]
    pub serve: Option<SocketAddr>,
    /// Keep evidence of events in this folder, for each stream in one of its own
    #[arg(long, value_name = "FOLDER")]
    pub evidence: Option<PathBuf>,
    /// ONNX file of the detector, its manifest beside it [default: the one that is built in]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Threads of each of the two networks; 0 is half of the cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// What computes the networks: cpu, or another one that the ONNX Runtime in use was built with, as cuda, tensorrt or openvino
    #[arg(long, value_name = "NAME", default_value_t)]
    pub execution_provider: ExecutionProvider,
}
