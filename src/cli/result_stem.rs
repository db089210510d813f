//! What files of results are called: the name of the file that they belong to in, a name that no other one's results have out.

use ssdcrp::fingerprint::hash;

/// Digits of a hash that tell files of one name apart.
const DIGITS: usize = 8;

/// What results of a file are called.
#[derive(Clone, Debug, PartialEq)]
pub struct ResultStem {
    /// By the file's own name.
    pub plain: String,
    /// With digits of its path besides.
    pub apart: String,
    /// Whether another file has the plain one, too.
    pub is_shared: bool,
}

impl ResultStem {
    /// Of a file whose own name gives `plain`, and whose real path has these bytes.
    pub fn new(plain: String, real: &[u8], is_shared: bool) -> Self {
        Self {
            apart: told_apart(&plain, real),
            plain,
            is_shared,
        }
    }

    /// Of a frame of that video, at a time in milliseconds; `repeated` counts the frames of this time that came before.
    #[must_use]
    pub fn at(&self, milliseconds: u64, repeated: usize) -> Self {
        // In the order of time where they are sorted by name.
        let mut place = format!("{:09.3}s", milliseconds as f64 / 1e3);
        if repeated > 0 {
            place += &format!("-{}", repeated + 1);
        }
        Self {
            plain: format!("{}-{place}", self.plain),
            apart: format!("{}-{place}", self.apart),
            is_shared: self.is_shared,
        }
    }

    /// The one that this run uses where nothing is known of earlier ones.
    pub fn name(&self) -> &str {
        match self.is_shared {
            true => &self.apart,
            false => &self.plain,
        }
    }
}

/// Of what is called so alone.
impl From<String> for ResultStem {
    fn from(plain: String) -> Self {
        Self::new(plain, b"", false)
    }
}

/// A name with digits that stand for what tells it from others of its kind.
pub fn told_apart(name: &str, by: &[u8]) -> String {
    format!("{name}-{}", &hash(by.iter().copied())[..DIGITS])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_the_path_stand_in_one_place() {
        let own = ResultStem::new("clip".to_owned(), b"/a/clip.mp4", false);
        let shared = ResultStem::new("clip".to_owned(), b"/a/clip.mp4", true);
        assert_eq!(own.name(), "clip");
        assert_eq!(shared.name(), told_apart("clip", b"/a/clip.mp4"));
        assert_eq!(shared.name().len(), "clip".len() + 1 + DIGITS);
        assert_eq!(own.at(2500, 0).name(), "clip-00002.500s");
        assert_eq!(own.at(2500, 1).name(), "clip-00002.500s-2");
        let frame = shared.at(2500, 0);
        assert_eq!(frame.name(), format!("{}-00002.500s", shared.name()));
        assert_eq!(frame.plain, "clip-00002.500s");
    }
}
