//! Messages that a broker keeps: what each topic is to say in, what is still to be sent out. A broker that was away gets all of them again, and topics that nobody writes any more, of an
//! earlier configuration or run, are emptied.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use ssdcrp::limits::{self, FileKind};

use crate::redact::say;

/// The file with names of topics.
pub const FILE: &str = "retained.json";

/// Bytes: the first part, which the configuration names, a camera's name and what we add.
const LONGEST_NAME: usize = 1024;

/// What the broker is to keep.
pub struct Retained {
    /// Names of topics that it may keep something of, over the end of the process.
    file: PathBuf,
    wanted: BTreeMap<String, String>,
    /// It may keep something there that is no longer wanted.
    stale: BTreeSet<String>,
    unsent: BTreeSet<String>,
    /// Whether all that is wanted has been named.
    is_complete: bool,
    /// Whether the file says so.
    is_saved: bool,
}

/// What the file is to say.
pub struct NamesToSave {
    file: PathBuf,
    names: BTreeSet<String>,
}

impl Retained {
    /// With what the file says of a run before.
    pub fn open(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            wanted: BTreeMap::new(),
            stale: names_in(file),
            unsent: BTreeSet::new(),
            is_complete: false,
            is_saved: true,
        }
    }

    /// The broker is to keep this.
    pub fn set(&mut self, topic: String, message: String) {
        let before = self.wanted.insert(topic.clone(), message);
        let is_known = self.stale.remove(&topic) || before.is_some();
        if before.as_ref() != self.wanted.get(&topic) {
            self.unsent.insert(topic);
        }
        self.is_saved &= is_known;
    }

    /// It is to keep nothing but what these say.
    pub fn keep_only(&mut self, topics: &BTreeSet<String>) {
        let gone = self.wanted.keys().filter(|topic| !topics.contains(*topic));
        let gone: Vec<String> = gone.cloned().collect();
        for topic in gone {
            self.wanted.remove(&topic);
            self.stale.insert(topic);
        }
        self.unsent.extend(self.stale.iter().cloned());
        self.is_complete = true;
    }

    /// A broker was reached that may know nothing yet.
    pub fn send_all(&mut self) {
        // Where the file could not be written, or is gone.
        self.is_saved = false;
        self.unsent.extend(self.wanted.keys().cloned());
        if self.is_complete {
            self.unsent.extend(self.stale.iter().cloned());
        }
    }

    /// A topic, and what is to be kept there: nothing where it is empty.
    pub fn next(&mut self) -> Option<(String, String)> {
        let topic = self.unsent.pop_first()?;
        let message = self.wanted.get(&topic).cloned().unwrap_or_default();
        Some((topic, message))
    }

    pub fn has_unsent(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// The broker has what it was sent.
    pub fn arrived(&mut self, topic: &str) {
        if !self.unsent.contains(topic) && self.stale.remove(topic) {
            self.is_saved = false;
        }
    }

    /// What the file does not say yet. It has to before anything is sent: what nobody knows of is never emptied.
    pub fn unsaved(&mut self) -> Option<NamesToSave> {
        if std::mem::replace(&mut self.is_saved, true) {
            return None;
        }
        let names = self.wanted.keys().chain(&self.stale);
        Some(NamesToSave {
            file: self.file.clone(),
            names: names.cloned().collect(),
        })
    }
}

impl NamesToSave {
    /// Writes them; where that cannot be, with the next change. Not for a thread that others wait for.
    pub fn save(&self) {
        save(&self.file, &self.names);
    }
}

/// What a broker may keep something of is known in another folder from now on.
pub fn move_names(from: &Path, to: &Path) {
    let (from, to) = (from.join(FILE), to.join(FILE));
    let (old, mut names) = (names_in(&from), names_in(&to));
    names.extend(old);
    if save(&to, &names) {
        // Where it stays, topics are emptied once more.
        let _ = std::fs::remove_file(from);
    }
}

fn names_in(file: &Path) -> BTreeSet<String> {
    let text = limits::read(file, FileKind::Manifest).ok();
    let names: Option<BTreeSet<String>> = text.and_then(|text| serde_json::from_slice(&text).ok());
    let mut names = names.unwrap_or_default();
    // Somebody else's: a broker that is sent such a name hangs up, each time anew.
    names.retain(|name| is_own(name));
    names
}

/// Whether a topic may be one of ours.
fn is_own(topic: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    (1..=LONGEST_NAME).contains(&topic.len()) && topic.chars().all(is_plain)
}

/// Says whether it could.
fn save(file: &Path, names: &BTreeSet<String>) -> bool {
    let saved = serde_json::to_vec(names)
        .map_err(std::io::Error::from)
        .and_then(|text| ssdcrp::atomic_file::write(file, "retained", &text));
    if let Err(error) = &saved {
        let file = file.display();
        say(format_args!("mqtt: cannot write {file}: {error}"));
    }
    saved.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(retained: &mut Retained) -> Vec<(String, String)> {
        let sent: Vec<_> = std::iter::from_fn(|| retained.next()).collect();
        for (topic, _) in &sent {
            retained.arrived(topic);
        }
        sent
    }

    fn save(retained: &mut Retained) {
        retained.unsaved().unwrap().save();
        assert!(retained.unsaved().is_none(), "it is saved again");
    }

    fn pair(topic: &str, message: &str) -> (String, String) {
        (topic.to_owned(), message.to_owned())
    }

    #[test]
    fn what_changed_is_sent_once_and_to_a_new_broker_all() {
        let folder = tempfile::tempdir().unwrap();
        let mut retained = Retained::open(&folder.path().join("topics"));
        for message in ["starting", "playing"] {
            retained.set("gate".into(), message.into());
        }
        retained.set("yard".into(), "playing".into());
        let both = [pair("gate", "playing"), pair("yard", "playing")];
        assert_eq!(sent(&mut retained), both);
        retained.set("yard".into(), "playing".into());
        assert!(sent(&mut retained).is_empty());
        retained.send_all();
        assert_eq!(sent(&mut retained), both);
    }

    #[test]
    fn names_of_others_are_not_sent() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join(FILE);
        let names = serde_json::json!(["", "a\0b", "x/#", "+/y", "ssdcrp/camera/gate/state", "ä"]);
        std::fs::write(&file, names.to_string()).unwrap();
        let expected = BTreeSet::from(["ssdcrp/camera/gate/state".to_owned()]);
        assert_eq!(names_in(&file), expected);
    }

    #[test]
    fn names_go_along_to_another_folder() {
        let folders = ["one", "two"].map(|_| tempfile::tempdir().unwrap());
        let [from, to] = folders.each_ref().map(|folder| folder.path());
        for (folder, topic) in [(from, "gate"), (to, "yard")] {
            let mut retained = Retained::open(&folder.join(FILE));
            retained.set(topic.into(), "playing".into());
            save(&mut retained);
        }
        move_names(from, to);
        let names = ["gate", "yard"].map(str::to_owned);
        assert_eq!(names_in(&to.join(FILE)), names.into());
        assert!(names_in(&from.join(FILE)).is_empty());
    }

    #[test]
    fn what_is_no_longer_wanted_is_emptied_also_after_a_new_start() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("topics");
        let mut retained = Retained::open(&file);
        for topic in ["gate", "yard", "hall"] {
            retained.set(topic.into(), "playing".into());
        }
        // All of them at once, when something is to be sent.
        assert!(!file.exists());
        save(&mut retained);
        sent(&mut retained);
        let only = |topics: &[&str]| topics.iter().map(|t| (*t).to_owned()).collect();
        retained.keep_only(&only(&["gate", "hall"]));
        assert_eq!(sent(&mut retained), [pair("yard", "")]);
        save(&mut retained);
        retained.send_all();
        assert_eq!(sent(&mut retained).len(), 2);

        let mut retained = Retained::open(&file);
        retained.set("gate".into(), "playing".into());
        // Others may still be named.
        retained.send_all();
        assert_eq!(sent(&mut retained), [pair("gate", "playing")]);
        retained.keep_only(&only(&["gate"]));
        assert_eq!(retained.next(), Some(pair("hall", "")));
        // The broker went before it had that.
        retained.send_all();
        assert_eq!(
            sent(&mut retained),
            [pair("gate", "playing"), pair("hall", "")]
        );
        save(&mut retained);
        assert!(Retained::open(&file).stale.contains("gate"));
        assert!(!Retained::open(&file).stale.contains("hall"));
    }
}
