//! What a folder of results was made with: it is written once, and every later run has to agree in it.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ssdcrp::Model;
use ssdcrp::atomic_file;

use crate::digest;
use crate::element_settings::ElementSettings;
use crate::options::AnnotateOptions;

/// Whose files are unfinished where this process is killed.
pub const OWNER: &str = "ssdcrp-annotate";
/// The manifest's name.
pub const FILE: &str = "manifest.json";

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
    /// Of the ONNX file. Weights that it keeps in files beside it are not part of it.
    pub sha256: String,
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
                manifest_sha256: digest::of_bytes(manifest.as_bytes()),
            });
        };
        let name = Model::open(file)?.manifest.name;
        let sha256 = |path: &Path| {
            digest::of_file(path).with_context(|| format!("cannot read {}", path.display()))
        };
        Ok(Self {
            name,
            sha256: sha256(file)?,
            manifest_sha256: sha256(&file.with_extension("toml"))?,
        })
    }
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
    /// The folder's results were made with something else, and the two must not be mixed; it cannot be read or written.
    pub fn agree(&self, folder: &Path) -> Result<()> {
        let path = folder.join(FILE);
        let context = || format!("cannot use {}", path.display());
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        let before = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // Of several computers that begin at once, one is the first.
                if atomic_file::write_new(&path, OWNER, &text).with_context(context)? {
                    return Ok(());
                }
                fs::read(&path)
            }
            read => read,
        };
        let before: Value = before
            .map_err(anyhow::Error::from)
            .and_then(|bytes| Ok(serde_json::from_slice(&bytes)?))
            .with_context(context)?;
        let differences = differences("", &before, &serde_json::to_value(self)?);
        ensure!(
            differences.is_empty(),
            "the results in {} were made with other settings ({}): name another folder, so that nothing is mixed",
            folder.display(),
            differences.join(", ")
        );
        Ok(())
    }
}

/// In which values the two differ, in words.
fn differences(name: &str, before: &Value, now: &Value) -> Vec<String> {
    if let (Value::Object(before), Value::Object(now)) = (before, now) {
        let mut keys: Vec<&String> = before.keys().chain(now.keys()).collect();
        keys.sort();
        keys.dedup();
        let inside = keys.into_iter().flat_map(|key| {
            let [before, now] = [before, now].map(|map| map.get(key).unwrap_or(&Value::Null));
            differences(key, before, now)
        });
        return inside.collect();
    }
    let words = |value: &Value| match value {
        Value::Null => "not there".to_owned(),
        Value::String(text) => format!("'{text}'"),
        other => other.to_string(),
    };
    let same = before == now;
    let difference = (!same).then(|| format!("{name} was {}, is {}", words(before), words(now)));
    difference.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> ArchiveManifest {
        ArchiveManifest {
            version: "0.1.0".to_owned(),
            model: ModelIdentity {
                name: "a".to_owned(),
                sha256: "00".to_owned(),
                manifest_sha256: "11".to_owned(),
            },
            video: false,
            evidence: false,
            settings: BTreeMap::from([("target".to_owned(), "auto".to_owned())]),
        }
    }

    #[test]
    fn the_first_run_writes_it_and_later_ones_agree_or_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        manifest().agree(folder.path()).unwrap();
        let written = fs::read(folder.path().join(FILE)).unwrap();
        manifest().agree(folder.path()).unwrap();
        let mut other = manifest();
        other.video = true;
        other.model.sha256 = "22".to_owned();
        other
            .settings
            .insert("contrast".to_owned(), "mean".to_owned());
        let error = other.agree(folder.path()).unwrap_err().to_string();
        assert!(
            error.contains("(sha256 was '00', is '22', contrast was not there, is 'mean', video was false, is true)"),
            "{error}"
        );
        assert_eq!(fs::read(folder.path().join(FILE)).unwrap(), written);
    }

    #[test]
    fn one_that_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{").unwrap();
        let error = format!("{:#}", manifest().agree(folder.path()).unwrap_err());
        assert!(
            error.contains("cannot use") && error.contains(FILE),
            "{error}"
        );
    }

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
}
