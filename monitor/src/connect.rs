//! Connections to hosts with several addresses: a name in, the first connection that comes about out, as RFC 8305 ("Happy Eyeballs") has it. One address that swallows what it is
//! sent keeps no other one from being tried.

use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;

/// An address that has not answered for so long is no longer waited for alone (RFC 8305, 5).
const NEXT: Duration = Duration::from_millis(250);

/// Connects to a host, whose name is resolved.
///
/// # Errors
/// There is no such name, or none of its addresses answers. Whoever calls this has a time-out.
pub async fn connect(host: &str, port: u16) -> Result<TcpStream> {
    first(lookup_host((host, port)).await?, TcpStream::connect).await
}

/// The first connection that comes about. Those that come later are closed.
async fn first<T, C>(
    addresses: impl IntoIterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> C,
) -> Result<T>
where
    T: Send + 'static,
    C: Future<Output = Result<T>> + Send + 'static,
{
    let mut addresses = addresses.into_iter().peekable();
    let mut tries = JoinSet::new();
    let mut last = Error::new(ErrorKind::NotFound, "the name has no address");
    loop {
        if let Some(address) = addresses.next() {
            tries.spawn(connect(address));
        }
        let has_more = addresses.peek().is_some();
        tokio::select! {
            outcome = tries.join_next() => match outcome {
                Some(Ok(Ok(connection))) => return Ok(connection),
                Some(Ok(Err(error))) => last = error,
                Some(Err(error)) => last = Error::other(error),
                None => return Err(last),
            },
            () = tokio::time::sleep(NEXT), if has_more => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(count: u16) -> impl Iterator<Item = SocketAddr> {
        (1..=count).map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_swallows_everything_keeps_no_other_one_from_being_tried() {
        let connected = first(addresses(3), |address| async move {
            match address.port() {
                1 => std::future::pending().await,
                2 => Err(Error::other("refused")),
                port => Ok(port),
            }
        });
        let connected = tokio::time::timeout(Duration::from_secs(10), connected);
        assert_eq!(connected.await.unwrap().unwrap(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn where_none_answers_the_last_says_why() {
        let refused = |address: SocketAddr| async move {
            Err::<(), _>(Error::other(format!("refused at {}", address.port())))
        };
        let error = first(addresses(2), refused).await.unwrap_err();
        assert_eq!(error.to_string(), "refused at 2");
        let error = first(addresses(0), refused).await.unwrap_err();
        assert!(error.to_string().contains("no address"), "{error}");
    }
}
