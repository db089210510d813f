//! The names of a model's classes: from a class id to a name for people, and from what people type to a class id.

use std::borrow::Cow;

use anyhow::{Result, bail};
use serde::Deserialize;

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
    pub fn is_named(&self, class: usize) -> bool {
        self.0.get(class).is_some_and(|name| !name.is_empty())
    }

    /// The name of `class`, or "class 12" where it has none. [`Labels::find`] reads both.
    pub fn name(&self, class: usize) -> Cow<'_, str> {
        match self.0.get(class) {
            Some(name) if !name.is_empty() => Cow::Borrowed(name),
            _ => Cow::Owned(format!("class {class}")),
        }
    }

    /// The class id that `text` means: a name in any case, else an id ("12" or "class 12").
    ///
    /// # Errors
    /// If no class or more than one has that name, or the id is out of range. An unknown name's error suggests the nearest labels.
    pub fn find(&self, text: &str) -> Result<usize> {
        let wanted = text.trim().to_lowercase();
        let named: Vec<usize> = (0..self.0.len())
            .filter(|&class| self.is_named(class) && self.0[class].to_lowercase() == wanted)
            .collect();
        match named[..] {
            [class] => return Ok(class),
            [] => {}
            _ => bail!(
                "the name \"{wanted}\" belongs to several classes ({named:?}): give the number of one of them"
            ),
        }
        let number = wanted.strip_prefix("class ").unwrap_or(&wanted);
        if let Ok(class) = number.parse::<usize>() {
            if class < self.0.len() {
                return Ok(class);
            }
            bail!(
                "there is no class {class}: this model has {} classes, 0 to {}",
                self.0.len(),
                self.0.len().saturating_sub(1)
            );
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
        assert_eq!(labels.find("horse").unwrap(), 3);
        assert_eq!(labels.find(" SHEEP ").unwrap(), 4);
        assert_eq!(labels.find("5").unwrap(), 5);
        assert_eq!(labels.find(&labels.name(2)).unwrap(), 2);
    }

    #[test]
    fn an_id_without_a_name_still_has_something_to_print() {
        let labels = labels();
        assert_eq!(labels.name(3), "Horse");
        assert_eq!(labels.name(2), "class 2");
        assert_eq!(labels.name(99), "class 99");
        assert!(labels.is_named(1) && !labels.is_named(2) && !labels.is_named(99));
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
