//! What was found of a YOLO with anchors, and how it stands in a manifest.

use std::fmt::Write;

use super::text::{GUESS, list, one_or_all};
use super::yolo_decode::Decode;
use crate::detect::manifest::SizeDecode;
use crate::error::Result;

/// Its heads, and how boxes are made.
pub(super) struct FoundYolo {
    pub heads: Vec<String>,
    pub decode: Decode,
    /// Whether the file says how.
    pub is_decoded: bool,
}

impl FoundYolo {
    /// How pictures are brought to the input's size, as the families do it.
    pub(super) fn resize(&self) -> &'static str {
        match self.decode.sizes {
            SizeDecode::Exponential => "\"bilinear\"",
            SizeDecode::SquaredSigmoid => "{ letterbox = \"centre\" }",
        }
    }

    /// Its part of `[output]`, and `[default_boxes]` and `[detection]`.
    pub(super) fn write(&self, text: &mut String, activation: &str) -> Result<()> {
        let Decode {
            anchors,
            scales,
            sizes,
        } = &self.decode;
        let is_squared = *sizes == SizeDecode::SquaredSigmoid;
        writeln!(text, "heads = {}\n{activation}", one_or_all(&self.heads))?;
        let mark = match (self.is_decoded, is_squared) {
            (true, _) => "# found in the graph".to_owned(),
            (false, true) => format!("{GUESS}: YOLOv5's and v7's; YOLOv3's are \"exponential\""),
            (false, false) => {
                format!("{GUESS}: YOLOv3's and v4's; YOLOv5's are \"squared-sigmoid\"")
            }
        };
        let name = if is_squared {
            "squared-sigmoid"
        } else {
            "exponential"
        };
        writeln!(text, "size_decode = \"{name}\" {mark}")?;
        let mark = if self.is_decoded {
            "# found in the graph"
        } else {
            GUESS
        };
        if scales.iter().any(|&scale| scale != 1.0) {
            writeln!(text, "scale_x_y = {} {mark}", list(scales))?;
        }
        writeln!(text)?;
        match (self.is_decoded, is_squared) {
            (true, _) => writeln!(text, "[default_boxes] # found in the graph")?,
            (false, true) => writeln!(
                text,
                "[default_boxes] {GUESS}: the anchors of YOLOv5 for COCO"
            )?,
            (false, false) => writeln!(
                text,
                "[default_boxes] {GUESS}: the anchors of YOLOv3 for COCO"
            )?,
        }
        writeln!(text, "generator = \"anchors\"")?;
        let of_head = |head: &Vec<[f32; 2]>| {
            let sides: Vec<String> = head.iter().map(|side| list(side)).collect();
            format!("    [{}],\n", sides.join(", "))
        };
        let rows: String = anchors.iter().map(of_head).collect();
        writeln!(text, "sizes = [\n{rows}]")?;
        if is_squared {
            writeln!(text, "\n[detection]\nsuppression = \"one-class\" {GUESS}")?;
            writeln!(text, "score_threshold = 0.25 {GUESS}")?;
        }
        Ok(())
    }
}
