//! Secrets of the configuration: the name of an environment variable or of a file in, what it holds out, hidden from every text from then on.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

use crate::address::Login;
use crate::redact::keep_secret;

const LONGEST: u64 = 4096;

/// A text with the values of the environment variables that it names as `${NAME}`, each of which is a secret.
///
/// # Errors
/// There is no such variable, or a `${` without an end.
pub fn expand(text: &str) -> Result<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let (name, after) = from
            .split_once('}')
            .context("'${' without a '}': an environment variable is written ${NAME}")?;
        let value = std::env::var(name)
            .ok()
            .with_context(|| format!("there is no environment variable {name}: set it for the service, in a file that EnvironmentFile= names"))?;
        // A folder that systemd made for credentials is none itself.
        if name != "CREDENTIALS_DIRECTORY" {
            keep_secret(&value);
        }
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    Ok(expanded)
}

/// What a file holds, less the end of its line.
///
/// # Errors
/// It cannot be read, or holds nothing or more than a secret.
pub fn from_file(file: &Path) -> Result<String> {
    let words = || format!("cannot read the secret in {}", file.display());
    let opened = std::fs::File::open(file).with_context(words)?;
    let mut secret = String::new();
    let read = opened.take(LONGEST + 1).read_to_string(&mut secret);
    let read = read.with_context(words)?;
    ensure!(
        read as u64 <= LONGEST,
        "{} is longer than a secret, {LONGEST} bytes",
        file.display()
    );
    let secret = secret.trim_end_matches(['\r', '\n']);
    ensure!(!secret.is_empty(), "{} is empty", file.display());
    keep_secret(secret);
    Ok(secret.to_owned())
}

/// A secret that stands in a file or in an environment variable, and not in the configuration, which more people may read.
///
/// # Errors
/// It is in both or in the configuration, or cannot be read.
pub fn of(key: &str, text: Option<&str>, file: Option<&Path>) -> Result<Option<String>> {
    match (text, file) {
        (None, None) => Ok(None),
        (None, Some(file)) => from_file(file).map(Some),
        (Some(_), Some(_)) => bail!("{key} and {key}-file: give one of them"),
        (Some(text), None) => {
            ensure!(
                text.starts_with("${") && text.ends_with('}'),
                "{key} is a secret: name a file with {key}-file, or an environment variable as ${{NAME}}"
            );
            let secret = expand(text)?;
            ensure!(!secret.is_empty(), "{key} is empty");
            Ok(Some(secret))
        }
    }
}

/// A user and the password, where a table names them.
///
/// # Errors
/// The password cannot be read, or is nobody's.
pub fn login(
    user: Option<&str>,
    password: Option<&str>,
    file: Option<&Path>,
) -> Result<Option<Login>> {
    match (user, of("password", password, file)?) {
        (Some(user), password) => Ok(Some(Login {
            user: expand(user)?,
            password: password.unwrap_or_default(),
        })),
        (None, None) => Ok(None),
        (None, Some(_)) => bail!("a password needs a user"),
    }
}

/// A new token, of 128 random bits.
///
/// # Errors
/// The system has no random numbers.
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
    fn variables_are_put_in_and_hidden() {
        // Every process has it.
        let path = std::env::var("PATH").unwrap();
        assert_eq!(
            expand("a ${PATH} b ${PATH}").unwrap(),
            format!("a {path} b {path}")
        );
        assert_eq!(redact(&format!("at {path}")), "at ***");
        assert_eq!(expand("$5 {x}").unwrap(), "$5 {x}");
        for (text, reason) in [
            ("${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE"),
            ("${PATH", "'}'"),
        ] {
            let error = expand(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }

    #[test]
    fn a_secret_is_a_file_or_a_variable_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "open sesame, test\n").unwrap();
        let found = of("token", None, Some(&file)).unwrap();
        assert_eq!(found.as_deref(), Some("open sesame, test"));
        assert_eq!(redact("open sesame, test!"), "***!");
        let refused = |text: Option<&str>, file: Option<&Path>| {
            format!("{:#}", of("token", text, file).unwrap_err())
        };
        let plain = refused(Some("plain words"), None);
        assert!(plain.contains("token-file") && !plain.contains("plain words"));
        assert!(refused(Some("${PATH}"), Some(&file)).contains("one of them"));
        std::fs::write(&file, "\n").unwrap();
        assert!(refused(None, Some(&file)).contains("is empty"));
        std::fs::write(&file, "x".repeat(5000)).unwrap();
        assert!(refused(None, Some(&file)).contains("longer than a secret"));
        assert!(refused(None, Some(&folder.path().join("no"))).contains("cannot read"));
    }
}
