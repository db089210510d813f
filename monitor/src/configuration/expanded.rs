//! Texts of the configuration that may name environment variables. In: the text in the file. Out: the text with the variables' values, each of which is a secret.

use std::fmt;

use anyhow::{Context, Result};
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
        let expanded = expand(&text).map_err(|error| de::Error::custom(format!("{error:#}")))?;
        Ok(Self {
            text: expanded,
            is_variable: text.starts_with("${") && text.ends_with('}'),
        })
    }
}

fn expand(text: &str) -> Result<String> {
    let mut expanded = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let (name, after) = from
            .split_once('}')
            .context("'${' without a '}': an environment variable is written ${NAME}")?;
        let value = std::env::var(name)
            .ok()
            .with_context(|| format!("there is no environment variable {name}: set it for the service, in a file that EnvironmentFile= names"))?;
        // The folder that systemd makes for credentials is not a secret itself.
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
}
