//! Scores and detections of heads whose values are known.

use super::*;
use crate::detect::HeadGrid;
use ndarray::{Array2, arr2};
use std::sync::LazyLock;

/// Background, dog, cat, an id that was never trained, cow.
fn manifest(activation: &str) -> Manifest {
    let text = format!(
        r#"
kind = "ssd"
name = "a_net"
labels = ["background", "dog", "cat", "", "cow"]
input = {{ colour = "rgb", mean = [0, 0, 0], std = [1, 1, 1], resize = "bilinear" }}
output = {{ classes = "c", offsets = "o", offset_order = ["cx", "cy", "w", "h"], activation = "{activation}" }}
default_boxes = {{ generator = "tensorflow", aspect_ratios = [1.0] }}
"#
    );
    Manifest::parse(&text, "a.toml").unwrap()
}

const THRESHOLDS: Thresholds = Thresholds {
    score: 0.5,
    iou: 0.5,
};

/// Four default boxes: two that all but coincide, one elsewhere, one over the edge.
fn boxes() -> Vec<DefaultBox> {
    [(0.3, 0.2), (0.31, 0.2), (0.7, 0.2), (0.95, 0.2)]
        .map(|(cx, w)| DefaultBox {
            cx,
            cy: 0.5,
            w,
            h: 0.4,
        })
        .to_vec()
}

/// A cell for each.
static LAYOUT: LazyLock<HeadLayout> = LazyLock::new(|| {
    let grid = HeadGrid {
        rows: 1,
        cols: 4,
        shapes: 1,
    };
    HeadLayout { heads: vec![grid] }
});

/// (default box, class) of each detection.
fn found(logits: &Array2<f32>, offsets: &Array2<f32>, manifest: &Manifest) -> Vec<(usize, usize)> {
    let boxes = boxes();
    let predictions =
        Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, manifest).unwrap();
    predictions
        .detections(THRESHOLDS)
        .iter()
        .map(|d| (d.default_box, d.class.0))
        .collect()
}

fn close(found: f32, expected: f32) -> bool {
    (found - expected).abs() < 1e-6
}

#[test]
fn sigmoid_classes_are_detected_each_by_itself() {
    let manifest = manifest("sigmoid");
    let boxes = boxes();
    // At box 1 the dog is surer than at box 0 and the cat is above the threshold as well; class 3 was never trained.
    let logits = arr2(&[
        [3.0, 1.0, -1.0, 5.0, -2.0],
        [-4.0, 2.0, 0.5, 5.0, -2.0],
        [9.0, -3.0, -3.0, 5.0, -0.1],
        [0.0, -3.0, -3.0, 5.0, 3.0],
    ]);
    let mut offsets = Array2::zeros((4, 4));
    offsets[[1, 1]] = 2.5;
    let predictions =
        Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
    let found = predictions.detections(THRESHOLDS);
    let which: Vec<_> = found.iter().map(|d| (d.default_box, d.class.0)).collect();
    assert_eq!(which, [(3, 4), (1, 1), (1, 2)]);

    let dog = &found[1];
    assert!(close(dog.score, 0.880_797));
    assert_eq!(dog.logits, [-4.0, 2.0, 0.5, 5.0, -2.0]);
    assert_eq!(dog.offsets, [0.0, 2.5, 0.0, 0.0]);
    // .31 ± .1 and .5 + 2.5·.1·.4 ± .2.
    assert!(
        dog.rect
            .edges()
            .iter()
            .zip([0.21, 0.4, 0.41, 0.8])
            .all(|(&f, e)| close(f, e)),
        "{:?}",
        dog.rect
    );
    let (class, score) = dog.runner_up.unwrap();
    assert!(class == ClassId(2) && close(score, 0.622_459_3));
    assert_eq!(found[2].runner_up.unwrap().0, ClassId(1));
    // The cow's box reaches over the right edge.
    assert!(
        found[0]
            .rect
            .edges()
            .iter()
            .zip([0.85, 0.3, 1.0, 0.7])
            .all(|(&f, e)| close(f, e))
    );
}

#[test]
fn without_a_background_the_first_class_is_one_like_the_others() {
    for activation in ["sigmoid", "softmax"] {
        let mut manifest = manifest(activation);
        let offsets = Array2::zeros((4, 4));
        let logits = arr2(&[
            [8.0, 1.5, -9.0, -9.0, -9.0],
            [-9.0, -9.0, -9.0, -9.0, 7.0],
            [-9.0; 5],
            [1.0, 6.0, -9.0, -9.0, -9.0],
        ]);
        let boxes = boxes();
        let best = |manifest: &Manifest, at: usize| {
            let predictions =
                Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, manifest).unwrap();
            let found = predictions.describe(at).unwrap();
            [Some(found.class), found.runner_up.map(|(class, _)| class)]
        };
        let class = |k: usize| Some(ClassId(k));
        assert_eq!(best(&manifest, 0)[0], class(1));
        assert_ne!(best(&manifest, 3)[1], class(0));
        manifest.output.background = None;
        assert_eq!(best(&manifest, 0), [class(0), class(1)]);
        assert_eq!(best(&manifest, 3), [class(1), class(0)]);
        let found = found(&logits, &offsets, &manifest);
        assert!(found.contains(&(0, 0)), "{activation} {found:?}");
    }
}

#[test]
fn softmax_classes_share_one_sum() {
    let manifest = manifest("softmax");
    let offsets = Array2::zeros((4, 4));
    let logits = arr2(&[
        [5.0, 4.9, 0.0, 0.0, 0.0],
        [0.0, 4.0, 1.0, 0.0, 0.0],
        [0.0, 0.0, 2.0, 9.0, 0.0],
        [200.0, 0.0, 0.0, 0.0, 190.0],
    ]);
    assert_eq!(found(&logits, &offsets, &manifest), [(1, 1)]);
    let boxes = boxes();
    let predictions =
        Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
    let dog = predictions.describe(1).unwrap();
    // e⁴ and e over e⁴ + e + 3.
    assert!(
        close(dog.score, 0.905_195_2) && close(dog.runner_up.unwrap().1, 0.045_067_0),
        "{dog:?}"
    );
}

#[test]
fn a_threshold_of_nought_lets_all_in_and_the_manifest_limits_how_many() {
    let mut manifest = manifest("sigmoid");
    let boxes = boxes();
    let logits = Array2::from_shape_fn((4, 5), |(d, k)| (d * 5 + k) as f32 / 10.0 - 3.0);
    let offsets = Array2::zeros((4, 4));
    let count = |manifest: &Manifest, score| {
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, manifest).unwrap();
        predictions.detections(Thresholds { score, iou: 1.0 }).len()
    };
    assert_eq!(count(&manifest, 0.0), 12);
    assert_eq!(count(&manifest, 1.0), 0);
    manifest.detection.max_detections = 5;
    assert_eq!(count(&manifest, 0.0), 5);
}

#[test]
fn the_best_match_is_sure_and_at_the_place() {
    let manifest = manifest("sigmoid");
    let boxes = boxes();
    let mut logits = Array2::from_elem((4, 5), -6.0);
    (logits[[1, 1]], logits[[2, 1]]) = (0.0, 3.0);
    let offsets = Array2::zeros((4, 4));
    let predictions =
        Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
    let rects = [1, 2].map(|at| predictions.describe(at).unwrap().rect);
    let best = |worth: &dyn Fn(f32) -> f32| {
        let found = predictions.matching(&rects[0], ClassId(1), worth);
        found.unwrap()
    };
    let scores = [0.5, 1.0 / (1.0 + (-3.0_f32).exp())];
    let elsewhere = rects[0].iou(&rects[1]) * scores[1];
    assert!((best(&|overlap| overlap) - elsewhere.max(scores[0])).abs() < 1e-6);
    assert!((best(&|_| 1.0) - scores[1]).abs() < 1e-6);
    assert!((best(&|overlap| f32::from(u8::from(overlap > 0.99))) - scores[0]).abs() < 1e-6);
    let none = predictions.matching(&Rect::new(0.0, 0.0, 0.0, 0.0), ClassId(1), |o| o);
    assert_eq!(none.unwrap(), 0.0);
    assert!(predictions.matching(&rects[0], ClassId(9), |o| o).is_err());
}

#[test]
fn any_default_box_can_be_described() {
    let manifest = manifest("sigmoid");
    let boxes = boxes();
    let mut logits = Array2::from_elem((4, 5), -6.0);
    logits
        .row_mut(2)
        .assign(&ndarray::arr1(&[8.0, -3.0, -2.0, 4.0, -5.0]));
    logits.row_mut(3).fill(f32::NAN);
    let offsets = Array2::zeros((4, 4));
    let predictions =
        Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
    assert!(predictions.detections(THRESHOLDS).is_empty());
    let cat = predictions.describe(2).unwrap();
    assert_eq!(
        (cat.default_box, cat.class, cat.runner_up.unwrap().0),
        (2, ClassId(2), ClassId(1))
    );
    assert!(close(cat.score, 0.119_202_92));
    assert!(
        predictions
            .describe(3)
            .unwrap_err()
            .to_string()
            .contains("no trained class")
    );
    let error = predictions.describe(4).unwrap_err().to_string();
    assert_eq!(
        error,
        "there is no default box 4: this model has 4, numbered from 0"
    );
}

#[test]
fn a_detection_is_described_as_it_was_detected() {
    for activation in ["sigmoid", "softmax"] {
        let manifest = manifest(activation);
        let boxes = boxes();
        let logits = arr2(&[
            [0.0, 5.0, 1.0, 0.0, 2.0],
            [0.0; 5],
            [0.0, -1.0, 3.0, 0.0, 4.0],
            [0.0; 5],
        ]);
        let offsets = Array2::from_shape_fn((4, 4), |(d, q)| d as f32 - q as f32);
        let predictions =
            Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest).unwrap();
        for (default_box, class) in [(0, 1), (2, 4)] {
            let described = predictions.describe(default_box).unwrap();
            let detected = predictions.detections(THRESHOLDS);
            let detected = detected
                .iter()
                .find(|d| (d.default_box, d.class.0) == (default_box, class));
            assert_eq!(detected, Some(&described));
        }
    }
}

#[test]
fn broken_numbers_are_no_detections() {
    for activation in ["sigmoid", "softmax"] {
        let manifest = manifest(activation);
        let mut logits = Array2::from_elem((4, 5), -5.0);
        logits.column_mut(1).fill(8.0);
        logits[[1, 1]] = f32::NAN;
        let mut offsets = Array2::zeros((4, 4));
        offsets[[2, 2]] = f32::NAN;
        offsets[[3, 0]] = f32::INFINITY;
        assert_eq!(
            found(&logits, &offsets, &manifest),
            [(0, 1)],
            "{activation}"
        );
    }
}

#[test]
fn outputs_that_do_not_fit_the_manifest_are_an_error() {
    let (manifest, boxes) = (manifest("sigmoid"), boxes());
    let error = |logits: (usize, usize), offsets: (usize, usize)| {
        let (logits, offsets) = (Array2::zeros(logits), Array2::zeros(offsets));
        Predictions::new(logits.view(), offsets.view(), &boxes, &LAYOUT, &manifest)
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        error((4, 6), (4, 4)),
        "output \"c\": expected [1, 4, 5] (4 default boxes, 5 labels in the manifest), found [1, 4, 6]"
    );
    assert_eq!(
        error((4, 5), (3, 4)),
        "output \"o\": expected [1, 4, 4] (4 default boxes), found [1, 3, 4]"
    );
}

#[test]
fn a_score_that_is_no_number_is_never_the_strongest() {
    for activation in ["sigmoid", "softmax"] {
        let (manifest, boxes, offsets) = (manifest(activation), boxes(), Array2::zeros((4, 4)));
        let none = f32::NAN;
        let strongest = |logits: &Array2<f32>, class| {
            let (logits, offsets) = (logits.view(), offsets.view());
            let predictions = Predictions::new(logits, offsets, &boxes, &LAYOUT, &manifest);
            predictions.unwrap().strongest(ClassId(class))
        };
        // Boxes 0 and 2 say nothing, and of equals the first wins.
        let logits = arr2(&[
            [none; 5],
            [1.0, -2.0, -1.0, 0.0, -3.0],
            [0.0, none, none, 0.0, none],
            [1.0, -2.0, -1.0, 0.0, -3.0],
        ]);
        let dog = strongest(&logits, 1).unwrap();
        assert_eq!((dog.default_box, dog.class), (1, ClassId(1)));
        assert_eq!(dog.runner_up.unwrap().0, ClassId(2));
        let words = |logits, class| strongest(logits, class).unwrap_err().to_string();
        for never in [0, 3, 5] {
            let expected = format!("class {never} cannot be detected with this model");
            assert_eq!(words(&logits, never), expected);
        }
        let nothing = Array2::from_elem((4, 5), none);
        assert_eq!(
            words(&nothing, 1),
            "class 1 has a score that is a number nowhere"
        );
    }
}
