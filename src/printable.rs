//! Text of others, such as names of files, made harmless for a terminal.

use std::borrow::Cow;

/// The text with what controls a terminal written out, as `\u{1b}`.
pub fn printable(text: &str) -> Cow<'_, str> {
    let controls = |character: char| character.is_control() && !matches!(character, '\n' | '\t');
    if !text.contains(controls) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match controls(character) {
            true => plain.extend(character.escape_default()),
            false => plain.push(character),
        }
    }
    Cow::Owned(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_printed_controls_the_terminal() {
        assert_eq!(printable("a\tb\n"), "a\tb\n");
        assert_eq!(
            printable("c1\u{1b}[31mRED\r\u{9b}"),
            "c1\\u{1b}[31mRED\\r\\u{9b}"
        );
    }
}
