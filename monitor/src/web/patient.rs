//! A connection that is given up when the other side takes nothing for a while: it may have gone without a word, or want to keep this side waiting.

use std::io::{Error, ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

const PATIENCE: Duration = Duration::from_secs(20);

/// The connection, and until when what is to be sent must be taken.
pub struct Patient {
    socket: TcpStream,
    deadline: Pin<Box<Sleep>>,
    is_stuck: bool,
}

impl Patient {
    pub fn new(socket: TcpStream) -> Self {
        Self {
            socket,
            deadline: Box::pin(sleep(PATIENCE)),
            is_stuck: false,
        }
    }

    /// The outcome of sending something, with an error in place of a wait that is too long.
    fn limit<T>(&mut self, sent: Poll<Result<T>>, context: &mut Context) -> Poll<Result<T>> {
        if sent.is_ready() {
            self.is_stuck = false;
            return sent;
        }
        if !self.is_stuck {
            self.is_stuck = true;
            self.deadline.as_mut().reset(Instant::now() + PATIENCE);
        }
        ready!(self.deadline.as_mut().poll(context));
        Poll::Ready(Err(Error::from(ErrorKind::TimedOut)))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        buffer: &mut ReadBuf,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.socket).poll_read(context, buffer)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        let sent = Pin::new(&mut self.socket).poll_write(context, bytes);
        self.limit(sent, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<Result<()>> {
        let sent = Pin::new(&mut self.socket).poll_flush(context);
        self.limit(sent, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context) -> Poll<Result<()>> {
        let sent = Pin::new(&mut self.socket).poll_shutdown(context);
        self.limit(sent, context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::net::TcpListener;

    #[test]
    fn who_takes_nothing_is_hung_up_on_after_a_while_and_not_before() {
        // Its clock goes on by itself where there is nothing else to do.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build();
        runtime.unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let reader = TcpStream::connect(listener.local_addr().unwrap())
                .await
                .unwrap();
            let mut patient = Patient::new(listener.accept().await.unwrap().0);
            let block = vec![0; 1 << 20];
            let begun = Instant::now();
            let mut sent = 0;
            let error = loop {
                match poll_fn(|context| Pin::new(&mut patient).poll_write(context, &block)).await {
                    Ok(bytes) => sent += bytes,
                    Err(error) => break error,
                }
                assert!(sent < 1 << 30, "somebody takes it");
            };
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            let waited = begun.elapsed();
            assert!(
                sent > 0 && waited >= PATIENCE && waited < 2 * PATIENCE,
                "{waited:?}"
            );
            drop(reader);
        });
    }
}
