//! From TOML to typed values where serde's own reading would be too lenient or its words too technical: lists of a fixed length, numbers that
//! count something, and the error of a text that is not understood, as one short line.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, IntoDeserializer, Unexpected, Visitor};

use crate::detect::ClassId;
use crate::error::shortened;

/// Longer messages lose their middle: they quote what stands in the file, which can be of any length.
const LONGEST_MESSAGE: usize = 300;

/// Reads a list of exactly `N` values. TOML's own deserializer drops what an array has no room for.
///
/// # Errors
/// Another number of values, or a value of another type.
pub fn exactly<'de, D, T, const N: usize>(deserializer: D) -> Result<[T; N], D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let values = Vec::deserialize(deserializer)?;
    <[T; N]>::try_from(values)
        .map_err(|values| D::Error::custom(format!("expected {N} values, found {}", values.len())))
}

/// The same of a list that may be left out.
///
/// # Errors
/// As [`exactly`].
pub fn exactly_if_given<'de, D, T, const N: usize>(
    deserializer: D,
) -> Result<Option<[T; N]>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    exactly(deserializer).map(Some)
}

/// Reads a number that counts something.
///
/// # Errors
/// A number below 0, or a value of another type.
pub fn count<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    let number = i64::deserialize(deserializer)?;
    usize::try_from(number).map_err(|_| {
        D::Error::custom(format!(
            "expected a whole number, 0 or greater, found {number}"
        ))
    })
}

/// The same of a number that may be left out.
///
/// # Errors
/// As [`count`].
pub fn count_if_given<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<usize>, D::Error> {
    count(deserializer).map(Some)
}

/// A class's number, or "none".
///
/// # Errors
/// A number below 0, another text, or a value of another type.
pub fn class_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<ClassId>, D::Error> {
    deserializer.deserialize_any(NumberOrNone)
}

struct NumberOrNone;

impl Visitor<'_> for NumberOrNone {
    type Value = Option<ClassId>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a class's number, or \"none\"")
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        count(number.into_deserializer()).map(|class| Some(ClassId(class)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        match text {
            "none" => Ok(None),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// "line 12: expected 3 values, found 4 in `input.mean`": where in `text` the error lies, what it is and in which field, as far as that is known. One line,
/// of bounded length and without control characters, whatever the file holds.
pub fn describe(mut error: toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start));
    // Without the input the error's text is its message and its field, else it quotes the input's line.
    error.set_input(None);
    let message = error.to_string();
    let lines: Vec<String> = message
        .lines()
        .map(|line| line.chars().flat_map(printable).collect())
        .collect();
    let message = shortened(&lines.join(" "), LONGEST_MESSAGE);
    match before {
        Some(before) => {
            let line = 1 + before.matches('\n').count();
            format!("line {line}: {message}")
        }
        None => message,
    }
}

fn printable(character: char) -> impl Iterator<Item = char> {
    let plain = (!character.is_control()).then_some(character);
    let escaped = plain.is_none().then(|| character.escape_debug());
    plain.into_iter().chain(escaped.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use crate::detect::manifest::tests::error;

    #[test]
    fn a_list_of_another_length_is_refused_with_both_lengths() {
        for (old, new, message) in [
            (
                "mean = [123, 117.5, 104]",
                "mean = [123, 117.5, 104, 0]",
                "line 9: expected 3 values, found 4 in `input.mean`",
            ),
            (
                "std = [127.5, 127.5, 127.5]",
                "std = [127.5, 127.5, 127.5]\nsize = [300, 300, 3]",
                "line 11: expected 2 values, found 3 in `input.size`",
            ),
            (
                "std = [127.5, 127.5, 127.5]",
                "std = [127.5]",
                "line 10: expected 3 values, found 1 in `input.std`",
            ),
            (
                "variances = [0.1, 0.2]",
                "variances = [0.1, 0.1, 0.2, 0.2]",
                "line 19: expected 2 values, found 4 in `output.variances`",
            ),
            (
                "\"h\", \"w\"]",
                "\"h\", \"w\", \"w\"]",
                "line 16: expected 4 values, found 5 in `output.offset_order`",
            ),
        ] {
            assert_eq!(error(old, new), format!("a.toml: {message}"));
        }
    }

    #[test]
    fn a_number_below_0_counts_nothing() {
        for (old, new, message) in [
            (
                "background = 0",
                "background = -1",
                "line 18: expected a whole number, 0 or greater, found -1 in `output.background`",
            ),
            (
                "max_detections = 100",
                "max_detections = -5",
                "line 32: expected a whole number, 0 or greater, found -5 in `detection.max_detections`",
            ),
        ] {
            assert_eq!(error(old, new), format!("a.toml: {message}"));
        }
    }

    #[test]
    fn an_error_is_one_short_line_whatever_the_file_holds() {
        let long = "x".repeat(5000);
        for (old, new) in [
            ("kind = \"ssd\"", "kind = "),
            ("kind = \"ssd\"", "kind"),
            ("\"ssd\"", &format!("\"{long}\"")),
            ("resize =", &format!("{long} = 1\nresize =")),
            ("background = 0", &format!("background = \"{long}\"")),
            ("licence =", &format!("# {long}\nlicence")),
            ("\"ssd\"", "\"a\\nb\\u001b[31m\""),
            ("resize =", "\"a\\nb\" = 1\nresize ="),
        ] {
            let error = error(old, new);
            assert!(error.starts_with("a.toml: line "), "{error}");
            assert!(!error.contains(char::is_control), "{error:?}");
            assert!(error.chars().count() < 350, "{error}");
        }
        assert!(error("\"ssd\"", &format!("\"{long}\"")).ends_with("in `kind`"));
    }
}
