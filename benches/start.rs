//! How long whole programs take: `cargo bench --bench start`, with the plugin on `GST_PLUGIN_PATH` (`make bench` sets it).
//!
//! `gst-launch-1.0` from its start until the first frame has gone through the element and until the first heatmap is there, beside the same pipeline with `identity`; the command from its start to its
//! end. All take turns, round by round; `ROUNDS` (default 7) says how often. The first round fills the system's caches and is not counted.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bench_report::{Aim, Record, setting};

#[path = "../tests/cache/mod.rs"]
mod cache;

use cache::cached;

const SECTION: &str = "Start, whole programs";
/// Of the command, on a photo: its arguments around the file.
const COMMANDS: [(&str, &[&str]); 3] = [
    ("detect", &[]),
    ("explain", &["--composite", "crp-features"]),
    ("explain", &["--composite", "crp"]),
];

/// Seconds from the start until a pipeline's first frame has come out, and until it has told of an explanation.
struct Launched {
    first_frame: f64,
    first_heatmap: Option<f64>,
}

fn main() -> Result<()> {
    let rounds: usize = setting("ROUNDS", 7)?;
    let (mut plain, mut frame, mut heatmap) = (vec![], vec![], vec![]);
    let mut commands = COMMANDS.map(|_| vec![]);
    for round in 0..=rounds {
        let identity = launch("identity", false)?;
        let element = launch("ssdcrp", true)?;
        let element_heatmap = element.first_heatmap.context("nothing was explained")?;
        let times: Vec<f64> = COMMANDS
            .iter()
            .map(|(name, options)| command(name, options))
            .collect::<Result<_>>()?;
        if round > 0 {
            plain.push(identity.first_frame);
            frame.push(element.first_frame);
            heatmap.push(element_heatmap);
            for (all, time) in commands.iter_mut().zip(times) {
                all.push(time);
            }
        }
    }
    println!("{SECTION}");
    let ratios: Vec<f64> = frame.iter().zip(&plain).map(|(a, b)| a / b).collect();
    Record::of(
        SECTION,
        "first frame, of the time with identity",
        "x",
        &ratios,
    )?
    .keep()?;
    let row = |name: &str, times: &[f64]| Record::of(SECTION, name, "s", times);
    row("gst-launch-1.0, identity: first frame", &plain)?.keep()?;
    row("gst-launch-1.0, ssdcrp: first frame", &frame)?
        .aiming(Aim::AtMost(0.3))
        .keep()?;
    row("gst-launch-1.0, ssdcrp: first heatmap", &heatmap)?
        .aiming(Aim::AtMost(0.6))
        .keep()?;
    for ((name, options), times) in COMMANDS.iter().zip(&commands) {
        let words = [&["ssdcrp", name, "dog.jpg"], *options].concat();
        row(&words.join(" "), times)?.keep()?;
    }
    Ok(())
}

/// Runs an element on the footage at its own pace until there is what is waited for.
fn launch(element: &str, wants_heatmap: bool) -> Result<Launched> {
    let line = format!(
        "filesrc location={} ! decodebin ! videoconvert ! {element} ! fakesink silent=false sync=true",
        cached("footage/vtest.avi").display()
    );
    let started = Instant::now();
    // -v tells of each frame that the sink gets, -m of each message.
    let mut child = Command::new("gst-launch-1.0")
        .args(["-m", "-v"])
        .args(line.split_whitespace())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("gst-launch-1.0 does not start")?;
    let launched = read(&mut child, started, wants_heatmap);
    child.kill()?;
    child.wait()?;
    launched.with_context(|| {
        format!("gst-launch-1.0 with {element}: is the plugin's folder on GST_PLUGIN_PATH?")
    })
}

fn read(child: &mut Child, started: Instant, wants_heatmap: bool) -> Result<Launched> {
    let output = child.stdout.take().context("no output")?;
    let mut first_frame = None;
    for line in BufReader::new(output).lines() {
        let line = line?;
        let now = started.elapsed().as_secs_f64();
        // The first is prerolled: the sink has it, and waits for the clock.
        if line.contains("last-message") && (line.contains("preroll") || line.contains("chain")) {
            first_frame.get_or_insert(now);
        }
        let is_heatmap = line.contains("ssdcrp, ") && line.contains("explanations=");
        if let Some(first_frame) = first_frame
            && (is_heatmap || !wants_heatmap)
        {
            return Ok(Launched {
                first_frame,
                first_heatmap: is_heatmap.then_some(now),
            });
        }
    }
    anyhow::bail!("it ended before")
}

/// Seconds that the command takes on a photo.
fn command(name: &str, options: &[&str]) -> Result<f64> {
    let started = Instant::now();
    let output = Command::new(env!("CARGO_BIN_EXE_ssdcrp"))
        .arg(name)
        .arg(cached("photos/dog.jpg"))
        .args(options)
        .output()?;
    let time = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "ssdcrp {name}: {said}");
    Ok(time)
}
