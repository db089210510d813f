//! Threads with work that waits for others: what is to be done until it is to stop in, a thread that does it out, and waiting between two tries.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::sync::watch;

use crate::backoff::Backoff;
use crate::redact::say;

/// How long the end waits for what is still to be done.
const FAREWELL: Duration = Duration::from_secs(5);
/// What is said of work that panics.
pub const PANICKED: &str = "its thread has failed, a fault of this program";
/// The longest time between two tries of such work.
const AGAIN_AT_MOST: Duration = Duration::from_secs(60);

/// A thread that works until it is dropped. Then it has some seconds for what is left.
pub struct Helper {
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl Helper {
    /// Runs `work` with a thread of its own, so that a slow disk or a name that nobody resolves keeps nothing else waiting. It ends when it is told to stop; where it panics that is
    /// told, `failed` is called, and it is run again.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start<W>(
        name: &'static str,
        failed: impl Fn() + Send + 'static,
        work: impl Fn(watch::Receiver<bool>) -> W + Send + 'static,
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
                let mut backoff = Backoff::new(AGAIN_AT_MOST);
                loop {
                    let begun = Instant::now();
                    let run = || {
                        runtime.block_on(async {
                            tokio::select! {
                                () = work(stopped.clone()) => {}
                                () = too_late(stopped.clone()) => {}
                            }
                        });
                    };
                    if catch_unwind(AssertUnwindSafe(run)).is_ok() {
                        break;
                    }
                    failed();
                    let wait = backoff.failed(begun.elapsed());
                    let reason = format!("{name}: {PANICKED}");
                    let mut stopped = stopped.clone();
                    let next = try_again(&reason, backoff.failures(), wait, &mut stopped);
                    if !runtime.block_on(next) {
                        break;
                    }
                }
                // A name that is being resolved is not waited for.
                runtime.shutdown_background();
            })?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        // A panic was told.
        let _ = self.thread.take().map(JoinHandle::join);
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
        "{reason}; failure {failures}, next try in {seconds} s"
    ));
    tokio::select! {
        () = tokio::time::sleep(wait) => true,
        _ = stop.wait_for(|stop| *stop) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn work_that_panics_is_run_again() {
        let (tell, told) = channel();
        let runs = AtomicUsize::new(0);
        let tell_of_failure = tell.clone();
        let failed = move || tell_of_failure.send("failed").unwrap();
        let helper = Helper::start("test", failed, move |mut stop| {
            let (tell, run) = (tell.clone(), runs.fetch_add(1, Ordering::SeqCst));
            async move {
                assert!(run > 0, "of this test");
                tell.send("again").unwrap();
                let _ = stop.wait_for(|stop| *stop).await;
            }
        });
        let next = || told.recv_timeout(Duration::from_secs(180));
        assert_eq!([next(), next()], [Ok("failed"), Ok("again")]);
        drop(helper.unwrap());
    }
}
