//! A camera's pictures one after the other, as multipart, which browsers show as a film: a watcher of the board in, an HTTP body out. Each part says by `Content-Location` whose picture it is.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};

use crate::screen::Watcher;

pub const CONTENT_TYPE: &str = "multipart/x-mixed-replace; boundary=picture";
/// Whoever takes nothing for so long may have gone without a word: the last picture is sent again to find out.
const AGAIN: Duration = Duration::from_secs(5);

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Watcher)>> + Send>>;

/// Ends when the camera is gone.
pub struct Film(Next);

impl Film {
    pub fn of(watcher: Watcher) -> Self {
        Self(Box::pin(next(watcher)))
    }
}

/// The next picture, when it is there.
async fn next(mut watcher: Watcher) -> Option<(Bytes, Watcher)> {
    loop {
        let _ = tokio::time::timeout(AGAIN, watcher.pictures.changed()).await;
        let jpeg = watcher.pictures.borrow_and_update().clone()?;
        if !jpeg.is_empty() {
            let head = format!(
                "--picture\r\nContent-Type: image/jpeg\r\nContent-Length: {}\r\nContent-Location: /stream/{}\r\n\r\n",
                jpeg.len(),
                watcher.name()
            );
            // Browsers show a picture when the next one begins.
            let part = [head.as_bytes(), &jpeg, b"\r\n"].concat();
            return Some((part.into(), watcher));
        }
    }
}

impl Body for Film {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some((part, watcher)) = ready!(self.0.as_mut().poll(context)) else {
            // Not asked again: an end is an end.
            self.0 = Box::pin(std::future::pending());
            return Poll::Ready(None);
        };
        self.0 = Box::pin(next(watcher));
        Poll::Ready(Some(Ok(Frame::data(part))))
    }
}
