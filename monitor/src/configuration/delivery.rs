//! Where events go besides the page. In: the tables `[mqtt]`, `[webhook]` and `[queue]`. Out: the same, checked, with secrets and certificates read.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use hyper::Uri;

use super::expanded::Expanded;
use super::place::FilePlace;
use super::secret;
use super::section::{MqttSection, QueueSection, WebhookSection};
use super::value::Seconds;
use crate::address::Login;
use crate::http::HttpServer;
use crate::queue::QueueLimits;
use crate::signature::SigningKey;
use crate::tls::TlsPlan;

const TOPIC: &str = "ssdcrp";
const DETECTIONS_INTERVAL: Duration = Duration::from_secs(1);
const RETRY_AT_MOST: Duration = Duration::from_secs(60);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The folder that systemd's `StateDirectory=` makes.
const STATE_FOLDER: &str = "/var/lib/ssdcrp-monitor";
const QUEUE_LIMITS: QueueLimits = QueueLimits {
    texts: 10_000,
    bytes: 16 << 20,
};

/// An MQTT broker, and what is published there.
#[derive(Clone, PartialEq)]
pub struct MqttPlan {
    pub host: String,
    pub port: u16,
    pub tls: Option<TlsPlan>,
    pub login: Option<Login>,
    pub client_id: String,
    /// The first part of all topics.
    pub topic: String,
    /// The least time between two messages with a camera's detections; `None` if detections are not published.
    pub detections_interval: Option<Duration>,
    /// The longest time between two tries.
    pub retry_at_most: Duration,
    /// The first part of Home Assistant's discovery topics; `None` if discovery is off.
    pub home_assistant: Option<String>,
}

/// A server that gets events as POST requests.
#[derive(Clone, PartialEq)]
pub struct WebhookPlan {
    pub server: HttpServer,
    /// Path and query of the request.
    pub target: String,
    pub key: SigningKey,
    /// Whether an event is sent again with its answer.
    pub answers: bool,
    pub timeout: Duration,
    /// The longest time between two tries.
    pub retry_at_most: Duration,
}

/// Where events wait until the broker or the server has taken them.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuePlan {
    pub folder: PathBuf,
    pub limits: QueueLimits,
}

impl fmt::Debug for MqttPlan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}", self.place(), self.topic)
    }
}

impl fmt::Debug for WebhookPlan {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.server.authority)
    }
}

impl MqttPlan {
    /// Reads the table `[mqtt]`.
    ///
    /// # Errors
    /// A secret or a certificate is missing, or one key needs another that is not set.
    pub fn new(section: MqttSection, place: &FilePlace) -> Result<Self> {
        let file = place.secret_file(section.password_file.as_ref());
        let (user, password) = (section.user.as_ref(), section.password.as_ref());
        let login = secret::login(user, password, file.as_deref())?;
        let address = section.address;
        let own = (&section.certificate_file, &section.key_file);
        let tls = tls(address.is_encrypted, section.ca_file.as_deref(), own, place)?;
        ensure!(
            tls.is_none() || !address.host.starts_with('['),
            "mqtts needs the name that is in the broker's certificate, not {}",
            address.host
        );
        let client_id = section.client_id.map(|id| id.0);
        let interval = section.detections_interval;
        let wants_detections = section.detections.unwrap_or(true);
        Ok(Self {
            host: address.host,
            port: address.port,
            tls,
            login,
            client_id: client_id
                .unwrap_or_else(|| format!("ssdcrp-monitor-{}", gst::glib::host_name())),
            topic: section.topic.map_or_else(|| TOPIC.to_owned(), |t| t.0),
            detections_interval: wants_detections
                .then(|| interval.map_or(DETECTIONS_INTERVAL, |seconds| seconds.0)),
            retry_at_most: section.retry_at_most.map_or(RETRY_AT_MOST, |s| s.0),
            home_assistant: section.home_assistant.map(|prefix| prefix.0),
        })
    }

    /// The broker's host and port, for messages to people.
    pub fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

impl WebhookPlan {
    /// Reads the table `[webhook]`.
    ///
    /// # Errors
    /// The address is not valid, or a secret or a certificate is missing.
    pub fn new(section: WebhookSection, place: &FilePlace) -> Result<Self> {
        let own = (&section.certificate_file, &section.key_file);
        let (server, target) = server(&section.url.text, section.ca_file.as_deref(), own, place)?;
        let file = place.secret_file(section.secret_file.as_ref());
        let secret = secret::of("secret", section.secret.as_ref(), file.as_deref())?;
        let secret = secret.context(
            "a webhook needs a secret, with which what is sent is signed: secret-file = \"…\"",
        )?;
        Ok(Self {
            server,
            target,
            key: SigningKey::new(&secret)?,
            answers: section.answers.unwrap_or(false),
            timeout: answer_timeout(section.timeout)?,
            retry_at_most: section.retry_at_most.map_or(RETRY_AT_MOST, |s| s.0),
        })
    }
}

/// How long a server may take to answer.
///
/// # Errors
/// The time is 0.
pub fn answer_timeout(seconds: Option<Seconds>) -> Result<Duration> {
    let timeout = seconds.map_or(ANSWER_TIMEOUT, |seconds| seconds.0);
    ensure!(!timeout.is_zero(), "timeout: nobody answers in no time");
    Ok(timeout)
}

/// The server that an address names, and the path with the query.
///
/// # Errors
/// The address is not valid, or a certificate is missing.
pub fn server(
    url: &str,
    authorities: Option<&Path>,
    own: (&Option<PathBuf>, &Option<Expanded>),
    place: &FilePlace,
) -> Result<(HttpServer, String)> {
    // The path of an address may be a secret, so a wrong address is not shown.
    let words =
        "url: an address is http://host/path or https://host/path, without user and password";
    let address: Uri = url.parse().ok().context(words)?;
    let (is_encrypted, usual) = match address.scheme_str() {
        Some("http") => (false, 80),
        Some("https") => (true, 443),
        _ => bail!(words),
    };
    let authority = address.authority().context(words)?;
    ensure!(!authority.as_str().contains('@'), words);
    let port = match authority.as_str().strip_prefix(authority.host()) {
        Some("") => usual,
        // A number that no port has must not mean the usual one.
        _ => (authority.port_u16().filter(|&port| port > 0))
            .context("url: a port is a number, 1 to 65535")?,
    };
    let server = HttpServer {
        host: authority.host().trim_matches(['[', ']']).to_owned(),
        port,
        authority: authority.to_string(),
        tls: tls(is_encrypted, authorities, own, place)?,
    };
    let target = address.path_and_query().map_or("/", |path| path.as_str());
    Ok((server, target.to_owned()))
}

/// The certificates for an encrypted connection; `None` for a connection without TLS.
fn tls(
    is_encrypted: bool,
    authorities: Option<&Path>,
    own: (&Option<PathBuf>, &Option<Expanded>),
    place: &FilePlace,
) -> Result<Option<TlsPlan>> {
    let own = match own {
        (Some(certificate), Some(key)) => {
            let key = place.secret_file(Some(key));
            key.map(|key| (place.path(certificate), key))
        }
        (None, None) => None,
        _ => bail!("certificate-file and key-file: give both of them or none"),
    };
    if !is_encrypted {
        ensure!(
            authorities.is_none() && own.is_none(),
            "certificates are for mqtts:// and https:// alone"
        );
        return Ok(None);
    }
    let authorities = authorities.map(|file| place.path(file));
    let own = own
        .as_ref()
        .map(|(certificate, key)| (certificate.as_path(), key.as_path()));
    TlsPlan::new(authorities.as_deref(), own).map(Some)
}

impl QueuePlan {
    /// Reads the table `[queue]`.
    pub fn new(section: QueueSection, place: &FilePlace) -> Self {
        let own = Self::default();
        let folder = section.folder.map(|folder| place.path(&folder));
        Self {
            folder: folder.unwrap_or(own.folder),
            limits: QueueLimits {
                texts: section.events.map_or(own.limits.texts, |n| n.get()),
                bytes: section.bytes.map_or(own.limits.bytes, |bytes| bytes.0),
            },
        }
    }
}

impl Default for QueuePlan {
    fn default() -> Self {
        let state = std::env::var_os("STATE_DIRECTORY");
        let state = state.map_or_else(|| PathBuf::from(STATE_FOLDER), PathBuf::from);
        Self {
            folder: state.join("queue"),
            limits: QUEUE_LIMITS,
        }
    }
}
