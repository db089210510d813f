//! What the command line says.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use ssdcrp::runtime::ExecutionProvider;

/// Where the page is unless another place is named.
pub const LOCAL_PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Watch streams and tell what looks wrong in them.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Files, cameras (/dev/video0) and addresses (rtsp://…, http://…)
    #[arg(required_unless_present = "config", value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Watch the cameras of this file, monitor.toml, and read it again at SIGHUP
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sources", "serve", "evidence", "model", "threads", "execution_provider", "token_file"])]
    pub config: Option<PathBuf>,
    /// Read the file of --config with all models and secrets that it names, try its folders, say what is wrong, and end
    #[arg(long, requires = "config")]
    pub check: bool,
    /// Show the streams as a page at this address; at one that other computers reach, a token is asked for
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8080")]
    pub serve: Option<SocketAddr>,
    /// File with the token that the page asks for [default: none on this computer, else a new one, which is printed]
    #[arg(long, value_name = "FILE", requires = "serve")]
    pub token_file: Option<PathBuf>,
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

#[cfg(test)]
#[path = "../../tests/documents/mod.rs"]
mod documents;

#[cfg(test)]
mod tests {
    use super::documents::shown_commands;
    use super::*;

    #[test]
    fn what_the_pages_show_can_be_typed() {
        let mut tried = 0;
        for shown in shown_commands() {
            if let Some(arguments) = shown.arguments_of("ssdcrp-monitor") {
                let words = ["ssdcrp-monitor"].into_iter();
                let words = words.chain(arguments.iter().map(String::as_str));
                if let Err(error) = Options::try_parse_from(words) {
                    panic!("{}: {arguments:?}: {error}", shown.page);
                }
                tried += 1;
            }
        }
        assert!(tried > 2, "{tried}");
    }
}
