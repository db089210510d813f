//! What an evaluation has measured so far: one that was interrupted goes on from there.
//!
//! It is a file beside the JSON, `NAME.json.partial`, in which each line is what one method is worth at one photo. It goes when the JSON is written.

use std::path::Path;

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use ssdcrp::evaluate::DetectionScores;

use super::super::partial_file::{PartialFile, PartialWords};
use super::randomisation::Randomisation;

const WORDS: PartialWords = PartialWords {
    unfinished: "evaluation",
    option: "--json",
};

/// What the numbers depend on besides the photo and the method.
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct EvaluationSettings {
    /// Of this program.
    pub version: &'static str,
    /// A hash of the network and what its manifest says of it.
    pub model: String,
    pub seed: u64,
    /// Judged of each photo at most.
    pub detections: usize,
    pub score_threshold: f32,
    pub iou_threshold: f32,
    /// What deleted blocks become.
    pub deletion: String,
    pub randomise: bool,
    /// What the networks run on, as times depend on it.
    pub execution_provider: String,
    /// Threads of each network.
    pub threads: usize,
    /// A hash of the annotations.
    pub truth: Option<String>,
}

/// One method at one photo.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MeasuredPhoto {
    /// The method as it was asked for.
    pub asked: String,
    /// The photo's name.
    pub image: String,
    /// A hash of the photo as the network reads it.
    pub picture: String,
    pub rows: Vec<DetectionScores>,
    pub randomisation: Option<Randomisation>,
}

impl MeasuredPhoto {
    /// Reads a line of the file.
    ///
    /// # Errors
    /// It is none, or a row of it is not measured in so many `columns`.
    fn read(line: &str, columns: usize) -> Result<Self> {
        let measured: Self = serde_json::from_str(line)?;
        for row in &measured.rows {
            ensure!(
                row.deletion.len() == columns && row.checked.len() == columns,
                "{} columns and {} checks where there are {columns}",
                row.deletion.len(),
                row.checked.len()
            );
        }
        Ok(measured)
    }
}

/// The file, and what was in it at the start.
pub struct Partial {
    file: Option<PartialFile>,
    known: Vec<MeasuredPhoto>,
}

impl Partial {
    /// Opens the file beside `json`, or begins one; without a JSON nothing is kept. Each detection is measured in so many `columns`.
    ///
    /// # Errors
    /// As [`PartialFile::open`].
    pub fn open(
        json: Option<&Path>,
        settings: &EvaluationSettings,
        columns: usize,
    ) -> Result<Self> {
        let read = |line: &str| MeasuredPhoto::read(line, columns);
        let (file, known) = PartialFile::open(json, settings, &WORDS, read)?;
        Ok(Self { file, known })
    }

    /// What was measured before of a method at a photo: another file may have the same pixels, but other annotations and other random numbers.
    pub fn of(&self, asked: &str, image: &str, picture: &str) -> Option<&MeasuredPhoto> {
        let mut known = self.known.iter();
        known.find(|known| known.asked == asked && known.image == image && known.picture == picture)
    }

    /// The name that a method had when it was last measured: that of "masks:time" depends on the day.
    pub fn method(&self, asked: &str) -> Option<&str> {
        let mut of_it = self.known.iter().filter(|known| known.asked == asked);
        of_it.find_map(|known| Some(known.rows.first()?.method.as_str()))
    }

    /// How many lines there were.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Keeps what was just measured.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn add(&mut self, measured: &MeasuredPhoto) -> Result<()> {
        match &mut self.file {
            Some(file) => file.add(measured),
            None => Ok(()),
        }
    }

    /// All is measured and written elsewhere.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn finish(self) -> Result<()> {
        self.file.map_or(Ok(()), PartialFile::finish)
    }
}

#[cfg(test)]
pub mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    fn settings(seed: u64) -> EvaluationSettings {
        EvaluationSettings {
            version: "1",
            model: "abc".to_owned(),
            seed,
            detections: 3,
            score_threshold: 0.3,
            iou_threshold: 0.5,
            deletion: "blurred".to_owned(),
            randomise: false,
            execution_provider: "cpu".to_owned(),
            threads: 2,
            truth: None,
        }
    }

    fn measured(picture: &str) -> MeasuredPhoto {
        MeasuredPhoto {
            asked: "crp".to_owned(),
            image: "a.jpg".to_owned(),
            picture: picture.to_owned(),
            rows: Vec::new(),
            randomisation: None,
        }
    }

    /// A row that has lost its checks.
    pub fn row() -> DetectionScores {
        let similarity = json!({"cosine": 1.0, "spearman": 1.0});
        let curve = json!({"initial": 1.0, "most": [0.0], "least": [1.0]});
        let row = json!({
            "method": "crp", "image": "a.jpg", "label": "dog", "score": 0.9, "default_box": 7, "offset": "w+",
            "deletion": [curve, curve, curve], "checked": [], "separation": {"mean": similarity, "plain": null},
            "energy": 0.5, "positive_energy": 0.5, "millis": 1.0,
            "field": {
                "deletion": [1.0, 0.0], "insertion": [0.0, 1.0], "odam_deletion": [1.0, 0.0], "pointing": true,
                "truth": null, "discrimination": null, "sparsity": null, "repeatability": 1.0
            }
        });
        serde_json::from_value(row).unwrap()
    }

    #[test]
    fn what_was_measured_is_there_again_and_goes_in_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("scores.json");
        let mut partial = Partial::open(Some(&json), &settings(7), 3).unwrap();
        partial.add(&measured("1")).unwrap();
        partial.add(&measured("2")).unwrap();
        drop(partial);
        let path = folder.path().join("scores.json.partial");
        let mut partial = Partial::open(Some(&json), &settings(7), 3).unwrap();
        assert_eq!(partial.len(), 2);
        assert!(partial.of("crp", "a.jpg", "2").is_some());
        for (asked, image, picture) in [
            ("crp", "a.jpg", "3"),
            ("odam", "a.jpg", "2"),
            // A copy of the same pixels.
            ("crp", "b.jpg", "2"),
        ] {
            assert!(partial.of(asked, image, picture).is_none(), "{asked}");
        }
        partial.add(&measured("3")).unwrap();
        drop(partial);
        let partial = Partial::open(Some(&json), &settings(7), 3).unwrap();
        assert_eq!(partial.len(), 3);
        partial.finish().unwrap();
        assert!(!path.exists());
        let nowhere = Partial::open(None, &settings(7), 3).unwrap();
        nowhere.finish().unwrap();
    }

    #[test]
    fn a_changed_setting_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let json = folder.path().join("scores.json");
        drop(Partial::open(Some(&json), &settings(7), 3).unwrap());
        let error = |settings: &EvaluationSettings| {
            let error = Partial::open(Some(&json), settings, 3).err().unwrap();
            format!("{error:#}")
        };
        assert!(error(&settings(8)).contains("its seed was 7, now it is 8; ask as before"));
        let other = EvaluationSettings {
            score_threshold: 0.25,
            ..settings(7)
        };
        assert!(error(&other).contains("its score-threshold was "));
        fs::write(folder.path().join("scores.json.partial"), "hello\n").unwrap();
        assert!(error(&settings(7)).contains("it is no unfinished evaluation"));
        let mut text = serde_json::to_value(settings(7)).unwrap().to_string();
        text += "\n";
        let mut damaged = measured("1");
        damaged.rows.push(row());
        for line in ["{}".to_owned(), serde_json::to_string(&damaged).unwrap()] {
            let text = format!("{text}{line}\n");
            fs::write(folder.path().join("scores.json.partial"), text).unwrap();
            let error = error(&settings(7));
            assert!(error.contains("line 2 is damaged"), "{error}");
        }
        assert!(error(&settings(7)).contains("3 columns and 0 checks where there are 3"));
    }
}
