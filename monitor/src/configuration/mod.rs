//! In: `monitor.toml`, or the command line. Out: what is to run, with every value checked.
//!
//! Errors are one line that begins with the file's name and the line number.

mod delivery;
mod expanded;
mod frigate;
mod looks;
mod misspelled;
mod place;
mod secret;
mod section;
mod value;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use ssdcrp::Composite;
use ssdcrp::limits::{self, FileKind};
use ssdcrp::runtime::SessionOptions;
use ssdcrp::stream::evidence::Limits;

pub use delivery::{MqttPlan, QueuePlan, WebhookPlan};
use expanded::Expanded;
pub use frigate::{FrigatePlan, PicturesPlan};
pub use looks::{Looks, StreamLooks};
use place::FilePlace;
use section::{CameraSection, EvidenceSection, FileSection, PageSection};
pub use value::CameraName;

use crate::address::{Address, Login};
use crate::options::Options;
use crate::redact::say;

/// The smallest number of characters of a token, so that nobody guesses it.
const SHORTEST_TOKEN: usize = 16;
/// The value of `token` that says: a proxy asks for a password instead.
const NO_TOKEN: &str = "none";
const EVIDENCE_LIMITS: Limits = Limits {
    bytes: 1 << 30,
    per_minute: 30,
};
const FRAME_TIMEOUT: Duration = Duration::from_secs(15);
const RETRY_AT_MOST: Duration = Duration::from_secs(60);

/// What is to run.
#[derive(Clone, Debug)]
pub struct Configuration {
    pub cameras: Vec<CameraPlan>,
    pub page: Option<PagePlan>,
    pub networks: SessionOptions,
    pub mqtt: Option<MqttPlan>,
    pub webhook: Option<WebhookPlan>,
    pub frigate: Option<FrigatePlan>,
    pub queue: QueuePlan,
}

/// A camera, its connection, and how its pictures are searched.
#[derive(Clone, Debug, PartialEq)]
pub struct CameraPlan {
    pub name: CameraName,
    /// The file and the line of its table.
    pub at: Option<String>,
    pub connection: Connection,
    pub looks: Looks,
}

/// The settings of a camera that need a new connection when they change.
#[derive(Clone, Debug, PartialEq)]
pub struct Connection {
    pub address: Address,
    /// Whether a file starts again at its end.
    pub repeat: bool,
    /// A stream that sends no frame for this long has failed.
    pub frame_timeout: Duration,
    /// The longest time between two tries; `None`: there is only one try.
    pub retry_at_most: Option<Duration>,
    /// `None` is the built-in model.
    pub model: Option<PathBuf>,
    pub composite: Option<Composite>,
    pub evidence: Option<EvidencePlan>,
}

/// Where evidence of a camera's events is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct EvidencePlan {
    pub folder: PathBuf,
    pub limits: Limits,
}

/// Where the page is served, and who may see it.
#[derive(Clone, PartialEq)]
pub struct PagePlan {
    pub address: SocketAddr,
    /// The token that every client must send; `None`: no token is needed.
    pub token: Option<String>,
    /// Host names by which browsers may ask for the page, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Whether cameras are watched at a start while it cannot be served.
    pub may_wait: bool,
}

impl CameraPlan {
    /// The camera's name, and where its table is, for error messages.
    pub fn words(&self) -> String {
        let name = format!("camera '{}'", self.name.as_str());
        match &self.at {
            Some(place) => format!("{place}: {name}"),
            None => name,
        }
    }
}

impl std::fmt::Debug for PagePlan {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        let has_token = self.token.is_some();
        write!(f, "{} {has_token} {:?}", self.address, self.hosts)
    }
}

impl Configuration {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, has a key or a value that is not valid, or names a secret that is missing.
    pub fn read(file: &Path) -> Result<Self> {
        let text = limits::read_text(file, FileKind::Manifest);
        let text = text.with_context(|| format!("cannot read {}", file.display()))?;
        Self::parse(file, &text)
    }

    fn parse(file: &Path, text: &str) -> Result<Self> {
        let place = FilePlace { file, text };
        let file_section: FileSection = toml::from_str(text).map_err(|mut error| {
            let line = error.span().map(|span| place.words(span.start));
            error.set_input(None);
            let words = misspelled::with_hint(&error.to_string().replace('\n', " "));
            let line = line.unwrap_or_else(|| file.display().to_string());
            anyhow!("{line}: {}", words.trim_end())
        })?;
        let defaults = match file_section.defaults {
            Some(defaults) => {
                let line = place.words(defaults.span().start);
                let defaults = defaults.into_inner();
                let is_one_camera = defaults.name.is_some() || defaults.source.is_some();
                ensure!(
                    !is_one_camera,
                    "{line}: name and source belong to one camera, not to the defaults"
                );
                defaults
            }
            None => CameraSection::default(),
        };
        let evidence = file_section.evidence.as_ref();
        let cameras = file_section.camera.into_iter().map(|section| {
            let line = place.words(section.span().start);
            let own = section.into_inner();
            let has_login = own.user.is_some() || own.password_file.is_some();
            let section = own.or(&defaults);
            let plan = camera(section, has_login, evidence, &place);
            let plan = plan.with_context(|| line.clone())?;
            Ok(CameraPlan {
                at: Some(line),
                ..plan
            })
        });
        let cameras: Vec<CameraPlan> = cameras.collect::<Result<_>>()?;
        ensure!(
            !cameras.is_empty() || file_section.frigate.is_some(),
            "{}: there is no camera: write [[camera]] with a name and a source",
            file.display()
        );
        let mut names = BTreeSet::new();
        for camera in &cameras {
            let name = camera.name.as_str();
            let is_new = names.insert(name.to_lowercase());
            let words = || camera.at.clone().unwrap_or_default();
            ensure!(is_new, "{}: two cameras are called '{name}'", words());
        }
        let page = file_section.page.map(|section| {
            let line = place.words(section.span().start);
            page(section.into_inner(), &place).with_context(|| line)
        });
        let mqtt = file_section.mqtt.map(|section| {
            let line = place.words(section.span().start);
            MqttPlan::new(section.into_inner(), &place).with_context(|| line)
        });
        let webhook = file_section.webhook.map(|section| {
            let line = place.words(section.span().start);
            WebhookPlan::new(section.into_inner(), &place).with_context(|| line)
        });
        let mqtt = mqtt.transpose()?;
        let frigate = file_section.frigate.map(|section| {
            let line = place.words(section.span().start);
            FrigatePlan::new(section.into_inner(), mqtt.as_ref(), &place).with_context(|| line)
        });
        Ok(Self {
            cameras,
            page: page.transpose()?,
            frigate: frigate.transpose()?,
            mqtt,
            webhook: webhook.transpose()?,
            queue: QueuePlan::new(file_section.queue, &place),
            networks: SessionOptions {
                threads: file_section.networks.threads,
                provider: file_section.networks.execution_provider.unwrap_or_default(),
                ..SessionOptions::default()
            },
        })
    }

    /// The configuration of a command line: a camera for each source, with the names 1, 2, 3, …
    ///
    /// # Errors
    /// A source is not a valid address, or a file that cannot be read.
    pub fn of(options: &Options) -> Result<Self> {
        let cameras = (1..).zip(&options.sources).map(|(number, source)| {
            let address = Address::new(source, None).context("not an address")?;
            if let Some(file) = address.file() {
                crate::address::ensure_readable(&file)?;
            }
            let name = CameraName::try_from(format!("{number}")).map_err(anyhow::Error::msg)?;
            Ok(CameraPlan {
                name,
                at: None,
                connection: Connection {
                    repeat: false,
                    frame_timeout: FRAME_TIMEOUT,
                    // A file that cannot be played will not be another one.
                    retry_at_most: (!address.is_file()).then_some(RETRY_AT_MOST),
                    address,
                    model: options.model.clone(),
                    composite: None,
                    evidence: options.evidence.as_ref().map(|folder| EvidencePlan {
                        folder: folder.join(format!("stream-{number}")),
                        limits: EVIDENCE_LIMITS,
                    }),
                },
                looks: Looks::default(),
            })
        });
        let page = options.serve.map(|address| {
            let token = match &options.token_file {
                Some(file) => Some(checked_token(secret::from_file(file)?)?),
                None if address.ip().is_loopback() => None,
                None => {
                    let token = secret::random()?;
                    say(format_args!("the page asks for this token: {token}"));
                    Some(token)
                }
            };
            Ok::<_, anyhow::Error>(PagePlan {
                address,
                token,
                hosts: vec![],
                // Whoever asks for it on the command line waits for it.
                may_wait: false,
            })
        });
        Ok(Self {
            cameras: cameras.collect::<Result<_>>()?,
            page: page.transpose()?,
            mqtt: None,
            webhook: None,
            frigate: None,
            queue: QueuePlan::default(),
            networks: SessionOptions {
                threads: options.threads,
                provider: options.execution_provider,
                ..SessionOptions::default()
            },
        })
    }
}

/// Reads a camera's table. `has_login`: the table itself has a login. Else that of the defaults is used, if the address may need a login and has none.
fn camera(
    section: CameraSection,
    has_login: bool,
    evidence: Option<&EvidenceSection>,
    place: &FilePlace,
) -> Result<CameraPlan> {
    let name = section.name.clone().context("a camera needs a name")?;
    let named = name.as_str().to_owned();
    let plan = || -> Result<Connection> {
        let source = section.source.as_ref();
        let source = source.context("it needs a source: a file, a device or an address")?;
        let source = &source.text;
        let is_path = !source.contains("://") && !source.starts_with('/');
        let source = match is_path {
            true => place.path(Path::new(source)).display().to_string(),
            false => source.clone(),
        };
        let address = Address::new(&source, None)?;
        let address = match has_login || address.lacks_login() {
            true => Address::new(&source, login(&section, place)?)?,
            false => address,
        };
        let frame_timeout = section.frame_timeout.map_or(FRAME_TIMEOUT, |s| s.0);
        ensure!(
            !frame_timeout.is_zero(),
            "frame-timeout: no frame comes in no time"
        );
        Ok(Connection {
            address,
            repeat: section.repeat.unwrap_or(false),
            frame_timeout,
            retry_at_most: Some(section.retry_at_most.map_or(RETRY_AT_MOST, |s| s.0))
                .filter(|longest| !longest.is_zero()),
            model: section.model.as_deref().map(|model| place.path(model)),
            composite: section.composite.clone(),
            evidence: evidence.map(|kept| EvidencePlan {
                folder: place.path(&kept.folder).join(name.as_str()),
                limits: Limits {
                    bytes: kept.budget.unwrap_or(EVIDENCE_LIMITS.bytes),
                    per_minute: kept.per_minute.unwrap_or(EVIDENCE_LIMITS.per_minute),
                },
            }),
        })
    };
    let connection = plan().with_context(|| format!("camera '{named}'"))?;
    let expected = section.expected_classes.as_ref();
    let expected_at = expected.map(|classes| place.words(classes.span().start));
    Ok(CameraPlan {
        connection,
        looks: Looks::new(section, expected_at),
        at: None,
        name,
    })
}

/// The user and the password that a table gives.
fn login(section: &CameraSection, place: &FilePlace) -> Result<Option<Login>> {
    let file = place.secret_file(section.password_file.as_ref());
    secret::login(section.user.as_ref(), None, file.as_deref())
}

fn page(section: PageSection, place: &FilePlace) -> Result<PagePlan> {
    let address = section.address.0;
    let file = place.secret_file(section.token_file.as_ref());
    let says_none = |token: &Expanded| token.text == NO_TOKEN && !token.is_variable;
    let is_open = section.token.as_ref().is_some_and(says_none) && file.is_none();
    let token = section.token.as_ref().filter(|_| !is_open);
    let token = secret::of("token", token, file.as_deref())?;
    let token = token.map(checked_token).transpose()?;
    ensure!(
        token.is_some() || address.ip().is_loopback(),
        "other computers reach {address}: set a token, token-file = \"…\""
    );
    ensure!(
        token.is_some() || is_open || section.hosts.is_empty(),
        "a proxy that asks by a name of hosts lets other computers in: set a token, token-file = \"…\", or token = \"{NO_TOKEN}\" where the proxy asks for a password itself"
    );
    Ok(PagePlan {
        address,
        token,
        hosts: section.hosts.into_iter().map(|host| host.0).collect(),
        may_wait: true,
    })
}

/// Checks a token. It may have only characters that forms in browsers send unchanged.
fn checked_token(token: String) -> Result<String> {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    ensure!(
        token.len() >= SHORTEST_TOKEN && token.bytes().all(is_plain),
        "a token has {SHORTEST_TOKEN} or more letters (a to z), digits, '-', '.' and '_': openssl rand -hex 16"
    );
    Ok(token)
}

#[cfg(test)]
mod tests;
