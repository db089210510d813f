//! The networks of an element: its own, or those that it shares with others of the process (`model-instance-id`).
//!
//! In: the properties of the start. Out: the session of the engine, started or that of another element.

use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use anyhow::anyhow;

use ::ssdcrp::detect::Model;
use ::ssdcrp::stream::{Session, SharedSessions};

use super::enums::{Mode, OnnxExecutionProvider};
use super::failure::Failure;
use super::host::ElementHost;
use super::priority;
use super::request;
use super::settings::Settings;

/// Those of this process.
static INSTANCES: LazyLock<SharedSessions<ElementHost, ModelSettings>> =
    LazyLock::new(SharedSessions::default);

/// What elements that share their networks agree in.
#[derive(Clone, Debug, PartialEq)]
struct ModelSettings {
    /// By its real place, so that one file has one name.
    model_file: Option<PathBuf>,
    mode: Mode,
    threads: u32,
    execution_provider: OnnxExecutionProvider,
}

impl ModelSettings {
    fn of(settings: &Settings) -> Self {
        let real = |path: &PathBuf| path.canonicalize().unwrap_or_else(|_| path.clone());
        Self {
            model_file: settings.model_file.as_ref().map(real),
            mode: settings.mode,
            threads: settings.threads,
            execution_provider: settings.execution_provider,
        }
    }
}

impl fmt::Display for ModelSettings {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.model_file {
            Some(path) => write!(f, "model-file={}", path.display())?,
            None => write!(f, "the model that is built in")?,
        }
        write!(
            f,
            ", mode={}, threads={}, execution-provider={}",
            nick(self.mode),
            self.threads,
            nick(self.execution_provider)
        )
    }
}

/// A choice as it is written.
fn nick(choice: impl Into<gst::glib::Value>) -> String {
    let value: gst::glib::Value = choice.into();
    let (_, choice) = gst::glib::EnumValue::from_value(&value).unzip();
    choice.map_or_else(String::new, |choice| choice.nick().to_owned())
}

/// The networks for the element `name`.
///
/// # Errors
/// A setting, the model, ONNX Runtime; another element that has the same `model-instance-id` and other settings of the model.
pub fn session(name: &str, settings: &Settings) -> Result<Arc<Session<ElementHost>>, Failure> {
    let Some(id) = &settings.model_instance_id else {
        return start(settings);
    };
    let wanted = ModelSettings::of(settings);
    let session = INSTANCES.get_or_start(id, &name, &wanted, || start(settings));
    let session = session.map_err(|other| {
        Failure::setting(&anyhow!(
            "property 'model-instance-id': the networks shared as '{id}' were loaded for the element '{}' with {}, and '{name}' asks for {wanted}: set the same, or another ID",
            other.by,
            other.wanted
        ))
    })??;
    request::check(settings, session.model()).map_err(|error| Failure::setting(&error))?;
    Ok(session)
}

/// Loads the model and starts its threads.
fn start(settings: &Settings) -> Result<Arc<Session<ElementHost>>, Failure> {
    let model = match &settings.model_file {
        None => Model::built_in(),
        Some(path) => Model::open(path),
    };
    let model = Arc::new(model.map_err(|error| Failure::loading(&error.into()))?);
    request::check(settings, &model).map_err(|error| Failure::setting(&error))?;
    let start = || {
        let composite = settings.composite.value().named();
        let (mode, options) = (settings.mode.into(), settings.session());
        Session::start(model, mode, options, composite)
    };
    let session = match settings.mode {
        Mode::Live => priority::lowered(start),
        // The video waits for them.
        Mode::EveryFrame => start(),
    };
    session.map_err(|error| Failure::loading(&error.into()))
}
