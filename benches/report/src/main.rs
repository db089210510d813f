//! `bench-report gather RECORDS FOLDER MINUTES` makes FOLDER/report.md and FOLDER/report.json of what benches kept in RECORDS;
//! `bench-report compare BASELINE.json RUN.json` prints both side by side.
#![forbid(unsafe_code)]

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use bench_report::{Machine, Report, comparison, document};

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["gather", records, folder, minutes] => {
            let minutes = minutes
                .parse()
                .with_context(|| format!("'{minutes}' minutes"))?;
            let report = Report::gather(Path::new(records), Machine::here(), minutes)?;
            let folder = Path::new(folder);
            let write = |name: &str, text: String| {
                let path = folder.join(name);
                fs::write(&path, text)
                    .with_context(|| format!("{} cannot be written", path.display()))
            };
            write("report.json", serde_json::to_string_pretty(&report)? + "\n")?;
            write("report.md", document(&report))
        }
        ["compare", baseline, run] => {
            let [baseline, run] = [baseline, run].map(|path| Report::open(Path::new(path)));
            print!("{}", comparison(&baseline?, &run?));
            Ok(())
        }
        _ => bail!(
            "usage: bench-report gather RECORDS FOLDER MINUTES, or bench-report compare BASELINE.json RUN.json"
        ),
    }
}
