//! Lists of names as people type them: `horse,dog`, `horse, dog`, an option several times; names out.

use std::ffi::OsString;
use std::str::FromStr;

use anyhow::{Error, ensure};

/// Options whose values are lists of names.
const OPTIONS: [&str; 4] = [
    "--what-if",
    "--expected-classes",
    "--baselines",
    "--fail-on",
];

/// The value of such an option: names with commas between them, and spaces or not.
#[derive(Clone, Debug, PartialEq)]
pub struct NameList<T>(Vec<T>);

impl<T: FromStr<Err: Into<Error>>> FromStr for NameList<T> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let names = text.split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        let names = names.map(|name| name.parse().map_err(Into::into));
        let names: Vec<T> = names.collect::<Result<_, Error>>()?;
        // As of a variable of a script that nobody has set: what was to be limited or expected would not be.
        ensure!(!names.is_empty(), "the list is empty: leave the option out");
        Ok(Self(names))
    }
}

/// The names of an option that may be given several times.
pub fn all<T>(lists: &[NameList<T>]) -> impl Iterator<Item = &T> {
    lists.iter().flat_map(|list| &list.0)
}

/// The arguments of a command line, where `--what-if horse, dog` without quotes is one list: a value of [`OPTIONS`] that ends with a comma goes on in the next argument.
pub fn with_lists_joined(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut joined: Vec<OsString> = Vec::new();
    let mut is_list = false;
    for argument in arguments {
        let text = argument.as_encoded_bytes();
        if let Some(last) = joined.last_mut() {
            let is_open = is_list && last.as_encoded_bytes().ends_with(b",");
            if is_open && !text.starts_with(b"-") {
                last.push(argument);
                continue;
            }
            is_list = OPTIONS.iter().any(|option| last == option);
        }
        is_list |= OPTIONS.iter().any(|option| {
            let value = text.strip_prefix(option.as_bytes());
            value.is_some_and(|value| value.starts_with(b"="))
        });
        joined.push(argument);
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_as_they_are_typed() {
        for (texts, expected) in [
            (&["horse,dog"][..], &["horse", "dog"][..]),
            (
                &["horse, dog ,traffic light"],
                &["horse", "dog", "traffic light"],
            ),
            (&["horse", "dog,"], &["horse", "dog"]),
        ] {
            let lists: Vec<NameList<String>> =
                texts.iter().map(|text| text.parse().unwrap()).collect();
            assert_eq!(all(&lists).collect::<Vec<_>>(), expected, "{texts:?}");
        }
        assert!("1,x".parse::<NameList<u8>>().is_err());
        for empty in ["", " ", ",", " , "] {
            assert!(empty.parse::<NameList<String>>().is_err(), "{empty:?}");
        }
    }

    #[test]
    fn a_list_goes_on_behind_a_comma_and_nothing_else_does() {
        let joined = |text: &str| {
            let arguments = text.split(' ').map(OsString::from);
            let joined = with_lists_joined(arguments);
            let joined: Vec<String> = (joined.into_iter())
                .map(|argument| argument.into_string().unwrap())
                .collect();
            joined.join(" ")
        };
        for (given, expected) in [
            (
                "report --what-if horse, dog a.jpg",
                "report --what-if horse,dog a.jpg",
            ),
            (
                "report --what-if=horse, dog, cat a",
                "report --what-if=horse,dog,cat a",
            ),
            ("report a, b, --what-if c", "report a, b, --what-if c"),
            (
                "report --what-if horse, -o a",
                "report --what-if horse, -o a",
            ),
            ("report --output a, b", "report --output a, b"),
            ("--what-if", "--what-if"),
        ] {
            assert_eq!(joined(given), expected);
        }
    }
}
