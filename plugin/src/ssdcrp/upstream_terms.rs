//! What metas of other elements say in GStreamer's terms, in those of the engine: a name that is a quark, a box in pixels.

use std::slice;

use gst::glib;

use ::ssdcrp::geometry::{Rect, Size};
use ::ssdcrp::limits::LONGEST_LABEL;

/// The text of a quark that C code may have made of any bytes; nothing for a number that is no quark. Text longer than any class's name is cut off, for it is copied with each frame: no class is
/// called as what is left, which ends in an ellipsis.
#[expect(
    unsafe_code,
    reason = "the binding takes it for granted that the text is UTF-8"
)]
pub fn quark_text(quark: u32) -> String {
    // SAFETY: GLib keeps the texts of quarks for ever; it has none for a number that is no quark. Nothing is read behind a text's last byte, which is 0.
    let text = unsafe {
        let text = glib::ffi::g_quark_to_string(quark).cast::<u8>();
        if text.is_null() {
            return String::new();
        }
        let length = (0..=LONGEST_LABEL).take_while(|&at| *text.add(at) != 0);
        slice::from_raw_parts(text, length.count())
    };
    let whole = String::from_utf8_lossy(text.get(..LONGEST_LABEL).unwrap_or(text));
    match text.len() > LONGEST_LABEL {
        // The cut may go through a character.
        true => format!("{}…", whole.trim_end_matches(char::REPLACEMENT_CHARACTER)),
        false => whole.into_owned(),
    }
}

/// A box of x, y, width, height in pixels of a frame of `size`, in shares of it.
pub fn shares([x, y, width, height]: [f64; 4], size: Size) -> Rect {
    let share = |edge: f64, side: u32| (edge / f64::from(side.max(1))) as f32;
    Rect::new(
        share(x, size.width),
        share(y, size.height),
        share(x + width, size.width),
        share(y + height, size.height),
    )
}

#[cfg(test)]
mod tests {
    use gst::glib::translate::IntoGlib;

    use super::*;

    fn read(text: &str) -> String {
        quark_text(glib::Quark::from_str(text).into_glib())
    }

    #[test]
    fn no_more_is_copied_than_a_class_s_name_may_have() {
        let longest = "é".repeat(LONGEST_LABEL / 2);
        assert_eq!(read(&longest), longest);
        assert_eq!(read(&format!("{longest}x")), format!("{longest}…"));
        // The last character that there is room for has no room for all of it.
        let long = format!("a{}", "é".repeat(100_000));
        let left = &long[..LONGEST_LABEL - 1];
        assert_eq!(read(&long), format!("{left}…"));
        assert_eq!(read(""), "");
        assert_eq!(quark_text(0), "");
        assert_eq!(quark_text(u32::MAX), "");
    }
}
