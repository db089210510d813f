//! Text of others, such as names of files, in cells of CSV: spreadsheets compute what begins as a formula does.

use std::borrow::Cow;

/// The text of a cell that no spreadsheet computes: with an apostrophe before what would be a formula.
pub fn csv_text(text: &str) -> Cow<'_, str> {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => Cow::Owned(format!("'{text}")),
        false => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_a_formula_is_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1"] {
            assert_eq!(csv_text(text), format!("'{text}"));
        }
        for text in ["a=1.jpg", "", "'=1", "dog, or cat?"] {
            assert_eq!(csv_text(text), text);
        }
    }
}
