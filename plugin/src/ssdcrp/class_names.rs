//! Names of classes as a property has them: the text of `select-label` and `expected-classes`.
//!
//! In: the text, and a model. Out: the ids of the classes.

use std::fmt;
use std::str::FromStr;

use anyhow::{Error, Result, bail};

use ::ssdcrp::detect::{ClassId, ClassRef, Manifest};

/// Names of classes, separated by commas. Labels that contain a comma are named by their number.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassNames(Vec<ClassRef>);

impl FromStr for ClassNames {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        let names = text.split(',').map(|name| match name.trim() {
            "" => {
                bail!("a name is missing in '{text}': labels with commas between them are expected")
            }
            name => Ok(ClassRef::Name(name.to_owned())),
        });
        Ok(Self(names.collect::<Result<_>>()?))
    }
}

impl fmt::Display for ClassNames {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(ClassRef::to_string).collect();
        f.write_str(&names.join(","))
    }
}

impl ClassNames {
    /// Their class numbers.
    ///
    /// # Errors
    /// A class that the model does not have.
    pub fn classes(&self, manifest: &Manifest) -> Result<Vec<ClassId>> {
        let classes = self.0.iter().map(|class| Ok(manifest.class(class)?));
        classes.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_separated_by_commas() {
        let names: ClassNames = " person, traffic light,18".parse().unwrap();
        assert_eq!(names.to_string(), "person,traffic light,18");
        assert_eq!("  ".parse::<ClassNames>().unwrap(), ClassNames::default());
        for text in [",", "dog,", "dog,,cat"] {
            assert!(text.parse::<ClassNames>().is_err(), "{text}");
        }
    }
}
