//! Rows of one method summed up over detections.

use serde::Serialize;

use super::field::FieldScores;
use super::judge::DetectionScores;
use super::statistics::{Mean, median};

/// The field's measures of a method, over all detections that have them.
#[derive(Clone, Debug, Serialize)]
pub struct FieldSummary {
    /// Area under the deletion curve of score × overlap; lower is better.
    pub deletion: Mean,
    /// Area under the insertion curve; higher is better.
    pub insertion: Mean,
    /// Insertion minus deletion.
    pub overall: Mean,
    /// Area under the curve of ODAM's deletion; lower is better.
    pub odam_deletion: Mean,
    /// Share of the maps that point at the detection's box.
    pub pointing: Mean,
    /// The same for the true box.
    pub true_pointing: Option<Mean>,
    /// Share of the positive relevance in the true box.
    pub true_energy: Option<Mean>,
    /// Object discrimination index; lower is better.
    pub discrimination: Option<Mean>,
    /// Largest over mean positive relevance.
    pub sparsity: Option<Mean>,
    /// Cosine with the map of the noisy picture; higher is better.
    pub repeatability: Mean,
}

impl FieldSummary {
    fn of(rows: &[&DetectionScores], seed: u64) -> Option<Self> {
        let all = |value: &dyn Fn(&FieldScores) -> Option<f64>| {
            let values = rows.iter().filter_map(|row| value(&row.field));
            Mean::of(&values.collect::<Vec<f64>>(), seed)
        };
        Some(Self {
            deletion: all(&|field| Some(field.deletion_auc()))?,
            insertion: all(&|field| Some(field.insertion_auc()))?,
            overall: all(&|field| Some(field.overall()))?,
            odam_deletion: all(&|field| Some(field.odam_deletion_auc()))?,
            pointing: all(&|field| Some(f64::from(field.pointing)))?,
            true_pointing: all(&|field| Some(f64::from(field.truth?.pointing))),
            true_energy: all(&|field| Some(field.truth?.energy)),
            discrimination: all(&|field| field.discrimination),
            sparsity: all(&|field| field.sparsity),
            repeatability: all(&|field| Some(field.repeatability))?,
        })
    }
}

/// A method over all detections, with bootstrap intervals of 95 %.
#[derive(Clone, Debug, Serialize)]
pub struct MethodSummary {
    /// The method.
    pub method: String,
    /// The number of detections.
    pub detections: usize,
    /// Deletion scores in the quantities' own units, in the order of [`Column::of`](super::Column::of) the model.
    pub deletion: Vec<Mean>,
    /// Deletion scores as shares of |initial value|.
    pub relative: Vec<Mean>,
    /// By how much the first method's deletion scores are higher at the same detections, in the quantities' own units.
    pub behind_first: Vec<Mean>,
    /// Share of the detections whose map passes its check, 0 to 1, in the same order.
    pub checked: Vec<Mean>,
    /// Cosine of the two best classes' maps under the mean.
    pub cosine: Mean,
    /// Spearman's rank correlation of the same.
    pub spearman: Mean,
    /// Cosine of the two best classes' maps without a contrast, for methods that do without one.
    pub plain_cosine: Option<Mean>,
    /// Spearman's rank correlation of the same.
    pub plain_spearman: Option<Mean>,
    /// Share of Σ|R| in the box.
    pub energy: Mean,
    /// Share of the positive relevance in the box.
    pub positive_energy: Mean,
    /// The field's measures of the same map.
    pub field: FieldSummary,
    /// Median time of a map, milliseconds.
    pub millis: f64,
}

impl MethodSummary {
    /// One summary a method, in the order in which methods first appear in `rows`.
    pub fn of(rows: &[DetectionScores], seed: u64) -> Vec<Self> {
        let mut methods: Vec<&str> = Vec::new();
        for row in rows {
            if !methods.contains(&row.method.as_str()) {
                methods.push(&row.method);
            }
        }
        let of_method = |method: &str| -> Vec<&DetectionScores> {
            rows.iter().filter(|row| row.method == method).collect()
        };
        let first = methods.first().map_or(vec![], |method| of_method(method));
        methods
            .into_iter()
            .filter_map(|method| Self::of_method(method, &of_method(method), &first, seed))
            .collect()
    }

    /// `first` are the first method's rows for the same detections.
    fn of_method(
        method: &str,
        rows: &[&DetectionScores],
        first: &[&DetectionScores],
        seed: u64,
    ) -> Option<Self> {
        let mean = |value: &dyn Fn(&DetectionScores) -> f64| {
            let values: Vec<f64> = rows.iter().map(|row| value(row)).collect();
            Mean::of(&values, seed)
        };
        let plain = |value: &dyn Fn(&DetectionScores) -> Option<f64>| {
            let values: Vec<f64> = rows.iter().filter_map(|row| value(row)).collect();
            Mean::of(&values, seed)
        };
        let deletion = |column: usize| mean(&|row| row.deletion[column].score());
        let relative = |column: usize| mean(&|row| row.deletion[column].relative());
        let behind = |column: usize| {
            let score = |row: &DetectionScores| row.deletion[column].score();
            let pairs = first.iter().zip(rows);
            let values: Vec<f64> = pairs.map(|(a, b)| score(a) - score(b)).collect();
            Mean::of(&values, seed)
        };
        let checked = |column: usize| mean(&|row| f64::from(row.checked[column]));
        let columns = || 0..rows.first().map_or(0, |row| row.deletion.len());
        let millis: Vec<f64> = rows.iter().map(|row| row.millis).collect();
        Some(Self {
            method: method.to_owned(),
            detections: rows.len(),
            deletion: columns().map(deletion).collect::<Option<_>>()?,
            relative: columns().map(relative).collect::<Option<_>>()?,
            behind_first: columns().map(behind).collect::<Option<_>>()?,
            checked: columns().map(checked).collect::<Option<_>>()?,
            cosine: mean(&|row| row.separation.mean.cosine)?,
            spearman: mean(&|row| row.separation.mean.spearman)?,
            plain_cosine: plain(&|row| row.separation.plain.map(|s| s.cosine)),
            plain_spearman: plain(&|row| row.separation.plain.map(|s| s.spearman)),
            energy: mean(&|row| row.energy)?,
            positive_energy: mean(&|row| row.positive_energy)?,
            field: FieldSummary::of(rows, seed)?,
            millis: median(&millis)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::deletion::Curve;
    use crate::evaluate::{Separation, Similarity};

    fn row(method: &str, score: f64) -> DetectionScores {
        let curve = |factor: f64| Curve {
            initial: 10.0 * factor,
            most: vec![0.0],
            least: vec![score * factor],
        };
        DetectionScores {
            method: method.to_owned(),
            image: "a.jpg".to_owned(),
            label: "dog".to_owned(),
            score: 0.9,
            default_box: 7,
            offset: Some("w+".to_owned()),
            deletion: vec![curve(1.0), curve(2.0), curve(-1.0)],
            checked: vec![score > 2.0, true, false],
            separation: Separation {
                mean: Similarity {
                    cosine: score / 10.0,
                    spearman: 0.5,
                },
                plain: None,
            },
            energy: 0.25,
            positive_energy: 0.75,
            field: FieldScores {
                deletion: vec![1.0, 0.0],
                insertion: vec![0.0, score / 10.0],
                odam_deletion: vec![1.0, 0.5],
                pointing: score > 2.0,
                truth: None,
                discrimination: (score > 2.0).then_some(0.25),
                sparsity: None,
                repeatability: 1.0,
            },
            millis: score,
        }
    }

    #[test]
    fn methods_are_summed_up_apart_and_in_order() {
        let rows = [row("b", 1.0), row("a", 8.0), row("b", 5.0), row("a", 2.0)];
        let summaries = MethodSummary::of(&rows, 3);
        let [b, a] = &summaries[..] else {
            panic!("{summaries:?}")
        };
        assert_eq!((b.method.as_str(), b.detections), ("b", 2));
        let means: Vec<f64> = b.deletion.iter().map(|mean| mean.mean).collect();
        assert_eq!(means, [3.0, 6.0, -3.0]);
        assert!((b.relative[2].mean + 0.3).abs() < 1e-12);
        assert!((b.cosine.mean - 0.3).abs() < 1e-12 && b.plain_cosine.is_none());
        let shares: Vec<f64> = b.checked.iter().map(|mean| mean.mean).collect();
        assert_eq!(shares, [0.5, 1.0, 0.0]);
        let field = &b.field;
        assert_eq!((field.deletion.mean, field.odam_deletion.mean), (0.5, 0.75));
        assert!((field.overall.mean - (0.15 - 0.5)).abs() < 1e-12);
        assert_eq!(field.pointing.mean, 0.5);
        // Of the one detection that has it.
        assert_eq!(field.discrimination.map(|mean| mean.mean), Some(0.25));
        assert!(field.sparsity.is_none() && field.true_energy.is_none());
        // 1 − 8 and 5 − 2; resamples of two lie between.
        let behind = a.behind_first[0];
        assert_eq!((behind.low, behind.mean, behind.high), (-7.0, -2.0, 3.0));
        assert!(b.behind_first.iter().all(|mean| mean.high == 0.0));
        assert_eq!(b.millis, 3.0);
        assert!(MethodSummary::of(&[], 0).is_empty());
    }
}
