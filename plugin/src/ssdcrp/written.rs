//! Values that are written in a grammar.
//!
//! In: a property's text. Out: its value, or what is wrong with it.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, anyhow};

/// A choice that the element makes by itself (`auto`) unless the user names one.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice<T> {
    Auto,
    Named(T),
}

impl<T> Choice<T> {
    pub fn named(&self) -> Option<&T> {
        match self {
            Self::Auto => None,
            Self::Named(value) => Some(value),
        }
    }
}

impl<T: fmt::Display> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(value) => value.fmt(f),
        }
    }
}

impl<T: FromStr<Err: Into<Error>>> FromStr for Choice<T> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            _ => Ok(Self::Named(text.parse().map_err(|error: T::Err| {
                let error: Error = error.into();
                anyhow!("{error:#}; 'auto' leaves the choice to the element")
            })?)),
        }
    }
}

/// A setting that is written in a grammar. A text that is not understood leaves the value as it was; since a property
/// cannot answer with an error, the refusal is kept until a text is taken, and the element does not start with one.
#[derive(Clone, Debug, PartialEq)]
pub struct Written<T> {
    value: T,
    refusal: Option<String>,
}

impl<T: FromStr<Err: Into<Error>>> Written<T> {
    /// One that nobody has set.
    pub fn new(value: T) -> Self {
        Self {
            value,
            refusal: None,
        }
    }

    /// Takes a value that needs not be read.
    pub fn put(&mut self, value: T) {
        *self = Self::new(value);
    }

    pub fn value(&self) -> &T {
        &self.value
    }

    /// Why the last text was refused.
    pub fn refusal(&self) -> Option<&str> {
        self.refusal.as_deref()
    }

    /// Takes `text`, or gives the reason for not taking it.
    ///
    /// # Errors
    /// The text is not in the grammar; the value is then unchanged.
    pub fn set(&mut self, text: &str) -> Result<()> {
        match text.parse() {
            Ok(value) => {
                *self = Self::new(value);
                Ok(())
            }
            Err(error) => {
                let error: Error = error.into();
                self.refusal = Some(format!("{error:#}"));
                Err(error)
            }
        }
    }
}
