//! What a folder of results was made with: it is written once, and every later run has to agree in it.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use ssdcrp::Model;
use ssdcrp::inputs::ARCHIVE_MANIFEST;
use ssdcrp::kept_settings;
use ssdcrp::onnx::weight_files;

use crate::digest;
use crate::element_settings::ElementSettings;
use crate::options::AnnotateOptions;

/// Whose files are unfinished where this process is killed.
pub const OWNER: &str = "ssdcrp-annotate";
/// The manifest's name.
pub const FILE: &str = ARCHIVE_MANIFEST;

/// All that results depend on besides the inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ArchiveManifest {
    /// Of this program and its element.
    pub version: String,
    pub model: ModelIdentity,
    /// Whether there are explained videos.
    pub video: bool,
    /// Whether there is evidence of events.
    pub evidence: bool,
    /// The properties of the element.
    pub settings: BTreeMap<String, String>,
}

/// By which a model is known.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelIdentity {
    pub name: String,
    /// Of the ONNX file.
    pub sha256: String,
    /// Of the files beside it in which it keeps weights, by their names; mostly there are none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub weights_sha256: BTreeMap<String, String>,
    /// Of the model's manifest, which has labels, default boxes and how pictures are prepared.
    pub manifest_sha256: String,
}

impl ModelIdentity {
    /// Reads the files of a model; none is the one that is built in.
    ///
    /// # Errors
    /// They cannot be read, or are no model.
    fn of(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else {
            let (onnx, manifest) = Model::built_in_files();
            return Ok(Self {
                name: Model::built_in()?.manifest.name,
                sha256: digest::of_bytes(onnx),
                weights_sha256: BTreeMap::new(),
                manifest_sha256: digest::of_bytes(manifest.as_bytes()),
            });
        };
        let name = Model::open(file)?.manifest.name;
        Ok(Self {
            name,
            sha256: sha256(file)?,
            weights_sha256: of_weights(file)?,
            manifest_sha256: sha256(&file.with_extension("toml"))?,
        })
    }
}

/// Of the files in which an ONNX file keeps weights, by their names in its folder.
fn of_weights(file: &Path) -> Result<BTreeMap<String, String>> {
    let folder = file.parent().unwrap_or(Path::new(""));
    let weights = weight_files(file).into_iter().map(|weights| {
        let name = weights.strip_prefix(folder).unwrap_or(&weights);
        Ok((name.to_string_lossy().into_owned(), sha256(&weights)?))
    });
    weights.collect()
}

fn sha256(path: &Path) -> Result<String> {
    digest::of_file(path).with_context(|| format!("cannot read {}", path.display()))
}

impl ArchiveManifest {
    /// What a run with these options depends on.
    ///
    /// # Errors
    /// The model cannot be read.
    pub fn of(options: &AnnotateOptions, settings: &ElementSettings) -> Result<Self> {
        Ok(Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model: ModelIdentity::of(options.model.as_deref())?,
            video: options.video,
            evidence: options.evidence,
            settings: settings.recorded()?,
        })
    }

    /// Makes it that of `folder`, or agrees with the one that is there.
    ///
    /// # Errors
    /// As [`kept_settings::agree`].
    pub fn agree(&self, folder: &Path) -> Result<()> {
        Ok(kept_settings::agree(&folder.join(FILE), OWNER, self)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_model_is_known_by_its_files() {
        let folder = tempfile::tempdir().unwrap();
        let (onnx, manifest) = Model::built_in_files();
        let file = folder.path().join("copy.onnx");
        fs::write(&file, onnx).unwrap();
        fs::write(file.with_extension("toml"), manifest).unwrap();
        let built_in = ModelIdentity::of(None).unwrap();
        assert_eq!(ModelIdentity::of(Some(&file)).unwrap(), built_in);
        fs::write(
            file.with_extension("toml"),
            format!("{manifest}\n# changed\n"),
        )
        .unwrap();
        let changed = ModelIdentity::of(Some(&file)).unwrap();
        assert_eq!(changed.sha256, built_in.sha256);
        assert_ne!(changed.manifest_sha256, built_in.manifest_sha256);
    }
    /// Other weights under the same graph are another model.
    #[test]
    fn weights_beside_the_file_are_part_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.onnx");
        // A ModelProto with a graph with an initialiser whose data lies in `w.bin` (onnx.proto).
        let location = b"\x0a\x08location\x12\x05w.bin";
        let tensor = [&b"\x42\x01w\x6a\x11"[..], location, b"\x70\x01"].concat();
        let model = [&b"\x3a\x1a\x2a\x18"[..], &tensor].concat();
        fs::write(&file, model).unwrap();
        assert!(of_weights(&file).is_err(), "they are not there");
        let weights = |bytes: &[u8]| {
            fs::write(folder.path().join("w.bin"), bytes).unwrap();
            of_weights(&file).unwrap()
        };
        let (one, other) = (weights(b"abc"), weights(b"abd"));
        assert_eq!(one["w.bin"], digest::of_bytes(b"abc"));
        assert_ne!(one, other);
    }
}
