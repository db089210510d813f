//! Models at work: what cameras ask for in, and sessions out that they share. A camera whose model and composite another one has too costs no further memory, and takes turns with it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use anyhow::{Context, Result};

use ssdcrp::Composite;
use ssdcrp::detect::Model;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::{Pacing, Session};

use crate::owner::Owner;

/// A session, and what it was started for.
struct SharedSession {
    path: Option<PathBuf>,
    stamp: FileStamp,
    composite: Option<Composite>,
    options: SessionOptions,
    session: Weak<Session<Owner>>,
}

/// By what a model's files are told from others of the same names: when network and manifest were changed, and their bytes.
type FileStamp = [Option<(SystemTime, u64)>; 2];

/// Sessions that are in use.
#[derive(Default)]
pub struct Networks(Vec<SharedSession>);

/// Reads a model; `None` is the one that is built in.
///
/// # Errors
/// It cannot be read, or is not understood.
fn model(path: Option<&PathBuf>) -> Result<Model> {
    match path {
        None => Ok(Model::built_in()?),
        Some(path) => Model::open(path).with_context(|| path.display().to_string()),
    }
}

fn stamp(path: &Path) -> FileStamp {
    [path, &path.with_extension("toml")].map(|file| {
        let found = file.metadata().ok()?;
        Some((found.modified().ok()?, found.len()))
    })
}

impl Networks {
    /// The session of a model and a composite, started if nobody has it.
    ///
    /// # Errors
    /// The model is not there or not understood, or the networks do not start.
    pub fn session(
        &mut self,
        path: Option<&PathBuf>,
        composite: Option<&Composite>,
        options: SessionOptions,
    ) -> Result<Arc<Session<Owner>>> {
        self.0.retain(|network| network.session.strong_count() > 0);
        // Before it is read: what is written meanwhile is read the next time.
        let stamp = path.map(|path| stamp(path)).unwrap_or_default();
        let same = self
            .0
            .iter()
            .filter(|network| (network.path.as_ref(), network.options) == (path, options))
            .filter(|network| network.stamp == stamp);
        let same: Vec<&SharedSession> = same.collect();
        let is_it = |network: &&&SharedSession| network.composite.as_ref() == composite;
        if let Some(session) = same.iter().find(is_it).and_then(|it| it.session.upgrade()) {
            return Ok(session);
        }
        // The file is read once, whatever it is explained with.
        let known = same.iter().find_map(|network| network.session.upgrade());
        let model = match known {
            Some(session) => session.model().clone(),
            None => Arc::new(model(path)?),
        };
        let session = Session::start(model, Pacing::Live, options, composite)?;
        self.0.push(SharedSession {
            path: path.cloned(),
            stamp,
            composite: composite.cloned(),
            options,
            session: Arc::downgrade(&session),
        });
        Ok(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_was_replaced_is_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.onnx");
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
        let own = own.join("ssdlite_mobilenet_v2_coco.onnx");
        std::fs::copy(&own, &path).unwrap();
        std::fs::copy(own.with_extension("toml"), path.with_extension("toml")).unwrap();
        let mut networks = Networks::default();
        let mut session = || {
            let session = networks.session(Some(&path), None, SessionOptions::default());
            session.unwrap()
        };
        let first = session();
        assert!(Arc::ptr_eq(&first, &session()));
        let manifest = path.with_extension("toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        std::fs::write(&manifest, text + "\n").unwrap();
        assert!(!Arc::ptr_eq(&first, &session()));
    }
}
