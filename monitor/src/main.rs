//! Watches several cameras at once and tells what looks wrong in their pictures: one process, one set of sessions for all cameras of a model.
//!
//! ```sh
//! ssdcrp-monitor --config /etc/ssdcrp/monitor.toml
//! ssdcrp-monitor rtsp://gate/ rtsp://yard/ /dev/video0 --serve
//! ```
//!
//! Each event is a line of JSON on standard output. The page ([`web`]) shows the cameras with their newest explanations, and the last events; Prometheus reads numbers there.
//!
//! The element explains one stream. Here the engine's session is used directly, with GStreamer for decoding only: every [`camera`] is a thread that takes the newest
//! frame of its [`source`], and the session takes the streams in turn, so that none is looked at twice while another one waits. What runs is said by a [`configuration`], and changed by SIGHUP
//! ([`application`]). SIGINT and SIGTERM end it.

mod address;
mod application;
mod backoff;
mod board;
mod broker;
mod camera;
mod clock;
mod configuration;
mod connect;
mod courier;
mod delivery;
mod drift;
mod event_log;
mod evidence_folder;
mod feed;
mod frigate;
mod helper;
mod http;
mod keeping;
mod kept;
mod line_thread;
mod mask;
mod message;
mod metrics;
mod mqtt;
mod networks;
mod notify;
mod options;
mod outbox;
mod outlet;
mod outlets;
mod owner;
mod past;
mod pointing;
mod printer;
mod probe;
mod queue;
mod redact;
mod screen;
mod sight;
mod signature;
mod single_look;
mod source;
mod source_login;
mod speaker;
mod timeline;
mod tls;
mod trouble;
mod web;
mod webhook;
mod wishes;

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{CommandFactory, Parser};

use application::Application;
use configuration::Configuration;
use networks::Networks;
use notify::Systemd;
use options::Options;
use redact::{redact, say};
use speaker::SPEAKER;
use wishes::{Wish, Wishes};

/// How often it is looked whether everything has ended, and systemd is told that all is well.
const ROUND: Duration = Duration::from_millis(200);
/// What takes longer to load is given up by systemd.
const MODEL_TIME: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    if let Some(status) = ssdcrp_manual::write_if_asked("ssdcrp-monitor", Options::command) {
        return status;
    }
    // Installed, ONNX Runtime lies beside it.
    if let Some(program) = ssdcrp::runtime::this_program() {
        ssdcrp::runtime::installed_at(&program);
    }
    let code = match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(format_args!("{error:#}"));
            ExitCode::FAILURE
        }
    };
    SPEAKER.finish();
    code
}

fn run(options: &Options) -> Result<()> {
    gst::init()?;
    let configuration = match &options.config {
        Some(file) => Configuration::read(file)?,
        None => Configuration::of(options)?,
    };
    if let (true, Some(file)) = (options.check, &options.config) {
        return check(file, &configuration);
    }
    // What the page and signals need; the cameras have threads of their own.
    let server = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(2)
        .thread_name("server")
        .enable_all()
        .build()?;
    let at_hangup = match options.config {
        Some(_) => Wish::Reload,
        // The terminal is gone.
        None => Wish::Stop,
    };
    let wishes = Wishes::of_signals(&server, at_hangup)?;
    let rounds = Arc::new(AtomicU64::new(0));
    server.spawn(go_round(rounds.clone()));
    let systemd = Systemd::from_environment();
    let mut application = Application::new(server.handle().clone());
    // Whether it is to go on, and that it is at work: models take their time.
    let goes_on = || {
        systemd.busy(MODEL_TIME);
        !wishes.is_stop()
    };
    match application.apply(&configuration, &goes_on) {
        // It was to stop before anything ran.
        Err(_) if wishes.is_stop() => {
            systemd.stopping();
            drop(application);
            server.shutdown_background();
            return Ok(());
        }
        outcome => outcome?,
    }
    systemd.ready(&application.status());
    let mut seen = 0;
    while !application.has_ended() {
        match wishes.next(ROUND) {
            Some(Wish::Stop) => break,
            Some(Wish::Reload) => {
                systemd.reloading();
                if let Some(file) = &options.config {
                    reload(file, &mut application, &goes_on);
                }
                systemd.ready(&application.status());
            }
            None => {}
        }
        let round = rounds.load(Ordering::Relaxed);
        if round != seen {
            seen = round;
            application.sync();
            application.try_page();
            if application.look_after() {
                systemd.alive();
            }
        }
    }
    systemd.stopping();
    let (failure, has_ended) = (application.failure(), application.has_ended());
    drop(application);
    server.shutdown_background();
    match failure {
        Some(failure) => bail!(failure),
        None => {
            if has_ended {
                say("all sources have ended");
            }
            Ok(())
        }
    }
}

/// Counts up for as long as the server's thread is at work.
async fn go_round(rounds: Arc<AtomicU64>) {
    loop {
        rounds.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Says whether all that the configuration names is there, and whether its networks start.
fn check(file: &Path, configuration: &Configuration) -> Result<()> {
    let mut networks = Networks::default();
    // Those that cameras share are started once.
    let mut sessions = Vec::new();
    for plan in &configuration.cameras {
        let connection = &plan.connection;
        let (model, composite) = (connection.model.as_ref(), connection.composite.as_ref());
        let session = networks.session(model, composite, configuration.networks);
        let session = session.with_context(|| plan.words())?;
        let model = session.model().clone();
        sessions.push(session);
        plan.looks.of_model(&model)?;
        plan.probe_evidence()?;
        let (name, address) = (plan.name.as_str(), &plan.connection.address);
        println!(
            "{name}: {}",
            redact(&format!("{address}, {}", model.manifest.name))
        );
        if let Some(doubt) = address.doubt() {
            say(format_args!("{}: {doubt}", plan.words()));
        }
    }
    if configuration.mqtt.is_some() || configuration.webhook.is_some() {
        let folder = &configuration.queue.folder;
        probe::probe(folder).with_context(|| {
            let (file, folder) = (file.display(), folder.display());
            format!("{file}: events cannot wait for broker or server in {folder}")
        })?;
    }
    if let Some(plan) = &configuration.frigate {
        let (model, composite) = (plan.model.as_ref(), plan.composite.as_ref());
        let session = networks.session(model, composite, configuration.networks);
        let model = session.context("[frigate]")?.model().clone();
        if let Some(pictures) = &plan.pictures {
            let folder = &pictures.folder;
            probe::probe(folder).with_context(|| {
                format!("[frigate]: pictures cannot be kept in {}", folder.display())
            })?;
        }
        plan.doubt_labels(&model);
        let (server, network) = (&plan.server.authority, &model.manifest.name);
        println!("Frigate: {}", redact(&format!("{server}, {network}")));
    }
    println!("{}: as it should be", file.display());
    Ok(())
}

/// Runs what the file says now; what is wrong in it is said, and changes nothing.
fn reload(file: &Path, application: &mut Application, goes_on: &dyn Fn() -> bool) {
    let outcome = Configuration::read(file).and_then(|new| application.apply(&new, goes_on));
    match outcome {
        Ok(()) => say(format_args!("{}: read again", file.display())),
        Err(error) => say(format_args!("{error:#}")),
    }
}
