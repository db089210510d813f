//! What a folder of results was made with: settings in, written into the folder by the first run; later runs have to agree in them, so that nothing is mixed.

use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use crate::atomic_file;
use crate::error::Result;
use crate::error::argument::{Context, bail, ensure};
use crate::limits::{self, FileKind, is_missing};

/// Makes `settings` those of the folder in which the file at `path` lies, or agrees with those that are there. What is written begins with `owner` while it is unfinished.
///
/// # Errors
/// The folder's results were made with something else; the file is none of this kind, cannot be read or written.
pub fn agree(path: &Path, owner: &str, settings: &impl Serialize) -> Result<()> {
    let context = || format!("cannot use {}", path.display());
    let settings = serde_json::to_value(settings).with_context(context)?;
    let read = || limits::read_text(path, FileKind::Manifest);
    let before = match read() {
        Err(error) if is_missing(&error) => {
            let mut text = serde_json::to_vec_pretty(&settings).with_context(context)?;
            text.push(b'\n');
            // Of several computers that begin at once, one is the first.
            if atomic_file::write_new(path, owner, &text).with_context(context)? {
                return Ok(());
            }
            read()
        }
        read => read,
    };
    let before = before.with_context(context)?;
    let before: Value = match serde_json::from_str(&before) {
        Ok(before) => before,
        Err(error) => bail!("cannot use {}: {error}", path.display()),
    };
    let differences = differences("", &before, &settings);
    let folder = path.parent().unwrap_or(Path::new("."));
    ensure!(
        differences.is_empty(),
        "the results in {} were made with other settings ({}): name another folder, so that nothing is mixed",
        folder.display(),
        differences.join(", ")
    );
    Ok(())
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
    let same = before == now;
    let difference =
        (!same).then(|| format!("{name} was {}, is {}", in_words(before), in_words(now)));
    difference.into_iter().collect()
}

/// A setting's value, for people: a float32 with no more digits than it has.
pub fn in_words(value: &Value) -> String {
    match value {
        Value::Null => "not there".to_owned(),
        Value::String(text) => format!("'{text}'"),
        Value::Number(number) => match number.as_f64().map(|number| (number, number as f32)) {
            Some((double, single)) if number.is_f64() && f64::from(single) == double => {
                single.to_string()
            }
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_have_the_digits_that_they_were_given_with() {
        let single = serde_json::to_value(0.4_f32).unwrap();
        for (value, words) in [
            (single, "0.4"),
            (json!(0.1), "0.1"),
            (json!(16_777_217), "16777217"),
            (json!("a"), "'a'"),
            (Value::Null, "not there"),
        ] {
            assert_eq!(in_words(&value), words);
        }
    }

    #[test]
    fn the_first_run_writes_them_and_later_ones_agree_or_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        let first =
            json!({"video": false, "model": {"sha256": "00"}, "settings": {"target": "auto"}});
        agree(&path, "test", &first).unwrap();
        let written = fs::read(&path).unwrap();
        agree(&path, "test", &first).unwrap();
        let other = json!({
            "video": true,
            "model": {"sha256": "22"},
            "settings": {"target": "auto", "contrast": "mean"}
        });
        let error = agree(&path, "test", &other).unwrap_err().to_string();
        assert!(
            error.contains("(sha256 was '00', is '22', contrast was not there, is 'mean', video was false, is true): name another folder"),
            "{error}"
        );
        assert_eq!(fs::read(&path).unwrap(), written);
    }

    #[test]
    fn a_file_that_is_damaged_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.json");
        fs::write(&path, "{").unwrap();
        let error = format!("{:#}", agree(&path, "test", &json!({})).unwrap_err());
        assert!(
            error.contains("cannot use") && error.contains("settings.json"),
            "{error}"
        );
        let nowhere = folder.path().join("nowhere/settings.json");
        assert!(agree(&nowhere, "test", &json!({})).is_err());
    }
}
