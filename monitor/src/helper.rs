//! Threads with work that waits for others: what is to be done until it is to stop in, a thread that does it out, and waiting between two tries.

use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use tokio::sync::watch;

use crate::redact::say;

/// How long the end waits for what is still to be done.
const FAREWELL: Duration = Duration::from_secs(5);

/// A thread that works until it is dropped. Then it has some seconds for what is left.
pub struct Helper {
    name: &'static str,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// Runs `work` with a thread of its own, so that a slow disk or a name that nobody resolves keeps nothing else waiting. It ends when it is told to stop.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<W>(
        name: &'static str,
        work: impl FnOnce(watch::Receiver<bool>) -> W + Send + 'static,
    ) -> Result<Self>
    where
        W: Future<Output = ()>,
    {
        let (stop, stopped) = watch::channel(false);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = work(stopped.clone()) => {}
                        () = too_late(stopped.clone()) => {}
                    }
                });
                // A name that is being resolved is not waited for.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            name,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(Err(_)) = self.thread.take().map(JoinHandle::join) {
            say(format_args!("{}: its thread has failed", self.name));
        }
    }
}

/// When nothing is waited for any more.
async fn too_late(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
    tokio::time::sleep(FAREWELL).await;
}

/// Says that something has failed for the `failures`th time in a row, and waits; false where it is to stop meanwhile.
pub async fn try_again(
    reason: &str,
    failures: u32,
    wait: Duration,
    stop: &mut watch::Receiver<bool>,
) -> bool {
    let seconds = wait.as_secs();
    say(format_args!(
        "{reason}; failure {failures}, tried again in {seconds} s"
    ));
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        _ = stop.wait_for(|stop| *stop) => false,
    }
}
