//! Secrets of the configuration. In: the value of an environment variable, or the name of a file. Out: its content, which is hidden in all output from then on.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use ssdcrp::limits::{self, FileKind};

use super::expanded::Expanded;
use crate::address::Login;
use crate::redact::keep_secret;

const LONGEST: usize = 4096;

/// The content of a file, without the line break at its end.
///
/// # Errors
/// The file cannot be read, is empty, or is longer than a secret may be.
pub fn from_file(file: &Path) -> Result<String> {
    let words = || format!("cannot read the secret in {}", file.display());
    let secret = limits::read_text(file, FileKind::Manifest).with_context(words)?;
    ensure!(
        secret.len() <= LONGEST,
        "{} is longer than a secret, {LONGEST} bytes",
        file.display()
    );
    let secret = secret.trim_end_matches(['\r', '\n']);
    ensure!(!secret.is_empty(), "{} is empty", file.display());
    ensure!(
        !secret.contains(['\r', '\n']),
        "{} has several lines, and a secret has one",
        file.display()
    );
    keep_secret(secret);
    Ok(secret.to_owned())
}

/// A secret from a file or from an environment variable. It must not stand in the configuration itself, which more people may read.
///
/// # Errors
/// Both are given, the secret stands in the configuration itself, or it cannot be read.
pub fn of(key: &str, text: Option<&Expanded>, file: Option<&Path>) -> Result<Option<String>> {
    match (text, file) {
        (None, None) => Ok(None),
        (None, Some(file)) => from_file(file).map(Some),
        (Some(_), Some(_)) => bail!("{key} and {key}-file: give one of them"),
        (Some(text), None) => {
            ensure!(
                text.is_variable,
                "{key} is a secret: name a file with {key}-file, or an environment variable as ${{NAME}}"
            );
            ensure!(!text.text.is_empty(), "{key} is empty");
            Ok(Some(text.text.clone()))
        }
    }
}

/// A user with a password, if a table has them.
///
/// # Errors
/// The password cannot be read, or there is no user for it.
pub fn login(
    user: Option<&Expanded>,
    password: Option<&Expanded>,
    file: Option<&Path>,
) -> Result<Option<Login>> {
    match (user, of("password", password, file)?) {
        (Some(user), password) => Ok(Some(Login {
            user: user.text.clone(),
            password: password.unwrap_or_default(),
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => bail!("a password needs a user"),
    }
}

/// A new token of 128 random bits, in hexadecimal.
///
/// # Errors
/// `/dev/urandom` cannot be read.
pub fn random() -> Result<String> {
    let mut bytes = [0; 16];
    let source = std::fs::File::open("/dev/urandom");
    source
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read random numbers from /dev/urandom: give a --token-file")?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::redact;

    #[test]
    fn a_secret_is_a_file_or_a_variable_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "open sesame, test\n").unwrap();
        let found = of("token", None, Some(&file)).unwrap();
        assert_eq!(found.as_deref(), Some("open sesame, test"));
        assert_eq!(redact("open sesame, test!"), "***!");
        let refused = |text: Option<&Expanded>, file: Option<&Path>| {
            format!("{:#}", of("token", text, file).unwrap_err())
        };
        let words = |text: &str, is_variable| Expanded {
            text: text.to_owned(),
            is_variable,
        };
        let plain = refused(Some(&words("plain words", false)), None);
        assert!(plain.contains("token-file") && !plain.contains("plain words"));
        assert!(refused(Some(&words("a value", true)), Some(&file)).contains("one of them"));
        std::fs::write(&file, "\n").unwrap();
        assert!(refused(None, Some(&file)).contains("is empty"));
        std::fs::write(&file, "open\nsesame\n").unwrap();
        let lines = refused(None, Some(&file));
        assert!(
            lines.contains("several lines") && !lines.contains("sesame"),
            "{lines}"
        );
        // Nobody may be kept waiting by it.
        assert!(refused(None, Some(Path::new("/dev/zero"))).contains("not a file"));
        std::fs::write(&file, "x".repeat(5000)).unwrap();
        assert!(refused(None, Some(&file)).contains("longer than a secret"));
        assert!(refused(None, Some(&folder.path().join("no"))).contains("cannot read"));
    }
}
