//! Whether a manifest's values make sense. Each error names the field, what was expected and what was found.

use std::collections::HashMap;

use anyhow::{Result, bail, ensure};

use super::{
    AnchorBoxes, DefaultBoxes, DetectionSettings, Input, Kind, Labels, Manifest, Offset, Output,
    PriorBoxes, TensorFlowBoxes,
};

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
        match &self.default_boxes {
            DefaultBoxes::Whole if self.kind == Kind::Classifier => {}
            _ if self.kind == Kind::Classifier => {
                bail!("[default_boxes]: a classifier has none, leave the table out")
            }
            DefaultBoxes::Anchors(boxes) => boxes.validate()?,
            _ if self.kind == Kind::Yolo => {
                bail!("[default_boxes] generator: expected \"anchors\" for a YOLO")
            }
            DefaultBoxes::Whole => bail!(
                "[default_boxes] generator: expected \"tensorflow\", \"prior-box\" or \"anchors\" for a detector"
            ),
            DefaultBoxes::TensorFlow(boxes) => boxes.validate()?,
            DefaultBoxes::PriorBox(boxes) => boxes.validate()?,
        }
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

impl TensorFlowBoxes {
    fn validate(&self) -> Result<()> {
        let positive = |field: &str, value: f32| {
            ensure!(
                value.is_finite() && value > 0.0,
                "[default_boxes] {field}: expected a positive number, found {value}"
            );
            Ok(())
        };
        positive("min_scale", self.min_scale)?;
        positive("max_scale", self.max_scale)?;
        ensure!(
            self.max_scale >= self.min_scale,
            "[default_boxes] max_scale: expected at least min_scale ({}), found {}",
            self.min_scale,
            self.max_scale
        );
        ensure!(
            !self.aspect_ratios.is_empty(),
            "[default_boxes] aspect_ratios: expected at least one, found none"
        );
        for (i, &ratio) in self.aspect_ratios.iter().enumerate() {
            positive(&format!("aspect_ratios[{i}]"), ratio)?;
        }
        let interpolated = self.interpolated_scale_aspect_ratio;
        ensure!(
            interpolated.is_finite() && interpolated >= 0.0,
            "[default_boxes] interpolated_scale_aspect_ratio: expected a positive number, or 0 for no such box, found {interpolated}"
        );
        Ok(())
    }
}

impl PriorBoxes {
    fn validate(&self) -> Result<()> {
        let heads = self.sizes.len();
        ensure!(
            heads > 0,
            "[default_boxes] sizes: expected one pair a head, found none"
        );
        let steps = self.steps.as_ref().map_or(heads, Vec::len);
        for (field, count) in [
            ("aspect_ratios", self.aspect_ratios.len()),
            ("steps", steps),
        ] {
            ensure!(
                count == heads,
                "[default_boxes] {field}: expected one entry a head, as sizes has ({heads}), found {count}"
            );
        }
        let positive = |field: &str, value: f32| {
            ensure!(
                value.is_finite() && value > 0.0,
                "[default_boxes] {field}: expected a positive number, found {value}"
            );
            Ok(())
        };
        for (head, sizes) in self.sizes.iter().enumerate() {
            ensure!(
                (1..=2).contains(&sizes.len()),
                "[default_boxes] sizes[{head}]: expected one size or two, found {}",
                sizes.len()
            );
            for &size in sizes {
                positive(&format!("sizes[{head}]"), size)?;
            }
        }
        for (head, ratios) in self.aspect_ratios.iter().enumerate() {
            for &ratio in ratios {
                positive(&format!("aspect_ratios[{head}]"), ratio)?;
            }
        }
        for (head, &step) in self.steps.iter().flatten().enumerate() {
            positive(&format!("steps[{head}]"), step)?;
        }
        ensure!(
            (0.0..=1.0).contains(&self.offset),
            "[default_boxes] offset: expected a number from 0 to 1, found {}",
            self.offset
        );
        Ok(())
    }
}

impl AnchorBoxes {
    fn validate(&self) -> Result<()> {
        ensure!(
            !self.sizes.is_empty(),
            "[default_boxes] sizes: expected a list of [width, height] a head, found none"
        );
        for (head, sizes) in self.sizes.iter().enumerate() {
            for &size in sizes.iter().flatten() {
                ensure!(
                    size.is_finite() && size > 0.0,
                    "[default_boxes] sizes[{head}]: expected a positive number, found {size}"
                );
            }
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
    fn prior_boxes_have_one_entry_a_head() {
        let tensorflow = "generator = \"tensorflow\"\nmin_scale = 0.2\nmax_scale = 0.95\naspect_ratios = [1.0, 2.0, 0.5, 3.0, 0.3333]\n\
            interpolated_scale_aspect_ratio = 1.0\nreduce_boxes_in_lowest_layer = true\n";
        for (fields, message) in [
            (
                "sizes = []\naspect_ratios = []",
                "sizes: expected one pair a head, found none",
            ),
            (
                "sizes = [[30, 60], [60, 111]]\naspect_ratios = [[2]]",
                "aspect_ratios: expected one entry a head, as sizes has (2), found 1",
            ),
            (
                "sizes = [[30, 60]]\naspect_ratios = [[2]]\nsteps = [8, 16]",
                "steps: expected one entry a head, as sizes has (1), found 2",
            ),
            (
                "sizes = [[30, 60, 90]]\naspect_ratios = [[2]]",
                "sizes[0]: expected one size or two, found 3",
            ),
            (
                "sizes = [[30]]\naspect_ratios = [[2, -2]]",
                "aspect_ratios[0]: expected a positive number, found -2",
            ),
            (
                "sizes = [[30]]\naspect_ratios = [[2]]\noffset = 8",
                "offset: expected a number from 0 to 1, found 8",
            ),
        ] {
            let found = error(
                tensorflow,
                &format!("generator = \"prior-box\"\n{fields}\n"),
            );
            assert_eq!(found, format!("a.toml: [default_boxes] {message}"));
        }
    }

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
