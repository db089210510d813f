//! Videos among what is named as inputs: a file, or its first bytes, in; what kind of video it is out.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// How files end that are taken of folders. What is named itself is taken whatever it is called.
pub(super) const VIDEOS: [&str; 22] = [
    "3gp", "asf", "avi", "divx", "dv", "flv", "m2ts", "m4v", "mjpeg", "mjpg", "mkv", "mov", "mp4",
    "mpeg", "mpg", "mts", "mxf", "ogv", "ts", "webm", "wmv", "y4m",
];
pub(super) const PHOTOS: [&str; 3] = ["jpg", "jpeg", "png"];

/// Pictures of other formats, as cameras and editors name them. Files of any other name in a folder are none.
pub(super) const OTHER_PICTURES: [&str; 14] = [
    "heic", "heif", "avif", "webp", "jxl", "jp2", "gif", "bmp", "tif", "tiff", "dng", "cr2", "nef",
    "arw",
];

/// The first bytes of a file that are looked at.
const HEAD: usize = 16;

/// Brands of ISO media files that are pictures (ISO/IEC 23008-12, AVIF).
const PICTURE_BRANDS: [&[u8]; 6] = [b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis"];

/// Endings of videos that begin as a JPEG does, for they are a row of JPEGs.
const ROWS_OF_JPEGS: [&str; 2] = ["mjpeg", "mjpg"];

/// What kind of video a file is, if it is one: by its first bytes, else by its name. Videos may be of any size, so that no more of it is read than tells that; what cannot be read is told by who reads it.
pub fn video(path: &Path) -> Option<&'static str> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut head = Vec::with_capacity(HEAD);
    let file = File::open(path).ok()?;
    file.take(HEAD as u64).read_to_end(&mut head).ok()?;
    let is_picture = head.starts_with(b"\xff\xd8\xff") || head.starts_with(b"\x89PNG");
    let by_name = match is_picture {
        true => has_ending(path, &ROWS_OF_JPEGS),
        false => has_ending(path, &VIDEOS),
    };
    container(&head).or_else(|| by_name.then_some("by its name"))
}

/// Whether a file is named so.
pub(super) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    let ending = path.extension().unwrap_or(OsStr::new(""));
    endings
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

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
        ("YUV4MPEG2", at(0, b"YUV4MPEG2 ")),
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
            (b"YUV4MPEG2 W8 H8", Some("YUV4MPEG2")),
            (b"GIF89a", None),
            (b"\xff\xd8\xff\xe0", None),
            (b"", None),
        ] {
            assert_eq!(container(head), kind, "{head:?}");
        }
    }

    #[test]
    fn a_name_tells_where_the_first_bytes_do_not() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes, kind) in [
            ("a.dv", &b"\x1f\x07\0"[..], Some("by its name")),
            ("a.mjpeg", b"\xff\xd8\xff\xe0", Some("by its name")),
            ("a.mp4", b"\xff\xd8\xff\xe0", None),
            ("a.jpg", b"\x1a\x45\xdf\xa3", Some("Matroska")),
            ("a.txt", b"words", None),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(video(&path), kind, "{name}");
        }
        assert_eq!(video(folder.path()), None);
        assert_eq!(video(&folder.path().join("gone.mp4")), None);
    }
}
