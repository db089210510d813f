//! One request to a server: what is asked in, what it answers out. A connection is made for each, no redirect is followed, and a body has a limit.

use anyhow::{Context, Result, anyhow};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, HOST, USER_AGENT};
use hyper::http::request::Builder;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use crate::connect::connect;
use crate::tls::{TlsPlan, in_words};

/// Where a server is.
#[derive(Clone, Debug, PartialEq)]
pub struct HttpServer {
    pub host: String,
    pub port: u16,
    /// The same as it stands in the address.
    pub authority: String,
    pub tls: Option<TlsPlan>,
}

/// Whether a refusal may be none later: too early, too many, or the server was too slow or is not well.
pub fn may_go_away(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500..=599)
}

impl HttpServer {
    /// A request for a path with its query.
    pub fn request(&self, method: Method, target: &str) -> Builder {
        let own_name = concat!("ssdcrp-monitor/", env!("CARGO_PKG_VERSION"));
        Request::builder()
            .method(method)
            .uri(target)
            .header(HOST, self.authority.as_str())
            .header(USER_AGENT, own_name)
            .header(CONNECTION, "close")
    }

    /// Asks, and reads a body of at most so many bytes; without a number the body is left unread.
    ///
    /// # Errors
    /// The server is not there or not the one that its certificate says; it hangs up early, or its body is longer.
    pub async fn ask(
        &self,
        request: Request<Full<Bytes>>,
        most: Option<usize>,
    ) -> Result<Response<Bytes>> {
        let stream = connect(&self.host, self.port).await?;
        match &self.tls {
            None => exchange(stream, request, most).await,
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone())?;
                let connector = TlsConnector::from(tls.client.clone());
                let stream = connector.connect(name, stream).await;
                let stream = stream.map_err(|error| anyhow!(in_words(&error.to_string())))?;
                exchange(stream, request, most).await
            }
        }
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    most: Option<usize>,
) -> Result<Response<Bytes>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with this function.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    let answer = sender.send_request(request).await;
    let answer = answer.context("the connection was closed without an answer")?;
    let (head, body) = answer.into_parts();
    let body = match most {
        Some(most) => read(body, most).await?,
        None => Bytes::new(),
    };
    Ok(Response::from_parts(head, body))
}

async fn read(body: Incoming, most: usize) -> Result<Bytes> {
    let body = Limited::new(body, most).collect().await;
    match body {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) => Err(anyhow::anyhow!("its answer cannot be read: {error}")),
    }
}
