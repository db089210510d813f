//! Whether a manifest's values make sense. Each error names the field, what was expected and what was found.

use std::collections::HashMap;

use super::{
    DetectionSettings, DetectorKind, InputSection, Labels, Manifest, ManifestField, Offset,
    OutputSection,
};
use crate::error::Result;
use crate::limits::{LONGEST_LABEL, MOST_DETECTIONS};

/// Channels that vary less than this, of 255, are no picture's: the division would only blow up rounding.
const MIN_STD: f32 = 1e-6;
/// More bins than any network has for a distance.
const MOST_BINS: usize = 256;

impl Manifest {
    /// Checks what the types alone do not ensure.
    pub(super) fn validate(&self) -> Result<()> {
        ManifestField::top("name").ensure(
            !self.name.is_empty(),
            "expected the model's name, found \"\"",
        )?;
        one_line("name", &self.name)?;
        if let Some(licence) = &self.licence {
            one_line("licence", licence)?;
        }
        self.labels.validate()?;
        self.input.validate()?;
        if self.kind != DetectorKind::Ssd {
            for key in ["offset_order", "background", "variances"] {
                let field = ManifestField::of("output", key);
                let is_given = self.source.has(&field);
                field.ensure(!is_given, "only an SSD has it, leave the line out")?;
            }
        }
        let field = ManifestField::of("output", "size_decode");
        let is_given = self.source.has(&field);
        field.ensure(
            !is_given || self.kind == DetectorKind::Yolo,
            "only a YOLO has it, leave the line out",
        )?;
        self.output.validate(self.kind)?;
        if let Some(background) = self.output.background {
            ManifestField::of("output", "background").ensure(
                background.0 < self.labels.len(),
                format_args!(
                    "expected a class id below the number of labels ({}), found {background}",
                    self.labels.len()
                ),
            )?;
        }
        self.default_boxes.validate(self.kind)?;
        self.detection.validate()
    }
}

impl Labels {
    fn validate(&self) -> Result<()> {
        ManifestField::top("labels")
            .ensure(!self.is_empty(), "expected one per class id, found none")?;
        let mut classes = HashMap::new();
        for (class, label) in self.iter().enumerate() {
            one_line(&format!("labels[{class}]"), label)?;
            ManifestField::top(format!("labels[{class}]")).ensure(
                label.len() <= LONGEST_LABEL,
                format_args!(
                    "expected a name of {LONGEST_LABEL} bytes at the most, found {}",
                    label.len()
                ),
            )?;
            let earlier = classes.insert(label, class);
            if let Some(earlier) = earlier.filter(|_| !label.is_empty()) {
                return Err(
                    ManifestField::top(format!("labels[{class}]")).wrong(format_args!(
                        "expected another name than labels[{earlier}], found \"{label}\" for both"
                    )),
                );
            }
        }
        Ok(())
    }
}

/// Fails for a text that would break the line that it is printed in, or take over the terminal.
fn one_line(key: &str, text: &str) -> Result<()> {
    match text.chars().find(|c| c.is_control()) {
        None => Ok(()),
        Some(control) => Err(ManifestField::top(key).wrong(format_args!(
            "expected text without control characters, found '{}'",
            control.escape_debug()
        ))),
    }
}

impl InputSection {
    fn validate(&self) -> Result<()> {
        for side in self.size.iter().flatten() {
            ManifestField::of("input", "size").ensure(
                (1..=8192).contains(side),
                format_args!("expected width and height from 1 to 8192, found {side}"),
            )?;
        }
        for (i, (&mean, &std)) in self.mean.iter().zip(&self.std).enumerate() {
            ManifestField::of("input", format!("mean[{i}]")).ensure(
                mean.is_finite(),
                format_args!("expected a finite number, found {mean}"),
            )?;
            ManifestField::of("input", format!("std[{i}]")).ensure(
                std.is_finite() && std >= MIN_STD,
                format_args!("expected a positive finite number, at least 0.000001, found {std}"),
            )?;
        }
        self.resize.validate()
    }
}

impl OutputSection {
    fn validate(&self, kind: DetectorKind) -> Result<()> {
        let is_yolo = kind == DetectorKind::Yolo;
        let is_free = kind == DetectorKind::AnchorFree;
        let has_offsets = is_free && self.distances.is_empty();
        self.validate_distances(is_free)?;
        ManifestField::of("output", "heads").ensure(
            self.heads.is_empty() || is_yolo || is_free,
            "only a YOLO's are named, or those of a detector without anchors with their channels: leave the line out",
        )?;
        ManifestField::of("output", "heads").ensure(
            !is_yolo || !self.heads.is_empty(),
            "expected the names of a YOLO's last convolutions, found none",
        )?;
        for (field, name, has) in [
            ("classes", &self.classes, !is_yolo),
            (
                "offsets",
                &self.offsets,
                kind == DetectorKind::Ssd || has_offsets,
            ),
        ] {
            let whose = match kind {
                DetectorKind::Yolo => "YOLO",
                DetectorKind::AnchorFree => "detector with distances",
                DetectorKind::Ssd | DetectorKind::Classifier => "classifier",
            };
            ManifestField::of("output", field).ensure(
                name.is_empty() || has,
                format_args!("a {whose} has none, leave the line out"),
            )?;
            ManifestField::of("output", field).ensure(
                !name.is_empty() || !has,
                "expected the name of a tensor of the graph, found none",
            )?;
        }
        for (field, tensors) in [
            ("classes", &self.classes),
            ("heads", &self.heads),
            ("offsets", &self.offsets),
            ("distances", &self.distances),
            ("objectness", &self.objectness),
        ] {
            let names = tensors.names();
            for (i, name) in names.iter().enumerate() {
                ManifestField::of("output", format!("{field}[{i}]")).ensure(
                    !name.is_empty(),
                    "expected the name of a tensor of the graph, found \"\"",
                )?;
                ManifestField::of("output", field).ensure(
                    !names[..i].contains(name),
                    format_args!("expected each head once, found \"{name}\" twice"),
                )?;
            }
        }
        ManifestField::of("output", "offsets").ensure(
            self.classes.is_empty() || self.classes != self.offsets,
            format_args!(
                "expected another output of the graph than classes, found \"{}\" for both",
                self.offsets
            ),
        )?;
        self.validate_scales(is_yolo)?;
        self.validate_scoring(is_yolo, is_free)?;
        for offset in Offset::ALL {
            let count = self.offset_order.iter().filter(|&&o| o == offset).count();
            ManifestField::of("output", "offset_order").ensure(
                count == 1,
                format_args!("expected each of cx, cy, w, h once, found {offset} {count} times"),
            )?;
        }
        for (i, variance) in self.variances.iter().enumerate() {
            ManifestField::of("output", format!("variances[{i}]")).ensure(
                variance.is_finite() && *variance > 0.0,
                format_args!("expected a positive number, found {variance}"),
            )?;
        }
        Ok(())
    }
}

impl OutputSection {
    /// What a detector without anchors has, and no other.
    fn validate_distances(&self, is_free: bool) -> Result<()> {
        for (field, is_given) in [
            ("distances", !self.distances.is_empty()),
            ("objectness", !self.objectness.is_empty()),
            ("bins", self.bins.is_some()),
        ] {
            ManifestField::of("output", field).ensure(
                !is_given || is_free,
                "only a detector without anchors has it (kind = \"anchor-free\"), leave the line out",
            )?;
        }
        if let Some(bins) = self.bins {
            let field = || ManifestField::of("output", "bins");
            field().ensure(
                !self.distances.is_empty(),
                "only distances have bins: name their tensors in distances",
            )?;
            field().ensure(
                (2..=MOST_BINS).contains(&bins),
                format_args!("expected 2 to {MOST_BINS}, found {bins}"),
            )?;
        }
        let heads = self.classes.names().len();
        for (field, tensors) in [
            ("distances", &self.distances),
            ("objectness", &self.objectness),
        ] {
            let count = tensors.names().len();
            ManifestField::of("output", field).ensure(
                count == 0 || count == heads,
                format_args!("expected as many as classes, {heads}, found {count}"),
            )?;
        }
        Ok(())
    }

    fn validate_scales(&self, is_yolo: bool) -> Result<()> {
        let (scales, heads) = (&self.scale_x_y, self.heads.names().len());
        ManifestField::of("output", "scale_x_y").ensure(
            scales.is_empty() || is_yolo,
            "only a YOLO has it, leave the line out",
        )?;
        ManifestField::of("output", "scale_x_y").ensure(
            scales.is_empty() || scales.len() == heads,
            format_args!(
                "expected {heads} numbers, one a head, found {}",
                scales.len()
            ),
        )?;
        for (i, scale) in scales.iter().enumerate() {
            ManifestField::of("output", format!("scale_x_y[{i}]")).ensure(
                scale.is_finite() && *scale > 0.0,
                format_args!("expected a positive number, found {scale}"),
            )?;
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
            ManifestField::of("detection", field).ensure(
                (0.0..=1.0).contains(&value),
                format_args!("expected a number from 0 to 1, found {value}"),
            )?;
        }
        ManifestField::of("detection", "max_detections")
            .ensure(self.max_detections > 0, "expected at least 1, found 0")?;
        ManifestField::of("detection", "max_detections").ensure(
            self.max_detections <= MOST_DETECTIONS,
            format_args!(
                "expected at most {MOST_DETECTIONS}, found {}",
                self.max_detections
            ),
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::detect::manifest::tests::error;

    #[test]
    #[expect(clippy::too_many_lines, reason = "a table of cases")]
    fn what_makes_no_sense_names_the_field_and_both_values() {
        for (old, new, message) in [
            (
                "\"a_net\"",
                "\"\"",
                "line 3: name: expected the model's name, found \"\"",
            ),
            (
                "labels = [\"background\", \"person\", \"\", \"sheep\"]",
                "labels = []",
                "line 5: labels: expected one per class id, found none",
            ),
            (
                "117.5",
                "nan",
                "line 9: [input] mean[1]: expected a finite number, found NaN",
            ),
            (
                "\"a_net\"",
                "\"a\\nnet\"",
                "line 3: name: expected text without control characters, found '\\n'",
            ),
            (
                "Apache-2.0",
                "\\u0007",
                "line 4: licence: expected text without control characters, found '\\u{7}'",
            ),
            (
                "\"sheep\"",
                "\"\\u001b[31msheep\"",
                "line 5: labels[3]: expected text without control characters, found '\\u{1b}'",
            ),
            (
                "\"sheep\"",
                "\"person\"",
                "line 5: labels[3]: expected another name than labels[1], found \"person\" for both",
            ),
            (
                "std = [127.5",
                "std = [0.0",
                "line 10: [input] std[0]: expected a positive finite number, at least 0.000001, found 0",
            ),
            (
                "std = [127.5",
                "std = [-127.5",
                "line 10: [input] std[0]: expected a positive finite number, at least 0.000001, found -127.5",
            ),
            (
                "std = [127.5",
                "std = [1e-7",
                "line 10: [input] std[0]: expected a positive finite number, at least 0.000001, found 0.0000001",
            ),
            (
                "std = [127.5",
                "std = [inf",
                "line 10: [input] std[0]: expected a positive finite number, at least 0.000001, found inf",
            ),
            (
                "\"class_logits\"",
                "\"\"",
                "line 14: [output] classes: expected the name of a tensor of the graph, found none",
            ),
            (
                "\"class_logits\"",
                "\"box_offsets\"",
                "line 15: [output] offsets: expected another output of the graph than classes, found \"box_offsets\" for both",
            ),
            (
                "\"cx\", \"h\"",
                "\"cy\", \"h\"",
                "line 16: [output] offset_order: expected each of cx, cy, w, h once, found cx 0 times",
            ),
            (
                "background = 0",
                "background = \"nothing\"",
                "line 18: invalid value: string \"nothing\", expected a class's number, or \"none\" in `output.background`",
            ),
            (
                "background = 0",
                "background = 0\nscale_x_y = [1.05]",
                "line 19: [output] scale_x_y: only a YOLO has it, leave the line out",
            ),
            (
                "background = 0",
                "background = 4",
                "line 18: [output] background: expected a class id below the number of labels (4), found 4",
            ),
            (
                "[0.1, 0.2]",
                "[0.1, -0.2]",
                "line 19: [output] variances[1]: expected a positive number, found -0.2",
            ),
            (
                "min_scale = 0.2",
                "min_scale = inf",
                "line 23: [default_boxes] min_scale: expected a positive number, found inf",
            ),
            (
                "min_scale = 0.2",
                "min_scale = 0.99",
                "line 24: [default_boxes] max_scale: expected at least min_scale (0.99), found 0.95",
            ),
            (
                "[1.0, 2.0, 0.5, 3.0, 0.3333]",
                "[]",
                "line 25: [default_boxes] aspect_ratios: expected at least one, found none",
            ),
            (
                "3.0",
                "0",
                "line 25: [default_boxes] aspect_ratios[3]: expected a positive number, found 0",
            ),
            (
                "interpolated_scale_aspect_ratio = 1.0",
                "interpolated_scale_aspect_ratio = -1.0",
                "line 26: [default_boxes] interpolated_scale_aspect_ratio: expected a positive number, or 0 for no such box, found -1",
            ),
            (
                "score_threshold = 0.5",
                "score_threshold = 1.5",
                "line 30: [detection] score_threshold: expected a number from 0 to 1, found 1.5",
            ),
            (
                "iou_threshold = 0.6",
                "iou_threshold = nan",
                "line 31: [detection] iou_threshold: expected a number from 0 to 1, found NaN",
            ),
            (
                "max_detections = 100",
                "max_detections = 0",
                "line 32: [detection] max_detections: expected at least 1, found 0",
            ),
            (
                "max_detections = 100",
                "max_detections = 5000",
                "line 32: [detection] max_detections: expected at most 4096, found 5000",
            ),
        ] {
            assert_eq!(error(old, new), format!("a.toml: {message}"));
        }
    }
}
