//! Results as JSON Lines: the element messages once more, in a file, one to a line.
//!
//! In: the messages' structures, from any thread. Out: the file. Each line is written whole and at once, so that whoever
//! follows the file never waits for a result that is there, and never reads half of one.

use std::fs::{File, TryLockError};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use gst::glib;
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};

/// A file of JSON Lines.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    /// Whether the last line could not be written.
    failing: bool,
}

impl Journal {
    /// Begins an empty file, which nobody else then writes to.
    ///
    /// # Errors
    /// It cannot be created; the cause is an `io::Error`. Or another journal is written there.
    pub fn create(path: &Path) -> Result<Self> {
        let name = path.display();
        let context = || format!("cannot write results to '{name}'");
        // What is there already is another one's until the file is locked.
        let mut options = File::options();
        let open = options.write(true).create(true).truncate(false).open(path);
        let file = open.with_context(context)?;
        if file.metadata().with_context(context)?.is_file() {
            // Some file systems have no locks.
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                bail!(
                    "results are already written to '{name}': every stream needs a file of its own"
                );
            }
            file.set_len(0).with_context(context)?;
        }
        Ok(Self {
            file,
            path: path.to_owned(),
            failing: false,
        })
    }

    /// Adds a line.
    ///
    /// # Errors
    /// It cannot be written, for the first time since one could: the disk may be full for a while. Such a line is missing, but
    /// no line is in pieces.
    pub fn write(&mut self, result: &gst::StructureRef) -> Result<()> {
        let written = self.write_line(result);
        let before = std::mem::replace(&mut self.failing, written.is_err());
        match written {
            Err(error) if !before => Err(error).with_context(|| {
                format!(
                    "cannot write a result to '{}': results are missing there until it can be written to again",
                    self.path.display()
                )
            }),
            _ => Ok(()),
        }
    }

    fn write_line(&mut self, result: &gst::StructureRef) -> Result<()> {
        let mut line = serde_json::to_vec(&Fields(result))?;
        line.push(b'\n');
        // A pipe has no position, and nothing that was sent through it can be taken back.
        let whole = self.file.stream_position().ok();
        self.file.write_all(&line).inspect_err(|_| {
            if let Some(whole) = whole {
                let shortened = self.file.set_len(whole);
                let back = self.file.seek(std::io::SeekFrom::Start(whole));
                // Where that fails too there is nothing left to try.
                drop((shortened, back));
            }
        })?;
        Ok(())
    }
}

/// A structure as a JSON object, fields in their order. Numbers that JSON does not have become null.
pub struct Fields<'a>(pub &'a gst::StructureRef);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.n_fields()))?;
        for (name, value) in self.0.iter() {
            map.serialize_entry(name.as_str(), &JsonValue(value))?;
        }
        map.end()
    }
}

struct JsonValue<'a>(&'a glib::Value);

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.0;
        if let Ok(text) = value.get::<&str>() {
            serializer.serialize_str(text)
        } else if let Ok(number) = value.get::<u32>() {
            serializer.serialize_u32(number)
        } else if let Ok(number) = value.get::<i32>() {
            serializer.serialize_i32(number)
        } else if let Ok(number) = value.get::<u64>() {
            serializer.serialize_u64(number)
        } else if let Ok(number) = value.get::<f64>() {
            serializer.serialize_f64(number)
        } else if let Ok(truth) = value.get::<bool>() {
            serializer.serialize_bool(truth)
        } else if let Ok(structure) = value.get::<&gst::StructureRef>() {
            Fields(structure).serialize(serializer)
        } else if let Ok(array) = value.get::<gst::ArrayRef>() {
            let mut seq = serializer.serialize_seq(Some(array.len()))?;
            for value in array.iter() {
                seq.serialize_element(&JsonValue(value))?;
            }
            seq.end()
        } else {
            serializer.serialize_none()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn result() -> gst::Structure {
        gst::init().unwrap();
        let detection = gst::Structure::builder("detection")
            .field("label", "traffic \"light\"\n")
            .field("class", 10_u32)
            .field("upstream-id", -1_i32)
            .field("offsets", gst::Array::new([0.5, f64::NAN]))
            .build();
        gst::Structure::builder("ssdcrp")
            .field("timestamp", 18_446_744_073_709_551_614_u64)
            .field("unexpected", true)
            .field("detections", gst::Array::new([detection]))
            .build()
    }

    #[test]
    fn a_structure_is_an_object_with_its_fields_in_order() {
        let text = serde_json::to_string(&Fields(&result())).unwrap();
        assert_eq!(
            text,
            r#"{"timestamp":18446744073709551614,"unexpected":true,"detections":[{"label":"traffic \"light\"\n","class":10,"upstream-id":-1,"offsets":[0.5,null]}]}"#
        );
    }

    #[test]
    fn a_full_disk_is_told_once() {
        let mut journal = Journal::create(Path::new("/dev/full")).unwrap();
        let error = journal.write(&result()).unwrap_err();
        assert!(format!("{error:#}").contains("'/dev/full'"), "{error:#}");
        assert!(error.downcast_ref::<std::io::Error>().is_some());
        journal.write(&result()).unwrap();
    }

    #[test]
    fn a_file_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.jsonl");
        std::fs::write(&path, "of an earlier run").unwrap();
        let mut first = Journal::create(&path).unwrap();
        first.write(&result()).unwrap();
        let error = Journal::create(&path).unwrap_err().to_string();
        assert!(error.contains("a file of its own"), "{error}");
        drop(first);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with('{') && text.lines().count() == 1, "{text}");
        Journal::create(&path).unwrap();
    }

    #[test]
    fn what_cannot_be_created_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing/results.jsonl");
        let error = Journal::create(&path).unwrap_err();
        assert!(format!("{error:#}").contains("missing/results.jsonl"));
    }
}
