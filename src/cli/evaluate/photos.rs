//! The photos of an evaluation: looked at once to know what there is to judge, and again by each method, so that one forward pass is in memory at a time.
//!
//! In: photos and frames of videos. Out: a [`ListedPhoto`] for each, and its [`EvaluatedPhoto`] when it is asked for.

use std::sync::Arc;

use anyhow::{Result, ensure};
use ssdcrp::detect::{Detector, Model, Thresholds};
use ssdcrp::evaluate::{EvaluatedPhoto, Replacement};
use ssdcrp::fingerprint::hash;
use ssdcrp::truth::Truth;

use super::super::source_picture::SourcePicture;

/// How photos are looked at.
pub struct PhotoReader {
    pub model: Arc<Model>,
    pub thresholds: Thresholds,
    /// Detections that are judged of each photo at most.
    pub most: usize,
    /// What deleted blocks become.
    pub replacement: Replacement,
    pub truth: Option<Truth>,
}

/// A photo that was looked at.
pub struct ListedPhoto {
    source: SourcePicture,
    /// The file's name, of a frame with its place in the video.
    pub name: String,
    /// A hash of the photo as the network reads it.
    pub picture: String,
    /// The number of detections that are judged.
    pub subjects: usize,
}

impl PhotoReader {
    /// Looks at a picture for the first time.
    pub fn list(&self, source: SourcePicture, detector: &mut Detector) -> Result<ListedPhoto> {
        let photo = self.look(&source, detector)?;
        Ok(ListedPhoto {
            source,
            picture: picture(&photo),
            subjects: photo.subjects.len(),
            name: photo.name,
        })
    }

    /// Looks at a photo again.
    ///
    /// # Errors
    /// It cannot be read any more, or is another one by now.
    pub fn again(&self, listed: &ListedPhoto, detector: &mut Detector) -> Result<EvaluatedPhoto> {
        let photo = self.look(&listed.source, detector)?;
        ensure!(
            picture(&photo) == listed.picture,
            "{} has changed since it was looked at first",
            listed.source.name()
        );
        Ok(photo)
    }

    fn look(&self, source: &SourcePicture, detector: &mut Detector) -> Result<EvaluatedPhoto> {
        let model = &self.model;
        let photo = source.read()?;
        let name = source.file_name();
        let annotated = self.truth.as_ref().zip(source.annotated_file());
        let annotated = annotated.and_then(|(truth, file)| truth.of(file));
        let (thresholds, most) = (self.thresholds, self.most);
        let photo = EvaluatedPhoto::look(name, &photo, model, detector, thresholds, most)?
            .with_replacement(self.replacement);
        Ok(match annotated {
            Some(annotated) => {
                let counted = annotated.iter().filter(|object| !object.ignored);
                let objects: Vec<_> = counted.map(|object| (object.class, object.rect)).collect();
                photo.with_truth(&objects)
            }
            None => photo,
        })
    }
}

/// A hash of what the network reads.
fn picture(photo: &EvaluatedPhoto) -> String {
    let values = photo.forward.input.tensor.iter();
    hash(values.flat_map(|value| value.to_le_bytes()))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use image::{Rgb, RgbImage};
    use ssdcrp::runtime::SessionOptions;

    use super::*;

    #[test]
    fn a_photo_that_has_changed_is_told() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/anchor_free");
        let model = Arc::new(Model::open(golden.join("distances.onnx")).unwrap());
        let mut detector = Detector::new(model.clone(), SessionOptions::on_threads(1)).unwrap();
        let reader = PhotoReader {
            model,
            thresholds: Thresholds {
                score: 0.0,
                iou: 0.5,
            },
            most: 2,
            replacement: Replacement::Blurred,
            truth: None,
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let write = |grey: u8| {
            RgbImage::from_pixel(40, 30, Rgb([grey; 3]))
                .save(&path)
                .unwrap();
        };
        write(100);
        let source = SourcePicture::photo(&path, "a".to_owned());
        let listed = reader.list(source, &mut detector).unwrap();
        assert_eq!((listed.name.as_str(), listed.subjects), ("a.png", 2));
        let again = reader.again(&listed, &mut detector).unwrap();
        assert_eq!(again.subjects.len(), 2);
        write(101);
        let error = reader.again(&listed, &mut detector).err().unwrap();
        assert!(error.to_string().contains("has changed since"), "{error}");
        std::fs::remove_file(&path).unwrap();
        assert!(reader.again(&listed, &mut detector).is_err());
    }
}
