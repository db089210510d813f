//! Annotations and the photos that they are to be of: both in, an error out where they do not belong together.

use std::path::Path;

use anyhow::{Result, bail, ensure};
use ssdcrp::truth::Truth;

/// Fails where the annotations are of none of the photos, or where of several annotated pictures each might be one of them.
pub fn check_fit<'a>(truth: &Truth, photos: impl IntoIterator<Item = &'a Path>) -> Result<()> {
    let (mut is_known, mut count) = (false, 0);
    for photo in photos {
        count += 1;
        if let Some([one, other]) = truth.ambiguous(photo) {
            bail!(
                "the annotations have {one} and {other}, and {} may be either: keep photos in folders that are called as those of the annotations",
                photo.display()
            );
        }
        is_known |= truth.of(photo).is_some();
    }
    ensure!(
        count > 0,
        "annotations are of photos, and there are only videos or events: leave --truth out"
    );
    ensure!(
        is_known,
        "the annotations are of none of these photos: file names have to agree"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use ssdcrp::detect::Labels;

    use super::*;

    #[test]
    fn annotations_that_do_not_belong_to_the_photos_are_refused() {
        let labels: Labels = ["background", "dog"].into_iter().collect();
        let text = r#"{"images": [
            {"id": 1, "file_name": "a/1.jpg", "width": 9, "height": 9},
            {"id": 2, "file_name": "b/1.jpg", "width": 9, "height": 9}
        ], "annotations": [], "categories": []}"#;
        let mut truth = Truth::default();
        truth.add_text(text, None, &labels).unwrap();
        let check = |photos: &[&str]| {
            let photos = photos.iter().map(Path::new);
            check_fit(&truth, photos).map_err(|error| error.to_string())
        };
        check(&["x/a/1.jpg", "other.jpg"]).unwrap();
        let words = check(&["x/a/1.jpg", "x/1.jpg"]).unwrap_err();
        assert!(
            words
                .starts_with("the annotations have a/1.jpg and b/1.jpg, and x/1.jpg may be either"),
            "{words}"
        );
        let words = check(&["other.jpg"]).unwrap_err();
        assert!(words.starts_with("the annotations are of none"), "{words}");
        // Renaming would not help.
        let words = check(&[]).unwrap_err();
        assert!(words.ends_with("leave --truth out"), "{words}");
    }
}
