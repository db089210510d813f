//! Where a camera's pictures come from: a text in, and what GStreamer is to open out, with user and password apart from it.

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::redact::{SHORTEST, keep_secret, redact};

/// A file, a camera or an address.
#[derive(Clone, PartialEq)]
pub enum Address {
    /// A device of Video4Linux: `/dev/video0`.
    Device(String),
    /// What GStreamer's `uridecodebin` opens.
    Uri { uri: String, login: Option<Login> },
}

/// Who asks for pictures. GStreamer is told by properties, so that no message of it has the password in an address.
#[derive(Clone, PartialEq)]
pub struct Login {
    pub user: String,
    pub password: String,
}

/// How the names of Video4Linux's devices begin: `/dev/video0`, `/dev/v4l/by-id/…`.
const DEVICES: [&str; 2] = ["/dev/video", "/dev/v4l/"];

impl Address {
    /// Of a file's path, a device or a URI.
    ///
    /// # Errors
    /// The URI is none.
    pub fn new(text: &str, login: Option<Login>) -> Result<Self> {
        ensure!(!text.contains('\0'), "a source has no character U+0000");
        if DEVICES.iter().any(|folder| text.starts_with(folder)) {
            return Ok(Self::Device(text.to_owned()));
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let path = std::path::absolute(text)?;
            let uri = gst::glib::filename_to_uri(path, None)?.into();
            return Ok(Self::Uri { uri, login: None });
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        // "user:pass/word@host" ends at its slash, and is a host with a strange port.
        let port = match host.rsplit_once(':') {
            Some((_, port)) if !port.contains(']') => port,
            _ => "",
        };
        let is_number = port.bytes().all(|byte| byte.is_ascii_digit());
        // Where the password begins with digits they look like a port, and its '@' is behind the host; where it has an '@' of its own, what follows looks like the host.
        let may_go_on = host.contains(':') || user.is_some();
        let has_user_behind = takes_login(scheme) && may_go_on && path.contains('@');
        ensure!(
            is_number && !has_user_behind,
            "the address has a port that is no number, or an '@' behind its host: write '/', '?', '#', '@' and ':' of a password as %2F, %3F, %23, %40 and %3A, or put it into a file (password-file)"
        );
        if !takes_login(scheme) {
            ensure!(
                login.is_none(),
                "user and password-file are for rtsp and http, not for {scheme}"
            );
            return Ok(Self::Uri {
                uri: text.to_owned(),
                login: None,
            });
        }
        let of_uri = user.map(|user| -> Result<Login> {
            let (user, password) = user.split_once(':').unwrap_or((user, ""));
            keep_secret(password);
            let plain = |text| {
                unescape(text).context("user or password of the address has a '%' that is no %25")
            };
            let login = Login {
                user: plain(user)?,
                password: plain(password)?,
            };
            keep_secret(&login.password);
            Ok(login)
        });
        let uri = format!("{scheme}://{host}{path}");
        let login = login.or(of_uri.transpose()?);
        let password = login.as_ref().map_or("", |login| login.password.as_str());
        ensure!(
            password.is_empty() || password.len() >= SHORTEST,
            "the password has fewer than {SHORTEST} letters, and could not be hidden in what the monitor says: give the camera a longer one"
        );
        Ok(Self::Uri { uri, login })
    }

    /// Whether it may ask for a user, and names none.
    pub fn lacks_login(&self) -> bool {
        let Self::Uri { uri, login: None } = self else {
            return false;
        };
        uri.split_once("://")
            .is_some_and(|(scheme, _)| takes_login(scheme))
    }

    /// Whether it has an end that is no fault.
    pub fn is_file(&self) -> bool {
        matches!(self, Self::Uri { uri, .. } if uri.starts_with("file:"))
    }

    /// Why nothing is there at the moment, as far as that can be known without asking for pictures.
    pub fn doubt(&self) -> Option<String> {
        let place = match self {
            Self::Device(device) => device.into(),
            Self::Uri { uri, .. } => match self.file() {
                Some(file) => file,
                None => return doubt_of_scheme(uri),
            },
        };
        if let Ok(found) = place.metadata() {
            let is_played = found.is_file() || matches!(self, Self::Device(_));
            return (!is_played).then(|| no_file(&place));
        }
        let is_scheme = |part: &std::ffi::OsStr| CAMERA_SCHEMES.iter().any(|known| *known == part);
        let hint = match place.iter().any(is_scheme) {
            true => "; an address has \"://\" behind rtsp or http",
            false => "",
        };
        Some(format!("there is no {}{hint}", place.display()))
    }

    /// Refuses what GStreamer must not open: whoever opens a named pipe waits until somebody writes into it, for ever perhaps.
    ///
    /// # Errors
    /// The path names a folder, a pipe or a device.
    pub fn ensure_playable(&self) -> Result<()> {
        match self.file() {
            Some(file) => ensure_file(&file),
            None => Ok(()),
        }
    }

    /// The file, where it is one.
    pub fn file(&self) -> Option<std::path::PathBuf> {
        match self {
            Self::Uri { uri, .. } => Some(gst::glib::filename_from_uri(uri).ok()?.0),
            Self::Device(_) => None,
        }
    }
}

/// Whether GStreamer knows what to do with addresses that begin so.
fn doubt_of_scheme(uri: &str) -> Option<String> {
    let (scheme, _) = uri.split_once("://")?;
    let made = gst::Element::make_from_uri(gst::URIType::Src, uri, None);
    let words = "no installed element of GStreamer opens addresses that begin with";
    made.is_err().then(|| format!("{words} {scheme}://"))
}

/// The schemes of cameras, which a forgotten ':' makes a path.
const CAMERA_SCHEMES: [&str; 4] = ["rtsp", "rtsps", "http", "https"];

/// What stands in an address, with its letters in place of their numbers in base 16: `p%40ss` is "p@ss".
fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (number, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(number, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

/// Whether GStreamer's source for these addresses has properties for a user and a password.
fn takes_login(scheme: &str) -> bool {
    let scheme = scheme.to_ascii_lowercase();
    scheme.starts_with("rtsp") || scheme == "http" || scheme == "https"
}

/// For people: without user and password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match (self, self.file()) {
            (_, Some(file)) => f.write_str(&file.display().to_string()),
            (Self::Device(device), _) => f.write_str(device),
            (Self::Uri { uri, .. }, _) => f.write_str(&redact(uri)),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is not there is told by who opens it.
fn ensure_file(place: &Path) -> Result<()> {
    let is_other = place.metadata().is_ok_and(|found| !found.is_file());
    ensure!(!is_other, no_file(place));
    Ok(())
}

fn no_file(place: &Path) -> String {
    format!(
        "{} is no file: a source is a file, /dev/video…, /dev/v4l/… or an address with \"://\"",
        place.display()
    )
}

/// Whether a file can be read, for those who named one.
///
/// # Errors
/// It is not there, is no file, or may not be read.
pub fn ensure_readable(file: &Path) -> Result<()> {
    ensure_file(file)?;
    std::fs::File::open(file)
        .map(drop)
        .with_context(|| format!("cannot read {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_and_password_leave_the_address() {
        let address = Address::new("rtsp://viewer:p%40ss%2Fword@gate:554/1?x=y%40z", None).unwrap();
        let Address::Uri {
            uri,
            login: Some(login),
        } = &address
        else {
            panic!("{address}")
        };
        assert_eq!(uri, "rtsp://gate:554/1?x=y%40z");
        assert_eq!((&*login.user, &*login.password), ("viewer", "p@ss/word"));
        assert_eq!(
            redact("says p@ss/word and p%40ss%2Fword"),
            "says *** and ***"
        );
        let given = Login {
            user: "a".to_owned(),
            password: "long".to_owned(),
        };
        let given = Address::new("http://[::1]:80/", Some(given)).unwrap();
        assert!(matches!(&given, Address::Uri { login: Some(login), .. } if login.user == "a"));
        assert_eq!(given.to_string(), "http://[::1]:80/");
        let other = Address::new("srt://a:b@gate:1", None).unwrap();
        assert_eq!(other.to_string(), "srt://***@gate:1");
        let lacks = |text: &str| Address::new(text, None).unwrap().lacks_login();
        assert!(lacks("rtsp://gate/") && lacks("HTTPS://gate/"));
        // TLS over TCP, UDP and HTTP, and a description in the address.
        let others = ["rtspst", "rtspsu", "rtspsh", "rtsp-sdp"];
        assert!(
            others
                .iter()
                .all(|scheme| lacks(&format!("{scheme}://gate/")))
        );
        assert!(!lacks("rtsp://viewer@gate/") && !lacks("srt://gate:1") && !lacks("film.mp4"));
    }

    #[test]
    fn a_password_that_breaks_its_address_is_refused_without_being_told() {
        for (address, secret) in [
            ("rtsp://viewer:pass/word@gate/", "pass/"),
            ("rtsp://viewer:12/34@gate/", "12/34"),
            ("rtsp://viewer:12?34@gate/", "12?34"),
            ("rtsp://viewer:/word@gate/", "/word"),
            ("rtsp://viewer:word@12/34@gate/", "12/34"),
        ] {
            let words = format!("{:#}", Address::new(address, None).unwrap_err());
            assert!(words.contains("%2F") && !words.contains(secret), "{words}");
        }
        assert!(Address::new("http://gate/a@b", None).is_ok());
        assert!(Address::new("http://[::1]:80/a@b", None).is_err());
        assert!(Address::new("rtsp://viewer:pass%zz@gate/", None).is_err());
    }

    #[test]
    fn a_password_that_cannot_be_hidden_is_refused() {
        let words = |password: &str| {
            let address = Address::new(&format!("rtsp://viewer:{password}@gate/"), None);
            address.err().map(|error| error.to_string())
        };
        assert!(words("123").unwrap().contains("fewer than 4 letters"));
        assert_eq!((words(""), words("1234")), (None, None));
    }

    #[test]
    fn what_is_not_there_is_doubted() {
        gst::init().unwrap();
        let doubt = |text| {
            Address::new(text, None)
                .unwrap()
                .doubt()
                .unwrap_or_default()
        };
        assert!(doubt("/dev/video987").contains("no /dev/video987"));
        assert!(doubt("no film.mp4").ends_with("/no film.mp4"));
        assert!(doubt("rtsp//gate/1").contains("\"://\""));
        assert!(doubt("rstp://gate/1").contains("begin with rstp://"));
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        assert_eq!(doubt("http://gate/1") + &doubt(file), "");
    }

    #[test]
    fn what_waits_for_a_writer_is_not_opened() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        let address = Address::new(pipe.to_str().unwrap(), None).unwrap();
        let words = address.doubt().unwrap();
        assert!(words.contains("is no file"), "{words}");
        let refused = [address.ensure_playable(), ensure_readable(&pipe)];
        for error in refused.map(Result::unwrap_err) {
            assert_eq!(error.to_string(), words);
        }
        let absent = Address::new("no film.mp4", None).unwrap();
        absent.ensure_playable().unwrap();
    }

    #[test]
    fn files_and_devices_are_known() {
        let file = Address::new("a film.mp4", None).unwrap();
        assert!(file.is_file() && file.to_string().ends_with("/a film.mp4"));
        let device = Address::new("/dev/video0", None).unwrap();
        assert!(!device.is_file() && device.to_string() == "/dev/video0");
        let by_name = Address::new("/dev/v4l/by-id/usb-camera", None).unwrap();
        assert!(matches!(by_name, Address::Device(_)));
    }
}
