//! Videos among what was named as photos: the first bytes of a file in, what kind of video it is out.

/// The first bytes of a file that are looked at.
pub const HEAD: usize = 16;

/// What is said of a video, behind its name.
pub const INSTEAD: &str =
    "ssdcrp annotate explains videos (pipelines/record.sh makes one explained video)";

/// Brands of ISO media files that are pictures (ISO/IEC 23008-12, AVIF).
const PICTURE_BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"];

/// The container by which a file begins; `None` of what is no video that is known.
pub fn container(head: &[u8]) -> Option<&'static str> {
    let at =
        |from: usize, magic: &[u8]| head.get(from..).is_some_and(|head| head.starts_with(magic));
    let is_picture = PICTURE_BRANDS.iter().any(|brand| at(8, brand));
    let known = [
        ("AVI", at(0, b"RIFF") && at(8, b"AVI ")),
        ("MP4", at(4, b"ftyp") && !is_picture),
        ("Matroska", at(0, &[0x1a, 0x45, 0xdf, 0xa3])),
        ("Ogg", at(0, b"OggS")),
        ("FLV", at(0, b"FLV")),
        ("MPEG", at(0, &[0, 0, 1, 0xba])),
        // The first packet, which is the start of a table.
        ("MPEG-TS", at(0, &[0x47, 0x40])),
        (
            "WMV",
            at(0, &[0x30, 0x26, 0xb2, 0x75, 0x8e, 0x66, 0xcf, 0x11]),
        ),
    ];
    let found = known.into_iter().find(|(_, fits)| *fits);
    found.map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_are_known_and_pictures_are_none() {
        for (head, kind) in [
            (&b"RIFF\x10\0\0\0AVI LIST"[..], Some("AVI")),
            (b"RIFF\x10\0\0\0WEBPVP8 ", None),
            (b"\0\0\0\x20ftypisom\0\0\x02\0", Some("MP4")),
            (b"\0\0\0\x20ftypqt  \0\0\x02\0", Some("MP4")),
            (b"\0\0\0\x20ftypheic\0\0\0\0", None),
            (b"\x1a\x45\xdf\xa3\x01", Some("Matroska")),
            (b"\x47\x40\x11\x10", Some("MPEG-TS")),
            (b"GIF89a", None),
            (b"\xff\xd8\xff\xe0", None),
            (b"", None),
        ] {
            assert_eq!(container(head), kind, "{head:?}");
        }
    }
}
