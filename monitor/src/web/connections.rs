//! Connections, as many as there is room for: whoever has not asked yet makes room for those who come later, so that nobody who only holds connections open keeps others away.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use ssdcrp::lock::lock;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;

use super::answer::Answering;
use super::patient::Patient;

/// Connections that have not asked for anything yet.
const WAITING: usize = 128;
/// Connections that are answered.
const ANSWERED: usize = 64;
/// Of these, those that watch films, so that there is room for all else.
const FILMS: usize = 48;
/// A request's line and headers have come by then.
const HEADERS_TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's line and headers together.
const HEADERS_BYTES: usize = 16 << 10;
const HEADERS_COUNT: usize = 64;
/// After an error of the system, as where it has no more files.
const PAUSE: Duration = Duration::from_millis(100);

/// Who waits and who is answered.
pub struct Connections {
    there: Mutex<Visits>,
    next: AtomicU64,
    answered: Arc<Semaphore>,
    films: Arc<Semaphore>,
}

/// Those who are there, the oldest first.
#[derive(Default)]
struct Visits {
    tasks: BTreeMap<u64, Option<AbortHandle>>,
    /// Who has not asked for anything yet.
    waiting: BTreeSet<u64>,
    is_closed: bool,
}

/// One of them.
pub struct Visit {
    connections: Arc<Connections>,
    number: u64,
    /// Held until the connection ends.
    permits: OnceLock<Vec<OwnedSemaphorePermit>>,
}

impl Default for Connections {
    fn default() -> Self {
        Self {
            there: Mutex::default(),
            next: AtomicU64::new(0),
            answered: Arc::new(Semaphore::new(ANSWERED)),
            films: Arc::new(Semaphore::new(FILMS)),
        }
    }
}

impl Connections {
    /// Answers whoever comes.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, answering: Arc<Answering>) {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            self.make_room();
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            {
                let mut there = self.there();
                there.tasks.insert(number, None);
                there.waiting.insert(number);
            }
            let visit = Visit {
                connections: self.clone(),
                number,
                permits: OnceLock::new(),
            };
            let task = tokio::spawn(visit.go(socket, answering.clone()));
            if let Some(place) = self.there().tasks.get_mut(&number) {
                *place = Some(task.abort_handle());
            }
        }
    }

    /// Ends all that there are, films too: whoever may see them still comes again.
    pub fn end(&self) {
        let tasks: Vec<AbortHandle> = self.there().tasks.values().flatten().cloned().collect();
        // Not under the lock, which what ends takes too.
        tasks.iter().for_each(AbortHandle::abort);
    }

    /// Answers nobody any more.
    pub fn close(&self) {
        self.there().is_closed = true;
        self.end();
    }

    fn there(&self) -> MutexGuard<'_, Visits> {
        lock(&self.there)
    }

    /// Ends the connection that has waited longest, where there are too many.
    fn make_room(&self) {
        let oldest = {
            let mut there = self.there();
            match there.waiting.len() >= WAITING {
                true => {
                    let oldest = there.waiting.pop_first();
                    oldest.and_then(|oldest| there.tasks.remove(&oldest))
                }
                false => None,
            }
        };
        if let Some(Some(task)) = oldest {
            task.abort();
        }
    }
}

impl Visit {
    async fn go(self, socket: TcpStream, answering: Arc<Answering>) {
        let visit = Arc::new(self);
        let service = service_fn(|request| {
            let (visit, answering) = (visit.clone(), answering.clone());
            async move {
                answering
                    .answer(request, |is_film| visit.begins(is_film))
                    .await
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADERS_TIME)
            .max_buf_size(HEADERS_BYTES)
            .max_headers(HEADERS_COUNT)
            // The connection closes after one answer.
            .keep_alive(false)
            .serve_connection(TokioIo::new(Patient::new(socket)), service);
        // Who cannot be answered has gone, or is no browser.
        drop(connection.await);
    }

    /// The request is whole. Says whether there is room to answer it.
    pub fn begins(&self, is_film: bool) -> bool {
        let connections = &self.connections;
        {
            let mut there = connections.there();
            there.waiting.remove(&self.number);
            if there.is_closed {
                return false;
            }
        }
        let mut needed = vec![&connections.answered];
        if is_film {
            needed.push(&connections.films);
        }
        let permits = needed
            .into_iter()
            .map(|room| room.clone().try_acquire_owned());
        let permits: Result<Vec<_>, _> = permits.collect();
        permits.is_ok_and(|permits| self.permits.set(permits).is_ok())
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        let mut there = self.connections.there();
        there.waiting.remove(&self.number);
        there.tasks.remove(&self.number);
    }
}
