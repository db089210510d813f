//! What metas of other elements say in GStreamer's terms, in those of the engine: a name that is a quark, a box in pixels.

use std::ffi::CStr;

use gst::glib;

use ::ssdcrp::geometry::{Rect, Size};

/// The text of a quark that C code may have made of any bytes; nothing for a number that is no quark.
#[expect(
    unsafe_code,
    reason = "the binding takes it for granted that the text is UTF-8"
)]
pub fn quark_text(quark: u32) -> String {
    // SAFETY: GLib keeps the texts of quarks for ever; it has none for a number that is no quark.
    let text = unsafe {
        let text = glib::ffi::g_quark_to_string(quark);
        (!text.is_null()).then(|| CStr::from_ptr(text))
    };
    text.map_or_else(String::new, |text| text.to_string_lossy().into_owned())
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
