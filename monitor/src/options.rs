//! The options of the command line.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::Parser;
use ssdcrp::runtime::ExecutionProvider;

/// The page's default address.
pub const LOCAL_PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8080);

/// Watch cameras and videos, explain what is detected, and report detections that look wrong.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Options {
    /// Files, cameras (/dev/video0) and addresses (rtsp://…, http://…)
    #[arg(required_unless_present = "config", value_name = "SOURCE")]
    pub sources: Vec<String>,
    /// Watch the cameras that this file (monitor.toml) names; it is read again at SIGHUP. All other settings are then in the file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sources", "serve", "evidence", "model", "threads", "execution_provider", "token_file"])]
    pub config: Option<PathBuf>,
    /// Read the file of --config and all models and secrets that it names, test its folders, report errors, and end
    #[arg(long, requires = "config")]
    pub check: bool,
    /// Show the streams on a web page at this address [default without ADDRESS: 127.0.0.1:8080]. Name sources before --serve. If other computers can reach the address, the page asks for a token
    #[arg(long, value_name = "ADDRESS", num_args = 0..=1, default_missing_value = "127.0.0.1:8080", value_parser = page_address)]
    pub serve: Option<SocketAddr>,
    /// File with the token that the page asks for [default: no token for a loopback address; for others a new token, which is printed]
    #[arg(long, value_name = "FILE", requires = "serve")]
    pub token_file: Option<PathBuf>,
    /// Keep evidence of events in this folder, with a subfolder for each stream
    #[arg(long, value_name = "FOLDER")]
    pub evidence: Option<PathBuf>,
    /// Detector to use, an ONNX file with its manifest NAME.toml beside it [default: the built-in one]
    #[arg(long, value_name = "FILE")]
    pub model: Option<PathBuf>,
    /// Threads of each of the two networks (detection and explanation); 0: half of the cores
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub threads: usize,
    /// ONNX Runtime's execution provider: cpu, or another one that the ONNX Runtime in use was built with, such as cuda, tensorrt or openvino
    #[arg(long, value_name = "NAME", default_value_t)]
    pub execution_provider: ExecutionProvider,
}

/// Reads where the page is to be served.
fn page_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "expected an address and a port as 127.0.0.1:8080; sources stand before --serve".to_owned()
    })
}

#[cfg(test)]
#[path = "../../tests/documents/mod.rs"]
mod documents;

#[cfg(test)]
mod tests {
    use super::documents::shown_commands;
    use super::*;

    #[test]
    fn a_source_behind_serve_is_no_address() {
        let read = |words: &[&str]| Options::try_parse_from([&["ssdcrp-monitor"], words].concat());
        let error = read(&["--serve", "film.mp4"]).unwrap_err().to_string();
        assert!(error.contains("sources stand before --serve"), "{error}");
        let local = read(&["film.mp4", "--serve"]).unwrap();
        assert_eq!(local.serve, Some(LOCAL_PAGE));
    }

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
