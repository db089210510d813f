//! The names of a model's classes: from a class id to a name for people, and from what people type to a class id.

use std::borrow::Cow;

use serde::Deserialize;

use super::class::ClassId;
use crate::error::Result;
use crate::error::argument::{bail, ensure};
use crate::spelling;

/// Class names by class id; an empty string is an id that the model never trained.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Labels(Vec<String>);

impl Labels {
    /// The number of class ids, those without a name included.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no class at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names in the order of class ids, "" where there is none.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }

    /// Whether `class` has a name.
    pub fn is_named(&self, class: ClassId) -> bool {
        self.0.get(class.0).is_some_and(|name| !name.is_empty())
    }

    /// All classes, those without a name included.
    pub fn classes(&self) -> impl Iterator<Item = ClassId> + use<> {
        (0..self.0.len()).map(ClassId)
    }

    /// The name of `class` for people, or "class 12" where it has none. Another class may have that name too: what is to be read again is [`Labels::text`].
    pub fn name(&self, class: ClassId) -> Cow<'_, str> {
        match self.0.get(class.0) {
            Some(name) if !name.is_empty() => Cow::Borrowed(name),
            _ => Cow::Owned(format!("class {class}")),
        }
    }

    /// `class`, if there is one of that number.
    ///
    /// # Errors
    /// There is none.
    pub fn check(&self, class: ClassId) -> Result<ClassId> {
        ensure!(
            class.0 < self.0.len(),
            "there is no class {class}: this model has {} classes, 0 to {}",
            self.0.len(),
            self.0.len().saturating_sub(1)
        );
        Ok(class)
    }

    /// What [`Labels::find`] takes for `class` and for no other: its name, or where that is not found or is another's, its [`Labels::number`].
    pub fn text(&self, class: ClassId) -> String {
        let name = self.name(class);
        match self.find(&name) {
            Ok(found) if found == class => name.into_owned(),
            _ => self.number(class),
        }
    }

    /// The number of `class` as [`Labels::find`] takes it: "12", or "#12" where another class is called "12".
    pub fn number(&self, class: ClassId) -> String {
        let number = class.to_string();
        if class.0 >= self.0.len() {
            return number;
        }
        // Labels can take away but as many texts as there are labels.
        let texts = (0..=self.0.len()).map(|count| format!("{}{number}", "#".repeat(count)));
        let is_read = |text: &String| self.find(text).is_ok_and(|found| found == class);
        texts.into_iter().find(is_read).unwrap_or(number)
    }

    /// The one class that is called `name`, in any case; `None` where none is, or several are. A number is no name here.
    pub fn named(&self, name: &str) -> Option<ClassId> {
        match self.all_named(&name.trim().to_lowercase())[..] {
            [class] => Some(class),
            _ => None,
        }
    }

    /// The classes whose name in lower case is `wanted`.
    fn all_named(&self, wanted: &str) -> Vec<ClassId> {
        (self.0.iter().enumerate())
            .filter(|(_, name)| !name.is_empty() && name.to_lowercase() == wanted)
            .map(|(class, _)| ClassId(class))
            .collect()
    }

    /// The class that `text` means: a name in any case, else a number: "#12", "12" or "class 12".
    ///
    /// # Errors
    /// If no class or more than one has that name, or the id is out of range. An unknown name's error suggests the nearest labels.
    pub fn find(&self, text: &str) -> Result<ClassId> {
        let wanted = text.trim().to_lowercase();
        match self.all_named(&wanted)[..] {
            [class] => return Ok(class),
            [] => {}
            ref several => bail!(
                "the name \"{wanted}\" belongs to several classes ({:?}): give the number of one of them",
                several.iter().map(|class| class.0).collect::<Vec<_>>()
            ),
        }
        let number = wanted.strip_prefix("class ").unwrap_or(&wanted);
        let number = number.trim_start_matches('#');
        if let Ok(class) = number.parse() {
            return self.check(ClassId(class));
        }
        let nearest = spelling::nearest(&wanted, self.iter().filter(|label| !label.is_empty()));
        if nearest.is_empty() {
            bail!(
                "there is no class \"{}\" and no label like it: give a label of the model's manifest or a class number",
                text.trim()
            );
        }
        bail!(
            "there is no class \"{}\": did you mean {}?",
            text.trim(),
            nearest.join(", ")
        );
    }
}

impl<S: Into<String>> FromIterator<S> for Labels {
    fn from_iter<I: IntoIterator<Item = S>>(names: I) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> Labels {
        [
            "background",
            "person",
            "",
            "Horse",
            "sheep",
            "cell phone",
            "crane",
            "crane",
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn a_name_is_found_in_any_case_and_an_id_by_number() {
        let labels = labels();
        for (text, class) in [("horse", 3), (" SHEEP ", 4), ("5", 5), ("#5", 5)] {
            assert_eq!(labels.find(text).unwrap(), ClassId(class), "{text}");
        }
        assert_eq!(labels.find(&labels.name(ClassId(2))).unwrap(), ClassId(2));
    }

    #[test]
    fn a_number_is_no_name() {
        let labels = labels();
        for (text, class) in [(" horse", 3), ("CELL phone", 5)] {
            assert_eq!(labels.named(text), Some(ClassId(class)), "{text}");
        }
        for text in ["5", "class 2", "", "crane", "forklift"] {
            assert_eq!(labels.named(text), None, "{text}");
        }
    }

    #[test]
    fn an_id_without_a_name_still_has_something_to_print() {
        let labels = labels();
        for (class, name) in [(3, "Horse"), (2, "class 2"), (99, "class 99")] {
            assert_eq!(labels.name(ClassId(class)), name);
            assert_eq!(labels.is_named(ClassId(class)), class == 3);
        }
    }

    #[test]
    fn what_is_written_reads_back_to_the_same_class_whatever_the_labels() {
        let adversarial = [
            "1", "0", "3", "#2", "a, b", " c", "Dup", "dup", "", "class 8", "class:2", "#10",
            "##10", "10", "",
        ];
        for labels in [labels(), adversarial.into_iter().collect()] {
            for class in labels.classes() {
                for text in [labels.text(class), labels.number(class)] {
                    assert_eq!(labels.find(&text).unwrap(), class, "{text}");
                }
            }
        }
        let labels: Labels = adversarial.into_iter().collect();
        let texts = |classes: &[usize]| -> Vec<String> {
            classes
                .iter()
                .map(|&class| labels.text(ClassId(class)))
                .collect()
        };
        assert_eq!(texts(&[0, 4, 5, 6, 8]), ["1", "a, b", "5", "6", "8"]);
        let numbers = [1, 2, 10].map(|class| labels.number(ClassId(class)));
        assert_eq!(numbers, ["#1", "2", "###10"]);
    }

    #[test]
    fn what_cannot_be_found_is_explained() {
        let labels = labels();
        let error = |text: &str| labels.find(text).unwrap_err().to_string();
        assert_eq!(
            error("shepe"),
            "there is no class \"shepe\": did you mean \"sheep\"?"
        );
        assert_eq!(
            error("phone"),
            "there is no class \"phone\": did you mean \"cell phone\"?"
        );
        assert_eq!(
            error("8"),
            "there is no class 8: this model has 8 classes, 0 to 7"
        );
        assert!(error("crane").contains("several classes ([6, 7])"));
        assert!(error("helicopter").contains("no label like it"));
        assert!(error("").contains("no label like it"));
    }
}
