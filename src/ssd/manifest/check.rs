//! Whether a manifest's values make sense. Each error names the field, what was expected and what was found.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};

use super::{DetectionSettings, Input, Kind, Labels, Manifest, Offset, Output};

/// Channels that vary less than this, of 255, are no picture's: the division would only blow up rounding.
const MIN_STD: f32 = 1e-6;

impl Manifest {
    /// Checks what the types alone do not ensure.
    pub(super) fn validate(&self) -> Result<()> {
        ensure!(
            !self.name.is_empty(),
            "name: expected the model's name, found \"\""
        );
        one_line("name", &self.name)?;
        if let Some(licence) = &self.licence {
            one_line("licence", licence)?;
        }
        self.labels.validate()?;
        self.input.validate()?;
        self.output.validate(self.kind)?;
        ensure!(
            self.output.background < self.labels.len(),
            "[output] background: expected a class id below the number of labels ({}), found {}",
            self.labels.len(),
            self.output.background
        );
        self.default_boxes.validate(self.kind)?;
        self.detection.validate()
    }
}

impl Labels {
    fn validate(&self) -> Result<()> {
        ensure!(
            !self.is_empty(),
            "labels: expected one per class id, found none"
        );
        let mut classes = HashMap::new();
        for (class, label) in self.iter().enumerate() {
            one_line(&format!("labels[{class}]"), label)?;
            let earlier = classes.insert(label, class);
            if let Some(earlier) = earlier.filter(|_| !label.is_empty()) {
                bail!(
                    "labels[{class}]: expected another name than labels[{earlier}], found \"{label}\" for both"
                );
            }
        }
        Ok(())
    }
}

/// Fails for a text that would break the line that it is printed in, or take over the terminal.
fn one_line(field: &str, text: &str) -> Result<()> {
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        bail!(
            "{field}: expected text without control characters, found '{}'",
            control.escape_debug()
        );
    }
    Ok(())
}

impl Input {
    fn validate(&self) -> Result<()> {
        for side in self.size.iter().flatten() {
            ensure!(
                (1..=8192).contains(side),
                "[input] size: expected width and height from 1 to 8192, found {side}"
            );
        }
        for (i, (&mean, &std)) in self.mean.iter().zip(&self.std).enumerate() {
            ensure!(
                mean.is_finite(),
                "[input] mean[{i}]: expected a finite number, found {mean}"
            );
            ensure!(
                std.is_finite() && std >= MIN_STD,
                "[input] std[{i}]: expected a positive finite number, at least 0.000001, found {std}"
            );
        }
        Ok(())
    }
}

impl Output {
    fn validate(&self, kind: Kind) -> Result<()> {
        let is_yolo = kind == Kind::Yolo;
        for (field, name, has) in [
            ("classes", &self.classes, !is_yolo),
            ("offsets", &self.offsets, kind == Kind::Ssd),
        ] {
            let whose = if is_yolo { "YOLO" } else { "classifier" };
            ensure!(
                name.is_empty() || has,
                "[output] {field}: a {whose} has none, leave the line out"
            );
            ensure!(
                !name.is_empty() || !has,
                "[output] {field}: expected the name of an output of the graph, found \"\""
            );
        }
        ensure!(
            self.heads.is_empty() || is_yolo,
            "[output] heads: only a YOLO's are named, leave the line out"
        );
        ensure!(
            !is_yolo || !self.heads.is_empty(),
            "[output] heads: expected the names of a YOLO's last convolutions, found none"
        );
        for (field, tensors) in [
            ("classes", &self.classes),
            ("heads", &self.heads),
            ("offsets", &self.offsets),
        ] {
            let names = tensors.names();
            for (i, name) in names.iter().enumerate() {
                ensure!(
                    !name.is_empty(),
                    "[output] {field}[{i}]: expected the name of a tensor of the graph, found \"\""
                );
                ensure!(
                    !names[..i].contains(name),
                    "[output] {field}: expected each head once, found \"{name}\" twice"
                );
            }
        }
        ensure!(
            self.classes.is_empty() || self.classes != self.offsets,
            "[output] offsets: expected another output of the graph than classes, found \"{}\" for both",
            self.offsets
        );
        for offset in Offset::ALL {
            let count = self.offset_order.iter().filter(|&&o| o == offset).count();
            ensure!(
                count == 1,
                "[output] offset_order: expected each of cx, cy, w, h once, found {offset} {count} times"
            );
        }
        for (i, variance) in self.variances.iter().enumerate() {
            ensure!(
                variance.is_finite() && *variance > 0.0,
                "[output] variances[{i}]: expected a positive number, found {variance}"
            );
        }
        Ok(())
    }
}

impl DetectionSettings {
    fn validate(&self) -> Result<()> {
        for (field, value) in [
            ("score_threshold", self.score_threshold),
            ("iou_threshold", self.iou_threshold),
        ] {
            ensure!(
                (0.0..=1.0).contains(&value),
                "[detection] {field}: expected a number from 0 to 1, found {value}"
            );
        }
        ensure!(
            self.max_detections > 0,
            "[detection] max_detections: expected at least 1, found 0"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::ssd::manifest::tests::error;

    #[test]
    fn what_makes_no_sense_names_the_field_and_both_values() {
        for (old, new, message) in [
            (
                "\"a_net\"",
                "\"\"",
                "name: expected the model's name, found \"\"",
            ),
            (
                "labels = [\"background\", \"person\", \"\", \"sheep\"]",
                "labels = []",
                "labels: expected one per class id, found none",
            ),
            (
                "117.5",
                "nan",
                "[input] mean[1]: expected a finite number, found NaN",
            ),
            (
                "\"a_net\"",
                "\"a\\nnet\"",
                "name: expected text without control characters, found '\\n'",
            ),
            (
                "Apache-2.0",
                "\\u0007",
                "licence: expected text without control characters, found '\\u{7}'",
            ),
            (
                "\"sheep\"",
                "\"\\u001b[31msheep\"",
                "labels[3]: expected text without control characters, found '\\u{1b}'",
            ),
            (
                "\"sheep\"",
                "\"person\"",
                "labels[3]: expected another name than labels[1], found \"person\" for both",
            ),
            (
                "std = [127.5",
                "std = [0.0",
                "[input] std[0]: expected a positive finite number, at least 0.000001, found 0",
            ),
            (
                "std = [127.5",
                "std = [-127.5",
                "[input] std[0]: expected a positive finite number, at least 0.000001, found -127.5",
            ),
            (
                "std = [127.5",
                "std = [1e-7",
                "[input] std[0]: expected a positive finite number, at least 0.000001, found 0.0000001",
            ),
            (
                "std = [127.5",
                "std = [inf",
                "[input] std[0]: expected a positive finite number, at least 0.000001, found inf",
            ),
            (
                "\"class_logits\"",
                "\"\"",
                "[output] classes: expected the name of an output of the graph, found \"\"",
            ),
            (
                "\"class_logits\"",
                "\"box_offsets\"",
                "[output] offsets: expected another output of the graph than classes, found \"box_offsets\" for both",
            ),
            (
                "\"cx\", \"h\"",
                "\"cy\", \"h\"",
                "[output] offset_order: expected each of cx, cy, w, h once, found cx 0 times",
            ),
            (
                "background = 0",
                "background = 4",
                "[output] background: expected a class id below the number of labels (4), found 4",
            ),
            (
                "[0.1, 0.2]",
                "[0.1, -0.2]",
                "[output] variances[1]: expected a positive number, found -0.2",
            ),
            (
                "min_scale = 0.2",
                "min_scale = inf",
                "[default_boxes] min_scale: expected a positive number, found inf",
            ),
            (
                "min_scale = 0.2",
                "min_scale = 0.99",
                "[default_boxes] max_scale: expected at least min_scale (0.99), found 0.95",
            ),
            (
                "[1.0, 2.0, 0.5, 3.0, 0.3333]",
                "[]",
                "[default_boxes] aspect_ratios: expected at least one, found none",
            ),
            (
                "3.0",
                "0",
                "[default_boxes] aspect_ratios[3]: expected a positive number, found 0",
            ),
            (
                "interpolated_scale_aspect_ratio = 1.0",
                "interpolated_scale_aspect_ratio = -1.0",
                "[default_boxes] interpolated_scale_aspect_ratio: expected a positive number, or 0 for no such box, found -1",
            ),
            (
                "score_threshold = 0.5",
                "score_threshold = 1.5",
                "[detection] score_threshold: expected a number from 0 to 1, found 1.5",
            ),
            (
                "iou_threshold = 0.6",
                "iou_threshold = nan",
                "[detection] iou_threshold: expected a number from 0 to 1, found NaN",
            ),
            (
                "max_detections = 100",
                "max_detections = 0",
                "[detection] max_detections: expected at least 1, found 0",
            ),
        ] {
            assert_eq!(error(old, new), format!("a.toml: {message}"));
        }
    }
}
