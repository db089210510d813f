//! Settings of a bench, which it takes from the environment.

use std::fmt::Display;
use std::str::FromStr;

use anyhow::{Result, bail};

/// The value of an environment variable, or `default` where it is unset.
///
/// # Errors
/// It is set to something else than such a value.
pub fn setting<T: FromStr<Err: Display>>(name: &str, default: T) -> Result<T> {
    let Ok(text) = std::env::var(name) else {
        return Ok(default);
    };
    match text.parse() {
        Ok(value) => Ok(value),
        Err(error) => {
            bail!("{name}={text} cannot be used ({error}): set it to another value, or unset it")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unset_is_the_default() {
        assert_eq!(setting("BENCH_REPORT_UNSET", 3_usize).unwrap(), 3);
    }

    #[test]
    fn what_is_set_must_be_such_a_value() {
        // Cargo sets it, to a text.
        let error = setting("CARGO_PKG_NAME", 3_usize).unwrap_err();
        assert!(error.to_string().contains("CARGO_PKG_NAME=bench-report"));
        assert_eq!(
            setting("CARGO_PKG_NAME", String::new()).unwrap(),
            "bench-report"
        );
    }
}
