//! Where a page has its pictures: within itself, or as files in a folder beside it. A picture in, the address out under which the page finds it.
//!
//! A page that stands by itself can be moved and mailed, but a browser reads all of it before it shows anything. Of a page with hundreds of objects the pictures are files: images with
//! `loading="lazy"` are read when they come into view, also from a disk without a server, where scripts may fetch nothing.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::RgbImage;
use ndarray::Array2;

use super::picture::{heat_png, jpeg, photo_jpeg};
use crate::error::Result;
use crate::error::picture::Context;

/// Where pictures go.
#[derive(Debug, Default)]
pub enum PagePictures {
    /// Into the page, as data URIs.
    #[default]
    Within,
    /// Into a folder.
    Beside(PictureFiles),
}

/// Pictures in a folder.
#[derive(Debug)]
pub struct PictureFiles {
    folder: PathBuf,
    /// The folder's address, seen from the page.
    link: String,
    /// The number of the last picture.
    last: usize,
}

/// What a picture's file is called: by what it shows, and its number.
const NAMES: [&str; 3] = ["photo", "fed", "map"];

impl PagePictures {
    /// Into `folder`, which is there, beside the files that it has; the page finds it as `name`.
    pub fn beside(folder: &Path, name: impl AsRef<OsStr>) -> Self {
        Self::Beside(PictureFiles {
            folder: folder.to_owned(),
            link: address(name.as_ref()),
            last: 0,
        })
    }

    /// A photo, scaled down.
    pub(crate) fn photo(&mut self, photo: &RgbImage) -> Result<String> {
        self.put(NAMES[0], "jpeg", &photo_jpeg(photo)?)
    }

    /// Another picture as it is.
    pub(crate) fn plain(&mut self, picture: &RgbImage) -> Result<String> {
        self.put(NAMES[1], "jpeg", &jpeg(picture)?)
    }

    /// A relevance map `[H, W]`, to be stretched over its photo.
    pub(crate) fn heat(&mut self, map: &Array2<f32>) -> Result<String> {
        self.put(NAMES[2], "png", &heat_png(map)?)
    }

    /// Whether the page has them itself.
    pub(crate) fn are_within(&self) -> bool {
        matches!(self, Self::Within)
    }

    fn put(&mut self, what: &str, kind: &str, bytes: &[u8]) -> Result<String> {
        let Self::Beside(files) = self else {
            return Ok(format!(
                "data:image/{kind};base64,{}",
                STANDARD.encode(bytes)
            ));
        };
        let name = files.put(what, kind, bytes)?;
        Ok(format!("{}/{name}", files.link))
    }
}

impl PictureFiles {
    /// Writes a file of the first free number, and gives its name: those of an earlier page stay as long as that is there.
    fn put(&mut self, what: &str, kind: &str, bytes: &[u8]) -> Result<String> {
        loop {
            self.last += 1;
            let name = format!("{what}-{}.{kind}", self.last);
            let path = self.folder.join(&name);
            match write_new(&path, bytes) {
                Ok(()) => return Ok(name),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                failed => failed.with_context(|| format!("cannot write {}", path.display()))?,
            }
        }
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    File::create_new(path)?.write_all(bytes)
}

/// Whether a file of this name is one that a page may have beside it.
#[doc(hidden)]
pub fn is_page_picture(name: &str) -> bool {
    let (stem, kind) = name.rsplit_once('.').unwrap_or((name, ""));
    let (what, number) = stem.rsplit_once('-').unwrap_or((stem, ""));
    NAMES.contains(&what) && ["jpeg", "png"].contains(&kind) && number.parse::<u32>().is_ok()
}

/// A folder's name as an address has it (RFC 3986, section 2.3).
fn address(name: &OsStr) -> String {
    let mut address = String::from("./");
    for &byte in name.as_encoded_bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                address.push(char::from(byte));
            }
            other => address += &format!("%{other:02X}"),
        }
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_lie_where_the_page_looks_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let photo = RgbImage::new(3, 2);
        let mut pictures = PagePictures::beside(folder.path(), "a \"b\" & 100%-files");
        let map = Array2::zeros((4, 4));
        for (url, name) in [
            (pictures.photo(&photo).unwrap(), "photo-1.jpeg"),
            (pictures.heat(&map).unwrap(), "map-2.png"),
            (pictures.plain(&photo).unwrap(), "fed-3.jpeg"),
        ] {
            assert_eq!(url, format!("./a%20%22b%22%20%26%20100%25-files/{name}"));
            let found = image::open(folder.path().join(name)).unwrap();
            assert!(found.width() > 0);
            assert!(is_page_picture(name));
        }
        for name in [
            "photo.jpeg",
            "photo-1.txt",
            "holiday-1.jpeg",
            "photo-x.png",
            "",
        ] {
            assert!(!is_page_picture(name), "{name}");
        }
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;

            let latin = OsStr::from_bytes(b"caf\xe9-files");
            let url = PagePictures::beside(folder.path(), latin).photo(&photo);
            assert_eq!(url.unwrap(), "./caf%E9-files/photo-2.jpeg");
        }
        let within = PagePictures::Within.photo(&photo).unwrap();
        assert!(within.starts_with("data:image/jpeg;base64,"));
    }

    #[test]
    fn pictures_of_an_earlier_page_stay() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["photo-1.jpeg", "photo-2.jpeg"] {
            std::fs::write(folder.path().join(name), "earlier").unwrap();
        }
        let mut pictures = PagePictures::beside(folder.path(), "a-files");
        let photo = RgbImage::new(3, 2);
        assert_eq!(pictures.photo(&photo).unwrap(), "./a-files/photo-3.jpeg");
        let map = Array2::zeros((4, 4));
        assert_eq!(pictures.heat(&map).unwrap(), "./a-files/map-4.png");
        let kept = std::fs::read(folder.path().join("photo-2.jpeg")).unwrap();
        assert_eq!(kept, b"earlier");
    }

    #[test]
    fn a_folder_that_is_gone_is_named() {
        let mut pictures = PagePictures::beside(Path::new("/nowhere/files"), "files");
        let error = pictures.photo(&RgbImage::new(3, 2)).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("cannot write /nowhere/files/photo-1.jpeg")
        );
    }
}
