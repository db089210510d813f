//! ONNX Runtime: finds and loads the shared library once per process, and runs networks with it.
//!
//! In: a model file as bytes, named float32 arrays. Out: named float32 arrays. The library is loaded at the first network, never before, so that
//! whoever only looks at a program or a plugin does not need it.

use crate::error::runtime::{Context, ensure, error};
use crate::error::{Error, ErrorKind, Result, in_one_line, shortened};
use crate::limits::{MOST_NODES, MOST_REWRITTEN, MOST_THREADS};
use crate::lock::lock;
use crate::onnx::node_count;

mod cancel;
mod machine;
mod newest;
mod operators;
mod options;
mod output_pool;
mod program;

pub use cancel::CancelToken;
pub use options::{ExecutionProvider, SessionOptions};
pub use program::this_program;

use std::error::Error as _;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use cancel::Handle;
use ndarray::{ArrayD, ArrayViewD};
use newest::TooNew;
use ort::LoadDynamicError;
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::builder::GraphOptimizationLevel;
use ort::session::{RunOptions, Session, SessionInputValue};
use ort::value::{DynValue, TensorRef};
use output_pool::{Lease, OutputPool};

/// Longer messages of ONNX Runtime lose their middle.
const LONGEST_MESSAGE: usize = 600;
/// Names the library to load, an absolute path; looked at before anything else.
const LIBRARY_VARIABLE: &str = "ORT_DYLIB_PATH";
/// Where distributions put shared libraries.
const SYSTEM_FOLDERS: [&str; 7] = [
    "/usr/local/lib",
    "/usr/local/lib64",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib64",
    "/usr/lib",
    "/opt/onnxruntime/lib",
];

/// Folders of the installation that the running program belongs to.
static INSTALLED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Says where the running program, or plugin, was installed: at `BIN/ssdcrp` of some prefix, or in `LIB/gstreamer-1.0`, where
/// LIB may be the folder of an architecture. The library that was installed with it, in `LIB/ssdcrp`, is then looked at
/// before those of the system.
pub fn installed_at(program: &Path) {
    let above = program.ancestors().skip(2).take(2);
    let folders = above.flat_map(|folder| [folder.join("ssdcrp"), folder.join("lib/ssdcrp")]);
    let mut installed = lock(&INSTALLED);
    *installed = folders.collect();
}

/// Names a folder that has the library, such as the one of another package: it is looked at before those of the system, and before the ones of
/// [`installed_at`] and of earlier calls. The environment variable `ORT_DYLIB_PATH` goes before it. Nothing changes once the library is loaded.
pub fn look_in(folder: impl Into<PathBuf>) {
    lock(&INSTALLED).insert(0, folder.into());
}

/// How the user of a program gets the library, as the end of an error's sentence.
static ADVICE: Mutex<&str> = Mutex::new(
    ", install the package ssdcrp, which has one, or run setup/onnxruntime.sh in the ssdcrp source folder",
);

/// Says how the user of this program gets the library, in the place of how a user of the command, the element or the crate does: the end of a sentence that begins "Set ORT_DYLIB_PATH to the
/// library's absolute path". It is said where no library can be loaded, unless that variable names one.
#[doc(hidden)]
pub fn advise(end: &'static str) {
    *lock(&ADVICE) = end;
}

/// An output of a network: a float32 tensor that lies where ONNX Runtime put it, and can be another network's input without a copy.
pub struct RuntimeTensor {
    value: DynValue,
    /// What it lies in, if that is used again. Behind the value: that goes first.
    _lease: Option<Arc<Lease>>,
}

impl fmt::Debug for RuntimeTensor {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_tuple("RuntimeTensor").field(&self.value).finish()
    }
}

impl RuntimeTensor {
    /// A copy of its numbers.
    ///
    /// # Errors
    /// It is no float32 tensor.
    pub fn to_array(&self) -> Result<ArrayD<f32>> {
        Ok(self.view()?.to_owned())
    }

    /// Its numbers.
    ///
    /// # Errors
    /// It is no float32 tensor.
    pub fn view(&self) -> Result<ArrayViewD<'_, f32>> {
        (self.value)
            .try_extract_array::<f32>()
            .map_err(|error| error!("an output is not float32: {}", one_line(&error)))
    }
}

/// What a network reads.
#[derive(Clone, Debug)]
pub enum Input<'a> {
    /// Numbers, in the order of the axes.
    Array(ArrayViewD<'a, f32>),
    /// An output of another network.
    Tensor(&'a RuntimeTensor),
}

/// A network ready to run.
pub struct Network {
    session: Session,
    /// Where outputs lie that outlive their run, if their sizes are known before it.
    kept: Option<OutputPool>,
}

impl Network {
    /// Prepares a model.
    ///
    /// # Errors
    /// [`ErrorKind::RuntimeUnavailable`] where ONNX Runtime cannot be loaded, [`ErrorKind::Argument`] where it has no such execution provider; otherwise
    /// what it says against the provider or the model.
    pub fn load(model: &[u8], options: SessionOptions) -> Result<Self> {
        Self::load_cancellable(model, options, &CancelToken::default())
    }

    /// As [`Network::load`], until `cancel` ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], or as [`Network::load`].
    pub fn load_cancellable(
        model: &[u8],
        options: SessionOptions,
        cancel: &CancelToken,
    ) -> Result<Self> {
        let environment = environment()?;
        let SessionOptions {
            threads, provider, ..
        } = options;
        ensure!(
            threads <= MOST_THREADS,
            "a network is to have {threads} threads, {MOST_THREADS} is the limit"
        );
        provider.check()?;
        let model = &*options::adapted(model, provider)?;
        let nodes = node_count(model);
        ensure!(
            nodes <= MOST_NODES,
            "a network of {nodes} nodes is to be run, {MOST_NODES} is the limit: ONNX Runtime's time grows with their square"
        );
        let level = match nodes > MOST_REWRITTEN {
            true => GraphOptimizationLevel::Disable,
            false => provider.optimization_level(),
        };
        let refused = |error: ort::Error| match cancel.is_cancelled() {
            true => Error::cancelled(),
            false => does_not_take(model, provider, &environment, &error),
        };
        let mut builder = Session::builder(&environment)
            .and_then(|b| Ok(b.with_optimization_level(level)?))
            .and_then(|b| Ok(b.with_intra_threads(threads)?))
            .and_then(|b| Ok(b.with_log_level(LogLevel::Fatal)?))
            // A plan of memory for every size of batch takes two thirds more of it, and saves a thirtieth of the time.
            .and_then(|b| Ok(b.with_memory_pattern(false)?))
            // Threads that wait must leave the cores to the video's decoder and encoder.
            .and_then(|b| Ok(b.with_intra_op_spinning(false)?))
            .map_err(refused)?;
        if provider == ExecutionProvider::Cpu {
            builder = operators::operators()
                .and_then(|own| Ok(builder.with_operators(own)?))
                .map_err(refused)?;
        }
        let asked = options.providers();
        if !asked.is_empty() {
            builder = builder
                .with_execution_providers(asked)
                .map_err(|error| does_not_start(provider, &error))?;
        }
        let _guard = cancel
            .guard(Handle::Load(builder.canceler()))
            .ok_or_else(Error::cancelled)?;
        // What ONNX Runtime says of the outputs of an impossible network, the binding may not be able to put into words, and panics.
        let is_own = provider == ExecutionProvider::Cpu;
        let _first = is_own.then(operators::first_load).flatten();
        let session = catch_unwind(AssertUnwindSafe(|| builder.commit_from_memory(model)))
            .unwrap_or_else(|_| Err(ort::Error::new("it makes outputs of impossible sizes")))
            .map_err(refused)?;
        if is_own {
            operators::are_known();
        }
        Ok(Self {
            kept: OutputPool::of(&session),
            session,
        })
    }

    /// Runs the network once; the arrays come in the order of the model's outputs.
    ///
    /// # Errors
    /// Names or shapes that do not fit the model, or a failure inside ONNX Runtime.
    pub fn run(&mut self, inputs: &[(&str, ArrayViewD<f32>)]) -> Result<Vec<ArrayD<f32>>> {
        let values = self.run_on(&arrays(inputs), &CancelToken::default())?;
        values.iter().map(RuntimeTensor::to_array).collect()
    }

    /// The same with inputs that may be other networks' outputs, and outputs that stay where ONNX Runtime put them, until `cancel` ends it.
    ///
    /// # Errors
    /// [`ErrorKind::Cancelled`], or as [`Network::run`].
    pub fn run_on(
        &mut self,
        inputs: &[(&str, Input)],
        cancel: &CancelToken,
    ) -> Result<Vec<RuntimeTensor>> {
        let values = values(inputs)?;
        let options = Arc::new(RunOptions::new().map_err(|e| failed(&e, cancel))?);
        let _guard = cancel
            .guard(Handle::Run(options.clone()))
            .ok_or_else(Error::cancelled)?;
        let outputs = self
            .session
            .run_with_options(values, &*options)
            .map_err(|e| failed(&e, cancel))?;
        let outputs = outputs.into_iter().map(|(_, value)| RuntimeTensor {
            value,
            _lease: None,
        });
        Ok(outputs.collect())
    }

    /// As [`Network::run_on`] for outputs that outlive the run, as those that explanations go on from: the memory that they lie in is used again when the last of a run's outputs is dropped.
    ///
    /// # Errors
    /// As [`Network::run_on`].
    pub fn run_and_keep(
        &mut self,
        inputs: &[(&str, ArrayViewD<f32>)],
        cancel: &CancelToken,
    ) -> Result<Vec<RuntimeTensor>> {
        let lease = self.kept.as_ref().map(|pool| pool.lease(&self.session));
        let lease = lease.transpose().map_err(|e| failed(&e, cancel))?;
        let lease = lease.and_then(|mut lease| {
            let all = inputs
                .iter()
                .all(|(name, values)| lease.write(name, values));
            all.then_some(lease)
        });
        let Some(mut lease) = lease else {
            return self.run_on(&arrays(inputs), cancel);
        };
        let options = Arc::new(RunOptions::new().map_err(|e| failed(&e, cancel))?);
        let _guard = cancel
            .guard(Handle::Run(options.clone()))
            .ok_or_else(Error::cancelled)?;
        let binding = lease.binding().context("outputs have no place")?;
        let outputs = self.session.run_binding_with_options(binding, &options);
        let outputs: Vec<DynValue> = (outputs.map_err(|e| failed(&e, cancel))?.into_iter())
            .map(|(_, value)| value)
            .collect();
        let lease = Arc::new(lease);
        let outputs = outputs.into_iter().map(|value| RuntimeTensor {
            value,
            _lease: Some(lease.clone()),
        });
        Ok(outputs.collect())
    }
}

fn arrays<'a>(inputs: &[(&'a str, ArrayViewD<'a, f32>)]) -> Vec<(&'a str, Input<'a>)> {
    let inputs = inputs.iter();
    inputs
        .map(|(name, array)| (*name, Input::Array(array.clone())))
        .collect()
}

/// Inputs as ONNX Runtime takes them, without a copy.
fn values<'a>(inputs: &'a [(&'a str, Input)]) -> Result<Vec<(&'a str, SessionInputValue<'a>)>> {
    let value = |(name, input): &'a (&'a str, Input)| {
        let value = match input {
            Input::Tensor(tensor) => (&tensor.value).into(),
            Input::Array(array) => {
                let data = array
                    .as_slice()
                    .with_context(|| format!("input '{name}' is not contiguous"))?;
                let tensor = TensorRef::from_array_view((array.shape(), data))
                    .map_err(|error| error!("input '{name}': {}", one_line(&error)))?;
                tensor.into()
            }
        };
        Ok((*name, value))
    };
    inputs.iter().map(value).collect()
}

/// Why a run ended before its time.
fn failed(error: &ort::Error, cancel: &CancelToken) -> Error {
    match cancel.is_cancelled() {
        true => Error::cancelled(),
        false => error!("ONNX Runtime failed: {}", one_line(error)),
    }
}

/// What ONNX Runtime says against something, in one line. It may quote names of any length.
fn one_line(error: &impl std::fmt::Display) -> String {
    shortened(&in_one_line(&error.to_string()), LONGEST_MESSAGE)
}

/// Why the library refuses a network.
fn does_not_take(
    model: &[u8],
    provider: ExecutionProvider,
    environment: &Environment,
    error: &ort::Error,
) -> Error {
    if let Some(TooNew { network, library }) = TooNew::of(model, environment) {
        return crate::error::model::error!(
            "the network is of ONNX's operator set {network}, and the ONNX Runtime that is loaded takes none newer than {library}: \
             export it with operator set {library}, convert it with onnx.version_converter.convert_version(model, {library}), \
             or load a newer ONNX Runtime, which {LIBRARY_VARIABLE} names"
        );
    }
    let provider = match provider {
        ExecutionProvider::Cpu => String::new(),
        other => format!(" for {other}"),
    };
    error!(
        "ONNX Runtime does not take the network{provider}: {}",
        one_line(error)
    )
}

/// A provider that is there, and whose device or further libraries are not.
fn does_not_start(provider: ExecutionProvider, error: &impl std::fmt::Display) -> Error {
    Error::said(
        ErrorKind::RuntimeUnavailable,
        format!(
            "ONNX Runtime's execution provider '{provider}' does not start: {}",
            one_line(error)
        ),
    )
}

/// Which ONNX Runtime runs the networks, in its own words: the branch and commit of its source, and how it was compiled. Results differ in their last digits from one to another.
///
/// # Errors
/// It cannot be loaded.
pub fn build() -> Result<String> {
    environment()?;
    Ok(ort::info().to_owned())
}

impl ExecutionProvider {
    /// Holds it against those of the library, which is loaded for that.
    ///
    /// # Errors
    /// The library cannot be loaded, or has no such provider.
    pub fn check(self) -> Result<()> {
        environment()?;
        let is_there = |provider: Self| provider.is_built_in().unwrap_or(false);
        if is_there(self) {
            return Ok(());
        }
        let present = Self::ALL.into_iter().filter(|p| is_there(*p));
        let present: Vec<&str> = present.map(Self::name).collect();
        Err(Error::said(
            ErrorKind::Argument,
            format!(
                "the ONNX Runtime that is loaded has no execution provider '{self}': it has {}",
                present.join(", ")
            ),
        ))
    }
}

/// The process's one environment: a second one cannot be built, so it is kept for ever. A failure may be mended and tried again.
fn environment() -> Result<Environment> {
    static LOADED: Mutex<Option<Environment>> = Mutex::new(None);
    let mut loaded = lock(&LOADED);
    if let Some(environment) = &*loaded {
        return Ok(environment.clone());
    }
    let candidates = candidates();
    let mut refused = Vec::new();
    for path in &candidates {
        match ort::init_from(path) {
            Ok(builder) => {
                let environment = builder
                    .with_name("ssdcrp")
                    .with_telemetry(false)
                    .build()
                    .map_err(|error| {
                        let reason = one_line(&error);
                        error!(
                            "ONNX Runtime at {} does not start: {reason}",
                            path.display()
                        )
                    })?;
                // What goes wrong is returned as an error: its own coloured lines on standard error would say it twice.
                environment.set_log_level(LogLevel::Fatal);
                *loaded = Some(environment.clone());
                return Ok(environment);
            }
            Err(error) => {
                let reason = match &error {
                    LoadDynamicError::Dlopen { error, .. } => error.source(),
                    _ => None,
                };
                let reason = reason.map_or_else(|| error.to_string(), ToString::to_string);
                refused.push(machine::is_for_another(path).unwrap_or(reason));
            }
        }
    }
    let cache = cache_folder().map_or("the user's cache folder".to_owned(), |p| {
        p.display().to_string()
    });
    let found = match (refused.is_empty(), named_library()) {
        (_, Some(_)) => format!(
            "{LIBRARY_VARIABLE} is set, but {}. Set it to the library's absolute path, or unset it",
            refused.join("; ")
        ),
        (true, None) => format!(
            "it is neither in {} nor in {cache}. {}",
            SYSTEM_FOLDERS.join(", "),
            advice()
        ),
        (false, None) => format!("{}. {}", refused.join("; "), advice()),
    };
    Err(Error::said(
        ErrorKind::RuntimeUnavailable,
        format!("ONNX Runtime (libonnxruntime.so, 1.22 or newer) cannot be loaded: {found}"),
    ))
}

fn advice() -> String {
    let end = *lock(&ADVICE);
    format!("Set {LIBRARY_VARIABLE} to the library's absolute path{end}")
}

/// Libraries to try, best first. A library that the user named is the only one: another in its place would hide the mistake.
fn candidates() -> Vec<PathBuf> {
    if let Some(named) = named_library() {
        return vec![named];
    }
    let installed = lock(&INSTALLED).clone();
    (installed.into_iter())
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .chain(cache_folder())
        .filter_map(|folder| library_in(&folder))
        .collect()
}

fn named_library() -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os(LIBRARY_VARIABLE).filter(|v| !v.is_empty())?);
    Some(std::path::absolute(&named).unwrap_or(named))
}

/// `libonnxruntime.so` itself or the highest version of it in a folder.
fn library_in(folder: &Path) -> Option<PathBuf> {
    let mut found: Vec<(Vec<u32>, PathBuf)> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let version = path
                .file_name()?
                .to_str()?
                .strip_prefix("libonnxruntime.so")?
                .to_owned();
            let numbers = version.split('.').skip(1).map(|part| part.parse().ok());
            Some((numbers.collect::<Option<Vec<u32>>>()?, path))
        })
        .collect();
    found.sort();
    found.pop().map(|(_, path)| path)
}

/// Where `make` puts what it downloads: `$SSDCRP_CACHE`, else `$XDG_CACHE_HOME/ssdcrp`, else `~/.cache/ssdcrp`.
fn cache_folder() -> Option<PathBuf> {
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    let cache = variable("SSDCRP_CACHE")
        .or_else(|| Some(variable("XDG_CACHE_HOME")?.join("ssdcrp")))
        .or_else(|| Some(variable("HOME")?.join(".cache/ssdcrp")))?;
    Some(cache.join("onnxruntime"))
}

/// Takes the one array out of a network's outputs.
///
/// # Errors
/// Another number of outputs than one.
#[doc(hidden)]
pub fn only(mut outputs: Vec<ArrayD<f32>>) -> Result<ArrayD<f32>> {
    ensure!(
        outputs.len() == 1,
        "the network has {} outputs, one was expected",
        outputs.len()
    );
    outputs.pop().context("the network has no output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_an_error_are_joined() {
        let error = "Node (conv) failed\n\n  the group is wrong\r\n";
        assert_eq!(one_line(&error), "Node (conv) failed; the group is wrong");
    }

    #[test]
    fn the_library_of_the_same_installation_is_found() {
        let prefix = tempfile::tempdir().unwrap();
        let folder = prefix.path().join("lib/ssdcrp");
        std::fs::create_dir_all(&folder).unwrap();
        let library = folder.join("libonnxruntime.so.1.32.0");
        std::fs::write(&library, b"").unwrap();
        for program in [
            "bin/ssdcrp",
            "lib/gstreamer-1.0/libgstssdcrp.so",
            "lib/x86_64-linux-gnu/gstreamer-1.0/libgstssdcrp.so",
        ] {
            installed_at(&prefix.path().join(program));
            if named_library().is_none() {
                assert_eq!(candidates().first(), Some(&library), "{program}");
            }
        }
        let other = prefix.path().join("capi");
        std::fs::create_dir_all(&other).unwrap();
        let named = other.join("libonnxruntime.so.1.22.0");
        std::fs::write(&named, b"").unwrap();
        look_in(&other);
        if named_library().is_none() {
            assert_eq!(candidates()[..2], [named, library]);
        }
        INSTALLED.lock().unwrap().clear();
    }

    #[test]
    fn the_highest_version_in_a_folder_wins() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(library_in(folder.path()), None);
        for name in [
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.32.0",
            "libonnxruntime_providers_shared.so",
        ] {
            std::fs::write(folder.path().join(name), b"").unwrap();
        }
        let best = library_in(folder.path()).unwrap();
        assert_eq!(best.file_name().unwrap(), "libonnxruntime.so.1.32.0");
        assert_eq!(library_in(Path::new("/nowhere")), None);
    }
}
