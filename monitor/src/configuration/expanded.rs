//! Texts of the configuration that may name environment variables. In: the text in the file. Out: the text with the variables' values, each of which is a secret.

use std::env::VarError;
use std::fmt;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Deserializer, de};

use crate::redact::keep_secret;

/// A text in which each `${NAME}` is replaced by the value of that environment variable. Each value counts as a secret.
///
/// A variable that is missing is found while the file is read, so that the error has the line of the text.
#[derive(Clone, PartialEq)]
pub struct Expanded {
    pub text: String,
    /// Whether nothing of it stands in the file but the names of variables.
    pub is_variable: bool,
}

impl fmt::Debug for Expanded {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("…")
    }
}

impl<'de> Deserialize<'de> for Expanded {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // What it is instead may be a secret, and is not shown.
        let text = String::deserialize(deserializer)
            .map_err(|_| de::Error::custom("expected a text in quotes"))?;
        expand(&text).map_err(|error| de::Error::custom(format!("{error:#}")))
    }
}

fn expand(text: &str) -> Result<Expanded> {
    let mut expanded = String::with_capacity(text.len());
    let mut is_variable = !text.is_empty();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let (name, after) = from
            .split_once('}')
            .context("'${' without a '}': an environment variable is written ${NAME}")?;
        let value = match std::env::var(name) {
            Ok(value) => value,
            Err(VarError::NotUnicode(_)) => {
                bail!("the environment variable {name} is no text in UTF-8")
            }
            Err(VarError::NotPresent) => bail!(
                "there is no environment variable {name}: set it for the service, in a file that EnvironmentFile= names"
            ),
        };
        // The folder that systemd makes for credentials is not a secret itself.
        if name != "CREDENTIALS_DIRECTORY" {
            keep_secret(&value);
        }
        is_variable &= before.is_empty();
        expanded.push_str(before);
        expanded.push_str(&value);
        rest = after;
    }
    expanded.push_str(rest);
    is_variable &= rest.is_empty();
    if is_variable {
        // Two short ones may be a long one together.
        keep_secret(&expanded);
    }
    Ok(Expanded {
        text: expanded,
        is_variable,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::redact;

    #[test]
    fn variables_are_put_in_and_hidden() {
        // Every process has it.
        let path = std::env::var("PATH").unwrap();
        let text = |text: &str| expand(text).unwrap().text;
        assert_eq!(text("a ${PATH} b ${PATH}"), format!("a {path} b {path}"));
        assert_eq!(redact(&format!("at {path}")), "at ***");
        assert_eq!(text("$5 {x}"), "$5 {x}");
        let is_variable = |text: &str| expand(text).unwrap().is_variable;
        assert!(is_variable("${PATH}") && is_variable("${PATH}${PATH}"));
        assert!(!is_variable("${PATH}a${PATH}") && !is_variable("") && !is_variable("a"));
        for (text, reason) in [
            ("${NO_SUCH_VARIABLE}", "NO_SUCH_VARIABLE"),
            ("${PATH", "'}'"),
        ] {
            let error = expand(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
    }
}
