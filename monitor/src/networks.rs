//! Models at work: what cameras ask for in, and sessions out that they share. A camera whose model and composite another one has too costs no further memory, and takes turns with it.

use std::path::PathBuf;
use std::sync::{Arc, Weak};

use anyhow::{Context, Result};

use ssdcrp::Composite;
use ssdcrp::detect::Model;
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::{Pacing, Session};

use crate::feed::Feed;

/// A session, and what it was started for.
struct SharedSession {
    path: Option<PathBuf>,
    composite: Option<Composite>,
    options: SessionOptions,
    session: Weak<Session<Feed>>,
}

/// Sessions that are in use.
#[derive(Default)]
pub struct Networks(Vec<SharedSession>);

/// Reads a model; `None` is the one that is built in.
///
/// # Errors
/// It cannot be read, or is not understood.
pub fn model(path: Option<&PathBuf>) -> Result<Model> {
    match path {
        None => Ok(Model::built_in()?),
        Some(path) => Model::open(path).with_context(|| path.display().to_string()),
    }
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
    ) -> Result<Arc<Session<Feed>>> {
        self.0.retain(|network| network.session.strong_count() > 0);
        let same = self
            .0
            .iter()
            .filter(|network| (network.path.as_ref(), network.options) == (path, options));
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
            composite: composite.cloned(),
            options,
            session: Arc::downgrade(&session),
        });
        Ok(session)
    }
}
