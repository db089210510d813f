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

/// The same of JSON, in which such characters can only stand in strings: as its own escapes, `\u009b`, so that it stays JSON.
pub fn printable_json(text: &str) -> Cow<'_, str> {
    let controls = |character: char| matches!(character, '\u{7f}'..='\u{9f}');
    if !text.contains(controls) {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    for character in text.chars() {
        match controls(character) {
            true => plain.push_str(&format!("\\u{:04x}", u32::from(character))),
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

    #[test]
    fn json_stays_json() {
        let name = "a\u{85}\u{9b}\u{7f}\u{1b}ä.jpg";
        let text = serde_json::to_string(name).unwrap();
        let plain = printable_json(&text);
        assert_eq!(plain, "\"a\\u0085\\u009b\\u007f\\u001bä.jpg\"");
        assert_eq!(serde_json::from_str::<String>(&plain).unwrap(), name);
        assert_eq!(printable(&plain), plain, "nothing is left to be escaped");
    }
}
