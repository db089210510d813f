//! Heads of one convolution each, of a detector without anchors (NanoDet, PicoDet): what the manifest says of their channels, and the names of the parts that they are
//! read as.

use std::fmt;

use serde::Deserialize;

use super::{DetectorKind, ManifestField, OutputSection, Tensors};
use crate::error::Result;

/// What some of a head's channels, one behind the other, are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HeadPart {
    /// A logit for each class.
    Classes,
    /// Four offsets.
    Offsets,
    /// Four distances, or the logits of their bins.
    Distances,
    /// The logit of there being an object.
    Objectness,
}

impl HeadPart {
    /// The tensor that holds this part of a head.
    pub fn of(self, head: &str) -> String {
        format!("{head}:{self}")
    }
}

impl fmt::Display for HeadPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Classes => "classes",
            Self::Offsets => "offsets",
            Self::Distances => "distances",
            Self::Objectness => "objectness",
        })
    }
}

impl OutputSection {
    /// Names the parts of `heads` as if each were a tensor of its own, `HEAD:classes` and so on, where a detector without anchors has `heads`.
    ///
    /// # Errors
    /// `channels` without `heads` or the other way round, or that does not name the classes and one of offsets and distances; a part that is named besides.
    pub(super) fn name_parts(&mut self, kind: DetectorKind) -> Result<()> {
        let channels = || ManifestField::of("output", "channels");
        if kind != DetectorKind::AnchorFree {
            return channels().ensure(
                self.channels.is_empty(),
                "only a detector without anchors has it (kind = \"anchor-free\"), leave the line out",
            );
        }
        let heads = std::mem::take(&mut self.heads);
        ManifestField::of("output", "heads").ensure(
            self.channels.is_empty() || !heads.is_empty(),
            "expected the names of the convolutions whose channels are named, found none",
        )?;
        if heads.is_empty() {
            return Ok(());
        }
        let count = |part| self.channels.iter().filter(|&&found| found == part).count();
        let boxes = count(HeadPart::Offsets) + count(HeadPart::Distances);
        channels().ensure(
            count(HeadPart::Classes) == 1 && boxes == 1 && count(HeadPart::Objectness) <= 1,
            "expected what a head's channels are, in their order: \"classes\" and one of \"distances\" and \"offsets\", perhaps \"objectness\", each once",
        )?;
        for part in self.channels.clone() {
            let named = match part {
                HeadPart::Classes => &mut self.classes,
                HeadPart::Offsets => &mut self.offsets,
                HeadPart::Distances => &mut self.distances,
                HeadPart::Objectness => &mut self.objectness,
            };
            ManifestField::of("output", part.to_string()).ensure(
                named.is_empty(),
                "it is a part of each of the heads already: leave the line out, or leave out heads and channels",
            )?;
            *named = Tensors::of(heads.names().iter().map(|head| part.of(head)));
        }
        self.heads = heads;
        Ok(())
    }
}
