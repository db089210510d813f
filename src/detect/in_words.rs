//! Detections for people: a detection or several in, "dog 0.93 at 130,221 – 310,543, cat 0.71 at …" out.

use super::detection::Detection;
use super::labels::Labels;
use crate::geometry::{Pixel, Rect, Size};

/// How many detections a list names.
const LISTED: usize = 6;

impl Detection {
    /// "dog 0.93".
    pub fn words(&self, labels: &Labels) -> String {
        scored(&labels.name(self.class), self.score)
    }

    /// The same of what was asked about, though it was not detected: "asked: zebra 0.01".
    pub fn asked_words(&self, labels: &Labels) -> String {
        asked(&self.words(labels))
    }
}

/// What stands at a box that was asked about, though nothing was detected there as that.
pub fn asked(words: &str) -> String {
    format!("asked: {words}")
}

/// A label with its score: "dog 0.93".
pub fn scored(label: &str, score: f32) -> String {
    format!("{label} {score:.2}")
}

/// The left upper and the right lower corner in whole pixels: "130,221 – 310,543".
pub fn corners(rect: Rect<Pixel>) -> String {
    let [x0, y0, x1, y1] = rect.edges();
    format!("{x0:.0},{y0:.0} – {x1:.0},{y1:.0}")
}

/// The first of the detections of a picture of this size in half a sentence, and how many more there are.
pub fn list(detections: &[Detection], labels: &Labels, size: Size) -> String {
    let listed = detections.iter().take(LISTED).map(|detection| {
        let place = corners(detection.rect.in_pixels(size));
        format!("{} at {place}", detection.words(labels))
    });
    let mut words: Vec<String> = listed.collect();
    if let Some(more @ 1..) = detections.len().checked_sub(LISTED) {
        words.push(format!("{more} more"));
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::ClassId;

    #[test]
    fn a_list_names_six_detections_and_counts_the_others() {
        let labels: Labels = ["background", "dog"].into_iter().collect();
        let dog = Detection {
            class: ClassId(1),
            score: 0.926,
            rect: Rect::new(0.1, 0.25, 0.504, 1.0),
            default_box: 0,
            logits: vec![],
            objectness: None,
            offsets: [0.0; 4],
            runner_up: None,
        };
        let words = |count| list(&vec![dog.clone(); count], &labels, Size::new(100, 40));
        let one = "dog 0.93 at 10,10 – 50,40";
        assert_eq!(words(0), "");
        assert_eq!(words(1), one);
        assert_eq!(words(6), [one; 6].join(", "));
        assert_eq!(words(8), format!("{}, 2 more", [one; 6].join(", ")));
    }
}
