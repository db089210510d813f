//! Sessions that streams of one process share by name: who asks for a name first starts the session, others get it.
//!
//! In: a name, what is wanted of the session, and how it is started. Out: the session, for as long as anybody has it. It ends with its last stream.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Arc, Mutex, Weak};

use super::host::Host;
use super::session::Session;
use crate::lock::lock;

/// Sessions by name. `W` is what is wanted of a session: those of one name agree in it.
pub struct SharedSessions<H: Host, W> {
    named: Mutex<HashMap<String, NamedPlace<H, W>>>,
}

/// Who holds a name; locked while the session is started.
type NamedPlace<H, W> = Arc<Mutex<Option<Holder<H, W>>>>;

/// A session, and who has started it.
struct Holder<H: Host, W> {
    session: Weak<Session<H>>,
    by: String,
    wanted: W,
}

/// Two who share a name do not want the same of their session.
#[derive(Clone, Debug, PartialEq)]
pub struct Disagreement<W> {
    /// Who started the session.
    pub by: String,
    /// What that one wants.
    pub wanted: W,
}

impl<H: Host, W> Default for SharedSessions<H, W> {
    fn default() -> Self {
        Self {
            named: Mutex::default(),
        }
    }
}

impl<H: Host, W: PartialEq + Clone> SharedSessions<H, W> {
    /// The session of this name, which `start` starts where there is none. Who asks while another one starts it waits for that; other names do not. `by` says who asks, for those who come later and disagree.
    ///
    /// # Errors
    /// A [`Disagreement`], or in the inner result that of `start`.
    pub fn get_or_start<E>(
        &self,
        name: &str,
        by: &impl Display,
        wanted: &W,
        start: impl FnOnce() -> Result<Arc<Session<H>>, E>,
    ) -> Result<Result<Arc<Session<H>>, E>, Disagreement<W>> {
        let place = {
            let mut named = lock(&self.named);
            // Names that nobody holds or asks for go.
            named.retain(|_, place| {
                Arc::strong_count(place) > 1
                    || lock(place)
                        .as_ref()
                        .is_some_and(|holder| holder.session.strong_count() > 0)
            });
            named.entry(name.to_owned()).or_default().clone()
        };
        let mut holder = lock(&place);
        if let Some(known) = &*holder
            && let Some(session) = known.session.upgrade()
        {
            return match known.wanted == *wanted {
                true => Ok(Ok(session)),
                false => Err(Disagreement {
                    by: known.by.clone(),
                    wanted: known.wanted.clone(),
                }),
            };
        }
        let started = start();
        if let Ok(session) = &started {
            *holder = Some(Holder {
                session: Arc::downgrade(session),
                by: by.to_string(),
                wanted: wanted.clone(),
            });
        }
        Ok(started)
    }
}
